//! Boards that say goodbye.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use swim_embassy::swim_core::Status;
use swim_embassy::{Options, WAITERS_MAX};

use crate::world::{Board, Handle, World, now, secs};

const LEAVER: usize = 2;

/// Firmware may switch the board off at once.
#[test]
fn nothing_is_under_way_any_more_when_it_has_left() {
    for seed in 0..40 {
        let mut world = World::new(seed);
        let boards = world.cluster(8, Options::default());
        // Some members have been heard of, not talked to: their hardware addresses are unknown.
        world.run_until(secs(20), || boards[LEAVER].living().len() == 8);
        let left = Rc::new(Cell::new(None));
        leave(&mut world, &boards[LEAVER], &left, |_| ());
        let mut written = 0;
        loop {
            world.run_for(Duration::from_micros(50));
            if left.get().is_some() {
                break;
            }
            written = boards[LEAVER].swim.stats().packets_sent;
        }
        let counters = boards[LEAVER].swim.counters();
        let given_up = counters.flushes_timed_out + counters.sends_yielded;
        let sent = world.hub.datagrams.iter().filter(|sent| sent.from == 3).count();
        assert!(sent as u32 + given_up >= written, "seed {seed}: {sent}, {given_up}, {written}");
    }
}

#[test]
fn a_goodbye_waits_for_the_link() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let boards = world.cluster(4, Options::default());
        world.run_until(secs(10), || boards.iter().all(|board| board.living().len() == 4));
        world.run_for(secs(5) + Duration::from_millis(seed * 111));
        world.hub.set_link(3, false);
        world.run_for(Duration::from_millis(50));
        let left_at = Rc::new(Cell::new(None));
        leave(&mut world, &boards[LEAVER], &left_at, |_| now());
        world.run_for(Duration::from_millis(500));
        assert_eq!(left_at.get(), None, "seed {seed}: nobody can have heard it");
        world.hub.set_link(3, true);
        world.run_until(secs(2), || left_at.get().is_some());
        world.kill(&boards[LEAVER]);
        world.run_for(secs(5));
        for board in boards.iter().filter(|board| board.number != 3) {
            assert_eq!(board.status(3), Some(Status::Left), "seed {seed}");
        }
    }
}

/// They do not keep waking each other.
#[test]
fn more_tasks_wait_than_have_a_place() {
    let mut world = World::new(4);
    let boards = world.cluster(3, Options::default());
    world.run_for(secs(5));
    let polls = Rc::new(Cell::new(0));
    let left: Vec<_> = (0..2 * WAITERS_MAX).map(|_| Rc::new(Cell::new(None))).collect();
    for note in &left {
        let (swim, polls, note) = (boards[LEAVER].swim, Rc::clone(&polls), Rc::clone(note));
        world.spawn(3, async move {
            let mut leave = pin!(swim.leave());
            poll_fn(|cx| {
                polls.set(polls.get() + 1);
                leave.as_mut().poll(cx)
            })
            .await;
            note.set(Some(()));
        });
    }
    world.run_for(secs(10));
    assert!(left.iter().all(|note| note.get().is_some()));
    // Each of them looks after the others' commands, after events, and every 100 ms.
    assert!(polls.get() < 100 * left.len(), "{} polls", polls.get());
}

/// Has a board leave, and notes what is so at that moment.
fn leave<T: 'static>(
    world: &mut World,
    board: &Board,
    note: &Rc<Cell<Option<T>>>,
    what: fn(Handle) -> T,
) {
    let (swim, note) = (board.swim, Rc::clone(note));
    world.spawn(board.number, async move {
        swim.leave().await;
        note.set(Some(what(swim)));
    });
}
