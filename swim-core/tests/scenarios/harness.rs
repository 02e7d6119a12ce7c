//! A world driven by hand: a few nodes, packets one can look at, and virtual time.
//!
//! Each node runs twice, on [`Fixed`] and on [`Growable`] storage of the same capacity and with the
//! bounds of a server, and every call must have the same outcome on both, bytes included. Packets
//! take no time; what is sent to an address where no node lives is only recorded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use swim_core::storage::{Fixed, Growable, Server, WithBounds};
use swim_core::wire::{Belief, Header, Message, Ping, Update};
use swim_core::{
    Card, Channel, Config, Detector, Event, Identity, Instant, JoinError, Lifeguard, Member,
    MetadataTooLong, NewError, Node, OUTBOX_LEN_MAX, Patience, Rejected, SleepError,
    SnapshotRecord, Standing, Stats, Status, Transmit, Watch, WatchError,
};

pub use crate::packets::*;

/// Longer than any update is gossiped and any news kept waiting.
const EVENTS_PER_DRAIN_MAX: usize = 10_000;
const STEPS_PER_MOMENT_MAX: usize = 10_000;
/// How long one waits for what ought to happen.
const SEARCH_MAX: Duration = Duration::from_secs(86_000);

/// Servers under memberlist's detector, without anti-entropy.
pub fn quiet() -> Config {
    let detector = Detector::Lifeguard(Lifeguard::Memberlist);
    Config { detector, anti_entropy: false, ..Config::lan() }
}

/// Nothing goes out of its own accord: no gossip apart from answers, no probe for half an hour.
pub fn still() -> Config {
    Config {
        probe_interval: Duration::from_secs(3_600),
        probe_timeout: Duration::from_secs(1_800),
        probe_timeout_max: Duration::from_secs(1_800),
        gossip_interval: Duration::ZERO,
        ..quiet()
    }
}

/// Calls a method on both halves of a twin; the outcomes must agree.
macro_rules! both {
    ($twin:expr, $method:ident($($argument:expr),*)) => {{
        let fixed = $twin.fixed.$method($($argument),*);
        let growable = $twin.growable.$method($($argument),*);
        assert_eq!(fixed, growable, "the storages differ in {}", stringify!($method));
        fixed
    }};
}

/// Where a packet goes, and its bytes.
type Packed = (Transmit<u16>, Vec<u8>);

/// One node on both storages.
pub struct Twin<const MEMBERS: usize, const METADATA: usize> {
    fixed: Node<u16, WithBounds<Fixed<MEMBERS, METADATA>, Server>>,
    growable: Node<u16, Growable>,
}

impl<const MEMBERS: usize, const METADATA: usize> Twin<MEMBERS, METADATA> {
    pub fn new(
        identity: Identity<'_, u16>,
        config: Config,
        seed: u64,
        now: Instant,
    ) -> Result<Self, NewError> {
        let fixed = WithBounds::new(Fixed::new(), Server);
        let growable = Growable::new(MEMBERS, METADATA);
        match (
            Node::new(identity, config, fixed, seed, now),
            Node::new(identity, config, growable, seed, now),
        ) {
            (Ok(fixed), Ok(growable)) => Ok(Self { fixed, growable }),
            (Err(fixed), Err(growable)) => {
                assert_eq!(fixed, growable);
                Err(fixed)
            }
            (fixed, growable) => panic!("the storages differ: {fixed:?} {growable:?}"),
        }
    }

    pub fn handle_datagram(
        &mut self,
        from: u16,
        bytes: &[u8],
        now: Instant,
    ) -> Result<(), Rejected> {
        both!(self, handle_datagram(from, &mut bytes.to_vec(), now))
    }

    pub fn handle_stream(&mut self, from: u16, bytes: &[u8], now: Instant) -> Result<(), Rejected> {
        both!(self, handle_stream(from, &mut bytes.to_vec(), now))
    }

    pub fn allow(&mut self, allowed: fn(&u16) -> bool) {
        self.fixed.allow(Box::new(allowed));
        self.growable.allow(Box::new(allowed));
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        both!(self, handle_timeout(now));
    }

