//! What was recorded, done again: the same packets and events, byte for byte.
#![cfg(feature = "sim")]

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use swim_core::sim::{Act, Cluster, Failure, Link, Scenario};
use swim_core::storage::{Board, Growable, WithBounds};
use swim_core::trace::{AddressKind, Counts, Outcome, ReadError, Reader, Replay, ReplayError};
use swim_core::trace::{Cause, Line, Recording, Stopped, Story, Terms, Trace, Traced, Turn};
use swim_core::{Accrual, Config, Identity, Instant, Key, KeyRing, NodeId, Sealing, Status, Watch};

const LEN_MAX: u64 = 64 << 20;
const SECOND: Duration = Duration::from_secs(1);

/// A file that stays in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn trace(len_max: u64) -> (Memory, Trace) {
    let file = Memory::default();
    let trace = Trace::new(file.clone(), AddressKind::SocketV4, len_max).unwrap();
    (file, trace)
}

fn terms(keys: &[Key]) -> Terms<SocketAddrV4, Growable> {
    Terms { storage: Growable::new, keys: keys.to_vec(), allow: |_| None }
}

/// Replays all there is. Says besides whether it was full.
fn replay(bytes: &[u8], keys: &[Key]) -> Result<(Counts, bool), ReplayError<SocketAddrV4>> {
    let mut reader = Reader::new(bytes).unwrap();
    let mut replay = Replay::new(terms(keys));
    let mut is_full = false;
    while let Some(entry) = reader.next().unwrap() {
        is_full |= replay.step(&entry)? == Outcome::Full;
    }
    Ok((replay.counts(), is_full))
}

fn key(number: u8) -> Key {
    Key::new([number; 32])
}

fn keys(_: usize) -> (KeyRing, Sealing) {
    let mut ring = KeyRing::new(key(1));
    ring.add(key(2)).unwrap();
    (ring, Sealing::Require)
}

/// A cluster to which all sorts of things happen.
fn eventful(cluster: &mut Cluster<Growable>) -> Result<(), Failure> {
    cluster.add_many(8);
    cluster.join_all(0);
    cluster.run_for(Duration::from_secs(20))?;
    watch(cluster, Watch::every(Duration::from_millis(200)));
    let acts = [
        Act::Lose(100),
        Act::SetMetadata(1, 7),
        Act::Crash(2),
        Act::Kill(3),
        Act::Freeze(4, 3_000),
        Act::Wait(15_000),
        Act::Sleep(5, 4),
        Act::Relocate(6),
        Act::Restart(2, 0),
        Act::RestartElsewhere(3, 1),
        Act::Wait(20_000),
        Act::Leave(7),
        Act::Forget(0, 1),
        Act::JumpClock(1, 700),
        Act::Wake(5),
        Act::Wait(10_000),
        Act::Rejoin(7),
        Act::Wait(10_000),
    ];
    acts.into_iter().try_for_each(|act| cluster.perform(act))?;
    cluster.save_snapshot(1);
    let exponential = Watch { accrual: Accrual::Exponential, level: 2.0, ..Watch::every(SECOND) };
    watch(cluster, exponential);
    cluster.command(0, |node, _| {
        let somebody = node.watched().next().expect("somebody is watched");
        node.unwatch(somebody)
    });
    cluster.restart_from_snapshot(1);
    cluster.run_for(Duration::from_secs(5))
}

/// Node 0 watches the others.
fn watch(cluster: &mut Cluster<Growable>, watch: Watch) {
    cluster.command(0, |node, now| {
        let others: Vec<_> = node.members().skip(1).map(|member| member.id).collect();
        for id in others {
            node.watch(id, watch, now).expect("room to watch");
        }
    });
}

