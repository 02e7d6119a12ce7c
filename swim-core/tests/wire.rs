//! The wire format against its specification: `WIRE.md` holds the vectors and the sizes, and these
//! tests read them from there. What must hold of all packets is checked with random ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::FileFailurePersistence;
use swim_core::storage::Growable;
use swim_core::wire::{
    Ack, Belief, Header, Join, Message, Nack, Packet, PacketWriter, Page, ParseError, Ping,
    PingRequest, Pull, Refusal, Refuse, Update, Welcome, rewrite,
};
use swim_core::{
    Address, Card, Claim, Config, Identity, Incarnation, Instant, Label, Node, NodeId, Patience,
    Status, VOICES_MAX, Voice, Voices,
};

#[path = "common/cases.rs"]
mod cases;

use cases::cases;

const SPECIFICATION: &str = include_str!("../WIRE.md");

/// Longer than any packet of these tests.
const BUFFER_LEN: usize = 1 << 16;

/// Bytes of the header before the sender: version, flags, label.
const HEADER_FIXED_LEN: usize = 6;

/// Bytes of the header after the incarnation: the round.
const ROUND_LEN: usize = 2;

/// The kinds of the specification: messages, then updates.
const MESSAGE_KINDS: std::ops::RangeInclusive<u8> = 1..=9;
const UPDATE_KINDS: std::ops::RangeInclusive<u8> = 32..=35;

/// A packet as values, before it is written.
#[derive(Clone, Debug)]
struct Draft<A> {
    header: Header,
    message: Option<Message<A>>,
    facts: Vec<Fact<A>>,
}

/// An update that owns its metadata.
#[derive(Clone, Debug)]
struct Fact<A> {
    id: NodeId,
    claim: Claim,
    said: Option<Words<A>>,
}

/// What a member says of itself.
#[derive(Clone, Debug)]
struct Words<A> {
    boot: u16,
    patience: Patience,
    address: A,
    metadata: Vec<u8>,
}

impl<A: Address> Draft<A> {
    fn updates(&self) -> Vec<Update<'_, A>> {
        self.facts.iter().map(Fact::update).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut buffer = vec![0; BUFFER_LEN];
        let (len, complete) = self.write(&mut buffer).expect("room for the header");
        assert!(complete, "room for everything");
        buffer.truncate(len);
        buffer
    }

    /// Writes as much as fits. Returns the length, and whether that was everything.
    fn write(&self, buffer: &mut [u8]) -> Option<(usize, bool)> {
        let mut writer = PacketWriter::new(buffer, &self.header)?;
        // How far a page goes is known when its rows are written.
        let (last, first): (Vec<_>, Vec<_>) =
            self.message.iter().partition(|message| matches!(message, Message::Page(_)));
        let complete = first.iter().all(|message| writer.message(message))
            && self.updates().iter().all(|update| writer.update(update))
            && last.iter().all(|message| writer.message(message));
        Some((writer.finish(), complete))
    }

    fn is_read_from(&self, bytes: &[u8]) -> bool {
        Packet::<A>::parse(bytes).is_ok_and(|packet| {
            packet.header == self.header
                && packet.message == self.message
                && packet.updates().eq(self.updates())
        })
    }
}

impl<A: Address> Fact<A> {
    fn update(&self) -> Update<'_, A> {
        match &self.said {
            None => Update::claim(self.id, self.claim),
            Some(Words { boot, patience, address, metadata }) => {
                let incarnation = self.claim.incarnation;
                let (boot, patience, address) = (*boot, *patience, *address);
                Update::alive(self.id, Card { incarnation, boot, patience, address, metadata })
            }
        }
    }
}

fn alive<A>(id: NodeId, incarnation: u32, boot: u16, address: A, metadata: &[u8]) -> Fact<A> {
    let claim = Claim::new(Incarnation::new(incarnation), Status::Alive);
    let said = Words { boot, patience: Patience::NONE, address, metadata: metadata.to_vec() };
    Fact { id, claim, said: Some(said) }
}

impl<A> Fact<A> {
    /// The same member, asking the others to wait for so many tenths of a second.
    fn patient(mut self, tenths: u16) -> Self {
        let words = self.said.as_mut().expect("an Alive");
        words.patience = patience_of(tenths);
        self
    }
}

fn patience_of(tenths: u16) -> Patience {
    Patience::covering(Duration::from_millis(u64::from(tenths) * 100))
}

fn claim<A>(id: NodeId, incarnation: u32, status: Status, accusers: &[NodeId]) -> Fact<A> {
    let voices = voices(accusers);
    let incarnation = Incarnation::new(incarnation);
    Fact { id, claim: Claim { incarnation, status, voices }, said: None }
}

fn voices(accusers: &[NodeId]) -> Voices {
    accusers.iter().fold(Voices::NONE, |voices, id| voices.union(&Voices::one(Voice::from(*id))))
}

