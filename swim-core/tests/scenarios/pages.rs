//! The table exchange, page by page.

use std::time::Duration;

use swim_core::{Config, Event, Status};

use crate::harness::*;

const METADATA: [u8; 32] = [9; 32];

fn config(datagram_len_max: u16) -> Config {
    Config { datagram_len_max, sync_timeout: Duration::from_millis(100), ..still() }
}

/// The seed `A` with a table that takes several pages, and `B`, which has just joined it.
fn joining<const MEMBERS: usize>(datagram_len_max: u16) -> World<MEMBERS, 32> {
    let mut world = World::empty(config(datagram_len_max));
    world.start(A);
    let others = 100..100 + MEMBERS as u16 - 2;
    let rows: Vec<_> = others.map(|member| alive_with(member, 1, &METADATA)).collect();
    for some in rows.chunks(64) {
        world.tell(A, STRANGER, last_page(0), some).unwrap();
    }
    world.start(B);
    world.join(B, A);
    world
}

/// How much is missing at `B`.
fn missing<const MEMBERS: usize>(world: &World<MEMBERS, 32>) -> usize {
    let (full, copy) = (world.node(A).members(), world.node(B).members());
    full.iter()
        .filter(|row| {
            !copy.iter().any(|other| {
                (other.id, other.address, other.status, other.incarnation, other.boot)
                    == (row.id, row.address, row.status, row.incarnation, row.boot)
                    && other.metadata == row.metadata
            })
        })
        .count()
}

fn arrives_whole<const MEMBERS: usize>(datagram_len_max: u16, pages_min: usize) {
    let mut world = joining::<MEMBERS>(datagram_len_max);
    let start = world.now;
    world.run(0);
    assert_eq!((missing(&world), world.now), (0, start));
    let sent = world.sent();
    let pages: Vec<_> = sent.iter().filter(|sent| sent.page().is_some()).collect();
    assert!(pages.len() >= pages_min, "{}", pages.len());
    assert!(pages.iter().all(|page| page.bytes.len() <= datagram_len_max.into()));
    let last = pages.last().unwrap().page().unwrap();
    assert_eq!({ last.next }, 0);
    let rows: usize = pages.iter().map(|page| page.updates().len()).sum();
    assert_eq!(rows, MEMBERS, "each row once, the seed and the joiner among them");
    assert_eq!(world.stats(B).pages_received, pages.len() as u64);
}

#[test]
fn a_table_arrives_whole_in_datagrams_of_127_bytes() {
    arrives_whole::<16>(127, 7);
}

#[test]
fn a_table_arrives_whole_in_datagrams_of_1400_bytes() {
    arrives_whole::<128>(1_400, 4);
}

fn survives_loss<const MEMBERS: usize>(datagram_len_max: u16, lost: usize, of_pulls: bool) {
    let mut world = joining::<MEMBERS>(datagram_len_max);
    let start = world.now;
    let mut seen = 0;
    world.lose(move |sent| {
        let counts = if of_pulls { sent.pull().is_some() } else { sent.page().is_some() };
        seen += usize::from(counts);
        counts && seen == lost
    });
    world.run(499);
    assert_ne!(missing(&world), 0);
    world.run(1);
    assert_eq!(missing(&world), 0, "asked for again after the timeout");
    assert_eq!(millis(start, world.now), 500);
    assert_eq!(world.stats(B).syncs_lost, 0);
}

#[test]
fn a_page_that_is_lost_is_asked_for_again() {
    for lost in 1..=4 {
        survives_loss::<16>(127, lost, false);
        survives_loss::<128>(1_400, lost, false);
    }
}

#[test]
fn a_pull_that_is_lost_is_sent_again() {
    for lost in 1..=4 {
        survives_loss::<16>(127, lost, true);
        survives_loss::<128>(1_400, lost, true);
    }
}

