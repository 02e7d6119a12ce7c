//! Probes under Witness: whom (R1), how long (R2), in which stages (R3), and what may be concluded
//! (R4, R5, R11).

use std::collections::BTreeMap;
use std::time::Duration;

use swim_core::{Config, Event, Identity, Incarnation, Status};

use crate::harness::*;
use crate::witness::*;

/// Who was probed in which round, by the first pings of probes among `sent`.
fn rounds(sent: &[Sent]) -> BTreeMap<u16, Vec<u16>> {
    let mut rounds: BTreeMap<u16, Vec<u16>> = BTreeMap::new();
    for sent in sent.iter().filter(|sent| sent.ping().is_some_and(|ping| ping.number & 3 == 0)) {
        rounds.entry(sent.packet().header.round).or_default().push(sent.to);
    }
    rounds.values_mut().for_each(|targets| targets.sort_unstable());
    rounds
}

/// All rounds but the first two and the last two, which may have been begun earlier or be running.
fn assert_everybody_once(sent: &[Sent], members: &[u16], rounds_min: usize) {
    let rounds = rounds(sent);
    assert!(rounds.len() >= rounds_min + 4, "{} rounds", rounds.len());
    let inner = rounds.iter().skip(2).take(rounds.len() - 4);
    inner.for_each(|(round, targets)| assert_eq!(targets, members, "round {round}"));
}

/// R1
#[test]
fn everybody_is_probed_once_in_every_round() {
    for count in [2, 3, 7, 16] {
        let members = first(count);
        let mut world = cluster(witness(), &members);
        world.run(60_000);
        let sent = world.sent();
        assert_everybody_once(&sent, &members, 50);
        for &member in &members {
            let pings = sent.iter().filter(|sent| sent.to == member && sent.ping().is_some());
            let times: Vec<_> = pings.map(|ping| ping.at).collect();
            let longest = times.windows(2).map(|pair| pair[1].since(pair[0])).max().unwrap();
            assert!(longest < Duration::from_secs(2), "{member} waited {longest:?}");
        }
    }
}

/// R1: targets vary, or the same few would watch each other for ever.
#[test]
fn nobody_always_probes_the_same_member() {
    let members = first(8);
    let mut world = cluster(witness(), &members);
    world.run(60_000);
    let sent = world.sent();
    for &member in &members {
        let mut targets: Vec<_> =
            sent.iter().filter(|s| s.from == member && s.ping().is_some()).map(|s| s.to).collect();
        targets.sort_unstable();
        targets.dedup();
        assert_eq!(targets.len(), 7, "{member} probed {targets:?} only");
    }
}

/// R1: joins, goodbyes and crashes are soon part of the order.
#[test]
fn the_rotation_survives_joins_leaves_and_crashes() {
    let mut members = first(9);
    let mut world = cluster(witness(), &members);
    world.run(10_000);
    world.start(10);
    world.join(10, A);
    members.push(10);
    world.run(3_000);
    world.sent();
    world.run(20_000);
    assert_everybody_once(&world.sent(), &members, 15);

    world.act(B, |twin, now| twin.leave(now));
    members.retain(|&member| member != B);
    world.run(6_000);
    world.kill(B);
    world.sent();
    world.run(20_000);
    assert_everybody_once(&world.sent(), &members, 15);

    world.kill(C);
    members.retain(|&member| member != C);
    world.run(20_000);
    assert_eq!(world.status(A, C), Some(Status::Dead));
    world.sent();
    world.run(20_000);
    assert_everybody_once(&world.sent(), &members, 15);
}

/// R1: in the time when some know of a crash and others do not, the living are still probed.
#[test]
fn while_views_differ_nobody_is_left_out_for_long() {
    let members = first(12);
    let mut world = cluster(witness(), &members);
    world.run(10_000);
    world.kill(F);
    world.sent();
    world.run(15_000);
    let sent = world.sent();
    for member in members.into_iter().filter(|&member| member != F) {
        let pings = sent.iter().filter(|sent| sent.to == member && sent.ping().is_some());
        assert!(pings.count() >= 10, "{member}");
        assert_eq!(world.status(member, F), Some(Status::Dead));
    }
}

