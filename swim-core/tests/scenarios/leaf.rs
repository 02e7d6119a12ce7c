//! A table smaller than the cluster: the members it holds turn over, watched ones stay.

use swim_core::wire::{Message, Page};
use swim_core::{Config, Event, Status};

use crate::harness::*;

/// How long a leaf keeps everybody, in milliseconds.
const TURN: u64 = 4_000;

/// A leaf of four rows that knows `B`, `C` and `D`, all of which answer, and could not take `E`.
fn leaf() -> World<4, 8> {
    let mut world = World::empty(Config { anti_entropy: true, ..quiet() });
    world.start(A);
    [B, C, D, E, F].iter().for_each(|&member| world.puppet(member));
    world.introduce(A, &[B, C, D]);
    world.gossip(A, &[alive(E, 0)]);
    assert_eq!(world.events(A), [Event::TableFull]);
    world
}

fn members(world: &World<4, 8>) -> Vec<u16> {
    let mut known: Vec<_> =
        [B, C, D, E, F].into_iter().filter(|&m| world.status(A, m).is_some()).collect();
    known.sort_unstable();
    known
}

#[test]
fn one_member_at_a_time_makes_room_for_another() {
    let mut world = leaf();
    world.run(TURN);
    world.gossip(A, &[alive(E, 0), alive(F, 0)]);
    let events = world.events(A);
    assert_eq!(events.len(), 2, "{events:?}");
    let Some(Event::MemberForgotten(gone)) = events.first().copied() else { panic!("{events:?}") };
    assert_eq!(events[1], Event::MemberJoined(id(E)));
    assert!([B, C, D].map(id).contains(&gone));
    assert_eq!((members(&world).len(), world.stats(A).turned_over), (3, 1));
    world.run(TURN);
    world.gossip(A, &[alive(F, 0)]);
    assert!(members(&world).contains(&F));
}

#[test]
fn who_is_watched_stays_and_comes_in_at_once() {
    let mut world = leaf();
    for member in [B, C, E] {
        world.act(A, |twin, _| twin.watch(member)).expect("room to watch");
    }
    world.gossip(A, &[alive(E, 0)]);
    assert_eq!(members(&world), [B, C, E], "D made room, out of turn");
    for _ in 0..20 {
        world.run(TURN);
        world.gossip(A, &[alive(D, 0), alive(F, 0)]);
        assert_eq!(members(&world), [B, C, E]);
    }
}

#[test]
fn suspects_are_kept_until_their_case_is_settled() {
    let mut world = leaf();
    world.gossip(A, &[suspect(B, 0, F), suspect(C, 0, F), suspect(D, 0, F)]);
    world.gossip(A, &[alive(E, 0)]);
    assert_eq!(members(&world), [B, C, D]);
    assert_eq!(world.status(A, B), Some(Status::Suspect));
}

#[test]
fn a_leaf_sends_no_digest_and_serves_no_table() {
    let mut world = leaf();
    assert!(world.node(A).is_leaf());
    world.run(10_000);
    let pings: Vec<_> = world.sent().iter().filter_map(|sent| sent.ping()).collect();
    assert!(pings.len() > 5 && pings.iter().all(|ping| ping.digest.is_none()));
}

#[test]
fn a_leaf_with_room_to_spare_is_none_any_more() {
    let mut world = leaf();
    world.gossip(A, &[left(B, 0)]);
    assert!(world.node(A).is_leaf(), "whoever is heard of next fills the gap");
    world.gossip(A, &[left(C, 0)]);
    assert!(!world.node(A).is_leaf());
    world.gossip(A, &[alive(E, 0), alive(F, 0)]);
    world.gossip(A, &[alive(77, 0)]);
    assert!(world.node(A).is_leaf());
    assert!(!world.events(A).contains(&Event::TableFull), "said once");
}

/// Of a watched member that nobody mentions a leaf asks others, until it has a row.
#[test]
fn a_watched_member_that_is_missing_is_asked_for() {
    let mut world = leaf();
    world.act(A, |twin, _| twin.watch(77)).expect("room to watch");
    let asks = |sent: &Sent| sent.pull().is_some_and(|pull| pull.from == pull.last);
    let asked = world.next(asks);
    assert!([B, C, D].contains(&asked.to));
    let number = asked.pull().expect("a pull").number;
    let page = Some(Message::Page(Page { number, next: 0 }));
    world.tell(A, asked.to, page, &[alive(77, 0)]).expect("a page");
    assert_eq!(world.status(A, 77), Some(Status::Alive));
    world.sent();
    world.run(3 * TURN);
    assert!(!world.sent().iter().any(asks), "it is there");
}
