//! How news travels: gossip, its limits, and whom it reaches.

use std::collections::BTreeMap;
use std::time::Duration;

use swim_core::{Config, Detector, Event, Lifeguard, Status};

use crate::harness::*;

/// Scenario 39 (Gossip)
#[test]
fn a_new_member_is_heard_of_by_gossip_alone() {
    let mut world = cluster(quiet(), &[A, B]);
    let told = world.now;
    world.gossip(A, &[alive(C, 0)]);
    let heard = world.until(B, Event::MemberJoined(id(C)));
    assert!(heard.since(told) <= Duration::from_millis(200), "one gossip interval");
    let carrier = world.sent().into_iter().find(|sent| sent.about(C).is_some()).unwrap();
    assert!(carrier.is_gossip());
    assert_eq!((world.stats(A).syncs, world.stats(B).syncs), (0, 0));
}

/// Scenario 40 (GossipToDead)
#[test]
fn gossip_goes_to_the_recently_dead_and_not_to_the_long_dead_or_departed() {
    let config = Config {
        gossip_to_dead_time: Duration::from_millis(100),
        gossip_interval: Duration::from_millis(10),
        gossip_nodes: 8,
        ..still()
    };
    let mut world = alone_with(config, &[B, C, D, E]);
    world.gossip(A, &[dead(B, 0)]);
    world.run(190);
    world.gossip(A, &[dead(C, 0), left(D, 0)]);
    world.run(10);
    world.sent();
    world.gossip(A, &[alive(F, 1)]);
    world.run(20);
    let told: Vec<u16> = world.sent().iter().map(|sent| sent.to).collect();
    assert!(told.contains(&C), "dead for 10 ms: {told:?}");
    assert!(told.contains(&E) && told.contains(&F), "alive: {told:?}");
    assert!(!told.contains(&B), "dead for 200 ms: {told:?}");
    assert!(!told.contains(&D), "left: {told:?}");
}

/// Scenario 40: that is what it is good for.
#[test]
fn a_node_declared_dead_by_mistake_hears_of_it_and_returns() {
    let mut world = cluster(quiet(), &[A, B, C]);
    world.gossip(A, &[dead(B, 0)]);
    world.until(A, Event::MemberJoined(id(B)));
    world.run(1_000);
    for node in [A, B, C] {
        assert_eq!(world.known(node, B), Some((Status::Alive, 1)));
    }
}

/// Scenario 41 (PushPull)
#[test]
fn what_gossip_does_not_bring_anti_entropy_does() {
    let config = Config { gossip_interval: Duration::ZERO, anti_entropy: true, ..quiet() };
    let mut world = cluster(config, &[A, B]);
    world.run(15_000);
    world.introduce(B, &[C, D]);
    let start = world.now;
    world.until(A, Event::MemberJoined(id(C)));
    assert_eq!(world.node(A).live_count(), 4);
    let waited = world.now.since(start);
    let lasting = Duration::from_secs(2)..Duration::from_secs(4);
    assert!(lasting.contains(&waited), "{waited:?}");
    assert_eq!(world.stats(A).syncs + world.stats(B).syncs, 1);
}

/// Counts how often `node` sends something about each member until it has no more to say.
fn transmissions(world: &mut World, node: u16) -> BTreeMap<u64, usize> {
    world.sent();
    world.run(60_000);
    let mut counts = BTreeMap::new();
    for sent in world.sent().iter().filter(|sent| sent.from == node) {
        for update in sent.updates() {
            *counts.entry(update.id.number()).or_default() += 1;
        }
    }
    counts
}

/// Scenarios 43 and 48 (TransmitLimited, RetransmitLimit)
#[test]
fn each_update_is_sent_lambda_log_n_times() {
    for (members, lambda, times) in [(2, 4, 4), (8, 4, 4), (9, 4, 8), (9, 1, 2), (14, 3, 6)] {
        let config = Config {
            retransmit_mult: lambda,
            gossip_interval: Duration::from_millis(200),
            ..still()
        };
        let others: Vec<u16> = (100..100 + members).collect();
        let mut world = alone_with(config, &others);
        // A death of somebody unknown does not change the count of the living.
        world.gossip(A, &[dead(B, 0)]);
        let counts = transmissions(&mut world, A);
        assert_eq!(counts, BTreeMap::from([(B.into(), times)]), "{members} others");
    }
}

/// Fewer than ten members leave nobody out: news is sent at least 8 times, where Lifeguard sends it
/// 4 times.
#[test]
fn witness_counts_transmissions_of_a_small_cluster_as_of_ten() {
    let [paper, memberlist] = [Lifeguard::Paper, Lifeguard::Memberlist].map(Detector::Lifeguard);
    for (detector, expected) in
        [(Detector::Witness, [8, 8, 8]), (paper, [4, 4, 8]), (memberlist, [4, 4, 8])]
    {
        let config = Config { detector, gossip_interval: Duration::from_millis(200), ..still() };
        let sent = [2, 8, 9].map(|members| {
            let others: Vec<u16> = (100..100 + members).collect();
            let mut world = alone_with(config, &others);
            world.gossip(A, &[dead(B, 0)]);
            transmissions(&mut world, A).remove(&u64::from(B))
        });
        assert_eq!(sent, expected.map(Some), "{detector:?}");
    }
}