/// What `rewrite` makes of a packet.
fn rewritten<A: Address>(bytes: &[u8]) -> Result<Vec<u8>, ParseError> {
    let mut buffer = vec![0; BUFFER_LEN];
    let len = rewrite::<A>(bytes, &mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}

// The specification, read.

/// The rows of the tables in one section, as the text of their cells.
fn table_rows(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = SPECIFICATION.split_once(&format!("\n{heading}\n")).expect(heading);
    let section = section.split_once("\n#").map_or(section, |(section, _)| section);
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| {
            row.trim_end_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect()
        })
        .collect()
}

/// The vectors of one section by name.
fn vectors(heading: &str) -> BTreeMap<&'static str, Vec<u8>> {
    let rows = table_rows(heading);
    let count = rows.len();
    let vectors: BTreeMap<_, _> = rows.iter().map(|row| (row[0], bytes_of_hex(row[1]))).collect();
    assert_eq!(vectors.len(), count, "a name of {heading} is used twice");
    vectors
}

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).expect("two hex digits")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let space = if hex.is_empty() { "" } else { " " };
        write!(hex, "{space}{byte:02x}").expect("a string takes everything");
        hex
    })
}

// The vectors, as values.

fn header() -> Header {
    Header {
        label: Label::new("prod"),
        sender: NodeId::from_name("db-1"),
        incarnation: Incarnation::new(3),
        round: 0,
    }
}

fn radio_header() -> Header {
    Header {
        label: Label::new(""),
        sender: NodeId::new(5),
        incarnation: Incarnation::new(0),
        round: 0x1234,
    }
}

fn v4() -> SocketAddr {
    SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 7), 7946).into()
}

fn v6() -> SocketAddr {
    SocketAddrV6::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7), 65_535, 0, 0).into()
}

fn internet_drafts() -> Vec<(&'static str, Draft<SocketAddr>)> {
    let says = |message| Draft { header: header(), message: Some(message), facts: Vec::new() };
    let tells = |facts| Draft { header: header(), message: None, facts };
    let (db_2, db_3) = (NodeId::from_name("db-2"), NodeId::from_name("db-3"));
    let number = 0x0123_4567;
    let belief = Some(Belief { incarnation: Incarnation::new(300), status: Status::Suspect });
    let asks = |address, belief, nack_after_ms| {
        let request = PingRequest { number, target: db_2, address, belief, nack_after_ms };
        says(Message::PingRequest(request))
    };
    let refuses = |reason| says(Message::Refuse(Refuse { number, reason }));
    let accusers = ["a", "b", "d", "e"].map(NodeId::from_name);
    let me = alive(header().sender, 3, 0xbeef, v4(), b"zone=a");
    let mut drafts = vec![
        ("empty", tells(vec![])),
        (
            "empty-round",
            Draft {
                header: Header { round: 0xfffe, ..header() },
                message: None,
                facts: Vec::new(),
            },
        ),
        ("ping", says(Message::Ping(Ping { number, target: db_2, belief: None }))),
        ("ping-belief", says(Message::Ping(Ping { number, target: db_2, belief }))),
        ("ack", says(Message::Ack(Ack { number, stranger: false }))),
        ("ack-stranger", says(Message::Ack(Ack { number, stranger: true }))),
        ("ping-request-v4", asks(v4(), belief, 500)),
        ("ping-request-v6", asks(v6(), None, 0)),
        ("nack", says(Message::Nack(Nack { number, refused: false }))),
        ("nack-refused", says(Message::Nack(Nack { number, refused: true }))),
        (
            "join",
            Draft {
                header: header(),
                message: Some(Message::Join(Join { number })),
                facts: vec![me.clone()],
            },
        ),
        ("welcome", says(Message::Welcome(Welcome { number, members: 1_000 }))),
        ("refuse-other-cluster", refuses(Refusal::OtherCluster)),
        ("refuse-id-in-use", refuses(Refusal::IdInUse)),
        ("refuse-leaving", refuses(Refusal::Leaving)),
        ("refuse-table-full", refuses(Refusal::TableFull)),
        ("refuse-implausible", refuses(Refusal::Implausible)),
        ("refuse-other-reason", refuses(Refusal::Other)),
        ("pull", says(Message::Pull(Pull { number, from: 0x0123_4567_89ab_cdef }))),
        (
            "page",
            Draft {
                header: header(),
                message: Some(Message::Page(Page { number, next: 0 })),
                facts: vec![
                    alive(db_2, 2, 7, v4(), b""),
                    claim(db_2, 3, Status::Suspect, &accusers[..1]),
                ],
            },
        ),
        (
            "ack-with-news",
            Draft {
                header: header(),
                message: Some(Message::Ack(Ack { number, stranger: false })),
                facts: vec![
                    claim(db_2, 3, Status::Suspect, &accusers[..1]),
                    alive(db_3, 0, 7, v4(), b""),
                ],
            },
        ),
    ];
    drafts.extend(update_drafts());
    drafts
}

