//! A settled cluster, and what is measured of it.

use core::time::Duration;
use std::collections::BTreeSet;

use super::Trial;
use super::outcome::{Detection, Outcome, Reading, Traffic};
use crate::Event;
use crate::member::Member;
use crate::rng::Rng;
use crate::sim::cluster::Cluster;
use crate::sim::link::Link;
use crate::sim::places::Places;
use crate::sim::report::{Failure, Heard};
use crate::sim::scenario::{Checks, Scenario};
use crate::storage::Growable;
use crate::time::Instant;

/// How long a cluster runs at least before anything is done to it: until round trips are known.
pub const WARM_UP: Duration = Duration::from_secs(60);
/// Up to so many probe intervals more, so that each trial meets them at another moment.
const PROBE_INTERVALS: u32 = 30;
/// How often the applications' news is collected: their memory in the simulator has an end.
const LISTEN_INTERVAL: Duration = Duration::from_secs(1);
/// Rows a node may hold.
const MEMBERS_MAX: usize = 1 << 16;
/// Bytes of metadata a row may hold.
const METADATA_LEN_MAX: usize = 32;
/// Clocks are off by up to this.
const DRIFT_PPM_MAX: u32 = 200;
/// Sets the draws of an experiment apart from those of its cluster.
const STREAM: u64 = 0xe0e0_0001;

/// An application heard of a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Death {
    pub at: Instant,
    pub viewer: usize,
    pub about: usize,
}

/// A cluster, who in it is anomalous, and when measuring began.
pub(super) struct Stage {
    pub cluster: Cluster<Growable>,
    pub rng: Rng,
    seed: u64,
    places: Places,
    anomalous: Vec<bool>,
    deaths: Vec<Death>,
    /// By whom they were about.
    suspicions: Vec<u64>,
    /// Returns to a view, by whom they were about.
    joins: Vec<u64>,
    /// How often each was told that its table is full.
    full_tables: Vec<u64>,
    unheard_before: u64,
    /// When the window opened, and what was sent before.
    window: (Instant, u64, u64),
    traffic: Traffic,
}

impl Stage {
    /// A cluster that has settled over `link`.
    pub fn settled(trial: &Trial, link: Link) -> Result<Self, Failure> {
        Self::settled_over(trial, link, |_| ())
    }

    /// A cluster that has settled over `link` after `arrange` has had its way with the network.
    pub fn settled_over(
        trial: &Trial,
        link: Link,
        arrange: impl FnOnce(&mut Cluster<Growable>),
    ) -> Result<Self, Failure> {
        let mut stage = Self::empty(trial, link);
        for _ in 0..trial.nodes {
            stage.add();
        }
        arrange(&mut stage.cluster);
        stage.settle(trial)?;
        Ok(stage)
    }

    /// A cluster without nodes.
    pub fn empty(trial: &Trial, link: Link) -> Self {
        let scenario = Scenario {
            config: trial.config,
            link,
            drift_ppm_max: DRIFT_PPM_MAX,
            checks: Checks::Light,
            false_deaths_forbidden: false,
            ..Scenario::new("experiment", trial.seed, |_| {
                Growable::new(MEMBERS_MAX, METADATA_LEN_MAX)
            })
        };
        Self {
            cluster: Cluster::new(scenario),
            rng: Rng::new(trial.seed ^ STREAM),
            seed: trial.seed,
            places: Places::default(),
            anomalous: Vec::new(),
            deaths: Vec::new(),
            suspicions: Vec::new(),
            joins: Vec::new(),
            full_tables: Vec::new(),
            unheard_before: 0,
            window: (Instant::ZERO, 0, 0),
            traffic: Traffic::default(),
        }
    }

    /// Adds a node that knows nobody.
    pub fn add(&mut self) -> usize {
        self.add_with(|| Growable::new(MEMBERS_MAX, METADATA_LEN_MAX))
    }

    /// The same, with a table of its own.
    pub fn add_with(&mut self, storage: impl Fn() -> Growable + 'static) -> usize {
        let id = self.cluster.fresh_id();
        let node = self.cluster.add_with(id, storage);
        self.places.get_or_insert(id, node);
        self.anomalous.push(false);
        self.suspicions.push(0);
        self.joins.push(0);
        self.full_tables.push(0);
        node
    }

    /// Introduces everybody to everybody, and lets them settle. Measuring begins after that.
    pub fn settle(&mut self, trial: &Trial) -> Result<(), Failure> {
        self.cluster.introduce_all();
        let longer = self.rng.up_to(trial.config.probe_interval * PROBE_INTERVALS);
        self.cluster.run_for(WARM_UP + longer)?;
        self.cluster.take_heard();
        self.unheard_before = self.cluster.report().counts.unheard;
        self.open_window();
        Ok(())
    }

    /// Lets time pass, and listens.
    pub fn run_for(&mut self, duration: Duration) -> Result<(), Failure> {
        let end = self.cluster.now().after(duration);
        while self.cluster.now() < end {
            let left = end.since(self.cluster.now());
            self.cluster.run_for(left.min(LISTEN_INTERVAL))?;
            self.listen();
        }
        Ok(())
    }

    /// The present moment.
    pub fn now(&self) -> Instant {
        self.cluster.now()
    }

