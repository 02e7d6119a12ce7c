//! One node, and everything that can be done to it.

use core::time::Duration;

use crate::outbox::Transmit;
use crate::seal::Sealer;
use crate::storage::{Board, Fixed, Growable, Server, Storage, WithBounds};
use crate::time::Instant;
use crate::wire::Packet;
use crate::{
    Acquaintances, Channel, Config, Detector, Event, FlapPolicy, Identity, Incarnation, KEYS_MAX,
    Lifeguard, Node, NodeId, Rejected, STREAM_PACKET_LEN_MAX, Sealing, Status,
};

use super::Bytes;
use super::envelope::{equip, insider, key, sealed};
use super::letter::World;
use super::memory::Memory;
use super::peer::Peer;
use super::watch::Watch;

/// Moves of one program; the rest is left out.
const MOVES_MAX: usize = 256;
/// Packets or events after one input before they are held to be endless.
const OUTPUTS_MAX: usize = 1_024;
/// Calls of `handle_timeout` at one moment before they are held to be endless.
const FIRINGS_MAX: usize = 64;
/// Until here time is real; deadlines beyond the end of time are all at its end.
const TIME_MAX: Instant = Instant::from_micros(u64::MAX / 2);
/// The id of the node, and its address.
const ME: u16 = 1;

/// Bytes as inputs of one node: packets of members and strangers, of an honest peer, and of nobody;
/// time that passes, jumps and goes back; refusals; every command. After each its output is taken,
/// and whatever must hold of it is checked. Some programs run twice, in tables of both kinds with
/// equal bounds, whose output must be the same.
///
/// # Panics
///
/// When a rule does not hold.
pub fn node(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    match bytes.below(6) {
        0 => drop(run(Growable::new(64, 32), bytes)),
        1 => drop(run(Fixed::<8, 16>::new(), bytes)),
        2 => drop(run(Fixed::<32, 16>::new(), bytes)),
        3 => {
            let fixed = run(WithBounds::new(Fixed::<8, 16>::new(), Server), bytes);
            assert_eq!(fixed, run(Growable::new(8, 16), bytes), "bounds of a server");
        }
        4 => {
            let growable = run(WithBounds::new(Growable::new(8, 16), Board), bytes);
            assert_eq!(run(Fixed::<8, 16>::new(), bytes), growable, "bounds of a board");
        }
        _ => drop(run(Fixed::<1, 0>::new(), bytes)),
    }
}

/// Something that came out of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Output {
    Packet(Transmit<u16>, Vec<u8>),
    Event(Event<u16>),
    Rejected(Rejected),
}

fn run<S: Storage>(storage: S, mut bytes: Bytes<'_>) -> Vec<Output> {
    let mut play = Play::new(storage, &mut bytes);
    let mut moves = 0..MOVES_MAX;
    while !bytes.is_empty() && moves.next().is_some() {
        play.make_move(&mut bytes);
    }
    play.outputs
}

struct Play<S: Storage> {
    node: Node<u16, S>,
    rows_max: usize,
    /// How many ids there are.
    people: usize,
    /// What the driver's clock shows.
    now: Instant,
    peer: Peer,
    /// Reads what the node sends, and seals what is written to it.
    insider: Sealer,
    acquaintances: Acquaintances<u16>,
    memory: Memory,
    watch: Watch,
    last_letter: Vec<u8>,
    buffer: Vec<u8>,
    outputs: Vec<Output>,
}

impl<S: Storage> Play<S> {
    fn new(storage: S, bytes: &mut Bytes<'_>) -> Self {
        let (config, seed) = (config(bytes), bytes.word().into());
        let now = Instant::from_secs(bytes.choose(&[1_000_000, 0, 1 << 44]));
        let rows_max = storage.members_max();
        let identity = Identity::new(NodeId::new(ME.into()), ME);
        let node = Node::new(identity, config, storage, seed, now);
        let mut node = node.expect("settings of a program are valid");
        let sealing = sealing(bytes);
        if let Some(sealing) = sealing {
            equip(&mut node, sealing, now);
        }
        Self {
            node,
            rows_max,
            people: rows_max.max(8) * 3 / 2,
            now,
            peer: Peer::new(config, sealing, now),
            insider: insider(now),
            acquaintances: Acquaintances::none(),
            memory: Memory::default(),
            watch: Watch::default(),
            last_letter: Vec::new(),
            buffer: vec![0; STREAM_PACKET_LEN_MAX.into()],
            outputs: Vec::new(),
        }
    }