fn update_drafts() -> Vec<(&'static str, Draft<SocketAddr>)> {
    let tells = |fact| Draft { header: header(), message: None, facts: vec![fact] };
    let (db_2, db_3) = (NodeId::from_name("db-2"), NodeId::from_name("db-3"));
    let accusers = ["a", "b", "d", "e"].map(NodeId::from_name);
    let me = alive(header().sender, 3, 0xbeef, v4(), b"zone=a");
    vec![
        ("alive-v4", tells(me)),
        ("alive-v6", tells(alive(db_2, u32::MAX, 1, v6(), b""))),
        ("alive-long", tells(alive(db_2, 0, 0, v4(), &[0x61; 120]))),
        ("alive-patient", tells(alive(db_2, 4, 7, v4(), b"").patient(150))),
        ("suspect", tells(claim(db_2, 3, Status::Suspect, &accusers[..1]))),
        ("suspect-2", tells(claim(db_2, 3, Status::Suspect, &accusers[..2]))),
        ("suspect-4", tells(claim(db_2, 3, Status::Suspect, &accusers))),
        ("dead", tells(claim(db_2, 3, Status::Dead, &[]))),
        ("dead-2", tells(claim(db_2, 3, Status::Dead, &accusers[..2]))),
        ("left", tells(claim(db_3, 128, Status::Left, &[]))),
    ]
}

fn radio_drafts() -> Vec<(&'static str, Draft<u16>)> {
    let header = radio_header();
    let number = 0x89ab_cdef;
    let target = NodeId::new(9);
    let request =
        PingRequest { number, target, address: 0x1234, belief: None, nack_after_ms: 4_000 };
    let belief = Some(Belief { incarnation: Incarnation::new(0), status: Status::Alive });
    let ping = Ping { number, target, belief };
    vec![
        ("radio-ping", Draft { header, message: Some(Message::Ping(ping)), facts: Vec::new() }),
        (
            "radio-ping-request",
            Draft { header, message: Some(Message::PingRequest(request)), facts: Vec::new() },
        ),
        (
            "radio-alive",
            Draft { header, message: None, facts: vec![alive(target, 1, 0x0102, 0x1234, b"t1")] },
        ),
        (
            "radio-suspect",
            Draft {
                header,
                message: None,
                facts: vec![claim(target, 1, Status::Suspect, &[NodeId::new(5)])],
            },
        ),
    ]
}

#[test]
fn golden_vectors_are_written_and_read_as_the_specification_says() {
    let written = vectors("### Packets");
    let mut names = BTreeSet::new();
    for (name, draft) in internet_drafts() {
        names.insert(name);
        check_vector(name, &draft, written.get(name));
    }
    for (name, draft) in radio_drafts() {
        names.insert(name);
        check_vector(name, &draft, written.get(name));
    }
    assert_eq!(names, written.keys().copied().collect(), "vectors of WIRE.md without a value here");
}

fn check_vector<A: Address>(name: &str, draft: &Draft<A>, written: Option<&Vec<u8>>) {
    let bytes = draft.bytes();
    assert_eq!(Some(hex(&bytes)), written.map(|bytes| hex(bytes)), "{name}");
    assert!(draft.is_read_from(&bytes), "{name} is read as {:?}", Packet::<A>::parse(&bytes));
    assert_eq!(rewritten::<A>(&bytes), Ok(bytes), "{name}");
}

