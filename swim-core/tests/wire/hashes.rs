//! What is computed from ids, names and rows.

use swim_core::storage::Growable;
use swim_core::wire::{Ack, Belief, Digest, Header, Message, Packet, Ping, Range, View};
use swim_core::{Config, Identity, Incarnation, Instant, Label, Node, NodeId, Status};

use super::cut::HEADER_FIXED_LEN;
use super::draft::{Draft, Fact, alive, claim, radio_header};
use super::specification::{hex, table_rows};

/// `mix` of the specification, written once more.
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The hash of a row, as the specification has it.
pub fn row_hash(id: NodeId, incarnation: u32, boot: u16) -> u64 {
    let incarnation = u64::from(incarnation).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let boot = u64::from(boot).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mix(mix(id.number()) ^ incarnation ^ boot)
}

/// The hash of a name, of which ids and labels are parts.
fn name_hash(name: &str) -> u64 {
    mix(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    }))
}

#[test]
fn voices_are_the_upper_half_of_the_mixed_id() {
    let rows = table_rows("### Mixed ids of some members");
    assert!(rows.len() >= 4, "{rows:?}");
    for row in rows {
        let id = row[0].parse().expect("an id");
        assert_eq!(format!("{:016x}", mix(id)), row[1], "{id}");
        let fact = claim::<u16>(NodeId::new(1), 0, Status::Suspect, &[NodeId::new(id)]);
        let bytes = Draft::new(radio_header()).tells(vec![fact]).bytes();
        assert_eq!(hex(&bytes[bytes.len() - 4..]), row[2], "{id}");
        assert_eq!(bytes[bytes.len() - 4..], ((mix(id) >> 32) as u32).to_le_bytes());
    }
}

#[test]
fn ids_and_labels_of_names_are_those_of_the_specification() {
    let rows = table_rows("### Ids and labels of some names");
    assert!(rows.len() >= 3, "{rows:?}");
    for row in rows {
        let name = row[0].trim_matches('"');
        assert_eq!(NodeId::from_name(name).to_string(), row[1], "{name}");
        assert_eq!(NodeId::from_name(name).number(), name_hash(name) >> 8, "{name}");
        let header = Header { label: Label::new(name), ..radio_header() };
        let bytes = Draft::<u16>::new(header).bytes();
        assert_eq!(hex(&bytes[2..HEADER_FIXED_LEN]), row[2], "{name}");
        let label = if name.is_empty() { 0 } else { (name_hash(name) >> 24) as u32 | 1 };
        assert_eq!(bytes[2..HEADER_FIXED_LEN], label.to_le_bytes(), "{name}");
    }
}

#[test]
fn ranges_are_those_of_the_specification() {
    let rows = table_rows("### Some ranges");
    assert!(rows.len() >= 4, "{rows:?}");
    for row in rows {
        let range = Range::new(row[0].parse().expect("a number")).expect("a range");
        assert_eq!(range.depth().to_string(), row[1], "{range:?}");
        assert_eq!(format!("{:016x}", range.first()), row[2], "{range:?}");
        assert_eq!(format!("{:016x}", range.last()), row[3], "{range:?}");
    }
}

/// A node that knows these rows says in its digest what they sum up to.
#[test]
fn row_hashes_are_those_of_the_specification() {
    let rows = table_rows("### Hashes of some rows");
    assert!(rows.len() >= 4, "{rows:?}");
    for row in rows {
        let id = NodeId::new(row[0].parse().expect("an id"));
        let incarnation = row[1].parse().expect("an incarnation");
        let boot = row[2].parse().expect("a boot");
        assert_eq!(format!("{:016x}", row_hash(id, incarnation, boot)), row[3], "{row:?}");
        let known = [alive(id, incarnation, boot, 77, b"whatever").patient(1)];
        check_digests(&known, row_hash(id, incarnation, boot));
    }
}