    /// From now on traffic is counted.
    pub fn open_window(&mut self) {
        let counts = self.cluster.report().counts;
        self.window = (self.cluster.now(), counts.sent, counts.bytes_sent);
    }

    /// Traffic is counted up to now: that of the nodes that now run.
    pub fn close_window(&mut self) {
        let counts = self.cluster.report().counts;
        let (since, sent, bytes_sent) = self.window;
        let seconds = self.cluster.now().since(since).as_secs_f64();
        self.traffic = Traffic {
            messages: counts.sent - sent,
            bytes: counts.bytes_sent - bytes_sent,
            node_seconds: seconds * self.cluster.population().count() as f64,
        };
    }

    /// Draws `count` nodes that are not anomalous yet, and makes them so; all but one at most.
    pub fn pick_anomalous(&mut self, count: usize) -> Vec<usize> {
        let mut healthy: Vec<_> = self.healthy().collect();
        let count = count.min(healthy.len().saturating_sub(1));
        let mut picked = Vec::with_capacity(count);
        for _ in 0..count {
            let node = healthy.swap_remove(self.rng.below(healthy.len()));
            self.anomalous[node] = true;
            picked.push(node);
        }
        picked
    }

    /// Draws one node that is not anomalous yet among those that `fits` accepts, and makes it so.
    pub fn pick_one_anomalous(&mut self, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let healthy: Vec<_> = self.healthy().filter(|&node| fits(node)).collect();
        let picked = *healthy.get(self.rng.below(healthy.len()))?;
        self.anomalous[picked] = true;
        Some(picked)
    }

    /// Whether something was done to a node.
    pub fn is_anomalous(&self, node: usize) -> bool {
        self.anomalous[node]
    }

    /// The nodes nothing was done to.
    pub fn healthy(&self) -> impl Iterator<Item = usize> {
        (0..self.anomalous.len()).filter(|&node| !self.anomalous[node])
    }

    /// Whether every healthy node holds this one dead, or does not list it.
    pub fn is_gone_everywhere(&self, node: usize) -> bool {
        self.healthy().all(|viewer| !self.sees(viewer, node))
    }

    /// Whether one node holds another for living, and does not hold it out.
    pub fn sees(&self, viewer: usize, node: usize) -> bool {
        let id = self.cluster.id(node);
        self.cluster.node(viewer).and_then(|viewer| viewer.member(id)).is_some_and(|m| m.is_in())
    }

    /// How many members one node holds for living and does not hold out, itself included.
    pub fn in_count(&self, viewer: usize) -> usize {
        let members = self.cluster.node(viewer).into_iter().flat_map(|viewer| viewer.members());
        members.filter(Member::is_in).count()
    }

    /// The deaths heard so far, in order.
    pub fn deaths(&self) -> &[Death] {
        &self.deaths
    }

    /// How often applications heard that a node is suspect.
    pub fn suspicions_of(&self, node: usize) -> u64 {
        self.suspicions[node]
    }

    /// How often applications heard that a node is there (again).
    pub fn joins_of(&self, node: usize) -> u64 {
        self.joins[node]
    }

    /// How often a node was told that its table is full.
    pub fn full_tables_of(&self, node: usize) -> u64 {
        self.full_tables[node]
    }

    /// How many different members of `among` anybody in `viewers` heard dead.
    pub fn count_killed(
        &self,
        viewers: impl Fn(usize) -> bool,
        among: impl Fn(usize) -> bool,
    ) -> u64 {
        let killed = self.deaths.iter().filter(|death| viewers(death.viewer));
        let killed: BTreeSet<_> =
            killed.map(|death| death.about).filter(|&about| among(about)).collect();
        killed.len() as u64
    }

    /// What the trial gave. The window is closed if it is still open.
    pub fn outcome(mut self, detections: Vec<Detection>, readings: Vec<Reading>) -> Outcome {
        if self.traffic == Traffic::default() {
            self.close_window();
        }
        let false_deaths = || self.deaths.iter().filter(|death| !self.anomalous[death.about]);
        let at_healthy = false_deaths().filter(|death| !self.anomalous[death.viewer]);
        Outcome {
            seed: self.seed,
            trace_hash: self.cluster.trace_hash(),
            false_deaths: false_deaths().count() as u64,
            false_deaths_at_healthy: at_healthy.count() as u64,
            false_suspicions: self.healthy().map(|node| self.suspicions[node]).sum(),
            detections,
            traffic: self.traffic,
            readings,
            unheard: self.cluster.report().counts.unheard - self.unheard_before,
        }
    }

    /// Takes what the applications were told since the last time.
    fn listen(&mut self) {
        for Heard { at, node: viewer, event } in self.cluster.take_heard() {
            let about = event.member().and_then(|id| self.places.get(id));
            match (event, about) {
                (Event::MemberDead(_), Some(about)) => {
                    self.deaths.push(Death { at, viewer, about });
                }
                (Event::MemberSuspected(_), Some(about)) => self.suspicions[about] += 1,
                (Event::MemberJoined(_), Some(about)) => self.joins[about] += 1,
                (Event::TableFull, _) => self.full_tables[viewer] += 1,
                _ => {}
            }
        }
    }
}
