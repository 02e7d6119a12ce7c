//! Every member crashes at one moment, and they find each other again by what they kept.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::settling::{BUSIEST, Settling, load_readings};
use super::stage::Stage;
use super::views::Right;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;
use crate::time::Instant;

/// How often views are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// All save a snapshot and crash; then they start again at moments drawn from a short time, without
/// seeds. Some never do. Traffic is measured from the first start on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotRestart {
    /// How long all are down. Default: 5 s.
    pub down: Duration,
    /// All start within this. Default: 10 s.
    pub within: Duration,
    /// How many never come back, of a thousand. Default: 0.
    pub gone_permille: u16,
    /// Datagrams lost, of a thousand. Default: 0.
    pub loss_permille: u16,
    /// After this nobody waits for right views any more. Default: 600 s.
    pub limit: Duration,
}

impl Default for SnapshotRestart {
    fn default() -> Self {
        let [down, within, limit] = [5, 10, 600].map(Duration::from_secs);
        Self { down, within, gone_permille: 0, loss_permille: 0, limit }
    }
}

impl Experiment for SnapshotRestart {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::settled(trial, Link::lan().losing(self.loss_permille))?;
        stage.pick_anomalous(trial.nodes * usize::from(self.gone_permille) / 1_000);
        (0..trial.nodes).for_each(|node| stage.cluster.save_snapshot(node));
        (0..trial.nodes).for_each(|node| stage.cluster.crash(node));
        stage.run_for(self.down)?;
        stage.open_window();
        let mut settling = Settling::new(&stage, Right::Lives, LOOK_INTERVAL);
        for (at, node) in self.starts(&mut stage) {
            settling.run_to(&mut stage, at)?;
            stage.cluster.restart_from_snapshot(node);
        }
        let last_start = stage.now();
        let right = settling.run_until_right(&mut stage, self.limit)?;
        let since_last = |at: Option<Instant>| at.map(|at| at.since(last_start));
        let mut readings = vec![
            Reading::time("half of the views right", since_last(settling.median(&stage))),
            Reading::time("all views right", since_last(right)),
            Reading::count("views wrong at the end", settling.wrong_count(&stage)),
            settling.bytes_per_node(&stage),
        ];
        readings.extend(load_readings(settling.peak_but(&[]), BUSIEST));
        Ok(stage.outcome(Vec::new(), readings))
    }
}

impl SnapshotRestart {
    /// Who starts when, in order.
    fn starts(&self, stage: &mut Stage) -> Vec<(Instant, usize)> {
        let back: Vec<_> = stage.healthy().collect();
        let start = |node| (stage.now().after(stage.rng.up_to(self.within)), node);
        let mut starts: Vec<_> = back.into_iter().map(start).collect();
        starts.sort_unstable();
        starts
    }
}
