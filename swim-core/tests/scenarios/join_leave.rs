//! Joining, leaving, crashing, returning.

use std::time::Duration;

use swim_core::wire::{Join, Message, Refusal};
use swim_core::{Config, Event, Identity, JoinError, Label, SEEDS_MAX, Standing, Status};

use crate::harness::*;

/// Scenario 38 (Join_DeadNode): joins never fail, they go on.
#[test]
fn a_silent_seed_does_not_disturb_another_and_is_asked_for_ever() {
    let mut world = world(quiet());
    world.start(A);
    world.start(B);
    world.join(B, 77);
    world.join(B, A);
    world.run(0);
    assert_eq!(world.events(B)[0], Event::Joined { seed: A, by: id(A) });
    world.sent();
    world.run(120_000);
    let asked: Vec<_> = world.sent().into_iter().filter(|sent| sent.to == 77).collect();
    // 0.4, 0.8, .. up to 10 s, each +-50 %.
    assert!((8..=40).contains(&asked.len()), "{}", asked.len());
    for pair in asked.windows(2) {
        let pause = pair[1].at.since(pair[0].at);
        assert!(pause <= Duration::from_secs(15), "{pause:?}");
    }
    assert_eq!(world.node(B).live_count(), 2);
}

/// Scenario 49 (Join, TransportJoin)
#[test]
fn after_one_round_trip_two_nodes_see_each_other() {
    let mut world = world(quiet());
    world.start(A);
    world.start(B);
    world.join(B, A);
    world.run(0);
    let sent = world.sent();
    assert!(matches!(sent[0].message(), Some(Message::Join(_))));
    assert!(matches!(sent[1].message(), Some(Message::Welcome(_))));
    assert_eq!((world.node(A).live_count(), world.node(B).live_count()), (2, 2));
    assert_eq!(world.events(A), [Event::MemberJoined(id(B))]);
    let joined = Event::Joined { seed: A, by: id(A) };
    assert_eq!(world.events(B), [joined, Event::MemberJoined(id(A))]);
}

/// Scenario 50 (Join_with_Labels)
#[test]
fn a_joiner_of_another_cluster_is_refused_and_told_so() {
    let label = Label::new("prod");
    for other in [Label::new("test"), Label::new("")] {
        let mut world = world(Config { label, ..quiet() });
        world.start(A);
        world.config.label = other;
        world.start(B);
        world.join(B, A);
        world.run(0);
        assert_eq!((world.node(A).live_count(), world.node(B).live_count()), (1, 1));
        let refused = Event::JoinRefused { seed: A, reason: Refusal::OtherCluster };
        assert_eq!((world.events(B), world.events(A)), (vec![refused], vec![]));
        assert_eq!((world.stats(A).rejected_label, world.stats(A).refusals_sent), (1, 1));
        world.run(60_000);
        assert_eq!(world.events(B), [], "told once, though asked again");
        assert!(world.stats(B).joins_sent > 5);
    }
    let mut world = world(Config { label, ..quiet() });
    world.start(A);
    world.start(B);
    world.join(B, A);
    world.run(0);
    assert_eq!((world.node(A).live_count(), world.node(B).live_count()), (2, 2));
}

/// Scenario 50: whatever else comes from another cluster is dropped.
#[test]
fn packets_of_another_cluster_are_rejected_without_an_answer() {
    let mut world = alone_with(still(), &[B]);
    let mut header = world.header(B);
    header.label = Label::new("other");
    for message in [None, ping(1, A), ack(1), nack(1), request(1, B, 1), last_page(1)] {
        let bytes = forge(&header, message, &[dead(B, 9)]);
        assert!(world.hand(A, B, &bytes).is_err());
    }
    assert_eq!((world.stats(A).rejected_label, world.known(A, B)), (6, Some((Status::Alive, 0))));
    assert!(world.sent().is_empty());
}

/// Scenario 55 (Leave)
#[test]
fn who_leaves_is_left_and_not_dead_at_once() {
    let mut world = cluster(quiet(), &[A, B]);
    world.act(A, |twin, now| twin.leave(now));
    world.run(0);
    assert_eq!(world.known(B, A), Some((Status::Left, 0)));
    assert_eq!((world.node(B).live_count(), world.node(A).me().status), (1, Status::Left));
    assert_eq!(world.events(B), [Event::MemberLeft(id(A))]);
}

/// Scenario 56 (JoinShutdown)
#[test]
fn who_crashes_is_missed_by_suspicion_only() {
    let mut world = cluster(quiet(), &[A, B, C]);
    world.run(3_000);
    world.kill(C);
    let suspected = world.until(A, Event::MemberSuspected(id(C)));
    let died = world.until(A, Event::MemberDead(id(C)));
    assert_eq!(world.events(A), [Event::MemberSuspected(id(C)), Event::MemberDead(id(C))]);
    assert!(died.since(suspected) >= Duration::from_millis(3_800), "four intervals, less gossip");
    assert_eq!(world.node(A).live_count(), 2);
}

