//! Standing still under Witness (R12), patience, and that the baselines know nothing of it all.

use std::time::Duration;

use swim_core::{Config, Detector, Event, Identity, Status};

use crate::harness::*;
use crate::witness::*;

/// Lets `A` stand still until `lateness` after its next timer, and go on.
fn stall(world: &mut World, lateness: u64) {
    let due = world.node(A).poll_timeout().expect("a timer");
    world.now = due.after(Duration::from_millis(lateness));
    world.act(A, |twin, now| twin.handle_timeout(now));
}

fn patience(world: &World) -> u128 {
    world.node(A).patience().as_millis()
}

/// R12
#[test]
fn a_timer_in_time_is_no_stall() {
    for (lateness, stalls) in [(0, 0), (250, 0), (251, 1)] {
        let mut world = alone_with(witness(), &others(5));
        next_probe(&mut world);
        stall(&mut world, lateness);
        let stats = world.stats(A);
        assert_eq!((stats.stalls, stats.probes_void), (stalls, stalls), "{lateness} ms late");
        assert_eq!(u64::from(world.node(A).health_score()), stalls);
        assert_eq!(world.node(A).incarnation(), 0, "nobody needs to hear of so little");
    }
}

/// R12: what the others grant to everybody is not asked for.
#[test]
fn patience_is_asked_for_only_if_it_makes_a_difference() {
    // A quarter more than the stall took, against half of the floor, which is 1 250 ms.
    for (lateness, incarnation) in [(950, 0), (1_050, 1)] {
        let mut world = alone_with(witness(), &others(5));
        next_probe(&mut world);
        stall(&mut world, lateness);
        assert_eq!(world.node(A).incarnation(), incarnation, "{lateness} ms late");
    }
}

/// R12: a suspicion begins anew once; a node that stands still again and again buries the dead all
/// the same.
#[test]
fn who_keeps_standing_still_still_gives_a_verdict() {
    let mut world = alone_with(idle(), &others(5));
    world.gossip(A, &[accused(B, 0, &[A, 77, 78, 79])]);
    for _ in 0..20 {
        let now = world.now;
        world.run(1_400);
        stall(&mut world, 600);
        assert!(world.now > now);
    }
    assert!(world.events(A).contains(&Event::MemberDead(id(B))));
}

/// R12: before there is anybody to ask, starting up may take as long as it likes.
#[test]
fn a_node_that_knows_nobody_does_not_ask_for_patience() {
    let mut world = alone_with(witness(), &[]);
    stall(&mut world, 10_000);
    assert_eq!((world.stats(A).stalls, patience(&world)), (0, 0));
}

/// R12
#[test]
fn who_stood_still_accuses_nobody_for_it() {
    let mut world = alone_with(witness(), &others(5));
    next_probe(&mut world);
    world.run(300);
    world.sent();
    stall(&mut world, 60_000);
    let stats = world.stats(A);
    assert_eq!((stats.stalls, stats.probes_void, stats.probes_failed), (1, 1, 0));
    assert_eq!(world.events(A), []);
    assert!(world.sent().iter().all(|sent| sent.request().is_none()), "no stage of what is void");
}

/// R12: packets are read before timers, so it is a packet that finds out, and its news counts.
#[test]
fn a_packet_may_be_what_ends_a_stall() {
    let mut world = six_with_accused_b();
    world.run(1_000);
    world.now = world.now.after(Duration::from_secs(30));
    world.gossip(A, &[alive(B, 1)]);
    assert_eq!(world.stats(A).stalls, 1);
    world.run(20_000);
    assert_eq!(world.known(A, B), Some((Status::Alive, 1)));
    assert_eq!(world.stats(A).died, 0);
}

/// R12: nor does it matter what a driver does first when it goes on, as long as packets come before
/// timers.
#[test]
fn a_stall_is_noticed_after_outputs_were_polled() {
    let mut world = alone_with(witness(), &others(5));
    next_probe(&mut world);
    let due = world.node(A).poll_timeout().expect("a timer");
    world.now = due.after(Duration::from_secs(5));
    world.act(A, |twin, now| assert_eq!(twin.drain(now), (vec![], vec![])));
    world.act(A, |twin, now| twin.handle_timeout(now));
    assert_eq!((world.stats(A).stalls, world.stats(A).probes_void), (1, 1));
}

fn six_with_accused_b() -> World {
    let mut world = alone_with(idle(), &others(5));
    world.gossip(A, &[accused(B, 0, &[A, C, D, E])]);
    world
}

