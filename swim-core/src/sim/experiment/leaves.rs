//! Members whose tables are smaller than the cluster.

use core::time::Duration;

use super::census::Census;
use super::outcome::{Outcome, Reading};
use super::settling::Settling;
use super::stage::Stage;
use super::views::Right;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::{Failure, Load};
use crate::storage::Growable;
use crate::time::Instant;

/// How often the tables of leaves, and views, are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long leaves have to find their place before anything is looked at.
const SETTLING: Duration = Duration::from_secs(60);
/// How long who fails stays away.
const DOWN: Duration = Duration::from_secs(60);
/// One in so many that fail is a leaf.
const FAILURES_PER_LEAF: u32 = 5;
/// Members each leaf watches; none of them fails.
const WATCHED: usize = 2;
/// Nobody waits longer for right views.
const LIMIT: Duration = Duration::from_secs(300);

/// Leaves join a settled cluster in which members fail, by turns with their hosts and without, and
/// come back. Traffic is measured over that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaves {
    /// How many of the members are leaves. Default: 20.
    pub leaves: usize,
    /// Rows of a leaf's table. Default: 32.
    pub rows: usize,
    /// How many members fail, at even intervals. Default: 60.
    pub failures: u32,
    /// Datagrams lost, of a thousand. Default: 10.
    pub loss_permille: u16,
    /// How long it is looked at. Default: half an hour.
    pub duration: Duration,
}

impl Default for Leaves {
    fn default() -> Self {
        let duration = Duration::from_secs(1_800);
        Self { leaves: 20, rows: 32, failures: 60, loss_permille: 10, duration }
    }
}

impl Experiment for Leaves {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let full = Trial { nodes: trial.nodes.saturating_sub(self.leaves).max(2), ..*trial };
        let mut stage = Stage::settled(&full, Link::lan().losing(self.loss_permille))?;
        let false_deaths_before = stage.cluster.report().false_deaths;
        let mut census = self.join(&mut stage, full.nodes)?;
        stage.open_window();
        let (start, before) = (stage.now(), Loads::of(&stage, full.nodes));
        let mut failing = Failing::default();
        for turn in 0..self.failures {
            failing.fail_one(&mut stage, turn, &census);
            let end = start.after(self.duration * (turn + 1) / self.failures);
            failing.run_to(&mut stage, end, &mut census)?;
        }
        failing.run_to(&mut stage, start.after(self.duration), &mut census)?;
        stage.close_window();
        let loads = Loads::of(&stage, full.nodes).readings(&before, self.duration);
        failing.bring_back(&mut stage, Instant::MAX);
        let mut settling = Settling::new(&stage, Right::Lives, LOOK_INTERVAL);
        let right = settling.run_until_right(&mut stage, LIMIT)?;
        let false_deaths = stage.cluster.report().false_deaths - false_deaths_before;
        let mut readings = vec![
            Reading::time("all views right", right.map(|at| at.since(settling.since()))),
            Reading::count("views wrong at the end", settling.wrong_count(&stage)),
            Reading::count("healthy members killed", false_deaths),
        ];
        readings.extend(census.readings(&stage));
        readings.extend(loads);
        Ok(stage.outcome(Vec::new(), readings))
    }
}

impl Leaves {
    /// Adds the leaves; each joins through a member drawn for it.
    fn join(&self, stage: &mut Stage, full: usize) -> Result<Census, Failure> {
        let mut census = Census::over(full);
        for _ in 0..self.leaves {
            let rows = self.rows;
            let leaf = stage.add_with(move || Growable::new(rows, 0));
            let watched = core::array::from_fn::<_, WATCHED, _>(|_| stage.rng.below(full));
            let seed = stage.rng.below(full);
            stage.cluster.join(leaf, seed);
            for member in watched {
                watch(stage, leaf, member);
            }
            census.add(leaf, &watched);
        }
        stage.run_for(SETTLING)?;
        Ok(census)
    }
}

fn watch(stage: &mut Stage, leaf: usize, member: usize) {
    let id = stage.cluster.id(member);
    stage.cluster.command(leaf, |node, now| node.watch(id, Duration::ZERO, now).is_ok());
}

/// Who is down, and since when.
#[derive(Default)]
struct Failing {
    down: Vec<(Instant, usize)>,
}

impl Failing {
    fn fail_one(&mut self, stage: &mut Stage, turn: u32, census: &Census) {
        let leaf = turn % FAILURES_PER_LEAF == FAILURES_PER_LEAF - 1;
        let fits = |node: usize| census.is_leaf(node) == leaf && !census.is_watched(node);
        let Some(victim) = stage.pick_one_anomalous(fits) else { return };
        match turn % 2 {
            0 => stage.cluster.crash(victim),
            _ => stage.cluster.kill(victim),
        }
        self.down.push((stage.now(), victim));
    }

    fn run_to(
        &mut self,
        stage: &mut Stage,
        end: Instant,
        census: &mut Census,
    ) -> Result<(), Failure> {
        while stage.now() < end {
            stage.run_for(end.since(stage.now()).min(LOOK_INTERVAL))?;
            let due = stage.now().before(DOWN);
            self.bring_back(stage, due);
            census.look(stage);
        }
        Ok(())
    }

    /// Starts those again that have been down since `since` or longer. They watch nobody then.
    fn bring_back(&mut self, stage: &mut Stage, since: Instant) {
        let down = core::mem::take(&mut self.down);
        let (back, down): (Vec<_>, _) = down.into_iter().partition(|(at, _)| *at <= since);
        self.down = down;
        for (_, member) in back {
            let others: Vec<_> = stage.healthy().collect();
            let seed = others[stage.rng.below(others.len())];
            stage.cluster.restart(member);
            stage.cluster.join(member, seed);
        }
    }
}

/// What leaves and the others have sent and received.
struct Loads {
    full: (Load, usize),
    leaves: (Load, usize),
}

impl Loads {
    fn of(stage: &Stage, full: usize) -> Self {
        let sum = |nodes: core::ops::Range<usize>| {
            let count = nodes.len();
            (nodes.fold(Load::default(), |sum, node| sum.plus(stage.cluster.load(node))), count)
        };
        Self { full: sum(0..full), leaves: sum(full..stage.cluster.len()) }
    }

    fn readings(&self, before: &Self, duration: Duration) -> [Reading; 4] {
        let mean = |(now, count): (Load, usize), (before, _): (Load, usize)| {
            let (load, seconds) = (now.since(before), duration.as_secs_f64() * count.max(1) as f64);
            [load.bytes_out, load.bytes_in].map(|bytes| bytes as f64 / seconds)
        };
        let [leaf_out, leaf_in] = mean(self.leaves, before.leaves);
        let [other_out, other_in] = mean(self.full, before.full);
        [
            Reading::rate("leaf bytes out per second", leaf_out),
            Reading::rate("leaf bytes in per second", leaf_in),
            Reading::rate("other bytes out per second", other_out),
            Reading::rate("other bytes in per second", other_in),
        ]
    }
}