    pub fn handle_unreachable(&mut self, address: u16, now: Instant) {
        both!(self, handle_unreachable(address, now));
    }

    pub fn join(&mut self, seed: u16, now: Instant) -> Result<(), JoinError> {
        both!(self, join(seed, now))
    }

    pub fn cancel_join(&mut self, seed: u16) -> bool {
        both!(self, cancel_join(seed))
    }

    pub fn leave(&mut self, now: Instant) {
        both!(self, leave(now));
    }

    pub fn rejoin(&mut self, now: Instant) {
        both!(self, rejoin(now));
    }

    pub fn sleep(&mut self, duration: Duration, now: Instant) -> Result<(), SleepError> {
        both!(self, sleep(duration, now))
    }

    pub fn wake(&mut self, now: Instant) {
        both!(self, wake(now))
    }

    pub fn watch(
        &mut self,
        member: u16,
        watch: impl Into<Watch>,
        now: Instant,
    ) -> Result<(), WatchError> {
        let watch = watch.into();
        both!(self, watch(id(member), watch, now))
    }

    pub fn unwatch(&mut self, member: u16) -> bool {
        both!(self, unwatch(id(member)))
    }

    pub fn suspicion_level(&self, member: u16, now: Instant) -> Option<f32> {
        both!(self, suspicion_level(id(member), now))
    }

    pub fn is_leaf(&self) -> bool {
        both!(self, is_leaf())
    }

    pub fn set_metadata(&mut self, metadata: &[u8], now: Instant) -> Result<(), MetadataTooLong> {
        both!(self, set_metadata(metadata, now))
    }

    pub fn set_address(&mut self, address: u16, now: Instant) {
        both!(self, set_address(address, now)).unwrap();
    }

    pub fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit<u16>> {
        let mut other = vec![0; buffer.len()];
        let fixed = self.fixed.poll_transmit(now, buffer);
        let growable = self.growable.poll_transmit(now, &mut other);
        assert_eq!(fixed, growable, "the storages differ in poll_transmit");
        let len = fixed.map_or(0, |transmit| transmit.len);
        assert_eq!(buffer[..len], other[..len], "the storages write different packets");
        fixed
    }

    pub fn poll_event(&mut self) -> Option<Event<u16>> {
        both!(self, poll_event())
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        both!(self, poll_timeout())
    }

    pub fn incarnation(&self) -> u32 {
        both!(self, incarnation()).number()
    }

    pub fn standing(&self) -> Standing {
        both!(self, standing())
    }

    pub fn live_count(&self) -> usize {
        both!(self, live_count())
    }

    pub fn remember(&mut self, member: u16, now: Instant) -> bool {
        both!(self, remember(id(member), member, now))
    }

    pub fn snapshot(&self) -> Vec<SnapshotRecord<u16>> {
        let records: Vec<_> = self.fixed.snapshot().collect();
        assert_eq!(records, self.growable.snapshot().collect::<Vec<_>>());
        records
    }

    pub fn is_alone(&self) -> bool {
        both!(self, is_alone())
    }

    pub fn is_isolated(&self) -> bool {
        both!(self, is_isolated())
    }

    pub fn health_score(&self) -> u8 {
        both!(self, health_score())
    }

    pub fn patience(&self) -> Duration {
        both!(self, patience())
    }

    pub fn stats(&self) -> Stats {
        *both!(self, stats())
    }

    pub fn me(&self) -> Member<'_, u16> {
        both!(self, me())
    }

    pub fn member(&self, member: u16) -> Option<Member<'_, u16>> {
        both!(self, member(id(member)))
    }

    pub fn members(&self) -> Vec<Member<'_, u16>> {
        let members: Vec<_> = self.fixed.members().collect();
        assert_eq!(members, self.growable.members().collect::<Vec<_>>());
        members
    }

    /// All packets and events that wait. There are never more than the outbox holds.
    pub fn drain(&mut self, now: Instant) -> (Vec<Packed>, Vec<Event<u16>>) {
        let mut buffer = vec![0; usize::from(self.fixed.config().datagram_len_max)];
        let mut packets = Vec::new();
        while let Some(transmit) = self.poll_transmit(now, &mut buffer) {
            packets.push((transmit, buffer[..transmit.len].to_vec()));
            assert!(packets.len() <= OUTBOX_LEN_MAX, "the packets do not end");
        }
        let mut events = Vec::new();
        while let Some(event) = self.poll_event() {
            events.push(event);
            assert!(events.len() <= EVENTS_PER_DRAIN_MAX, "the events do not end");
        }
        assert_eq!(self.poll_transmit(now, &mut buffer), None);
        (packets, events)
    }
}

