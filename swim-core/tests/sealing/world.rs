//! Nodes with keys, packets that take no time, and an ear that records everything.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use swim_core::storage::Growable;
use swim_core::wire::{Header, PacketWriter};
use swim_core::{
    Config, Event, Identity, Instant, Key, KeyRing, Node, NodeId, Nonces, Rejected, Sealing, Stats,
};

pub type Sealed = Node<u16, Growable>;

/// A packet as it was on its way.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Instant,
    pub from: u16,
    pub to: u16,
    pub bytes: Vec<u8>,
}

pub struct World {
    pub now: Instant,
    pub nodes: BTreeMap<u16, Sealed>,
    pub recorded: Vec<Sent>,
    pub events: Vec<(u16, Event<u16>)>,
    flight: VecDeque<Sent>,
    config: Config,
    starts: u64,
}

pub fn id(member: u16) -> NodeId {
    NodeId::new(member.into())
}

pub fn key(byte: u8) -> Key {
    Key::new([byte; 32])
}

/// A ring of these keys; the first is the primary one.
pub fn ring(keys: &[u8]) -> KeyRing {
    let mut ring = KeyRing::new(key(keys[0]));
    keys[1..].iter().for_each(|&byte| ring.add(key(byte)).unwrap());
    ring
}

impl World {
    pub fn new() -> Self {
        Self::with(Config::lan())
    }

    pub fn with(config: Config) -> Self {
        Self {
            now: Instant::from_secs(1_000),
            nodes: BTreeMap::new(),
            recorded: Vec::new(),
            events: Vec::new(),
            flight: VecDeque::new(),
            config,
            starts: 0,
        }
    }

    /// Members `1..=count` that require sealed packets and have found each other.
    pub fn sealed(count: u16) -> Self {
        let mut world = Self::new();
        for member in 1..=count {
            world.start_sealed(member, &[1], 1_000_000);
        }
        world.gather();
        world
    }

    /// Lets all join the first, and waits until they know each other.
    pub fn gather(&mut self) {
        let members: Vec<u16> = self.nodes.keys().copied().collect();
        for &member in &members[1..] {
            self.join(member, members[0]);
        }
        self.run(20);
        self.expect_all_alive();
    }

    pub fn start(&mut self, member: u16) -> &mut Sealed {
        self.starts += 1;
        let identity = Identity::new(id(member), member);
        let storage = Growable::new(64, 64);
        let node = Node::new(identity, self.config, storage, self.starts, self.now).unwrap();
        self.nodes.insert(member, node);
        self.nodes.get_mut(&member).unwrap()
    }

    pub fn start_clear(&mut self, member: u16) {
        self.start(member);
    }

    pub fn start_sealed(&mut self, member: u16, keys: &[u8], seconds: u32) {
        let now = self.now;
        let salt = self.starts;
        let nonces = Nonces { salt, seconds };
        self.start(member).seal(ring(keys), Sealing::Require, nonces, now).unwrap();
    }

    pub fn join(&mut self, member: u16, seed: u16) {
        let now = self.now;
        self.node(member).join(seed, now).unwrap();
        self.drain(member);
    }

    pub fn node(&mut self, member: u16) -> &mut Sealed {
        self.nodes.get_mut(&member).unwrap()
    }

    pub fn stats(&self, member: u16) -> &Stats {
        self.nodes[&member].stats()
    }

    /// Hands in a packet and drains what follows from it.
    pub fn hand(&mut self, to: u16, from: u16, bytes: &[u8]) -> Result<(), Rejected> {
        let now = self.now;
        let outcome = self.node(to).handle_datagram(from, &mut bytes.to_vec(), now);
        self.drain(to);
        outcome
    }

    /// Lets so many seconds pass.
    pub fn run(&mut self, seconds: u64) {
        self.run_millis(seconds * 1_000);
    }

    /// Lets so many milliseconds pass.
    pub fn run_millis(&mut self, millis: u64) {
        let end = self.now.after(Duration::from_millis(millis));
        loop {
            self.deliver();
            let next = self.nodes.values().filter_map(|node| node.poll_timeout()).min();
            let Some(due) = next.filter(|&due| due <= end) else { break };
            self.now = self.now.max(due);
            let (now, members): (_, Vec<u16>) = (self.now, self.nodes.keys().copied().collect());
            for member in members {
                self.node(member).handle_timeout(now);
                self.drain(member);
            }
        }
        self.now = end;
    }

    fn deliver(&mut self) {
        while let Some(sent) = self.flight.pop_front() {
            if self.nodes.contains_key(&sent.to) {
                // What is rejected is counted, and looked at by the tests.
                let _ = self.hand(sent.to, sent.from, &sent.bytes);
            }
        }
    }

    fn drain(&mut self, from: u16) {
        let (at, mut buffer) = (self.now, [0; 1_400]);
        let node = self.nodes.get_mut(&from).unwrap();
        while let Some(transmit) = node.poll_transmit(at, &mut buffer) {
            let sent = Sent { at, from, to: transmit.to, bytes: buffer[..transmit.len].to_vec() };
            self.recorded.push(sent.clone());
            self.flight.push_back(sent);
        }
        while let Some(event) = node.poll_event() {
            self.events.push((from, event));
        }
    }

    /// Forgets what is on its way, and what was told.
    pub fn hush(&mut self) {
        self.flight.clear();
        self.events.clear();
        self.recorded.clear();
    }

    pub fn expect_all_alive(&self) {
        for (member, node) in &self.nodes {
            assert_eq!(node.live_count(), self.nodes.len(), "{member} at {:?}", self.now);
        }
    }

    pub fn expect_no_suspicion(&self) {
        for member in self.nodes.keys() {
            assert_eq!((self.stats(*member).suspected, self.stats(*member).refutations), (0, 0));
        }
    }

    /// All that a packet could change of a node.
    pub fn state(&self, member: u16) -> String {
        let node = &self.nodes[&member];
        let members: Vec<_> = node.members().collect();
        format!("{members:?} {:?} {}", node.standing(), node.health_score())
    }
}

/// A packet in clear of somebody whom nobody knows, with what `fill` writes.
pub fn in_clear(fill: impl FnOnce(&mut PacketWriter<'_>)) -> Vec<u8> {
    let (label, incarnation) = (Config::lan().label, Default::default());
    let header = Header { label, sender: id(999), incarnation, round: 0 };
    let mut buffer = [0; 200];
    let mut writer = PacketWriter::new(&mut buffer, &header).unwrap();
    fill(&mut writer);
    let len = writer.finish();
    buffer[..len].to_vec()
}