/// Vectors no writer of this release makes: either they are read as one of the golden vectors, or
/// refused.
#[test]
fn foreign_packets_are_read_or_refused_as_the_specification_says() {
    let golden = vectors("### Packets");
    let foreign = vectors("### Packets to be read or refused");
    let outcomes: BTreeMap<&str, Result<&str, ParseError>> = BTreeMap::from([
        ("unknown-kind", Ok("ping")),
        ("unknown-flag", Ok("ping")),
        ("surplus", Ok("suspect")),
        ("padding", Ok("left")),
        ("voices-unsorted", Ok("suspect-2")),
        ("voices-repeated", Ok("suspect-2")),
        ("voices-five", Ok("suspect-4")),
        ("version-2", Err(ParseError::Version(2))),
        ("sealed", Err(ParseError::Sealed)),
        ("header-cut", Err(ParseError::TooShort)),
        ("frame-cut", Err(ParseError::Frame)),
        ("frame-length-long", Err(ParseError::Frame)),
        ("frame-length-three-bytes", Err(ParseError::Frame)),
        ("two-messages", Err(ParseError::TwoMessages)),
        ("body-short", Err(ParseError::Body { kind: 4 })),
        ("bool-2", Err(ParseError::Body { kind: 2 })),
        ("belief-too-large", Err(ParseError::Body { kind: 1 })),
        ("belief-long", Ok("ping-belief")),
        ("patience-long", Ok("alive-patient")),
        ("round-cut", Err(ParseError::TooShort)),
        ("refused-2", Err(ParseError::Body { kind: 4 })),
        ("patience-too-large", Err(ParseError::Body { kind: 32 })),
        ("reason-9", Ok("refuse-other-reason")),
        ("voices-cut", Err(ParseError::Body { kind: 33 })),
        ("address-2", Err(ParseError::Body { kind: 32 })),
        ("id-too-large", Err(ParseError::Body { kind: 35 })),
    ]);
    for (name, outcome) in &outcomes {
        let bytes = foreign.get(name).unwrap_or_else(|| panic!("{name} is not in WIRE.md"));
        let normal = rewritten::<SocketAddr>(bytes).map(|bytes| hex(&bytes));
        assert_eq!(normal, outcome.map(|same| hex(&golden[same])), "{name}");
    }
    assert!(outcomes.keys().eq(foreign.keys()), "vectors of WIRE.md without an outcome here");
}

/// What the fuzzer starts from.
#[test]
fn the_corpus_of_the_fuzzer_is_the_vectors() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/decode");
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(corpus).expect("the corpus") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        files.insert(name, hex(&std::fs::read(path).expect("a file")));
    }
    let sections = ["### Packets", "### Packets to be read or refused"];
    let vectors = sections.into_iter().flat_map(vectors);
    let vectors = vectors.map(|(name, bytes)| (name.to_owned(), hex(&bytes)));
    assert_eq!(files, vectors.collect());
}

// Hashes.

/// `mix` of the specification, written once more.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The hash of a name, of which ids and labels are parts.
fn hash(name: &str) -> u64 {
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
        let bytes = Draft { header: radio_header(), message: None, facts: vec![fact] }.bytes();
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
        assert_eq!(NodeId::from_name(name).number(), hash(name) >> 8, "{name}");
        let header = Header { label: Label::new(name), ..radio_header() };
        let bytes = Draft::<u16> { header, message: None, facts: Vec::new() }.bytes();
        assert_eq!(hex(&bytes[2..HEADER_FIXED_LEN]), row[2], "{name}");
        let label = if name.is_empty() { 0 } else { (hash(name) >> 24) as u32 | 1 };
        assert_eq!(bytes[2..HEADER_FIXED_LEN], label.to_le_bytes(), "{name}");
    }
}

// Sizes.

/// What one frame adds to a packet.
fn frame_len(message: Option<Message<SocketAddr>>, facts: Vec<Fact<SocketAddr>>) -> usize {
    let empty = Draft::<SocketAddr> { header: header(), message: None, facts: Vec::new() };
    Draft { header: header(), message, facts }.bytes().len() - empty.bytes().len()
}

/// Sizes with a 56-bit id of eight bytes, incarnations below 128 and ports of three bytes.
fn measured_sizes() -> BTreeMap<&'static str, usize> {
    let id = NodeId::from_name("db-2");
    assert!(id.number() >> 49 != 0, "an id of eight bytes");
    let v4 = SocketAddr::from(([192, 0, 2, 7], 50_000));
    let number = u32::MAX;
    let belief = Some(Belief { incarnation: Incarnation::new(1), status: Status::Alive });
    let message = |message| frame_len(Some(message), Vec::new());
    let update = |fact| frame_len(None, vec![fact]);
    let suspect = |accusers: u64| {
        let accusers: Vec<_> = (0..accusers).map(NodeId::new).collect();
        update(claim(id, 1, Status::Suspect, &accusers))
    };
    let request = |address| {
        let nack_after_ms = 500;
        PingRequest { number, target: id, address, belief, nack_after_ms }
    };
    let header_len =
        Draft::<SocketAddr> { header: header(), message: None, facts: Vec::new() }.bytes().len();
    let ping = message(Message::Ping(Ping { number, target: id, belief }));
    let ack = message(Message::Ack(Ack { number, stranger: false }));
    BTreeMap::from([
        ("header", header_len),
        ("quiet ping packet", header_len + ping),
        ("quiet ack packet", header_len + ack),
        ("Ping", ping),
        ("Ack", ack),
        ("PingRequest, IPv4", message(Message::PingRequest(request(v4)))),
        ("PingRequest, IPv6", message(Message::PingRequest(request(v6())))),
        ("Nack", message(Message::Nack(Nack { number, refused: false }))),
        ("Join", message(Message::Join(Join { number }))),
        ("Welcome", message(Message::Welcome(Welcome { number, members: 1_000 }))),
        ("Refuse", message(Message::Refuse(Refuse { number, reason: Refusal::Leaving }))),
        ("Pull", message(Message::Pull(Pull { number, from: u64::MAX }))),
        ("Page", message(Message::Page(Page { number, next: u64::MAX }))),
        ("Alive, IPv4", update(alive(id, 1, u16::MAX, v4, b""))),
        ("Alive, IPv6", update(alive(id, 1, u16::MAX, v6(), b""))),
        ("Suspect, 1 voice", suspect(1)),
        ("Suspect, 2 voices", suspect(2)),
        ("Suspect, 3 voices", suspect(3)),
        ("Suspect, 4 voices", suspect(4)),
        ("Dead", update(claim(id, 1, Status::Dead, &[]))),
        ("Dead, 3 judges", update(claim(id, 1, Status::Dead, &[1, 2, 3].map(NodeId::new)))),
        ("Left", update(claim(id, 1, Status::Left, &[]))),
    ])
}

