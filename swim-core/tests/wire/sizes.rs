//! How long things are.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use swim_core::storage::Growable;
use swim_core::wire::{
    Ack, Belief, Busy, Cookie, Digest, ENTRY_VALUES_MAX, Join, Message, Nack, Page, Ping,
    PingRequest, Pull, Refusal, Refuse, Sync, SyncReply, View, Welcome,
};
use swim_core::{
    Config, DATAGRAM_LEN_MIN, Identity, Incarnation, Instant, Node, NodeId, Status, VOICES_MAX,
};

use super::draft::{
    Draft, Fact, Statement, alive, claim, differing, fingerprints, hashes, header, longest_header,
    wanted,
};
use super::specification::table_rows;
use super::vectors::v6;

const NUMBER: u32 = u32::MAX;
const COOKIE: u32 = u32::MAX;

/// A range so narrow that few of a million members are in it.
const RANGE: u64 = 1 << 20;

/// The longest number of a range.
const NARROWEST: u64 = u64::MAX;

/// All of 32 parts, and the 1 above them.
const ALL_PARTS: u64 = (1 << 33) - 1;

/// What one frame adds to a packet.
fn frame_len(draft: &Draft<SocketAddr>) -> usize {
    draft.bytes().len() - Draft::<SocketAddr>::new(header()).bytes().len()
}

fn message_len(message: Message<SocketAddr>) -> usize {
    frame_len(&Draft::new(header()).says(message))
}

fn update_len(fact: Fact<SocketAddr>) -> usize {
    frame_len(&Draft::new(header()).tells(vec![fact]))
}

fn entry_len(statement: Statement) -> usize {
    frame_len(&Draft::new(header()).compares(vec![statement]))
}

/// Sizes with a 56-bit id of eight bytes, incarnations below 32, two bytes of members, ports of
/// three bytes and ranges of three.
fn measured_sizes() -> BTreeMap<&'static str, usize> {
    let mut sizes = probe_sizes();
    sizes.extend(anti_entropy_sizes());
    sizes.extend(update_sizes());
    sizes
}

fn id() -> NodeId {
    let id = NodeId::from_name("db-2");
    assert!(id.number() >> 49 != 0, "an id of eight bytes");
    id
}

fn digest(members: u32) -> Digest {
    Digest { members, fingerprint: u32::MAX }
}

fn probe_sizes() -> BTreeMap<&'static str, usize> {
    let (number, target) = (NUMBER, id());
    let v4 = SocketAddr::from(([192, 0, 2, 7], 50_000));
    let belief = Some(Belief { incarnation: Incarnation::new(1), status: Status::Alive });
    let request = |address| {
        let nack_after_ms = 500;
        message_len(Message::PingRequest(PingRequest {
            number,
            target,
            address,
            belief,
            nack_after_ms,
        }))
    };
    let ping = |digest| message_len(Message::Ping(Ping { number, target, belief, digest }));
    let ack = |view| message_len(Message::Ack(Ack { number, stranger: false, view }));
    let header_len = Draft::<SocketAddr>::new(header()).bytes().len();
    let with_digest = ping(Some(digest(10_000)));
    let differs = ack(View::Differs { digest: digest(10_000), cookie: COOKIE });
    BTreeMap::from([
        ("header", header_len),
        ("quiet ping packet", header_len + with_digest),
        ("quiet ping packet, no digest", header_len + ping(None)),
        ("quiet ack packet", header_len + ack(View::Equal)),
        ("quiet ack packet, differs", header_len + differs),
        ("Ping", with_digest),
        ("Ping, no digest", ping(None)),
        ("Ack", ack(View::Equal)),
        ("Ack, differs", differs),
        ("PingRequest, IPv4", request(v4)),
        ("PingRequest, IPv6", request(v6())),
        ("Nack", message_len(Message::Nack(Nack { number, refused: false }))),
    ])
}

