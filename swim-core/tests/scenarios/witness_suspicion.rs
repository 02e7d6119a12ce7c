//! Suspicions under Witness: how long (R6), who is told (R7), what is tried before the verdict
//! (R8), and whose verdict is believed (R9).

use std::time::Duration;

use swim_core::wire::Belief;
use swim_core::{Config, Event, Status, Voice};

use crate::harness::*;
use crate::witness::*;

/// The floor under the tests' settings.
const FLOOR: u128 = 2_500;
/// How much longer than the accusers others wait among six members: three ticks of gossip.
const LEAD: u128 = 600;
/// From the first ping of a verification to the verdict: nine gaps, and the wait for an answer.
const VERIFICATION: u128 = 2_000;

/// `A` among six members.
fn six() -> World {
    alone_with(idle(), &others(5))
}

/// How long `B` lasts at `A` if it is accused by `accusers`.
fn lasts(world: &mut World, accusers: &[u16]) -> u128 {
    let start = world.now;
    world.gossip(A, &[accused(B, 0, accusers)]);
    millis(start, world.until(A, Event::MemberDead(id(B))))
}

/// R6
#[test]
fn the_wait_falls_from_four_floors_to_one_with_the_voices() {
    let config = Config { pause_tolerance: Duration::from_millis(1_600), ..idle() };
    for (confirmations, wait) in [6_400, 4_000, 2_600, 1_600].into_iter().enumerate() {
        let mut world = alone_with(config, &others(5));
        let accusers = &[A, C, D, E][..=confirmations];
        assert_eq!(lasts(&mut world, accusers), wait, "{confirmations} confirmations");
    }
}

/// R6
#[test]
fn who_is_not_among_the_accusers_waits_longer() {
    for accusers in [&[C][..], &[C, D], &[C, D, E, F]] {
        let mut judge = accusers.to_vec();
        judge[0] = A;
        let (first, later) = (lasts(&mut six(), &judge), lasts(&mut six(), accusers));
        assert_eq!(later, first + LEAD);
    }
}

/// R6: the lead is that of news, which grows with the logarithm.
#[test]
fn the_lead_of_the_accusers_grows_with_the_cluster() {
    for (members, lead) in [(5, 600), (7, 600), (8, 800), (15, 800), (16, 1_000)] {
        let mut world = alone_with(idle(), &others(members - 1));
        assert_eq!(lasts(&mut world, &[C, D, E, F]), FLOOR + lead, "{members}");
    }
}

/// R6
#[test]
fn new_voices_shorten_a_suspicion_from_its_start() {
    let mut world = six();
    let start = world.now;
    world.gossip(A, &[suspect(B, 0, C)]);
    world.run(500);
    world.gossip(A, &[suspect(B, 0, D)]);
    world.run(300);
    world.gossip(A, &[accused(B, 0, &[E, F])]);
    let died = world.until(A, Event::MemberDead(id(B)));
    assert_eq!(millis(start, died), FLOOR + LEAD);
}

/// R6, R8: even if the shorter time is up already, it is verified first.
#[test]
fn voices_that_come_late_do_not_replace_the_verification() {
    let mut world = six();
    world.gossip(A, &[suspect(B, 0, C)]);
    world.run(5_000);
    let told = world.now;
    world.sent();
    world.gossip(A, &[accused(B, 0, &[D, E, F])]);
    let died = world.until(A, Event::MemberDead(id(B)));
    assert_eq!(millis(told, died), VERIFICATION);
    assert_eq!(world.stats(A).verification_pings, 10);
}

/// R6, R8
#[test]
fn new_voices_do_not_disturb_a_verification_that_is_running() {
    let mut world = six();
    let start = world.now;
    world.gossip(A, &[accused(B, 0, &[A, C])]);
    next_verification(&mut world, B);
    world.gossip(A, &[suspect(B, 0, D)]);
    world.run(500);
    world.gossip(A, &[suspect(B, 0, E)]);
    let died = world.until(A, Event::MemberDead(id(B)));
    assert_eq!(millis(start, died), FLOOR * 40 / 16);
    assert_eq!(world.stats(A).verification_pings, 10);
}

