//! The detectors against each other, on the wire: Lifeguard of the paper, Lifeguard as memberlist
//! ships it (they differ in six points), and SWIM.

use std::time::Duration;

use swim_core::{Channel, Config, Detector, Event, Instant, Lifeguard, Status};

use crate::harness::*;

const SWIM: Detector = Detector::Swim;
const PAPER: Detector = Detector::Lifeguard(Lifeguard::Paper);
const MEMBERLIST: Detector = Detector::Lifeguard(Lifeguard::Memberlist);

/// A cluster in which suspects do not die while one looks.
fn patient(detector: Detector) -> Config {
    Config { detector, suspicion_mult: 100, gossip_interval: Duration::ZERO, ..quiet() }
}

fn doubt(world: &mut World, times: u32) {
    for _ in 0..times {
        let incarnation = world.node(A).incarnation();
        world.gossip(A, &[suspect(A, incarnation, B)]);
    }
}

fn next_ping(world: &mut World) -> Sent {
    world.next(|sent| sent.ping().is_some() && sent.channel == Channel::Datagram)
}

/// Difference 1: the score is capped at 7, so probes slow down to 8 s; in the paper at 8, to 9 s.
#[test]
fn the_worst_health_stretches_the_interval_to_8_s_in_memberlist_and_9_s_in_the_paper() {
    for (detector, score, interval) in [(SWIM, 0, 1_000), (PAPER, 8, 9_000), (MEMBERLIST, 7, 8_000)]
    {
        let mut world = alone_with(patient(detector), &[B]);
        doubt(&mut world, 20);
        assert_eq!(world.node(A).health_score(), score);
        let first = next_ping(&mut world);
        let second = next_ping(&mut world);
        assert_eq!(millis(first.at, second.at), interval, "{detector:?}");
        assert_eq!(world.node(A).health_score(), score);
    }
}

/// Difference 2: local health stretches the wait for the ack in the paper only.
#[test]
fn health_stretches_the_wait_before_relays_are_asked_in_the_paper_only() {
    for (detector, healthy, sick) in [(SWIM, 500, 500), (PAPER, 500, 2_000), (MEMBERLIST, 500, 500)]
    {
        for (doubts, wait) in [(0, healthy), (3, sick)] {
            let mut world = alone_with(patient(detector), &[B, C]);
            doubt(&mut world, doubts);
            let ping = next_ping(&mut world);
            let request = world.next(|sent| sent.request().is_some());
            assert_eq!(millis(ping.at, request.at), wait, "{detector:?}");
        }
    }
}

/// The interval after a successful probe is stretched in the paper only.
#[test]
fn after_an_ack_the_sick_wait_longer_in_the_paper_only() {
    for (detector, interval) in [(SWIM, 1_000), (PAPER, 4_000), (MEMBERLIST, 1_000)] {
        let mut world = alone_with(patient(detector), &[B]);
        world.puppet(B);
        doubt(&mut world, 3);
        let first = next_ping(&mut world);
        let second = next_ping(&mut world);
        assert_eq!(millis(first.at, second.at), interval, "{detector:?}");
    }
}

/// Difference 3: a relay nacks after 80 % of the timeout in the paper, after all of it in
/// memberlist, never in SWIM.
#[test]
fn relays_nack_after_80_percent_of_the_timeout_or_all_of_it() {
    for (detector, nack_after) in [(SWIM, None), (PAPER, Some(400)), (MEMBERLIST, Some(500))] {
        let mut world = cluster(patient(detector), &[A, B, C]);
        world.kill(B);
        let request = world.next(|sent| sent.from == A && sent.request().is_some());
        assert_eq!(request.request().unwrap().nack_after_ms, nack_after.unwrap_or(0));
        match nack_after {
            None => {
                world.run(10_000);
                assert!(world.sent().iter().all(|sent| sent.nack().is_none()));
            }
            Some(wait) => {
                let nack = world.next(|sent| sent.from == C && sent.nack().is_some());
                assert_eq!(nack.nack().unwrap().number, request.request().unwrap().number);
                assert_eq!(millis(request.at, nack.at), wait.into());
            }
        }
    }
}

/// In the paper the wait of the relays is stretched with that of the prober.
#[test]
fn the_nack_waits_with_the_health_of_the_prober_in_the_paper_only() {
    for (detector, nack_after) in [(PAPER, 400 * 4), (MEMBERLIST, 500)] {
        let mut world = alone_with(patient(detector), &[B, C]);
        doubt(&mut world, 3);
        let request = world.next(|sent| sent.request().is_some());
        assert_eq!(request.request().unwrap().nack_after_ms, nack_after, "{detector:?}");
    }
}

/// Fails one probe by `A`, which knows `others`, with `nacks` of those it asked: the health then.
fn cost(detector: Detector, others: &[u16], nacks: usize) -> u8 {
    let mut world = alone_with(patient(detector), others);
    let ping = next_ping(&mut world);
    if others.len() > 1 {
        world.next(|sent| sent.request().is_some());
    }
    let asked: Vec<_> = world.sent().into_iter().filter(|sent| sent.request().is_some()).collect();
    assert_eq!(asked.len(), (others.len() - 1).min(3));
    for relay in asked.iter().take(nacks) {
        world.tell(A, relay.to, nack(relay.request().unwrap().number), &[]).unwrap();
    }
    world.until(A, Event::MemberSuspected(id(ping.to)));
    world.node(A).health_score()
}