    fn make_move(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() {
            0..=39 => self.meet_deadline(Duration::ZERO),
            40..=47 => self.meet_deadline(Duration::from_millis(bytes.word().into())),
            48..=59 => self.pass(Duration::from_millis(bytes.byte().into())),
            60..=63 => self.pass(Duration::from_secs(1 << (bytes.byte() % 24))),
            64..=67 => self.now = self.now.before(Duration::from_millis(bytes.word().into())),
            68..=115 => self.post(bytes),
            116..=155 => self.answer(bytes),
            156..=187 => self.hear_peer(bytes),
            188..=199 => self.peer.act(ME, self.now),
            200..=207 => self.replay(bytes),
            208..=211 => self.garble(bytes),
            212..=215 => self.babble(bytes),
            216..=221 => self.node.handle_unreachable(bytes.byte().into(), self.now),
            222..=249 => self.command(bytes),
            250..=252 => return self.cramp(bytes),
            253.. => return self.neglect(),
        }
        self.drain();
    }

    fn pass(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
        self.fire();
    }

    /// The driver wakes when it is to, or later.
    fn meet_deadline(&mut self, late: Duration) {
        if let Some(deadline) = self.node.poll_timeout() {
            self.now = self.now.max(deadline).after(late);
        }
        self.fire();
    }

    /// Does what is due at this moment, until nothing is.
    fn fire(&mut self) {
        let mut firings = 0..FIRINGS_MAX;
        loop {
            self.node.handle_timeout(self.now);
            self.drain();
            let due = self.node.poll_timeout().is_some_and(|deadline| deadline <= self.now);
            if !due || self.now > TIME_MAX {
                return;
            }
            assert!(firings.next().is_some(), "deadlines at one instant do not end");
        }
    }

    /// Somebody writes.
    fn post(&mut self, bytes: &mut Bytes<'_>) {
        let world = self.world();
        let sender = world.person(bytes);
        let letter = world.letter(bytes, sender);
        let letter = self.enclose(bytes, letter);
        let from = if bytes.byte() < 240 { sender.number() as u16 } else { bytes.byte().into() };
        self.receive(from, channel(bytes), &letter);
    }

    /// Somebody answers what the node has asked, if it has, where it has asked.
    fn answer(&mut self, bytes: &mut Bytes<'_>) {
        let Some(sent) = self.memory.packet(bytes.byte().into()) else { return };
        let (transmit, world) = (sent.transmit, self.world());
        let Some(message) = sent.message.and_then(|asked| world.answer(bytes, &asked)) else {
            return;
        };
        let sender = match bytes.byte() {
            0..=239 => NodeId::new(transmit.to.into()),
            _ => world.person(bytes),
        };
        let (from, channel) = (transmit.to, transmit.channel);
        let letter = world.packet(bytes, sender, Some(message));
        let letter = self.enclose(bytes, letter);
        self.receive(from, channel, &letter);
    }

    /// The next packet of the honest peer arrives, or is lost, or is changed on its way.
    fn hear_peer(&mut self, bytes: &mut Bytes<'_>) {
        let Some((channel, mut packet)) = self.peer.next_packet() else {
            return self.peer.act(ME, self.now);
        };
        match bytes.byte() {
            0..=199 => self.receive(Peer::NUMBER, channel, &packet),
            200..=215 => {}
            216..=235 => {
                change(bytes, &mut packet);
                self.receive(Peer::NUMBER, channel, &packet);
            }
            236.. => {
                self.receive(Peer::NUMBER, channel, &packet);
                self.drain();
                self.receive(Peer::NUMBER, channel, &packet);
            }
        }
    }

    /// A packet of its own comes back.
    fn replay(&mut self, bytes: &mut Bytes<'_>) {
        let Some(sent) = self.memory.packet(bytes.byte().into()).cloned() else { return };
        self.receive(sent.transmit.to, sent.transmit.channel, &sent.bytes);
    }