/// Scenarios 43 and 48, with SWIM's natural logarithm.
#[test]
fn swim_counts_transmissions_in_natural_logarithms() {
    let config = Config {
        detector: Detector::Swim,
        gossip_interval: Duration::from_millis(200),
        retransmit_mult: 3,
        ..still()
    };
    let others: Vec<u16> = (100..112).collect();
    let mut world = alone_with(config, &others);
    world.gossip(A, &[dead(B, 0)]);
    // 3 * ceil(ln(13 + 1))
    assert_eq!(transmissions(&mut world, A), BTreeMap::from([(B.into(), 9)]));
}

/// Scenario 43 (TransmitLimited): fewest transmissions first, newest first among equals; what is
/// said anew is said as often as the first time.
#[test]
fn the_newest_news_goes_first() {
    let mut world = alone_with(still(), &[B, C, D]);
    world.gossip(A, &[alive(B, 1)]);
    world.gossip(A, &[alive(C, 1)]);
    assert_eq!(world.ask(A).updates(), [alive(C, 1), alive(B, 1)]);
    world.gossip(A, &[alive(D, 1)]);
    assert_eq!(world.ask(A).updates(), [alive(D, 1), alive(C, 1), alive(B, 1)]);
    world.gossip(A, &[alive(B, 2)]);
    assert_eq!(world.ask(A).updates()[0], alive(B, 2), "the newer replaces the older");
    let rest: Vec<usize> = (0..4).map(|_| world.ask(A).updates().len()).collect();
    assert_eq!(rest, [3, 2, 1, 0]);
}

/// Scenario 43 (TransmitLimited): the byte limit.
#[test]
fn no_packet_is_longer_than_the_limit_and_nothing_is_lost_by_it() {
    let config = Config { datagram_len_max: 127, ..still() };
    let members: Vec<u16> = (100..114).collect();
    let mut world = world(config);
    world.start(A);
    let metadata = [7; 32];
    for &member in &members {
        world.gossip(A, &[alive_with(member, 1, &metadata)]);
    }
    let mut counts = BTreeMap::<u64, usize>::new();
    for _ in 0..100 {
        let told = world.ask(A);
        assert!(told.bytes.len() <= 127);
        for update in told.updates() {
            *counts.entry(update.id.number()).or_default() += 1;
        }
    }
    assert_eq!(counts.len(), members.len());
    // N = 15: 4 * ceil(log10(16)).
    assert!(counts.values().all(|&count| count == 8), "{counts:?}");
}

/// Scenario 46 (delegateMeta, Update)
#[test]
fn metadata_is_seen_at_the_join_and_its_changes_too_in_both_directions() {
    let mut world = world(quiet());
    world.start(A);
    world.start(B);
    world.act(A, |twin, now| twin.set_metadata(b"a1", now)).unwrap();
    world.act(B, |twin, now| twin.set_metadata(b"b1", now)).unwrap();
    world.join(B, A);
    world.run(0);
    assert_eq!(world.node(A).member(B).unwrap().metadata, b"b1");
    assert_eq!(world.node(B).member(A).unwrap().metadata, b"a1");
    world.events(A);
    world.events(B);
    world.act(A, |twin, now| twin.set_metadata(b"a2", now)).unwrap();
    world.act(B, |twin, now| twin.set_metadata(b"b2", now)).unwrap();
    world.run(200);
    assert_eq!(world.node(A).member(B).unwrap().metadata, b"b2");
    assert_eq!(world.node(B).member(A).unwrap().metadata, b"a2");
    assert_eq!(world.events(A), [Event::MemberUpdated(id(B))]);
    assert_eq!(world.events(B), [Event::MemberUpdated(id(A))]);
}

#[test]
fn a_new_address_reaches_the_others_and_is_used() {
    let mut world = cluster(quiet(), &[A, B]);
    world.act(A, |twin, now| twin.set_address(50, now));
    world.run(200);
    assert_eq!(world.node(B).member(A).unwrap().address, Some(50));
    assert_eq!(world.events(B), [Event::MemberUpdated(id(A))]);
    let ping = world.next(|sent| sent.from == B && sent.ping().is_some());
    assert_eq!(ping.to, 50);
}

/// SWIM section 3.2: dissemination by piggybacking alone.
#[test]
fn swim_without_gossip_spreads_by_probes_alone() {
    let config = Config { detector: Detector::Swim, gossip_interval: Duration::ZERO, ..quiet() };
    let members = [A, B, C, D, E];
    let mut world = cluster(config, &members);
    world.gossip(A, &[alive(F, 0)]);
    world.puppet(F);
    world.run(10_000);
    for node in members {
        assert_eq!(world.status(node, F), Some(Status::Alive), "{node}");
    }
    let sent = world.sent();
    assert!(sent.iter().all(|sent| sent.ping().is_some() || sent.ack().is_some()));
    assert!(sent.iter().any(|sent| sent.about(F).is_some()));
}

#[test]
fn a_settled_cluster_gossips_nothing() {
    let mut world = cluster(quiet(), &[A, B, C]);
    world.run(10_000);
    world.sent();
    world.run(10_000);
    let sent = world.sent();
    assert!(sent.iter().all(|sent| !sent.is_gossip() && sent.updates().is_empty()));
    // Each probe of three nodes is one ping and one ack.
    assert_eq!(sent.len(), 3 * 10 * 2);
}