#[test]
fn pages_that_come_twice_or_late_change_nothing() {
    let mut world = joining::<16>(127);
    // Every page arrives twice, and then all of them once more, last first.
    while world.stats(A).pages_sent < 3 {
        world.next(|sent| sent.page().is_some());
        let twice = world.intercept();
        for page in twice.iter().chain(&twice) {
            world.hand(page.to, page.from, &page.bytes).unwrap();
        }
    }
    world.run(0);
    assert_eq!(missing(&world), 0);
    let sent = world.sent();
    let pages: Vec<_> = sent.iter().filter(|sent| sent.page().is_some()).collect();
    world.events(B);
    let (due, applied) = (world.node(B).poll_timeout(), world.stats(B).updates_applied);
    for page in pages.iter().rev() {
        world.hand(B, A, &page.bytes).unwrap();
    }
    assert_eq!(world.events(B), []);
    assert_eq!((world.node(B).poll_timeout(), world.stats(B).updates_applied), (due, applied));
    assert!(world.sent().is_empty());
}

#[test]
fn a_late_page_does_not_turn_an_exchange_back() {
    let mut world = joining::<16>(127);
    let first = world.next(|sent| sent.page().is_some());
    world.next(|sent| sent.page().is_some());
    let third = world.next(|sent| sent.pull().is_some());
    world.sent();
    world.hand(B, A, &first.bytes).unwrap();
    assert!(world.sent().iter().all(|sent| sent.pull().is_none()), "no pull for a page known");
    assert_ne!({ third.pull().unwrap().from }, 0);
    world.run(0);
    assert_eq!(missing(&world), 0);
}

#[test]
fn a_page_nobody_asked_for_is_merged_and_starts_nothing() {
    let mut world = alone_with(still(), &[B]);
    let due = world.node(A).poll_timeout();
    let page = swim_core::wire::Page { number: 5, next: 77 };
    world.tell(A, B, Some(swim_core::wire::Message::Page(page)), &[alive(C, 0)]).unwrap();
    assert_eq!(world.events(A), [Event::MemberJoined(id(C))]);
    assert_eq!((world.sent().len(), world.node(A).poll_timeout()), (0, due));
}

#[test]
fn a_peer_that_goes_silent_is_asked_twice_and_then_others() {
    let mut world = joining::<16>(127);
    world.next(|sent| sent.page().is_some());
    world.next(|sent| sent.page().is_some());
    world.kill(A);
    let start = world.now;
    world.sent();
    world.run(10_000);
    let sent = world.sent();
    let pulls: Vec<_> = sent.iter().filter(|sent| sent.pull().is_some()).collect();
    let tries: Vec<_> = pulls.iter().map(|pull| millis(start, pull.at)).collect();
    assert_eq!(tries, [0, 500, 1_000, 1_500, 2_000, 2_500]);
    assert!(pulls[..2].iter().all(|pull| pull.to == A));
    assert!(pulls[2..].iter().any(|pull| pull.to != A));
    assert_eq!(world.stats(B).syncs_lost, 1);
}

#[test]
fn who_is_suspect_at_the_seed_is_suspect_at_the_joiner_and_can_be_asked() {
    let mut world = World::<16, 32>::empty(config(127));
    world.start(A);
    world.introduce(A, &[C]);
    world.gossip(A, &[suspect(C, 0, D)]);
    world.start(B);
    world.join(B, A);
    world.run(0);
    let suspect = world.node(B).member(C).unwrap();
    assert_eq!((suspect.status, suspect.address), (Status::Suspect, Some(C)));
}

#[test]
fn a_long_table_ends_even_if_it_changes_while_it_is_read() {
    let mut world = joining::<16>(127);
    world.next(|sent| sent.page().is_some());
    world.gossip(A, &[left(100, 1), left(105, 1), dead(110, 1)]);
    world.run(0);
    assert_eq!(world.node(B).poll_timeout().map(|due| due > world.now), Some(true));
    assert_eq!(world.stats(B).syncs_lost, 0);
    assert!(world.node(B).live_count() >= 13);
}
