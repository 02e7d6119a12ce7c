//! Failure detection: probes, relays, suspicion timeouts.

use std::time::Duration;

use swim_core::wire::{Belief, Message, Ping};
use swim_core::{Channel, Config, Detector, Event, Lifeguard, Patience, RELAYS_MAX, Status};

use crate::harness::*;

/// Lifeguard without streams and nacks at 80 %.
fn paper() -> Config {
    Config { detector: Detector::Lifeguard(Lifeguard::Paper), ..quiet() }
}

/// Scenario 1 (ProbeNode)
#[test]
fn a_live_member_is_probed_with_one_number_and_stays_alive() {
    let mut world = cluster(quiet(), &[A, B]);
    let ping = world.next(|sent| sent.from == A && sent.ping().is_some());
    world.sent();
    world.run(999);
    let sent = world.sent();
    let number = ping.ping().unwrap().number;
    let acks: Vec<_> = sent.iter().filter(|sent| sent.to == A).filter_map(|s| s.ack()).collect();
    assert_eq!(acks.len(), 1);
    assert_eq!((acks[0].number, acks[0].stranger), (number, false));
    assert!(!sent.iter().any(|sent| sent.from == A && sent.ping().is_some()));
    assert_eq!((world.stats(A).probes, world.stats(A).probes_acked), (1, 1));
    assert_eq!(world.status(A, B), Some(Status::Alive));
}

/// Scenario 2 (Probe)
#[test]
fn probes_walk_over_the_living_and_leave_out_self_and_the_dead() {
    let config = Config { heal_interval: Duration::ZERO, ..quiet() };
    let mut world = cluster(config, &[A, B, E]);
    world.introduce(A, &[C, D]);
    world.gossip(A, &[dead(C, 0), left(D, 0)]);
    world.next(|sent| sent.from == A && sent.ping().is_some());
    world.sent();
    world.run(10_000);
    let sent = world.sent();
    let targets: Vec<_> =
        sent.iter().filter(|s| s.from == A).filter_map(|s| s.ping()).map(|p| p.target).collect();
    assert_eq!(targets.len(), 10);
    for round in targets[1..9].chunks(2) {
        assert!(round.contains(&id(B)) && round.contains(&id(E)), "{targets:?}");
    }
}

/// Scenario 4 (ProbeNode_Suspect_Dogpile)
#[test]
fn the_more_accusers_the_shorter_a_suspicion() {
    let config = Config {
        probe_interval: Duration::from_millis(100),
        probe_timeout: Duration::from_millis(50),
        probe_timeout_min: Duration::from_millis(50),
        suspicion_mult: 5,
        suspicion_max_mult: 2,
        gossip_interval: Duration::ZERO,
        ..quiet()
    };
    let shortening = [1_000, 750, 603, 500];
    for (others, timeouts) in [(2, [500; 4]), (3, [500; 4]), (4, shortening), (5, shortening)] {
        for (confirmations, timeout) in timeouts.into_iter().enumerate() {
            let members = &[B, C, D, E, F][..others];
            let mut world = alone_with(config, members);
            members.iter().for_each(|&member| world.puppet(member));
            let start = world.now;
            for accuser in 0..=confirmations {
                world.gossip(A, &[suspect(B, 0, 100 + accuser as u16)]);
            }
            let died = world.until(A, Event::MemberDead(id(B)));
            let lasted = died.since(start).as_millis();
            assert_eq!(lasted, timeout, "{others} others, {confirmations} confirmations");
        }
    }
}

/// Scenario 4 (ProbeNode_Suspect_Dogpile): confirmations that come late count from the start.
#[test]
fn a_confirmation_later_than_the_shortened_timeout_ends_the_suspicion_at_once() {
    let config = Config { suspicion_mult: 5, ..still() };
    let mut world = alone_with(config, &[B, C, D, E, F]);
    [B, C, D, E, F].iter().for_each(|&member| world.puppet(member));
    world.gossip(A, &[suspect(B, 0, C)]);
    world.run(Duration::from_secs(3_600 * 5 * 5).as_millis() as u64);
    assert_eq!(world.status(A, B), Some(Status::Suspect));
    let now = world.now;
    world.gossip(A, &[suspect(B, 0, D)]);
    world.gossip(A, &[suspect(B, 0, E)]);
    world.gossip(A, &[suspect(B, 0, F)]);
    assert_eq!(world.until(A, Event::MemberDead(id(B))), now);
}