/// R1
#[test]
fn a_restarted_node_takes_up_the_round_of_the_others() {
    let members = first(6);
    let mut world = cluster(witness(), &members);
    world.run(30_000);
    let before = rounds(&world.sent()).into_keys().max().unwrap();
    world.kill(B);
    let again = Identity { incarnation: Incarnation::new(1), ..Identity::new(id(B), B) };
    world.start_as(B, again);
    world.join(B, A);
    let ping = world.next(|sent| sent.from == B && sent.ping().is_some());
    let round = ping.packet().header.round;
    assert!((before..=before + 1).contains(&round), "{round} after {before}");
    world.run(6_000);
    world.sent();
    world.run(20_000);
    assert_everybody_once(&world.sent(), &members, 15);
}

/// `A` with a `seed` of its own, and seven others who would answer it.
fn world_of_seed<const TABLE: usize>(seed: u16) -> World<TABLE, 32> {
    let mut world = World::empty(witness());
    // Starting another process first gives the next one another seed.
    (0..seed).for_each(|_| world.start(100));
    world.kill(100);
    world.start(A);
    others(7).into_iter().for_each(|member| world.puppet(member));
    world
}

/// The first pings of `A` in a table of seven others and of `more`.
fn targets_of<const TABLE: usize>(seed: u16, more: &[u16], count: usize) -> Vec<u16> {
    let mut world = world_of_seed::<TABLE>(seed);
    world.introduce(A, &others(7));
    world.introduce(A, more);
    let mut targets = Vec::new();
    while targets.len() < count {
        targets.push(world.next(|sent| sent.ping().is_some()).to);
    }
    targets
}

/// R1: a table that is full holds other members than the next one: it cannot follow the order.
#[test]
fn who_knows_only_a_part_probes_at_random() {
    let whole = [1, 2].map(|seed| targets_of::<8>(seed, &[], 70));
    assert_eq!(whole[0], whole[1], "by the round alone");
    let parts = [1, 2].map(|seed| targets_of::<8>(seed, &[20], 70));
    assert_ne!(parts[0], parts[1], "by chance");
    for targets in parts {
        for round in targets.chunks(7) {
            let mut round = round.to_vec();
            round.sort_unstable();
            assert_eq!(round, others(7), "everybody once in seven probes");
        }
    }
}

/// How many rounds both worlds have gone through in this time, and in how many of them `A` probed
/// the same member in both.
fn rounds_alike<const TABLE: usize>(
    worlds: &mut [World<TABLE, 32>; 2],
    seconds: u64,
) -> (usize, usize) {
    let [one, other] = worlds.each_mut().map(|world| {
        world.sent();
        world.run(seconds * 1_000);
        rounds(&world.sent())
    });
    let common = || one.iter().filter_map(|(round, targets)| Some((targets, other.get(round)?)));
    (common().count(), common().filter(|(targets, others)| targets == others).count())
}

/// R1: until there is room again, when it holds everybody there is.
#[test]
fn who_knew_only_a_part_follows_the_order_when_its_table_has_room() {
    let mut worlds = [1, 2].map(|seed| {
        let mut world = world_of_seed::<8>(seed);
        world.introduce(A, &others(8));
        assert_eq!(world.stats(A).table_full, 1);
        world
    });
    let (common, alike) = rounds_alike(&mut worlds, 60);
    assert!(common > 55 && alike < 30, "by chance while it is full: {alike} of {common}");
    for world in &mut worlds {
        world.gossip(A, &[left(B, 0), left(C, 0), left(D, 0)]);
        world.run(605_000);
        assert_eq!(world.status(A, B), None, "its tombstone is gone");
    }
    let (common, alike) = rounds_alike(&mut worlds, 60);
    assert!(common > 55 && alike == common, "by the round alone: {alike} of {common}");
}

