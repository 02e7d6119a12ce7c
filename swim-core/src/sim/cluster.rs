//! The cluster: its processes, its network, the time that passes for them, and what can be seen of
//! them from outside.

use core::time::Duration;

use crate::member::{NodeId, Status};
use crate::rng::Rng;
use crate::storage::Storage;
use crate::time::Instant;
use crate::trace::Trace;
use crate::{Node, Stats};

use super::confidant::Confidant;
use super::malice::Malice;
use super::network::Network;
use super::oracle::{Oracle, Violation};
use super::process::Process;
use super::queue::Queue;
use super::recorded;
use super::report::{Failure, Heard, Load, Recorder, Report};
use super::scenario::{Scenario, SimAddress};
use super::tally::Tally;

/// How often [`Cluster::run_until`] looks, in simulated time.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// What a node holds of a member: a row of its view, with its own copy of the metadata.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Who it is.
    pub id: NodeId,
    /// What is believed of it.
    pub status: Status,
    /// The number of the incarnation at which that was said.
    pub incarnation: u32,
    /// Which life of its process this is.
    pub boot: u16,
    /// Where it listens.
    pub address: Option<SimAddress>,
    /// What its application attached.
    pub metadata: Vec<u8>,
}

/// A number of nodes in virtual time. Nodes are named by their index, in the order in which they
/// were added.
///
/// Verbs act at the present moment, and the output they cause is sent at once; time passes only in
/// [`run_for`](Self::run_for) and [`run_until`](Self::run_until). Once a rule is broken the run is
/// over: every further call of these returns the same failure.
///
/// # Panics
///
/// Methods that take the index of a node panic when there is no such node.
pub struct Cluster<S: Storage> {
    /// What lies between the nodes. Cuts made here are noticed like those made by the verbs.
    pub network: Network,
    pub(super) scenario: Scenario<S>,
    pub(super) now: Instant,
    pub(super) queue: Queue,
    pub(super) processes: Vec<Process<S>>,
    /// Who listens at an address, by its number.
    pub(super) listeners: Vec<Option<usize>>,
    pub(super) oracle: Oracle,
    pub(super) recorder: Recorder,
    /// Where all that goes into the nodes is written down.
    pub(super) trace: Option<Trace>,
    pub(super) confidant: Confidant,
    pub(super) malice: Malice,
    /// What outsiders have sent and got.
    pub(super) loot: Load,
    pub(super) buffer: Vec<u8>,
    /// A packet as it is handed in.
    pub(super) incoming: Vec<u8>,
    failure: Option<Failure>,
    pub(super) rng: Rng,
}

impl<S: Storage> Cluster<S> {
    /// A cluster without nodes, at the moment zero.
    pub fn new(scenario: Scenario<S>) -> Self {
        let mut rng = Rng::new(scenario.seed);
        let cluster = Self {
            network: Network::new(scenario.link, rng.next_u64()),
            now: Instant::ZERO,
            queue: Queue::default(),
            processes: Vec::new(),
            listeners: Vec::new(),
            oracle: Oracle::new(scenario.false_deaths_forbidden),
            recorder: Recorder::default(),
            trace: recorded::next(),
            confidant: Confidant::new(),
            malice: Malice::new(scenario.seed),
            loot: Load::default(),
            incoming: Vec::new(),
            buffer: vec![0; usize::from(scenario.config.datagram_len_max)],
            failure: None,
            rng,
            scenario,
        };
        cluster.tell_time();
        cluster
    }

    /// Writes down all that goes into the nodes that are added or started from now on, each under
    /// its index. The addresses are of the kind [`AddressKind::SocketV4`].
    ///
    /// [`AddressKind::SocketV4`]: crate::trace::AddressKind::SocketV4
    pub fn record(&mut self, trace: Trace) {
        self.trace = Some(trace);
        self.tell_time();
    }

    /// Lets time pass.
    ///
    /// # Errors
    ///
    /// A rule was broken: the core's fault. The run is over.
    pub fn run_for(&mut self, duration: Duration) -> Result<(), Failure> {
        let end = self.now.after(duration);
        if !self.network.is_calm() {
            self.oracle.excuse_false_deaths();
        }
        while self.failure.is_none() {
            let Some((at, what)) = self.queue.pop(end) else {
                self.reach(end);
                return Ok(());
            };
            self.reach(at);
            let (node, outcome) = self.happen(what);
            self.judge(node, outcome);
        }
        self.failure.clone().map_or(Ok(()), Err)
    }