/// Scenario 5 (FallbackTCP)
#[test]
fn a_member_that_answers_streams_only_stays_alive() {
    let mut world = cluster(quiet(), &[A, B]);
    world.lose(|sent| sent.from == A && sent.channel == Channel::Datagram);
    let ping = world.next(|sent| sent.from == A && sent.ping().is_some());
    let stream = world.next(|sent| sent.from == A && sent.channel == Channel::Stream);
    assert_eq!(millis(ping.at, stream.at), 500);
    assert!(is_one_probe(stream.ping().unwrap().number, ping.ping().unwrap().number));
    let answer = world.next(|sent| sent.to == A && sent.ack().is_some());
    assert_eq!((answer.channel, answer.at), (Channel::Stream, stream.at));
    let next = world.next(|sent| sent.from == A && sent.ping().is_some());
    assert_eq!(millis(ping.at, next.at), 1_000, "the probe lasts the full interval");
    world.run(60_000);
    assert_eq!(world.status(A, B), Some(Status::Alive));
    assert_eq!((world.stats(A).probes_failed, world.node(A).health_score()), (0, 0));
}

/// Scenario 6 (FallbackTCP)
#[test]
fn a_member_whose_streams_fail_too_is_suspect_after_one_interval() {
    let mut world = cluster(quiet(), &[A, B]);
    world.lose(|sent| sent.from == A);
    let ping = world.next(|sent| sent.from == A && sent.ping().is_some());
    let suspected = world.until(A, Event::MemberSuspected(id(B)));
    assert_eq!(millis(ping.at, suspected), 1_000);
}

/// Scenario 7 (FallbackTCP_Disabled)
#[test]
fn without_the_stream_ping_working_streams_do_not_help() {
    for detector in [Detector::Swim, Detector::Lifeguard(Lifeguard::Paper)] {
        let mut world = cluster(Config { detector, ..quiet() }, &[A, B]);
        world.lose(|sent| sent.from == A && sent.channel == Channel::Datagram);
        let ping = world.next(|sent| sent.from == A && sent.ping().is_some());
        let suspected = world.until(A, Event::MemberSuspected(id(B)));
        assert_eq!(millis(ping.at, suspected), 1_000);
        assert!(world.sent().iter().all(|sent| sent.channel == Channel::Datagram));
    }
}

/// Scenario 10 (Awareness_Improved)
#[test]
fn a_successful_probe_improves_local_health() {
    let mut world = alone_with(quiet(), &[B]);
    world.puppet(B);
    world.gossip(A, &[suspect(A, 0, B)]);
    assert_eq!(world.node(A).health_score(), 1);
    world.next(|sent| sent.ping().is_some());
    assert_eq!(world.node(A).health_score(), 1);
    world.run(0);
    assert_eq!(world.node(A).health_score(), 0);
}

/// Scenario 12 (Awareness_OldProtocol): nobody there who could nack.
#[test]
fn a_failed_probe_without_relays_costs_one_point_of_health() {
    let mut world = alone_with(quiet(), &[B]);
    world.until(A, Event::MemberSuspected(id(B)));
    assert_eq!(world.node(A).health_score(), 1);
}

/// Scenario 14 (ProbeNode_Buddy)
#[test]
fn a_ping_carries_the_accusation_and_its_ack_the_refutation() {
    let mut world = cluster(Config { gossip_interval: Duration::ZERO, ..quiet() }, &[A, B]);
    world.gossip(A, &[suspect(B, 0, C)]);
    let ping = world.next(|sent| sent.from == A && sent.ping().is_some());
    let belief = Belief { incarnation: at(0), status: Status::Suspect };
    assert_eq!(ping.ping().unwrap().belief, Some(belief));
    let ack = world.next(|sent| sent.from == B && sent.ack().is_some());
    let refutation = ack.about(B).expect("a refutation");
    assert_eq!((refutation.claim.status, refutation.claim.incarnation), (Status::Alive, at(1)));
    assert_eq!((world.node(B).incarnation(), world.stats(B).refutations), (1, 1));
    world.run(0);
    assert_eq!(world.known(A, B), Some((Status::Alive, 1)));
    assert_eq!(millis(ping.at, world.now), 0, "one round trip");
}