/// R6: of more than four voices the smallest are kept, and its own may not be among them.
#[test]
fn an_accuser_whose_voice_is_not_kept_judges_first_all_the_same() {
    let least = first(13).into_iter().map(|member| Voice::from(id(member))).min().unwrap();
    let is_smaller = |&member: &u16| Voice::from(id(member)) < least;
    let smaller: Vec<u16> = (100..).filter(is_smaller).take(4).collect();
    let mut world = alone_with(idle(), &others(12));
    let target = next_probe(&mut world).to;
    let requests = next_stage(&mut world);
    nack_all(&mut world, &requests[..1]);
    let suspected = world.until(A, Event::MemberSuspected(id(target)));
    world.gossip(A, &[accused(target, 0, &smaller)]);
    let kept = world.ask(A).about(target).expect("the accusation").claim.voices;
    assert_eq!(kept, voices(&smaller));
    world.sent();
    let died = world.until(A, Event::MemberDead(id(target)));
    assert_eq!(millis(suspected, died), FLOOR);
    assert!(world.sent().iter().all(|sent| sent.request().is_none()), "it need not ask others");

    let mut world = alone_with(idle(), &others(12));
    assert_eq!(lasts(&mut world, &smaller), FLOOR + 800, "who has only heard of it");
}

/// R6: voices are told as long as they become more. The smallest four are kept, but whoever knows
/// four others waits no longer.
#[test]
fn a_voice_that_only_displaces_another_is_not_passed_on() {
    let mut by_voice: Vec<u16> = (100..110).collect();
    by_voice.sort_unstable_by_key(|&member| Voice::from(id(member)));
    for (known, is_told) in [(&by_voice[1..4], true), (&by_voice[1..5], false)] {
        let mut world = six();
        world.gossip(A, &[accused(B, 0, known)]);
        world.run(1_500);
        assert_eq!(world.ask(A).updates(), [], "it has been told often enough");
        world.gossip(A, &[suspect(B, 0, by_voice[0])]);
        let told = world.ask(A).about(B).map(|update| update.claim.voices);
        assert_eq!(told, is_told.then(|| voices(&by_voice[..4])));
    }
}

/// R6
#[test]
fn a_later_incarnation_is_another_suspicion() {
    let mut world = six();
    world.gossip(A, &[accused(B, 0, &[A, C, D, E])]);
    world.run(2_000);
    let start = world.now;
    world.gossip(A, &[accused(B, 1, &[A, C, D, E])]);
    assert_eq!(millis(start, world.until(A, Event::MemberDead(id(B)))), FLOOR);
}

/// R6: slow answers lengthen the floor by three times what they are above the least timeout.
#[test]
fn slow_answers_lengthen_every_wait() {
    let config = Config { probe_timeout: Duration::from_millis(500), ..idle() };
    let mut world = alone_with(config, &others(5));
    assert_eq!(lasts(&mut world, &[A, C, D, E]), FLOOR + 3 * 300);
}

/// R7
#[test]
fn the_accused_is_told_directly() {
    let mut world = alone_with(witness(), &others(12));
    let ping = next_probe(&mut world);
    let requests = next_stage(&mut world);
    nack_all(&mut world, &requests[..1]);
    world.sent();
    let suspected = world.until(A, Event::MemberSuspected(id(ping.to)));
    let told = world.sent();
    let told = told.iter().find(|sent| sent.to == ping.to && sent.is_gossip());
    let told = told.expect("a packet to the accused");
    let accusation = told.about(ping.to).expect("the accusation");
    assert_eq!((told.at, accusation.claim.status), (suspected, Status::Suspect));
    assert_eq!(accusation.claim.voices, voices(&[A, requests[0].to]));
}

