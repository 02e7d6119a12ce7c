//! The golden vectors.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use swim_core::wire::{
    Ack, Belief, Busy, Cookie, Digest, Half, Header, Join, Message, Nack, Packet, Page, ParseError,
    Ping, PingRequest, Pull, Refusal, Refuse, Sync, SyncReply, View, Welcome,
};
use swim_core::{Address, Incarnation, NodeId, Status};

use super::draft::{
    Draft, Fact, alive, claim, differing, fingerprints, hashes, header, radio_header, rewritten,
    wanted,
};
use super::hashes::{mix, row_hash};
use super::specification::{hex, vectors};

const NUMBER: u32 = 0x0123_4567;
const RADIO_NUMBER: u32 = 0x89ab_cdef;
const COOKIE: u32 = 0x6b5a_4932;

type Named<A> = (&'static str, Draft<A>);

#[test]
fn golden_vectors_are_written_and_read_as_the_specification_says() {
    let written = vectors("### Packets");
    let mut names = BTreeSet::new();
    let internet = [probe_drafts(), join_drafts(), anti_entropy_drafts(), update_drafts()];
    for (name, draft) in internet.concat() {
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

fn probe_drafts() -> Vec<Named<SocketAddr>> {
    let number = NUMBER;
    let target = db_2();
    let ping = |belief, digest| says(Message::Ping(Ping { number, target, belief, digest }));
    let ack = |stranger, view| says(Message::Ack(Ack { number, stranger, view }));
    let nack = |refused| says(Message::Nack(Nack { number, refused }));
    let asks = |address, belief, nack_after_ms| {
        let request = PingRequest { number, target, address, belief, nack_after_ms };
        says(Message::PingRequest(request))
    };
    let suspect = Some(Belief { incarnation: Incarnation::new(300), status: Status::Suspect });
    let alive_at_2 = Some(Belief { incarnation: Incarnation::new(2), status: Status::Alive });
    let differs = View::Differs { digest: digest(&table()[..2]), cookie: COOKIE };
    vec![
        ("empty", Draft::new(header())),
        ("empty-round", Draft::new(Header { round: 0xfffe, ..header() })),
        ("ping", ping(None, None)),
        ("ping-belief", ping(suspect, None)),
        ("ping-digest", ping(alive_at_2, Some(digest(&table())))),
        ("ack", ack(false, View::Unsaid)),
        ("ack-stranger", ack(true, View::Unsaid)),
        ("ack-equal", ack(false, View::Equal)),
        ("ack-differs", ack(false, differs)),
        (
            "ack-with-news",
            ack(false, View::Unsaid).tells(vec![
                claim(db_2(), 3, Status::Suspect, &accusers()[..1]),
                alive(db_3(), 0, 7, v4(), b""),
            ]),
        ),
        ("ping-request-v4", asks(v4(), suspect, 500)),
        ("ping-request-v6", asks(v6(), None, 0)),
        ("nack", nack(false)),
        ("nack-refused", nack(true)),
    ]
}

fn join_drafts() -> Vec<Named<SocketAddr>> {
    let number = NUMBER;
    let refuses = |reason| says(Message::Refuse(Refuse { number, reason }));
    let welcome = Welcome { number, members: 1_000, cookie: COOKIE };
    vec![
        ("join", says(Message::Join(Join { number })).tells(vec![me()]).padded(256)),
        ("welcome", says(Message::Welcome(welcome))),
        ("refuse-other-cluster", refuses(Refusal::OtherCluster)),
        ("refuse-id-in-use", refuses(Refusal::IdInUse)),
        ("refuse-leaving", refuses(Refusal::Leaving)),
        ("refuse-table-full", refuses(Refusal::TableFull)),
        ("refuse-implausible", refuses(Refusal::Implausible)),
        ("refuse-other-reason", refuses(Refusal::Other)),
    ]
}

fn anti_entropy_drafts() -> Vec<Named<SocketAddr>> {
    let (number, len_max) = (NUMBER, 1_400);
    let from = 0x0123_4567_89ab_cdef;
    let pull =
        |cookie, from, last| says(Message::Pull(Pull { number, cookie, from, last, len_max }));
    let page = |next| says(Message::Page(Page { number, next }));
    let sync = |cookie, hop| says(Message::Sync(Sync { number, cookie, hop, len_max }));
    let reply = |hop| says(Message::SyncReply(SyncReply { number, hop, members: 3, len_max }));
    let wanted_row = half(row_hash(db_2(), 2, 7));
    let older = alive(db_2(), 1, 7, v4(), b"");
    let newer = alive(db_2(), 2, 7, v4(), b"");
    let states = |statement| Draft::new(header()).compares(vec![statement]);
    vec![
        ("pull", pull(0, 0, (1 << 62) - 1)),
        ("pull-cookie", pull(COOKIE, from, u64::MAX)),
        (
            "page",
            page(0).tells(vec![newer.clone(), claim(db_2(), 3, Status::Suspect, &accusers()[..1])]),
        ),
        ("page-next", page(from)),
        ("sync", sync(0, 0).compares(vec![hashes(1, &table().map(half))])),
        ("sync-reply", reply(1).compares(vec![wanted(1, &[wanted_row])]).tells(vec![older])),
        ("sync-rows", sync(COOKIE, 2).tells(vec![newer])),
        ("sync-reply-last", reply(3)),
        ("cookie", says(Message::Cookie(Cookie { number, cookie: COOKIE }))),
        ("busy", says(Message::Busy(Busy { number })).tells(vec![me()])),
        ("fingerprints", states(fingerprints(5, &[1, 0, 3, u32::MAX]))),
        ("fingerprint", states(fingerprints(1 << 20, &[0x0102_0304]))),
        ("fingerprint-narrowest", states(fingerprints(u64::MAX, &[0x0102_0304]))),
        ("hashes-none", states(hashes(6, &[]))),
        ("hashes-32", states(hashes(7, &(0..32).collect::<Vec<_>>()))),
        ("wanted", states(wanted(300, &[0x0102_0304, 0x0506_0708]))),
        ("differing", states(differing(300, 0b1_0001_0010))),
        ("differing-32", states(differing(5, (1 << 32) | (1 << 31) | 1))),
        ("differing-narrowest", states(differing(u64::MAX, 0b11))),
        ("padding", Draft::new(header()).padded(23)),
    ]
}

fn update_drafts() -> Vec<Named<SocketAddr>> {
    let tells = |fact| Draft::new(header()).tells(vec![fact]);
    let accusers = accusers();
    vec![
        ("alive-v4", tells(me())),
        ("alive-v6", tells(alive(db_2(), u32::MAX, 1, v6(), b""))),
        ("alive-long", tells(alive(db_2(), 0, 0, v4(), &[0x61; 120]))),
        ("alive-patient", tells(alive(db_2(), 4, 7, v4(), b"").patient(150))),
        ("asleep", tells(alive(db_2(), 5, 7, v4(), b"").asleep(300))),
        ("suspect", tells(claim(db_2(), 3, Status::Suspect, &accusers[..1]))),
        ("suspect-2", tells(claim(db_2(), 3, Status::Suspect, &accusers[..2]))),
        ("suspect-4", tells(claim(db_2(), 3, Status::Suspect, &accusers))),
        ("dead", tells(claim(db_2(), 3, Status::Dead, &[]))),
        ("dead-2", tells(claim(db_2(), 3, Status::Dead, &accusers[..2]))),
        ("left", tells(claim(db_3(), 128, Status::Left, &[]))),
    ]
}

fn radio_drafts() -> Vec<Named<u16>> {
    let number = RADIO_NUMBER;
    let target = NodeId::new(9);
    let says = |message| Draft::new(radio_header()).says(message);
    let tells = |fact| Draft::new(radio_header()).tells(vec![fact]);
    let request =
        PingRequest { number, target, address: 0x1234, belief: None, nack_after_ms: 4_000 };
    let belief = Some(Belief { incarnation: Incarnation::new(0), status: Status::Alive });
    let sync = Sync { number, cookie: COOKIE, hop: 2, len_max: 127 };
    vec![
        ("radio-ping", says(Message::Ping(Ping { number, target, belief, digest: None }))),
        ("radio-ping-request", says(Message::PingRequest(request))),
        (
            "radio-sync",
            says(Message::Sync(sync)).compares(vec![
                wanted(4, &[0x0102_0304]),
                fingerprints(5, &[0x0506_0708, 0x090a_0b0c]),
            ]),
        ),
        ("radio-alive", tells(alive(target, 1, 0x0102, 0x1234, b"t1"))),
        ("radio-suspect", tells(claim(target, 1, Status::Suspect, &[NodeId::new(5)]))),
    ]
}

fn says(message: Message<SocketAddr>) -> Draft<SocketAddr> {
    Draft::new(header()).says(message)
}

fn db_2() -> NodeId {
    NodeId::from_name("db-2")
}

fn db_3() -> NodeId {
    NodeId::from_name("db-3")
}

fn accusers() -> [NodeId; 4] {
    ["a", "b", "d", "e"].map(NodeId::from_name)
}

fn me() -> Fact<SocketAddr> {
    alive(header().sender, 3, 0xbeef, v4(), b"zone=a")
}

pub fn v4() -> SocketAddr {
    SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 7), 7946).into()
}

pub fn v6() -> SocketAddr {
    SocketAddrV6::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7), 65_535, 0, 0).into()
}