/// R12: whoever was suspect before has its whole time again.
#[test]
fn suspicions_begin_anew_after_a_stall() {
    // Before its verification, in the middle of it, and just before its end.
    for before in [100, 1_500, 2_400] {
        let mut world = six_with_accused_b();
        world.run(before);
        stall(&mut world, 10_000);
        let ended = world.now;
        assert_eq!(world.status(A, B), Some(Status::Suspect));
        world.sent();
        let died = world.until(A, Event::MemberDead(id(B)));
        assert_eq!(millis(ended, died), 2_500, "{before} ms before");
        let sent = world.sent();
        let pings = sent.iter().filter(|sent| sent.to == B && sent.ping().is_some());
        assert_eq!(pings.count(), 10, "verified from the first ping on");
    }
}

/// R12: a relay that stood still does not answer requests that were forgotten long ago.
#[test]
fn a_relay_forgets_its_requests_in_a_stall() {
    let mut world = alone_with(idle(), &[B, C]);
    world.tell(A, B, request(77, C, 200), &[]).unwrap();
    let number = world.sent().pop().unwrap().ping().unwrap().number;
    stall(&mut world, 5_000);
    assert!(world.sent().iter().all(|sent| sent.nack().is_none()));
    world.tell(A, C, ack(number), &[]).unwrap();
    assert!(world.sent().iter().all(|sent| sent.ack().is_none()));
    assert_eq!(world.stats(A).acks_unasked, 1);
}

/// R12: a quarter more than the stall was long, told with an incarnation of its own.
#[test]
fn who_stood_still_asks_for_patience() {
    let mut world = alone_with(witness(), &others(5));
    next_probe(&mut world);
    world.sent();
    stall(&mut world, 4_000);
    assert_eq!((patience(&world), world.node(A).incarnation()), (5_000, 1));
    let sent = world.sent();
    let words = sent.iter().find_map(|sent| sent.about(A)).expect("words of its own");
    assert_eq!(words.card.unwrap().patience.duration(), Duration::from_secs(5));
    assert_eq!(words.claim.incarnation, at(1));
}

/// R12: only a longer stall than ever raises it, and never above the maximum.
#[test]
fn patience_is_raised_once_for_each_longer_stall_and_capped() {
    let mut world = alone_with(witness(), &others(5));
    let mut seen = Vec::new();
    for lateness in [4_000, 4_000, 300, 3_999, 8_000, 3_600_000, 86_400_000] {
        stall(&mut world, lateness);
        seen.push((patience(&world), world.node(A).incarnation()));
    }
    let (once, twice, most) = ((5_000, 1), (10_000, 2), (15_000, 3));
    assert_eq!(seen, [once, once, once, once, twice, most, most]);
    assert_eq!(world.stats(A).stalls, 7);
    assert_eq!(world.node(A).health_score(), 7);
}

/// R12: where nobody is granted any, nobody asks.
#[test]
fn with_a_maximum_of_zero_nobody_asks_for_patience() {
    let mut world = alone_with(Config { patience_max: Duration::ZERO, ..witness() }, &others(5));
    next_probe(&mut world);
    stall(&mut world, 4_000);
    assert_eq!((patience(&world), world.node(A).incarnation()), (0, 0));
    assert_eq!(world.stats(A).stalls, 1);
}

/// R12: from an earlier life.
#[test]
fn patience_survives_a_restart_if_it_is_kept_and_is_capped_too() {
    for (kept, asked) in [(0, 0), (7_000, 7_000), (7_010, 7_100), (u64::MAX, 15_000)] {
        let mut world = world(witness());
        let patience = Duration::from_millis(kept);
        world.start_as(A, Identity { patience, ..Identity::new(id(A), A) });
        world.introduce(A, &[B]);
        assert_eq!(world.node(A).patience().as_millis(), asked);
        world.gossip(A, &[suspect(A, 0, B)]);
        let sent = world.sent();
        let words = sent.iter().find_map(|sent| sent.about(A)).expect("words of its own");
        assert_eq!(words.card.unwrap().patience.duration().as_millis(), asked);
    }
}

/// How long `B`, which asks for patience, lasts at `A` after all have accused it.
fn lasts_with(wanted: Duration, config: Config) -> u128 {
    let mut world = alone_with(config, &others(5));
    world.gossip(A, &[patient(B, 1, wanted)]);
    let start = world.now;
    world.gossip(A, &[accused(B, 1, &[A, C, D, E])]);
    millis(start, world.until(A, Event::MemberDead(id(B))))
}

/// R12: granted, and the claim of somebody who would never die is cut.
#[test]
fn patience_is_granted_up_to_the_maximum() {
    let forever = Duration::from_millis(u64::from(u16::MAX) * 100);
    let none = Config { patience_max: Duration::ZERO, ..idle() };
    for (wanted, config, lasts) in [
        (Duration::ZERO, idle(), 2_500),
        (Duration::from_secs(2), idle(), 2_500),
        (Duration::from_secs(8), idle(), 8_000),
        (forever, idle(), 15_000),
        (forever, none, 2_500),
    ] {
        assert_eq!(lasts_with(wanted, config), lasts, "{wanted:?}");
    }
}

