//! What can be made to happen to the nodes of a cluster, and to the ways between them.

use core::time::Duration;

use crate::member::{Incarnation, NodeId};
use crate::storage::Storage;
use crate::time::Instant;
use crate::{Identity, Node};

use super::clock::Clock;
use super::cluster::Cluster;
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
        let index = self.processes.len();
        let address = self.claim_address(index);
        let place = self.oracle.introduce(id);
        self.processes.push(Process::new(id, place, address));
        self.start(index);
        index
    }

    /// Adds `count` nodes with ids as long as random ones.
    pub fn add_many(&mut self, count: usize) {
        for _ in 0..count {
            let id = NodeId::from_random(self.rng.next_u64());
            self.add(id);
        }
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

    /// Ends a process without a word.
    pub fn crash(&mut self, node: usize) {
        let process = &mut self.processes[node];
        while let Some(flight) = process.unshelve() {
            self.queue.land(flight);
        }
        if process.stop() {
            self.oracle.learn(process.place, Incarnation::default(), false);
            self.oracle.forget_view(node);
            self.recorder.step(self.now, node, Step::Crashed);
        }
    }

    /// Starts a process again, with the same id at incarnation 0, after a crash if it still runs.
    /// It knows nobody: let it [`join`](Self::join).
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
        self.queue.push(until, What::Wake { process: node });
        self.oracle.excuse_false_deaths();
        self.recorder.step(self.now, node, Step::Froze);
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

    /// Calls any verb of a node and takes its output. `None`, and nothing happens, when the process
    /// is down or frozen.
    pub fn command<R>(
        &mut self,
        node: usize,
        verb: impl FnOnce(&mut Node<SimAddress, S>, Instant) -> R,
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

    fn claim_address(&mut self, node: usize) -> SimAddress {
        for listener in self.listeners.iter_mut().filter(|listener| **listener == Some(node)) {
            *listener = None;
        }
        self.listeners.push(Some(node));
        address(self.listeners.len() as u32)
    }

    fn start(&mut self, index: usize) {
        let drift_range = self.scenario.drift_ppm_max as usize * 2 + 1;
        let drift_ppm = self.rng.below(drift_range) as i32 - self.scenario.drift_ppm_max as i32;
        let clock = Clock::new(self.rng.next_u64() >> (64 - EPOCH_BITS), drift_ppm);
        let storage = (self.scenario.storage)(index);
        let rows_max = storage.members_max();
        let process = &self.processes[index];
        let identity = Identity::new(process.id, process.address);
        let (seed, now) = (self.rng.next_u64(), clock.local(self.now));
        let outcome = match Node::new(identity, self.scenario.config, storage, seed, now) {
            Ok(node) => {
                self.note_rival(index);
                self.processes[index].start(node, clock, rows_max);
                self.recorder.step(self.now, index, Step::Started);
                self.drain(index).and_then(|()| self.settle(index))
            }
            Err(_) => Err(Violation::NotCreated),
        };
        self.judge(index, outcome);
    }

    fn note_rival(&mut self, index: usize) {
        let place = self.processes[index].place;
        let holds_it = |process: &Process<S>| process.place == place && process.node.is_some();
        if self.processes.iter().any(holds_it) {
            self.oracle.contest(place);
        }
    }
}
