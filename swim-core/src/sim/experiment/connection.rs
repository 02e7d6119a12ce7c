//! Nodes whose connection is bad while they themselves are well.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::stage::Stage;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;

/// How often views are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What is wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Nothing reaches the node.
    Deaf,
    /// It cannot send to half of the others, each bad node to another half.
    OneWay,
    /// It is deaf and well by turns, so long each, all at the same time.
    FlipFlop(Duration),
    /// It loses so many of a thousand datagrams, in and out.
    Lossy(u16),
}

/// Some nodes have a bad connection. They should be removed, for good, and nobody else: once it has
/// settled every healthy view is looked at every second, whether it holds exactly the good ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadConnection {
    /// What is wrong.
    pub defect: Defect,
    /// How many nodes have it.
    pub bad: usize,
    /// Datagrams everybody loses, of a thousand.
    pub loss_permille: u16,
    /// How long it may take to remove the bad.
    pub settling: Duration,
    /// How long it is looked at after that.
    pub duration: Duration,
}

impl BadConnection {
    /// 1 % loss for all, and the bad are given 60 s to be removed; two minutes.
    pub const fn new(defect: Defect, bad: usize) -> Self {
        let (settling, duration) = (Duration::from_secs(60), Duration::from_secs(60));
        Self { defect, bad, loss_permille: 10, settling, duration }
    }
}

impl Experiment for BadConnection {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::settled(trial, Link::lan().losing(self.loss_permille))?;
        let bad = stage.pick_anomalous(self.bad);
        self.begin(&mut stage, &bad);
        let start = stage.now();
        let (mut exact, mut looks) = (0, 0);
        while stage.now().since(start) < self.settling + self.duration {
            let elapsed = stage.now().since(start);
            self.turn(&mut stage, &bad, elapsed);
            stage.run_for(LOOK_INTERVAL)?;
            if stage.now().since(start) > self.settling {
                looks += 1;
                exact += u64::from(only_good_ones_are_in(&stage, &bad));
            }
        }
        let of = bad.len() as u64;
        let killed = stage.count_killed(|_| true, |node| bad.contains(&node));
        let removed = bad.iter().filter(|&&node| stage.is_gone_everywhere(node)).count() as u64;
        let readings = vec![
            Reading::share("bad ever killed", killed, of),
            Reading::share("bad gone at the end", removed, of),
            Reading::share("seconds exactly the good in", exact, looks),
            Reading::share("runs stable", u64::from(exact == looks), 1),
            Reading::count("re-admissions", bad.iter().map(|&node| stage.joins_of(node)).sum()),
        ];
        Ok(stage.outcome(Vec::new(), readings))
    }
}

impl BadConnection {
    fn begin(&self, stage: &mut Stage, bad: &[usize]) {
        for &node in bad {
            match self.defect {
                Defect::Deaf => stage.cluster.network.deafen(node),
                Defect::Lossy(permille) => stage.cluster.network.set_node_loss(node, permille),
                Defect::OneWay => silence_towards_half(stage, node),
                Defect::FlipFlop(_) => {}
            }
        }
    }

    /// Deafens and restores those that flip, `elapsed` after the start.
    fn turn(&self, stage: &mut Stage, bad: &[usize], elapsed: Duration) {
        let Defect::FlipFlop(period) = self.defect else { return };
        let turns = elapsed.as_millis() / period.as_millis().max(1);
        for &node in bad {
            match turns % 2 {
                0 => stage.cluster.network.deafen(node),
                _ => stage.cluster.network.restore(node),
            }
        }
    }
}

fn silence_towards_half(stage: &mut Stage, node: usize) {
    let mut others: Vec<_> = (0..stage.cluster.len()).filter(|&other| other != node).collect();
    for _ in 0..others.len() / 2 {
        let other = others.swap_remove(stage.rng.below(others.len()));
        stage.cluster.block(node, other);
    }
}

/// Whether every healthy view holds all the good ones living, and none of the bad.
fn only_good_ones_are_in(stage: &Stage, bad: &[usize]) -> bool {
    let good = stage.healthy().count();
    stage.healthy().all(|viewer| {
        stage.in_count(viewer) == good && !bad.iter().any(|&node| stage.sees(viewer, node))
    })
}