/// Scenario 14 (ProbeNode_Buddy): the accusation travels through relays as well.
#[test]
fn a_relay_passes_the_accusation_on() {
    let config = Config { gossip_interval: Duration::ZERO, ..paper() };
    let mut world = cluster(config, &[A, B, C]);
    world.lose(|sent| (sent.from, sent.to) == (A, B));
    world.gossip(A, &[suspect(B, 0, D)]);
    while !world.ask(A).updates().is_empty() {}
    world.next(|sent| sent.from == A && sent.request().is_some());
    let relayed = world.next(|sent| sent.from == C && sent.to == B);
    let belief = Belief { incarnation: at(0), status: Status::Suspect };
    assert_eq!(relayed.ping().unwrap().belief, Some(belief));
    assert_eq!(world.node(B).incarnation(), 0);
    world.run(0);
    assert_eq!(world.node(B).incarnation(), 1);
}

/// Scenario 16 (HandlePing_WrongNode)
#[test]
fn a_ping_meant_for_somebody_else_is_not_answered() {
    let mut world = alone_with(still(), &[B]);
    world.tell(A, B, ping(7, C), &[]).unwrap();
    world.run(2_000);
    assert!(world.sent().iter().all(|sent| sent.ack().is_none()));
    assert_eq!(world.stats(A).pings_misdirected, 1);
}

/// Scenario 17 (HandleIndirectPing)
#[test]
fn a_relay_asked_about_itself_answers_with_the_number_of_the_request() {
    let mut world = alone_with(still(), &[B]);
    world.tell(A, B, request(77, A, 400), &[]).unwrap();
    let sent = world.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].to, sent[0].ack().unwrap().number), (B, 77));
    world.run(2_000);
    assert!(world.sent().is_empty(), "and with no nack");
}

/// Scenario 17 (HandleIndirectPing): about somebody else.
#[test]
fn a_relay_pings_with_a_number_of_its_own_and_answers_with_that_of_the_request() {
    let mut world = alone_with(still(), &[B, C]);
    world.tell(A, B, request(77, C, 400), &[]).unwrap();
    let ping = world.sent().pop().unwrap();
    let number = ping.ping().unwrap().number;
    assert_eq!((ping.to, ping.ping().unwrap().target), (C, id(C)));
    assert_ne!(number, 77);
    world.tell(A, B, ack(number), &[]).unwrap();
    assert!(world.sent().is_empty(), "only the target's own ack counts");
    world.tell(A, C, ack(number), &[]).unwrap();
    let answer = world.sent().pop().unwrap();
    assert_eq!((answer.to, answer.ack().unwrap().number), (B, 77));
    assert_eq!(world.stats(A).relays, 1);
}

/// A started probe of `B` with `C` as its relay, at the moment the relay was asked: the number.
fn probe_through_relay(world: &mut World) -> u32 {
    loop {
        let ping = world.next(|sent| sent.from == A && sent.ping().is_some());
        if ping.to == B {
            world.next(|sent| sent.request().is_some());
            return ping.ping().unwrap().number;
        }
    }
}

/// Scenario 18 (setProbeChannels, invokeAckHandler)
#[test]
fn an_ack_after_the_end_of_a_probe_does_not_undo_it() {
    let mut world = alone_with(quiet(), &[B, C]);
    world.puppet(C);
    let number = probe_through_relay(&mut world);
    world.until(A, Event::MemberSuspected(id(B)));
    let (acked, health) = (world.stats(A).probes_acked, world.node(A).health_score());
    world.tell(A, B, ack(number), &[]).unwrap();
    assert_eq!((world.stats(A).acks_late, world.stats(A).acks_unasked), (1, 0));
    assert_eq!((world.stats(A).probes_acked, world.node(A).health_score()), (acked, health));
    assert_eq!(world.status(A, B), Some(Status::Suspect));
}

