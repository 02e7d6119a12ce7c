//! Watched members: how they are asked, what their silence amounts to, and what follows from it.

use std::time::Duration;

use swim_core::storage::WATCHED_MAX;
use swim_core::wire::{Message, Ping};
use swim_core::{
    Accrual, Config, Event, Identity, Instant, Node, PROBE_LEVEL, Status, Watch, WatchError,
};

use crate::harness::*;
use crate::witness::*;

const INTERVAL: Duration = Duration::from_millis(100);
const RAISED: Event<u16> = Event::SuspicionRaised(id_of_b());
const LOWERED: Event<u16> = Event::SuspicionLowered(id_of_b());

const fn id_of_b() -> swim_core::NodeId {
    swim_core::NodeId::new(B as u64)
}

/// `A` under Witness with a probe an hour, watching the puppet `B`, for so long.
fn watching(watch: Watch, millis: u64) -> World {
    let mut world = alone_with(idle(), &[B, C, D]);
    [B, C, D].iter().for_each(|&member| world.puppet(member));
    world.act(A, |twin, now| twin.watch(B, watch, now)).expect("room to watch");
    world.run(millis);
    world.events(A);
    world
}

fn every_100_ms() -> Watch {
    Watch::every(INTERVAL)
}

fn level(world: &World) -> Option<f32> {
    world.node(A).suspicion_level(B, world.now)
}

/// Whether a ping is one of a watch: all others say what is believed.
fn is_watch_ping(sent: &Sent) -> bool {
    sent.ping().is_some_and(|ping| ping.belief.is_none() && ping.digest.is_none())
}

fn silence(world: &mut World, member: u16) {
    world.lose(move |sent| sent.to == member);
}

#[test]
fn pings_of_a_watch_are_even_and_carry_no_news() {
    let mut world = watching(every_100_ms(), 1_050);
    world.sent();
    world.gossip(A, &[alive(77, 0)]);
    world.run(1_000);
    let pings: Vec<_> = world.sent().into_iter().filter(is_watch_ping).collect();
    assert_eq!(pings.len(), 10);
    assert!(pings.iter().all(|ping| ping.to == B && ping.updates().is_empty()));
    let stats = world.stats(A);
    assert_eq!((stats.watch_pings, stats.watch_acks), (21, 21));
    assert!(stats.probes <= 1, "{stats:?}");
    assert_eq!(level(&world).map(|level| level < 0.01), Some(true));
}

/// Each update is sent only so often: one watcher would use them all up.
#[test]
fn answers_to_a_watch_carry_no_news() {
    let mut world = alone_with(idle(), &[B]);
    world.gossip_from(B, A, &[alive(77, 0)]);
    world.sent();
    for number in 0..40 {
        // An answer may be no longer than the question.
        let bytes = forge_long(&world.header(B), ping(number, A));
        world.hand(A, B, &bytes).unwrap();
    }
    let acks = world.sent();
    assert_eq!(acks.len(), 40);
    assert!(acks.iter().all(|sent| sent.ack().is_some() && sent.updates().is_empty()));
    assert!(world.ask(A).about(77).is_some(), "others hear of it");
    world.gossip_from(B, A, &[accused(A, 0, &[B])]);
    world.sent();
    world.tell(A, B, ping(41, A), &[accused(A, 1, &[B])]).unwrap();
    let refuted = world.sent().into_iter().find(|sent| sent.ack().is_some());
    assert!(refuted.expect("an ack").about(A).is_some(), "what is said of it is answered");
}

#[test]
fn silence_raises_the_level_steadily_and_an_answer_ends_it() {
    let mut world = watching(every_100_ms(), 3_000);
    silence(&mut world, B);
    let (mut before, mut raised) = (level(&world).expect("it has answered"), None);
    for _ in 0..120 {
        world.run(5);
        let now = level(&world).expect("it is watched");
        assert!(now >= before - 1e-5, "{before} then {now}");
        before = now;
        if world.events(A).contains(&RAISED) {
            assert!(raised.is_none() && now >= Watch::LEVEL_DEFAULT, "{now}");
            raised = Some(now);
        }
    }
    assert!(raised.is_some() && before > 10.0, "{before}");
    world.tell(A, B, ack(12_345), &[]).expect("an ack");
    world.gossip_from(B, A, &[alive(B, 0)]);
    assert!(level(&world).is_some_and(|level| level >= before), "it has not answered a ping");
    let asked = world.next(is_watch_ping);
    world.tell(A, B, ack(asked.ping().expect("a ping").number), &[]).expect("an ack");
    assert_eq!(world.events(A), [LOWERED]);
    assert!(level(&world).is_some_and(|level| level < 0.01));
}

