//! This crate.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use swim_core::storage::Growable;
use swim_core::wire::{Ack, Header, Message, Packet, PacketWriter, Ping, Update, View};
use swim_core::{Card, Config, Identity, Incarnation, Instant, Label, Node, NodeId, Patience};

use super::{DATAGRAM_LEN_MAX, Datagram, Peer, address, own_address};

/// As fast as newcomers may come.
const LOADED_AT_ONCE: usize = 50;
const LOADING_INTERVAL: Duration = Duration::from_millis(1);
const GOSSIP_INTERVAL: Duration = Config::lan().gossip_interval;

pub struct Swim {
    node: Node<SocketAddr, Growable>,
    now: Instant,
    received: [u8; DATAGRAM_LEN_MAX],
    buffer: [u8; DATAGRAM_LEN_MAX],
    /// To whom and how much of the buffer was sent last.
    sent: Option<(SocketAddr, usize)>,
}

impl Swim {
    pub fn new(members: usize) -> Self {
        let identity = Identity::new(id(usize::MAX), own_address());
        let storage = Growable::new(members + 1, 0);
        let config = Config { newcomers_per_second_max: u16::MAX, ..Config::lan() };
        let node = Node::new(identity, config, storage, 1, Instant::ZERO).expect("a node");
        let buffer = [0; DATAGRAM_LEN_MAX];
        let mut swim = Self { node, now: Instant::ZERO, received: buffer, buffer, sent: None };
        let all: Vec<_> = (0..members).map(|member| (member, 0)).collect();
        for some in all.chunks(LOADED_AT_ONCE) {
            swim.handle(&swim.ping_from(some[0].0, some));
            swim.now = swim.now.after(LOADING_INTERVAL);
        }
        assert_eq!(swim.node.live_count(), members + 1);
        swim.timeout();
        swim
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.node.poll_transmit(self.now, &mut self.buffer) {
            self.sent = Some((transmit.to, transmit.len));
        }
        while let Some(event) = self.node.poll_event() {
            black_box(event);
        }
        black_box(self.node.poll_timeout());
    }

    fn timeout(&mut self) {
        self.node.handle_timeout(self.now);
        self.drain();
    }

    fn packet_sent(&self) -> (SocketAddr, Packet<'_, SocketAddr>) {
        let (to, len) = self.sent.expect("something was sent");
        (to, Packet::parse(&self.buffer[..len]).expect("a packet"))
    }
}

impl Peer for Swim {
    fn ping_from(&self, member: usize, updates: &[(usize, u16)]) -> Datagram {
        let ping = Ping { number: 7, target: self.node.id(), belief: None, digest: None };
        datagram((id(member), address(member)), &Message::Ping(ping), updates)
    }

    /// Whose address has proved nothing is answered no more bytes than it sent.
    fn long_ping_from(&self, member: usize) -> Datagram {
        self.ping_from(member, &[(member, 0); LOADED_AT_ONCE])
    }

    fn handle(&mut self, datagram: &Datagram) {
        let received = &mut self.received[..datagram.bytes.len()];
        received.copy_from_slice(&datagram.bytes);
        let result = self.node.handle_datagram(datagram.from, received, self.now);
        result.expect("a packet of this cluster");
        self.drain();
    }

    fn gossip_tick(&mut self) {
        self.now = self.now.after(GOSSIP_INTERVAL);
        self.timeout();
    }

    fn await_probe(&mut self) {
        self.now = self.node.poll_timeout().expect("a deadline");
    }

    fn probe_tick(&mut self) {
        self.timeout();
    }

    fn answer_probe(&mut self) {
        let (to, packet) = self.packet_sent();
        let Some(Message::Ping(Ping { number, target, .. })) = packet.message else {
            panic!("not a ping: {packet:?}");
        };
        let ack = Message::Ack(Ack { number, stranger: false, view: View::Equal });
        self.handle(&datagram((target, to), &ack, &[]));
    }

    fn has_news(&self) -> bool {
        self.packet_sent().1.updates().next().is_some()
    }
}

/// A member's id: 56 bits, as a hash of its name would be.
fn id(member: usize) -> NodeId {
    NodeId::from_random((member as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn datagram(
    (sender, from): (NodeId, SocketAddr),
    message: &Message<SocketAddr>,
    updates: &[(usize, u16)],
) -> Datagram {
    let mut bytes = vec![0; DATAGRAM_LEN_MAX];
    let header =
        Header { label: Label::default(), sender, incarnation: Incarnation::new(0), round: 0 };
    let mut writer = PacketWriter::new(&mut bytes, &header).expect("room");
    assert!(writer.message(message));
    for &(member, incarnation) in updates {
        let incarnation = Incarnation::new(incarnation.into());
        let card = Card {
            incarnation,
            boot: 0,
            patience: Patience::NONE,
            address: address(member),
            metadata: &[],
        };
        assert!(writer.update(&Update::alive(id(member), card)), "too many updates");
    }
    let len = writer.finish();
    bytes.truncate(len);
    Datagram { from, bytes }
}
