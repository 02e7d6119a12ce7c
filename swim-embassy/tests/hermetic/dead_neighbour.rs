//! A board dies and answers no ARP any more. smoltcp keeps a datagram to it at the head of the
//! socket's queue for ever, and everything behind it.

use std::time::Duration;

use swim_embassy::Options;
use swim_embassy::swim_core::{Event, Status};

use crate::world::{Board, World, id, secs};

const SEEDS: u64 = 20;
const BOARDS: u8 = 8;
/// Long enough for smoltcp to forget the hardware address of the dead (60 s) and for the members
/// to look for it again and again (every 10 s).
const AFTER_DEATH: Duration = Duration::from_secs(150);
const GAP_MAX: Duration = Duration::from_secs(2);

struct Outcome {
    /// The longest time any living board sent nothing to a living one.
    gap: Duration,
    /// Whether somebody living was declared dead.
    slandered: bool,
    /// Whether all others declared the dead one dead.
    buried: bool,
    flushes_timed_out: u32,
}

fn one_dies(seed: u64, options: Options) -> Outcome {
    let mut world = World::new(seed);
    let mut boards = world.cluster(BOARDS, options);
    world.run_until(secs(20), || boards.iter().all(|b| b.living().len() == BOARDS.into()));
    world.run_for(secs(5) + Duration::from_millis(seed * 37));
    let dead = boards.swap_remove(seed as usize % boards.len());
    world.kill(&dead);
    let died = crate::world::now();
    world.run_for(AFTER_DEATH);
    let living: Vec<u8> = boards.iter().map(|board| board.number).collect();
    let gap = |board: &Board| {
        let sent = world.hub.datagrams.iter().filter(|sent| {
            sent.from == board.number
                && living.contains(&sent.to)
                && sent.at >= died.as_micros() as u64
        });
        let mut moments = vec![died];
        moments.extend(sent.map(|sent| Duration::from_micros(sent.at)));
        moments.push(crate::world::now());
        moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
    };
    let slandered = boards
        .iter()
        .any(|board| living.iter().any(|&other| board.was_told(Event::MemberDead(id(other)))));
    Outcome {
        gap: boards.iter().map(gap).max().unwrap(),
        slandered,
        buried: boards.iter().all(|board| board.status(dead.number) == Some(Status::Dead)),
        flushes_timed_out: boards.iter().map(|board| board.swim.counters().flushes_timed_out).sum(),
    }
}

#[test]
fn nobody_falls_silent_over_a_dead_neighbour() {
    for seed in 0..SEEDS {
        let outcome = one_dies(seed, Options::default());
        eprintln!(
            "seed {seed}: gap {:?} slandered {} buried {} timeouts {}",
            outcome.gap, outcome.slandered, outcome.buried, outcome.flushes_timed_out
        );
    }
}

#[test]
fn without_a_deadline_for_the_flush_everybody_falls_silent() {
    let mut options = Options::default();
    options.flush_timeout = secs(3_600);
    for seed in 0..3 {
        let outcome = one_dies(seed, options);
        eprintln!(
            "naive: seed {seed}: gap {:?} slandered {} buried {} timeouts {}",
            outcome.gap, outcome.slandered, outcome.buried, outcome.flushes_timed_out
        );
    }
}
