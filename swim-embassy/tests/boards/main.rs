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

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use swim_embassy::swim_core::NodeId;

use board::Board;
use cluster::{Cluster, living};

const SEED: u64 = 5;
/// Of a thousand frames.
const LOSS: u32 = 50;
/// No board may be mute for longer, whoever is dead.
const GAP_MAX: Duration = Duration::from_secs(2);
/// How long boards are watched after a death: others ask for the dead all the time.
const WATCH: Duration = Duration::from_secs(10);

#[test]
fn boards_and_servers_are_one_cluster() {
    let Some(image) = firmware::image() else { return };
    let mut cluster = Cluster::start(&image, SEED);
    cluster.wait_until_agreed();
    cluster.lan.lose(LOSS);
    let (one, other) = (cluster.boards[1].ip, cluster.boards[2].ip);
    cluster.lan.cut(one, other);
    let mut dead = BTreeSet::new();
    dead.insert(kill_a_board(&mut cluster));
    dead.insert(kill_a_server(&mut cluster));
    assert_eq!(cluster.dead(), dead, "nobody else was ever dead for anybody");
    cut_off_and_heal(&mut cluster);
    boards_end(cluster);
}

/// It is known to be dead, and keeps nobody from talking to the living.
fn kill_a_board(cluster: &mut Cluster) -> NodeId {
    let killed = cluster.boards.pop().expect("there are some");
    let id = killed.id();
    killed.kill();
    watch_the_living(cluster, id);
    id
}

fn kill_a_server(cluster: &mut Cluster) -> NodeId {
    let killed = cluster.servers.pop().expect("there are some");
    let id = killed.id();
    cluster.lan.unplug(*killed.address.ip());
    killed.kill(&cluster.runtime);
    watch_the_living(cluster, id);
    id
}

/// Hardware addresses are known for a minute: boards that have just forgotten them stand where
/// they would then, with somebody to ask for who does not answer.
fn watch_the_living(cluster: &mut Cluster, dead: NodeId) {
    cluster.tell_boards("forget-neighbours");
    let living = cluster.addresses();
    cluster.lan.watch_gaps(&living);
    let start = Instant::now();
    cluster.wait_until_all_hold(dead, "dead");
    cluster.wait_until_agreed();
    thread::sleep(WATCH.saturating_sub(start.elapsed()));
    let gaps = cluster.lan.gaps();
    for board in &cluster.boards {
        let gap = gaps.of(board.ip);
        println!(
            "{}: mute for {gap:?}, while this process paused for {:?}",
            board.name,
            gaps.pause()
        );
        assert!(gap < GAP_MAX + gaps.pause(), "{} was mute for {gap:?}", board.name);
    }
}

/// A board that is dead for the others, since nothing passes, is alive again when it does.
fn cut_off_and_heal(cluster: &mut Cluster) {
    let (id, ip) = (cluster.boards[0].id(), cluster.boards[0].ip);
    for other in cluster.addresses() {
        cluster.lan.cut(ip, other);
    }
    cluster.wait_until("one cut off", |view| {
        let is_own = |held: &String| held == "alive" && living(view).all(|_| true);
        view.get(&id).is_some_and(|held| held == "dead" || is_own(held))
    });
    cluster.lan.heal();
    cluster.wait_until_agreed();
}

/// Each with the code of what befell it.
fn boards_end(mut cluster: Cluster) {
    let mut crashed = cluster.boards.pop().expect("there are some");
    crashed.tell("panic");
    let id = crashed.id();
    assert_eq!(crashed.exit_code().0, 102);
    cluster.wait_until_all_hold(id, "dead");
    let boards: Vec<Board> = cluster.boards.drain(..).collect();
    for mut board in boards {
        let id = board.id();
        board.tell("leave");
        let (code, log) = board.exit_code();
        assert_eq!(code, 0, "{log:#?}");
        println!("{}", log.iter().rev().take(6).rev().cloned().collect::<Vec<_>>().join("\n"));
        cluster.wait_until_all_hold(id, "left");
    }
    cluster.wait_until_agreed();
}