#[test]
fn sizes_are_those_of_the_specification() {
    let written: BTreeMap<_, usize> =
        table_rows("## Sizes").iter().map(|row| (row[0], row[1].parse().expect("bytes"))).collect();
    assert_eq!(measured_sizes(), written);
}

#[test]
fn sizes_stay_within_the_budget() {
    let sizes = measured_sizes();
    for (name, budget) in [
        ("quiet ping packet", 32),
        ("quiet ack packet", 32),
        ("Alive, IPv4", 24),
        ("Suspect, 1 voice", 16),
        ("Dead", 16),
        ("Left", 16),
    ] {
        assert!(sizes[name] <= budget, "{name}: {} of {budget} bytes", sizes[name]);
    }
}

/// Nothing a node has to say without metadata is longer than the smallest datagram allowed.
#[test]
fn the_largest_of_everything_fits_the_smallest_datagram() {
    let id = NodeId::new(u64::MAX);
    let incarnation = Incarnation::new(u32::MAX);
    let header = Header { label: Label::new("prod"), sender: id, incarnation, round: u16::MAX };
    let belief = Some(Belief { incarnation, status: Status::Suspect });
    let request = PingRequest {
        number: u32::MAX,
        target: id,
        address: v6(),
        belief,
        nack_after_ms: u32::MAX,
    };
    let accusers: Vec<_> = (0..VOICES_MAX as u64).map(NodeId::new).collect();
    let join = Message::Join(Join { number: u32::MAX });
    let drafts = [
        (Some(Message::PingRequest(request)), vec![]),
        (Some(join), vec![alive(id, u32::MAX, u16::MAX, v6(), b"").patient(u16::MAX)]),
        (None, vec![claim(id, u32::MAX, Status::Suspect, &accusers)]),
    ];
    for (message, facts) in drafts {
        let len = Draft { header, message, facts }.bytes().len();
        assert!(len <= swim_core::DATAGRAM_LEN_MIN, "{len}");
    }
}

/// The longest metadata a node may have leaves room for its row on a page of its own.
#[test]
fn the_longest_metadata_fits_a_page_beside_the_largest_of_everything() {
    let id = NodeId::new(u64::MAX);
    let incarnation = Incarnation::new(u32::MAX);
    let header = Header { label: Label::new("prod"), sender: id, incarnation, round: u16::MAX };
    for datagram_len_max in [127, 1_400, 9_000] {
        let config = Config { datagram_len_max, ..Config::lan() };
        let storage = Growable::new(1, usize::from(datagram_len_max));
        let identity = Identity::new(id, v6());
        let mut node = Node::new(identity, config, storage, 1, Instant::ZERO).expect("a node");
        let too_long = vec![0x61; usize::from(datagram_len_max)];
        let error = node.set_metadata(&too_long, Instant::ZERO).expect_err("too long");
        let metadata = &too_long[..error.len_max];
        let row = alive(id, u32::MAX, u16::MAX, v6(), metadata).patient(u16::MAX);
        let page = Message::Page(Page { number: u32::MAX, next: u64::MAX });
        let len = Draft { header, message: Some(page), facts: vec![row] }.bytes().len();
        assert!(len <= datagram_len_max.into(), "{len} of {datagram_len_max} bytes");
    }
}

// Random packets.

fn id() -> impl Strategy<Value = NodeId> {
    prop_oneof![0..300u64, 0..1u64 << 56, any::<u64>()].prop_map(NodeId::new)
}

fn incarnation() -> impl Strategy<Value = Incarnation> {
    prop_oneof![0..300u32, any::<u32>()].prop_map(Incarnation::new)
}

fn status() -> impl Strategy<Value = Status> {
    prop::sample::select(vec![Status::Alive, Status::Suspect, Status::Dead, Status::Left])
}