/// Says which packets are lost.
type Loss = Box<dyn FnMut(&Sent) -> bool>;

/// Some nodes, the packets between them, and a clock.
pub struct World<const MEMBERS: usize = 16, const METADATA: usize = 32> {
    pub config: Config,
    pub now: Instant,
    nodes: BTreeMap<u16, Twin<MEMBERS, METADATA>>,
    /// Addresses at which pings are answered, and nothing else happens.
    puppets: BTreeSet<u16>,
    /// Addresses whose host lives and refuses every packet.
    refusing: BTreeSet<u16>,
    losses: Vec<Loss>,
    /// When a stranger is heard next, if one ever is.
    murmur_at: Option<Instant>,
    flight: VecDeque<Sent>,
    sent: Vec<Sent>,
    events: BTreeMap<u16, Vec<Event<u16>>>,
    seed: u64,
}

/// A world of the usual size, with nobody in it.
pub fn world(config: Config) -> World {
    World::empty(config)
}

/// The node `A`, and members it knows at incarnation 0 that exist nowhere.
pub fn alone_with(config: Config, members: &[u16]) -> World {
    let mut world = world(config);
    world.start(A);
    world.introduce(A, members);
    world
}

/// Nodes that know each other.
pub fn cluster(config: Config, members: &[u16]) -> World {
    let mut world = world(config);
    members.iter().for_each(|&member| world.start(member));
    world.acquaint(members);
    world
}

impl<const MEMBERS: usize, const METADATA: usize> World<MEMBERS, METADATA> {
    pub fn empty(config: Config) -> Self {
        Self {
            config,
            now: Instant::from_secs(1_000),
            nodes: BTreeMap::new(),
            puppets: BTreeSet::new(),
            refusing: BTreeSet::new(),
            losses: Vec::new(),
            murmur_at: None,
            flight: VecDeque::new(),
            sent: Vec::new(),
            events: BTreeMap::new(),
            seed: 1,
        }
    }

    /// Starts the process of `member`, anew if need be, at the address of the same number.
    pub fn start(&mut self, member: u16) {
        self.start_as(member, Identity::new(id(member), member));
    }

    pub fn start_as(&mut self, address: u16, identity: Identity<'_, u16>) {
        self.seed += 1;
        let twin = Twin::new(identity, self.config, self.seed, self.now).expect("a node");
        self.nodes.insert(address, twin);
    }

    pub fn kill(&mut self, address: u16) {
        self.nodes.remove(&address);
    }

    /// Answers pings at this address from now on.
    pub fn puppet(&mut self, address: u16) {
        self.puppets.insert(address);
    }

    /// Lets the process of `member` stand still. What is sent to it meanwhile is lost.
    pub fn pause(&mut self, member: u16, millis: u64) {
        let twin = self.nodes.remove(&member).expect("a living node");
        self.run(millis);
        self.nodes.insert(member, twin);
    }

    /// Refuses packets to this address from now on, unless a node lives there.
    pub fn refuse(&mut self, address: u16) {
        self.refusing.insert(address);
    }

    /// Tells `node` that nothing listens at `address`.
    pub fn unreachable(&mut self, node: u16, address: u16) {
        self.act(node, |twin, now| twin.handle_unreachable(address, now));
    }

    /// Lets `node` know members, without giving it anything to gossip.
    pub fn introduce(&mut self, node: u16, members: &[u16]) {
        let updates: Vec<_> = members.iter().map(|&member| alive(member, 0)).collect();
        for some in updates.chunks(64) {
            self.tell(node, STRANGER, last_page(0), some).expect("a page");
        }
        self.events(node);
    }

