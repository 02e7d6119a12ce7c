//! What packets of anybody can make a node do, and how much of it.

use std::time::Duration;

use swim_core::wire::{
    Belief, Busy, Cookie, Digest, Header, Join, Message, Ping, Pull, Refuse, Sync, SyncReply,
    Update, Welcome,
};
use swim_core::{Config, Event, JoinError, Refusal, Rejected, Status};

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
    let end = world.now.after(Duration::from_secs(seconds));
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
            world.now = world.now.after(Duration::from_millis(51));
        }
        recovers_within(&mut world, &[A, B, C], 5);
    }
}

/// The record of a node as it is.
fn alive_with_boot(world: &World, member: u16) -> Update<'static, u16> {
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
        let belief = Some(Belief { incarnation, status: Status::Alive });
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

/// Somewhere in the network, where nobody takes part: a packet in its name is forged.
const VICTIM: u16 = 77;
/// Members whom the attacked node knows for long.
const KNOWN: [u16; 3] = [B, C, D];

fn every_message(number: u32, target: u16) -> Vec<Option<Message<u16>>> {
    let belief = Some(Belief { incarnation: at(0), status: Status::Dead });
    let digest = Some(Digest { members: 9, fingerprint: number });
    let (cookie, len_max) = (number, 1_400);
    let whole = Pull { number, cookie, from: 0, last: u64::MAX, len_max };
    let mut elsewhere = request(number, target, 300);
    if let Some(Message::PingRequest(request)) = &mut elsewhere {
        request.address = VICTIM;
    }
    let (hop, members) = (2, 9);
    vec![
        None,
        ping(number, A),
        Some(Message::Ping(Ping { number, target: id(A), belief, digest })),
        ack(number),
        request(number, target, 300),
        request(number, VICTIM, 300),
        request(number, A, 300),
        elsewhere,
        nack(number),
        Some(Message::Join(Join { number })),
        Some(Message::Welcome(Welcome { number, members, cookie })),
        Some(Message::Refuse(Refuse { number, reason: Refusal::Leaving })),
        Some(Message::Pull(whole)),
        Some(Message::Pull(Pull { cookie: 0, ..whole })),
        last_page(number),
        Some(Message::Sync(Sync { number, cookie: 0, hop: 0, len_max })),
        Some(Message::Sync(Sync { number, cookie, hop, len_max })),
        Some(Message::SyncReply(SyncReply { number, hop, members, len_max })),
        Some(Message::Cookie(Cookie { number, cookie })),
        Some(Message::Busy(Busy { number })),
    ]
}

/// What is told beside a message: nothing, what makes the victim a member, what makes the reader
/// answer its accusers, and what makes it look for a rival.
fn every_record(sender: u16, number: u32) -> Vec<Vec<Update<'static, u16>>> {
    let there = |member, incarnation| {
        let mut update = alive(member, incarnation);
        update.card.as_mut().expect("a card").address = VICTIM;
        update
    };
    vec![
        vec![],
        vec![there(sender, 0)],
        vec![there(sender, number), suspect(sender, number, B)],
        vec![there(sender, 0), alive(sender, 0), there(sender, 0), alive(sender, 0)],
        vec![accused(A, number, &[B, C, D, sender])],
        vec![there(A, number)],
        vec![there(VICTIM, 0), dead(B, 0), suspect(C, 0, sender)],
    ]
}