#[test]
fn the_deadline_is_the_moment_when_the_level_is_passed() {
    let watch = Watch { level: 3.0, ..every_100_ms() };
    let mut world = watching(watch, 3_000);
    silence(&mut world, B);
    world.until(A, RAISED);
    let passed = level(&world).expect("it has answered");
    assert!((3.0..3.05).contains(&passed), "{passed}");
    let just_before = world.now.before(Duration::from_millis(1));
    let before = world.node(A).suspicion_level(B, just_before).expect("a level");
    assert!(before < 3.0, "{before}");
}

#[test]
fn each_accrual_has_its_own_levels() {
    let mut levels = Vec::new();
    for accrual in [
        Accrual::Exponential,
        Accrual::Normal { deviation_min: INTERVAL / 10, pause: Duration::ZERO },
    ] {
        let mut world = watching(Watch { accrual, ..every_100_ms() }, 10_050);
        silence(&mut world, B);
        let heard = world.now;
        world.run(300);
        assert_eq!(millis(heard, world.now), 300);
        levels.push(level(&world).expect("a level"));
    }
    // 3.5 mean intervals; and 25 deviations of a tenth.
    assert!((levels[0] - 3.5 * core::f32::consts::LOG10_E).abs() < 0.02, "{levels:?}");
    assert!(levels[1] > 100.0, "{levels:?}");
}

/// Beyond [`PROBE_LEVEL`] it is probed as anybody is, relays and all, whenever its turn would come.
#[test]
fn who_is_silent_is_probed_out_of_turn_and_suspected_by_witnesses() {
    let mut world = watching(every_100_ms(), 3_000);
    world.sent();
    silence(&mut world, B);
    let probe = world.next(|sent| sent.ping().is_some_and(|ping| ping.belief.is_some()));
    assert_eq!((probe.to, world.stats(A).probes_besides), (B, 1));
    let at_probe = level(&world).expect("a level");
    assert!((PROBE_LEVEL..1.1).contains(&at_probe), "{at_probe}");
    assert_eq!(world.status(A, B), Some(Status::Alive));
    let stage = next_stage(&mut world);
    nack_all(&mut world, &stage);
    world.until(A, Event::MemberSuspected(id(B)));
    world.run(1_000);
    assert_eq!(world.stats(A).probes_besides, 1, "once for each silence");
}

/// A stall voids the probe, and not the reason for it.
#[test]
fn who_is_silent_is_probed_anew_after_a_stall() {
    let mut world = watching(every_100_ms(), 3_000);
    silence(&mut world, B);
    world.run(450);
    assert_eq!(world.stats(A).probes_besides, 1);
    world.pause(A, 2_000);
    world.run(100);
    let stats = world.stats(A);
    assert_eq!((stats.stalls, stats.probes_void, stats.probes_besides), (1, 1, 2));
}

#[test]
fn without_a_witness_nobody_is_accused_however_long_it_is_silent() {
    let mut world = watching(every_100_ms(), 3_000);
    silence(&mut world, B);
    world.murmur();
    world.run(5_000);
    let stats = world.stats(A);
    assert_eq!((stats.probes_besides, stats.suspicions_raised), (1, 0));
    assert_eq!(stats.accusations_withheld, 1);
    assert_eq!(world.status(A, B), Some(Status::Alive));
}

/// The levels are the application's; who is probed when is theirs.
#[test]
fn baselines_probe_nobody_out_of_turn() {
    for detector in BASELINES {
        let mut world = alone_with(Config { detector, ..idle() }, &[B, C, D]);
        [B, C, D].iter().for_each(|&member| world.puppet(member));
        world.act(A, |twin, now| twin.watch(B, INTERVAL, now)).expect("room to watch");
        world.run(3_000);
        let probes = world.stats(A).probes;
        silence(&mut world, B);
        world.until(A, RAISED);
        world.run(500);
        assert_eq!((world.stats(A).probes, world.stats(A).probes_besides), (probes, 0));
    }
}

/// R12, and shorter delays than count as a stall: it was not the others that kept silent.
#[test]
fn a_stall_of_this_node_raises_nobodys_level() {
    for pause in [60, 200, 5_000, 600_000] {
        let mut world = watching(every_100_ms(), 3_000);
        world.pause(A, pause);
        let stalled = level(&world).expect("a level");
        assert!(stalled < 0.01, "{stalled} after {pause} ms");
        world.run(1_000);
        assert_eq!(world.stats(A).probes_besides, 0);
        let events = world.events(A);
        assert!(!events.contains(&RAISED) && !events.contains(&LOWERED), "{events:?}");
        assert_eq!(level(&world).map(|level| level < 0.01), Some(true));
    }
}

