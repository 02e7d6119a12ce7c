//! What can be made to happen to the nodes of a cluster, and to the ways between them.

use core::ops::Range;
use core::time::Duration;

use crate::member::{Incarnation, NodeId};
use crate::storage::Storage;
use crate::time::Instant;
use crate::trace::{Recording, Traced};
use crate::{Identity, Key};

use super::clock::Clock;
use super::cluster::Cluster;
use super::confidant::nonces;
use super::oracle::Violation;
use super::process::Process;
use super::queue::What;
use super::report::Step;
use super::scenario::{SimAddress, address};

/// Clocks start anywhere in the first eleven days of their epoch.
const EPOCH_BITS: u32 = 40;

impl<S: Storage> Cluster<S> {
    /// Adds and starts a node at an address of its own. Returns its index.
    pub fn add(&mut self, id: NodeId) -> usize {
        self.add_process(id, None)
    }

    /// Adds a node as [`add`](Self::add) does, whose table is not the scenario's but what `storage`
    /// makes at every start.
    pub fn add_with(&mut self, id: NodeId, storage: impl Fn() -> S + 'static) -> usize {
        self.add_process(id, Some(Box::new(storage)))
    }

    /// Adds `count` nodes with ids as long as random ones.
    pub fn add_many(&mut self, count: usize) {
        for _ in 0..count {
            let id = self.fresh_id();
            self.add(id);
        }
    }

    /// An id as long as random ones, drawn anew each time.
    pub fn fresh_id(&mut self) -> NodeId {
        NodeId::from_random(self.rng.next_u64())
    }

    /// Lets a node join through the address of another. Returns whether it took the command, which
    /// it does not while it is down or frozen.
    pub fn join(&mut self, node: usize, seed: usize) -> bool {
        let seed = self.processes[seed].address;
        self.command(node, |node, now| node.join(seed, now).is_ok()) == Some(true)
    }

    /// Lets every other node join through the address of one.
    pub fn join_all(&mut self, seed: usize) {
        for node in (0..self.processes.len()).filter(|&node| node != seed) {
            self.join(node, seed);
        }
    }

    /// Ends a process without a word, and its host with it: packets to it are lost.
    pub fn crash(&mut self, node: usize) {
        self.stop(node, false);
    }

    /// Ends a process without a word. Its host lives and refuses every packet to it: after the way
    /// there and back the sender [is told](Traced::handle_unreachable), unless the news is lost.
    pub fn kill(&mut self, node: usize) {
        self.stop(node, true);
    }

    /// Starts a process again, with the same id at incarnation 0, after a crash if it still runs.
    /// It knows nobody: let it [`join`](Self::join), or
    /// [restart it from a snapshot](Self::restart_from_snapshot).
    pub fn restart(&mut self, node: usize) {
        self.crash(node);
        self.start(node);
    }

    /// Moves a node to a fresh address: at once if it runs, else when it is restarted. While it is
    /// frozen it stays where it is.
    pub fn relocate(&mut self, node: usize) {
        if self.processes[node].is_frozen() {
            return;
        }
        // Two that move at once have nobody to tell them where the other is.
        if self.processes.iter().filter(|process| process.is_responsive()).count() <= 2 {
            self.oracle.excuse_false_deaths();
        }
        let address = self.claim_address(node);
        self.processes[node].address = address;
        self.command(node, |node, now| node.set_address(address, now));
    }

    /// Lets a whole process stand still. Packets to it wait, and are read before its deadlines when
    /// it goes on.
    pub fn freeze(&mut self, node: usize, duration: Duration) {
        let until = self.now.after(duration);
        if self.processes[node].node.is_none() {
            return;
        }
        self.processes[node].freeze(until);
        self.queue.push(until, What::Wake { process: node as u32 });
        self.oracle.excuse_false_deaths();
        self.recorder.step(self.now, node, Step::Froze);
    }