#[test]
fn an_eventful_run_replays_to_the_same_bytes() -> Result<(), Failure> {
    for seed in [1, 2] {
        let (file, trace) = trace(LEN_MAX);
        let config = Config { direct_below: 8, ..Config::lan() };
        let scenario = Scenario::new("trace", seed, |_| Growable::new(16, 32));
        let mut cluster = Cluster::new(Scenario { config, ..scenario });
        cluster.record(trace.clone());
        eventful(&mut cluster)?;
        let (counts, is_full) = replay(&file.bytes(), &[]).unwrap();
        let recorded = cluster.report().counts;
        assert_eq!(counts.packets, recorded.sent);
        assert_eq!(counts.bytes, recorded.bytes_sent);
        assert_eq!(counts.events, recorded.events);
        assert!(counts.packets > 1_000 && !is_full);
        assert_eq!(trace.progress().stopped, None);
    }
    Ok(())
}

#[test]
fn a_sealed_run_replays_with_its_keys_and_names_the_one_it_lacks() -> Result<(), Failure> {
    let (file, trace) = trace(LEN_MAX);
    let scenario = Scenario::new("trace", 3, |_| Growable::new(16, 32));
    let mut cluster = Cluster::new(Scenario { keys: Some(keys), ..scenario });
    cluster.record(trace);
    eventful(&mut cluster)?;
    cluster.command(0, |node, _| node.change_keys(|ring| ring.use_key(key(2).id())));
    cluster.command(0, |node, _| node.change_keys(|ring| ring.remove(key(1).id())));
    cluster.run_for(Duration::from_secs(1))?;
    let bytes = file.bytes();
    let (counts, _) = replay(&bytes, &[key(9), key(2), key(1)]).unwrap();
    assert_eq!(counts.packets, cluster.report().counts.sent);
    assert_eq!(replay(&bytes, &[key(1)]), Err(ReplayError::KeyMissing(key(2).id())));
    for number in [1, 2] {
        let secret = [number; 32];
        assert!(!bytes.windows(32).any(|window| window == secret), "a key is in the trace");
    }
    Ok(())
}

#[test]
fn a_board_replays_within_the_bounds_of_a_board() -> Result<(), Failure> {
    type Small = WithBounds<Growable, Board>;
    let (file, trace) = trace(LEN_MAX);
    let scenario = Scenario::new("trace", 4, |_| Small::new(Growable::new(6, 16), Board));
    let mut cluster = Cluster::new(scenario);
    cluster.record(trace);
    cluster.add_many(10);
    cluster.join_all(0);
    cluster.run_for(Duration::from_secs(30))?;
    let storage = |members, metadata| Small::new(Growable::new(members, metadata), Board);
    let mut replay =
        Replay::<SocketAddrV4, Small>::new(Terms { storage, keys: Vec::new(), allow: |_| None });
    let bytes = file.bytes();
    let mut reader = Reader::new(&*bytes).unwrap();
    while let Some(entry) = reader.next().unwrap() {
        replay.step(&entry).unwrap();
    }
    assert_eq!(replay.counts().packets, cluster.report().counts.sent);
    Ok(())
}

fn story(bytes: &[u8], member: NodeId, keys: &[Key]) -> Vec<Line<SocketAddrV4>> {
    let mut reader = Reader::new(bytes).unwrap();
    let (mut replay, mut story) = (Replay::new(terms(keys)), Story::new(member, keys.to_vec()));
    let mut lines = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        lines.extend(story.step(&mut replay, &entry).unwrap());
    }
    lines
}

/// Eight that know each other, where one datagram of ten is lost.
fn lossy(seed: u64, keys: Option<fn(usize) -> (KeyRing, Sealing)>) -> (Memory, Cluster<Growable>) {
    let (file, trace) = trace(LEN_MAX);
    let scenario = Scenario::new("story", seed, |_| Growable::new(16, 0));
    let mut cluster = Cluster::new(Scenario { keys, link: Link::lan().losing(100), ..scenario });
    cluster.record(trace);
    cluster.add_many(8);
    cluster.introduce_all();
    (file, cluster)
}