/// The answer timeout of `A` after it has had four answers that took `rtt` milliseconds.
fn timeout_after(rtt: u64) -> u128 {
    let config = Config {
        probe_interval: Duration::from_secs(60),
        probe_timeout: Duration::from_millis(500),
        ..witness()
    };
    let mut world = alone_with(config, &[B, C, D]);
    for _ in 0..4 {
        let ping = next_probe(&mut world);
        world.gossip(A, &[]);
        world.run(rtt);
        world.tell(A, ping.to, ack(ping.ping().unwrap().number), &[]).unwrap();
    }
    let ping = next_probe(&mut world);
    let request = world.next(|sent| sent.request().is_some());
    millis(ping.at, request.at)
}

/// R2
#[test]
fn the_timeout_is_three_round_trips_within_its_range() {
    for (rtt, timeout) in [(0, 200), (60, 200), (70, 210), (150, 450), (700, 2_100), (1_500, 3_000)]
    {
        assert_eq!(timeout_after(rtt), timeout, "{rtt}");
    }
}

/// R2: eight seconds are after every verdict, four of which have cost health: three times as long.
#[test]
fn answers_after_the_verdict_and_bad_health_lengthen_the_timeout() {
    assert_eq!(timeout_after(8_000), 9_000);
}

/// R2: an answer to the second ping is not taken for one to the first.
#[test]
fn each_ping_has_its_own_round_trip() {
    let config = Config { probe_interval: Duration::from_secs(60), ..witness() };
    let mut world = alone_with(config, &[B, C, D]);
    for _ in 0..4 {
        let first = next_probe(&mut world);
        world.run(500);
        let second = first.ping().unwrap().number | 1;
        world.tell(A, first.to, ack(second), &[]).unwrap();
    }
    let ping = next_probe(&mut world);
    let request = world.next(|sent| sent.request().is_some());
    assert_eq!(millis(ping.at, request.at), 900, "three times 500 - 200");
}

/// R3
#[test]
fn a_probe_has_three_stages_of_a_ping_and_three_relays_that_are_new() {
    let mut world = alone_with(witness(), &others(12));
    let first = next_probe(&mut world);
    world.run(1_400);
    let number = first.ping().unwrap().number;
    let sent = world.sent();
    let pings = sent.iter().filter(|s| s.ping().is_some_and(|ping| ping.number & !3 == number));
    let pings: Vec<_> = pings.map(|s| (millis(first.at, s.at), s.to)).collect();
    assert_eq!(pings, [0, 200, 600, 1_000].map(|at| (at, first.to)));
    let requests: Vec<_> = sent
        .iter()
        .filter(|s| s.request().is_some_and(|request| request.number & !3 == number))
        .collect();
    let times: Vec<_> = requests.iter().map(|s| millis(first.at, s.at)).collect();
    assert_eq!(times, [200, 200, 200, 600, 600, 600, 1_000, 1_000, 1_000]);
    let mut relays: Vec<_> = requests.iter().map(|s| s.to).collect();
    relays.sort_unstable();
    relays.dedup();
    assert_eq!(relays.len(), 9);
    assert!(!relays.contains(&first.to) && !relays.contains(&A));
    assert_eq!(world.stats(A).probes_failed, 1);
}

/// R3
#[test]
fn when_all_relays_have_nacked_the_next_stage_begins_at_once() {
    let mut world = alone_with(witness(), &others(12));
    let ping = next_probe(&mut world);
    for _ in 0..3 {
        let requests = next_stage(&mut world);
        assert_eq!(requests.len(), 3);
        assert_eq!(millis(ping.at, requests[0].at), 200);
        nack_all(&mut world, &requests);
    }
    world.run(0);
    assert_eq!(world.status(A, ping.to), Some(Status::Suspect));
    assert_eq!(millis(ping.at, world.now), 200, "an accusation without waiting for anybody");
}

/// R3: one silent relay among them is waited for.
#[test]
fn one_silent_relay_is_waited_for_twice_the_timeout() {
    let mut world = alone_with(witness(), &others(12));
    let ping = next_probe(&mut world);
    let requests = next_stage(&mut world);
    nack_all(&mut world, &requests[..2]);
    let requests = next_stage(&mut world);
    assert_eq!(millis(ping.at, requests[0].at), 600);
    nack_all(&mut world, &requests);
    let requests = next_stage(&mut world);
    assert_eq!(millis(ping.at, requests[0].at), 1_000, "it is still silent");
}