    /// Lets a node announce that it will be [silent](Traced::sleep) for so long. Returns whether it
    /// took the command. It is silent from [`Event::Asleep`](crate::Event::Asleep) on, but it still
    /// answers, unless it is [switched off](Self::switch_off).
    pub fn sleep(&mut self, node: usize, duration: Duration) -> bool {
        self.command(node, |node, now| node.sleep(duration, now).is_ok()) == Some(true)
    }

    /// The moment up to which a node has announced to be silent, if it sleeps.
    pub fn sleeps_until(&self, node: usize) -> Option<Instant> {
        let process = &self.processes[node];
        let sleeper = process.node.as_ref().filter(|node| node.me().asleep)?;
        Some(process.clock.moment(sleeper.poll_timeout()?))
    }

    /// Lets a whole process stand still with its radio off until then: packets to it are lost.
    /// Nobody is expected to wait longer than it [sleeps](Self::sleeps_until).
    pub fn switch_off(&mut self, node: usize, until: Instant) {
        if self.processes[node].node.is_none() {
            return;
        }
        if self.sleeps_until(node).is_none_or(|announced| announced < until) {
            self.oracle.excuse_false_deaths();
        }
        self.processes[node].switch_off(until);
        self.queue.push(until, What::Wake { process: node as u32 });
        self.recorder.step(self.now, node, Step::Froze);
    }

    /// Lets a process neither send nor read: the anomaly of Lifeguard's threshold and interval
    /// experiments, on an agent of several threads. Its timers run until it comes to send a probe,
    /// which its probing thread waits for; suspicions go on to time out. When it ends, what waited
    /// to be sent leaves first, the probe is found late, and then what has arrived is read.
    pub fn jam(&mut self, node: usize, duration: Duration) {
        let until = self.now.after(duration);
        if self.processes[node].node.is_none() {
            return;
        }
        self.processes[node].jam(until);
        self.queue.push(until, What::Wake { process: node as u32 });
        self.oracle.excuse_false_deaths();
        self.recorder.step(self.now, node, Step::Jammed);
    }

    /// Lets a node read every packet late, each by a time of its own drawn evenly from `lateness`
    /// (at most 71 minutes wide), so that they overtake each other. A restart does not end it.
    pub fn starve(&mut self, node: usize, lateness: Range<Duration>) {
        self.processes[node].starve(Some((lateness.start, lateness.end)));
        self.oracle.excuse_false_deaths();
    }

    /// Lets a node read again what arrives, when it arrives.
    pub fn feed(&mut self, node: usize) {
        self.processes[node].starve(None);
    }

    /// Lets a node say goodbye. Its process goes on until it is crashed.
    pub fn leave(&mut self, node: usize) {
        self.command(node, |node, now| node.leave(now));
    }

    /// Lets a node that left come back.
    pub fn rejoin(&mut self, node: usize) {
        self.command(node, |node, now| node.rejoin(now));
    }

    /// Attaches metadata to a node. Returns whether it took the command.
    pub fn set_metadata(&mut self, node: usize, metadata: &[u8]) -> bool {
        self.command(node, |node, now| node.set_metadata(metadata, now).is_ok()) == Some(true)
    }

    /// Lets one node forget another without a word: a row that is lost. Returns whether it did; it
    /// does not while its application has yet to hear of it.
    pub fn forget(&mut self, node: usize, other: usize) -> bool {
        let id = self.processes[other].id;
        self.oracle.forget_view(node);
        self.command(node, |node, _| node.forget(id)) == Some(true)
    }

    /// Calls any verb of a node and takes its output. `None`, and nothing happens, when the process
    /// is down or frozen.
    pub fn command<R>(
        &mut self,
        node: usize,
        verb: impl FnOnce(&mut Traced<SimAddress, S>, Instant) -> R,
    ) -> Option<R> {
        let process = &mut self.processes[node];
        if !process.is_responsive() {
            return None;
        }
        let now = process.clock.local(self.now);
        let answer = verb(process.node.as_mut()?, now);
        self.recorder.step(self.now, node, Step::Commanded);
        let outcome = self.drain(node).and_then(|()| self.settle(node));
        self.judge(node, outcome);
        Some(answer)
    }