fn anti_entropy_sizes() -> BTreeMap<&'static str, usize> {
    let (number, cookie, members, len_max) = (NUMBER, COOKIE, 1_000, 1_400);
    let pull = Pull { number, cookie, from: u64::MAX, last: u64::MAX, len_max };
    let all = [u32::MAX; ENTRY_VALUES_MAX];
    BTreeMap::from([
        ("Join", message_len(Message::Join(Join { number }))),
        ("Welcome", message_len(Message::Welcome(Welcome { number, members, cookie }))),
        ("Refuse", message_len(Message::Refuse(Refuse { number, reason: Refusal::Leaving }))),
        ("Pull", message_len(Message::Pull(pull))),
        ("Page", message_len(Message::Page(Page { number, next: u64::MAX }))),
        ("Sync", message_len(Message::Sync(Sync { number, cookie, hop: 2, len_max }))),
        (
            "SyncReply",
            message_len(Message::SyncReply(SyncReply { number, hop: 1, members, len_max })),
        ),
        ("Cookie", message_len(Message::Cookie(Cookie { number, cookie }))),
        ("Busy", message_len(Message::Busy(Busy { number }))),
        ("Fingerprints, 1", entry_len(fingerprints(RANGE, &all[..1]))),
        ("Fingerprints, 32 of everything", entry_len(fingerprints(1, &all))),
        ("Hashes, none", entry_len(hashes(RANGE, &[]))),
        ("Hashes, 32", entry_len(hashes(RANGE, &all))),
        ("Wanted, 1", entry_len(wanted(RANGE, &all[..1]))),
        ("Differing, 1 of 8", entry_len(differing(RANGE, 0b1_0000_0001))),
        ("Differing, 32", entry_len(differing(RANGE, ALL_PARTS))),
    ])
}

