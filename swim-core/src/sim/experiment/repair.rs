//! Tables that are silently wrong.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::settling::Settling;
use super::stage::Stage;
use super::views::Right;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::{Failure, Load};

/// How often views are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Some members of a settled cluster forget others at one moment, and nobody tells them so.
/// Traffic is measured from then until all views are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repair {
    /// How many rows each of them forgets. Default: 20.
    pub rows: usize,
    /// How many members forget. Default: 1.
    pub forgetful: usize,
    /// Datagrams lost, of a thousand. Default: 0.
    pub loss_permille: u16,
    /// After this nobody waits for right views any more. Default: 300 s.
    pub limit: Duration,
}

impl Default for Repair {
    fn default() -> Self {
        Self { rows: 20, forgetful: 1, loss_permille: 0, limit: Duration::from_secs(300) }
    }
}

impl Experiment for Repair {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::settled(trial, Link::lan().losing(self.loss_permille))?;
        let forgetful = stage.pick_anomalous(self.forgetful);
        for &node in &forgetful {
            self.forget(&mut stage, node);
        }
        let before: Vec<_> = forgetful.iter().map(|&node| stage.cluster.load(node)).collect();
        let mut settling = Settling::new(&stage, Right::Lives, LOOK_INTERVAL);
        stage.open_window();
        let right = settling.run_until_right(&mut stage, self.limit)?;
        stage.close_window();
        let after = forgetful.iter().map(|&node| stage.cluster.load(node));
        let loads: Vec<_> = after.zip(before).map(|(after, before)| after.since(before)).collect();
        let mean = |number: fn(&Load) -> u64| {
            loads.iter().map(number).sum::<u64>() as f64 / loads.len().max(1) as f64
        };
        let since = settling.since();
        let readings = vec![
            Reading::time("all views right", right.map(|at| at.since(since))),
            Reading::count("views wrong at the end", settling.wrong_count(&stage)),
            Reading::rate("bytes out of who forgot", mean(|load| load.bytes_out)),
            Reading::rate("bytes in to who forgot", mean(|load| load.bytes_in)),
        ];
        Ok(stage.outcome(Vec::new(), readings))
    }
}

impl Repair {
    fn forget(&self, stage: &mut Stage, node: usize) {
        let mut others: Vec<_> = (0..stage.cluster.len()).filter(|&other| other != node).collect();
        for _ in 0..self.rows.min(others.len()) {
            let other = others.swap_remove(stage.rng.below(others.len()));
            stage.cluster.forget(node, other);
        }
    }
}