    /// Lets the oracle read what is sealed by `key`. It knows the keys that the first node starts
    /// with, and takes packets that it cannot read for broken.
    pub fn confide(&mut self, key: Key) {
        self.confidant.learn_key(key, self.now);
    }

    /// Lets packets through only within each of `groups`; nodes in none of them form one more.
    pub fn partition(&mut self, groups: &[&[usize]]) {
        self.network.partition(groups);
    }

    /// Cuts the way `from` one node `to` another; the way back stays open.
    pub fn block(&mut self, from: usize, to: usize) {
        self.network.block(from, to);
    }

    /// Removes every cut.
    pub fn heal(&mut self) {
        self.network.heal();
    }

    fn stop(&mut self, node: usize, host_lives: bool) {
        let process = &mut self.processes[node];
        while let Some(flight) = process.unshelve().or_else(|| process.release()) {
            self.queue.land(flight);
        }
        if process.stop(host_lives) {
            self.oracle.learn(process.place, Incarnation::default(), false);
            self.oracle.forget_view(node);
            let step = if host_lives { Step::Killed } else { Step::Crashed };
            self.recorder.step(self.now, node, step);
        }
    }

    fn add_process(&mut self, id: NodeId, storage: Option<Box<dyn Fn() -> S>>) -> usize {
        let index = self.processes.len();
        let address = self.claim_address(index);
        let place = self.oracle.introduce(id);
        let mut process = Process::new(id, place, address);
        process.storage = storage;
        self.processes.push(process);
        self.start(index);
        index
    }

    fn claim_address(&mut self, node: usize) -> SimAddress {
        for listener in self.listeners.iter_mut().filter(|listener| **listener == Some(node)) {
            *listener = None;
        }
        self.listeners.push(Some(node));
        address(self.listeners.len() as u32)
    }

    fn start(&mut self, index: usize) {
        let process = &self.processes[index];
        self.start_as(index, Identity::new(process.id, process.address));
    }

    pub(super) fn start_as(&mut self, index: usize, identity: Identity<'_, SimAddress>) {
        let drift_range = self.scenario.drift_ppm_max as usize * 2 + 1;
        let drift_ppm = self.rng.below(drift_range) as i32 - self.scenario.drift_ppm_max as i32;
        let clock = Clock::new(self.rng.next_u64() >> (64 - EPOCH_BITS), drift_ppm);
        let storage = match &self.processes[index].storage {
            Some(storage) => storage(),
            None => (self.scenario.storage)(index),
        };
        let rows_max = storage.members_max();
        let (seed, now) = (self.rng.next_u64(), clock.local(self.now));
        let recording = self.trace.clone().map(|trace| Recording::new(trace, index as u32));
        let config = self.scenario.config;
        let node = Traced::new(identity, config, storage, seed, now, recording).ok();
        let outcome = match node.and_then(|node| self.equipped(node, index, now)) {
            Some(node) => {
                self.note_rival(index);
                self.processes[index].start(node, clock, rows_max);
                self.recorder.step(self.now, index, Step::Started);
                self.drain(index).and_then(|()| self.settle(index))
            }
            None => Err(Violation::NotCreated),
        };
        self.judge(index, outcome);
    }

    /// Gives a node the keys that the scenario has for it.
    fn equipped(
        &mut self,
        mut node: Traced<SimAddress, S>,
        index: usize,
        now: Instant,
    ) -> Option<Traced<SimAddress, S>> {
        let Some(keys) = self.scenario.keys else { return Some(node) };
        let (ring, sealing) = keys(index);
        self.confidant.learn(&ring, self.now);
        let nonces = nonces(self.rng.next_u64(), self.now);
        node.seal(ring, sealing, nonces, now).ok()?;
        Some(node)
    }