    /// Lets nodes know each other as they are, without giving them anything to gossip.
    pub fn acquaint(&mut self, members: &[u16]) {
        for &node in members {
            for &other in members.iter().filter(|&&other| other != node) {
                let card = self.nodes[&other].me();
                let Member { id, incarnation, boot, address, metadata, .. } = card;
                let metadata = metadata.to_vec();
                let address = address.expect("an address of one's own");
                let card = Card {
                    incarnation,
                    boot,
                    patience: Patience::NONE,
                    address,
                    metadata: &metadata,
                };
                let header = self.header(STRANGER);
                let bytes = forge(&header, last_page(0), &[Update::alive(id, card)]);
                self.hand(node, STRANGER, &bytes).expect("a page");
            }
            self.events(node);
        }
    }

    pub fn header(&self, sender: u16) -> Header {
        Header { label: self.config.label, sender: id(sender), incarnation: at(0), round: 0 }
    }

    /// Hands `node` a datagram that `from` never sent.
    pub fn tell(
        &mut self,
        node: u16,
        from: u16,
        message: Option<Message<u16>>,
        updates: &[Update<'_, u16>],
    ) -> Result<(), Rejected> {
        let bytes = forge(&self.header(from), message, updates);
        self.hand(node, from, &bytes)
    }

    /// Hands `node` gossip of a stranger.
    pub fn gossip(&mut self, node: u16, updates: &[Update<'_, u16>]) {
        self.tell(node, STRANGER, None, updates).expect("gossip");
    }

    /// Hands `node` gossip of a member.
    pub fn gossip_from(&mut self, from: u16, node: u16, updates: &[Update<'_, u16>]) {
        self.tell(node, from, None, updates).expect("gossip");
    }

    pub fn hand(&mut self, node: u16, from: u16, bytes: &[u8]) -> Result<(), Rejected> {
        self.act(node, |twin, now| twin.handle_datagram(from, bytes, now))
    }

    /// A stranger pings `node`: the ack, with all the news that waits.
    pub fn ask(&mut self, node: u16) -> Sent {
        let start = self.sent.len();
        let me = self.nodes[&node].me();
        let belief = Some(Belief { incarnation: me.incarnation, status: Status::Alive });
        let ping = Ping { number: 4_711, target: me.id, belief, digest: None };
        // A stranger gets no more than it sends.
        let bytes = forge_long(&self.header(STRANGER), Some(Message::Ping(ping)));
        self.hand(node, STRANGER, &bytes).expect("a ping");
        let ack = self.sent[start..].iter().find(|sent| sent.to == STRANGER).cloned();
        ack.expect("an answer")
    }

    /// Makes a call on a node and drains what follows.
    pub fn act<T>(
        &mut self,
        node: u16,
        call: impl FnOnce(&mut Twin<MEMBERS, METADATA>, Instant) -> T,
    ) -> T {
        let twin = self.nodes.get_mut(&node).expect("a living node");
        let outcome = call(twin, self.now);
        self.drain(node);
        outcome
    }

    pub fn join(&mut self, node: u16, seed: u16) {
        self.act(node, |twin, now| twin.join(seed, now)).expect("a seed");
    }

    /// From now on, loses the packets that `loss` says.
    pub fn lose(&mut self, loss: impl FnMut(&Sent) -> bool + 'static) {
        self.losses.push(Box::new(loss));
    }

    /// From now on, lets a stranger be heard by everybody once a second, who has nothing to say.
    pub fn murmur(&mut self) {
        self.murmur_at = Some(self.now);
    }

    /// Delivers what is in flight and lets time pass.
    pub fn run(&mut self, millis: u64) {
        let end = self.now.after(Duration::from_millis(millis));
        self.run_to(end);
    }

    pub fn run_to(&mut self, end: Instant) {
        while self.step(end) {}
        self.now = end;
    }

    /// Lets time pass until a packet like this is sent; it is still in flight then.
    pub fn next(&mut self, wanted: impl Fn(&Sent) -> bool) -> Sent {
        let end = self.now.after(SEARCH_MAX);
        let mut seen = self.sent.len();
        loop {
            while let Some(sent) = self.sent.get(seen) {
                seen += 1;
                if wanted(sent) {
                    return sent.clone();
                }
            }
            assert!(self.step(end), "no such packet in a day");
        }
    }

    /// Lets time pass until `node` tells of this event: the moment it does.
    pub fn until(&mut self, node: u16, event: Event<u16>) -> Instant {
        let end = self.now.after(SEARCH_MAX);
        while !self.events.get(&node).is_some_and(|events| events.contains(&event)) {
            assert!(self.step(end), "no {event:?} in a day");
        }
        self.now
    }

    /// What the nodes have sent since this was asked last.
    pub fn sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }

    /// Takes what is in flight; it does not arrive unless it is handed in.
    pub fn intercept(&mut self) -> Vec<Sent> {
        self.flight.drain(..).collect()
    }

    /// What `node` has told its application since this was asked last.
    pub fn events(&mut self, node: u16) -> Vec<Event<u16>> {
        self.events.remove(&node).unwrap_or_default()
    }

    pub fn node(&self, node: u16) -> &Twin<MEMBERS, METADATA> {
        &self.nodes[&node]
    }

    pub fn stats(&self, node: u16) -> Stats {
        self.nodes[&node].stats()
    }

    pub fn status(&self, node: u16, member: u16) -> Option<Status> {
        self.nodes[&node].member(member).map(|member| member.status)
    }

    /// What `node` knows of `member`: status and incarnation.
    pub fn known(&self, node: u16, member: u16) -> Option<(Status, u32)> {
        let member = self.nodes[&node].member(member)?;
        Some((member.status, member.incarnation.number()))
    }

    /// Delivers one packet, or else lets the next timers fire. False when neither is left.
    fn step(&mut self, end: Instant) -> bool {
        if let Some(sent) = self.flight.pop_front() {
            self.deliver(&sent);
            return true;
        }
        let timers = self.nodes.values().filter_map(|twin| twin.poll_timeout());
        let next = timers.chain(self.murmur_at).min();
        let Some(due) = next.filter(|&due| due <= end) else { return false };
        self.now = self.now.max(due);
        let nodes: Vec<u16> = self.nodes.keys().copied().collect();
        if self.murmur_at.is_some_and(|at| at <= self.now) {
            self.murmur_at = Some(self.now.after(Duration::from_secs(1)));
            nodes.iter().for_each(|&node| self.gossip(node, &[]));
        }
        for node in nodes {
            self.fire(node);
        }
        true
    }

    /// After the timers have fired and the outputs are drained, nothing is overdue.
    fn fire(&mut self, node: u16) {
        for _ in 0..STEPS_PER_MOMENT_MAX {
            if self.nodes[&node].poll_timeout().is_none_or(|due| due > self.now) {
                return;
            }
            self.act(node, |twin, now| twin.handle_timeout(now));
        }
        panic!("node {node} stays due at {:?}", self.now);
    }

    fn deliver(&mut self, sent: &Sent) {
        if self.losses.iter_mut().any(|loss| loss(sent)) {
            return;
        }
        if self.nodes.contains_key(&sent.to) {
            // Rejections are counted by the node; most tests do not care.
            let _ = self.act(sent.to, |twin, now| match sent.channel {
                Channel::Datagram => twin.handle_datagram(sent.from, &sent.bytes, now),
                Channel::Stream => twin.handle_stream(sent.from, &sent.bytes, now),
            });
        } else if self.puppets.contains(&sent.to)
            && let Some(ping) = sent.ping().filter(|ping| ping.target == id(sent.to))
        {
            self.tell(sent.from, sent.to, ack(ping.number), &[]).expect("an ack");
        } else if self.refusing.contains(&sent.to) && self.nodes.contains_key(&sent.from) {
            self.unreachable(sent.from, sent.to);
        }
    }

    fn drain(&mut self, node: u16) {
        let (packets, events) = self.nodes.get_mut(&node).expect("a node").drain(self.now);
        for (Transmit { to, channel, .. }, bytes) in packets {
            let sent = Sent { at: self.now, from: node, to, channel, bytes };
            self.sent.push(sent.clone());
            self.flight.push_back(sent);
        }
        self.events.entry(node).or_default().extend(events);
    }
}
