//! Every member restarts within a short time.

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
/// Through so many others a member comes back.
const SEEDS: usize = 3;

/// Every member ends at a moment of its own and comes back at incarnation 0, while the others hold
/// its old life at a later one; some never come back. Traffic is measured from the first end on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassRestart {
    /// All end within this. Default: 5 s.
    pub within: Duration,
    /// How long each is down. Default: 1 s.
    pub down: Duration,
    /// How many never come back, of a thousand. Default: 0.
    pub gone_permille: u16,
    /// Whether their hosts refuse packets meanwhile, so that their deaths are told everywhere.
    /// Default: no.
    pub refusing: bool,
    /// The incarnation of the old lives. Default: 100.
    pub incarnation: u32,
    /// Datagrams lost, of a thousand. Default: 0.
    pub loss_permille: u16,
    /// After this nobody waits for right views any more. Default: 300 s.
    pub limit: Duration,
}

impl Default for MassRestart {
    fn default() -> Self {
        let [within, down, limit] = [5, 1, 300].map(Duration::from_secs);
        Self {
            within,
            down,
            gone_permille: 0,
            refusing: false,
            incarnation: 100,
            loss_permille: 0,
            limit,
        }
    }
}

/// What is done to a node, and when.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Act {
    at: Instant,
    starts: bool,
    node: usize,
}

impl Experiment for MassRestart {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = self.old_cluster(trial)?;
        stage.pick_anomalous(trial.nodes * usize::from(self.gone_permille) / 1_000);
        let seeds: Vec<_> = stage.healthy().take(SEEDS + 1).collect();
        stage.open_window();
        let mut settling = Settling::new(&stage, Right::Lives, LOOK_INTERVAL);
        let mut last_start = stage.now();
        for act in self.acts(&mut stage) {
            settling.run_to(&mut stage, act.at)?;
            match act.starts {
                true => restart(&mut stage, act.node, &seeds),
                false if self.refusing => stage.cluster.kill(act.node),
                false => stage.cluster.crash(act.node),
            }
            last_start = if act.starts { act.at } else { last_start };
        }
        let right = settling.run_until_right(&mut stage, self.limit)?;
        let refutations = stage.cluster.total(|stats| stats.refutations);
        let since_last = |at: Option<Instant>| at.map(|at| at.since(last_start));
        let mut readings = vec![
            Reading::time("half of the views right", since_last(settling.median(&stage))),
            Reading::time("all views right", since_last(right)),
            Reading::count("views wrong at the end", settling.wrong_count(&stage)),
            settling.bytes_per_node(&stage),
            Reading::rate("refutations per node", refutations as f64 / trial.nodes as f64),
        ];
        readings.extend(load_readings(settling.peak_but(&[]), BUSIEST));
        Ok(stage.outcome(Vec::new(), readings))
    }
}

impl MassRestart {
    /// A settled cluster whose members have spoken of themselves before.
    fn old_cluster(&self, trial: &Trial) -> Result<Stage, Failure> {
        let mut stage = Stage::empty(trial, Link::lan().losing(self.loss_permille));
        for _ in 0..trial.nodes {
            let node = stage.add();
            for _ in 0..self.incarnation {
                stage.cluster.set_metadata(node, &[]);
            }
        }
        stage.settle(trial)?;
        Ok(stage)
    }

    fn acts(&self, stage: &mut Stage) -> Vec<Act> {
        let start = stage.now();
        let mut acts = Vec::new();
        for node in 0..stage.cluster.len() {
            let at = start.after(stage.rng.up_to(self.within));
            acts.push(Act { at, starts: false, node });
            if !stage.is_anomalous(node) {
                acts.push(Act { at: at.after(self.down), starts: true, node });
            }
        }
        acts.sort_unstable();
        acts
    }
}

fn restart(stage: &mut Stage, node: usize, seeds: &[usize]) {
    stage.cluster.restart(node);
    for &seed in seeds.iter().filter(|&&seed| seed != node).take(SEEDS) {
        stage.cluster.join(node, seed);
    }
}