    fn note_rival(&mut self, index: usize) {
        if self.oracle.ids_are_distinct() {
            return;
        }
        let place = self.processes[index].place;
        let holds_it = |process: &Process<S>| process.place == place && process.node.is_some();
        if self.processes.iter().any(holds_it) {
            self.oracle.contest(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Burst, Failure, Link, Scenario};
    use crate::storage::Growable;
    use crate::{Config, Detector, Event, Lifeguard};

    const SECOND: Duration = Duration::from_secs(1);

    /// Three nodes that know each other, over links of 1 ms.
    fn three(seed: u64) -> Cluster<Growable> {
        let latency = Duration::from_millis(1);
        let link = Link { latency_min: latency, latency_max: latency, ..Link::lan() };
        let scenario = Scenario::new("verbs", seed, |_| Growable::new(16, 32));
        let detector = Detector::Lifeguard(Lifeguard::Memberlist);
        let config = Config { detector, ..Config::lan() };
        let mut cluster = Cluster::new(Scenario { link, config, ..scenario });
        cluster.add_many(3);
        cluster.introduce_all();
        cluster
    }

    /// The last steps, as a failure tells them.
    fn steps(cluster: &Cluster<Growable>) -> String {
        cluster.expect("nothing", false).err().map_or(String::new(), |failure| failure.to_string())
    }

    /// The moments of the last steps that contain `part`, in microseconds.
    fn moments(cluster: &Cluster<Growable>, part: &str) -> Vec<u64> {
        let steps = steps(cluster);
        let lines = steps.lines().filter(|line| line.contains(part));
        lines
            .filter_map(|line| line.split_whitespace().next()?.replace('.', "").parse().ok())
            .collect()
    }

    #[test]
    fn packets_to_a_killed_process_are_refused_there_and_back() -> Result<(), Failure> {
        let mut cluster = three(1);
        cluster.kill(1);
        assert!(cluster.node(1).is_none());
        cluster.join(0, 1);
        cluster.run_for(SECOND / 2000)?;
        assert_eq!(cluster.report().counts.refused, 0, "it is still on its way");
        cluster.run_for(SECOND / 10)?;
        let sent = moments(&cluster, "node 0  Sent(10.0.0.2:7946, Datagram");
        let told = moments(&cluster, "node 0  Refused(10.0.0.2:7946, Datagram)");
        assert_eq!(told.first().copied(), sent.first().map(|sent| sent + 2_000));
        let counts = cluster.report().counts;
        assert!(counts.refused > 0 && counts.unclaimed == 0);
        Ok(())
    }

    #[test]
    fn news_of_a_refusal_is_cut_and_lost_like_any_datagram() -> Result<(), Failure> {
        let mut cluster = three(1);
        cluster.kill(1);
        cluster.block(1, 0);
        cluster.join(0, 1);
        cluster.run_for(SECOND / 10)?;
        let counts = cluster.report().counts;
        assert!(counts.refused > 0 && counts.cut == counts.refused);
        assert!(!steps(&cluster).contains("node 0  Refused(10.0.0.2:7946, Datagram)"));
        cluster.heal();
        cluster.network.set_link(1, 0, Link::lan().losing(1_000));
        cluster.run_for(5 * SECOND)?;
        assert!(cluster.report().counts.lost > 0);
        assert!(!steps(&cluster).contains("node 0  Refused(10.0.0.2:7946, Datagram)"));
        Ok(())
    }

    #[test]
    fn streams_to_a_killed_process_are_refused_and_those_to_a_lost_host_are_not()
    -> Result<(), Failure> {
        for lives in [true, false] {
            let mut cluster = three(1);
            cluster.network.link = Link::lan().losing(1_000);
            if lives {
                cluster.kill(1)
            } else {
                cluster.crash(1)
            }
            // An unanswered ping is repeated over a stream.
            cluster.run_for(6 * SECOND)?;
            assert_eq!(steps(&cluster).contains("Refused(10.0.0.2:7946, Stream)"), lives);
            assert_eq!(cluster.report().counts.unclaimed == 0, lives);
        }
        Ok(())
    }

    #[test]
    fn a_killed_process_can_be_restarted_and_its_host_can_be_lost() -> Result<(), Failure> {
        let mut cluster = three(1);
        cluster.kill(1);
        cluster.crash(1);
        cluster.run_for(2 * SECOND)?;
        let counts = cluster.report().counts;
        assert!(counts.refused == 0 && counts.unclaimed > 0);
        cluster.restart(1);
        cluster.join(1, 0);
        assert!(cluster.run_until(20 * SECOND, Cluster::views_agree)?.is_some());
        cluster.kill(1);
        cluster.restart(1);
        cluster.join(1, 0);
        assert!(cluster.run_until(20 * SECOND, Cluster::views_agree)?.is_some());
        let excused = cluster.report().false_deaths;
        assert_eq!(excused, 0);
        Ok(())
    }

    #[test]
    fn a_jammed_node_sends_and_reads_nothing_and_stands_in_its_first_probe() -> Result<(), Failure>
    {
        let mut cluster = three(1);
        let counters = |cluster: &Cluster<Growable>| {
            let stats = cluster.node(1).map(|node| *node.stats()).unwrap_or_default();
            (stats.probes, stats.packets_sent, stats.packets_received)
        };
        cluster.run_for(3 * SECOND)?;
        let before = counters(&cluster);
        cluster.jam(1, 5 * SECOND);
        cluster.run_for(5 * SECOND - SECOND / 1_000)?;
        let during = counters(&cluster);
        assert_eq!((during.0, during.2), (before.0 + 1, before.2));
        let suspected = Event::MemberSuspected(cluster.id(1));
        assert!(cluster.heard().iter().any(|heard| heard.event == suspected));
        let accuses = |cluster: &Cluster<Growable>| {
            let by_it = cluster.heard().iter().filter(|heard| heard.node == 1);
            by_it.filter(|heard| matches!(heard.event, Event::MemberSuspected(_))).count()
        };
        assert_eq!(accuses(&cluster), 0);
        let delivered = cluster.report().counts.delivered;
        cluster.run_for(SECOND / 100)?;
        let after = counters(&cluster);
        assert_eq!(accuses(&cluster), 1, "its probe is late before the answer is read");
        assert!(after.2 > during.2 + 2, "what had arrived is read");
        assert!(cluster.report().counts.delivered > delivered + after.2 - during.2);
        assert!(cluster.run_until(20 * SECOND, Cluster::views_agree)?.is_some());
        Ok(())
    }

    #[test]
    fn what_a_jammed_node_sent_leaves_before_it_reads() -> Result<(), Failure> {
        let mut cluster = three(3);
        cluster.jam(1, SECOND);
        cluster.join(1, 0);
        cluster.run_for(SECOND - SECOND / 1_000)?;
        assert!(!steps(&cluster).contains("Received(10.0.0.2:7946"));
        cluster.run_for(SECOND / 500)?;
        let arrived = moments(&cluster, "node 0  Received(10.0.0.2:7946");
        assert_eq!(arrived.first(), Some(&1_001_000));
        assert!(moments(&cluster, "node 0  Sent(10.0.0.2:7946").contains(&1_001_000), "a welcome");
        Ok(())
    }

    #[test]
    fn a_crash_ends_a_jam_with_all_that_waits() -> Result<(), Failure> {
        let mut cluster = three(1);
        cluster.jam(1, 10 * SECOND);
        cluster.join(1, 0);
        cluster.run_for(2 * SECOND)?;
        cluster.restart(1);
        assert!(cluster.processes[1].is_reading());
        cluster.run_for(20 * SECOND)?;
        assert_eq!(cluster.processes[1].release(), None);
        assert!(!steps(&cluster).contains("Woke"));
        Ok(())
    }

    #[test]
    fn a_starved_node_reads_late_and_a_fed_one_at_once() -> Result<(), Failure> {
        let mut cluster = three(1);
        let (least, most) = (Duration::from_millis(20), Duration::from_millis(60));
        cluster.starve(1, least..most);
        let mut lags = Vec::new();
        for _ in 0..100 {
            let start = cluster.now();
            cluster.join(0, 1);
            cluster.run_for(2 * most)?;
            let read = moments(&cluster, "node 1  Received(10.0.0.1:7946").into_iter();
            let arrivals = read.map(|at| Instant::from_micros(at - 1_000));
            lags.extend(arrivals.filter(|&at| at > start).map(|at| at.since(start)).next());
        }
        // A few packets of probes are among them.
        let drawn = lags.iter().filter(|&&lag| lag >= least && lag < most);
        assert!(drawn.count() > 90, "{lags:?}");
        let margin = SECOND / 200;
        assert!(lags.iter().any(|&lag| lag >= least && lag < least + margin), "{lags:?}");
        assert!(lags.iter().any(|&lag| lag < most && lag >= most - margin), "{lags:?}");
        cluster.feed(1);
        cluster.run_for(most)?;
        let start = cluster.now().as_micros();
        cluster.join(0, 1);
        cluster.run_for(SECOND / 500)?;
        assert!(moments(&cluster, "node 1  Received(10.0.0.1").contains(&(start + 1_000)));
        Ok(())
    }

    #[test]
    fn a_firewall_refuses_what_comes_in_and_its_node_still_sends() -> Result<(), Failure> {
        let mut cluster = three(1);
        cluster.network.reject(1);
        cluster.join(0, 1);
        cluster.run_for(SECOND / 100)?;
        assert!(!moments(&cluster, "node 0  Refused(10.0.0.2:7946, Datagram)").is_empty());
        cluster.join(1, 0);
        cluster.run_for(SECOND / 100)?;
        assert!(steps(&cluster).contains("node 0  Received(10.0.0.2:7946"));
        let heard = |node: &crate::Node<SimAddress, Growable>| node.stats().packets_received;
        let before = cluster.node(1).map(heard);
        cluster.run_for(5 * SECOND)?;
        assert_eq!(cluster.node(1).map(heard), before);
        assert!(!steps(&cluster).contains("node 1  Refused"), "its firewall stops such news too");
        cluster.network.restore(1);
        assert!(cluster.run_until(60 * SECOND, Cluster::views_agree)?.is_some());
        Ok(())
    }

    #[test]
    fn deaths_that_follow_from_what_happened_break_no_rule() -> Result<(), Failure> {
        type Verb = fn(&mut Cluster<Growable>);
        let verbs: [Verb; 6] = [
            |cluster| cluster.jam(1, 60 * SECOND),
            |cluster| cluster.starve(1, 5 * SECOND..9 * SECOND),
            |cluster| cluster.network.deafen(1),
            |cluster| cluster.network.silence(1),
            |cluster| cluster.network.reject(1),
            |cluster| cluster.network.set_node_loss(1, 1_000),
        ];
        for verb in verbs {
            let mut cluster = three(1);
            cluster.network.streams_open = false;
            verb(&mut cluster);
            cluster.run_for(60 * SECOND)?;
            assert!(cluster.report().false_deaths > 0);
            let dead = Event::MemberDead(cluster.id(1));
            let told = |node| cluster.heard().iter().any(|h| h.node == node && h.event == dead);
            assert!(told(0) && told(2));
        }
        Ok(())
    }

    #[test]
    fn the_same_seed_gives_the_same_trace_whatever_happens() -> Result<(), Failure> {
        let trace = |seed: u64| {
            let mut cluster = three(seed);
            let burst = Burst { begins_permille: 50, ends_permille: 200, loss_permille: 900 };
            cluster.network.link = Link::lan().bursting(burst).reordering(SECOND / 10);
            cluster.starve(0, Duration::ZERO..SECOND);
            cluster.jam(1, 3 * SECOND);
            cluster.network.set_node_loss(1, 300);
            cluster.kill(2);
            cluster.run_for(20 * SECOND)?;
            cluster.restart(2);
            cluster.join(2, 0);
            cluster.run_for(20 * SECOND)?;
            Ok::<_, Failure>(cluster.trace_hash())
        };
        for seed in 1..4 {
            assert_eq!(trace(seed)?, trace(seed)?);
            assert_ne!(trace(seed)?, trace(seed + 100)?);
        }
        Ok(())
    }
}