/// R3
#[test]
fn an_ack_of_any_stage_ends_the_probe() {
    for stage in 0..=3 {
        let mut world = alone_with(witness(), &others(12));
        let ping = next_probe(&mut world);
        world.run([0, 300, 700, 1_300][stage]);
        let number = ping.ping().unwrap().number | stage as u32;
        world.tell(A, ping.to, ack(number), &[]).unwrap();
        world.sent();
        world.run(600);
        let late = |sent: &Sent| sent.request().is_some_and(|r| r.number & !3 == number & !3);
        assert!(!world.sent().iter().any(late), "stage {stage}");
        assert_eq!(world.stats(A).probes_acked, 1);
        assert_eq!((world.status(A, ping.to), world.events(A)), (Some(Status::Alive), vec![]));
    }
}

/// R3: the relay's half. Its own timeout is 200 ms.
#[test]
fn a_relay_pings_twice_and_nacks_at_its_own_timeout_or_later() {
    for (wanted, nacks) in [(100, Some(200)), (200, Some(200)), (400, Some(400)), (0, None)] {
        let mut world = alone_with(idle(), &[B, C]);
        let start = world.now;
        world.tell(A, B, request(77, C, wanted), &[]).unwrap();
        world.run(2_000);
        let sent = world.sent();
        let pings = sent.iter().filter(|sent| sent.to == C && sent.ping().is_some());
        let times: Vec<_> = pings.map(|sent| millis(start, sent.at)).collect();
        assert_eq!(times, [0, 100]);
        let nack = sent.iter().find(|sent| sent.nack().is_some());
        assert_eq!(nack.map(|sent| millis(start, sent.at)), nacks);
        if let Some(sent) = nack {
            let nack = sent.nack().unwrap();
            assert_eq!((sent.to, nack.number, nack.refused), (B, 77, false));
        }
    }
}

/// R3: the number of the first ping and of the second is the same, so either answer counts.
#[test]
fn a_relay_that_was_answered_pings_no_second_time() {
    let mut world = alone_with(idle(), &[B, C]);
    world.tell(A, B, request(77, C, 200), &[]).unwrap();
    let number = world.sent().pop().unwrap().ping().unwrap().number;
    world.run(50);
    world.tell(A, C, ack(number), &[]).unwrap();
    assert_eq!(world.sent().pop().unwrap().ack().unwrap().number, 77);
    world.run(2_000);
    assert_eq!(world.sent().len(), 0);
}

/// R4
#[test]
fn without_a_nack_nobody_is_accused_and_health_suffers() {
    let mut world = alone_with(witness(), &others(12));
    next_probe(&mut world);
    world.run(1_400);
    let stats = world.stats(A);
    assert_eq!(
        (stats.probes_failed, stats.accusations_withheld, stats.suspicions_raised),
        (1, 1, 0)
    );
    assert_eq!((world.node(A).health_score(), world.events(A)), (1, vec![]));
}

/// R4: never, however long this goes on, as long as anybody at all is heard; and health gets no
/// worse than 8.
#[test]
fn who_hears_no_answers_accuses_nobody() {
    let mut world = alone_with(witness(), &others(12));
    world.murmur();
    world.run(600_000);
    assert_eq!(world.events(A), []);
    assert_eq!((world.stats(A).suspected, world.node(A).health_score()), (0, 8));
}

/// R4: where there is nobody to ask, nobody can nack.
#[test]
fn without_relays_the_prober_is_the_only_witness() {
    let mut world = alone_with(witness(), &[B]);
    let ping = next_probe(&mut world);
    let suspected = world.until(A, Event::MemberSuspected(id(B)));
    assert_eq!(millis(ping.at, suspected), 800, "four pings");
    assert_eq!((world.node(A).health_score(), world.stats(A).accusations_withheld), (0, 0));
}