#[test]
fn the_story_of_a_crash_names_suspicion_accusers_and_death() -> Result<(), Failure> {
    for (seed, scenario_keys) in [(1, None), (2, Some(keys as fn(usize) -> _))] {
        let (file, mut cluster) = lossy(seed, scenario_keys);
        cluster.run_for(Duration::from_secs(20))?;
        let crashed_at = cluster.now();
        cluster.crash(3);
        cluster.run_for(Duration::from_secs(40))?;
        let lines = story(&file.bytes(), cluster.id(3), &[key(1), key(2)]);
        let own = |line: &&Line<_>| line.node == 3;
        let first = lines.iter().find(own).map(|line| line.turn);
        assert!(matches!(first, Some(Turn::Began(_))), "{first:?}");
        let last = lines.iter().rfind(own).map(|line| (line.at, line.turn));
        assert_eq!(last, Some((crashed_at, Turn::Ended)));
        let after: Vec<_> = lines.iter().filter(|line| line.at > crashed_at).collect();
        let suspicion = after.iter().find(|line| matches!(line.turn, Turn::Suspected(_)));
        let suspicion = suspicion.expect("somebody is the first");
        let Cause::Probe(probe) = &suspicion.cause else { panic!("{suspicion:?}") };
        assert!(probe.pings > 1 && probe.requests > 1 && !probe.nacks.is_empty(), "{probe:?}");
        let is_told = |line: &Line<_>| match (&line.turn, &line.cause) {
            (Turn::Suspected(_), Cause::Packet(heard)) => {
                let says = heard.claim.map(|(status, _)| status) == Some(Status::Suspect);
                says && heard.sender.is_some() && heard.accusers.contains(&suspicion.viewer)
            }
            _ => false,
        };
        assert!(after.iter().any(|line| is_told(line)), "{after:#?}");
        let dies = |line: &Line<_>| matches!(line.turn, Turn::Died(_));
        for node in (0..8).filter(|&node| node != 3) {
            let end = after.iter().rfind(|line| line.node == node);
            assert!(end.is_some_and(|line| dies(line)), "node {node}: {end:?}");
        }
        let judge = after.iter().find(|line| dies(line)).expect("somebody is the first");
        let Cause::Timer(Some(pings)) = &judge.cause else { panic!("{judge:?}") };
        assert!(pings.pings > 1 && judge.at > suspicion.at, "{judge:?}");
    }
    Ok(())
}

/// Those come in between, and are answered or not.
#[test]
fn the_pings_of_a_watch_are_no_probes_in_a_story() -> Result<(), Failure> {
    let (file, mut cluster) = lossy(1, None);
    cluster.run_for(Duration::from_secs(20))?;
    watch(&mut cluster, Watch::every(Duration::from_millis(50)));
    cluster.run_for(Duration::from_secs(20))?;
    let crashed_at = cluster.now();
    cluster.crash(3);
    cluster.run_for(Duration::from_secs(20))?;
    let lines = story(&file.bytes(), cluster.id(3), &[]);
    let by_watcher = lines.iter().filter(|line| line.node == 0);
    let inquiries = by_watcher.filter_map(|line| match (&line.turn, &line.cause) {
        (Turn::Unanswered | Turn::Suspected(_), Cause::Probe(probe)) => Some((line, probe)),
        _ => None,
    });
    let inquiries: Vec<_> = inquiries.collect();
    assert!(inquiries.iter().all(|(_, probe)| probe.requests > 0), "{inquiries:#?}");
    assert!(inquiries.iter().any(|(line, _)| line.at > crashed_at), "{inquiries:#?}");
    Ok(())
}

#[test]
fn the_story_of_a_pause_tells_how_it_was_refuted() -> Result<(), Failure> {
    let (file, mut cluster) = lossy(3, None);
    cluster.run_for(Duration::from_secs(20))?;
    cluster.freeze(3, Duration::from_secs(3));
    cluster.run_for(Duration::from_secs(20))?;
    let lines = story(&file.bytes(), cluster.id(3), &[]);
    let renewed = lines.iter().find(|line| matches!(line.turn, Turn::Renewed(_)));
    let renewed = renewed.expect("it says that it lives");
    assert!(renewed.viewer == cluster.id(3) && renewed.node == 3);
    let Turn::Renewed(incarnation) = renewed.turn else { unreachable!("it was looked for") };
    let is_refuted = |line: &Line<_>| match line.turn {
        Turn::Refuted(Status::Suspect, now) => now == incarnation && line.at >= renewed.at,
        _ => false,
    };
    assert!(lines.iter().any(is_refuted), "{lines:#?}");
    Ok(())
}

