//! When tables are compared, and who goes on with it: the small, the full, the departed.

use std::time::Duration;

use swim_core::storage::Growable;
use swim_core::wire::{Header, Message, Pull};
use swim_core::{Channel, Config, Identity, Instant, Node, Standing};

use crate::harness::*;

/// The longest packet on a stream, by the specification of the wire format.
const STREAM_PACKET_LEN_MAX: usize = 65_507;

fn comparing() -> Config {
    Config { anti_entropy: true, ..still() }
}

/// What `A` says of its table in the next probe.
fn has_digest<const MEMBERS: usize>(world: &mut World<MEMBERS, 0>) -> bool {
    world.sent();
    let ping = world.next(|sent| sent.from == A && sent.ping().is_some());
    ping.ping().is_some_and(|ping| ping.digest.is_some())
}

#[test]
fn a_node_that_found_no_room_once_compares_again_when_all_the_living_fit() {
    let tombstone_time = Duration::from_secs(86_400);
    let config = Config { heal_interval: Duration::ZERO, tombstone_time, ..comparing() };
    let mut world = World::<8, 0>::empty(config);
    world.start(A);
    world.introduce(A, &[2, 3, 4, 5, 6, 7, 8, 9]);
    assert!(world.stats(A).table_full > 0, "a leaf: one found no room");
    assert!(!has_digest(&mut world));
    world.gossip(A, &[left(6, 0), left(7, 0), left(8, 0), left(9, 0)]);
    assert!(world.node(A).live_count() < 8);
    assert!(has_digest(&mut world), "tombstones make room for whoever comes");
}

#[test]
fn a_node_that_has_departed_fetches_no_more_pages() {
    let mut world = World::<16, 32>::empty(Config { datagram_len_max: 127, ..comparing() });
    world.start(A);
    let rows: Vec<_> = (100..114).map(|member| alive_with(member, 1, &[9; 32])).collect();
    world.tell(A, STRANGER, last_page(0), &rows).unwrap();
    world.start(B);
    world.join(B, A);
    let page = world.next(|sent| sent.page().is_some_and(|page| page.next != 0));
    world.intercept();
    world.act(B, |twin, now| twin.leave(now));
    world.run(10_000);
    assert_eq!(world.node(B).standing(), Standing::Departed);
    world.sent();
    world.hand(B, page.from, &page.bytes).unwrap();
    assert!(world.sent().iter().all(|sent| sent.pull().is_none()));
}

#[test]
fn a_page_over_a_stream_is_no_longer_than_whoever_reads_it_takes() {
    for metadata_len in 60..100 {
        let len = page_over_stream(metadata_len);
        assert!(len > 60_000, "there are rows enough for several: {len}");
        assert!(len <= STREAM_PACKET_LEN_MAX, "{len} bytes, rows with {metadata_len} of metadata");
    }
}

/// The length of the first page of a large table, asked for over a stream.
fn page_over_stream(metadata_len: usize) -> usize {
    let (identity, start) = (Identity::new(id(A), A), Instant::ZERO);
    let mut node = Node::new(identity, comparing(), Growable::new(2_048, 100), 1, start).unwrap();
    let header = Header { label: node.config().label, sender: id(B), incarnation: at(0), round: 0 };
    let metadata = [9; 100];
    let rows: Vec<_> =
        (100..1_600).map(|member| alive_with(member, 0, &metadata[..metadata_len])).collect();
    for some in rows.chunks(64) {
        node.handle_stream(B, &mut forge(&header, last_page(0), some), start).unwrap();
    }
    let pull = Pull { number: 1, cookie: 0, from: 0, last: u64::MAX, len_max: u16::MAX };
    node.handle_stream(B, &mut forge(&header, Some(Message::Pull(pull)), &[]), start).unwrap();
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let sent = std::iter::from_fn(|| node.poll_transmit(start, &mut buffer));
    let page = sent.filter(|sent| sent.channel == Channel::Stream).last();
    page.expect("a page").len
}