/// Difference 4: the failure itself costs nothing in memberlist if relays could nack.
#[test]
fn a_failed_probe_costs_the_missing_nacks_and_in_the_paper_one_more() {
    let others = [B, C, D, E, F];
    for (nacks, missing) in [(3, 0), (2, 1), (1, 2), (0, 3)] {
        assert_eq!(cost(MEMBERLIST, &others, nacks), missing);
        assert_eq!(cost(PAPER, &others, nacks), missing + 1);
        assert_eq!(cost(SWIM, &others, nacks), 0);
    }
    // Nobody there who could nack.
    assert_eq!([MEMBERLIST, PAPER, SWIM].map(|detector| cost(detector, &[B], 0)), [1, 1, 0]);
}

/// How long `B` stays suspect at `A`, which knows `others`, with so many confirmations.
fn suspicion(detector: Detector, others: &[u16], confirmations: u16) -> u128 {
    let mut world = alone_with(Config { detector, ..quiet() }, others);
    others.iter().for_each(|&other| world.puppet(other));
    let start: Instant = world.now;
    for accuser in 0..=confirmations {
        world.gossip(A, &[suspect(B, 0, 200 + accuser)]);
    }
    // Shortly before the suspicion is known to the others it would be refuted or confirmed.
    world.until(A, Event::MemberDead(id(B))).since(start).as_millis()
}

/// Difference 5: K is the multiplier less 2 in memberlist and 0 among too few; 3 in the paper.
#[test]
fn two_confirmations_suffice_in_memberlist_three_in_the_paper_and_swim_counts_none() {
    let others: Vec<u16> = (B..=10).collect();
    // N = 10: 4 s to 24 s; max - (max - min) * log(C + 1) / log(K + 1).
    let memberlist = [0, 1, 2, 3].map(|c| suspicion(MEMBERLIST, &others, c));
    assert_eq!(memberlist, [24_000, 11_381, 4_000, 4_000]);
    let paper = [0, 1, 2, 3].map(|c| suspicion(PAPER, &others, c));
    assert_eq!(paper, [24_000, 14_000, 8_150, 4_000]);
    // 4 * ceil(ln(11)) periods, whoever agrees.
    assert_eq!([0, 3].map(|c| suspicion(SWIM, &others, c)), [12_000, 12_000]);
}

/// Difference 5 in a cluster too small to confirm anything.
#[test]
fn three_nodes_wait_the_minimum_in_memberlist_and_the_maximum_in_the_paper() {
    assert_eq!(suspicion(MEMBERLIST, &[B, C], 0), 4_000);
    assert_eq!(suspicion(MEMBERLIST, &[B, C, D], 0), 24_000);
    assert_eq!(suspicion(PAPER, &[B, C], 0), 24_000);
}

/// Difference 6: only memberlist tries a stream beside the relays.
#[test]
fn the_stream_ping_is_memberlist_s_alone() {
    for (detector, expected) in [(SWIM, 0), (PAPER, 0), (MEMBERLIST, 1)] {
        let mut world = alone_with(patient(detector), &[B, C]);
        let ping = next_ping(&mut world);
        world.run(999);
        let sent = world.sent();
        let streams: Vec<_> = sent.iter().filter(|s| s.channel == Channel::Stream).collect();
        assert_eq!(streams.len(), expected, "{detector:?}");
        for stream in streams {
            assert_eq!((stream.to, millis(ping.at, stream.at)), (ping.to, 500));
            assert!(is_one_probe(stream.ping().unwrap().number, ping.ping().unwrap().number));
        }
    }
}

/// Lifeguard's third part, which SWIM lacks.
#[test]
fn the_buddy_system_is_lifeguard_s() {
    for (detector, told) in
        [(SWIM, None), (PAPER, Some(Status::Suspect)), (MEMBERLIST, Some(Status::Suspect))]
    {
        let mut world = alone_with(patient(detector), &[B]);
        world.gossip(A, &[suspect(B, 0, C)]);
        let ping = next_ping(&mut world);
        assert_eq!(ping.ping().unwrap().belief.map(|belief| belief.status), told);
    }
}

/// SWIM knows no local health.
#[test]
fn swim_probes_at_a_constant_rate_whatever_happens() {
    let mut world = alone_with(patient(SWIM), &[B, C]);
    doubt(&mut world, 20);
    let first = next_ping(&mut world);
    for period in 1..20 {
        let ping = next_ping(&mut world);
        assert_eq!(millis(first.at, ping.at), period * 1_000);
    }
}

/// Scenario 48 (SuspicionTimeout): the timeout grows with the logarithm of the members.
#[test]
fn the_shortest_suspicion_grows_with_the_cluster() {
    for (members, shortest) in [(5, 4_000), (10, 4_000), (32, 6_020), (100, 8_000)] {
        let mut world: World<128, 0> =
            World::empty(Config { gossip_interval: Duration::ZERO, ..quiet() });
        world.start(A);
        let others: Vec<u16> = (2..=members).collect();
        world.introduce(A, &others);
        others.iter().for_each(|&other| world.puppet(other));
        let start = world.now;
        for accuser in [200, 201, 202] {
            world.gossip(A, &[suspect(B, 0, accuser)]);
        }
        let died = world.until(A, Event::MemberDead(id(B)));
        assert_eq!(millis(start, died), shortest, "{members}");
    }
}