/// Scenario 18 (setProbeChannels, invokeAckHandler)
#[test]
fn a_nack_leaves_a_probe_open_and_an_ack_ends_it_once() {
    let mut world = alone_with(quiet(), &[B, C]);
    world.puppet(C);
    let number = probe_through_relay(&mut world);
    let acked = world.stats(A).probes_acked;
    world.tell(A, C, nack(number), &[]).unwrap();
    world.tell(A, C, nack(number), &[]).unwrap();
    assert_eq!((world.stats(A).nacks_received, world.stats(A).acks_unasked), (1, 1));
    world.tell(A, B, ack(number), &[]).unwrap();
    world.tell(A, B, ack(number), &[]).unwrap();
    assert_eq!((world.stats(A).probes_acked, world.stats(A).acks_unasked), (acked + 1, 2));
    world.run(500);
    assert_eq!(world.events(A), [], "the end of its window passes unnoticed");
}

/// Scenario 18: acks are bound to who was asked.
#[test]
fn an_ack_of_somebody_who_was_not_asked_does_not_count() {
    let mut world = alone_with(quiet(), &[B, C, D]);
    let ping = world.next(|sent| sent.ping().is_some());
    let other = [B, C, D].into_iter().find(|&member| member != ping.to).unwrap();
    let number = ping.ping().unwrap().number;
    world.tell(A, other, ack(number), &[]).unwrap();
    world.tell(A, ping.to, ack(number.wrapping_add(4)), &[]).unwrap();
    assert_eq!((world.stats(A).acks_unasked, world.stats(A).probes_acked), (2, 0));
    world.tell(A, ping.to, ack(number), &[]).unwrap();
    assert_eq!(world.stats(A).probes_acked, 1);
}

/// Scenario 32 at a distance: whoever hears from a member it suspects tells it so.
#[test]
fn an_ack_tells_a_suspected_prober_what_it_is_suspected_of() {
    let mut world = cluster(Config { gossip_interval: Duration::ZERO, ..quiet() }, &[A, B]);
    world.gossip(B, &[suspect(A, 0, C)]);
    for _ in 0..world.config.retransmit_mult {
        world.ask(B);
    }
    let ping = forge_long(&world.header(A), ping(9, B));
    world.hand(B, A, &ping).unwrap();
    world.run(0);
    assert_eq!(world.node(A).incarnation(), 1);
}

#[test]
fn a_link_blocked_in_one_direction_is_bridged_by_a_relay() {
    for (from, to) in [(A, B), (B, A)] {
        let mut world = cluster(paper(), &[A, B, C]);
        world.lose(move |sent| (sent.from, sent.to) == (from, to));
        world.run(60_000);
        for (one, other) in [(A, B), (B, A), (A, C), (C, B)] {
            assert_eq!(world.status(one, other), Some(Status::Alive));
        }
        let stats = [A, B].map(|node| world.stats(node));
        assert!(stats.iter().all(|stats| stats.probes_failed == 0));
        assert!(stats.iter().all(|stats| stats.probes_indirect >= 20), "{stats:?}");
        assert!(world.stats(C).relays >= 40);
    }
}

/// Requests for `C`, as many as a relay takes on: from three members, for none may have all.
fn busy_relay(world: &mut World) {
    for number in 0..RELAYS_MAX as u32 {
        let from = [B, D, E][number as usize % 3];
        world.tell(A, from, request(number, C, 400), &[]).unwrap();
    }
}

/// A nack is a voice against the target, so nobody may say it who has not tried.
#[test]
fn a_relay_with_too_much_to_do_keeps_silent() {
    let mut world = alone_with(still(), &[B, C, D, E, F]);
    busy_relay(&mut world);
    assert!(world.sent().iter().all(|sent| sent.to == C && sent.ping().is_some()));
    world.tell(A, F, request(99, C, 400), &[]).unwrap();
    assert!(world.sent().is_empty());
    assert_eq!(world.stats(A).relays_refused, 1);
    world.run(400);
    let nacks = world.sent();
    assert_eq!(nacks.len(), RELAYS_MAX);
    assert!(nacks.iter().all(|sent| sent.nack().is_some_and(|nack| nack.number != 99)));
}