    /// Lets time pass until `reached` holds, looked at every 10 ms. Returns how long that took, or
    /// `None` if it was longer than `limit`.
    ///
    /// # Errors
    ///
    /// A rule was broken: the core's fault. The run is over.
    pub fn run_until(
        &mut self,
        limit: Duration,
        mut reached: impl FnMut(&Self) -> bool,
    ) -> Result<Option<Duration>, Failure> {
        let start = self.now;
        let end = start.after(limit);
        while !reached(self) {
            if self.now >= end {
                return Ok(None);
            }
            self.run_for(end.since(self.now).min(LOOK_INTERVAL))?;
        }
        Ok(Some(self.now.since(start)))
    }

    /// Fails the way a broken rule does unless the `expectation` of a test `holds`, so that it can
    /// be replayed as well.
    ///
    /// # Errors
    ///
    /// It does not hold. The run is not over.
    pub fn expect(&self, expectation: &'static str, holds: bool) -> Result<(), Failure> {
        if holds {
            return Ok(());
        }
        Err(self.failure_now(Violation::Unmet(expectation), None))
    }

    /// The present moment.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// How many nodes were added.
    pub fn len(&self) -> usize {
        self.processes.len()
    }

    /// Whether no node was added.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// The id of a node.
    pub fn id(&self, node: usize) -> NodeId {
        self.processes[node].id
    }

    /// The address of a node.
    pub fn address(&self, node: usize) -> SimAddress {
        self.processes[node].address
    }

    /// A node, if its process runs.
    pub fn node(&self, node: usize) -> Option<&Node<SimAddress, S>> {
        self.processes[node].node.as_deref()
    }

    /// What a node has sent and received since it was added, in all its lives.
    pub fn load(&self, node: usize) -> Load {
        self.processes[node].load
    }

    /// Whether a node runs and has not left.
    pub fn is_member(&self, node: usize) -> bool {
        self.processes[node].is_member()
    }

    /// The indices of all nodes that run and have not left.
    pub fn population(&self) -> impl Iterator<Item = usize> {
        (0..self.processes.len()).filter(|&node| self.processes[node].is_member())
    }

    /// Everything a node holds, in the order of ids; nothing if it is down.
    pub fn view(&self, node: usize) -> Vec<Seen> {
        let members = self.node(node).into_iter().flat_map(Node::members);
        let mut view: Vec<_> = members
            .map(|member| Seen {
                id: member.id,
                status: member.status,
                incarnation: member.incarnation.number(),
                boot: member.boot,
                address: member.address,
                metadata: member.metadata.to_vec(),
            })
            .collect();
        view.sort_unstable();
        view
    }

    /// What a node holds of another, if it does.
    pub fn status(&self, viewer: usize, subject: usize) -> Option<Status> {
        self.node(viewer)?.member(self.id(subject)).map(|member| member.status)
    }

    /// What each of the present population, except the subject itself, holds of `subject`.
    pub fn statuses(&self, subject: usize) -> impl Iterator<Item = (usize, Option<Status>)> {
        let viewers = self.population().filter(move |&viewer| viewer != subject);
        viewers.map(move |viewer| (viewer, self.status(viewer, subject)))
    }

    /// Whether every view holds exactly the present population as living. A table without room for
    /// all holds three quarters of what it has room for, and nobody else.
    pub fn views_complete(&self) -> bool {
        let mut ids: Vec<_> = self.population().map(|node| self.id(node)).collect();
        ids.sort_unstable();
        ids.dedup();
        let is_whole = |node| match self.has_room_for(node, ids.len()) {
            true => self.live_count(node) == ids.len(),
            false => self.is_nearly_full(node),
        };
        self.population().all(is_whole)
            && self.population().all(|node| {
                let mut members = self.node(node).into_iter().flat_map(Node::members);
                members.all(|m| !m.status.is_live() || ids.binary_search(&m.id).is_ok())
            })
    }

    /// Whether all views are complete and say the same of every living member they hold, word for
    /// word.
    pub fn views_agree(&self) -> bool {
        let count = self.population().count();
        let view = |node| {
            let mut view = self.view(node);
            view.retain(|seen| seen.status.is_live());
            view
        };
        let (whole, parts): (Vec<_>, Vec<_>) =
            self.population().partition(|&node| self.has_room_for(node, count));
        let first = whole.first().map(|&node| view(node)).unwrap_or_default();
        let is_known = |seen: &Seen| whole.is_empty() || first.binary_search(seen).is_ok();
        whole.iter().all(|&node| view(node) == first)
            && parts.iter().all(|&node| view(node).iter().all(is_known))
            && self.views_complete()
    }