fn update_sizes() -> BTreeMap<&'static str, usize> {
    let id = id();
    let v4 = SocketAddr::from(([192, 0, 2, 7], 50_000));
    let suspect = |accusers: u64| {
        let accusers: Vec<_> = (0..accusers).map(NodeId::new).collect();
        update_len(claim(id, 1, Status::Suspect, &accusers))
    };
    BTreeMap::from([
        ("Alive, IPv4", update_len(alive(id, 1, u16::MAX, v4, b""))),
        ("Alive, IPv6", update_len(alive(id, 1, u16::MAX, v6(), b""))),
        ("Asleep, IPv4, 30 s", update_len(alive(id, 1, u16::MAX, v4, b"").asleep(300))),
        ("Suspect, 1 voice", suspect(1)),
        ("Suspect, 2 voices", suspect(2)),
        ("Suspect, 3 voices", suspect(3)),
        ("Suspect, 4 voices", suspect(4)),
        ("Dead", update_len(claim(id, 1, Status::Dead, &[]))),
        ("Dead, 3 judges", update_len(claim(id, 1, Status::Dead, &[1, 2, 3].map(NodeId::new)))),
        ("Left", update_len(claim(id, 1, Status::Left, &[]))),
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
    let budgets = table_rows("## Sizes").into_iter().filter(|row| !row[2].is_empty());
    let budgets: Vec<_> = budgets.map(|row| (row[0], row[2].parse().expect("bytes"))).collect();
    assert!(budgets.len() >= 7, "{budgets:?}");
    for (name, budget) in budgets {
        assert!(sizes[name] <= budget, "{name}: {} of {budget} bytes", sizes[name]);
    }
}

/// Everything at its longest, without metadata.
fn longest(datagram_len: u16) -> Vec<Draft<SocketAddr>> {
    let (number, cookie, members) = (NUMBER, COOKIE, u32::MAX);
    let (target, incarnation) = (longest_header().sender, longest_header().incarnation);
    let belief = Some(Belief { incarnation, status: Status::Suspect });
    let nack_after_ms = u32::MAX;
    let request = PingRequest { number, target, address: v6(), belief, nack_after_ms };
    let view = View::Differs { digest: digest(u32::MAX), cookie };
    let pull = Pull { number, cookie, from: u64::MAX, last: u64::MAX, len_max: datagram_len };
    let accusers: Vec<_> = (0..VOICES_MAX as u64).map(NodeId::new).collect();
    let row =
        || alive(target, u32::MAX, u16::MAX, v6(), b"").patient(u16::MAX).asleep((1 << 28) - 1);
    let says = |message| Draft::new(longest_header()).says(message);
    vec![
        says(Message::Ping(Ping { number, target, belief, digest: Some(digest(u32::MAX)) }))
            .tells(vec![row()]),
        says(Message::Ack(Ack { number, stranger: true, view })).tells(vec![row()]),
        says(Message::PingRequest(request)),
        says(Message::Join(Join { number })).tells(vec![row()]),
        says(Message::Welcome(Welcome { number, members, cookie })).tells(vec![row()]),
        says(Message::Pull(pull)),
        says(Message::Page(Page { number, next: u64::MAX })).tells(vec![row()]),
        says(longest_sync(datagram_len)).tells(vec![row()]),
        says(longest_sync_reply(datagram_len)).tells(vec![row()]),
        says(Message::Cookie(Cookie { number, cookie })),
        says(Message::Busy(Busy { number })).tells(vec![row()]),
        Draft::new(longest_header()).tells(vec![claim(
            target,
            u32::MAX,
            Status::Suspect,
            &accusers,
        )]),
    ]
}

fn longest_sync(len_max: u16) -> Message<SocketAddr> {
    Message::Sync(Sync { number: NUMBER, cookie: COOKIE, hop: u8::MAX, len_max })
}

fn longest_sync_reply(len_max: u16) -> Message<SocketAddr> {
    let (number, hop, members) = (NUMBER, u8::MAX, u32::MAX);
    Message::SyncReply(SyncReply { number, hop, members, len_max })
}

/// Nothing a node has to say without metadata is longer than the smallest datagram allowed.
#[test]
fn the_largest_of_everything_fits_the_smallest_datagram() {
    // Who receives more than it sends says so in more bytes.
    for len_max in [DATAGRAM_LEN_MIN as u16, u16::MAX] {
        for draft in longest(len_max) {
            let len = draft.bytes().len();
            assert!(len <= DATAGRAM_LEN_MIN, "{len}: {draft:?}");
        }
    }
}

/// A step of a reconciliation always gets further: at least what the specification asks for fits,
/// whatever the range.
#[test]
fn the_first_range_of_a_step_fits_in_detail_whatever_the_datagram() {
    for datagram_len in DATAGRAM_LEN_MIN..=1_500 {
        let count = ((datagram_len - 38) / 8).min(ENTRY_VALUES_MAX);
        let values = vec![u32::MAX; count];
        let powers = &values[..1 << count.ilog2()];
        let deep = NARROWEST >> powers.len().ilog2();
        for statement in [hashes(NARROWEST, &values), fingerprints(deep, powers)] {
            let draft = Draft::new(longest_header()).says(longest_sync_reply(u16::MAX));
            let len = draft.compares(vec![statement]).bytes().len();
            assert!(len <= datagram_len, "{count} values: {len} of {datagram_len} bytes");
        }
    }
}

/// A range that is put off takes little: 17 bytes at most.
#[test]
fn a_single_fingerprint_is_short_whatever_the_range() {
    assert_eq!(entry_len(fingerprints(NARROWEST, &[u32::MAX])), 17);
}

/// Parts that are put off take 16 bytes at most.
#[test]
fn parts_that_differ_are_short_whatever_the_range() {
    let lens = (0..=5u32).map(|halvings| {
        let bits = ALL_PARTS >> (32 - (1 << halvings));
        entry_len(differing(NARROWEST >> halvings, bits))
    });
    assert_eq!(lens.max(), Some(16));
}

/// The longest metadata a node may have leaves room for its row on a page of its own, and in a
/// step of a reconciliation.
#[test]
fn the_longest_metadata_fits_a_page_beside_the_largest_of_everything() {
    let id = longest_header().sender;
    for datagram_len_max in [127, 1_400, 9_000] {
        let config = Config { datagram_len_max, ..Config::lan() };
        let storage = Growable::new(1, usize::from(datagram_len_max));
        let identity = Identity::new(id, v6());
        let mut node = Node::new(identity, config, storage, 1, Instant::ZERO).expect("a node");
        let too_long = vec![0x61; usize::from(datagram_len_max)];
        let error = node.set_metadata(&too_long, Instant::ZERO).expect_err("too long");
        let metadata = &too_long[..error.len_max];
        let row = alive(id, u32::MAX, u16::MAX, v6(), metadata).patient(u16::MAX);
        let page = Message::Page(Page { number: NUMBER, next: u64::MAX });
        let len_max = datagram_len_max;
        for message in [page, longest_sync(len_max), longest_sync_reply(len_max)] {
            let draft = Draft::new(longest_header()).says(message).tells(vec![row.clone()]);
            let len = draft.bytes().len();
            assert!(len <= datagram_len_max.into(), "{len} of {datagram_len_max} bytes");
        }
    }
}
