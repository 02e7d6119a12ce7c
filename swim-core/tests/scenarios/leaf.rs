//! A table smaller than the cluster: the members it holds turn over, watched ones stay.

use std::time::Duration;

use swim_core::wire::{Message, Page, Pull};
use swim_core::{Config, Event, FlapPolicy, Status};

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
        world.act(A, |twin, now| twin.watch(member, Duration::ZERO, now)).expect("room to watch");
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
    world.act(A, |twin, now| twin.watch(77, Duration::ZERO, now)).expect("room to watch");
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

/// Or a leaf would fill up with those who never make room.
#[test]
fn sleepers_and_whoever_was_once_suspected_make_room_as_well() {
    let nap = Duration::from_secs(80_000);
    let sleepers = [B, C, D].map(|member| alive(member, 1).asleep(nap));
    let flap = Config { flap: Some(FlapPolicy::new()), ..quiet() };
    for (config, sleepers) in [(quiet(), sleepers), (flap, [B, C, D].map(|m| alive(m, 1)))] {
        let mut world = World::<4, 8>::empty(Config { anti_entropy: true, ..config });
        world.start(A);
        [B, C, D, E, F].iter().for_each(|&member| world.puppet(member));
        world.introduce(A, &[B, C, D]);
        world.gossip(A, &[B, C, D].map(|member| suspect(member, 0, F)));
        world.gossip(A, &sleepers);
        for _ in 0..10 {
            world.run(2 * TURN);
            world.gossip(A, &[alive(E, 0), alive(F, 0)]);
        }
        assert!(world.stats(A).turned_over > 0, "{:?}", world.node(A).members());
    }
}

#[test]
fn a_leaf_serves_no_slice_of_its_table_and_single_rows_it_has() {
    let mut world = leaf();
    let pull = |cookie, from, last| {
        Some(Message::Pull(Pull { number: 9, cookie, from, last, len_max: 1_400 }))
    };
    world.tell(A, B, pull(0, 0, u64::MAX), &[]).expect("a pull");
    let cookie = world.sent().iter().find_map(|sent| match sent.message() {
        Some(Message::Cookie(cookie)) => Some(cookie.cookie),
        _ => None,
    });
    let cookie = cookie.expect("a cookie");
    for (from, last, served) in [(0, u64::MAX, false), (7, 7, true)] {
        world.tell(A, B, pull(cookie, from, last), &[]).expect("a pull");
        let sent = world.sent();
        assert_eq!(sent.iter().any(|sent| sent.page().is_some()), served, "{from} to {last}");
        let busy = sent.iter().any(|sent| matches!(sent.message(), Some(Message::Busy(_))));
        assert_eq!(busy, !served);
    }
}