/// R7
#[test]
fn a_ping_to_a_suspect_carries_what_is_held_against_it() {
    let mut world = six();
    world.gossip(A, &[accused(B, 0, &[A, C, D, E])]);
    let ping = next_verification(&mut world, B).ping().unwrap();
    assert_eq!(ping.belief, Some(Belief { incarnation: at(0), status: Status::Suspect }));
}

/// R7: what came with a ping is refuted by its ack, and to each accuser in a packet of its own.
#[test]
fn the_refutation_goes_to_the_prober_and_to_the_accusers() {
    let mut world = six();
    world.tell(A, B, ping(9, A), &[accused(A, 0, &[C, D, 77])]).unwrap();
    let sent = world.sent();
    let ack = sent.iter().find(|sent| sent.ack().is_some()).expect("an ack");
    for to in [B, C, D] {
        let refutation = sent.iter().find(|sent| sent.to == to).expect("a refutation");
        let words = refutation.about(A).expect("words of its own");
        assert_eq!((words.claim.status, words.claim.incarnation), (Status::Alive, at(1)));
    }
    assert_eq!((ack.to, sent.len()), (B, 3), "an accuser without a row has no address");
    assert_eq!((world.node(A).health_score(), world.stats(A).refutations), (0, 1));
    world.run(200);
    assert!(world.sent().iter().any(|sent| sent.is_gossip() && sent.about(A).is_some()));
}

/// R7: an accuser that is the accused itself hears nothing.
#[test]
fn nobody_refutes_to_itself() {
    let mut world = six();
    world.gossip(A, &[accused(A, 0, &[A])]);
    assert_eq!(world.sent().len(), 0);
    assert_eq!(world.node(A).incarnation(), 1);
}

/// R8
#[test]
fn ten_pings_come_before_the_verdict_and_the_last_can_be_answered() {
    let mut world = six();
    let start = world.now;
    world.gossip(A, &[accused(B, 0, &[A, C, D, E])]);
    world.until(A, Event::MemberDead(id(B)));
    let sent = world.sent();
    let pings: Vec<_> = sent.iter().filter(|s| s.to == B && s.ping().is_some()).collect();
    let times: Vec<_> = pings.iter().map(|sent| millis(start, sent.at)).collect();
    let expected: Vec<_> = (0..10).map(|n| FLOOR - VERIFICATION + n * 200).collect();
    assert_eq!(times, expected);
    let stats = world.stats(A);
    assert_eq!((stats.verification_pings, stats.deaths_declared, stats.reprieves), (10, 1, 0));
}

/// R8: a short tolerance has its pings closer together.
#[test]
fn ten_pings_fit_a_short_wait() {
    let config = Config { pause_tolerance: Duration::from_millis(700), ..idle() };
    let mut world = alone_with(config, &others(5));
    let start = world.now;
    world.gossip(A, &[accused(B, 0, &[A, C, D, E])]);
    let died = world.until(A, Event::MemberDead(id(B)));
    assert_eq!(millis(start, died), 700);
    let sent = world.sent();
    let pings = sent.iter().filter(|s| s.to == B && s.ping().is_some());
    let times: Vec<_> = pings.map(|sent| millis(start, sent.at)).collect();
    assert_eq!(times, (0..10).map(|n| 50 + n * 50).collect::<Vec<_>>());
}

/// R8: an answer without a refutation. Four floors for one voice follow, and the lead of others.
#[test]
fn who_answers_a_verification_is_reprieved() {
    for answered in [0, 4, 9] {
        let mut world = six();
        world.gossip(A, &[accused(B, 0, &[C, D])]);
        let ping = next_verification(&mut world, B);
        world.run(answered * 200 + 50);
        world.tell(A, B, ack(ping.ping().unwrap().number), &[]).unwrap();
        let reprieved = world.now;
        assert_eq!((world.stats(A).reprieves, world.stats(A).acks_unasked), (1, 0));
        // The voices from before, and those that come to them, count no more.
        world.gossip(A, &[suspect(B, 0, E)]);
        let died = world.until(A, Event::MemberDead(id(B)));
        assert_eq!(millis(reprieved, died), 4 * FLOOR + LEAD);
    }
}

