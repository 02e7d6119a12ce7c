//! A cluster that was in two for longer than anybody remembers, and comes together again.

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
/// How often somebody of the other side is looked for in them.
const CONTACT_INTERVAL: Duration = Duration::from_millis(10);
/// Until the seeds have answered everybody.
const SEED_TIME: Duration = Duration::from_secs(30);

/// A minority is cut off for long, then the ways are open again. Traffic is measured from then on.
/// The minority is anomalous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// How many are cut off, of a thousand. Default: 500.
    pub minority_permille: u16,
    /// For how long. Default: 2 h.
    pub cut: Duration,
    /// How many addresses everybody knows as seeds, those of members drawn once. Default: 3.
    pub known_seeds: usize,
    /// How long the dead are remembered, where it is not the trial's.
    pub tombstone_time: Option<Duration>,
    /// Datagrams lost, of a thousand. Default: 0.
    pub loss_permille: u16,
    /// After this nobody waits for right views any more. Default: 1 h.
    pub limit: Duration,
}

impl Default for Split {
    fn default() -> Self {
        Self {
            minority_permille: 500,
            cut: Duration::from_secs(2 * 3_600),
            known_seeds: 3,
            tombstone_time: None,
            loss_permille: 0,
            limit: Duration::from_secs(3_600),
        }
    }
}

impl Experiment for Split {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = self.cluster_with_seeds(trial)?;
        let minority = trial.nodes * usize::from(self.minority_permille) / 1_000;
        let minority = stage.pick_anomalous(minority);
        stage.cluster.partition(&[&minority]);
        stage.run_for(self.cut)?;
        let remembered = mean_tombstones(&stage);
        stage.cluster.heal();
        stage.open_window();
        let healed = stage.now();
        let mut settling = Settling::new(&stage, Right::Lives, LOOK_INTERVAL);
        let contact = self.first_contact(&mut stage, &mut settling)?;
        let right = settling.run_until_right(&mut stage, self.limit)?;
        let since_healed = |at: Option<Instant>| at.map(|at| at.since(healed));
        let mut readings = vec![
            Reading::rate("dead remembered per node", remembered),
            Reading::time("first contact", since_healed(contact)),
            Reading::time("half of the views right", since_healed(settling.median(&stage))),
            Reading::time("all views right", since_healed(right)),
            Reading::count("views wrong at the end", settling.wrong_count(&stage)),
            settling.bytes_per_node(&stage),
        ];
        readings.extend(load_readings(settling.peak_but(&[]), BUSIEST));
        Ok(stage.outcome(Vec::new(), readings))
    }
}

impl Split {
    fn cluster_with_seeds(&self, trial: &Trial) -> Result<Stage, Failure> {
        let mut trial = *trial;
        let tombstone_time = self.tombstone_time.unwrap_or(trial.config.tombstone_time);
        trial.config.tombstone_time = tombstone_time;
        let mut stage = Stage::settled(&trial, Link::lan().losing(self.loss_permille))?;
        for _ in 0..self.known_seeds {
            let seed = stage.rng.below(trial.nodes);
            for node in (0..trial.nodes).filter(|&node| node != seed) {
                stage.cluster.join(node, seed);
            }
        }
        stage.run_for(SEED_TIME)?;
        Ok(stage)
    }

    /// When somebody first holds a member of the other side for living.
    fn first_contact(
        &self,
        stage: &mut Stage,
        settling: &mut Settling,
    ) -> Result<Option<Instant>, Failure> {
        let end = stage.now().after(self.limit);
        while !has_contact(stage) {
            if stage.now() >= end {
                return Ok(None);
            }
            let next = stage.now().after(CONTACT_INTERVAL);
            settling.run_to(stage, next)?;
        }
        Ok(Some(stage.now()))
    }
}

fn has_contact(stage: &Stage) -> bool {
    let majority = stage.healthy().count();
    let minority = stage.cluster.len() - majority;
    let side = |node| if stage.is_anomalous(node) { minority } else { majority };
    let live_count = |node| stage.cluster.node(node).map_or(0, |node| node.live_count());
    (0..stage.cluster.len()).any(|node| live_count(node) > side(node))
}

fn mean_tombstones(stage: &Stage) -> f64 {
    let nodes = (0..stage.cluster.len()).filter_map(|node| stage.cluster.node(node));
    let dead = nodes.map(|node| node.members().filter(|member| !member.status.is_live()).count());
    dead.sum::<usize>() as f64 / stage.cluster.len() as f64
}