    /// Seals a packet if the node wants that, or in one case of four the other way round.
    fn enclose(&mut self, bytes: &mut Bytes<'_>, letter: Vec<u8>) -> Vec<u8> {
        let Some(sealing) = self.node.sealing() else { return letter };
        let as_wanted = bytes.byte() < 192;
        match (sealing >= Sealing::Send) == as_wanted {
            true => sealed(&mut self.insider, &letter, self.now).unwrap_or(letter),
            false => letter,
        }
    }

    /// The last packet comes once more, changed.
    fn garble(&mut self, bytes: &mut Bytes<'_>) {
        let mut letter = core::mem::take(&mut self.last_letter);
        change(bytes, &mut letter);
        self.receive(bytes.byte().into(), channel(bytes), &letter);
    }

    /// Any bytes arrive.
    fn babble(&mut self, bytes: &mut Bytes<'_>) {
        let (from, channel, len) = (bytes.byte().into(), channel(bytes), bytes.byte().into());
        self.receive(from, channel, bytes.take(len));
    }

    /// What is refused changes nothing.
    fn receive(&mut self, from: u16, channel: Channel, packet: &[u8]) {
        self.last_letter = packet.to_vec();
        let before = others(&self.node);
        let packet = &mut packet.to_vec();
        let outcome = match channel {
            Channel::Datagram => self.node.handle_datagram(from, packet, self.now),
            Channel::Stream => self.node.handle_stream(from, packet, self.now),
        };
        if let Err(rejected) = outcome {
            assert_eq!(others(&self.node), before, "{rejected}");
            self.outputs.push(Output::Rejected(rejected));
        }
    }

    fn command(&mut self, bytes: &mut Bytes<'_>) {
        let (kind, number, now) = (bytes.below(20), bytes.byte(), self.now);
        let id = NodeId::new(1 + u64::from(number) % self.people as u64);
        // Whether it is taken is for the node to say; either way the rules hold.
        let _ = match kind {
            0 | 1 => self.node.join(number.into(), now).is_ok(),
            2 => self.node.cancel_join(number.into()),
            3 => self.leave_or_return(number, now),
            4 => self.node.set_metadata(bytes.take(number.into()), now).is_ok(),
            5 => self.node.set_address(number.into(), now).is_ok(),
            6 | 7 => self.node.sleep(Duration::from_millis(u64::from(number) * 500), now).is_ok(),
            8 => {
                self.node.wake(now);
                true
            }
            9 => self.node.watch(id, Duration::from_millis(u64::from(number) * 5), now).is_ok(),
            10 => self.node.unwatch(id),
            11 => self.node.remember(id, number.into(), now),
            12 => {
                let people = (1..u64::from(number)).map(|id| (NodeId::new(id), id as u16));
                self.acquaintances = Acquaintances::new(people, number.into(), now);
                true
            }
            13 => {
                self.watch.overlook();
                self.node.forget(id)
            }
            14 | 15 => {
                self.node.remember_some(&mut self.acquaintances, now);
                true
            }
            _ => self.change_keys(kind, number),
        };
    }

    fn change_keys(&mut self, kind: usize, number: u8) -> bool {
        let steps = [Sealing::Accept, Sealing::Send, Sealing::Require];
        if kind == 16 {
            let step = steps[usize::from(number) % steps.len()];
            return self.node.set_sealing(step).is_ok();
        }
        let Some(keys) = self.node.keys_mut() else { return false };
        let key = key(usize::from(number) % KEYS_MAX);
        match kind {
            17 => keys.add(key),
            18 => keys.use_key(key.id()),
            _ => keys.remove(key.id()),
        }
        .is_ok()
    }

    fn leave_or_return(&mut self, number: u8, now: Instant) -> bool {
        let leaves = number & 1 == 0;
        if leaves {
            self.node.leave(now)
        } else {
            self.node.rejoin(now)
        }
        leaves
    }

    /// Nobody takes the output.
    fn neglect(&mut self) {
        self.watch.overlook();
        self.node.handle_timeout(self.now);
    }

