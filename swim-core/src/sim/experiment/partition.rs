//! A cluster that falls in two and comes together again.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::stage::Stage;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;

/// How often views are looked at, which costs the square of the cluster.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

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
        stage.run_for(self.cut)?;
        stage.cluster.heal();
        let one_view = self.time_to_one_view(&mut stage)?;
        let in_minority = |node: usize| minority.contains(&node);
        let declared = stage.count_killed(|viewer| !in_minority(viewer), in_minority);
        let readings = vec![
            Reading::share("minority declared", declared, minority.len() as u64),
            Reading::time("one view again", one_view),
        ];
        Ok(stage.outcome(Vec::new(), readings))
    }
}

impl Partition {
    /// How long views differed after the cut, if they did not to the end.
    fn time_to_one_view(&self, stage: &mut Stage) -> Result<Option<Duration>, Failure> {
        let healed = stage.now();
        let mut time = Duration::ZERO;
        while stage.now().since(healed) < self.after {
            stage.run_for(LOOK_INTERVAL)?;
            if !stage.cluster.views_complete() {
                time = stage.now().since(healed);
            }
        }
        Ok((time < self.after).then_some(time))
    }
}