/// R8
#[test]
fn a_death_of_who_has_just_answered_is_doubted_for_three_seconds() {
    for (after, status) in [(0, Status::Suspect), (2_999, Status::Suspect), (3_000, Status::Dead)] {
        let mut world = six();
        world.gossip(A, &[accused(B, 0, &[A, C, D, E])]);
        let ping = next_verification(&mut world, B);
        world.tell(A, B, ack(ping.ping().unwrap().number), &[]).unwrap();
        world.run(after);
        world.gossip(A, &[dead(B, 0)]);
        assert_eq!(world.status(A, B), Some(status), "{after} ms later");
        assert_eq!(world.stats(A).deaths_doubted, u64::from(status == Status::Suspect));
    }
}

/// R8: not even three judges are believed who say what has just been seen to be wrong.
#[test]
fn a_reprieve_stands_against_a_refusal_told_by_others() {
    let mut world = six();
    world.gossip(A, &[accused(B, 0, &[A, C, D, E])]);
    let ping = next_verification(&mut world, B);
    world.tell(A, B, ack(ping.ping().unwrap().number), &[]).unwrap();
    world.gossip(A, &[condemned(B, 0, &[C, D, E])]);
    assert_eq!(world.status(A, B), Some(Status::Suspect));
}

/// R8: an ack of an ordinary probe is as good.
#[test]
fn a_suspect_that_answers_a_probe_or_a_relay_is_reprieved() {
    for relayed in [false, true] {
        let mut world = alone_with(witness(), &others(5));
        let ping = next_probe(&mut world);
        let requests = next_stage(&mut world);
        world.gossip(A, &[suspect(ping.to, 0, 77)]);
        let from = if relayed { requests[0].to } else { ping.to };
        world.tell(A, from, ack(requests[0].request().unwrap().number), &[]).unwrap();
        assert_eq!((world.stats(A).reprieves, world.stats(A).probes_acked), (1, 1));
    }
}

/// R8 in a cluster: who lives and hears even one of ten pings refutes.
#[test]
fn one_ping_of_ten_that_arrives_saves_a_member() {
    for arriving in [1, 5, 10] {
        let mut world = cluster(idle(), &first(6));
        let mut pings = 0;
        world.lose(move |sent| {
            pings += u32::from(sent.to == B && sent.ping().is_some());
            sent.to == B && pings != arriving
        });
        world.gossip(A, &[accused(B, 0, &[A, C, D, E])]);
        world.run(20_000);
        assert_eq!(world.known(A, B), Some((Status::Alive, 1)), "number {arriving}");
        assert_eq!(world.stats(A).deaths_declared, 0);
    }
}

/// R9
#[test]
fn a_death_of_somebody_alive_here_is_a_suspicion() {
    let mut world = six();
    let start = world.now;
    world.gossip(A, &[dead(B, 0)]);
    assert_eq!(world.events(A), [Event::MemberSuspected(id(B))]);
    assert_eq!(world.stats(A).deaths_doubted, 1);
    let told = world.ask(A);
    let accusation = told.about(B).expect("what is passed on");
    assert_eq!(accusation.claim.status, Status::Suspect);
    assert_eq!(accusation.claim.voices, voices(&[STRANGER]), "whoever said so is the accuser");
    let died = world.until(A, Event::MemberDead(id(B)));
    assert_eq!(millis(start, died), 4 * FLOOR + LEAD);
}

/// R9
#[test]
fn a_death_of_who_was_suspect_for_half_a_floor_is_believed() {
    for (age, status) in [(0, Status::Suspect), (1_249, Status::Suspect), (1_250, Status::Dead)] {
        let mut world = six();
        world.gossip(A, &[suspect(B, 0, C)]);
        world.run(age);
        world.gossip(A, &[dead(B, 0)]);
        assert_eq!(world.status(A, B), Some(status), "{age} ms old");
    }
}

