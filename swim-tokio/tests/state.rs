//! What a member keeps across restarts, and what it does when it cannot.

mod common;

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{Peer, ends, eventually, options};
use swim_tokio::{BindError, Options, StateTrouble};

/// An empty directory that no other test uses.
fn directory(test: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("state-{test}"));
    let _ = fs::remove_dir_all(&directory);
    directory
}

fn keeping(name: &str, directory: &Path) -> Options {
    let state_interval = Duration::from_millis(200);
    Options { state_dir: Some(directory.to_owned()), state_interval, ..options(name) }
}

async fn start(name: &str, directory: &Path) -> Peer {
    Peer::start(keeping(name, directory)).await
}

fn incarnation(peer: &Peer) -> u32 {
    peer.swim.member(peer.id()).expect("it knows itself").incarnation.number()
}

/// Raises the incarnation.
async fn change(peer: &Peer, metadata: &str) {
    peer.swim.set_metadata(metadata.into()).await.expect("it is short");
}

async fn end(peer: Peer) {
    ends("shutdown", peer.swim.shutdown()).await;
}

/// The only state there is.
fn file(directory: &Path) -> PathBuf {
    let files = fs::read_dir(directory).expect("a directory").flatten().map(|file| file.path());
    let files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|it| it == "state")).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

fn kept(directory: &Path) -> String {
    fs::read_to_string(file(directory)).expect("text")
}

/// Ends a member without a word, as a crash does.
async fn crash(peer: Peer) {
    peer.task.abort();
    assert!(ends("the runner", peer.task).await.expect_err("aborted").is_cancelled());
}

#[tokio::test]
async fn every_life_outranks_the_one_before() {
    let directory = directory("lives");
    for life in 0..3 {
        let peer = start("phoenix", &directory).await;
        assert_eq!(incarnation(&peer), life);
        assert_eq!(peer.swim.state_trouble(), None);
        assert!(kept(&directory).contains(&format!("incarnation {life}\n")));
        crash(peer).await;
    }
}

#[tokio::test]
async fn what_changes_is_written_and_the_last_of_it_at_the_end() {
    let directory = directory("changes");
    let peer = start("busy", &directory).await;
    change(&peer, "1").await;
    eventually("a write", || peer.swim.socket_stats().states_written == 1).await;
    assert!(kept(&directory).contains(&format!("incarnation {}\n", incarnation(&peer))));
    change(&peer, "2").await;
    let last = incarnation(&peer);
    end(peer).await;
    let again = start("busy", &directory).await;
    assert_eq!(incarnation(&again), last + 1);
}

#[tokio::test]
async fn a_busy_member_writes_no_more_often_than_it_may() {
    let directory = directory("busy");
    let started = Instant::now();
    let state_interval = Duration::from_secs(1);
    let peer = Peer::start(Options { state_interval, ..keeping("busy", &directory) }).await;
    for number in 0..200 {
        change(&peer, &number.to_string()).await;
    }
    let last = incarnation(&peer);
    let swim = peer.swim.clone();
    end(peer).await;
    let writes_max = started.elapsed().as_secs() + 2;
    assert!(swim.socket_stats().states_written <= writes_max, "{:?}", swim.socket_stats());
    assert!(kept(&directory).contains(&format!("incarnation {last}\n")));
}

#[tokio::test]
async fn members_can_share_a_directory() {
    let directory = directory("shared");
    let one = start("one", &directory).await;
    change(&one, "1").await;
    end(one).await;
    let other = start("other", &directory).await;
    assert_eq!(incarnation(&other), 0);
}