/// Scenario 57 (Integ), without the encryption.
#[test]
fn sixteen_nodes_chained_by_their_joins_all_see_sixteen() {
    let mut world = world(Config::lan());
    world.start(A);
    for node in 2..=16 {
        world.start(node);
        world.join(node, node - 1);
        world.run(0);
    }
    world.run(1_000);
    for node in 1..=16 {
        assert_eq!(world.node(node).live_count(), 16, "{node}");
        assert_eq!(world.stats(node).table_full, 0);
    }
}

#[test]
fn a_seed_with_the_joiner_s_id_refuses() {
    let mut world = world(quiet());
    world.start(A);
    world.start_as(50, Identity::new(id(A), 50));
    world.join(50, A);
    world.run(0);
    let refused = Event::JoinRefused { seed: A, reason: Refusal::IdInUse };
    assert_eq!(world.events(50), [refused]);
    assert_eq!((world.node(A).live_count(), world.stats(A).rejected_own_id), (1, 1));
}

#[test]
fn a_seed_that_is_leaving_or_has_left_refuses() {
    let mut world = cluster(quiet(), &[A, B]);
    world.start(C);
    world.act(A, |twin, now| twin.leave(now));
    for _ in 0..2 {
        world.join(C, A);
        world.run(0);
        let refused = Event::JoinRefused { seed: A, reason: Refusal::Leaving };
        assert!(world.events(C).contains(&refused));
        world.run(6_000);
        assert!(world.act(C, |twin, _| twin.cancel_join(A)));
        assert_eq!(world.node(A).standing(), Standing::Departed);
    }
}

#[test]
fn its_own_address_is_no_seed_and_there_can_be_only_so_many() {
    let mut world = world(still());
    world.start(A);
    let own = world.act(A, |twin, now| twin.join(A, now));
    assert_eq!(own, Err(JoinError::OwnAddress));
    for seed in 0..SEEDS_MAX as u16 {
        world.join(A, 100 + seed);
    }
    let many = world.act(A, |twin, now| twin.join(99, now));
    assert_eq!(many, Err(JoinError::TooManySeeds));
    world.join(A, 100);
    assert!(world.act(A, |twin, _| twin.cancel_join(100)));
    assert!(!world.act(A, |twin, _| twin.cancel_join(100)));
    world.join(A, 99);
}

#[test]
fn who_leaves_cannot_join() {
    let mut world = cluster(quiet(), &[A, B]);
    world.act(A, |twin, now| twin.leave(now));
    let early = world.act(A, |twin, now| twin.join(B, now));
    world.run(6_000);
    let late = world.act(A, |twin, now| twin.join(B, now));
    assert_eq!((early, late), (Err(JoinError::NotAlive), Err(JoinError::NotAlive)));
    world.act(A, |twin, now| twin.rejoin(now));
    world.join(A, B);
}

#[test]
fn a_cancelled_join_is_asked_no_more_and_a_late_welcome_is_not_told() {
    let mut world = world(quiet());
    world.start(A);
    world.start(B);
    world.join(B, A);
    let asked = world.next(|sent| sent.to == A);
    assert!(world.act(B, |twin, _| twin.cancel_join(A)));
    world.intercept();
    assert!(matches!(asked.message(), Some(Message::Join(Join { .. }))));
    world.hand(A, B, &asked.bytes).unwrap();
    world.run(0);
    let events = world.events(B);
    assert!(!events.iter().any(|event| matches!(event, Event::Joined { .. })), "{events:?}");
    assert_eq!(world.stats(B).joins_sent, 1);
}

#[test]
fn departed_is_said_when_the_goodbye_has_gone_out_as_often_as_any_update() {
    let mut world = cluster(quiet(), &[A, B, C]);
    world.run(3_000);
    world.sent();
    let start = world.now;
    world.act(A, |twin, now| twin.leave(now));
    assert_eq!(world.node(A).standing(), Standing::Leaving);
    assert_eq!(world.events(A), [], "not at once");
    let departed = world.until(A, Event::Departed);
    let sent = world.sent();
    let goodbyes = sent.iter().filter(|s| s.from == A && s.about(A) == Some(left(A, 0))).count();
    // N = 3: 4 * ceil(log10(4)) transmissions, two at once and two per gossip tick.
    assert_eq!(goodbyes, 4);
    let waited = departed.since(start);
    assert!(waited <= Duration::from_millis(400), "{waited:?}");
}