#[test]
fn who_sleeps_as_announced_has_no_level_and_is_not_asked() {
    let mut world = watching(every_100_ms(), 3_000);
    let nap = Duration::from_secs(30);
    world.gossip(A, &[alive(B, 1).asleep(nap)]);
    world.sent();
    silence(&mut world, B);
    world.run(20_000);
    assert_eq!(level(&world), None);
    assert!(!world.sent().iter().any(is_watch_ping));
    assert_eq!(world.events(A), [Event::MemberUpdated(id(B))]);
}

#[test]
fn whoever_comes_back_is_watched_on() {
    let mut world = cluster(witness(), &[A, B, C, D]);
    world.act(A, |twin, now| twin.watch(B, INTERVAL, now)).expect("room to watch");
    world.run(5_000);
    world.kill(B);
    world.until(A, RAISED);
    world.until(A, Event::MemberDead(id(B)));
    assert_eq!(level(&world), None);
    world.sent();
    world.run(5_000);
    assert!(!world.sent().iter().any(is_watch_ping), "nobody asks the dead");
    let reaped = world.config.tombstone_time.as_millis() as u64;
    world.run(reaped);
    assert_eq!(world.status(A, B), None);
    world.start(B);
    world.join(B, C);
    world.until(A, LOWERED);
    world.run(1_000);
    assert!(level(&world).is_some_and(|level| level < 0.01));
}

#[test]
fn a_restart_nobody_missed_is_silence_and_no_more() {
    let mut world = cluster(witness(), &[A, B, C, D]);
    let watch = Watch { level: 2.0, ..every_100_ms() };
    world.act(A, |twin, now| twin.watch(B, watch, now)).expect("room to watch");
    world.run(5_000);
    world.events(A);
    world.kill(B);
    world.run(600);
    world.start(B);
    world.join(B, C);
    world.run(3_000);
    let events = world.events(A);
    assert_eq!(events.iter().filter(|event| **event == RAISED).count(), 1, "{events:?}");
    assert_eq!(events.iter().filter(|event| **event == LOWERED).count(), 1, "{events:?}");
    assert!(events.contains(&Event::MemberRestarted(id(B))), "{events:?}");
    assert!(level(&world).is_some_and(|level| level < 0.01));
}

#[test]
fn who_leaves_watches_nobody_and_watches_on_when_it_is_back() {
    let mut world = cluster(witness(), &[A, B, C]);
    world.act(A, |twin, now| twin.watch(B, INTERVAL, now)).expect("room to watch");
    world.run(3_000);
    world.act(A, |twin, now| twin.leave(now));
    world.until(A, Event::Departed);
    world.sent();
    world.run(10_000);
    assert!(!world.sent().iter().any(is_watch_ping));
    world.act(A, |twin, now| twin.rejoin(now));
    world.run(2_000);
    assert!(!world.events(A).contains(&RAISED), "it was this node that was away");
    assert!(level(&world).is_some_and(|level| level < 0.01));
}

#[test]
fn who_is_watched_no_longer_is_asked_no_more() {
    let mut world = watching(every_100_ms(), 3_000);
    silence(&mut world, B);
    world.run(2_000);
    assert!(world.act(A, |twin, _| twin.unwatch(B)));
    assert_eq!(level(&world), None);
    world.events(A);
    world.sent();
    world.run(2_000);
    assert!(!world.sent().iter().any(is_watch_ping));
    assert!(!world.act(A, |twin, _| twin.unwatch(B)));
}

#[test]
fn whom_one_cannot_watch() {
    let mut world = alone_with(idle(), &[B]);
    let mut watch =
        |member: u16, watch: Watch| world.act(A, |twin, now| twin.watch(member, watch, now));
    assert_eq!(watch(A, every_100_ms()), Err(WatchError::Oneself));
    assert_eq!(watch(B, Watch::every(INTERVAL / 100)), Err(WatchError::Interval));
    let level = f32::NAN;
    assert_eq!(watch(B, Watch { level, ..every_100_ms() }), Err(WatchError::Level));
    assert_eq!(watch(77, every_100_ms()), Ok(()), "it may come yet");
    for member in (100..).take(WATCHED_MAX - 1) {
        assert_eq!(watch(member, every_100_ms()), Ok(()));
    }
    assert_eq!(watch(B, every_100_ms()), Err(WatchError::TooMany));
}

