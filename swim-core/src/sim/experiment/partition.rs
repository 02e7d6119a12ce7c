//! A cluster that falls in two and comes together again.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::stage::Stage;
use super::{Experiment, Trial};
use crate::sim::network::Link;
use crate::sim::report::Failure;

/// A minority is cut off for a while. The minority is anomalous: FP are deaths of the majority, FP-
/// those heard within the majority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// How many are cut off. Default: 20.
    pub minority: usize,
    /// For how long. Default: 6 s.
    pub cut: Duration,
    /// Datagrams lost, of a thousand. Default: 10.
    pub loss_permille: u16,
    /// How long after the cut it is looked at; traffic is measured over all of it. Default: 120 s.
    pub after: Duration,
}

impl Default for Partition {
    fn default() -> Self {
        let (cut, after) = (Duration::from_secs(6), Duration::from_secs(120));
        Self { minority: 20, cut, loss_permille: 10, after }
    }
}

impl Experiment for Partition {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::settled(trial, Link::lan().losing(self.loss_permille))?;
        let minority = stage.pick_anomalous(self.minority);
        stage.cluster.partition(&[&minority]);
        stage.cluster.run_for(self.cut)?;
        stage.cluster.heal();
        let healed = stage.cluster.now();
        let mut last_split = None;
        let end = healed.after(self.after);
        while stage.cluster.now() < end {
            if !stage.cluster.views_complete() {
                last_split = Some(stage.cluster.now());
            }
            stage.cluster.run_for(LOOK_INTERVAL)?;
        }
        let one_view = match last_split {
            None => Some(Duration::ZERO),
            Some(_) if !stage.cluster.views_complete() => None,
            Some(moment) => Some(moment.since(healed) + LOOK_INTERVAL),
        };
        let at_majority = |&(viewer, _): &(usize, usize)| !minority.contains(&viewer);
        let mut declared: Vec<_> =
            stage.deaths().filter(at_majority).map(|death| death.1).collect();
        declared.retain(|about| minority.contains(about));
        declared.sort_unstable();
        declared.dedup();
        let readings = vec![
            Reading::share("minority declared", declared.len() as u64, minority.len() as u64),
            Reading::time("one view again", one_view),
        ];
        Ok(stage.outcome(Vec::new(), readings))
    }
}

/// How often views are looked at, which costs the square of the cluster.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