#[test]
fn departed_is_said_after_the_timeout_if_nobody_can_be_told() {
    let leave_timeout = Duration::from_millis(300);
    let mut world = cluster(Config { leave_timeout, ..quiet() }, &[A, B]);
    world.act(A, |twin, now| twin.leave(now));
    let start = world.now;
    let departed = world.until(A, Event::Departed);
    assert!(departed.since(start) <= leave_timeout);
    let mut world = cluster(Config { leave_timeout, ..still() }, &[A, B]);
    world.act(A, |twin, now| twin.leave(now));
    let start = world.now;
    assert_eq!(millis(start, world.until(A, Event::Departed)), 300, "no gossip, no ticks");
}

#[test]
fn who_is_alone_departs_at_once() {
    let mut world = world(quiet());
    world.start(A);
    world.act(A, |twin, now| twin.leave(now));
    assert_eq!(world.events(A), [Event::Departed]);
    assert_eq!(world.node(A).poll_timeout(), None);
}

#[test]
fn a_departed_node_is_quiet_and_tells_who_asks_that_it_left() {
    let mut world = cluster(quiet(), &[A, B]);
    world.act(A, |twin, now| twin.leave(now));
    world.run(6_000);
    world.sent();
    world.run(60_000);
    assert!(world.sent().iter().all(|sent| sent.from != A));
    for _ in 0..20 {
        assert_eq!(world.ask(A).about(A), Some(left(A, 0)));
    }
    world.start(C);
    world.introduce(C, &[A]);
    world.until(C, Event::MemberLeft(id(A)));
}

#[test]
fn a_departed_node_outranks_what_is_said_of_it_and_stays_gone() {
    let mut world = cluster(quiet(), &[A, B]);
    world.act(A, |twin, now| twin.leave(now));
    world.run(6_000);
    world.gossip(A, &[dead(A, 5)]);
    assert_eq!((world.node(A).incarnation(), world.node(A).standing()), (6, Standing::Departed));
    assert_eq!(world.ask(A).about(A), Some(left(A, 6)));
}

/// It leaves before it has learned what its former life had come to.
#[test]
fn a_restarted_node_that_leaves_at_once_is_believed_in_the_end() {
    let mut world = cluster(quiet(), &[A, B, C]);
    (0..4).for_each(|_| world.act(A, |twin, now| twin.set_metadata(b"m", now)).unwrap());
    world.run(1_000);
    world.start(A);
    world.introduce(A, &[B, C]);
    world.act(A, |twin, now| twin.leave(now));
    world.run(30_000);
    assert_eq!((world.status(B, A), world.status(C, A)), (Some(Status::Left), Some(Status::Left)));
    assert_eq!(world.node(A).standing(), Standing::Departed);
}

#[test]
fn who_returns_is_seen_with_a_higher_incarnation() {
    let mut world = cluster(quiet(), &[A, B, C]);
    world.act(A, |twin, now| twin.leave(now));
    world.run(6_000);
    assert_eq!((world.status(B, A), world.status(C, A)), (Some(Status::Left), Some(Status::Left)));
    world.events(B);
    world.act(A, |twin, now| twin.rejoin(now));
    assert_eq!((world.node(A).standing(), world.node(A).incarnation()), (Standing::Alive, 1));
    world.run(1_000);
    for node in [B, C] {
        assert_eq!(world.known(node, A), Some((Status::Alive, 1)));
    }
    assert_eq!(world.events(B), [Event::MemberJoined(id(A))]);
}

#[test]
fn who_changes_its_mind_while_leaving_stays() {
    let mut world = cluster(quiet(), &[A, B, C]);
    world.act(A, |twin, now| twin.leave(now));
    world.run(0);
    world.act(A, |twin, now| twin.rejoin(now));
    world.run(10_000);
    assert_eq!(
        (world.known(B, A), world.known(C, A)),
        (Some((Status::Alive, 1)), Some((Status::Alive, 1)))
    );
    assert!(!world.events(A).contains(&Event::Departed));
}

#[test]
fn a_node_left_alone_asks_its_seeds_again() {
    let mut world = world(Config { heal_interval: Duration::ZERO, ..quiet() });
    world.start(A);
    world.start(B);
    world.join(B, A);
    world.run(1_000);
    world.kill(A);
    world.until(B, Event::MemberDead(id(A)));
    world.run(60_000);
    world.events(B);
    world.start(A);
    let back = world.until(B, Event::MemberJoined(id(A)));
    assert!(world.status(A, B) == Some(Status::Alive) || back == world.now);
    world.run(0);
    assert_eq!((world.node(A).live_count(), world.node(B).live_count()), (2, 2));
}