#[tokio::test]
async fn a_file_of_no_use_is_told_and_moved_aside() {
    let directory = directory("torn");
    end(start("torn", &directory).await).await;
    let text = kept(&directory);
    let file = file(&directory);
    for content in [&text.as_bytes()[..text.len() - 3], b"", b"swim-state 9\n", &[0xff; 4_096]] {
        fs::write(&file, content).expect("written");
        let peer = start("torn", &directory).await;
        let trouble = peer.swim.state_trouble().expect("told");
        let StateTrouble::Ignored { path, moved_to, .. } = &trouble else { panic!("{trouble}") };
        assert_eq!((path, &fs::read(moved_to).expect("kept")[..]), (&file, content));
        assert_eq!(incarnation(&peer), 0);
        end(peer).await;
        let again = start("torn", &directory).await;
        assert_eq!((again.swim.state_trouble(), incarnation(&again)), (None, 1));
        end(again).await;
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_makes_no_member() {
    let directory = directory("blocked");
    fs::create_dir_all(&directory).expect("created");
    let blocked = directory.join("file").join("state");
    fs::write(directory.join("file"), "in the way").expect("written");
    let error = swim_tokio::bind(keeping("nobody", &blocked)).await.expect_err("in the way");
    assert!(matches!(&error, BindError::State { directory, .. } if *directory == blocked));
    assert!(error.to_string().contains(&*blocked.to_string_lossy()), "{error}");
    assert!(error.source().is_some(), "the system's reason is kept");
}

#[tokio::test]
async fn a_member_without_a_lasting_id_has_nothing_to_keep() {
    let directory = directory("nameless");
    let nameless = Options { name: None, ..keeping("", &directory) };
    let error = swim_tokio::bind(nameless).await.expect_err("another member every time");
    let reason = error.source().expect("a reason").to_string();
    assert!(reason.contains("without a name or an id"), "{reason}");
}

#[tokio::test]
async fn a_member_whose_disk_fails_lives_on_and_says_so() {
    let directory = directory("failing");
    let peer = start("peer", &directory).await;
    let friend = Peer::named("friend").await;
    friend.join(&peer).await;
    fs::remove_dir_all(&directory).expect("removed");
    change(&peer, "unkept").await;
    let not_written = || matches!(peer.swim.state_trouble(), Some(StateTrouble::NotWritten { .. }));
    eventually("told", not_written).await;
    assert!(peer.swim.socket_stats().state_errors > 0);
    let heard = || friend.swim.member(peer.id()).is_some_and(|it| *it.metadata == *b"unkept");
    eventually("the others hear of it", heard).await;
    fs::create_dir_all(&directory).expect("created");
    eventually("written after all", || peer.swim.state_trouble().is_none()).await;
}

/// A member that keeps its state and listens where it did before.
async fn back(name: &str, address: SocketAddr, directory: &Path) -> Peer {
    Peer::start(Options { bind: address, ..keeping(name, directory) }).await
}

#[tokio::test]
async fn a_member_finds_its_cluster_again_without_seeds() {
    let directory = directory("found");
    let peers = [start("one", &directory.join("1")).await, Peer::named("two").await];
    let third = Peer::named("three").await;
    peers[1].join(&peers[0]).await;
    third.join(&peers[0]).await;
    let [one, two] = peers;
    let known = |peer: &Peer| {
        kept(&directory.join("1")).contains(&format!("member {} {}", peer.id(), peer.addr()))
    };
    eventually("both are kept", || known(&two) && known(&third)).await;
    let id = one.id();
    crash(one).await;
    // Elsewhere, so that nobody finds it by itself.
    let again = start("one", &directory.join("1")).await;
    eventually("it knows both", || again.swim.live_count() == 3).await;
    let found =
        |peer: &Peer| peer.swim.member(id).is_some_and(|it| it.address == Some(again.addr()));
    eventually("both know where it is", || found(&two) && found(&third)).await;
    assert_eq!(again.swim.stats().await.expect("it runs").joins_sent, 0);
}

#[tokio::test]
async fn a_cluster_that_crashed_is_whole_again_without_seeds() {
    let directory = directory("whole");
    let names: Vec<String> = (0..5).map(|number| format!("peer-{number}")).collect();
    let mut addresses = Vec::new();
    let mut peers = Vec::new();
    for name in &names {
        let peer = start(name, &directory.join(name)).await;
        addresses.push(peer.addr());
        peers.push(peer);
    }
    for peer in &peers[1..] {
        peer.join(&peers[0]).await;
    }
    let members = |name: &String| kept(&directory.join(name)).matches("\nmember ").count();
    eventually("all are kept by all", || names.iter().all(|name| members(name) == 4)).await;
    for peer in peers {
        crash(peer).await;
    }
    let mut again = Vec::new();
    for (name, address) in names.iter().zip(addresses).rev() {
        again.push(back(name, address, &directory.join(name)).await);
    }
    eventually("all know all", || again.iter().all(|peer| peer.swim.live_count() == 5)).await;
    for peer in again {
        end(peer).await;
    }
    assert!(names.iter().all(|name| members(name) == 4), "also when it ends in order");
}

#[tokio::test]
async fn a_member_that_finds_nobody_forgets_nobody() {
    let directory = directory("lonely");
    let (one, two) = (start("one", &directory).await, Peer::named("two").await);
    two.join(&one).await;
    let line = format!("member {} {}", two.id(), two.addr());
    eventually("it is kept", || kept(&directory).contains(&line)).await;
    crash(one).await;
    crash(two).await;
    for _ in 0..3 {
        let lonely = start("one", &directory).await;
        change(&lonely, "still looking").await;
        eventually("a write", || lonely.swim.socket_stats().states_written > 0).await;
        assert!(kept(&directory).contains(&line));
        end(lonely).await;
        assert!(kept(&directory).contains(&line));
    }
}

#[test]
fn binding_can_be_spawned() {
    fn spawnable(_: impl Send) {}
    spawnable(swim_tokio::bind(options("spawned")));
}
