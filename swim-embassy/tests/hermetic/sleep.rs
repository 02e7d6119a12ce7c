//! Planned sleep: a board says that it will be silent, and until when.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use swim_embassy::Options;
use swim_embassy::swim_core::{Event, SleepError, Standing, Status};

use crate::world::{Board, World, id, now, secs};

const NAP: Duration = Duration::from_secs(30);
const SLEEPER: usize = 2;

#[test]
fn who_sleeps_as_announced_is_never_suspected() {
    for seed in 0..5 {
        let (mut world, boards) = settled(seed);
        let wakes_at = announce(&mut world, &boards);
        assert!(
            boards
                .iter()
                .filter(|b| b.number != 3)
                .all(|board| { board.swim.member(id(3)).is_some_and(|member| member.asleep) })
        );
        world.halt(&boards[SLEEPER], wakes_at - now());
        world.run_for(NAP + secs(30));
        for board in &boards {
            assert!(!board.was_told(Event::MemberSuspected(id(3))), "seed {seed}");
            assert_eq!(board.living().len(), boards.len(), "seed {seed}");
            assert!(!board.swim.member(id(3)).unwrap().asleep, "seed {seed}");
        }
        assert_eq!(boards[SLEEPER].swim.stats().stalls, 0);
    }
}

#[test]
fn who_dies_asleep_is_missed_when_it_should_be_back() {
    for seed in 0..5 {
        let (mut world, mut boards) = settled(seed);
        let wakes_at = announce(&mut world, &boards);
        let sleeper = boards.swap_remove(SLEEPER);
        world.kill(&sleeper);
        world.run_for(wakes_at - now());
        assert!(boards.iter().all(|board| board.status(3) == Some(Status::Alive)));
        // The margin of the preset, and what any death takes.
        world.run_for(secs(2) + secs(8));
        assert!(boards.iter().all(|board| board.status(3) == Some(Status::Dead)), "seed {seed}");
        assert!(boards.iter().all(|board| board.living().len() == boards.len()));
    }
}

#[test]
fn a_sleep_may_be_refused_or_ended_early() {
    let (mut world, boards) = settled(9);
    let swim = boards[0].swim;
    let refused = Rc::new(Cell::new(false));
    let noted = Rc::clone(&refused);
    world.spawn(1, async move {
        let too_late = embassy_time::Instant::now() + embassy_time::Duration::from_secs(172_800);
        let error = swim.sleep_until(too_late).await.unwrap_err();
        noted.set(matches!(error, SleepError::TooLong { .. }));
    });
    world.run_until(secs(1), || refused.get());

    announce(&mut world, &boards);
    boards[SLEEPER].swim.wake();
    world.run_until(secs(5), || {
        boards.iter().all(|board| board.swim.member(id(3)).is_some_and(|member| !member.asleep))
    });
    boards[SLEEPER].swim.rejoin();
    assert_eq!(boards[SLEEPER].swim.standing(), Standing::Alive);
}

/// Whoever has been told nothing would take it for dead.
#[test]
fn an_announcement_waits_for_the_link() {
    for seed in 0..5 {
        let (mut world, boards) = settled(seed);
        world.hub.set_link(3, false);
        world.run_for(Duration::from_millis(50));
        let announced_at = now();
        let (told, wakes_at) = say(&mut world, &boards);
        world.run_for(Duration::from_millis(300));
        assert!(!told.get(), "seed {seed}: nobody can have heard it");
        world.hub.set_link(3, true);
        world.run_until(secs(2), || told.get());
        assert!(now() - announced_at < secs(2), "seed {seed}: it tried long enough");
        world.halt(&boards[SLEEPER], wakes_at - now());
        world.run_for(NAP + secs(30));
        for board in &boards {
            assert!(!board.was_told(Event::MemberSuspected(id(3))), "seed {seed}");
            assert_eq!(board.living().len(), boards.len(), "seed {seed}");
        }
    }
}

/// `leave_timeout` is all that is waited for a link.
#[test]
fn a_link_that_stays_down_is_not_waited_for_too_long() {
    let (mut world, boards) = settled(0);
    world.hub.set_link(3, false);
    let (told, _) = say(&mut world, &boards);
    world.run_for(Duration::from_millis(4_900));
    assert!(!told.get());
    world.run_for(Duration::from_millis(300));
    assert!(told.get());
}

fn settled(seed: u64) -> (World, Vec<Board>) {
    let mut world = World::new(seed);
    let boards = world.cluster(6, Options::default());
    world.run_until(secs(10), || boards.iter().all(|board| board.living().len() == 6));
    world.run_for(secs(5) + Duration::from_millis(seed * 111));
    (world, boards)
}

/// Has the sleeper announce its nap, until it may sleep; returns when it wants to be back.
fn announce(world: &mut World, boards: &[Board]) -> Duration {
    let (told, wakes_at) = say(world, boards);
    world.run_until(secs(6), || told.get());
    wakes_at
}

/// Has the sleeper announce its nap; returns whether it may sleep, and when it wants to be back.
fn say(world: &mut World, boards: &[Board]) -> (Rc<Cell<bool>>, Duration) {
    let (swim, told) = (boards[SLEEPER].swim, Rc::new(Cell::new(false)));
    let noted = Rc::clone(&told);
    let wakes_at = now() + NAP;
    world.spawn(boards[SLEEPER].number, async move {
        let at = embassy_time::Instant::from_micros(wakes_at.as_micros() as u64);
        swim.sleep_until(at).await.unwrap();
        noted.set(true);
    });
    (told, wakes_at)
}
