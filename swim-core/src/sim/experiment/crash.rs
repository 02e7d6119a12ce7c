//! Members whose host or process is gone.

use core::time::Duration;

use super::outcome::{Detection, Outcome};
use super::stage::Stage;
use super::watch::Watch;
use super::{Experiment, Trial};
use crate::rng::Rng;
use crate::sim::cluster::Cluster;
use crate::sim::link::Link;
use crate::sim::report::Failure;
use crate::storage::Growable;

/// Regions of a wide area network.
const REGIONS: usize = 4;
/// One way between two regions, in milliseconds: between the nearest two and between the furthest.
pub(super) const BETWEEN_REGIONS_MS: (u64, u64) = (20, 119);

/// Members that fail at one moment, without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// How many fail. Default: 1.
    pub crashed: usize,
    /// Whether their hosts live, and refuse what is sent there. Default: no.
    pub refusing: bool,
    /// Datagrams lost, of a thousand. Default: 10.
    pub loss_permille: u16,
    /// Whether the nodes lie in four regions, 20 to 119 ms from each other one way. Default: no.
    pub wan: bool,
    /// Traffic is measured for so long after the failure. Default: 30 s.
    pub window: Duration,
    /// After this nobody waits for an answer any more. Default: 300 s.
    pub limit: Duration,
}

impl Default for Crash {
    fn default() -> Self {
        let (window, limit) = (Duration::from_secs(30), Duration::from_secs(300));
        Self { crashed: 1, refusing: false, loss_permille: 10, wan: false, window, limit }
    }
}

impl Experiment for Crash {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = settled(trial, self.loss_permille, self.wan)?;
        let victims = stage.pick_anomalous(self.crashed);
        for &victim in &victims {
            match self.refusing {
                true => stage.cluster.kill(victim),
                false => stage.cluster.crash(victim),
            }
        }
        let detections = detect(&mut stage, &victims, self.window, self.limit)?;
        Ok(stage.outcome(detections, Vec::new()))
    }
}

/// A cluster that is settled over a link that loses so much, in regions if asked for.
pub(super) fn settled(trial: &Trial, loss_permille: u16, wan: bool) -> Result<Stage, Failure> {
    let link = Link::lan().losing(loss_permille);
    Stage::settled_over(trial, link, |cluster| {
        if wan {
            spread(cluster, link, trial.seed);
        }
    })
}

/// Until all know of the victims, or the limit is over; traffic is measured in the window.
pub(super) fn detect(
    stage: &mut Stage,
    victims: &[usize],
    window: Duration,
    limit: Duration,
) -> Result<Vec<Detection>, Failure> {
    let mut watch = Watch::over(stage, victims);
    stage.open_window();
    watch.run_for(stage, window)?;
    stage.close_window();
    watch.run_until_known(stage, limit)?;
    Ok(watch.detections(stage))
}

/// Puts every node into one of the regions, and the regions apart.
fn spread(cluster: &mut Cluster<Growable>, link: Link, seed: u64) {
    let mut rng = Rng::new(seed);
    let region: Vec<_> = (0..cluster.len()).map(|_| rng.below(REGIONS)).collect();
    for from in 0..cluster.len() {
        for to in (0..cluster.len()).filter(|&to| region[to] != region[from]) {
            let distance = distance(region[from], region[to]);
            let latency_min = link.latency_min + distance;
            let latency_max = link.latency_max + distance;
            cluster.network.set_link(from, to, Link { latency_min, latency_max, ..link });
        }
    }
}

/// One way between two regions: the six pairs are spread evenly over the range.
fn distance(one: usize, other: usize) -> Duration {
    let (near, far) = (one.min(other), one.max(other));
    let pair = (far * (far - 1) / 2 + near) as u64;
    let pairs = (REGIONS * (REGIONS - 1) / 2) as u64;
    let (least, most) = BETWEEN_REGIONS_MS;
    Duration::from_millis(least + (most - least) * pair / (pairs - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::experiment::{Arm, Profile};

    #[test]
    fn regions_lie_20_to_119_ms_apart() {
        let pairs = (0..REGIONS).flat_map(|far| (0..far).map(move |near| (near, far)));
        let mut distances: Vec<_> =
            pairs.map(|(near, far)| distance(near, far).as_millis()).collect();
        distances.sort_unstable();
        assert_eq!(distances, [20, 39, 59, 79, 99, 119]);
        assert_eq!(distance(3, 1), distance(1, 3));
    }

    #[test]
    fn a_crash_is_found_by_one_and_then_by_all_and_equal_trials_are_equal() -> Result<(), Failure> {
        let trial = Trial { config: Arm::Memberlist.config(Profile::Lan), nodes: 8, seed: 3 };
        for wan in [false, true] {
            let crash = Crash { crashed: 2, wan, ..Crash::default() };
            let outcome = crash.run(&trial)?;
            assert_eq!(outcome.detections.len(), 2);
            for detection in &outcome.detections {
                assert!(detection.first.is_some() && detection.first <= detection.all);
            }
            assert!(outcome.traffic.message_rate() > 1.0);
            assert_eq!(crash.run(&trial)?, outcome);
            assert_ne!(crash.run(&Trial { seed: 4, ..trial })?.trace_hash, outcome.trace_hash);
        }
        Ok(())
    }
}
