//! Lies, floods and broken clocks under Witness: counted, harmless.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{FailurePersistence, FileFailurePersistence};
use swim_core::wire::Header;
use swim_core::{Event, Identity, Incarnation, Instant, Member, Standing, Status};

use crate::cases::cases;
use crate::harness::*;
use crate::witness::*;

/// What harmless input must leave alone.
fn state(world: &World) -> (Vec<String>, u32, Option<Instant>, u8, u128) {
    let node = world.node(A);
    let rows = node.members().iter().map(|row: &Member<'_, u16>| format!("{row:?}")).collect();
    let patience = node.patience().as_millis();
    (rows, node.incarnation(), node.poll_timeout(), node.health_score(), patience)
}

#[test]
fn a_relay_that_contradicts_itself_counts_once() {
    let mut world = alone_with(witness(), &others(12));
    next_probe(&mut world);
    let requests = next_stage(&mut world);
    let (relay, number) = (requests[0].to, requests[0].request().unwrap().number);
    for message in [nack(number), refused(number), nack(number), refused(number)] {
        world.tell(A, relay, message, &[]).unwrap();
    }
    assert_eq!((world.stats(A).nacks_received, world.stats(A).acks_unasked), (1, 3));
    for _ in 0..2 {
        world.tell(A, relay, ack(number), &[]).unwrap();
    }
    assert_eq!((world.stats(A).probes_acked, world.stats(A).acks_unasked), (1, 4));
    for message in [nack(number), refused(number)] {
        world.tell(A, relay, message, &[]).unwrap();
    }
    assert_eq!((world.stats(A).nacks_received, world.stats(A).acks_unasked), (1, 6));
    world.run(700);
    assert_eq!(world.events(A), []);
}

/// What was a nack does not become a refusal by being said again.
#[test]
fn a_nack_does_not_turn_into_a_refusal() {
    let mut world = alone_with(witness(), &others(12));
    let ping = next_probe(&mut world);
    world.unreachable(A, ping.to);
    let requests = next_stage(&mut world);
    world.unreachable(A, ping.to);
    for request in &requests[..2] {
        let number = request.request().unwrap().number;
        for message in [nack(number), refused(number), refused(number)] {
            world.tell(A, request.to, message, &[]).unwrap();
        }
    }
    assert_eq!((world.status(A, ping.to), world.stats(A).died), (Some(Status::Alive), 0));
}

/// Three refusals said by one relay, and refusals by members who were not asked.
#[test]
fn judges_have_to_be_different_and_asked() {
    let mut world = alone_with(witness(), &others(12));
    let ping = next_probe(&mut world);
    world.unreachable(A, ping.to);
    let requests = next_stage(&mut world);
    world.unreachable(A, ping.to);
    let number = requests[0].request().unwrap().number;
    let asked: Vec<_> = requests.iter().map(|request| request.to).collect();
    for _ in 0..5 {
        world.tell(A, asked[0], refused(number), &[]).unwrap();
    }
    for member in others(12).into_iter().filter(|member| !asked.contains(member)) {
        world.tell(A, member, refused(number), &[]).unwrap();
    }
    assert_eq!((world.stats(A).nacks_received, world.stats(A).died), (1, 0));
    world.tell(A, asked[1], refused(number), &[]).unwrap();
    assert_eq!(world.stats(A).died, 1);
}

#[test]
fn floods_of_answers_nobody_asked_for_change_nothing() {
    let mut world = alone_with(idle(), &others(5));
    let before = state(&world);
    for number in 0..3_000 {
        for message in [ack(number), nack(number), refused(number)] {
            world.tell(A, B + number as u16 % 7, message, &[]).unwrap();
        }
    }
    assert_eq!((state(&world), world.events(A), world.sent().len()), (before, vec![], 0));
    assert_eq!(world.stats(A).acks_unasked, 9_000);
}

/// Who answers is told by the id and the number. The address may be another: hosts have several.
#[test]
fn an_ack_under_another_id_or_number_does_not_count() {
    let mut world = alone_with(witness(), &others(12));
    let ping = next_probe(&mut world);
    let (target, number) = (ping.to, ping.ping().unwrap().number);
    let other = if target == B { C } else { B };
    world.tell(A, other, ack(number), &[]).unwrap();
    world.tell(A, STRANGER, ack(number), &[]).unwrap();
    world.tell(A, target, ack(number ^ 4), &[]).unwrap();
    assert_eq!((world.stats(A).acks_unasked, world.stats(A).probes_acked), (3, 0));
    let elsewhere = forge(&world.header(target), ack(number), &[]);
    world.hand(A, 500, &elsewhere).unwrap();
    assert_eq!(world.stats(A).probes_acked, 1);
    assert_eq!(world.node(A).member(target).unwrap().address, Some(target), "it has not moved");
}

/// An ack that answers a ping which was never sent: of a stage that has not begun.
#[test]
fn an_ack_from_the_future_of_a_probe_teaches_nothing_wrong() {
    let mut world = alone_with(witness(), &others(12));
    for _ in 0..8 {
        let ping = next_probe(&mut world);
        let number = ping.ping().unwrap().number | 3;
        world.tell(A, ping.to, ack(number), &[]).unwrap();
    }
    let ping = next_probe(&mut world);
    let request = world.next(|sent| sent.request().is_some());
    assert_eq!(millis(ping.at, request.at), 200);
}

#[test]
fn a_verification_number_is_good_for_one_reprieve() {
    let mut world = alone_with(idle(), &others(5));
    world.gossip(A, &[accused(B, 0, &[A, C, D, E])]);
    let first = next_verification(&mut world, B).ping().unwrap().number;
    world.tell(A, C, ack(first), &[]).unwrap();
    world.tell(A, B, ack(first.wrapping_add(1)), &[]).unwrap();
    assert_eq!((world.stats(A).reprieves, world.stats(A).acks_unasked), (0, 2));
    world.run(100);
    world.tell(A, B, ack(first), &[]).unwrap();
    let reprieved = world.now;
    assert_eq!(world.stats(A).reprieves, 1);
    for _ in 0..100 {
        world.tell(A, B, ack(first), &[]).unwrap();
        world.run(10);
    }
    let second = next_verification(&mut world, B).ping().unwrap().number;
    assert_ne!(first, second);
    world.tell(A, B, ack(first), &[]).unwrap();
    assert_eq!((world.stats(A).reprieves, world.stats(A).acks_unasked), (1, 103));
    let died = world.until(A, Event::MemberDead(id(B)));
    assert_eq!(millis(reprieved, died), 10_000);
}

/// Who has a row of its own, and which probe it was, does not follow from the numbers seen.
#[test]
fn verification_numbers_differ_between_observers_and_suspects() {
    let mut numbers = Vec::new();
    for observer in [A, D] {
        let mut world = cluster(idle(), &first(6));
        world.lose(|_| true);
        for suspected in [B, C] {
            world.gossip(observer, &[accused(suspected, 0, &[A, D, E, F])]);
            let ping = world.next(|s| s.to == suspected && s.ping().is_some());
            numbers.push(ping.ping().unwrap().number);
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 4);
}

#[test]
fn rounds_of_the_far_future_are_counted_and_followed() {
    let mut world = alone_with(witness(), &[B]);
    world.puppet(B);
    next_probe(&mut world);
    let mut round = 1;
    for (told, jumps, next) in [
        // Behind, none at all, and the present one.
        (0, 0, 2),
        (1, 0, 3),
        (60_000, 0, 4),
        // A little ahead, then far.
        (1_000, 0, 1_000),
        (30_000, 1, 30_000),
        (62_000, 2, 62_000),
        // Over the end, which leaves out 0.
        (u16::MAX, 2, u16::MAX),
        (u16::MAX, 2, 1),
        (5, 2, 5),
    ] {
        tell_round(&mut world, A, told);
        let ping = next_probe(&mut world);
        round = ping.packet().header.round;
        assert_eq!((round, world.stats(A).rounds_jumped), (next, jumps), "after {told}");
    }
    assert_eq!(round, 5);
    assert_eq!(world.stats(A).probes_failed, 0);
}

/// Whoever sets the round may upset the order, but not stop the probes.
#[test]
fn a_liar_about_rounds_cannot_stop_probing() {
    let members = first(8);
    let mut world = cluster(witness(), &members);
    world.run(5_000);
    let before: Vec<_> = members.iter().map(|&member| world.stats(member).probes).collect();
    world.sent();
    for lie in 0..600u16 {
        let victim = members[usize::from(lie) % members.len()];
        tell_round(&mut world, victim, lie.wrapping_mul(40_503));
        world.run(100);
    }
    let sent = world.sent();
    for (&member, before) in members.iter().zip(before) {
        let probes = world.stats(member).probes - before;
        assert!((59..=61).contains(&probes), "{member} sent {probes}");
        let probed = sent.iter().filter(|sent| sent.to == member && sent.ping().is_some());
        assert!(probed.count() >= 20, "{member} was forgotten");
        assert_eq!(world.stats(member).suspected, 0);
    }
}

#[test]
fn refusals_about_strangers_and_bystanders_change_nothing() {
    let mut world = alone_with(idle(), &others(5));
    let before = state(&world);
    for number in 0..10_000 {
        world.unreachable(A, number % 700);
    }
    assert_eq!((state(&world), world.events(A), world.sent().len()), (before, vec![], 0));
    assert_eq!((world.stats(A).refusals_unasked, world.stats(A).refusals_heard), (10_000, 0));
}

#[test]
fn a_flood_of_refusals_about_the_target_hurries_one_stage_only() {
    let mut world = alone_with(witness(), &others(12));
    let ping = next_probe(&mut world);
    world.sent();
    for _ in 0..1_000 {
        world.unreachable(A, ping.to);
        world.run(0);
    }
    let sent = world.sent();
    let pings = sent.iter().filter(|sent| sent.ping().is_some()).count();
    let requests = sent.iter().filter(|sent| sent.request().is_some()).count();
    assert_eq!((pings, requests), (1, 3));
    assert_eq!((world.status(A, ping.to), world.stats(A).died), (Some(Status::Alive), 0));
}

/// Who has left, and who was silenced, have nobody to refuse.
#[test]
fn refusals_mean_nothing_to_who_has_left() {
    let mut world = alone_with(witness(), &others(5));
    let ping = next_probe(&mut world);
    world.act(A, |twin, now| twin.leave(now));
    world.run(60_000);
    assert_eq!(world.node(A).standing(), Standing::Departed);
    let before = state(&world);
    for _ in 0..10 {
        world.unreachable(A, ping.to);
    }
    assert_eq!(state(&world), before);
}

/// A firewall pushed to everybody: a living member is refused to all, and refutes, for it can send.
#[test]
fn a_member_behind_a_new_firewall_that_can_still_send_comes_back() {
    let mut world = cluster(witness(), &first(5));
    world.run(10_000);
    let twin_words = world.node(B).incarnation();
    world.gossip(A, &[condemned(B, twin_words, &[C, D, E])]);
    world.run(5_000);
    for member in [A, C, D, E] {
        assert_eq!(world.status(member, B), Some(Status::Alive), "{member}");
    }
}

#[test]
fn a_clock_that_stands_still_stops_the_timers_and_nothing_else() {
    let mut world = alone_with(witness(), &others(5));
    next_probe(&mut world);
    world.gossip(A, &[accused(B, 0, &[A, C, D, E])]);
    world.run(0);
    world.sent();
    for _ in 0..1_000_000 {
        world.act(A, |twin, now| twin.handle_timeout(now));
    }
    assert_eq!(world.sent().len(), 0);
    assert_eq!((world.status(A, B), world.stats(A).stalls), (Some(Status::Suspect), 0));
    assert!(world.ask(A).ack().is_some());
}

#[test]
fn a_clock_that_steps_back_delays_and_breaks_nothing() {
    let mut world = alone_with(witness(), &others(5));
    next_probe(&mut world);
    let (before, now) = (state(&world), world.now);
    world.now = Instant::from_secs(3);
    for _ in 0..1_000 {
        world.act(A, |twin, now| twin.handle_timeout(now));
    }
    world.tell(A, B, ack(1), &[]).unwrap();
    assert_eq!((state(&world), world.stats(A).stalls), (before, 0));
    world.now = now;
    world.run(1_400);
    assert_eq!(world.stats(A).probes_failed, 1);
}

/// A driver without timers: what it hands in is answered, and patience grows to its maximum only.
#[test]
fn timers_that_are_never_handled_accuse_nobody() {
    let mut world = alone_with(witness(), &others(5));
    let twin = others(5);
    for step in 0..2_000u64 {
        world.now = world.now.after(Duration::from_millis(100 + step));
        let from = twin[step as usize % twin.len()];
        let answers = world.sent().len();
        assert!(answers <= 2, "{answers}");
        world.tell(A, from, ping(step as u32, A), &[]).unwrap();
    }
    let node = world.node(A);
    assert_eq!((node.health_score(), world.stats(A).suspected, world.stats(A).died), (8, 0, 0));
    assert!(node.patience() <= world.config.patience_max);
    assert!(node.incarnation() <= 150, "no more than patience has tenths: {}", node.incarnation());
}

/// Probes that last longer than the interval run side by side, but not without end.
#[test]
fn rounds_that_find_too_many_probes_running_are_left_out() {
    let config = swim_core::Config {
        probe_timeout: Duration::from_millis(900),
        probe_timeout_min: Duration::from_millis(900),
        ..witness()
    };
    let mut world = alone_with(config, &others(12));
    world.murmur();
    world.run(120_000);
    let stats = world.stats(A);
    assert!(stats.probes_skipped > 0);
    assert!((115..=120).contains(&(stats.probes + stats.probes_skipped)), "{stats:?}");
    assert_eq!((stats.suspected, stats.outbox_full), (0, 0));
}

#[test]
fn the_end_of_time_is_survived() {
    let mut world = alone_with(witness(), &others(5));
    world.gossip(A, &[accused(B, 0, &[A, C, D, E])]);
    world.now = Instant::MAX;
    for _ in 0..100 {
        world.act(A, |twin, now| twin.handle_timeout(now));
        world.unreachable(A, C);
        world.gossip(A, &[dead(D, 0)]);
    }
    assert_eq!(world.node(A).patience().as_millis(), 15_000);
    assert_eq!(world.stats(A).stalls, 1);
}

/// Where failures are kept to be tried first the next time.
fn remembered() -> Option<Box<dyn FailurePersistence>> {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proptest-regressions/witness.txt");
    Some(Box::new(FileFailurePersistence::Direct(FILE)))
}

/// One thing that happens to a few nodes; nodes are 1 to `NODES`, members up to `MEMBERS`.
#[derive(Clone, Debug)]
enum Happening {
    Run(u16),
    /// All clocks go on, and no timer is handled.
    Jump(u32),
    /// Timers of one node are handled at a moment before the present.
    Back(u16, u32),
    Timeout(u16),
    Unreachable(u16, u16),
    /// A packet that was sent earlier arrives, maybe again, maybe elsewhere.
    Replay(u16, prop::sample::Index),
    /// Packets in flight are lost.
    Lose,
    Pause(u16, u16),
    Restart(u16),
    Forge {
        to: u16,
        from: u16,
        round: u16,
        kind: u8,
        number: u32,
        about: Vec<(u8, u16, u32)>,
    },
}

const NODES: u16 = 4;
const MEMBERS: u16 = 20;

fn happening() -> impl Strategy<Value = Happening> {
    let node = || A..A + NODES;
    let member = || A..A + MEMBERS;
    let incarnation = prop_oneof![4 => 0u32..4, 1 => any::<u32>()];
    let about = prop::collection::vec((0u8..7, member(), incarnation), 0..4);
    let forged = (node(), member(), any::<u16>(), 0u8..6, any::<u32>(), about);
    prop_oneof![
        8 => (1u16..4_000).prop_map(Happening::Run),
        2 => (1u32..100_000).prop_map(Happening::Jump),
        1 => (node(), any::<u32>()).prop_map(|(node, millis)| Happening::Back(node, millis)),
        1 => node().prop_map(Happening::Timeout),
        4 => (node(), member()).prop_map(|(node, at)| Happening::Unreachable(node, at)),
        4 => (node(), any::<prop::sample::Index>()).prop_map(|(n, i)| Happening::Replay(n, i)),
        2 => Just(Happening::Lose),
        1 => (node(), 1u16..20_000).prop_map(|(node, millis)| Happening::Pause(node, millis)),
        1 => node().prop_map(Happening::Restart),
        8 => forged.prop_map(|(to, from, round, kind, number, about)| {
            Happening::Forge { to, from, round, kind, number, about }
        }),
    ]
}

fn happen(world: &mut World, history: &mut [Sent], happening: Happening) {
    match happening {
        Happening::Run(millis) => world.run(millis.into()),
        Happening::Jump(millis) => {
            world.now = world.now.after(Duration::from_millis(millis.into()))
        }
        Happening::Back(node, millis) => {
            let then = world.now.before(Duration::from_millis(millis.into()));
            world.act(node, |twin, _| twin.handle_timeout(then));
        }
        Happening::Timeout(node) => world.act(node, |twin, now| twin.handle_timeout(now)),
        Happening::Unreachable(node, address) => world.unreachable(node, address),
        Happening::Replay(node, index) => {
            if !history.is_empty() {
                let sent = history[index.index(history.len())].clone();
                let _ = world.hand(node, sent.from, &sent.bytes);
            }
        }
        Happening::Lose => drop(world.intercept()),
        Happening::Pause(node, millis) => world.pause(node, millis.into()),
        Happening::Restart(node) => {
            let incarnation = Incarnation::new(world.node(node).incarnation());
            world.start_as(node, Identity { incarnation, ..Identity::new(id(node), node) });
            world.join(node, if node == A { B } else { A });
        }
        Happening::Forge { to, from, round, kind, number, about } => {
            let message = match kind {
                0 => ping(number, to),
                1 => ack(number),
                2 => nack(number),
                3 => refused(number),
                4 => request(number, from, number),
                _ => None,
            };
            let updates: Vec<_> = about
                .iter()
                .map(|&(kind, member, incarnation)| match kind {
                    0 => alive(member, incarnation),
                    1 => suspect(member, incarnation, from),
                    2 => accused(member, incarnation, &[A, B, C, from]),
                    3 => dead(member, incarnation),
                    4 => condemned(member, incarnation, &[B, C, from]),
                    5 => patient(member, incarnation, Duration::from_secs(number.into())),
                    _ => left(member, incarnation),
                })
                .collect();
            let header = Header { round, ..world.header(from) };
            let _ = world.hand(to, from, &forge(&header, message, &updates));
        }
    }
}

/// Packets that one node may send within a second of its own, and for each thing that happens to
/// it: probes, gossip, verifications and answers.
const PACKETS_PER_SECOND_MAX: usize = 120;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(300),
        failure_persistence: remembered(),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_a_few_nodes_stay_sane(
        happenings in prop::collection::vec(happening(), 1..80),
    ) {
        let members = first(NODES);
        let mut world = cluster(witness(), &members);
        let (mut history, start) = (Vec::new(), world.now);
        let things = happenings.len();
        for happening in happenings {
            happen(&mut world, &mut history, happening);
            history.extend(world.sent());
            for &member in &members {
                let twin = world.node(member);
                prop_assert!(twin.health_score() <= 8);
                prop_assert!(twin.patience() <= world.config.patience_max);
                prop_assert!(twin.members().len() <= 16);
                prop_assert_eq!(twin.me().status, Status::Alive);
            }
        }
        // Timers that are due now are handled, and then nothing is overdue: `run` sees to that.
        world.run(0);
        for &member in &members {
            let due = world.node(member).poll_timeout();
            prop_assert!(due.is_some_and(|due| due > world.now), "{:?} at {:?}", due, world.now);
        }
        history.extend(world.sent());
        let seconds = world.now.since(start).as_secs() as usize + 1 + things;
        let bound = seconds * usize::from(NODES) * PACKETS_PER_SECOND_MAX;
        prop_assert!(history.len() <= bound, "{} packets in {} s", history.len(), seconds);
    }
}