#[test]
fn boards_watch_as_many_as_there_is_room_for() {
    use swim_core::storage::{Board, Fixed};
    let identity = Identity::new(id(A), A);
    let mut node = Node::new(identity, Config::lan(), Fixed::<32, 0>::new(), 1, Instant::ZERO)
        .expect("a node");
    let watched = (10..20).filter(|&n| node.watch(id(n), INTERVAL, Instant::ZERO).is_ok()).count();
    assert_eq!((watched, node.watched().count()), (Board::WATCHED_MAX, Board::WATCHED_MAX));
}

/// Who is probed and asked follows from the seed alone, whoever is watched.
#[test]
fn watching_changes_nothing_of_what_is_probed_while_all_answer() {
    let traces: Vec<Vec<_>> = [false, true]
        .map(|watched| {
            let mut world = cluster(witness(), &[A, B, C, D, E]);
            if watched {
                world.act(A, |twin, now| twin.watch(B, INTERVAL, now)).expect("room to watch");
            }
            world.run(30_000);
            let others = world.sent().into_iter().filter(|sent| !is_watch_ping(sent));
            let probes = others.filter_map(|sent| match sent.message() {
                Some(Message::Ping(ping)) => Some((sent.at, sent.from, sent.to, ping)),
                _ => None,
            });
            probes.collect()
        })
        .into();
    assert!(traces[0].len() > 100);
    assert_eq!(traces[0], traces[1]);
}

/// A ping every 100 ms makes no stall of a delay that is none without.
#[test]
fn a_hiccup_is_no_stall_because_of_a_watch() {
    let mut world = watching(every_100_ms(), 3_000);
    for _ in 0..5 {
        world.pause(A, 400);
        world.run(1_000);
    }
    let stats = world.stats(A);
    assert_eq!((stats.stalls, stats.probes_besides), (0, 0));
    world.pause(A, 7_200_000);
    world.run(1_000);
    assert_eq!(world.stats(A).stalls, 1);
}

#[test]
fn a_watch_at_the_end_of_time_ends() {
    use swim_core::storage::Growable;
    let identity = Identity::new(id(A), A);
    let table = Growable::new(32, 0);
    let mut node = Node::new(identity, Config::lan(), table, 1, Instant::ZERO).expect("a node");
    node.watch(id(B), INTERVAL, Instant::ZERO).expect("room to watch");
    node.handle_timeout(Instant::MAX);
    assert_eq!(node.poll_timeout(), Some(Instant::MAX));
}

/// Of many that fall silent at once one is probed out of turn, and no turn is left out for it.
#[test]
fn watched_members_that_die_together_take_no_turns_of_one_who_finds_out_alone() {
    let stats = [false, true].map(|watched| {
        let mut world = alone_with(witness(), &others(15));
        others(15).into_iter().for_each(|member| world.puppet(member));
        for member in (B..B + 8).filter(|_| watched) {
            world.act(A, |twin, now| twin.watch(member, INTERVAL, now)).expect("room");
        }
        world.run(5_000);
        world.lose(move |sent| (B..B + 8).contains(&sent.to));
        world.run(20_000);
        world.stats(A)
    });
    assert_eq!(stats[0].probes_skipped, stats[1].probes_skipped);
    assert!(stats[1].probes_besides > 4, "{:?}", stats[1]);
}

#[test]
fn whoever_is_watched_is_suspected_no_later_among_many_that_die() {
    for direct_below in [64, 0] {
        for (first, offset) in (0..15).flat_map(|first| [0, 350, 700].map(|at| (first, at))) {
            let dead = [0, 1, 2, 4, 7].map(|place| B + (first * 4 + place) % 15);
            let [without, with] =
                [false, true].map(|watched| last_stage(direct_below, watched, dead, offset));
            assert!(with <= without, "{direct_below} {dead:?}: {with} ms after {without}");
        }
    }
}

/// Milliseconds from the death of five of 15 until `A` begins the last stage of a probe of the
/// first of them.
fn last_stage(direct_below: u16, watched: bool, dead: [u16; 5], offset: u64) -> u128 {
    let mut world = alone_with(Config { direct_below, ..witness() }, &others(15));
    others(15).into_iter().for_each(|member| world.puppet(member));
    if watched {
        world.act(A, |twin, now| twin.watch(dead[0], INTERVAL / 2, now)).expect("room");
    }
    world.run(5_000 + offset);
    let start = world.now;
    world.lose(move |sent| dead.contains(&sent.to));
    let is_last = |sent: &Sent| {
        let is_last = |ping: Ping| ping.number & 3 == 3 && ping.belief.is_some();
        sent.to == dead[0] && sent.ping().is_some_and(is_last)
    };
    world.next(is_last).at.since(start).as_millis()
}
