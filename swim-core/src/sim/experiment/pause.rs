//! Processes that stand still for a while and are well otherwise.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::stage::Stage;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;

/// Longest wait for the news of a death after the pause.
const AFTERMATH: Duration = Duration::from_secs(30);

/// One member stands still once; whether anybody declares it dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// For how long. Default: 5 s.
    pub pause: Duration,
    /// Datagrams lost, of a thousand. Default: 10.
    pub loss_permille: u16,
}

impl Default for Pause {
    fn default() -> Self {
        Self { pause: Duration::from_secs(5), loss_permille: 10 }
    }
}

impl Experiment for Pause {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::settled(trial, Link::lan().losing(self.loss_permille))?;
        let paused = stage.pick_anomalous(1);
        for &node in &paused {
            stage.cluster.freeze(node, self.pause);
        }
        stage.run_for(self.pause + AFTERMATH)?;
        let killed = stage.count_killed(|_| true, |node| paused.contains(&node));
        let killed = Reading::share("killed", killed, paused.len() as u64);
        Ok(stage.outcome(Vec::new(), vec![killed]))
    }
}