/// R4: health costs a point a probe without any nack, and a success brings one back.
#[test]
fn nacks_keep_health_and_acks_mend_it() {
    let mut world = alone_with(witness(), &others(12));
    let first = next_probe(&mut world);
    let requests = next_stage(&mut world);
    nack_all(&mut world, &requests[..1]);
    world.until(A, Event::MemberSuspected(id(first.to)));
    assert_eq!((world.stats(A).probes_failed, world.node(A).health_score()), (1, 0));

    let mut world = alone_with(witness(), &others(12));
    next_probe(&mut world);
    world.run(1_400);
    assert_eq!(world.node(A).health_score(), 1);
    others(12).into_iter().for_each(|member| world.puppet(member));
    next_probe(&mut world);
    world.run(0);
    assert_eq!(world.node(A).health_score(), 0);
}

/// R5
#[test]
fn nacks_are_voices_and_the_first_three_are_heard() {
    for nacks in 1..=9 {
        let mut world = alone_with(witness(), &others(12));
        let ping = next_probe(&mut world);
        let mut accusers = vec![A];
        for _ in 0..3 {
            let requests = next_stage(&mut world);
            let wanted = (nacks + 1 - accusers.len()).min(requests.len());
            nack_all(&mut world, &requests[..wanted]);
            accusers.extend(requests[..wanted].iter().map(|request| request.to));
        }
        world.until(A, Event::MemberSuspected(id(ping.to)));
        accusers.truncate(4);
        let told = world.ask(A);
        let accusation = told.about(ping.to).expect("the accusation");
        assert_eq!(accusation.claim.status, Status::Suspect);
        assert_eq!(accusation.claim.voices, voices(&accusers), "{nacks} nacks");
    }
}

/// R5: together with R3 and R6. Real relays need 200 ms each: two stages with somebody to ask, and
/// one without.
#[test]
fn a_crash_is_known_a_floor_after_the_probe_has_failed() {
    let mut world = cluster(witness(), &first(6));
    world.run(10_000);
    world.kill(F);
    let ping = world.next(|sent| sent.to == F && sent.ping().is_some());
    let (prober, start) = (ping.from, ping.at);
    let suspected = world.until(prober, Event::MemberSuspected(id(F)));
    assert_eq!(millis(start, suspected), 200 + 200 + 200 + 200);
    let died = world.until(prober, Event::MemberDead(id(F)));
    assert_eq!(millis(suspected, died), 2_500);
    world.run(1_000);
    for member in first(5) {
        assert_eq!(world.status(member, F), Some(Status::Dead), "{member}");
    }
}

/// A probe of `A` that its target's host refuses: the target, and the requests to relays that are
/// sent at once.
fn refused_probe(world: &mut World) -> (u16, Vec<Sent>) {
    let ping = next_probe(world);
    world.unreachable(A, ping.to);
    let requests = next_stage(world);
    assert_eq!(requests[0].at, ping.at, "relays are asked at once");
    (ping.to, requests)
}

fn nack_refused(world: &mut World, request: &Sent) {
    world.tell(A, request.to, refused(request.request().unwrap().number), &[]).unwrap();
}

/// R11
#[test]
fn who_is_refused_to_three_sides_is_dead_at_once() {
    let mut world = alone_with(witness(), &others(12));
    let (target, requests) = refused_probe(&mut world);
    nack_refused(&mut world, &requests[0]);
    nack_refused(&mut world, &requests[1]);
    assert_eq!(world.status(A, target), Some(Status::Alive), "the second ping is on its way");
    world.unreachable(A, target);
    assert_eq!(world.events(A), [Event::MemberDead(id(target))]);
    let told = world.ask(A);
    let verdict = told.about(target).expect("the verdict");
    let judges = voices(&[A, requests[0].to, requests[1].to]);
    assert_eq!((verdict.claim.status, verdict.claim.voices), (Status::Dead, judges));
    assert_eq!((world.stats(A).deaths_declared, world.stats(A).refusals_heard), (1, 2));
}

/// R11: a restarting process is refused for a moment. One refusal here is not enough, whatever the
/// relays say.
#[test]
fn who_was_refused_once_only_is_not_dead() {
    let mut world = alone_with(witness(), &others(12));
    let (target, requests) = refused_probe(&mut world);
    requests.iter().for_each(|request| nack_refused(&mut world, request));
    assert_eq!(world.status(A, target), Some(Status::Alive));
    let requests = next_stage(&mut world);
    let number = requests[0].request().unwrap().number;
    world.tell(A, target, ack(number), &[]).unwrap();
    world.run(500);
    assert_eq!((world.status(A, target), world.stats(A).suspected), (Some(Status::Alive), 0));
}

