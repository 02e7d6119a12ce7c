//! Small clusters, in which everybody is probed in every interval.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use swim_core::storage::Growable;
use swim_core::wire::{Header, Message, Packet};
use swim_core::{Assumptions, Config, Event, Identity, Instant, Node, Status};

use crate::harness::*;
use crate::witness::*;

/// Everybody is probed while fewer than 8 live.
fn direct() -> Config {
    Config { direct_below: 8, ..witness() }
}

/// First pings of probes among `sent`, by who sent them: to whom, and when in milliseconds.
fn probes(sent: &[Sent], from: u16) -> Vec<(u16, u64)> {
    let is_probe =
        |sent: &&Sent| sent.from == from && sent.ping().is_some_and(|ping| ping.number & 3 == 0);
    sent.iter().filter(is_probe).map(|sent| (sent.to, sent.at.as_micros() / 1_000)).collect()
}

fn suspicions(world: &mut World, members: &[u16]) -> usize {
    let is_suspicion = |event: &Event<u16>| matches!(event, Event::MemberSuspected(_));
    let count =
        |world: &mut World, node| world.events(node).iter().filter(|e| is_suspicion(e)).count();
    members.iter().map(|&node| count(world, node)).sum()
}

#[test]
fn everybody_probes_everybody_once_in_an_interval_evenly() {
    for count in [2u16, 3, 5, 7] {
        let members = first(count);
        let mut world = cluster(direct(), &members);
        world.run(5_000);
        world.sent();
        world.run(20_000);
        let sent = world.sent();
        for &member in &members {
            let probes = probes(&sent, member);
            let peers = usize::from(count) - 1;
            assert!(probes.len().abs_diff(20 * peers) <= peers, "{member}: {}", probes.len());
            let pause = 1_000 / peers as u64;
            for pair in probes.windows(2) {
                assert!((pair[1].1 - pair[0].1).abs_diff(pause) <= 1, "{pair:?}");
            }
            for round in probes.chunks_exact(peers) {
                let targets: BTreeSet<_> = round.iter().map(|probe| probe.0).collect();
                assert_eq!(targets.len(), peers, "{member}: {round:?}");
            }
        }
    }
}

/// Only the probe that SWIM would make says what the table amounts to.
#[test]
fn heartbeats_carry_no_digest() {
    let members = first(5);
    let mut world = cluster(Config { anti_entropy: true, ..direct() }, &members);
    world.run(5_000);
    world.sent();
    world.run(20_000);
    let pings: Vec<_> = world.sent().iter().filter_map(Sent::ping).collect();
    let with_digest = pings.iter().filter(|ping| ping.digest.is_some()).count();
    assert!(pings.len() >= 380, "{}", pings.len());
    assert!(with_digest.abs_diff(100) <= 5, "{with_digest} of {}", pings.len());
}

#[test]
fn a_cluster_that_grows_and_shrinks_changes_its_ways_and_suspects_nobody() {
    let mut members = first(7);
    let mut world = cluster(direct(), &members);
    let probes_of_a = |world: &mut World| {
        world.run(3_000);
        world.sent();
        world.run(10_000);
        probes(&world.sent(), A).len()
    };
    assert!(probes_of_a(&mut world) >= 55);
    world.start(8);
    world.join(8, A);
    members.push(8);
    assert!(probes_of_a(&mut world) <= 11, "eight are too many");
    for (gone, at_least, at_most) in [(8, 9, 11), (7, 9, 11), (6, 38, 44)] {
        world.act(gone, |twin, now| twin.leave(now));
        world.run(6_000);
        world.kill(gone);
        let probes = probes_of_a(&mut world);
        assert!((at_least..=at_most).contains(&probes), "after {gone}: {probes}");
    }
    assert_eq!(suspicions(&mut world, &first(5)), 0);
    assert_eq!(world.stats(A).suspected, 0);
}

/// What one of each kind does the other does not notice.
#[test]
fn both_kinds_mix_and_the_rotation_goes_on() {
    let members = first(6);
    let mut world = cluster(witness(), &members);
    for member in [B, D, F] {
        world.kill(member);
        world.config = direct();
        world.start(member);
    }
    world.acquaint(&members);
    members.iter().for_each(|&member| world.act(member, |twin, now| twin.handle_timeout(now)));
    world.run(10_000);
    members.iter().for_each(|&member| drop(world.events(member)));
    world.sent();
    world.run(30_000);
    let sent = world.sent();
    for &member in &members {
        let count = probes(&sent, member).len();
        let expected = if [B, D, F].contains(&member) { 150 } else { 30 };
        assert!(count.abs_diff(expected) <= 6, "{member}: {count}");
    }
    // The others follow no round that is not an interval after the one before.
    let mut begun: BTreeMap<u16, u64> = BTreeMap::new();
    for sent in &sent {
        let round = sent.packet().header.round;
        begun.entry(round).or_insert(sent.at.as_micros() / 1_000);
    }
    assert!((29..=32).contains(&begun.len()), "{} rounds", begun.len());
    assert_eq!(suspicions(&mut world, &members), 0);
    world.kill(C);
    world.run(8_000);
    for member in members.into_iter().filter(|&member| member != C) {
        assert_eq!(world.status(member, C), Some(Status::Dead), "{member}");
    }
}

