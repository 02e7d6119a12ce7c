//! A settled cluster in which nothing happens, or only metadata changes.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::stage::Stage;
use super::{Experiment, Trial};
use crate::Stats;
use crate::sim::link::Link;
use crate::sim::report::Failure;

/// Nobody fails; now and then a member changes its metadata.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Idle {
    /// Changes in the whole cluster, each of another member. Default: 0.
    pub changes_per_second: f64,
    /// Datagrams lost, of a thousand. Default: 0.
    pub loss_permille: u16,
    /// How long it is looked at. Default: 120 s.
    pub duration: Duration,
}

impl Default for Idle {
    fn default() -> Self {
        Self { changes_per_second: 0.0, loss_permille: 0, duration: Duration::from_secs(120) }
    }
}

impl Experiment for Idle {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::settled(trial, Link::lan().losing(self.loss_permille))?;
        // The gossip of the first changes is under way when the window opens.
        self.change_for(&mut stage, self.spread_time())?;
        let before = Syncs::of(&stage);
        stage.open_window();
        self.change_for(&mut stage, self.duration)?;
        stage.close_window();
        let node_hours = trial.nodes as f64 * self.duration.as_secs_f64() / 3_600.0;
        let readings = Syncs::of(&stage).readings(before, node_hours);
        Ok(stage.outcome(Vec::new(), readings))
    }
}

impl Idle {
    /// How long a change is spread, at most.
    fn spread_time(&self) -> Duration {
        if self.changes_per_second > 0.0 { Duration::from_secs(10) } else { Duration::ZERO }
    }

    /// Lets time pass, with changes at even intervals.
    fn change_for(&self, stage: &mut Stage, duration: Duration) -> Result<(), Failure> {
        let end = stage.now().after(duration);
        let changes = (self.changes_per_second * duration.as_secs_f64()) as u32;
        for _ in 0..changes {
            stage.run_for(duration / changes)?;
            let changed = stage.rng.below(stage.cluster.len());
            let metadata = stage.rng.next_u64().to_le_bytes();
            stage.cluster.set_metadata(changed, &metadata);
        }
        stage.run_for(end.since(stage.now()))
    }
}

/// Anti-entropy of all nodes so far.
#[derive(Clone, Copy)]
struct Syncs {
    unequal: u64,
    started: u64,
    useless: u64,
    lost: u64,
}

impl Syncs {
    fn of(stage: &Stage) -> Self {
        let total = |counter: fn(&Stats) -> u64| stage.cluster.total(counter);
        Self {
            unequal: total(|stats| stats.digests_unequal),
            started: total(|stats| stats.syncs),
            useless: total(|stats| stats.syncs_useless),
            lost: total(|stats| stats.syncs_lost),
        }
    }

    fn readings(self, before: Self, node_hours: f64) -> Vec<Reading> {
        let reading =
            |name, now: u64, before: u64| Reading::rate(name, (now - before) as f64 / node_hours);
        vec![
            reading("unequal digests per node and hour", self.unequal, before.unequal),
            reading("syncs per node and hour", self.started, before.started),
            reading("useless syncs per node and hour", self.useless, before.useless),
            reading("lost syncs per node and hour", self.lost, before.lost),
        ]
    }
}
