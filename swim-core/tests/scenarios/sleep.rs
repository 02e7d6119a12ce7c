//! Planned sleep: who says that it will be silent is waited for, and only so long.

use std::time::Duration;

use swim_core::wire::{Belief, Message, PingRequest};
use swim_core::{Config, Event, Identity, Instant, SleepError, Standing, Status};

use crate::harness::*;
use crate::witness::*;

const NAP: Duration = Duration::from_secs(30);

/// Five nodes of which `A` has just fallen asleep for 30 s: the world, and when it is due.
fn napping() -> (World, Instant) {
    let mut world = cluster(witness(), &[A, B, C, D, E]);
    world.run(2_000);
    world.act(A, |twin, now| twin.sleep(NAP, now)).expect("awake, and not for too long");
    let until = world.now.after(NAP);
    world.until(A, Event::Asleep);
    world.run(500);
    for member in [A, B, C, D, E] {
        world.events(member);
    }
    world.sent();
    (world, until)
}

/// When nobody will wait for `A` any more.
fn overdue(world: &World, until: Instant) -> Instant {
    until.after(world.config.sleep_margin)
}

fn asleep(world: &World, node: u16, member: u16) -> Option<bool> {
    world.node(node).member(member).map(|member| member.asleep)
}

fn pings(world: &mut World, target: u16) -> usize {
    let sent = world.sent();
    sent.iter().filter(|sent| sent.ping().is_some_and(|ping| ping.target == id(target))).count()
}

#[test]
fn who_keeps_its_word_is_neither_asked_nor_suspected_and_is_back_at_once() {
    let (mut world, until) = napping();
    for node in [B, C, D, E] {
        assert_eq!(
            (asleep(&world, node, A), world.status(node, A)),
            (Some(true), Some(Status::Alive))
        );
    }
    let left = until.since(world.now).as_millis() as u64;
    world.pause(A, left);
    assert!(world.sent().iter().all(|sent| sent.to != A && sent.from != A), "silence both ways");
    world.act(A, |twin, now| twin.handle_timeout(now));
    world.run(1_000);
    for node in [B, C, D, E] {
        assert_eq!(world.known(node, A), Some((Status::Alive, 2)));
        assert_eq!(asleep(&world, node, A), Some(false));
        assert_eq!(world.events(node), [Event::MemberUpdated(id(A))]);
    }
    let stats = world.stats(A);
    assert_eq!((stats.sleeps, stats.stalls, world.node(A).patience()), (1, 0, Duration::ZERO));
    world.run(10_000);
    assert!(pings(&mut world, A) > 5, "probed as anybody");
}

#[test]
fn who_dies_in_its_sleep_is_dead_within_the_margin_and_the_bound() {
    let (mut world, until) = napping();
    world.kill(A);
    let overdue = overdue(&world, until);
    world.run_to(overdue);
    for node in [B, C, D, E] {
        assert!(!world.events(node).contains(&Event::MemberSuspected(id(A))));
    }
    let ends = [B, C, D, E].map(|node| world.until(node, Event::MemberDead(id(A))));
    let latest = ends.into_iter().max().expect("four of them").since(overdue);
    // One round of all four, the floor, and the pings before a verdict.
    assert!(latest < Duration::from_secs(10), "{latest:?}");
}

#[test]
fn what_is_left_of_a_sleep_is_passed_on_not_all_of_it() {
    let (mut world, until) = napping();
    world.kill(A);
    let most = until.before(Duration::from_secs(10));
    world.run_to(most);
    world.start(F);
    world.join(F, B);
    world.until(F, Event::MemberJoined(id(A)));
    assert_eq!(asleep(&world, F, A), Some(true));
    let due = overdue(&world, until).after(Duration::from_millis(300));
    world.run_to(due);
    assert_eq!(asleep(&world, F, A), Some(false), "expected back when the others expect it");
}

#[test]
fn a_sleeper_answers_and_does_nothing_else() {
    let (mut world, until) = napping();
    let before = world.stats(A).packets_sent;
    world.run_to(until.before(Duration::from_secs(1)));
    assert_eq!(world.stats(A).packets_sent, before);
    let due = world.node(A).poll_timeout();
    assert_eq!(due, Some(until));
    assert!(world.ask(A).ack().is_some());
    assert_eq!((world.node(A).poll_timeout(), asleep(&world, B, A)), (Some(until), Some(true)));
}

#[test]
fn nobody_is_granted_more_than_one_s_own_limit() {
    let mut world = alone_with(Config { sleep_max: NAP, ..witness() }, &[B]);
    [B, C].iter().for_each(|&member| world.puppet(member));
    world.gossip(A, &[alive(C, 1).asleep(Duration::from_secs(86_400))]);
    assert_eq!((world.stats(A).sleeps_heard, asleep(&world, A, C)), (1, Some(true)));
    let overdue = world.now.after(NAP).after(world.config.sleep_margin);
    world.run_to(overdue.before(Duration::from_millis(1)));
    assert_eq!(asleep(&world, A, C), Some(true));
    world.run(1_000);
    assert_eq!(asleep(&world, A, C), Some(false));
    world.gossip(A, &[alive(C, 1).asleep(NAP)]);
    assert_eq!(asleep(&world, A, C), Some(false), "the same words again are not another sleep");
}