/// Scope and flow of an IPv6 address do not travel.
fn socket_address() -> impl Strategy<Value = SocketAddr> + Clone {
    prop_oneof![
        (any::<Ipv4Addr>(), any::<u16>()).prop_map(SocketAddr::from),
        (any::<Ipv6Addr>(), any::<u16>()).prop_map(SocketAddr::from),
    ]
    .boxed()
}

fn any_header() -> impl Strategy<Value = Header> {
    (".{0,8}", id(), incarnation(), any::<u16>()).prop_map(|(name, sender, incarnation, round)| {
        Header { label: Label::new(&name), sender, incarnation, round }
    })
}

fn belief() -> impl Strategy<Value = Option<Belief>> {
    prop::option::of(
        (incarnation(), status()).prop_map(|(incarnation, status)| Belief { incarnation, status }),
    )
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop::sample::select(vec![
        Refusal::OtherCluster,
        Refusal::IdInUse,
        Refusal::Leaving,
        Refusal::TableFull,
    ])
}

fn message<A: Address>(
    address: impl Strategy<Value = A> + 'static,
) -> impl Strategy<Value = Message<A>> {
    let number = any::<u32>;
    prop_oneof![
        (number(), id(), belief()).prop_map(|(number, target, belief)| {
            Message::Ping(Ping { number, target, belief })
        }),
        (number(), any::<bool>())
            .prop_map(|(number, stranger)| Message::Ack(Ack { number, stranger })),
        (number(), id(), address, belief(), any::<u32>()).prop_map(
            |(number, target, address, belief, nack_after_ms)| {
                let request = PingRequest { number, target, address, belief, nack_after_ms };
                Message::PingRequest(request)
            }
        ),
        (number(), any::<bool>())
            .prop_map(|(number, refused)| Message::Nack(Nack { number, refused })),
        number().prop_map(|number| Message::Join(Join { number })),
        (number(), any::<u32>())
            .prop_map(|(number, members)| Message::Welcome(Welcome { number, members })),
        (number(), refusal())
            .prop_map(|(number, reason)| Message::Refuse(Refuse { number, reason })),
        (number(), any::<u64>()).prop_map(|(number, from)| Message::Pull(Pull { number, from })),
        (number(), any::<u64>()).prop_map(|(number, next)| Message::Page(Page { number, next })),
    ]
}

fn fact<A: Address>(address: impl Strategy<Value = A>) -> impl Strategy<Value = Fact<A>> {
    // Long metadata now and then, for lengths of two bytes.
    let metadata = prop_oneof![9 => vec(any::<u8>(), 0..24), 1 => vec(any::<u8>(), 100..400)];
    let patience = any::<u16>().prop_map(patience_of);
    let said = (any::<u16>(), patience, address, metadata).prop_map(
        |(boot, patience, address, metadata)| Words { boot, patience, address, metadata },
    );
    (id(), incarnation(), status(), vec(id(), 0..7), said).prop_map(
        |(id, incarnation, status, accusers, said)| {
            let mut claim = Claim::new(incarnation, status);
            if matches!(status, Status::Suspect | Status::Dead) {
                claim.voices = voices(&accusers);
            }
            Fact { id, claim, said: (status == Status::Alive).then_some(said) }
        },
    )
}

fn draft<A: Address>(
    address: impl Strategy<Value = A> + Clone + 'static,
) -> impl Strategy<Value = Draft<A>> {
    let message = prop::option::weighted(0.8, message(address.clone()));
    (any_header(), message, vec(fact(address), 0..6)).prop_map(|(header, message, facts)| Draft {
        header,
        message,
        facts,
    })
}

fn unknown_kind() -> impl Strategy<Value = u8> {
    any::<u8>().prop_filter("a kind of this release", |kind| {
        !MESSAGE_KINDS.contains(kind) && !UPDATE_KINDS.contains(kind)
    })
}

/// A packet cut into its header and its frames, as the specification describes them.
#[derive(Clone, Debug)]
struct Cut {
    header: Vec<u8>,
    frames: Vec<(u8, Vec<u8>)>,
}

impl Cut {
    fn new(bytes: &[u8]) -> Self {
        let sender_end = HEADER_FIXED_LEN + varint_len(&bytes[HEADER_FIXED_LEN..]);
        let header_end = sender_end + varint_len(&bytes[sender_end..]) + ROUND_LEN;
        let (header, mut rest) = bytes.split_at(header_end);
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let length_len = varint_len(rest);
            let high = if length_len == 2 { usize::from(rest[1]) << 7 } else { 0 };
            let body_len = usize::from(rest[0] & 0x7f) | high;
            let body_end = length_len + 1 + body_len;
            frames.push((rest[length_len], rest[length_len + 1..body_end].to_vec()));
            rest = &rest[body_end..];
        }
        Self { header: header.to_vec(), frames }
    }

    fn insert(&mut self, place: Index, kind: u8, body: Vec<u8>) {
        self.frames.insert(place.index(self.frames.len() + 1), (kind, body));
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.clone();
        for (kind, body) in &self.frames {
            match body.len() {
                len @ 0..128 => bytes.push(len as u8),
                len => bytes.extend([len as u8 | 0x80, (len >> 7) as u8]),
            }
            bytes.push(*kind);
            bytes.extend(body);
        }
        bytes
    }

    /// Where one frame ends and another begins, or the packet ends.
    fn boundaries(&self) -> BTreeSet<usize> {
        let heads = |count| Self { frames: self.frames[..count].to_vec(), ..self.clone() };
        (0..=self.frames.len()).map(|count| heads(count).bytes().len()).collect()
    }
}

