//! kinship 0.5: unencrypted, names of seven letters, no streams.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use kinship_core::{Config, Identity, Instant, Limits, Node, Security, Transmit, WIRE_VERSION};
use kinship_proto::{Alive, Codec, Message, NodeId, PacketKind, Ping};

use super::{Datagram, Peer, address, own_address};

const CLUSTER: &str = "bench";
const NEVER: Duration = Duration::from_secs(1_000 * 24 * 60 * 60);

pub struct Kinship {
    node: Node,
    now: Instant,
    sent_to: Option<SocketAddr>,
    sent: Vec<u8>,
    codec: Codec,
}

impl Kinship {
    pub fn new(members: usize) -> Self {
        let config = Config {
            cluster: CLUSTER.to_owned(),
            max_members: members + 1,
            // Table exchanges go over streams, which are not measured.
            push_pull_interval: NEVER,
            reconnect_interval: NEVER,
            rejoin_interval: NEVER,
            ..Config::lan(Security::InsecurePlaintext)
        };
        let identity = Identity::new("itself", own_address()).expect("an identity");
        let mut node = Node::new(config, identity, Instant::ZERO, 1, &[0; 32]).expect("a node");
        for member in 0..members {
            node.add_member(Instant::ZERO, &name(member), address(member)).expect("room");
            while node.poll_event().is_some() {}
        }
        assert_eq!(node.members().count(), members + 1);
        let codec = Codec::insecure_plaintext(CLUSTER.as_bytes(), Limits::default());
        let codec = codec.expect("a codec");
        Self { node, now: Instant::ZERO, sent_to: None, sent: Vec::new(), codec }
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.node.poll_transmit() {
            match transmit {
                Transmit::Datagram { to, payload } => {
                    (self.sent_to, self.sent) = (Some(to), payload);
                }
                transmit => panic!("streams are not measured: {transmit:?}"),
            }
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

    fn datagram(&self, from: SocketAddr, messages: &[Message<'_>]) -> Datagram {
        let mut bytes = Vec::new();
        let sealed = self.codec.seal(PacketKind::Datagram, messages, &[0; 24], &mut bytes);
        sealed.expect("not too many updates");
        Datagram { from, bytes }
    }

    /// The number of the ping sent last, if it was one, and how many messages were with it.
    fn sent_ping(&self) -> (Option<u32>, usize) {
        let mut bytes = self.sent.clone();
        let payload = self.codec.open(PacketKind::Datagram, &mut bytes).expect("a packet");
        let ping = payload.iter().find_map(|message| match message {
            Message::Ping(ping) => Some(ping.seq),
            _ => None,
        });
        (ping, payload.count())
    }
}

impl Peer for Kinship {
    fn ping_from(&self, member: usize, updates: &[(usize, u16)]) -> Datagram {
        let (source, source_addr) = (name(member), address(member));
        let names: Vec<_> = updates.iter().map(|&(member, _)| name(member)).collect();
        let ping =
            Ping { seq: 7, target: node_id("itself"), source: node_id(&source), source_addr };
        // It answers messages as they come; last, so that the ack carries the news as others' do.
        let alives = updates.iter().zip(&names).map(|(&(member, incarnation), name)| Alive {
            inc: incarnation.into(),
            node: node_id(name),
            addr: address(member),
            meta: &[],
            vmin: 1,
            vmax: WIRE_VERSION,
            epoch: 0,
            features: 0,
        });
        let messages: Vec<_> = alives.map(Message::Alive).chain([Message::Ping(ping)]).collect();
        self.datagram(source_addr, &messages)
    }

    fn handle(&mut self, datagram: &Datagram) {
        self.node.handle_datagram(self.now, datagram.from, &datagram.bytes);
        self.drain();
    }

    fn gossip_tick(&mut self) {
        self.now = self.now + self.node.config().gossip_interval;
        self.timeout();
    }

    fn await_probe(&mut self) {
        self.now = self.node.poll_timeout().expect("a deadline");
    }

    fn probe_tick(&mut self) {
        self.timeout();
    }

    fn answer_probe(&mut self) {
        let seq = self.sent_ping().0.expect("a ping");
        let to = self.sent_to.expect("a probe");
        let ack = self.datagram(to, &[Message::Ack { seq }]);
        self.handle(&ack);
    }

    fn has_news(&self) -> bool {
        self.sent_ping().1 > 1
    }
}

fn name(member: usize) -> String {
    format!("n{member:06}")
}

fn node_id(name: &str) -> NodeId<'_> {
    NodeId::new(name).expect("a short name")
}