/// R9
#[test]
fn a_death_at_another_incarnation_is_doubted_and_begins_another_suspicion() {
    let mut world = six();
    world.gossip(A, &[accused(B, 0, &[A, C, D, E])]);
    world.run(2_000);
    let start = world.now;
    world.gossip(A, &[dead(B, 3)]);
    assert_eq!(world.known(A, B), Some((Status::Suspect, 3)));
    let died = world.until(A, Event::MemberDead(id(B)));
    assert_eq!(millis(start, died), 4 * FLOOR + LEAD);
}

/// R9: the end of who is dead or gone here already, or unknown, is no sudden death.
#[test]
fn a_death_of_who_is_not_live_here_is_not_doubted() {
    let mut world = six();
    world.gossip(A, &[left(C, 0)]);
    world.gossip(A, &[dead(C, 1), dead(50, 0)]);
    assert_eq!(world.status(A, C), Some(Status::Dead));
    assert_eq!(world.stats(A).deaths_doubted, 0);
}

/// R9: a goodbye comes from the member itself, or its like.
#[test]
fn a_goodbye_is_believed_at_once() {
    let mut world = six();
    world.gossip(A, &[left(B, 0)]);
    assert_eq!(world.events(A), [Event::MemberLeft(id(B))]);
}

/// R11's exception to R9.
#[test]
fn two_living_judges_are_believed_and_strangers_are_not() {
    let cases: [(&[u16], Status); 6] = [
        (&[C, D], Status::Dead),
        (&[A, C, D], Status::Dead),
        (&[C], Status::Suspect),
        (&[C, 77], Status::Suspect),
        (&[77, 78, 79], Status::Suspect),
        (&[C, F], Status::Suspect),
    ];
    for (judges, status) in cases {
        let mut world = six();
        world.gossip(A, &[suspect(F, 0, C)]);
        world.run(1_300);
        world.gossip(A, &[dead(F, 0)]);
        assert_eq!(world.status(A, F), Some(Status::Dead), "no judge any more");
        world.gossip(A, &[condemned(B, 0, judges)]);
        assert_eq!(world.status(A, B), Some(status), "{judges:?}");
    }
}

/// R6: a cluster too small for four voices does not wait for them.
#[test]
fn small_clusters_wait_no_longer_than_large_ones() {
    for others_count in 1..=4 {
        let mut world = alone_with(idle(), &others(others_count));
        let voices = &[A, C, D, E][..usize::from(others_count).min(4)];
        let start = world.now;
        world.gossip(A, &[accused(B, 0, voices)]);
        let died = world.until(A, Event::MemberDead(id(B)));
        assert_eq!(millis(start, died), FLOOR, "{others_count} others");
    }
}

/// R9, R11: a stranger cannot have somebody condemned by its victim and by the one it tells.
#[test]
fn neither_the_accused_nor_the_reader_is_a_judge() {
    let mut world = six();
    world.gossip(A, &[condemned(B, 0, &[A, B])]);
    assert_eq!(world.status(A, B), Some(Status::Suspect));
    world.gossip(A, &[condemned(C, 0, &[A, D])]);
    assert_eq!(world.status(A, C), Some(Status::Suspect));
    world.gossip(A, &[condemned(D, 0, &[E, F])]);
    assert_eq!(world.status(A, D), Some(Status::Dead));
}

/// Who has said goodbye says no more than that.
#[test]
fn a_node_that_has_departed_verifies_nothing() {
    let mut world = six();
    world.gossip(A, &[accused(B, 0, &[A, 77, 78, 79])]);
    world.act(A, |twin, now| twin.leave(now));
    world.until(A, Event::Departed);
    let pings = world.stats(A).verification_pings;
    world.sent();
    world.run(60_000);
    assert_eq!(world.stats(A).verification_pings, pings);
    assert!(world.sent().is_empty());
}
