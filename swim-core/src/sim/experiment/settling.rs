//! How a cluster becomes right again: when, and at what cost to whom.

use core::time::Duration;

use super::outcome::Reading;
use super::stage::Stage;
use super::views::{Right, Views};
use crate::sim::report::{Failure, Load};
use crate::time::Instant;

/// Busy is who sends or receives much in one of these.
const PEAK_WINDOW: Duration = Duration::from_secs(1);

/// Watches a cluster until all views are right.
pub(super) struct Settling {
    since: Instant,
    /// How often views are looked at.
    interval: Duration,
    views: Views,
    peaks: Peaks,
    bytes_before: u64,
}

impl Settling {
    /// Begins now. Divide a second by `interval`.
    pub fn new(stage: &Stage, right: Right, interval: Duration) -> Self {
        Self {
            since: stage.now(),
            interval,
            views: Views::new(right),
            peaks: Peaks::new(stage),
            bytes_before: stage.cluster.report().counts.bytes_sent,
        }
    }

    /// Lets time pass up to the moment `end`, without judging views.
    pub fn run_to(&mut self, stage: &mut Stage, end: Instant) -> Result<(), Failure> {
        while stage.now() < end {
            let left = end.since(stage.now());
            stage.run_for(left.min(self.until_look(stage)))?;
            self.peaks.look(stage);
        }
        Ok(())
    }

    /// Lets time pass until all views are right. Returns the moment, or `None` when `limit` was not
    /// enough.
    pub fn run_until_right(
        &mut self,
        stage: &mut Stage,
        limit: Duration,
    ) -> Result<Option<Instant>, Failure> {
        let end = stage.now().after(limit);
        while !self.views.look(&stage.cluster) {
            if stage.now() >= end {
                return Ok(None);
            }
            let next = stage.now().after(self.until_look(stage));
            self.run_to(stage, next)?;
        }
        self.peaks.close(stage);
        Ok(Some(stage.now()))
    }

    /// Since when the view of one node has been right.
    pub fn right_since(&self, node: usize) -> Option<Instant> {
        self.views.right_since(node)
    }

    /// Since when half of the views have been right.
    pub fn median(&self, stage: &Stage) -> Option<Instant> {
        self.views.median(&stage.cluster)
    }

    /// How many views were wrong when last looked at.
    pub fn wrong_count(&self, stage: &Stage) -> u64 {
        self.views.wrong_count(&stage.cluster)
    }

    /// Since when it is watched.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Bytes sent since the beginning, by each of those who now run.
    pub fn bytes_per_node(&self, stage: &Stage) -> Reading {
        let bytes = stage.cluster.report().counts.bytes_sent - self.bytes_before;
        let nodes = stage.cluster.population().count().max(1);
        Reading::rate("bytes per node", bytes as f64 / nodes as f64)
    }

    /// The busiest second of one node.
    pub fn peak_of(&self, node: usize) -> Load {
        self.peaks.greatest.get(node).copied().unwrap_or_default()
    }

    /// The busiest second of any node but those.
    pub fn peak_but(&self, busy: &[usize]) -> Load {
        let others = self.peaks.greatest.iter().enumerate();
        let others = others.filter(|(node, _)| !busy.contains(node));
        others.fold(Load::default(), |greatest, (_, &load)| greatest.max(load))
    }

    fn until_look(&self, stage: &Stage) -> Duration {
        let passed = stage.now().since(self.since).as_micros() as u64;
        let interval = self.interval.as_micros() as u64;
        Duration::from_micros(interval - passed % interval)
    }
}

/// The busiest second of any node, as readings.
pub(super) const BUSIEST: [&str; 4] =
    ["peak packets out", "peak bytes out", "peak packets in", "peak bytes in"];

/// Packets and bytes a second, both ways, as readings of the names given.
pub(super) fn load_readings(load: Load, names: [&'static str; 4]) -> [Reading; 4] {
    let numbers = [load.packets_out, load.bytes_out, load.packets_in, load.bytes_in];
    core::array::from_fn(|nth| Reading::rate(names[nth], numbers[nth] as f64))
}

/// The busiest second of each node, window by window.
struct Peaks {
    opened: Instant,
    before: Vec<Load>,
    greatest: Vec<Load>,
}

impl Peaks {
    fn new(stage: &Stage) -> Self {
        Self { opened: stage.now(), before: loads(stage), greatest: Vec::new() }
    }

    /// Ends the window if its time has come.
    fn look(&mut self, stage: &Stage) {
        if stage.now().since(self.opened) >= PEAK_WINDOW {
            self.close(stage);
        }
    }

    fn close(&mut self, stage: &Stage) {
        let loads = loads(stage);
        self.before.resize(loads.len(), Load::default());
        self.greatest.resize(loads.len(), Load::default());
        for ((before, greatest), load) in self.before.iter().zip(&mut self.greatest).zip(&loads) {
            *greatest = greatest.max(load.since(*before));
        }
        (self.opened, self.before) = (stage.now(), loads);
    }
}

fn loads(stage: &Stage) -> Vec<Load> {
    (0..stage.cluster.len()).map(|node| stage.cluster.load(node)).collect()
}