fn varint_len(bytes: &[u8]) -> usize {
    1 + bytes.iter().position(|byte| byte & 0x80 == 0).expect("the end of a varint")
}

/// The same numbers, spelt in as many bytes each, or as few as it takes.
fn longer_varints(mut bytes: &[u8], lens: &[usize]) -> Vec<u8> {
    let mut longer = Vec::new();
    for &len in lens {
        let (varint, rest) = bytes.split_at(varint_len(bytes));
        longer.extend(varint);
        for _ in varint.len()..len {
            *longer.last_mut().expect("a varint") |= 0x80;
            longer.push(0);
        }
        bytes = rest;
    }
    assert!(bytes.is_empty());
    longer
}

fn survives<A: Address>(draft: &Draft<A>) -> Result<(), TestCaseError> {
    let bytes = draft.bytes();
    prop_assert!(draft.is_read_from(&bytes), "{:?}", Packet::<A>::parse(&bytes));
    prop_assert_eq!(Cut::new(&bytes).bytes(), bytes.clone());
    prop_assert_eq!(rewritten::<A>(&bytes), Ok(bytes));
    Ok(())
}

fn has_only_whole_prefixes<A: Address>(draft: &Draft<A>) -> Result<(), TestCaseError> {
    let bytes = draft.bytes();
    let boundaries = Cut::new(&bytes).boundaries();
    for len in 0..=bytes.len() {
        let Ok(packet) = Packet::<A>::parse(&bytes[..len]) else {
            prop_assert!(!boundaries.contains(&len), "{} bytes are whole frames", len);
            continue;
        };
        prop_assert!(boundaries.contains(&len), "{} bytes cut a frame", len);
        prop_assert_eq!(packet.header, draft.header);
        prop_assert!(packet.message.is_none() || packet.message == draft.message);
        let updates: Vec<_> = packet.updates().collect();
        prop_assert!(draft.updates().starts_with(&updates));
    }
    Ok(())
}

/// Whatever the room, what is written are the first frames, and nothing beyond them.
fn is_written_frame_by_frame<A: Address>(draft: &Draft<A>) -> Result<(), TestCaseError> {
    let bytes = draft.bytes();
    let boundaries = Cut::new(&bytes).boundaries();
    for room in 0..=bytes.len() {
        let mut buffer = vec![0xa5; room];
        let fitting = boundaries.range(..=room).next_back().copied();
        match draft.write(&mut buffer) {
            None => prop_assert_eq!(fitting, None),
            Some((len, complete)) => {
                prop_assert_eq!(Some(len), fitting);
                prop_assert_eq!(complete, len == bytes.len());
                prop_assert_eq!(&buffer[..len], &bytes[..len]);
            }
        }
    }
    Ok(())
}

