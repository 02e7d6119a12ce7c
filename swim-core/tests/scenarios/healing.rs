//! Whom a node looks for, when, and with which words; and what it keeps for its next life.

use std::time::Duration;

use swim_core::wire::{Belief, Ping};
use swim_core::{Config, DEPARTED_MAX, Event, Identity, SnapshotRecord, Status};

use crate::harness::*;

/// A minute until the dead are forgotten.
fn forgetful() -> Config {
    Config { tombstone_time: Duration::from_secs(60), ..still() }
}

/// The next ping from `A` to `member` that is no probe.
fn sought(world: &mut World, member: u16) -> (Sent, Ping) {
    let sent = world.next(|sent| sent.from == A && sent.to == member && sent.ping().is_some());
    let ping = sent.ping().expect("it was looked for");
    (sent, ping)
}

fn attempts(world: &mut World, millis: u64) -> Vec<Sent> {
    world.run(millis);
    let pings = world.sent().into_iter().filter(|sent| sent.from == A && sent.ping().is_some());
    pings.collect()
}

#[test]
fn the_dead_are_looked_for_when_their_rows_are_gone_in_the_words_of_their_death() {
    let mut world = alone_with(forgetful(), &[B, C]);
    world.gossip(A, &[dead(C, 7)]);
    world.run(61_000);
    assert_eq!(world.status(A, C), None);
    world.sent();
    let (sent, ping) = sought(&mut world, C);
    assert_eq!(
        (ping.target, ping.belief),
        (id(C), Some(Belief { incarnation: at(7), status: Status::Dead }))
    );
    assert!(sent.about(A).is_some_and(|update| update.card.is_some()), "it introduces itself");
}

#[test]
fn whoever_lives_after_all_and_has_forgotten_this_node_refutes_and_both_tell_all_they_know() {
    let mut world = cluster(forgetful(), &[A, B, C, D]);
    // Two halves that hold each other for dead.
    world.lose(|sent| {
        sent.at < swim_core::Instant::from_secs(1_200) && (sent.from < C) != (sent.to < C)
    });
    for node in [A, B] {
        world.gossip(node, &[dead(C, 0), dead(D, 0)]);
    }
    for node in [C, D] {
        world.gossip(node, &[dead(A, 0), dead(B, 0)]);
    }
    world.run(150_000);
    assert_eq!([(A, C), (A, D), (C, A), (C, B)].map(|(a, b)| world.status(a, b)), [None; 4]);
    assert_eq!(world.stats(A).heals_answered, 0);
    world.run(150_000);
    let all: u64 = [A, B, C, D].map(|node| world.stats(node).heals_answered).iter().sum();
    assert!(all > 0);
    for node in [A, B, C, D] {
        assert_eq!(world.node(node).live_count(), 4, "{node}");
    }
}

#[test]
fn those_who_leave_and_those_who_are_back_are_not_looked_for() {
    let mut world = alone_with(forgetful(), &[B, C, D]);
    world.gossip(A, &[dead(C, 0), left(D, 0), dead(B, 0)]);
    world.gossip(A, &[alive(C, 1), left(B, 0)]);
    assert_eq!(world.node(A).snapshot().len(), 2, "itself and C");
    world.run(61_000);
    world.sent();
    assert_eq!(attempts(&mut world, 600_000).len(), 0);
}

#[test]
fn a_sample_of_many_dead_is_kept_and_the_rest_is_counted() {
    let members: Vec<u16> = (2..52).collect();
    let mut world = World::<64, 0>::empty(forgetful());
    world.start(A);
    world.introduce(A, &members);
    for member in &members[..40] {
        world.gossip(A, &[dead(*member, 0)]);
    }
    assert_eq!(world.stats(A).departed_full, 40 - DEPARTED_MAX as u64);
    assert_eq!(world.node(A).snapshot().len(), 1 + 10 + DEPARTED_MAX);
    world.run(70_000);
    assert_eq!(world.stats(A).reaped, 40);
    // Eleven live: one attempt in ten seconds, on average.
    let attempts = world.stats(A).heals;
    world.run(1_600_000);
    assert!((140..180).contains(&(world.stats(A).heals - attempts)));
}

