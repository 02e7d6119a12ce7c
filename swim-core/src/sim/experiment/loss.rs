//! A network that loses much, for long.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::stage::Stage;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;

/// Every link loses the same share of datagrams, and nobody fails: all deaths are false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Datagrams lost, of a thousand. Default: 300.
    pub loss_permille: u16,
    /// Whether streams, which lose nothing, are open. Default: yes.
    pub streams: bool,
    /// How long it is looked at. Default: 10 minutes.
    pub duration: Duration,
}

impl Default for Loss {
    fn default() -> Self {
        Self { loss_permille: 300, streams: true, duration: Duration::from_secs(600) }
    }
}

impl Experiment for Loss {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::settled(trial, Link::lan().losing(self.loss_permille))?;
        stage.cluster.network.streams_open = self.streams;
        stage.run_for(self.duration)?;
        let killed = Reading::count("members killed", stage.count_killed(|_| true, |_| true));
        Ok(stage.outcome(Vec::new(), vec![killed]))
    }
}
