//! What is done to a cluster must show.

use core::time::Duration;

use super::*;

fn trial(arm: Arm, seed: u64) -> Trial {
    Trial { config: arm.config(Profile::Lan), nodes: 12, seed }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn reading(outcome: &Outcome, name: &str) -> Value {
    let reading = outcome.readings.iter().find(|reading| reading.name == name);
    reading.unwrap_or_else(|| panic!("no {name}: {:?}", outcome.readings)).value
}

#[test]
fn equal_trials_have_equal_outcomes_and_other_seeds_others() -> Result<(), Failure> {
    let experiments: [&dyn Experiment; 17] = [
        &Crash { refusing: true, ..Crash::default() },
        &Loss { duration: seconds(20), ..Loss::default() },
        &Starve { starved: 3, duration: seconds(20), crash: true, ..Starve::default() },
        &FreezeCell { duration: seconds(20), ..FreezeCell::default() },
        &BadConnection::new(Defect::Lossy(800), 2),
        &Partition { minority: 3, after: seconds(20), ..Partition::default() },
        &Pause::default(),
        &RepeatedPauses { paused: 2, duration: seconds(60), ..RepeatedPauses::default() },
        &Join { loss_permille: 100, ..Join::default() },
        &LateJoin::default(),
        &Idle { changes_per_second: 0.5, duration: seconds(20), ..Idle::default() },
        &Leaves { leaves: 2, rows: 5, failures: 2, duration: seconds(60), ..Leaves::default() },
        &Radio { crashes: 2, duration: seconds(60), ..Radio::default() },
        &Repair { rows: 2, ..Repair::default() },
        &MassRestart { gone_permille: 100, ..MassRestart::default() },
        &SnapshotRestart { gone_permille: 100, ..SnapshotRestart::default() },
        &Split { cut: seconds(60), tombstone_time: Some(seconds(20)), ..Split::default() },
    ];
    for experiment in experiments {
        let outcome = experiment.run(&trial(Arm::Memberlist, 1))?;
        assert_eq!(experiment.run(&trial(Arm::Memberlist, 1))?, outcome);
        assert_ne!(experiment.run(&trial(Arm::Memberlist, 2))?.trace_hash, outcome.trace_hash);
        assert!(outcome.traffic.message_rate() > 1.0 && outcome.unheard == 0);
    }
    Ok(())
}

#[test]
fn a_short_pause_is_survived_and_a_long_one_is_not() -> Result<(), Failure> {
    for (pause, killed) in [(1, 0), (60, 1)] {
        let outcome =
            Pause { pause: seconds(pause), ..Pause::default() }.run(&trial(Arm::Memberlist, 1))?;
        assert_eq!(reading(&outcome, "killed"), Value::Share { hits: killed, of: 1 });
    }
    Ok(())
}

#[test]
fn the_deaf_are_removed_for_good_and_those_of_whom_a_half_is_heard_stay() -> Result<(), Failure> {
    let deaf = BadConnection::new(Defect::Deaf, 2).run(&trial(Arm::Memberlist, 1))?;
    assert_eq!(reading(&deaf, "bad gone at the end"), Value::Share { hits: 2, of: 2 });
    assert_eq!(reading(&deaf, "runs stable"), Value::Share { hits: 1, of: 1 });
    let one_way = BadConnection::new(Defect::OneWay, 2).run(&trial(Arm::Memberlist, 1))?;
    assert_eq!(reading(&one_way, "bad ever killed"), Value::Share { hits: 0, of: 2 });
    Ok(())
}

#[test]
fn a_long_cut_splits_the_views_and_they_become_one_again() -> Result<(), Failure> {
    let partition = Partition { minority: 4, cut: seconds(40), ..Partition::default() };
    let outcome = partition.run(&trial(Arm::Memberlist, 1))?;
    assert_eq!(reading(&outcome, "minority declared"), Value::Share { hits: 4, of: 4 });
    assert!(
        matches!(reading(&outcome, "one view again"), Value::Time(Some(time)) if !time.is_zero())
    );
    assert!(outcome.false_deaths > 0, "the minority holds the majority for dead");
    Ok(())
}

/// Lifeguard section V: timers that run while nothing can be sent or read accuse the healthy.
#[test]
fn a_jam_makes_the_plain_agent_bury_the_healthy_and_a_freeze_does_not() -> Result<(), Failure> {
    let falsely_buried = |anomaly| {
        let (blocked, normal) = (seconds(16), Duration::from_millis(64));
        let cell = FreezeCell { anomaly, blocked, normal, ..FreezeCell::default() };
        let run = |seed| Ok(cell.run(&trial(Arm::PlainAgent, seed))?.false_deaths);
        (1..=4).map(run).sum::<Result<u64, Failure>>()
    };
    let (jam, freeze) = (falsely_buried(Anomaly::Jam)?, falsely_buried(Anomaly::Freeze)?);
    assert!(jam > freeze, "{jam} {freeze}");
    Ok(())
}

#[test]
fn more_loss_costs_more() -> Result<(), Failure> {
    let bytes = |loss_permille| {
        let loss = Loss { loss_permille, duration: seconds(60), ..Loss::default() };
        Ok(loss.run(&trial(Arm::Memberlist, 1))?.traffic.byte_rate())
    };
    assert!(bytes(300)? > 2.0 * bytes(0)?);
    Ok(())
}