/// The dead take no more room than there is, and nobody is left out because of them.
#[test]
fn while_many_are_silent_probes_wait_and_all_are_found() {
    let members = first(12);
    let mut world = cluster(Config { direct_below: 16, ..witness() }, &members);
    world.run(5_000);
    let dead: Vec<_> = (7..=12).collect();
    dead.iter().for_each(|&member| world.kill(member));
    world.run(20_000);
    for alive in first(6) {
        for &member in &dead {
            assert_eq!(world.status(alive, member), Some(Status::Dead), "{alive} {member}");
        }
        for other in first(6).into_iter().filter(|&other| other != alive) {
            assert_eq!(world.status(alive, other), Some(Status::Alive), "{alive} {other}");
        }
    }
    let skipped: u64 = first(6).into_iter().map(|member| world.stats(member).probes_skipped).sum();
    assert!(skipped > 0, "there was room for all");
}

#[test]
fn who_sleeps_is_left_in_peace() {
    let members = first(4);
    let mut world = cluster(direct(), &members);
    world.run(5_000);
    world.act(B, |twin, now| twin.sleep(std::time::Duration::from_secs(60), now)).unwrap();
    world.run(5_000);
    world.sent();
    world.run(20_000);
    let sent = world.sent();
    assert!(probes(&sent, A).iter().all(|probe| probe.0 != B));
    assert_eq!(probes(&sent, A).len(), 40, "and nobody else is asked in its place");
    assert_eq!(suspicions(&mut world, &members), 0);
}

/// Their probes have the interval to themselves.
#[test]
fn baselines_probe_one_at_a_time() {
    for detector in BASELINES {
        let members = first(4);
        let mut world = cluster(Config { detector, ..direct() }, &members);
        world.run(5_000);
        world.sent();
        world.run(20_000);
        let count = probes(&world.sent(), A).len();
        assert!((18..=21).contains(&count), "{detector:?}: {count}");
    }
}

/// A full table says nothing about how large the cluster is.
#[test]
fn a_leaf_probes_one_at_a_time() {
    let config = Config { direct_below: 64, ..witness() };
    let mut world: World<8, 32> = World::empty(config);
    world.start(A);
    others(20).into_iter().for_each(|member| world.puppet(member));
    world.introduce(A, &others(20));
    assert!(world.node(A).is_leaf());
    world.run(5_000);
    world.sent();
    world.run(20_000);
    let count = probes(&world.sent(), A).len();
    assert!((18..=21).contains(&count), "{count}");
}

/// As timers of operating systems are, which fire at whole milliseconds.
#[test]
fn a_round_of_many_takes_an_interval_though_timers_are_late() {
    let config = Config { direct_below: 256, ..witness() };
    let gap = longest_gap(config, 189, Duration::from_millis(1));
    assert!(gap < Duration::from_millis(1_050), "{gap:?}");
}

/// Probes of one node are at least a millisecond apart.
#[test]
fn the_bound_knows_how_long_a_round_of_many_is() {
    let config = Config { direct_below: 256, ..witness() }.probing_every(Duration::from_millis(20));
    config.validate().unwrap();
    let delay_max = Duration::from_micros(100);
    let assumed = Assumptions { delay_max, loss_permille: 0, patience: Duration::ZERO };
    let bound = config.detection_bound(190, &assumed).unwrap();
    let gap = longest_gap(config, 189, Duration::ZERO);
    assert!(gap <= bound.probed, "a round takes {gap:?}, two of them {:?}", bound.probed);
}

/// The longest time between two probes of one of so many peers that answer at once, by a node whose
/// timers fire so much late.
fn longest_gap(config: Config, peers: u16, lateness: Duration) -> Duration {
    let mut now = Instant::from_secs(1_000);
    let settled = now.after(Duration::from_secs(2));
    let mut node = knowing(config, peers, now);
    let (mut last, mut longest) = (now, Duration::ZERO);
    let mut buffer = [0; 1_400];
    while now < settled.after(Duration::from_secs(6)) {
        while node.poll_event().is_some() {}
        while let Some(sent) = node.poll_transmit(now, &mut buffer) {
            let packet = Packet::<u16>::parse(&buffer[..sent.len]).unwrap();
            let Some(Message::Ping(ping)) = packet.message else { continue };
            if sent.to == B {
                let gap = if now > settled { now.since(last) } else { Duration::ZERO };
                (last, longest) = (now, longest.max(gap));
            }
            let mut answer = forge(&header(config, sent.to), ack(ping.number), &[]);
            node.handle_datagram(sent.to, &mut answer, now).unwrap();
        }
        now = now.max(node.poll_timeout().unwrap()).after(lateness);
        node.handle_timeout(now);
    }
    assert!(longest > Duration::ZERO);
    longest
}

/// `A`, which has heard of so many.
fn knowing(config: Config, peers: u16, now: Instant) -> Node<u16, Growable> {
    let identity = Identity::new(id(A), A);
    let mut node = Node::new(identity, config, Growable::new(512, 0), 1, now).unwrap();
    let updates: Vec<_> = others(peers).into_iter().map(|member| alive(member, 0)).collect();
    for some in updates.chunks(64) {
        let mut page = forge(&header(config, STRANGER), last_page(0), some);
        node.handle_datagram(STRANGER, &mut page, now).unwrap();
    }
    assert_eq!(node.live_count(), usize::from(peers) + 1);
    node
}

fn header(config: Config, sender: u16) -> Header {
    Header { label: config.label, sender: id(sender), incarnation: at(0), round: 0 }
}