#[test]
fn acquaintances_are_pinged_soon_without_a_belief_and_found() {
    let mut world = world(quiet());
    world.start(A);
    world.start(B);
    world.events(A);
    assert!(world.node(A).is_alone());
    assert!(world.act(A, |twin, now| twin.remember(B, now)));
    let (sent, ping) = sought(&mut world, B);
    assert!(millis(world.now, sent.at) == 0 && ping.belief.is_none());
    world.run(1_000);
    assert_eq!((world.stats(A).heals, world.stats(A).heals_answered), (1, 1));
    assert_eq!(
        (world.known(A, B), world.known(B, A)),
        (Some((Status::Alive, 0)), Some((Status::Alive, 0)))
    );
    assert!(!world.node(A).is_alone());
    assert_eq!(world.events(A), [Event::MemberJoined(id(B))]);
}

#[test]
fn who_is_settled_is_not_looked_for_and_there_is_an_end_to_the_room() {
    let mut world = alone_with(still(), &[B, C]);
    world.gossip(A, &[left(C, 0)]);
    for settled in [A, B, C] {
        assert!(!world.act(A, |twin, now| twin.remember(settled, now)), "{settled}");
    }
    for member in 0..DEPARTED_MAX as u16 {
        assert!(world.act(A, |twin, now| twin.remember(100 + member, now)));
        assert!(world.act(A, |twin, now| twin.remember(100 + member, now)), "as it was");
    }
    assert!(!world.act(A, |twin, now| twin.remember(200, now)), "all have yet to be tried");
    sought(&mut world, 100);
    assert!(world.act(A, |twin, now| twin.remember(200, now)));
}

/// Four attempts in the time of one join, and in the end one in two and a half seconds.
#[test]
fn a_node_that_is_alone_looks_around_at_the_pace_of_joins() {
    let mut world = world(quiet());
    world.start(A);
    assert!((100..116).all(|member| world.act(A, |twin, now| twin.remember(member, now))));
    let early = attempts(&mut world, 20_000);
    let mut tried: Vec<u16> = early.iter().take(DEPARTED_MAX).map(|sent| sent.to).collect();
    tried.sort_unstable();
    assert_eq!(tried, (100..116).collect::<Vec<_>>(), "each has its turn");
    assert!((15..30).contains(&early.len()), "{}", early.len());
    world.run(100_000);
    world.sent();
    let late = attempts(&mut world, 250_000);
    assert!((80..125).contains(&late.len()), "{}", late.len());
}

/// Who has others makes haste only until all have had a turn.
#[test]
fn a_node_that_has_others_looks_around_once_and_then_now_and_then() {
    let mut world = alone_with(still(), &[B, C]);
    assert!((100..116).all(|member| world.act(A, |twin, now| twin.remember(member, now))));
    assert!((15..24).contains(&attempts(&mut world, 30_000).len()));
    assert!((7..14).contains(&attempts(&mut world, 100_000).len()));
}

#[test]
fn acquaintances_are_given_up_after_their_time() {
    let mut world = world(Config { departed_time: Duration::from_secs(600), ..quiet() });
    world.start(A);
    assert!(world.act(A, |twin, now| twin.remember(B, now)));
    world.run(610_000);
    assert_eq!(world.stats(A).departed_expired, 1);
    world.sent();
    assert_eq!(attempts(&mut world, 600_000).len(), 0);
}

#[test]
fn without_a_heal_interval_nobody_is_looked_for() {
    let mut world = world(Config { heal_interval: Duration::ZERO, ..quiet() });
    world.start(A);
    world.act(A, |twin, now| twin.remember(B, now));
    assert_eq!(attempts(&mut world, 600_000).len(), 0);
}

#[test]
fn a_snapshot_is_the_node_the_living_and_the_missing() {
    let mut world = world(still());
    let patience = Duration::from_secs(3);
    let identity = Identity { incarnation: at(5), patience, ..Identity::new(id(A), A) };
    world.start_as(A, identity);
    world.introduce(A, &[B, C, D]);
    world.gossip(A, &[dead(C, 0), left(D, 0)]);
    assert!(world.act(A, |twin, now| twin.remember(E, now)));
    let mut records = world.node(A).snapshot();
    let me = SnapshotRecord::Me { id: id(A), incarnation: at(5), patience };
    assert_eq!(records.remove(0), me);
    records.sort_by_key(|record| match record {
        SnapshotRecord::Me { .. } => 0,
        SnapshotRecord::Member { address, .. } => *address,
    });
    let member = |member| SnapshotRecord::Member { id: id(member), address: member };
    assert_eq!(records, [B, C, E].map(member));
}