#[test]
fn the_story_of_a_goodbye_a_return_and_a_host_that_refuses() -> Result<(), Failure> {
    let (file, trace) = trace(LEN_MAX);
    let mut cluster = Cluster::new(Scenario::new("story", 4, |_| Growable::new(16, 0)));
    cluster.record(trace);
    cluster.add_many(6);
    cluster.introduce_all();
    cluster.run_for(Duration::from_secs(5))?;
    cluster.leave(1);
    cluster.kill(2);
    cluster.run_for(Duration::from_secs(10))?;
    cluster.rejoin(1);
    cluster.restart(2);
    cluster.join(2, 0);
    cluster.run_for(Duration::from_secs(10))?;
    let bytes = file.bytes();
    let left = story(&bytes, cluster.id(1), &[]);
    let has = |lines: &[Line<_>], is: fn(&Line<_>) -> bool| lines.iter().any(is);
    assert!(has(&left, |line| matches!(line.turn, Turn::Goodbye) && line.node == 1));
    assert!(has(&left, |line| matches!(line.turn, Turn::Left(_)) && line.node != 1));
    assert!(has(&left, |line| matches!(line.turn, Turn::Refuted(Status::Left, _))));
    let killed = story(&bytes, cluster.id(2), &[]);
    let refused =
        |line: &Line<_>| matches!((&line.turn, &line.cause), (Turn::Died(_), Cause::Refusal(_)));
    assert!(has(&killed, refused), "{killed:#?}");
    assert!(has(&killed, |line| matches!(line.turn, Turn::Restarted(_))));
    Ok(())
}

/// One second of three nodes.
fn short() -> Vec<u8> {
    let (file, trace) = trace(LEN_MAX);
    let mut cluster = Cluster::new(Scenario::new("trace", 5, |_| Growable::new(16, 0)));
    cluster.record(trace);
    cluster.add_many(3);
    cluster.join_all(0);
    cluster.run_for(Duration::from_secs(1)).unwrap();
    file.bytes()
}

#[test]
fn a_trace_that_is_cut_off_replays_up_to_there() {
    let bytes = short();
    let whole = replay(&bytes, &[]).unwrap().0;
    let (mut cuts, mut inputs) = (0, 0);
    for len in (40..bytes.len()).step_by(7) {
        let mut reader = Reader::new(&bytes[..len]).unwrap();
        let mut replay = Replay::new(terms(&[]));
        while let Some(entry) = reader.next().unwrap() {
            replay.step(&entry).unwrap();
        }
        cuts += usize::from(reader.is_cut());
        assert!((inputs..=whole.inputs).contains(&replay.counts().inputs));
        inputs = replay.counts().inputs;
    }
    assert!(cuts > 10 && inputs > 10);
}

#[test]
fn a_trace_stops_where_it_is_full_and_says_so() -> Result<(), Failure> {
    let (file, trace) = trace(20_000);
    let mut cluster = Cluster::new(Scenario::new("trace", 6, |_| Growable::new(16, 0)));
    cluster.record(trace.clone());
    eventful(&mut cluster)?;
    let progress = trace.progress();
    assert_eq!(progress.stopped, Some(Stopped::Full));
    assert!(progress.entries_lost > 1_000);
    assert!(file.bytes().len() <= 20_000 && file.bytes().len() as u64 == progress.len);
    let (counts, is_full) = replay(&file.bytes(), &[]).unwrap();
    assert!(is_full && counts.packets > 10);
    Ok(())
}