/// Reading never panics; what is read has one spelling, which is read as the same.
fn has_a_normal_form<A: Address>(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(packet) = Packet::<A>::parse(bytes) else { return Ok(()) };
    let normal = rewritten::<A>(bytes).expect("what is read can be written");
    let again = Packet::<A>::parse(&normal).expect("what is written can be read");
    prop_assert_eq!((again.header, again.message), (packet.header, packet.message));
    prop_assert!(again.updates().eq(packet.updates()));
    prop_assert_eq!(rewritten::<A>(&normal), Ok(normal));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(512),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            concat!(env!("CARGO_MANIFEST_DIR"), "/../proptest-regressions/wire.txt"),
        ))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_written_is_read_as_the_same(
        internet in draft(socket_address()),
        radio in draft(any::<u16>()),
    ) {
        survives(&internet)?;
        survives(&radio)?;
    }

    #[test]
    fn a_packet_cut_short_is_refused_or_read_as_its_first_frames(
        internet in draft(socket_address()),
        radio in draft(any::<u16>()),
    ) {
        has_only_whole_prefixes(&internet)?;
        has_only_whole_prefixes(&radio)?;
    }

    #[test]
    fn a_buffer_takes_the_frames_that_fit_and_no_half_frame(
        internet in draft(socket_address()),
        radio in draft(any::<u16>()),
    ) {
        is_written_frame_by_frame(&internet)?;
        is_written_frame_by_frame(&radio)?;
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        has_a_normal_form::<SocketAddr>(&bytes)?;
        has_a_normal_form::<u16>(&bytes)?;
    }

    /// Random bytes hardly ever get past the header; these do.
    #[test]
    fn any_frames_are_read_or_refused(
        header in any_header(),
        frames in vec((prop_oneof![MESSAGE_KINDS, UPDATE_KINDS], vec(any::<u8>(), 0..40)), 0..6),
    ) {
        let header = Draft::<u16> { header, message: None, facts: Vec::new() }.bytes();
        let bytes = Cut { header, frames }.bytes();
        has_a_normal_form::<SocketAddr>(&bytes)?;
        has_a_normal_form::<u16>(&bytes)?;
    }

    #[test]
    fn a_damaged_packet_is_read_or_refused(
        draft in draft(socket_address()),
        damage in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = draft.bytes();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        has_a_normal_form::<SocketAddr>(&bytes)?;
        has_a_normal_form::<u16>(&bytes)?;
    }

    #[test]
    fn frames_of_unknown_kind_are_skipped(
        draft in draft(socket_address()),
        unknown in vec((any::<Index>(), unknown_kind(), vec(any::<u8>(), 0..200)), 1..4),
    ) {
        let mut cut = Cut::new(&draft.bytes());
        for (place, kind, body) in unknown {
            cut.insert(place, kind, body);
        }
        prop_assert!(draft.is_read_from(&cut.bytes()));
        prop_assert_eq!(rewritten::<SocketAddr>(&cut.bytes()), Ok(draft.bytes()));
    }

    #[test]
    fn surplus_bytes_of_a_body_are_ignored(
        draft in draft(socket_address()),
        surplus in vec(vec(any::<u8>(), 0..130), 7),
    ) {
        let mut cut = Cut::new(&draft.bytes());
        for ((_, body), surplus) in cut.frames.iter_mut().zip(surplus) {
            body.extend(surplus);
        }
        prop_assert!(draft.is_read_from(&cut.bytes()));
        prop_assert_eq!(rewritten::<SocketAddr>(&cut.bytes()), Ok(draft.bytes()));
    }

    #[test]
    fn longer_spellings_are_read_as_the_same(
        header in any_header(),
        (number, target, belief) in (any::<u32>(), id(), belief()),
        (gone, incarnation) in (id(), incarnation()),
        lens in vec(0..=10usize, 6),
    ) {
        let ping = Message::Ping(Ping { number, target, belief });
        let left = Fact { id: gone, claim: Claim::new(incarnation, Status::Left), said: None };
        let draft = Draft::<u16> { header, message: Some(ping), facts: vec![left] };
        let bytes = draft.bytes();
        let mut cut = Cut::new(&bytes);
        let speaker_end = cut.header.len() - ROUND_LEN;
        let speaker = &cut.header[HEADER_FIXED_LEN..speaker_end];
        let speaker = longer_varints(speaker, &[lens[0], lens[1].min(5)]);
        cut.header.splice(HEADER_FIXED_LEN..speaker_end, speaker);
        let (asked, told) = (&cut.frames[0].1, &cut.frames[1].1);
        let number_len = size_of_val(&number);
        let (number, rest) = asked.split_at(number_len);
        let asked = [number, &longer_varints(rest, &lens[2..4])].concat();
        let told = longer_varints(told, &[lens[4], lens[5].min(5)]);
        (cut.frames[0].1, cut.frames[1].1) = (asked, told);
        prop_assert!(draft.is_read_from(&cut.bytes()));
        prop_assert_eq!(rewritten::<u16>(&cut.bytes()), Ok(bytes));
    }

    #[test]
    fn a_message_may_stand_anywhere_but_not_beside_another(
        draft in draft(socket_address()),
        first in (any::<Index>(), message(socket_address())),
        second in (any::<Index>(), message(socket_address())),
    ) {
        let header = draft.header;
        let mut cut = Cut::new(&Draft { message: None, ..draft.clone() }.bytes());
        let mut insert = |(place, message)| {
            let alone = Draft { header, message: Some(message), facts: Vec::new() };
            let (kind, body) = Cut::new(&alone.bytes()).frames.remove(0);
            cut.insert(place, kind, body);
            cut.bytes()
        };
        let one = Draft { message: Some(first.1), ..draft.clone() };
        let bytes = insert(first);
        prop_assert!(one.is_read_from(&bytes));
        prop_assert_eq!(rewritten::<SocketAddr>(&bytes), Ok(bytes));
        let refused = Packet::<SocketAddr>::parse(&insert(second)).err();
        prop_assert_eq!(refused, Some(ParseError::TwoMessages));
    }
}
