//! The firmware on emulated boards, in one cluster with servers.
//!
//! Boards are processes of QEMU, the servers run in this one, which is also the network between
//! them: [`lan`]. Nothing here needs root. Time is real, and the machine may be slow, so what is
//! asserted is what happens, and hardly ever how soon.

#![cfg(target_os = "linux")]

mod board;
mod cluster;
mod firmware;
mod frame;
mod gaps;
mod lan;
mod server;
mod watchdog;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use std::{mem, thread};

use swim_embassy::swim_core::{Config, NodeId};

use board::{Board, value};
use cluster::Cluster;
use watchdog::Watchdog;

const SEED: u64 = 5;
/// Of a thousand frames.
const LOSS: u32 = 50;
/// No board may be mute for longer, whoever is dead.
const GAP_MAX: Duration = Duration::from_secs(2);
/// smoltcp asks for one hardware address a second, whoever wants to know how many. Meanwhile boards
/// are not watched: how long they are mute while they know nobody's is not shown here.
const ACQUAINTANCE: Duration = Duration::from_secs(6);
/// How long boards are watched while they ask for a dead one.
const WATCH: Duration = Duration::from_secs(8);
/// What the firmware ends with.
const EXIT_LEFT: i32 = 0;
const EXIT_PANIC: i32 = 102;
/// Longer than it takes to miss somebody who did not say so.
const SLEEP: Duration = Duration::from_secs(9);
const SHORT_SLEEP: Duration = Duration::from_secs(3);
/// All have found out by then that somebody did not come back, on a machine with other work.
const MISSED_MAX: Duration = Duration::from_secs(30);
/// The network is there again a little before the board is.
const WAKING: Duration = Duration::from_secs(1);

#[test]
fn boards_and_servers_are_one_cluster() {
    let Some(image) = firmware::image() else { return };
    let _watchdog = Watchdog::start();
    let mut cluster = Cluster::start(&image, SEED);
    cluster.wait_until_agreed();
    cluster.lan.lose(LOSS);
    let (one, other) = (cluster.boards[1].ip, cluster.boards[2].ip);
    cluster.lan.cut(one, other);
    let killed = kill_a_board(&mut cluster);
    assert_eq!(cluster.dead(), BTreeSet::from([killed]), "nobody else was ever dead for anybody");
    forget_neighbours(&mut cluster);
    let mut dead = BTreeSet::from([kill_a_server(&mut cluster)]);
    assert_eq!(cluster.dead(), dead, "nobody else was ever dead for anybody");
    dead.insert(cut_off_and_heal(&mut cluster));
    dead.insert(sleep_as_planned(&mut cluster));
    assert_eq!(cluster.dead(), dead, "nobody else was ever dead for anybody");
    boards_end(cluster);
}

/// It is known to be dead.
fn kill_a_board(cluster: &mut Cluster) -> NodeId {
    let killed = cluster.boards.pop().expect("there are some");
    let id = killed.id();
    cluster.watch_gaps();
    killed.kill();
    cluster.wait_until_all_hold(id, "dead");
    assert_gaps(cluster);
    id
}

/// The dead one's hardware address would be known for a minute, and those of the living for ever.
/// When all are forgotten, those of the living come back, and the dead one is asked for again and
/// again, since news and attempts to heal go to it as well; that keeps nobody from talking to the
/// living.
fn forget_neighbours(cluster: &mut Cluster) {
    cluster.tell_boards("forget-neighbours");
    thread::sleep(ACQUAINTANCE);
    cluster.watch_gaps();
    thread::sleep(WATCH);
    assert_gaps(cluster);
    cluster.wait_until_agreed();
    // Boards that can talk to nobody may hold somebody for dead, until they can.
    println!("dead by now, and maybe back: {:?}", cluster.dead());
    cluster.forget_what_was_said();
}