#[test]
fn an_ack_that_comes_after_the_nack_is_still_passed_on() {
    let mut world = alone_with(still(), &[B, C]);
    let asked = world.now;
    world.tell(A, B, request(77, C, 400), &[]).unwrap();
    let number = world.sent().pop().unwrap().ping().unwrap().number;
    let nack = world.next(|sent| sent.nack().is_some());
    assert_eq!((nack.to, nack.nack().unwrap().number), (B, 77));
    assert_eq!(millis(asked, nack.at), 400);
    world.sent();
    world.run(100);
    world.tell(A, C, ack(number), &[]).unwrap();
    let late = world.sent().pop().unwrap();
    assert_eq!((late.to, late.ack().unwrap().number), (B, 77));
}

#[test]
fn relays_are_forgotten_and_make_room_for_others() {
    let config = Config {
        probe_interval: Duration::from_secs(1),
        probe_timeout: Duration::from_millis(500),
        ..still()
    };
    let mut world = alone_with(config, &[B, C, D, E]);
    world.puppet(B);
    busy_relay(&mut world);
    world.run(1_000);
    world.tell(A, B, request(99, C, 400), &[]).unwrap();
    assert_eq!(world.stats(A).relays_refused, 0);
}

/// memberlist's probe fails at once when its timer comes too late; Witness takes the blame itself.
#[test]
fn a_node_that_stood_still_for_an_hour_accuses_others_of_it_in_memberlist_only() {
    let memberlist = Detector::Lifeguard(Lifeguard::Memberlist);
    for (detector, failed) in [(memberlist, 1), (Detector::Witness, 0)] {
        let mut world = alone_with(Config { detector, ..quiet() }, &[B, C]);
        let ping = world.next(|sent| sent.ping().is_some());
        world.now = world.now.after(Duration::from_secs(3_600));
        world.act(A, |twin, now| twin.handle_timeout(now));
        let stats = world.stats(A);
        assert_eq!((stats.probes_void, stats.probes_failed), (1 - failed, failed));
        let accused = world.events(A).contains(&Event::MemberSuspected(id(ping.to)));
        assert_eq!(accused, failed > 0, "{detector:?}");
    }
}

#[test]
fn a_crash_is_detected_in_the_time_the_formula_gives() {
    let mut world = cluster(quiet(), &[A, B]);
    world.kill(B);
    let ping = world.next(|sent| sent.from == A && sent.ping().is_some());
    let died = world.until(A, Event::MemberDead(id(B)));
    // One interval of probing, then mult * max(1, log10 N) intervals: N = 2 leaves no confirmers.
    assert_eq!(millis(ping.at, died), 1_000 + 4_000);
}

#[test]
fn a_probe_of_somebody_who_is_gone_meanwhile_ends_without_a_verdict() {
    let mut world = alone_with(quiet(), &[B]);
    world.next(|sent| sent.ping().is_some());
    world.gossip(A, &[left(B, 0)]);
    world.run(5_000);
    assert_eq!((world.stats(A).probes_failed, world.node(A).health_score()), (0, 0));
    assert_eq!(world.status(A, B), Some(Status::Left));
}

#[test]
fn a_prober_unknown_to_its_target_introduces_itself() {
    let mut world = world(quiet());
    world.start(A);
    world.start(B);
    let words = world.node(B).me();
    let (boot, incarnation) = (words.boot, words.incarnation);
    let card =
        swim_core::Card { incarnation, boot, patience: Patience::NONE, address: B, metadata: b"" };
    world.tell(A, STRANGER, last_page(0), &[swim_core::wire::Update::alive(id(B), card)]).unwrap();
    world.next(|sent| sent.from == A && sent.ping().is_some());
    let answer = world.next(|sent| sent.from == B);
    assert!(answer.ack().unwrap().stranger);
    world.run(0);
    assert_eq!(world.status(B, A), Some(Status::Alive));
}

#[test]
fn a_ping_to_a_node_with_a_wrong_belief_about_its_future_makes_it_catch_up() {
    let mut world = alone_with(still(), &[B]);
    let belief = Some(Belief { incarnation: at(41), status: Status::Alive });
    let ping = Message::Ping(Ping { number: 1, target: id(A), belief, digest: None });
    // In clear the answer is no longer than the ping.
    world.tell(A, B, Some(ping), &[alive(C, 0), alive(D, 0)]).unwrap();
    assert_eq!(world.node(A).incarnation(), 42);
    assert_eq!(world.sent()[0].about(A).unwrap().claim.incarnation, at(42));
}
