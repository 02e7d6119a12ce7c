//! What was recorded of members on real sockets, done again: the same packets, byte for byte.

mod common;

use std::fs::{self, File};
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Peer, ends, eventually, options};
use swim_tokio::swim_core::KEY_LEN;
use swim_tokio::swim_core::trace::{Counts, Outcome, Reader, Replay, ReplayError, Stopped};
use swim_tokio::{BindError, IpNet, Key, KeyRing, Options, Sealing, Status, trace};
use tokio::time;

fn key(number: u8) -> Key {
    Key::new([number; KEY_LEN])
}

/// A directory of its own, empty.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory");
    directory
}

fn file(directory: &Path, member: &str) -> PathBuf {
    directory.join(format!("{member}.trace"))
}

async fn traced(directory: &Path, name: &str, options: Options) -> Peer {
    Peer::start(Options { trace: Some(file(directory, name)), ..options }).await
}

/// Replays all of a file. Says besides whether it was full.
fn replay(path: &Path, keys: &[Key]) -> Result<(Counts, bool), ReplayError<SocketAddr>> {
    let mut reader = Reader::new(BufReader::new(File::open(path).expect("a file"))).unwrap();
    let mut replay = Replay::new(trace::terms(keys.to_vec()));
    let mut is_full = false;
    while let Some(entry) = reader.next().unwrap() {
        is_full |= replay.step(&entry)? == Outcome::Full;
    }
    Ok((replay.counts(), is_full))
}

async fn sends(peer: &Peer, packets: u64) {
    while peer.swim.stats().await.expect("it runs").packets_sent < packets {
        time::sleep(Duration::from_millis(20)).await;
    }
}

/// One of four is gone without a word, one says goodbye; then the rest shut down.
async fn live_and_die(peers: Vec<Peer>) {
    let [a, b, c, d] = <[Peer; 4]>::try_from(peers).ok().expect("four");
    for peer in [&b, &c, &d] {
        peer.join(&a).await;
    }
    b.swim.set_metadata(b"news".to_vec()).await.expect("it fits");
    for peer in [&a, &b, &c, &d] {
        ends("twenty packets", sends(peer, 20)).await;
    }
    c.task.abort();
    eventually("a death is noticed", || {
        a.sees(c.id(), Status::Dead) && b.sees(c.id(), Status::Dead)
    })
    .await;
    ends("a goodbye", d.swim.leave()).await.expect("it runs");
    eventually("a goodbye is heard", || a.sees(d.id(), Status::Left)).await;
    for peer in [a, b, d] {
        ends("a shutdown", peer.swim.shutdown()).await;
    }
    let _ = c.task.await;
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_trace_replays_to_the_same_packets() {
    let directory = directory("traces-in-clear");
    let state_dir = Some(directory.join("state"));
    let allow: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap()];
    let mut peers = Vec::new();
    for name in NAMES {
        let (state_dir, allow) = (state_dir.clone(), Some(allow.clone()));
        let options = Options { state_dir, allow, ..options(name) };
        peers.push(traced(&directory, name, options).await);
    }
    live_and_die(peers).await;
    for name in NAMES {
        let (counts, is_full) = replay(&file(&directory, name), &[]).unwrap();
        println!("{name}: {counts:?}");
        assert!(counts.packets >= 20 && counts.events > 2 && !is_full, "{name}: {counts:?}");
    }
    // Its next life begins with whom it knew.
    let again = Options { state_dir, allow: Some(allow), ..options("a") };
    let a = traced(&directory, "a-again", again).await;
    ends("a packet", sends(&a, 1)).await;
    ends("a shutdown", a.swim.shutdown()).await;
    assert!(replay(&file(&directory, "a-again"), &[]).unwrap().0.packets > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_trace_replays_with_the_keys_alone() {
    let directory = directory("traces-sealed");
    let mut peers = Vec::new();
    for name in NAMES {
        let keys = Some(KeyRing::new(key(1)));
        peers.push(traced(&directory, name, Options { keys, ..options(name) }).await);
    }
    peers[0].swim.add_key(key(2)).await.expect("room for a key");
    peers[0].swim.set_sealing(Sealing::Send).await.expect("it has keys");
    live_and_die(peers).await;
    for name in NAMES {
        let path = file(&directory, name);
        let (counts, _) = replay(&path, &[key(2), key(1)]).unwrap();
        assert!(counts.packets >= 20, "{name}: {counts:?}");
        assert_eq!(replay(&path, &[]), Err(ReplayError::KeyMissing(key(1).id())));
        let bytes = fs::read(path).expect("a file");
        for number in [1, 2] {
            let is_there = bytes.windows(KEY_LEN).any(|window| window == [number; KEY_LEN]);
            assert!(!is_there, "a key is in the trace of {name}");
        }
    }
}

#[tokio::test]
async fn a_trace_that_is_full_is_told_of_and_the_member_goes_on() {
    let directory = directory("traces-full");
    let options = Options { trace_len_max: 4_000, ..options("full") };
    let full = traced(&directory, "full", options).await;
    let other = Peer::named("other").await;
    full.join(&other).await;
    let is_full = || {
        let progress = full.swim.trace_progress().expect("it records");
        progress.stopped == Some(Stopped::Full) && progress.entries_lost > 100
    };
    eventually("it is full", is_full).await;
    assert!(other.swim.trace_progress().is_none());
    ends("a shutdown", full.swim.shutdown()).await;
    let path = file(&directory, "full");
    assert!(fs::metadata(&path).expect("a file").len() <= 4_000);
    let (counts, is_full) = replay(&path, &[]).unwrap();
    assert!(is_full && counts.inputs > 10, "{counts:?}");
}

#[tokio::test]
async fn a_trace_is_for_its_owner_and_replaces_no_file() {
    let directory = directory("traces-new");
    let path = file(&directory, "new");
    let peer = traced(&directory, "new", options("new")).await;
    ends("a shutdown", peer.swim.shutdown()).await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = Options { trace: Some(path), ..options("new") };
    let refused = swim_tokio::bind(again).await.map(drop);
    assert!(matches!(refused, Err(BindError::Trace { .. })), "{refused:?}");
}
