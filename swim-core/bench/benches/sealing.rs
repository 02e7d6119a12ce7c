//! What sealing costs: the same packets in clear and sealed, in turns, and how much longer they
//! are.
//!
//! ```text
//! cargo bench --bench sealing
//! ```

use std::hint::black_box;
use std::ops::Range;
use std::time::Instant as Clock;

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use swim_core::storage::Growable;
use swim_core::wire::{Header, Message, PacketWriter, Ping, Update};
use swim_core::{
    Card, Config, Identity, Incarnation, Instant, Key, KeyRing, Label, Node, NodeId, Nonces,
    Patience, Sealing,
};

const TURNS: usize = 60;
const TURNS_QUICK: usize = 5;
const CALLS_PER_TURN: u32 = 500;
const MEMBERS: u16 = 400;
const READER: u16 = 1;
const WRITER: u16 = 2;
/// Updates besides the ping.
const CASES: [(&str, u16); 4] = [
    ("ping, ack", 0),
    ("ping + 5 known, ack", 5),
    ("ping + 20 known, ack", 20),
    ("ping + 75 known, ack", 75),
];

const KEY: [u8; 32] = [7; 32];

type Member = Node<u16, Growable>;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let turns = if quick { TURNS_QUICK } else { TURNS };
    println!("one call                 bytes  sealed |  clear ns  sealed ns |  more ns      x");
    for (name, updates) in CASES {
        let mut clear = Reader::new(Sealing::Accept, updates);
        let mut sealed = Reader::new(Sealing::Send, updates);
        let times: Vec<_> = (0..turns).map(|_| (clear.turn(), sealed.turn())).collect();
        let of_clear = median(times.iter().map(|times| times.0));
        let of_sealed = median(times.iter().map(|times| times.1));
        println!(
            "{name:<22} {:>7} {:>7} | {of_clear:>9.0} {of_sealed:>10.0} | {:>8.0} {:>6.2}",
            clear.packet.len(),
            sealed.packet.len(),
            of_sealed - of_clear,
            of_sealed / of_clear
        );
        assert!(sealed.packet.len() <= clear.packet.len() + 32);
    }
    println!(
        "\nThe packet is opened, and the answer sealed. Medians over turns. Absolute times are \
         those of a shared machine: only the ratios count."
    );
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<_> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A node, and a packet for it.
struct Reader {
    node: Member,
    packet: Vec<u8>,
    received: Vec<u8>,
    buffer: Vec<u8>,
}

impl Reader {
    fn new(sealing: Sealing, updates: u16) -> Self {
        let mut reader = member(READER, sealing);
        for first in (0..MEMBERS).step_by(50) {
            let known = packet(None, first..first + 50);
            reader.handle_datagram(WRITER, &mut known.clone(), Instant::ZERO).expect("a packet");
            drain(&mut reader, &mut [0; 1_400]);
        }
        let number = 7;
        let ping = Ping { number, target: id(READER), belief: None, digest: None };
        let packet = match sealing {
            Sealing::Accept => packet(Some(Message::Ping(ping)), 0..updates),
            _ => sealed(&packet(Some(Message::Ping(ping)), 0..updates)),
        };
        Self { node: reader, received: packet.clone(), packet, buffer: vec![0; 1_400] }
    }

    /// The mean time of a call, in nanoseconds.
    fn turn(&mut self) -> f64 {
        let start = Clock::now();
        for _ in 0..CALLS_PER_TURN {
            self.received.copy_from_slice(&self.packet);
            let taken = self.node.handle_datagram(WRITER, &mut self.received, Instant::ZERO);
            taken.expect("a packet");
            drain(&mut self.node, &mut self.buffer);
        }
        start.elapsed().as_nanos() as f64 / f64::from(CALLS_PER_TURN)
    }
}

fn drain(node: &mut Member, buffer: &mut [u8]) {
    while let Some(transmit) = node.poll_transmit(Instant::ZERO, buffer) {
        black_box(transmit);
    }
    while let Some(event) = node.poll_event() {
        black_box(event);
    }
}

fn member(number: u16, sealing: Sealing) -> Member {
    let identity = Identity::new(id(number), number);
    let storage = Growable::new(1_000, 0);
    let mut node = Node::new(identity, Config::lan(), storage, 1, Instant::ZERO).expect("a node");
    let nonces = Nonces { salt: number.into(), seconds: 0 };
    node.seal(keys(), sealing, nonces, Instant::ZERO).expect("room");
    node
}

fn keys() -> KeyRing {
    KeyRing::new(Key::new(KEY))
}

/// A packet of the writer; the updates are about members from 100 on.
fn packet(message: Option<Message<u16>>, about: Range<u16>) -> Vec<u8> {
    let mut buffer = vec![0; 1_400];
    let writer = PacketWriter::new(&mut buffer, &header());
    let mut writer = writer.expect("room");
    assert!(message.is_none_or(|message| writer.message(&message)));
    for member in about.map(|member| 100 + member) {
        let (incarnation, patience) = (Incarnation::new(0), Patience::NONE);
        let card = Card { incarnation, boot: 0, patience, address: member, metadata: b"" };
        assert!(writer.update(&Update::alive(id(member), card)), "no room for {member}");
    }
    let len = writer.finish();
    buffer.truncate(len);
    buffer
}

fn header() -> Header {
    let (label, incarnation) = (Label::default(), Incarnation::new(0));
    Header { label, sender: id(WRITER), incarnation, round: 0 }
}

/// The same, sealed, by what WIRE.md says.
fn sealed(packet: &[u8]) -> Vec<u8> {
    let header_len = header().encoded_len();
    let key_id = keys().primary().0.to_le_bytes();
    let envelope = [&key_id[..], &[0; 12]].concat();
    let mut clear = [&packet[..6], &envelope, &packet[6..header_len]].concat();
    clear[1] |= 1;
    let nonce = [&id(WRITER).number().to_le_bytes()[..], &[0; 16]].concat();
    let nonce: [u8; 24] = nonce.try_into().expect("24 bytes");
    let mut frames = packet[header_len..].to_vec();
    let cipher = XChaCha20Poly1305::new(&KEY.into());
    let text = frames.as_mut_slice().into();
    let tag = cipher.encrypt_inout_detached(&nonce.into(), &clear, text).expect("short enough");
    [&clear[..], &frames, &tag].concat()
}

fn id(member: u16) -> NodeId {
    NodeId::from_random(u64::from(member).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