fn kill_a_server(cluster: &mut Cluster) -> NodeId {
    let killed = cluster.servers.pop().expect("there are some");
    let id = killed.id();
    cluster.lan.unplug(*killed.address.ip());
    cluster.watch_gaps();
    killed.kill(&cluster.runtime);
    cluster.wait_until_all_hold(id, "dead");
    assert_gaps(cluster);
    id
}

fn assert_gaps(cluster: &Cluster) {
    let gaps = cluster.lan.gaps();
    for Board { name, ip, .. } in &cluster.boards {
        let gap = gaps.of(*ip);
        println!("{name} was mute for {gap:?}; this process paused for {:?}", gaps.pause());
        assert!(gap < GAP_MAX + gaps.pause(), "{name} was mute for {gap:?}");
    }
}

/// A board that is dead for the others, since nothing passes, is alive again when it does.
fn cut_off_and_heal(cluster: &mut Cluster) -> NodeId {
    let board = cluster.boards.remove(0);
    let id = board.id();
    cluster.pull_plug(board.ip);
    cluster.wait_until_all_hold(id, "dead");
    cluster.lan.heal();
    cluster.boards.push(board);
    cluster.wait_until_agreed();
    // Whom it held for dead meanwhile is its own affair.
    cluster.boards.last_mut().expect("just pushed").forget_what_it_said();
    id
}

/// Who said how long it sleeps is not missed for so long; who does not come back is.
fn sleep_as_planned(cluster: &mut Cluster) -> NodeId {
    let (mut true_to_its_word, mut lost) = (cluster.boards.remove(0), cluster.boards.remove(0));
    let (id, lost_id) = (true_to_its_word.id(), lost.id());
    let suspected = cluster.suspected_of(id);
    // Before the board begins to count: what is late here must not let it find the network cut.
    let announced_at = Instant::now();
    true_to_its_word.tell(&format!("sleep {}", SLEEP.as_secs()));
    true_to_its_word.wait_for("asleep");
    cluster.pull_plug(true_to_its_word.ip);
    let lost_at = Instant::now();
    lost.tell(&format!("sleep {}", SHORT_SLEEP.as_secs()));
    lost.wait_for("asleep");
    lost.kill();
    let heals_at = announced_at + SLEEP - WAKING;
    thread::sleep(heals_at.saturating_duration_since(Instant::now()));
    cluster.lan.heal();
    true_to_its_word.wait_for("awake");
    cluster.boards.push(true_to_its_word);
    cluster.wait_until_all_hold(lost_id, "dead");
    let missed = lost_at.elapsed();
    let due = SHORT_SLEEP + Config::local().sleep_margin;
    assert!(due < missed && missed < due + MISSED_MAX, "{lost_id} was dead after {missed:?}");
    cluster.wait_until_agreed();
    assert_eq!(cluster.suspected_of(id), suspected, "{id} slept as announced");
    lost_id
}

/// Each with the code of what befell it.
fn boards_end(mut cluster: Cluster) {
    let mut faulty = cluster.boards.pop().expect("there are some");
    let id = faulty.id();
    faulty.tell("panic");
    let (code, _) = faulty.end();
    assert_eq!(code, EXIT_PANIC);
    cluster.wait_until_all_hold(id, "dead");
    let mut given_up = 0;
    for mut board in mem::take(&mut cluster.boards) {
        let (id, name) = (board.id(), board.name.clone());
        board.tell("leave");
        let (code, log) = board.end();
        assert_eq!(code, EXIT_LEFT, "{name}");
        let last =
            |what: &str| log.iter().rfind(|line| line.starts_with(what)).expect("a last one");
        println!("{name}: {}; {}", last("stack "), last("socket "));
        given_up += value(last("socket "), "flushes_timed_out").parse::<u32>().expect("a number");
        cluster.wait_until_all_hold(id, "left");
    }
    cluster.wait_until_agreed();
    assert!(given_up > 0, "datagrams to the dead waited in a socket, or nothing was shown");
}
