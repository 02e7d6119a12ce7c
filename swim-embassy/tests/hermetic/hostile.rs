//! What a network may bring that no member has sent.

use std::time::Duration;

use embassy_net::udp::{PacketMetadata, UdpSocket};
use embassy_net::{IpEndpoint, Stack};
use embassy_time::Timer;
use swim_embassy::swim_core::{Config, Event, Identity};
use swim_embassy::{Endpoint, Options, Resources};

use crate::random::Random;
use crate::world::{Board, World, endpoint, id, ip, secs};

const OUTSIDER: u8 = 99;

#[test]
fn foreign_datagrams_are_counted_and_harm_nobody() {
    let mut world = World::new(1);
    let boards = world.cluster(4, Options::default());
    let stack = world.stack(OUTSIDER);
    world.spawn(OUTSIDER, async move { babble(stack).await });
    world.run_for(secs(60));
    assert_peace(&boards);
    for board in &boards {
        let counters = board.swim.counters();
        // One in eight is longer than the buffer; the others are for the node to reject.
        assert!(counters.datagrams_truncated > 20, "{counters:?}");
        let stats = board.swim.stats();
        assert!(stats.rejected_malformed + stats.rejected_version > 500, "{stats:?}");
    }
}

/// Sends bytes of any length to four boards, for ever.
async fn babble(stack: Stack<'static>) {
    let mut random = Random(5);
    let rx = Box::leak(Box::new(([PacketMetadata::EMPTY; 4], [0; 2_000])));
    let tx = Box::leak(Box::new(([PacketMetadata::EMPTY; 4], [0; 2_000])));
    let mut socket = UdpSocket::new(stack, &mut rx.0, &mut rx.1, &mut tx.0, &mut tx.1);
    socket.bind(1_234).unwrap();
    let mut bytes = [0; 1_472];
    loop {
        for number in 1..=4 {
            bytes.fill_with(|| random.next() as u8);
            let len = if random.chance(12) { 1_472 } else { random.below(1_400) as usize };
            let to = IpEndpoint::new(ip(number).into(), endpoint(number).port());
            socket.send_to(&bytes[..len], to).await.unwrap();
            Timer::after_millis(20).await;
        }
    }
}

#[test]
fn frames_cut_short_are_lost_and_nothing_else() {
    let mut world = World::new(2);
    world.hub.cut = 10;
    let boards = world.cluster(5, Options::default());
    world.run_until(secs(30), || boards.iter().all(|board| board.living().len() == 5));
    world.run_for(secs(60));
    assert!(world.hub.frames_cut > 100, "{} were cut", world.hub.frames_cut);
    assert_peace(&boards);
}

#[test]
fn packets_cut_short_are_rejected_and_nothing_else() {
    let mut world = World::new(2);
    world.hub.short = 10;
    let boards = world.cluster(5, Options::default());
    world.run_until(secs(30), || boards.iter().all(|board| board.living().len() == 5));
    world.run_for(secs(60));
    for board in &boards {
        let stats = board.swim.stats();
        assert!(stats.rejected_malformed > 10, "{stats:?}");
    }
    assert_peace(&boards);
}

#[test]
fn a_host_that_answers_with_icmp_is_no_obstacle() {
    let mut world = World::new(3);
    let boards = world.cluster(3, Options::default());
    // Nothing listens there: its stack says so with an ICMP message for every join.
    world.stack(OUTSIDER);
    boards[2].swim.join(endpoint(OUTSIDER)).unwrap();
    world.run_for(secs(60));
    assert!(world.hub.datagrams.iter().any(|sent| sent.from == 3 && sent.to == OUTSIDER));
    assert_peace(&boards);
    assert!(boards[2].swim.cancel_join(endpoint(OUTSIDER)));
    assert!(!boards[2].swim.cancel_join(endpoint(OUTSIDER)));
}

#[test]
fn members_told_to_be_nowhere_get_nothing() {
    let mut world = World::new(4);
    let boards = world.cluster(3, Options::default());
    world.run_for(secs(5));
    // The broadcast address of the subnet looks like any other to who does not know the mask.
    boards[0].swim.join(Endpoint::new([10, 0, 0, 255].into(), 7_946)).unwrap();
    world.run_for(secs(30));
    assert!(boards[0].swim.counters().sends_unusable > 3);
    assert!(world.hub.datagrams.iter().all(|sent| sent.to != 0xff));
    assert_peace(&boards);
}

#[test]
fn a_link_that_is_down_is_waited_for() {
    let mut world = World::new(5);
    let boards = world.cluster(3, Options::default());
    world.run_until(secs(10), || boards.iter().all(|board| board.living().len() == 3));
    world.hub.set_link(3, false);
    world.run_for(Duration::from_millis(50));
    let sent = boards[2].swim.stats().packets_sent;
    let counters = boards[2].swim.counters();
    world.run_for(Duration::from_millis(2_500));
    assert_eq!(boards[2].swim.stats().packets_sent, sent);
    assert_eq!((boards[2].swim.counters(), boards[2].swim.stats().stalls), (counters, 0));
    world.hub.set_link(3, true);
    world.run_until(secs(1), || boards[2].swim.stats().packets_sent > sent);
    world.run_for(secs(20));
    assert_peace(&boards);
}

/// Long enough for everybody to take everybody else behind it for dead.
#[test]
fn a_link_may_stay_down_for_long() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let boards = world.cluster(5, Options::default());
        world.run_until(secs(10), || boards.iter().all(|board| board.living().len() == 5));
        world.hub.set_link(3, false);
        world.run_for(secs(90));
        assert!(boards[0].was_told(Event::MemberDead(id(3))), "seed {seed}");
        world.hub.set_link(3, true);
        world.run_until(secs(60), || boards.iter().all(|board| board.living().len() == 5));
        assert_eq!(boards[2].swim.stats().stalls, 0, "seed {seed}");
    }
}

#[test]
fn a_table_smaller_than_the_cluster_is_enough() {
    let mut world = World::new(6);
    let boards = world.cluster(8, Options::default());
    let stack = world.stack(9);
    let resources = Box::leak(Box::new(Resources::<4, 0, 512>::new()));
    let config = Config { datagram_len_max: 512, ..Config::lan() };
    let identity = Identity::new(id(9), endpoint(9));
    let (leaf, runner) =
        swim_embassy::new(stack, resources, identity, Options::new(config), 1).unwrap();
    world.spawn(9, async move { runner.run().await });
    let mut events = leaf.events().unwrap();
    leaf.join(endpoint(1)).unwrap();
    let mut full = 0;
    for _ in 0..60 {
        world.run_for(secs(1));
        while let Some(event) = events.try_next().unwrap() {
            full += usize::from(event == Event::TableFull);
        }
    }
    assert_eq!((leaf.members().count(), full), (4, 1));
    assert!(leaf.is_leaf());
    assert!(boards.iter().all(|board| board.living().len() == 9));
    assert!(boards.iter().all(|board| board.swim.stats().died == 0));
}

/// Everybody holds everybody for alive, and never thought otherwise.
fn assert_peace(boards: &[Board]) {
    for board in boards {
        assert_eq!(board.living().len(), boards.len(), "board {}", board.number);
        assert_eq!(board.swim.stats().died, 0, "board {}", board.number);
    }
}
