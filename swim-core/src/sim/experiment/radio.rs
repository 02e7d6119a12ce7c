//! Boards on a radio: small datagrams, small tables, much loss, for hours.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::settling::Settling;
use super::stage::Stage;
use super::views::Right;
use super::watch::Watch;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;
use crate::sim::tally::Purpose;
use crate::storage::Growable;
use crate::time::Instant;

/// How often views are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How long a board that will be back is down after all have heard of its death; every third is
/// back before anybody can miss it.
const DOWN: Duration = Duration::from_secs(60);
const DOWN_UNNOTICED: Duration = Duration::from_secs(3);
/// What a board may take to be missed or found; nobody waits longer.
const LIMIT: Duration = Duration::from_secs(1_200);

/// Boards of which one fails now and then. Of three that do the first stays away, the second is
/// back a minute after all know of its death, the third restarts at once. Give it a trial with
/// [`Config::radio`](crate::Config::radio).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Radio {
    /// How many fail, at even intervals. Default: 9.
    pub crashes: u32,
    /// Datagrams lost, of a thousand. Default: 200.
    pub loss_permille: u16,
    /// Rows of each table. Default: 32.
    pub rows: usize,
    /// How long it is looked at. Default: an hour.
    pub duration: Duration,
}

impl Default for Radio {
    fn default() -> Self {
        Self { crashes: 9, loss_permille: 200, rows: 32, duration: Duration::from_secs(3_600) }
    }
}

impl Experiment for Radio {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::empty(trial, Link::radio().losing(self.loss_permille));
        stage.cluster.network.streams_open = false;
        for _ in 0..trial.nodes {
            let rows = self.rows;
            stage.add_with(move || Growable::new(rows, 0));
        }
        stage.settle(trial)?;
        let false_deaths_before = stage.cluster.report().false_deaths;
        let mut course = Course::default();
        stage.cluster.tally_from_now();
        stage.open_window();
        let start = stage.now();
        for turn in 0..self.crashes {
            course.crash_one(&mut stage, turn)?;
            let end = start.after(self.duration * (turn + 1) / self.crashes);
            stage.run_for(end.since(stage.now()))?;
        }
        stage.run_for(start.after(self.duration).since(stage.now()))?;
        stage.close_window();
        let false_deaths = stage.cluster.report().false_deaths - false_deaths_before;
        let mut readings = course.readings();
        readings.push(Reading::count("healthy boards killed", false_deaths));
        // It may take longer than planned: who fails is waited for.
        let lasted = stage.now().since(start).as_secs_f64();
        readings.extend(bytes_by_purpose(&stage, trial.nodes as f64 * lasted));
        Ok(stage.outcome(course.detections, readings))
    }
}

/// What was done and how it went.
#[derive(Default)]
struct Course {
    detections: Vec<super::Detection>,
    returns: u64,
    /// Until all knew who was back, one for each of whom all did.
    returned: Vec<Duration>,
}

impl Course {
    fn crash_one(&mut self, stage: &mut Stage, turn: u32) -> Result<(), Failure> {
        let Some(&victim) = stage.pick_anomalous(1).first() else { return Ok(()) };
        stage.cluster.crash(victim);
        if turn % 3 == 2 {
            stage.run_for(DOWN_UNNOTICED)?;
            return self.bring_back(stage, victim);
        }
        let mut watch = Watch::over(stage, &[victim]);
        watch.run_until_known(stage, LIMIT)?;
        self.detections.extend(watch.detections(stage));
        if turn % 3 == 1 {
            stage.run_for(DOWN)?;
            self.bring_back(stage, victim)?;
        }
        Ok(())
    }

    fn bring_back(&mut self, stage: &mut Stage, board: usize) -> Result<(), Failure> {
        let others: Vec<_> = stage.healthy().collect();
        let seed = others[stage.rng.below(others.len())];
        self.returns += 1;
        stage.cluster.restart(board);
        stage.cluster.join(board, seed);
        let mut settling = Settling::new(stage, Right::Lives, LOOK_INTERVAL);
        let right = settling.run_until_right(stage, LIMIT)?;
        self.returned.extend(right.map(|at: Instant| at.since(settling.since())));
        Ok(())
    }

    fn readings(&self) -> Vec<Reading> {
        let known = self.detections.iter().filter(|detection| detection.all.is_some()).count();
        vec![
            Reading::share("deaths known by all", known as u64, self.detections.len() as u64),
            Reading::share("returns known by all", self.returned.len() as u64, self.returns),
            Reading::time("slowest return known by all", self.returned.iter().copied().max()),
        ]
    }
}

fn bytes_by_purpose(stage: &Stage, node_seconds: f64) -> Vec<Reading> {
    let tally = stage.cluster.tally().unwrap_or_default();
    let name = |purpose| match purpose {
        Purpose::Probe => "probe bytes per node and second",
        Purpose::Relay => "relay bytes per node and second",
        Purpose::Gossip => "gossip bytes per node and second",
        Purpose::Sync => "sync bytes per node and second",
        Purpose::Join => "join bytes per node and second",
    };
    let rate = |purpose| tally.of(purpose).1 as f64 / node_seconds;
    Purpose::ALL.map(|purpose| Reading::rate(name(purpose), rate(purpose))).to_vec()
}
