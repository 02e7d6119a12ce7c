//! Processes that get too little of their processors: they read late, and are well otherwise.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::stage::Stage;
use super::watch::Watch;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;

/// Some members read every packet late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Starve {
    /// How many. Default: 12.
    pub starved: usize,
    /// The least lateness; each packet has its own, drawn evenly. Default: 0.5 s.
    pub late_min: Duration,
    /// The greatest lateness. Default: 2.5 s.
    pub late_max: Duration,
    /// Whether the host of a healthy member fails meanwhile. Default: no.
    pub crash: bool,
    /// Datagrams lost, of a thousand. Default: 20.
    pub loss_permille: u16,
    /// How long it goes on; the crash is halfway. Default: 120 s.
    pub duration: Duration,
}

impl Default for Starve {
    fn default() -> Self {
        Self {
            starved: 12,
            late_min: Duration::from_millis(500),
            late_max: Duration::from_millis(2_500),
            crash: false,
            loss_permille: 20,
            duration: Duration::from_secs(120),
        }
    }
}

impl Experiment for Starve {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::settled(trial, Link::lan().losing(self.loss_permille))?;
        let starved = stage.pick_anomalous(self.starved);
        for &node in &starved {
            stage.cluster.starve(node, self.late_min..self.late_max);
        }
        stage.run_for(self.duration / 2)?;
        let victims = stage.pick_anomalous(self.crash.into());
        for &victim in &victims {
            stage.cluster.crash(victim);
        }
        let mut watch = Watch::over(&stage, &victims);
        watch.run_for(&mut stage, self.duration / 2)?;
        let killed = stage.count_killed(|_| true, |node| starved.contains(&node));
        let killed = Reading::share("starved killed", killed, starved.len() as u64);
        let detections = watch.detections(&stage);
        Ok(stage.outcome(detections, vec![killed]))
    }
}