/// A packet of some length.
fn forge_of_len(
    header: &Header,
    message: Option<Message<u16>>,
    updates: &[Update<'_, u16>],
    len: usize,
) -> Vec<u8> {
    let mut bytes = forge(header, message, updates);
    if let Some(zeros) = len.checked_sub(bytes.len() + 3).filter(|&zeros| zeros > 127) {
        bytes.extend([zeros as u8 | 128, (zeros >> 7) as u8, 16]);
        bytes.resize(bytes.len() + zeros, 0);
    }
    bytes
}

#[test]
fn nobody_can_be_sent_more_than_was_sent_in_its_name() {
    for many in [false, true] {
        for len in [0, 300, 1_400] {
            amplify(many, len);
        }
    }
}

fn amplify(many: bool, len: usize) {
    let mut world = World::<64, 32>::empty(Config::lan());
    world.start(A);
    world.introduce(A, &KNOWN);
    KNOWN.iter().for_each(|&member| world.puppet(member));
    world.run(10_000);
    world.sent();
    let (mut from_victim, mut to_victim, mut number) = (0, 0, 0);
    while number < 1_700 {
        let sender = if many { 100 + number as u16 } else { 100 };
        let records = every_record(sender, number);
        let messages = every_message(number, KNOWN[number as usize % 3]);
        for (message, updates) in messages
            .into_iter()
            .flat_map(|message| records.iter().map(move |updates| (message, updates)))
            .skip(number as usize % 7)
            .step_by(7)
        {
            let bytes = forge_of_len(&world.header(sender), message, updates, len);
            world.run(5);
            to_victim += bytes_to_victim(&mut world);
            // A refusal nobody asked for counts as any other packet.
            let _ = world.hand(A, VICTIM, &bytes);
            (to_victim, from_victim) =
                (to_victim + bytes_to_victim(&mut world), from_victim + bytes.len());
            assert!(
                to_victim <= from_victim,
                "{to_victim} for {from_victim}: {message:?} {updates:?}"
            );
            number += 1;
        }
    }
    world.run(60_000);
    to_victim += bytes_to_victim(&mut world);
    assert!(to_victim <= from_victim, "{to_victim} for {from_victim}, {many} {len}");
}

fn bytes_to_victim<const MEMBERS: usize, const METADATA: usize>(
    world: &mut World<MEMBERS, METADATA>,
) -> usize {
    let sent = world.sent();
    sent.iter().filter(|sent| sent.to == VICTIM).map(|sent| sent.bytes.len()).sum()
}

/// Whoever asks for a relay in another's name gets one answer, and no packet to anywhere else.
#[test]
fn a_relay_pings_for_strangers_only_where_it_knows_the_target_to_be() {
    let mut world = alone_with(still(), &[B, C]);
    for (target, address, relayed) in [(C, C, true), (C, VICTIM, false), (VICTIM, VICTIM, false)] {
        let mut message = request(u32::from(target), target, 300);
        if let Some(Message::PingRequest(request)) = &mut message {
            request.address = address;
        }
        let bytes = forge(&world.header(STRANGER), message, &[]);
        world.hand(A, STRANGER, &bytes).unwrap();
        let sent = world.sent();
        assert_eq!(sent.len(), usize::from(relayed), "{target} at {address}");
        assert!(sent.iter().all(|sent| sent.to == C && sent.bytes.len() <= bytes.len()));
    }
    assert_eq!(world.stats(A).relays_refused, 2);
    // The same once more is a replay.
    world.tell(A, STRANGER, request(C.into(), C, 300), &[]).unwrap();
    assert_eq!((world.sent().len(), world.stats(A).relays_repeated), (0, 1));
    world.run(2_000);
    let nacks = world.sent();
    assert_eq!(nacks.iter().filter(|sent| sent.to == STRANGER).count(), 1);
}

/// A member that others doubt, and who is given no more than it sends, hears of it all the same.
#[test]
fn who_is_doubted_hears_of_it_in_the_room_of_its_own_ping() {
    for leaf in [false, true] {
        let config =
            Config { anti_entropy: !leaf, gossip_interval: Duration::ZERO, ..Config::lan() };
        let mut world = cluster(config, &[A, B]);
        world.run(3_000);
        world.gossip(B, &[accused(A, 0, &[C, D, E])]);
        world.next(|sent| sent.from == A && sent.ping().is_some());
        world.run(0);
        assert_eq!(world.node(A).incarnation(), 1, "{leaf}");
    }
}

/// Two that doubt each other get no more than they send, and leave room for the refutation.
#[test]
fn a_ping_to_the_doubted_leaves_room_for_its_refutation() {
    let mut world = world(Config { gossip_interval: Duration::ZERO, ..Config::lan() });
    [A, B].iter().for_each(|&member| world.start(member));
    world.act(B, |twin, now| twin.set_metadata(&[7; 30], now)).unwrap();
    world.acquaint(&[A, B]);
    world.run(3_000);
    let incarnation = world.node(B).incarnation();
    world.gossip(B, &[accused(A, 0, &[C, D, E])]);
    world.gossip(A, &[accused(B, incarnation, &[C, D, E])]);
    world.intercept();
    world.next(|sent| sent.from == A && sent.to == B && sent.ping().is_some());
    world.run(0);
    assert_eq!(world.known(A, B), Some((Status::Alive, incarnation + 1)));
}

/// A packet that names `count` unknown members, or a few packets if need be.
fn name_many(world: &mut World<512, 0>, from: u16, message: Option<Message<u16>>, count: u16) {
    let updates: Vec<_> = (100..100 + count).map(|member| alive(member, 0)).collect();
    let bytes = forge(&world.header(from), message, &updates);
    world.hand(A, from, &bytes).expect("a packet");
}

#[test]
fn strangers_introduce_only_so_many_at_once_and_in_a_second() {
    let config = Config { newcomers_per_second_max: 100, ..still() };
    let mut world = World::<512, 0>::empty(config);
    world.start(A);
    for (taken, ignored) in [(64, 136), (100, 300), (100, 500)] {
        name_many(&mut world, STRANGER, None, 200);
        let stats = world.stats(A);
        let known = world.node(A).live_count() - 1;
        // Those known by now are no newcomers.
        assert_eq!(known, taken);
        assert!(stats.ignored_newcomers <= ignored && stats.ignored_newcomers > 0);
    }
    // An answer nobody asked for is worth no more.
    world.now = world.now.after(Duration::from_secs(1));
    name_many(&mut world, STRANGER, last_page(7), 300);
    assert_eq!(world.node(A).live_count() - 1, 164);
}

#[test]
fn a_settled_member_introduces_as_many_as_it_likes() {
    let config = Config { newcomers_per_second_max: 1, ..still() };
    let mut world = World::<512, 0>::empty(config);
    world.start(A);
    world.introduce(A, &[B]);
    name_many(&mut world, B, None, 300);
    assert_eq!((world.node(A).live_count(), world.stats(A).ignored_newcomers), (302, 0));
    // Not so who only says that it is that member.
    let updates: Vec<_> = (600..700).map(|member| alive(member, 0)).collect();
    let bytes = forge(&world.header(B), None, &updates);
    world.hand(A, VICTIM, &bytes).expect("a packet");
    assert_eq!(world.node(A).live_count(), 302);
}

#[test]
fn accusers_that_somebody_makes_up_are_answered_only_so_often_and_briefly() {
    let mut world =
        alone_with(Config { gossip_interval: Duration::ZERO, ..Config::lan() }, &[B, C, D, E]);
    world.sent();
    for _ in 0..20 {
        let incarnation = world.node(A).incarnation();
        world.gossip(A, &[accused(A, incarnation, &[B, C, D, E]), alive(F, incarnation)]);
    }
    let max = u64::from(swim_core::ACCUSERS_PER_SECOND_MAX);
    let answers = world.sent();
    assert_eq!((answers.len() as u64, world.stats(A).accusers_unanswered), (max, 80 - max));
    for answer in answers {
        let told = answer.updates();
        assert!(told.len() == 1 && told[0].id == id(A), "{told:?}");
    }
}

#[test]
fn nobody_is_a_member_where_no_member_may_be() {
    let mut world = alone_with(Config::lan(), &[B, C]);
    world.act(A, |twin, _| twin.allow(|&address| address < 100));
    world.sent();
    let there = |member, incarnation| {
        let mut update = alive(member, incarnation);
        update.card.as_mut().expect("a card").address = 700;
        update
    };
    // From there.
    assert_eq!(world.tell(A, 700, ping(1, A), &[]), Err(Rejected::Forbidden));
    // About somebody there: a newcomer, a known member, this node itself.
    world.gossip_from(B, A, &[there(D, 0), there(B, 9)]);
    assert_eq!((world.known(A, D), world.known(A, B)), (None, Some((Status::Alive, 0))));
    world.gossip_from(B, A, &[there(A, 9)]);
    // A request to ping there, a seed, an acquaintance.
    let mut elsewhere = request(7, D, 300);
    if let Some(Message::PingRequest(request)) = &mut elsewhere {
        request.address = 700;
    }
    world.tell(A, B, elsewhere, &[]).unwrap();
    assert_eq!(world.act(A, |twin, now| twin.join(700, now)), Err(JoinError::Forbidden));
    assert!(!world.act(A, |twin, now| twin.remember(700, now)));
    world.run(60_000);
    assert!(world.sent().iter().all(|sent| sent.to < 100));
    let stats = world.stats(A);
    assert_eq!((stats.rejected_forbidden, stats.ignored_forbidden), (1, 5));
}