/// Takes so many bytes and no more.
struct Disk(usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_trace_and_nothing_else() -> Result<(), Failure> {
    let trace = Trace::new(Disk(5_000), AddressKind::SocketV4, LEN_MAX).unwrap();
    let mut cluster = Cluster::new(Scenario::new("trace", 7, |_| Growable::new(16, 0)));
    cluster.record(trace.clone());
    eventful(&mut cluster)?;
    let failed = Stopped::Failed(io::ErrorKind::StorageFull);
    assert_eq!(trace.progress().stopped, Some(failed));
    Ok(())
}

/// A bit that is wrong is noticed: an entry is none, something else comes out, or else it was
/// nothing that matters, as a bit of a clock or of what is rejected anyway.
#[test]
fn a_damaged_trace_is_read_without_harm_and_mostly_noticed() {
    let bytes = short();
    let mut noticed = 0;
    for place in (0..bytes.len()).step_by(23) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        noticed += usize::from(is_noticed(&damaged));
    }
    assert!(noticed * 2 > bytes.len() / 23, "{noticed} of {}", bytes.len() / 23);
}

fn is_noticed(bytes: &[u8]) -> bool {
    let Ok(mut reader) = Reader::new(bytes) else { return true };
    let mut replay = Replay::new(terms(&[]));
    loop {
        match reader.next() {
            Ok(Some(entry)) if replay.step(&entry).is_ok() => {}
            Ok(None) => return reader.is_cut(),
            Ok(Some(_)) | Err(_) => return true,
        }
    }
}

#[test]
fn what_is_no_trace_is_told_from_one_of_another_release() {
    let bytes = short();
    assert!(matches!(Reader::new(&b"swim"[..]), Err(ReadError::NotATrace)));
    assert!(matches!(Reader::new(&b"a file of text, no doubt"[..]), Err(ReadError::NotATrace)));
    let mut other = bytes.clone();
    other[12] = 99;
    assert!(matches!(Reader::new(&*other), Err(ReadError::OtherFormat(99))));
    let mut other = bytes;
    other[14] = b'9';
    assert!(matches!(Reader::new(&*other), Err(ReadError::OtherRelease(release)) if
        release.starts_with('9')));
}

/// Whatever changes a node has to be recorded, so every method that can has its like.
#[test]
fn every_method_that_changes_a_node_is_recorded() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = fs::read_dir(sources.join("node")).unwrap().map(|entry| entry.unwrap().path());
    let changes: Vec<_> = files.filter(|path| path.is_file()).flat_map(changing).collect();
    let recorded = changing(sources.join("trace/traced.rs"));
    for name in &changes {
        // It hands out the keys themselves, so nobody sees what becomes of them.
        let name = if name == "keys_mut" { "change_keys" } else { name };
        assert!(recorded.iter().any(|it| it == name), "Traced has no {name}");
    }
    assert!(changes.len() > 20, "{changes:?}");
}

/// The names of all methods of a file that can be called from elsewhere and take `&mut self`.
fn changing(path: PathBuf) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    let after = |mark: &'static str| code.split(mark).skip(1);
    let functions = after("pub fn ").chain(after("pub(crate) fn "));
    let changing = functions.filter(|function| {
        let arguments = function.split_once('(').map_or("", |(_, rest)| rest);
        arguments.trim_start().starts_with("&mut self")
    });
    changing.filter_map(|function| function.split(['(', '<']).next().map(str::to_owned)).collect()
}

#[test]
fn what_a_node_refuses_does_not_end_its_trace() {
    let (_, trace) = trace(LEN_MAX);
    let address = "10.0.0.1:7".parse::<SocketAddrV4>().unwrap();
    let identity = Identity::new(NodeId::new(1), address);
    let recording = Some(Recording::new(trace.clone(), 0));
    let table = Growable::new(8, 512);
    let mut node =
        Traced::new(identity, Config::lan(), table, 1, Instant::ZERO, recording).unwrap();
    assert!(node.set_metadata(&[0; 200_000], Instant::ZERO).is_err());
    assert_eq!((trace.progress().entries, trace.progress().stopped), (2, None));
}
