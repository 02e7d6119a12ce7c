//! What packets of anybody can make a node do, and how much of it.

use swim_core::wire::{Header, Message, Ping};
use swim_core::{Config, Event, Status};

use crate::harness::*;

const SKEW_MAX: u32 = 1 << 20;
const LEAP: u32 = 1 << 30;

/// Everybody holds everybody for alive, and as they are.
fn agree(world: &World, members: &[u16]) -> bool {
    members.iter().all(|&node| {
        members.iter().all(|&member| {
            let incarnation = world.node(member).incarnation();
            world.known(node, member) == Some((Status::Alive, incarnation))
        })
    })
}

/// Lets time pass until all agree again; nobody may be declared dead meanwhile.
fn recovers_within(world: &mut World, members: &[u16], seconds: u64) {
    let end = world.now.after(std::time::Duration::from_secs(seconds));
    while !agree(world, members) {
        assert!(world.now < end, "they do not agree after {seconds} s");
        world.run(100);
    }
    for &node in members {
        let deaths = world.events(node).into_iter();
        let deaths = deaths.filter(|event| matches!(event, Event::MemberDead(_)));
        assert_eq!(deaths.count(), 0);
    }
}

/// Accusations, each as far as a rumour may go, while one member hears nothing of it: it must take
/// the accused for what it is as soon as the two meet.
#[test]
fn a_ratchet_of_accusations_locks_nobody_out() {
    for steps in [1, 2, 40, 3_000] {
        let mut world = cluster(Config::lan(), &[A, B, C]);
        let mut incarnation = 0u32;
        for step in 0..steps {
            world.gossip(B, &[suspect(A, incarnation.wrapping_add(SKEW_MAX), D)]);
            world.gossip(A, &[suspect(A, incarnation.wrapping_add(SKEW_MAX), D)]);
            incarnation = world.node(A).incarnation();
            assert_eq!(incarnation, (step + 1) * (SKEW_MAX + 1), "{step} of {steps}");
            world.intercept();
            // What A said next, B alone gets to hear.
            world.gossip(B, &[alive_with_boot(&world, A)]);
            world.now = world.now.after(std::time::Duration::from_millis(51));
        }
        recovers_within(&mut world, &[A, B, C], 5);
    }
}

/// The record of a node as it is.
fn alive_with_boot(world: &World, member: u16) -> swim_core::wire::Update<'static, u16> {
    let me = world.node(member).me();
    let mut update = alive(member, me.incarnation.number());
    update.card.as_mut().expect("a card").boot = me.boot;
    update
}

/// A packet in the name of a member puts it anywhere on the circle, half of it included, and
/// elsewhere in the network; the member itself overtakes that.
#[test]
fn words_put_into_the_mouth_of_a_member_are_overtaken_wherever_they_are() {
    for far in [SKEW_MAX, LEAP, LEAP + 1, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, u32::MAX] {
        let mut world = cluster(Config::lan(), &[A, B, C]);
        let header = Header { incarnation: at(far), ..world.header(A) };
        let mut forged = alive(A, far);
        forged.card.as_mut().expect("a card").address = 77;
        world.hand(B, A, &forge(&header, None, &[forged])).unwrap();
        recovers_within(&mut world, &[A, B, C], 10);
        assert_eq!(world.node(B).member(A).unwrap().address, Some(A), "{far}");
    }
}

/// The same again and again, which drives the member around the circle.
#[test]
fn a_member_that_is_driven_around_the_circle_stays_one() {
    let mut world = cluster(Config::lan(), &[A, B, C]);
    for round in 0..40u32 {
        let far = world.node(A).incarnation().wrapping_add((1 << 31) - 1);
        let victim = [B, C][round as usize % 2];
        let header = Header { incarnation: at(far), ..world.header(A) };
        world.hand(victim, A, &forge(&header, None, &[alive(A, far)])).unwrap();
        world.run(1_700);
    }
    assert!(world.stats(A).leaps > 20, "{:?}", world.stats(A).leaps);
    recovers_within(&mut world, &[A, B, C], 10);
}

/// One who missed more than half of the circle takes the member for older than it is.
#[test]
fn who_missed_half_of_the_circle_is_overtaken() {
    let mut world = cluster(Config::lan(), &[A, B, C]);
    for member in [B, C] {
        let far = if member == B { (1 << 31) - 5 } else { (1 << 31) + (1 << 30) };
        let header = Header { incarnation: at(far), ..world.header(A) };
        world.hand(member, A, &forge(&header, None, &[alive(A, far)])).unwrap();
    }
    recovers_within(&mut world, &[A, B, C], 15);
}

#[test]
fn a_belief_is_outranked_at_any_distance() {
    for far in [1, SKEW_MAX + 1, LEAP, (1 << 31) - 1, 1 << 31] {
        let mut world = cluster(Config::lan(), &[A, B, C]);
        let incarnation = at(far);
        let belief = Some(swim_core::wire::Belief { incarnation, status: Status::Alive });
        let ping = Message::Ping(Ping { number: 1, target: id(A), belief, digest: None });
        world.tell(A, B, Some(ping), &[]).unwrap();
        world.run(4_000);
        let mine = world.node(A).incarnation();
        assert!((1..=2).contains(&mine.wrapping_sub(far)), "{far}: {mine}");
        assert!(agree(&world, &[A, B, C]));
    }
}

#[test]
fn rumours_make_a_node_refute_only_so_often() {
    let mut world = alone_with(still(), &[B]);
    let max = swim_core::REFUTATIONS_PER_SECOND_MAX.into();
    for _ in 0..1_000 {
        let incarnation = world.node(A).incarnation();
        world.gossip(A, &[suspect(A, incarnation, C)]);
    }
    let stats = world.stats(A);
    assert_eq!((stats.refutations, stats.refutations_put_off), (max, 1_000 - max));
    assert_eq!(u64::from(world.node(A).incarnation()), max);
    world.run(1_000);
    let incarnation = world.node(A).incarnation();
    world.gossip(A, &[suspect(A, incarnation, C)]);
    assert_eq!(world.stats(A).refutations, max + 1);
}