/// The hashes of the rows in the table that the vectors speak of, by ascending mixed id.
fn table() -> [u64; 3] {
    let mut rows = [(header().sender, 3, 0xbeef), (db_2(), 2, 7), (db_3(), 0, 7)];
    rows.sort_by_key(|(id, ..)| mix(id.number()));
    rows.map(|(id, incarnation, boot)| row_hash(id, incarnation, boot))
}

fn digest(rows: &[u64]) -> Digest {
    let sum = rows.iter().fold(0u64, |sum, hash| sum.wrapping_add(*hash));
    Digest { members: rows.len() as u32, fingerprint: half(sum) }
}

/// The half that goes with the number of the vectors.
fn half(hash: u64) -> u32 {
    assert_eq!(Half::of_number(NUMBER), Half::High);
    (hash >> 32) as u32
}

/// Vectors no writer of this release makes: either they are read as one of the golden vectors, or
/// refused.
#[test]
fn foreign_packets_are_read_or_refused_as_the_specification_says() {
    let golden = vectors("### Packets");
    let foreign = vectors("### Packets to be read or refused");
    let body = |kind| Err(ParseError::Body { kind });
    let outcomes: BTreeMap<&str, Result<&str, ParseError>> = BTreeMap::from([
        ("unknown-kind", Ok("ping")),
        ("unknown-flag", Ok("ping")),
        ("surplus", Ok("suspect")),
        ("empty-frames", Ok("left")),
        ("padding-other", Ok("padding")),
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
        ("body-short", body(4)),
        ("bool-2", body(2)),
        ("belief-too-large", body(1)),
        ("belief-long", Ok("ping-belief")),
        ("digest-missing", body(1)),
        ("digest-cut", body(1)),
        ("digest-long", Ok("ping-digest")),
        ("digest-of-nobody", body(2)),
        ("view-3", body(2)),
        ("patience-long", Ok("alive-patient")),
        ("asleep-no-longer", Ok("alive-patient")),
        ("asleep-cut", body(36)),
        ("round-cut", Err(ParseError::TooShort)),
        ("refused-2", body(4)),
        ("patience-too-large", body(32)),
        ("reason-9", Ok("refuse-other-reason")),
        ("voices-cut", body(33)),
        ("address-2", body(32)),
        ("id-too-large", body(35)),
        ("len-max-too-large", body(8)),
        ("len-max-missing", body(11)),
        ("range-0", body(25)),
        ("range-too-large", body(25)),
        ("range-long", Ok("hashes-none")),
        ("fingerprints-none", body(24)),
        ("fingerprints-three", body(24)),
        ("fingerprints-64", body(24)),
        ("fingerprints-too-deep", body(24)),
        ("values-cut", body(24)),
        ("values-missing", body(25)),
        ("hashes-33", body(25)),
        ("wanted-33", body(26)),
        ("entry-surplus", Ok("wanted")),
        ("differing-long", Ok("differing")),
        ("differing-range-0", body(27)),
        ("differing-bits-0", body(27)),
        ("differing-bits-1", body(27)),
        ("differing-three", body(27)),
        ("differing-33", body(27)),
        ("differing-too-deep", body(27)),
    ]);
    for (name, outcome) in &outcomes {
        let bytes = foreign.get(name).unwrap_or_else(|| panic!("{name} is not in WIRE.md"));
        let normal = rewritten::<SocketAddr>(bytes).map(|bytes| hex(&bytes));
        assert_eq!(normal, outcome.map(|same| hex(&golden[same])), "{name}");
    }
    assert!(outcomes.keys().eq(foreign.keys()), "vectors of WIRE.md without an outcome here");
}

/// What the fuzzer starts from; what it found itself has the hash of its content for a name.
#[test]
fn the_corpus_of_the_fuzzer_begins_with_the_vectors() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/decode");
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(corpus).expect("the corpus") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let is_hash = name.len() == 40 && name.chars().all(|digit| digit.is_ascii_hexdigit());
        if !is_hash {
            files.insert(name, hex(&std::fs::read(path).expect("a file")));
        }
    }
    let sections = ["### Packets", "### Packets to be read or refused"];
    let vectors = sections.into_iter().flat_map(vectors);
    let vectors = vectors.map(|(name, bytes)| (name.to_owned(), hex(&bytes)));
    assert_eq!(files, vectors.collect());
}
