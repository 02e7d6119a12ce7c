//! A board that stands still, in a debugger or in deep sleep, and finds that its clock has jumped.

use std::time::Duration;

use swim_embassy::Options;
use swim_embassy::swim_core::Event;

use crate::world::{Board, World, endpoint, now, secs};

#[test]
fn a_halted_board_accuses_nobody() {
    for (seed, pause) in [(1, 1), (2, 2), (3, 20), (4, 600)] {
        let mut world = World::new(seed);
        let boards = world.cluster(6, Options::default());
        world.run_until(secs(10), || boards.iter().all(|board| board.living().len() == 6));
        world.run_for(Duration::from_millis(5_000 + seed * 77));
        let halted_at = now();
        world.halt(&boards[2], secs(pause));
        world.run_for(secs(pause + 60));
        assert_eq!(accusations(&boards[2], halted_at), [], "after {pause} s");
        assert!(boards.iter().all(|board| board.living().len() == 6), "after {pause} s");
        // After one second it may have missed nothing.
        assert!(pause == 1 || boards[2].swim.stats().stalls == 1, "after {pause} s");
    }
}

#[test]
fn when_all_clocks_jump_nobody_is_accused() {
    let mut world = World::new(5);
    let boards = world.cluster(6, Options::default());
    world.run_until(secs(10), || boards.iter().all(|board| board.living().len() == 6));
    let halted_at = now();
    boards.iter().for_each(|board| world.halt(board, secs(3_600)));
    world.run_for(secs(3_660));
    for board in &boards {
        assert_eq!(accusations(board, halted_at), []);
        assert_eq!(board.living().len(), 6);
    }
}

/// A pause too short to be taken for a stall, but longer than a ping is waited for.
#[test]
fn an_answer_that_waits_is_read_before_its_time_is_up() {
    let mut world = World::new(6);
    let boards = world.cluster(6, Options::default());
    world.run_until(secs(10), || boards.iter().all(|board| board.living().len() == 6));
    world.run_for(secs(20));
    let before = boards[2].swim.stats();
    for _ in 0..20 {
        let probes = boards[2].swim.stats().probes;
        while boards[2].swim.stats().probes == probes {
            world.run_for(Duration::from_micros(50));
        }
        world.halt(&boards[2], Duration::from_millis(240));
        world.run_for(secs(2));
    }
    let after = boards[2].swim.stats();
    assert!(after.probes >= before.probes + 20);
    assert_eq!(after.probes_indirect, before.probes_indirect);
    assert_eq!(after.stalls, 0);
}

/// Halted right after it asked for a hardware address, for longer than a datagram waits for one.
#[test]
fn a_datagram_is_not_given_up_over_an_answer_that_waits() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let boards = [1, 2].map(|number| world.board(number, Options::default()));
        world.run_for(secs(1));
        boards[0].swim.join(endpoint(2)).unwrap();
        world.run_for(Duration::from_micros(50));
        assert!(world.hub.datagrams.is_empty(), "seed {seed}: it need not ask");
        world.halt(&boards[0], Duration::from_millis(100));
        world.run_for(Duration::from_millis(110));
        assert_eq!(boards[0].swim.counters().flushes_timed_out, 0, "seed {seed}");
        assert!(!world.hub.datagrams.is_empty(), "seed {seed}");
    }
}

/// Whom it held for suspect or dead since then.
fn accusations(board: &Board, since: Duration) -> Vec<Event<swim_embassy::Endpoint>> {
    let told = board.told().into_iter().filter(|(at, _)| *at > since);
    told.map(|(_, event)| event.unwrap())
        .filter(|event| matches!(event, Event::MemberSuspected(_) | Event::MemberDead(_)))
        .collect()
}