#[test]
fn whoever_says_so_at_a_later_incarnation_is_awake_or_accused() {
    for (later, status) in [(alive(C, 2), Status::Alive), (suspect(C, 1, B), Status::Suspect)] {
        let mut world = alone_with(witness(), &[B]);
        world.gossip(A, &[alive(C, 1).asleep(NAP)]);
        world.gossip(A, &[suspect(C, 0, B)]);
        assert_eq!((asleep(&world, A, C), world.status(A, C)), (Some(true), Some(Status::Alive)));
        world.gossip(A, &[later]);
        assert_eq!((asleep(&world, A, C), world.status(A, C)), (Some(false), Some(status)));
    }
}

#[test]
fn a_sleep_ends_early_when_the_application_wants() {
    let (mut world, _) = napping();
    world.act(A, |twin, now| twin.wake(now));
    world.run(1_000);
    assert_eq!(asleep(&world, B, A), Some(false));
    world.act(A, |twin, now| twin.wake(now));
    assert_eq!(world.node(A).incarnation(), 2, "who is awake has nothing to say");
}

#[test]
fn a_sleep_is_refused_to_those_who_are_gone_and_when_it_is_too_long() {
    let mut world = cluster(witness(), &[A, B]);
    let sleep_max = world.config.sleep_max;
    let long = sleep_max + Duration::from_millis(1);
    let refused = world.act(A, |twin, now| twin.sleep(long, now));
    assert_eq!(refused, Err(SleepError::TooLong { sleep_max }));
    assert_eq!(world.node(A).incarnation(), 0, "nothing was said");
    world.act(A, |twin, now| twin.leave(now));
    let refused = world.act(A, |twin, now| twin.sleep(NAP, now));
    assert_eq!(refused, Err(SleepError::NotAlive));
}

#[test]
fn who_leaves_in_its_sleep_has_left() {
    let (mut world, _) = napping();
    world.act(A, |twin, now| twin.leave(now));
    world.run(3_000);
    assert_eq!(world.node(A).standing(), Standing::Departed);
    assert_eq!(world.status(B, A), Some(Status::Left));
}

#[test]
fn the_lonely_sleep_at_once_and_the_unheard_before_long() {
    let mut world = world(witness());
    world.start(A);
    world.act(A, |twin, now| twin.sleep(NAP, now)).expect("a sleep");
    assert_eq!(world.events(A), [Event::Asleep]);
    let mut world = cluster(Config { gossip_interval: Duration::ZERO, ..still() }, &[A, B]);
    let began = world.now;
    world.act(A, |twin, now| twin.sleep(NAP, now)).expect("a sleep");
    let asleep_at = world.until(A, Event::Asleep);
    assert_eq!(asleep_at, began.after(world.config.leave_timeout));
}

#[test]
fn a_probe_of_somebody_who_falls_asleep_meanwhile_accuses_nobody() {
    let mut world = alone_with(witness(), &[B]);
    let ping = world.next(|sent| matches!(sent.message(), Some(Message::Ping(_))));
    assert_eq!(ping.to, B);
    world.gossip(A, &[alive(B, 1).asleep(NAP)]);
    world.run(20_000);
    assert_eq!(world.status(A, B), Some(Status::Alive));
    assert_eq!(world.stats(A).probes_failed, 0);
}

/// Or one lost correction would leave a nack, which is a voice.
#[test]
fn a_relay_that_knows_of_the_sleep_says_so_and_does_not_nack() {
    let mut world = alone_with(witness(), &[B]);
    world.gossip(A, &[alive(C, 1).asleep(NAP)]);
    world.sent();
    let (belief, nack_after_ms) = (Some(Belief { incarnation: at(0), status: Status::Alive }), 200);
    let request = PingRequest { number: 8, target: id(C), address: C, belief, nack_after_ms };
    world.tell(A, B, Some(Message::PingRequest(request)), &[]).expect("a request");
    world.run(3_000);
    let sent = world.sent();
    assert!(sent.iter().any(|sent| sent.to == B && sent.updates().iter().any(|u| u.id == id(C))));
    assert!(!sent.iter().any(|sent| sent.to == C || sent.nack().is_some()));
}

#[test]
fn the_last_moment_of_a_sleep_is_still_one() {
    let moment = alive(C, 1).asleep(Duration::from_micros(1));
    let mut world = alone_with(witness(), &[B]);
    world.gossip(A, &[moment]);
    assert_eq!(asleep(&world, A, C), Some(true));
}

