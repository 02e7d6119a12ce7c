//! The detection bound, tried.

use core::time::Duration;

use super::crash::{BETWEEN_REGIONS_MS, settled};
use super::outcome::{Detection, Outcome, Reading};
use super::stage::Stage;
use super::watch::Watch;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;
use crate::{Assumptions, DetectionBound};

/// Somebody who does not know by then never will: so many bounds, or without one so long.
const LIMIT_BOUNDS: u32 = 3;
const LIMIT: Duration = Duration::from_secs(600);
/// Nothing of one crash is left when the next comes: gossip goes to the dead for so long.
const SETTLING_MIN: Duration = Duration::from_secs(10);

/// One member after the other fails, until few are left; each time it is noted how much of
/// [`detection_bound`](crate::Config::detection_bound) had passed when all knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// How many are left in the end. Default: 8.
    pub fewest: usize,
    /// Datagrams lost, of a thousand. Default: 10.
    pub loss_permille: u16,
    /// Whether the nodes lie in four regions, 20 to 119 ms from each other one way. Default: no.
    pub wan: bool,
}

impl Default for Bound {
    fn default() -> Self {
        Self { fewest: 8, loss_permille: 10, wan: false }
    }
}

/// What a crash took, in parts of what it may.
struct Parts {
    first: f64,
    all: f64,
}

impl Experiment for Bound {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = settled(trial, self.loss_permille, self.wan)?;
        let crashes = trial.nodes.saturating_sub(self.fewest.max(1));
        let (mut detections, mut parts) = (Vec::new(), Vec::new());
        for crash in 0..crashes {
            let bound = trial.config.detection_bound(trial.nodes - crash, &self.assumptions());
            let limit = bound.map_or(LIMIT, |bound| bound.all() * LIMIT_BOUNDS);
            let detection = fail_one(&mut stage, limit)?;
            parts.extend(bound.map(|bound| Parts::of(&detection, &bound)));
            detections.push(detection);
            let longer = stage.rng.up_to(trial.config.probe_interval * 2);
            let dead_time = trial.config.gossip_to_dead_time;
            stage.run_for(dead_time.max(SETTLING_MIN) + longer)?;
        }
        Ok(stage.outcome(detections, readings(&parts)))
    }
}

impl Bound {
    /// What is true of this network.
    fn assumptions(&self) -> Assumptions {
        let distance =
            if self.wan { Duration::from_millis(BETWEEN_REGIONS_MS.1) } else { Duration::ZERO };
        Assumptions {
            delay_max: Link::lan().latency_max + distance,
            loss_permille: self.loss_permille,
            patience: Duration::ZERO,
        }
    }
}

fn fail_one(stage: &mut Stage, limit: Duration) -> Result<Detection, Failure> {
    let victims = stage.pick_anomalous(1);
    victims.iter().for_each(|&victim| stage.cluster.crash(victim));
    let mut watch = Watch::over(stage, &victims);
    watch.run_until_known(stage, limit)?;
    Ok(watch.detections(stage).first().copied().unwrap_or_default())
}

impl Parts {
    /// What never came is beyond any bound.
    fn of(detection: &Detection, bound: &DetectionBound) -> Self {
        let part = |time: Option<Duration>, bound: Duration| {
            time.map_or(f64::INFINITY, |time| time.as_secs_f64() / bound.as_secs_f64())
        };
        Self { first: part(detection.first, bound.first()), all: part(detection.all, bound.all()) }
    }
}

/// Nothing, of a detector without a bound.
fn readings(parts: &[Parts]) -> Vec<Reading> {
    if parts.is_empty() {
        return Vec::new();
    }
    let over = |part: f64| parts.iter().filter(|crash| crash.all > part).count() as u64;
    let beyond = parts.iter().filter(|crash| crash.all > 1.0 || crash.first > 1.0).count() as u64;
    let greatest = |part: fn(&Parts) -> f64| parts.iter().map(part).fold(0.0, f64::max);
    let of = parts.len() as u64;
    vec![
        Reading::sample("first / bound", greatest(|crash| crash.first)),
        Reading::sample("all / bound", greatest(|crash| crash.all)),
        Reading::share("over a quarter of the bound", over(0.25), of),
        Reading::share("over half of the bound", over(0.5), of),
        Reading::share("over three quarters of the bound", over(0.75), of),
        Reading::share("beyond the bound", beyond, of),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::experiment::{Arm, Profile, Value};

    fn reading(outcome: &Outcome, name: &str) -> Value {
        outcome.readings.iter().find(|reading| reading.name == name).unwrap().value
    }

    #[test]
    fn no_crash_takes_longer_than_the_bound_and_the_slowest_not_much_less() -> Result<(), Failure> {
        let (mut first_most, mut all_most) = (0.0f64, 0.0f64);
        for (seed, loss_permille, direct_below) in [(1, 0, 0), (2, 50, 0), (3, 10, 64)] {
            let config = crate::Config { direct_below, ..Arm::Witness.config(Profile::Lan) };
            let bound = Bound { fewest: 3, loss_permille, wan: false };
            let outcome = bound.run(&Trial { config, nodes: 24, seed })?;
            assert_eq!(outcome.detections.len(), 21);
            assert_eq!(reading(&outcome, "beyond the bound"), Value::Share { hits: 0, of: 21 });
            let Value::Sample(first) = reading(&outcome, "first / bound") else {
                panic!("no ratio");
            };
            let Value::Sample(all) = reading(&outcome, "all / bound") else {
                panic!("no ratio");
            };
            (first_most, all_most) = (first_most.max(first), all_most.max(all));
        }
        assert!(first_most > 0.5 && all_most > 0.3, "{first_most} {all_most}");
        Ok(())
    }

    #[test]
    fn who_promises_nothing_is_not_held_to_it() -> Result<(), Failure> {
        let config = Arm::Memberlist.config(Profile::Lan);
        let bound = Bound { fewest: 6, ..Bound::default() };
        let outcome = bound.run(&Trial { config, nodes: 8, seed: 1 })?;
        assert_eq!((outcome.detections.len(), outcome.readings.len()), (2, 0));
        Ok(())
    }
}
