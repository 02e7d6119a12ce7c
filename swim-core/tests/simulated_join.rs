//! Views that become right, small: many join at once, one joins late, rows are lost, all restart, a
//! cluster is in two for longer than the dead are remembered.
#![cfg(feature = "sim")]

use std::time::Duration;

use swim_core::sim::experiment::{
    Experiment, Idle, Join, LateJoin, MassRestart, Outcome, Repair, SnapshotRestart, Split, Trial,
    Value,
};
use swim_core::sim::{Failure, seeds};
use swim_core::{Config, Detector};

type Result<T = ()> = std::result::Result<T, Failure>;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn trial(nodes: usize, seed: u64) -> Trial {
    Trial { config: Config { detector: Detector::Witness, ..Config::lan() }, nodes, seed }
}

fn value(outcome: &Outcome, name: &str) -> Value {
    let reading = outcome.readings.iter().find(|reading| reading.name == name);
    reading.unwrap_or_else(|| panic!("no {name}: {:?}", outcome.readings)).value
}

/// How long it took, or longer than anybody waits.
fn time(outcome: &Outcome, name: &str) -> Duration {
    match value(outcome, name) {
        Value::Time(time) => time.unwrap_or(Duration::MAX),
        other => panic!("{name} is no time: {other:?}"),
    }
}

fn number(outcome: &Outcome, name: &str) -> f64 {
    match value(outcome, name) {
        Value::Rate(number) => number,
        Value::Count(count) => count as f64,
        other => panic!("{name} is no number: {other:?}"),
    }
}

#[test]
fn a_hundred_join_through_one_seed() -> Result {
    for seed in seeds(1..4) {
        for (loss_permille, limit) in [(0, seconds(6)), (50, seconds(8)), (300, seconds(25))] {
            let join = Join { loss_permille, limit, ..Join::default() };
            let outcome = join.run(&trial(101, seed))?;
            let (half, all) = (
                time(&outcome, "half of the views complete"),
                time(&outcome, "all views complete"),
            );
            assert!(half <= all && all <= limit, "seed {seed}, {loss_permille} ‰: {outcome:?}");
            assert_eq!(outcome.false_deaths, 0, "seed {seed}, {loss_permille} ‰");
        }
    }
    Ok(())
}

#[test]
fn two_meet_and_small_datagrams_do() -> Result {
    for seed in seeds(1..4) {
        for (nodes, datagram_len_max) in [(2, None), (2, Some(127)), (33, Some(127))] {
            let join = Join { datagram_len_max, limit: seconds(30), ..Join::default() };
            let outcome = join.run(&trial(nodes, seed))?;
            assert!(
                time(&outcome, "all views complete") <= seconds(30),
                "seed {seed}: {outcome:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn one_joins_a_settled_cluster_and_knows_it_sooner_than_it_is_known() -> Result {
    for seed in seeds(1..4) {
        let outcome =
            LateJoin { limit: seconds(20), ..LateJoin::default() }.run(&trial(100, seed))?;
        let own = time(&outcome, "own view complete");
        assert!(own < seconds(2), "seed {seed}: {own:?}");
        assert!(time(&outcome, "all views complete") <= seconds(20), "seed {seed}: {outcome:?}");
        // A hundred rows of 20 bytes and more have come in.
        let bytes = number(&outcome, "joiner bytes in");
        assert!((2_000.0..100_000.0).contains(&bytes), "seed {seed}: {bytes} bytes");
    }
    Ok(())
}

#[test]
fn rows_that_were_lost_come_back() -> Result {
    for seed in seeds(1..4) {
        let repair = Repair { rows: 5, forgetful: 3, limit: seconds(10), ..Repair::default() };
        let outcome = repair.run(&trial(64, seed))?;
        let right = time(&outcome, "all views right");
        assert!(!right.is_zero(), "seed {seed}: nothing was wrong");
        assert!(right <= seconds(10), "seed {seed}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn all_restart_within_seconds_and_are_known_by_their_present_lives() -> Result {
    for seed in seeds(1..4) {
        for (gone_permille, refusing, limit) in [(0, false, 5), (50, false, 30), (50, true, 30)] {
            let limit = seconds(limit);
            let restart = MassRestart { gone_permille, refusing, limit, ..MassRestart::default() };
            let outcome = restart.run(&trial(60, seed))?;
            assert!(time(&outcome, "all views right") <= limit, "seed {seed}: {outcome:?}");
            assert!(number(&outcome, "refutations per node") >= 0.9, "seed {seed}: {outcome:?}");
        }
    }
    Ok(())
}

#[test]
fn all_that_crashed_at_once_find_each_other_by_what_they_kept() -> Result {
    for seed in seeds(1..4) {
        let limit = seconds(60);
        let restart = SnapshotRestart { gone_permille: 100, limit, ..SnapshotRestart::default() };
        let outcome = restart.run(&trial(40, seed))?;
        assert!(time(&outcome, "all views right") <= limit, "seed {seed}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn halves_that_have_forgotten_each_other_meet_again() -> Result {
    for seed in seeds(1..3) {
        for minority_permille in [500, 100] {
            let (cut, tombstone_time) = (seconds(120), Some(seconds(30)));
            let limit = seconds(120);
            let split = Split { minority_permille, cut, tombstone_time, limit, ..Split::default() };
            let outcome = split.run(&trial(40, seed))?;
            assert_eq!(number(&outcome, "dead remembered per node"), 0.0, "seed {seed}");
            let contact = time(&outcome, "first contact");
            assert!(!contact.is_zero(), "seed {seed}: they were never apart");
            let right = time(&outcome, "all views right");
            assert!(contact <= right && right <= limit, "seed {seed}: {outcome:?}");
        }
    }
    Ok(())
}

#[test]
fn changes_cost_bytes_and_quiet_costs_few() -> Result {
    let bytes = |changes_per_second| {
        let idle = Idle { changes_per_second, duration: seconds(60), ..Idle::default() };
        Ok(idle.run(&trial(50, 1))?.traffic.byte_rate())
    };
    let (quiet, busy) = (bytes(0.0)?, bytes(1.0)?);
    assert!(quiet > 20.0 && busy > 2.0 * quiet, "{quiet} {busy}");
    Ok(())
}