/// It was told of in the same words, by the snapshot it restarted from; and the new life is awake.
#[test]
fn another_life_at_the_incarnation_of_the_announcement_is_awake() {
    let mut world = alone_with(witness(), &[B]);
    world.gossip(A, &[alive(C, 1).asleep(NAP)]);
    let mut again = alive(C, 1);
    again.card.as_mut().expect("a card").boot = C + 1;
    world.gossip(A, &[again]);
    assert_eq!(world.node(A).member(C).map(|member| member.boot), Some(C + 1));
    assert_eq!(asleep(&world, A, C), Some(false));
    world.sent();
    world.run(10_000);
    assert!(pings(&mut world, C) > 0, "probed as anybody");
}

/// Their refutations may have been slept through.
#[test]
fn who_sleeps_on_buries_nobody_for_it() {
    for config in [quiet(), witness()] {
        let mut world = alone_with(config, &[B]);
        world.puppet(C);
        world.introduce(A, &[C]);
        world.act(A, |twin, now| twin.sleep(NAP, now)).expect("a sleep");
        world.until(A, Event::Asleep);
        world.gossip(A, &[suspect(C, 0, B)]);
        world.pause(A, 25_000);
        world.act(A, |twin, now| twin.sleep(NAP, now)).expect("another");
        world.act(A, |twin, now| twin.handle_timeout(now));
        assert_eq!(world.status(A, C), Some(Status::Suspect));
    }
}

#[test]
fn who_lost_its_id_in_its_sleep_is_awake_when_it_rejoins() {
    let mut world = world(witness());
    world.start_as(50, Identity::new(id(A), 50));
    world.start(C);
    world.join(50, C);
    world.run(3_000);
    world.act(50, |twin, now| twin.sleep(Duration::from_secs(3_000), now)).expect("a sleep");
    world.until(50, Event::Asleep);
    world.sent();
    let mut rival = alive(A, world.node(50).incarnation());
    let card = rival.card.as_mut().expect("a card");
    (card.boot, card.address) = (u16::MAX, 51);
    world.gossip(50, &[rival, alive(C, 0)]);
    let asked = world.sent().into_iter().find(|sent| sent.to == 51).expect("a question");
    let answer = forge(&world.header(A), ack(asked.ping().expect("a ping").number), &[rival]);
    world.hand(50, 51, &answer).expect("an answer");
    assert_eq!(world.node(50).standing(), Standing::Silenced);
    world.act(50, |twin, now| twin.rejoin(now));
    world.sent();
    world.run(30_000);
    let pings = world.sent().iter().filter(|sent| sent.from == 50 && sent.ping().is_some()).count();
    assert!(pings > 5, "{pings}");
}

#[test]
fn of_every_sleep_the_application_hears() {
    let mut world = cluster(witness(), &[A, B]);
    world.run(2_000);
    let short = Duration::from_millis(100);
    world.act(A, |twin, now| twin.sleep(short, now)).expect("a sleep");
    world.run(1_000);
    assert!(world.events(A).contains(&Event::Asleep), "over before it was announced");
    let incarnation = world.node(A).incarnation();
    let refused = world.act(A, |twin, now| twin.sleep(Duration::ZERO, now));
    assert_eq!((refused, world.node(A).incarnation()), (Err(SleepError::Zero), incarnation));
}

/// Whoever hears of the sleeper in the margin is told the last of its sleep.
#[test]
fn within_the_margin_nobody_suspects_it_not_even_newcomers() {
    let config = Config { sleep_margin: NAP, ..witness() };
    let mut world = cluster(config, &[A, B, C, D, E]);
    world.run(2_000);
    world.act(A, |twin, now| twin.sleep(NAP, now)).expect("a sleep");
    let until = world.now.after(NAP);
    world.until(A, Event::Asleep);
    world.run(500);
    world.kill(A);
    world.run_to(until.after(Duration::from_millis(100)));
    world.start(F);
    world.join(F, B);
    world.run_to(until.after(Duration::from_secs(29)));
    for node in [B, C, D, E, F] {
        assert_eq!((node, world.status(node, A)), (node, Some(Status::Alive)));
    }
}

#[test]
fn a_relay_does_not_nack_about_a_sleeper_whatever_is_believed_of_it() {
    let mut world = alone_with(witness(), &[B]);
    world.gossip(A, &[alive(C, 1).asleep(NAP)]);
    world.sent();
    let (belief, nack_after_ms) = (Some(Belief { incarnation: at(1), status: Status::Alive }), 200);
    let request = PingRequest { number: 8, target: id(C), address: C, belief, nack_after_ms };
    world.tell(A, B, Some(Message::PingRequest(request)), &[]).expect("a request");
    world.run(3_000);
    assert!(!world.sent().iter().any(|sent| sent.nack().is_some()));
}

#[test]
fn who_sleeps_relays_nothing() {
    let (mut world, _) = napping();
    let request =
        PingRequest { number: 8, target: id(C), address: C, belief: None, nack_after_ms: 200 };
    for _ in 0..40 {
        world.tell(A, B, Some(Message::PingRequest(request)), &[]).expect("a request");
    }
    assert!(!world.sent().iter().any(|sent| sent.to == C));
    assert_eq!((world.stats(A).relays, world.stats(A).relays_refused), (0, 40));
}
