//! Small clusters: heartbeats to everybody against one probe an interval.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::stage::Stage;
use super::watch::Watch;
use super::{Experiment, Trial};
use crate::Config;
use crate::sim::link::Link;
use crate::sim::report::Failure;

/// One member fails, and before that nobody does: how soon that is known, and what both cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direct {
    /// [`Config::direct_below`]. Default: 0, one probe an interval.
    pub direct_below: u16,
    /// Datagrams lost, of a thousand. Default: 10.
    pub loss_permille: u16,
    /// How long it is looked at before the failure. Default: 60 s.
    pub idle: Duration,
    /// Traffic is measured for so long after the failure. Default: 30 s.
    pub window: Duration,
    /// After this nobody waits for an answer any more. Default: 300 s.
    pub limit: Duration,
}

impl Default for Direct {
    fn default() -> Self {
        let [idle, window, limit] = [60, 30, 300].map(Duration::from_secs);
        Self { direct_below: 0, loss_permille: 10, idle, window, limit }
    }
}

impl Experiment for Direct {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let config = Config { direct_below: self.direct_below, ..trial.config };
        let trial = Trial { config, ..*trial };
        let mut stage = Stage::settled(&trial, Link::lan().losing(self.loss_permille))?;
        stage.open_window();
        stage.run_for(self.idle)?;
        let idle = stage.close_window();
        let victims = stage.pick_anomalous(1);
        victims.iter().for_each(|&victim| stage.cluster.crash(victim));
        let mut watch = Watch::over(&stage, &victims);
        stage.open_window();
        watch.run_for(&mut stage, self.window)?;
        stage.close_window();
        watch.run_until_known(&mut stage, self.limit)?;
        let detections = watch.detections(&stage);
        let readings = vec![
            Reading::rate("idle messages per node and second", idle.message_rate()),
            Reading::rate("idle bytes per node and second", idle.byte_rate()),
        ];
        Ok(stage.outcome(detections, readings))
    }
}
