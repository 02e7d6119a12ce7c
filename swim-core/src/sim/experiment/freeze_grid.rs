//! Lifeguard's threshold and interval experiments (section V): members that are blocked again and
//! again, all at the same time.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::stage::Stage;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;

/// What being blocked means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// Sends and receives wait while timers run, as in the paper's multi-threaded agent.
    Jam,
    /// The whole process stands still, as one whose driver is a single task does.
    Freeze,
}

/// One cell of the grid: anomalous members are blocked and normal by turns, in lock-step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreezeCell {
    /// C: how many are anomalous. Default: 4.
    pub anomalous: usize,
    /// D: how long they are blocked. Default: 8192 ms.
    pub blocked: Duration,
    /// I: how long they are normal in between. Default: 64 ms.
    pub normal: Duration,
    /// What being blocked means. Default: [`Anomaly::Jam`].
    pub anomaly: Anomaly,
    /// Datagrams lost, of a thousand. Default: 10.
    pub loss_permille: u16,
    /// How long it goes on. Default: 120 s.
    pub duration: Duration,
}

/// The paper's values of C.
pub const ANOMALOUS: [usize; 9] = [1, 4, 8, 12, 16, 20, 24, 28, 32];
/// The paper's values of D, in milliseconds.
pub const BLOCKED_MS: [u64; 6] = [128, 512, 2_048, 8_192, 16_384, 32_768];
/// The paper's values of I, in milliseconds.
pub const NORMAL_MS: [u64; 8] = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384];

impl Default for FreezeCell {
    fn default() -> Self {
        Self {
            anomalous: 4,
            blocked: Duration::from_millis(8_192),
            normal: Duration::from_millis(64),
            anomaly: Anomaly::Jam,
            loss_permille: 10,
            duration: Duration::from_secs(120),
        }
    }
}

impl Experiment for FreezeCell {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::settled(trial, Link::lan().losing(self.loss_permille))?;
        let anomalous = stage.pick_anomalous(self.anomalous);
        let end = stage.now().after(self.duration);
        while stage.now() < end {
            for &node in &anomalous {
                match self.anomaly {
                    Anomaly::Jam => stage.cluster.jam(node, self.blocked),
                    Anomaly::Freeze => stage.cluster.freeze(node, self.blocked),
                }
            }
            let turn = self.blocked + self.normal;
            stage.run_for(turn.min(end.since(stage.now())))?;
        }
        let killed = stage.count_killed(|_| true, |node| anomalous.contains(&node));
        let killed = Reading::share("anomalous killed", killed, anomalous.len() as u64);
        Ok(stage.outcome(Vec::new(), vec![killed]))
    }
}
