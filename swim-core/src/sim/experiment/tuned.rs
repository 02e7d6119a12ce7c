//! Settings, predicted and tried.

use core::time::Duration;

use super::direct::Direct;
use super::outcome::{Outcome, Reading};
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;
use crate::{Assumptions, Config};

/// Bytes of a ping and its ack without news, and of what each relay of a stage sends and is sent:
/// a request, a ping, an ack, and the ack passed on. As long as they are in the simulator, where
/// ids have 56 bits and addresses 6 bytes; `swim sim idle` shows the first.
const PROBE_LEN: f64 = 62.0;
const RELAYED_LEN: f64 = 140.0;

/// A network, in which settings are to prove themselves: one idle minute, and a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuned {
    /// Datagrams lost, of a thousand.
    pub loss_permille: u16,
    /// The longest round trip.
    pub rtt: Duration,
}

/// What the formulas say of settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// From a crash until the first knows, in the median: the pause that is tolerated, half a probe
    /// interval, and four answer timeouts.
    pub first: Duration,
    /// From a crash until all know, at the longest; `None` where there is no bound.
    pub bound: Option<Duration>,
    /// Bytes of one node in a second while nobody fails.
    pub byte_rate: f64,
}

impl Tuned {
    /// What is to be expected of `nodes` nodes with these settings.
    pub fn predict(&self, config: &Config, nodes: usize) -> Prediction {
        let assumed = Assumptions {
            delay_max: self.rtt / 2,
            loss_permille: self.loss_permille,
            patience: Duration::ZERO,
        };
        // Latencies are spread over the upper three quarters, and the timeout is three medians.
        let answer = (self.rtt * 15 / 8).clamp(config.probe_timeout_min, config.probe_timeout_max);
        let bound = config.detection_bound(nodes, &assumed).map(|bound| bound.all());
        Prediction {
            first: config.pause_tolerance + config.probe_interval / 2 + answer * 4,
            bound,
            byte_rate: self.byte_rate(config),
        }
    }

    /// A probe an interval, and of those whose ping or ack is lost, a stage.
    fn byte_rate(&self, config: &Config) -> f64 {
        let arriving = 1.0 - f64::from(self.loss_permille) / 1_000.0;
        let unanswered = 1.0 - arriving * arriving;
        let stage = PROBE_LEN + f64::from(config.indirect_probes) * RELAYED_LEN;
        (PROBE_LEN + unanswered * stage) / config.probe_interval.as_secs_f64()
    }

    fn link(&self) -> Link {
        let (latency_min, latency_max) = (self.rtt / 8, self.rtt / 2);
        Link { latency_min, latency_max, ..Link::lan() }.losing(self.loss_permille)
    }
}

impl Experiment for Tuned {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let crash = Direct { link: self.link(), ..Direct::default() };
        let mut outcome = crash.run(trial)?;
        let predicted = self.predict(&trial.config, trial.nodes);
        let (first, bound) = (predicted.first.as_secs_f64(), predicted.bound);
        outcome.readings.extend([
            Reading::given("predicted idle bytes per node and second", Some(predicted.byte_rate)),
            Reading::given("predicted first p50, s", Some(first)),
            Reading::given("predicted all at most, s", bound.map(|bound| bound.as_secs_f64())),
        ]);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::experiment::Value;

    #[test]
    fn predictions_are_near_what_comes() -> Result<(), Failure> {
        for (loss_permille, millis) in [(0, 4), (50, 40)] {
            let tuned = Tuned { loss_permille, rtt: Duration::from_millis(millis) };
            let trial = Trial { config: Config::lan(), nodes: 16, seed: 3 };
            let outcome = tuned.run(&trial)?;
            let predicted = tuned.predict(&trial.config, trial.nodes);
            let Value::Rate(bytes) = outcome.readings[1].value else { panic!("no bytes") };
            let ratio = predicted.byte_rate / bytes;
            assert!((0.75..1.33).contains(&ratio), "{} for {bytes}", predicted.byte_rate);
            let first = outcome.detections[0].first.unwrap();
            assert!(first < predicted.first * 2 && predicted.first < first * 2, "{first:?}");
            let all = outcome.detections[0].all.expect("all know");
            assert!(predicted.bound.is_some_and(|bound| all <= bound), "{all:?}");
        }
        Ok(())
    }
}