    /// Everything the applications were told, in order, since the start or since it was last taken.
    /// At most 2^20 events are kept; later ones are only counted, as [`Counts::unheard`].
    ///
    /// [`Counts::unheard`]: super::Counts::unheard
    pub fn heard(&self) -> &[Heard] {
        &self.recorder.heard
    }

    /// Takes what [`heard`](Self::heard) shows, which makes room for more.
    pub fn take_heard(&mut self) -> Vec<Heard> {
        core::mem::take(&mut self.recorder.heard)
    }

    /// The sum of one counter over all running nodes.
    pub fn total(&self, counter: impl Fn(&Stats) -> u64) -> u64 {
        let nodes = self.processes.iter().filter_map(|process| process.node.as_ref());
        nodes.map(|node| counter(&node.stats().widened())).sum()
    }

    /// From now on packets are counted by what they are for; that takes a look into each of them.
    pub fn tally_from_now(&mut self) {
        self.recorder.tally = Some(Tally::default());
    }

    /// What was sent since then.
    pub fn tally(&self) -> Option<Tally> {
        self.recorder.tally
    }

    /// A hash of every packet and event so far, with their times.
    pub fn trace_hash(&self) -> u64 {
        self.recorder.trace_hash()
    }

    /// The run so far in a few numbers.
    pub fn report(&self) -> Report {
        Report {
            seed: self.scenario.seed,
            at: self.now,
            trace_hash: self.trace_hash(),
            counts: self.recorder.counts,
            false_deaths: self.oracle.false_deaths(),
        }
    }

    fn reach(&mut self, now: Instant) {
        self.now = now;
        self.tell_time();
    }

    /// The nodes of a trace have clocks of their own.
    fn tell_time(&self) {
        if let Some(trace) = &self.trace {
            trace.set_clock::<SimAddress>(self.now);
        }
    }

    fn live_count(&self, node: usize) -> usize {
        self.node(node).map_or(0, Node::live_count)
    }

    /// Whether the table of a node could hold so many, itself included.
    pub(super) fn has_room_for(&self, node: usize, members: usize) -> bool {
        members <= self.processes[node].rows_max
    }

    /// Whether three quarters of a table are full of the living: what the dead leave is filled
    /// again as others are heard of.
    pub(super) fn is_nearly_full(&self, node: usize) -> bool {
        self.live_count(node) * 4 >= self.processes[node].rows_max * 3
    }

    pub(super) fn judge(&mut self, node: usize, outcome: Result<(), Violation>) {
        let Err(violation) = outcome else { return };
        if self.failure.is_none() {
            let id = self.processes[node].id;
            self.failure = Some(self.failure_now(violation, Some((node, id))));
        }
    }

    fn failure_now(&self, violation: Violation, node: Option<(usize, NodeId)>) -> Failure {
        self.recorder.failure(violation, node, self.report(), self.scenario.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::storage::Growable;

    #[test]
    fn what_was_heard_is_taken_once_and_statuses_are_those_of_the_living() -> Result<(), Failure> {
        let scenario = Scenario::new("measures", 1, |_| Growable::new(16, 0));
        let mut cluster = Cluster::new(scenario);
        cluster.add_many(5);
        cluster.introduce_all();
        cluster.crash(3);
        cluster.crash(4);
        let alive = vec![(0, Some(Status::Alive)), (1, Some(Status::Alive))];
        assert_eq!(cluster.statuses(2).collect::<Vec<_>>(), alive);
        cluster.run_for(Duration::from_secs(60))?;
        assert!(cluster.statuses(3).all(|(_, status)| status == Some(Status::Dead)));
        assert_eq!(cluster.statuses(3).count(), 3);
        let deaths = |heard: &[Heard], of: NodeId| {
            heard.iter().filter(|heard| heard.event == Event::MemberDead(of)).count()
        };
        let heard = cluster.take_heard();
        assert_eq!((deaths(&heard, cluster.id(3)), deaths(&heard, cluster.id(4))), (3, 3));
        assert!(cluster.heard().is_empty());
        cluster.leave(0);
        cluster.run_for(Duration::from_secs(10))?;
        assert!(cluster.heard().iter().any(|heard| heard.event == Event::Departed));
        assert_eq!(deaths(cluster.heard(), cluster.id(3)), 0);
        Ok(())
    }
}