    /// Packets are taken, but there is hardly room for them.
    fn cramp(&mut self, bytes: &mut Bytes<'_>) {
        let mut buffer = vec![0; bytes.byte().into()];
        self.take_packets(&mut buffer);
        self.take_events();
    }

    fn drain(&mut self) {
        let mut buffer = core::mem::take(&mut self.buffer);
        self.take_packets(&mut buffer);
        self.buffer = buffer;
        self.take_events();
        self.watch.look(&self.node, self.rows_max);
    }

    fn take_packets(&mut self, buffer: &mut [u8]) {
        let mut outputs = 0..OUTPUTS_MAX;
        while let Some(transmit) = self.node.poll_transmit(self.now, buffer) {
            assert!(outputs.next().is_some(), "packets after one input do not end");
            let packet = &buffer[..transmit.len];
            let mut copy = packet.to_vec();
            let opened = self.insider.open(&mut copy, self.now).expect("it is sealed or open");
            self.watch.packet(&self.node, transmit, opened.packet);
            let parsed = Packet::parse(opened.packet).expect("it was looked at");
            self.memory.note(transmit, packet, &parsed);
            self.outputs.push(Output::Packet(transmit, packet.to_vec()));
            if transmit.to == Peer::NUMBER {
                self.peer.hear(ME, transmit.channel, packet, self.now);
            }
        }
    }

    fn take_events(&mut self) {
        let mut outputs = 0..OUTPUTS_MAX;
        while let Some(event) = self.node.poll_event() {
            assert!(outputs.next().is_some(), "events after one input do not end");
            self.watch.event(&self.node, &event);
            self.outputs.push(Output::Event(event));
        }
    }

    fn world(&self) -> World<'_, S> {
        World { node: &self.node, memory: &self.memory, people: self.people }
    }
}

/// What a node knows of all but itself.
fn others<S: Storage>(node: &Node<u16, S>) -> Vec<(NodeId, Incarnation, Status, Option<u16>)> {
    let others = node.members().skip(1);
    others.map(|other| (other.id, other.incarnation, other.status, other.address)).collect()
}

fn channel(bytes: &mut Bytes<'_>) -> Channel {
    if bytes.byte() < 224 { Channel::Datagram } else { Channel::Stream }
}

/// Changes a byte of a packet, or cuts it short.
fn change(bytes: &mut Bytes<'_>, packet: &mut Vec<u8>) {
    let (place, byte) = (usize::from(bytes.word()) % packet.len().max(1), bytes.byte());
    match packet.get_mut(place) {
        Some(changed) if byte > 0 => *changed ^= byte,
        _ => packet.truncate(place),
    }
}

/// Every second node has no keys.
fn sealing(bytes: &mut Bytes<'_>) -> Option<Sealing> {
    bytes.choose(&[
        None,
        Some(Sealing::Require),
        None,
        Some(Sealing::Send),
        None,
        Some(Sealing::Accept),
    ])
}

/// Settings of all kinds.
fn config(bytes: &mut Bytes<'_>) -> Config {
    let presets = [Config::lan(), Config::lan_fast(), Config::local(), Config::radio()];
    let detectors = [
        Detector::Witness,
        Detector::Witness,
        Detector::Swim,
        Detector::Lifeguard(Lifeguard::Paper),
        Detector::Lifeguard(Lifeguard::Memberlist),
    ];
    let (preset, detector) = (bytes.choose(&presets), bytes.choose(&detectors));
    let switches = bytes.byte();
    let is_set = |bit: u8| switches >> bit & 1 == 1;
    let pick = |bit: u8, left: Duration, right: Duration| if is_set(bit) { right } else { left };
    Config {
        detector,
        anti_entropy: !is_set(0),
        sync_over_streams: is_set(1),
        flap: is_set(2).then(FlapPolicy::new),
        heal_interval: pick(3, preset.heal_interval, Duration::ZERO),
        gossip_interval: pick(4, preset.gossip_interval, Duration::ZERO),
        tombstone_time: pick(5, preset.tombstone_time, Duration::from_secs(1)),
        datagram_len_max: if is_set(6) { 127 } else { preset.datagram_len_max },
        pages_per_second_max: if is_set(7) { 1 } else { preset.pages_per_second_max },
        ..preset
    }
}