#[test]
fn a_digest_is_of_the_living_at_the_incarnations_of_their_cards() {
    let [three, four, five] = [3, 4, 5].map(NodeId::new);
    let known = [
        alive(three, 6, 7, 3, b""),
        claim(three, 9, Status::Suspect, &[five]),
        alive(four, 1, 2, 4, b""),
        claim(four, 1, Status::Left, &[]),
        claim(five, 0, Status::Dead, &[]),
    ];
    check_digests(&known, row_hash(three, 6, 7));
}

/// Both halves of what a node says its table sums up to, when it knows these members, itself and
/// whoever asks.
fn check_digests(known: &[Fact<u16>], sum: u64) {
    let (asking, asked) = (NodeId::from_name("asking"), NodeId::from_name("asked"));
    let mut asker = Asker::new(asking, asked);
    let me = alive(asking, 0, 0, 1, b"");
    let facts: Vec<_> = [me].into_iter().chain(known.iter().cloned()).collect();
    asker.tell(facts);
    let own = asker.own_boot();
    let sum = sum.wrapping_add(row_hash(asking, 0, 0)).wrapping_add(row_hash(asked, 0, own));
    for (number, fingerprint) in [(10, sum as u32), (11, (sum >> 32) as u32)] {
        let equal = Digest { members: 3, fingerprint };
        let other = Digest { members: 3, fingerprint: !fingerprint };
        assert_eq!(asker.ask(number, equal).view, View::Equal);
        let view = asker.ask(number, other).view;
        assert!(matches!(view, View::Differs { digest, .. } if digest == equal), "{view:?}");
    }
}

/// Somebody who asks a node what its table amounts to.
struct Asker {
    id: NodeId,
    target: NodeId,
    node: Node<u16, Growable>,
}

impl Asker {
    fn new(id: NodeId, target: NodeId) -> Self {
        let identity = Identity::new(target, 2);
        let storage = Growable::new(10, 16);
        let node = Node::new(identity, Config::lan(), storage, 1, Instant::ZERO).expect("a node");
        Self { id, target, node }
    }

    fn header(&self) -> Header {
        Header { sender: self.id, incarnation: Incarnation::new(0), ..radio_header() }
    }

    fn tell(&mut self, facts: Vec<Fact<u16>>) {
        self.exchange(&Draft::new(self.header()).tells(facts));
    }

    /// The boot in the node's Alive, which it shows whoever believes what is outdated.
    fn own_boot(&mut self) -> u16 {
        let belief =
            Some(Belief { incarnation: Incarnation::new(u32::MAX), status: Status::Alive });
        let (number, target) = (1, self.target);
        let ping = Message::Ping(Ping { number, target, belief, digest: None });
        let answers = self.exchange(&Draft::new(self.header()).says(ping));
        let updates = answers.iter().flat_map(|answer| {
            Packet::<u16>::parse(answer).expect("a packet").updates().collect::<Vec<_>>()
        });
        let own = updates.filter(|update| update.id == target).find_map(|update| update.card);
        own.expect("its own card").boot
    }

    fn ask(&mut self, number: u32, digest: Digest) -> Ack {
        let ping = Ping { number, target: self.target, belief: None, digest: Some(digest) };
        let answers = self.exchange(&Draft::new(self.header()).says(Message::Ping(ping)));
        let mut acks = answers.iter().filter_map(|answer| {
            match Packet::<u16>::parse(answer).expect("a packet").message {
                Some(Message::Ack(ack)) => Some(ack),
                _ => None,
            }
        });
        acks.next().expect("an ack")
    }

    /// All packets that the node has to send after this one.
    fn exchange(&mut self, draft: &Draft<u16>) -> Vec<Vec<u8>> {
        self.node.handle_stream(1, &mut draft.bytes(), Instant::ZERO).expect("a packet it takes");
        let mut buffer = vec![0; 2_000];
        let mut packets = Vec::new();
        while let Some(sent) = self.node.poll_transmit(Instant::ZERO, &mut buffer) {
            packets.push(buffer[..sent.len].to_vec());
        }
        packets
    }
}