/// R11: this node alone, or with one relay that agrees.
#[test]
fn who_is_refused_to_one_or_two_sides_is_not_dead_at_once() {
    for agreeing in [0, 1] {
        let mut world = alone_with(witness(), &others(12));
        let (target, requests) = refused_probe(&mut world);
        (0..5).for_each(|_| world.unreachable(A, target));
        requests[..agreeing].iter().for_each(|request| nack_refused(&mut world, request));
        nack_all(&mut world, &requests[agreeing..]);
        world.run(900);
        assert_ne!(world.status(A, target), Some(Status::Dead), "{agreeing} agree");
        assert_eq!(world.stats(A).deaths_declared, 0);
    }
}

/// R11: relays alone are no judges.
#[test]
fn what_relays_are_told_is_not_enough_without_a_refusal_here() {
    let mut world = alone_with(witness(), &others(12));
    let ping = next_probe(&mut world);
    for _ in 0..3 {
        let requests = next_stage(&mut world);
        requests.iter().for_each(|request| nack_refused(&mut world, request));
    }
    world.run(0);
    assert_eq!(world.status(A, ping.to), Some(Status::Suspect));
    assert_eq!(world.stats(A).deaths_declared, 0);
}

/// R11: the relay's half.
#[test]
fn a_relay_passes_a_refusal_on_at_once() {
    let mut world = alone_with(idle(), &[B, C, D]);
    world.tell(A, B, request(77, C, 200), &[]).unwrap();
    world.tell(A, D, request(78, C, 200), &[]).unwrap();
    world.sent();
    world.unreachable(A, C);
    let answers: Vec<_> = world.sent().iter().map(|s| (s.to, s.nack().unwrap())).collect();
    assert_eq!(answers.len(), 2);
    for (asker, number) in [(B, 77), (D, 78)] {
        assert!(
            answers
                .iter()
                .any(|(to, nack)| { (*to, nack.number, nack.refused) == (asker, number, true) })
        );
    }
    world.run(2_000);
    assert_eq!(world.sent().len(), 0, "no second ping and no second nack");
    assert_eq!((world.stats(A).refusals_heard, world.status(A, C)), (1, Some(Status::Alive)));
}

/// R11 in a cluster: no time passes between the first probe and the verdict, and the others believe
/// it of somebody whom they hold alive.
#[test]
fn a_dead_process_on_a_living_host_is_known_at_once() {
    for count in [2, 3, 4, 8] {
        let mut world = cluster(witness(), &first(count));
        world.run(10_000);
        first(count).into_iter().for_each(|member| drop(world.events(member)));
        world.kill(B);
        world.refuse(B);
        let ping = world.next(|sent| sent.to == B && sent.ping().is_some());
        let died = world.until(ping.from, Event::MemberDead(id(B)));
        assert_eq!(millis(ping.at, died), 0, "{count} members");
        world.run(1_000);
        for member in first(count).into_iter().filter(|&member| member != B) {
            assert_eq!(world.events(member), [Event::MemberDead(id(B))], "to {member} of {count}");
        }
    }
}

/// R11: who comes back before it is probed again lives.
#[test]
fn a_process_that_restarts_between_two_probes_is_not_declared_dead() {
    let mut world = cluster(witness(), &first(4));
    world.run(10_000);
    world.kill(B);
    world.refuse(B);
    let again = Identity { incarnation: Incarnation::new(1), ..Identity::new(id(B), B) };
    let ping = world.next(|sent| sent.to == B && sent.ping().is_some());
    world.intercept();
    world.unreachable(ping.from, B);
    world.start_as(B, again);
    world.join(B, A);
    world.run(5_000);
    for member in [A, C, D] {
        assert_eq!(world.known(member, B), Some((Status::Alive, 1)));
        assert_eq!(world.stats(member).died, 0);
    }
}