/// R12, R6: the accusers judge first all the same.
#[test]
fn who_is_not_among_the_accusers_is_patient_for_longer() {
    let mut world = alone_with(idle(), &others(5));
    world.gossip(A, &[patient(B, 1, Duration::from_secs(8))]);
    let start = world.now;
    world.gossip(A, &[accused(B, 1, &[C, D, E, F])]);
    assert_eq!(millis(start, world.until(A, Event::MemberDead(id(B)))), 8_600);
}

/// R12
#[test]
fn the_death_of_a_patient_member_is_doubted_until_its_patience_has_passed() {
    for (age, status) in [(7_999, Status::Suspect), (8_000, Status::Dead)] {
        let mut world = alone_with(idle(), &others(5));
        world.gossip(A, &[patient(B, 1, Duration::from_secs(8))]);
        world.gossip(A, &[suspect(B, 1, C)]);
        world.run(age);
        world.gossip(A, &[dead(B, 1)]);
        assert_eq!(world.status(A, B), Some(status), "{age} ms old");
    }
}

/// R12 in a cluster: the first long pause may cost a member its life, the second does not.
#[test]
fn a_member_that_pauses_again_and_again_is_borne_with() {
    let mut world = cluster(witness(), &first(6));
    let deaths = |world: &World| first(5).iter().map(|&m| world.stats(m).died).sum::<u64>();
    let mut seen = Vec::new();
    for _ in 0..4 {
        world.run(20_000);
        world.pause(F, 6_000);
        seen.push(deaths(&world));
    }
    world.run(20_000);
    assert!(seen[0] > 0, "nobody knew what was to come");
    assert!(seen.iter().all(|&deaths| deaths == seen[0]), "{seen:?}");
    assert!(first(5).into_iter().all(|member| world.status(member, F) == Some(Status::Alive)));
    assert!(first(5).into_iter().all(|member| world.node(member).patience().is_zero()));
}

/// Their timers may be as late as they like; deaths and refusals are what they are told.
#[test]
fn the_baselines_know_nothing_of_it() {
    for detector in BASELINES {
        let mut world = alone_with(Config { detector, ..witness() }, &others(5));
        let ping = next_any_ping(&mut world);
        assert_eq!(ping.packet().header.round, 0, "{detector:?} counts no rounds");
        tell_round(&mut world, A, 500);
        for _ in 0..3 {
            world.unreachable(A, ping.to);
        }
        stall(&mut world, 5_000);
        world.gossip(A, &[patient(B, 1, Duration::from_secs(3_600))]);
        world.gossip(A, &[dead(B, 1)]);
        assert_eq!(world.status(A, B), Some(Status::Dead), "{detector:?}");
        let stats = world.stats(A);
        assert_eq!((stats.stalls, stats.rounds_jumped, stats.deaths_doubted), (0, 0, 0));
        assert_eq!((stats.refusals_heard, stats.refusals_unasked), (0, 0));
        assert_eq!((patience(&world), world.node(A).incarnation()), (0, 0));
        let next = next_any_ping(&mut world);
        assert_eq!(next.packet().header.round, 0, "{detector:?}");
    }
}

/// Neither verification nor reprieve, nor patience: suspects die by the formula.
#[test]
fn suspects_of_the_baselines_die_without_being_asked() {
    for detector in BASELINES {
        let mut world = alone_with(Config { detector, ..witness() }, &others(5));
        world.gossip(A, &[patient(B, 1, Duration::from_secs(3_600))]);
        world.gossip(A, &[B, C, D].map(|member| accused(member, u32::from(member == B), &[77])));
        let start = world.now;
        let died = world.until(A, Event::MemberDead(id(B)));
        assert!(died.since(start) < Duration::from_secs(60), "{detector:?}");
        let stats = world.stats(A);
        assert_eq!((stats.verification_pings, stats.reprieves), (0, 0));
    }
}

/// The refutation is gossip, as it was: only Witness writes to the accusers.
#[test]
fn the_baselines_refute_by_gossip_alone() {
    for detector in BASELINES.into_iter().chain([Detector::Witness]) {
        let mut world = alone_with(Config { detector, ..idle() }, &others(5));
        world.gossip(A, &[accused(A, 0, &[C, D])]);
        let told = world.sent().len();
        assert_eq!(told, if detector == Detector::Witness { 2 } else { 0 }, "{detector:?}");
    }
}

fn next_any_ping(world: &mut World) -> Sent {
    world.next(|sent| sent.from == A && sent.ping().is_some())
}
