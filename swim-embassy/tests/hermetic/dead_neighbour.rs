//! A board dies and answers no ARP any more. smoltcp keeps a datagram to it at the head of the
//! socket's queue for ever, and everything behind it.

use std::future::pending;
use std::time::Duration;

use embassy_net::IpEndpoint;
use embassy_net::udp::{PacketMetadata, UdpSocket};
use swim_embassy::Options;
use swim_embassy::swim_core::{Event, Status};

use crate::world::{Board, PORT, World, endpoint, id, ip, now, secs};

const SEEDS: u64 = 20;
/// Each has seven neighbours: smoltcp's cache of hardware addresses holds eight by default.
const BOARDS: u8 = 8;
/// Long enough for smoltcp to forget the hardware address of the dead (60 s) and for the members
/// to look for it again and again (every 10 s).
const AFTER_DEATH: Duration = Duration::from_secs(150);
const GAP_MAX: Duration = Duration::from_secs(2);

struct Outcome {
    /// The longest time in which a living board sent nothing to any living one.
    gap: Duration,
    /// Whether somebody living was declared dead.
    is_slander: bool,
    /// Whether all others declared the dead one dead.
    is_buried: bool,
    flushes_timed_out: u32,
}

#[test]
fn nobody_falls_silent_over_a_dead_neighbour() {
    for seed in 0..SEEDS {
        let outcome = one_dies(seed);
        assert!(outcome.gap < GAP_MAX, "seed {seed}: {:?}", outcome.gap);
        assert!(!outcome.is_slander, "seed {seed}");
        assert!(outcome.is_buried, "seed {seed}");
        assert!(outcome.flushes_timed_out > 0, "seed {seed}: nobody was in danger");
    }
}

/// That the test above tests something.
#[test]
fn a_plain_socket_falls_silent_over_one() {
    let mut world = World::new(0);
    let stack = world.stack(1);
    world.stack(2);
    world.spawn(1, async move {
        let rx = Box::leak(Box::new(([PacketMetadata::EMPTY; 4], [0; 500])));
        let tx = Box::leak(Box::new(([PacketMetadata::EMPTY; 4], [0; 500])));
        let mut socket = UdpSocket::new(stack, &mut rx.0, &mut rx.1, &mut tx.0, &mut tx.1);
        socket.bind(PORT).unwrap();
        for number in [101, 2] {
            let to = IpEndpoint::new(ip(number).into(), PORT);
            socket.send_to(b"anybody there?", to).await.unwrap();
        }
        pending().await
    });
    world.run_for(AFTER_DEATH);
    assert_eq!(world.hub.datagrams, []);
}

/// smoltcp asks for one hardware address a second: four seeds are four seconds, if each has its
/// turn.
#[test]
fn dead_seeds_do_not_keep_a_board_from_the_living_one() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let _cluster = world.cluster(4, Options::default());
        world.run_for(secs(20) + Duration::from_millis(seed * 13));
        let late = world.board(9, Options::default());
        for dead in 101..=103 {
            late.swim.join(endpoint(dead)).unwrap();
        }
        late.swim.join(endpoint(1)).unwrap();
        world.run_until(secs(6), || late.living().len() == 5);
    }
}

fn one_dies(seed: u64) -> Outcome {
    let mut world = World::new(seed);
    let mut boards = world.cluster(BOARDS, Options::default());
    world.run_until(secs(20), || boards.iter().all(|b| b.living().len() == BOARDS.into()));
    world.run_for(secs(5) + Duration::from_millis(seed * 37));
    let dead = boards.swap_remove(seed as usize % boards.len());
    world.kill(&dead);
    let died_at = now();
    world.run_for(AFTER_DEATH);
    Outcome {
        gap: longest_gap(&world, &boards, died_at),
        is_slander: boards.iter().any(|board| {
            boards.iter().any(|other| board.was_told(Event::MemberDead(id(other.number))))
        }),
        is_buried: boards.iter().all(|board| board.status(dead.number) == Some(Status::Dead)),
        flushes_timed_out: boards.iter().map(|b| b.swim.counters().flushes_timed_out).sum(),
    }
}

/// The longest time, from `start` to now, in which one of `boards` sent nothing to any other of
/// them.
fn longest_gap(world: &World, boards: &[Board], start: Duration) -> Duration {
    let among = |number| boards.iter().any(|board| board.number == number);
    let gap = |board: &Board| {
        let sent = world.hub.datagrams.iter();
        let sent = sent.filter(|sent| sent.from == board.number && among(sent.to));
        let moments = sent.map(|sent| Duration::from_micros(sent.at)).filter(|at| *at > start);
        let mut last = start;
        let gaps = moments.chain([now()]).map(|at| at - core::mem::replace(&mut last, at));
        gaps.max()
    };
    boards.iter().filter_map(gap).max().unwrap_or_default()
}
