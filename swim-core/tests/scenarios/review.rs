//! What a strict reader expects of the bounds.

use swim_core::wire::{Header, Message};
use swim_core::{Config, Standing};

use crate::harness::*;

const VICTIM: u16 = 77;

fn bytes_to(sent: &[Sent], to: u16) -> usize {
    sent.iter().filter(|sent| sent.to == to).map(|sent| sent.bytes.len()).sum()
}

/// The source is forged: that of a member, which is well known. The victim takes no part.
#[test]
fn a_request_in_the_name_of_a_member_sends_no_more_to_third_parties_than_it_has_bytes() {
    let mut world = World::<64, 32>::empty(Config::lan());
    world.start(A);
    world.introduce(A, &[B, C, D]);
    [B, C, D].iter().for_each(|&member| world.puppet(member));
    world.run(10_000);
    world.sent();
    let (mut asked, mut sent) = (0, 0);
    for number in 0..2_000 {
        let mut message = request(number, VICTIM, 300);
        if let Some(Message::PingRequest(request)) = &mut message {
            request.address = VICTIM;
        }
        // Something to talk about.
        let news = (number % 5 == 0).then(|| alive(200 + (number / 5 % 30) as u16, number));
        let bytes = forge(&world.header(B), message, news.as_slice());
        asked += bytes.len();
        world.hand(A, B, &bytes).unwrap();
        world.run(100);
        sent += bytes_to(&world.sent(), VICTIM);
    }
    assert!(sent <= asked, "{sent} bytes to the victim for {asked}");
}

#[test]
fn a_ping_in_the_name_of_a_member_brings_it_no_more_than_it_has_bytes() {
    let mut world = World::<64, 32>::empty(Config::lan());
    world.start(A);
    world.introduce(A, &[B, C, D]);
    [C, D].iter().for_each(|&member| world.puppet(member));
    world.sent();
    let (mut asked, mut sent) = (0, 0);
    for number in 0..1_000 {
        let news = (number % 20 == 0).then(|| {
            let accused = world.node(A).incarnation();
            vec![suspect(A, accused, B), alive(200 + (number / 20 % 30) as u16, number)]
        });
        let bytes = forge(&world.header(B), ping(number, A), &news.unwrap_or_default());
        asked += bytes.len();
        world.hand(A, B, &bytes).unwrap();
        sent += bytes_to(&world.sent(), B);
        world.now = world.now.after(std::time::Duration::from_micros(10));
    }
    assert!(sent <= asked, "{sent} bytes to the member for {asked}");
}

/// Metadata is part of the question whether there is a rival.
#[test]
fn looking_for_a_rival_sends_no_more_than_was_sent() {
    let mut world = World::<16, 1_024>::empty(Config::lan());
    world.start(A);
    world.introduce(A, &[B, C]);
    [B, C].iter().for_each(|&member| world.puppet(member));
    world.act(A, |twin, now| twin.set_metadata(&[7; 1_000], now)).unwrap();
    world.run(10_000);
    world.sent();
    let (mut asked, mut sent) = (0, 0);
    for _ in 0..100 {
        let mut update = alive(A, world.node(A).incarnation());
        let card = update.card.as_mut().unwrap();
        (card.address, card.boot) = (VICTIM, 999);
        let bytes = forge(&world.header(100), None, &[update]);
        asked += bytes.len();
        world.hand(A, VICTIM, &bytes).unwrap();
        world.run(2_000);
        sent += bytes_to(&world.sent(), VICTIM);
    }
    assert!(sent <= asked, "{sent} bytes to the victim for {asked}");
}

/// Whoever lost its id speaks to its rival only.
#[test]
fn the_silenced_confront_nobody() {
    let mut world = alone_with(still(), &[B, C]);
    let mut rival = alive(A, 3);
    rival.card.as_mut().unwrap().boot = u16::MAX;
    rival.card.as_mut().unwrap().address = 51;
    world.gossip(A, &[rival]);
    let challenge = world.intercept().into_iter().find(|sent| sent.to == 51).unwrap();
    let number = challenge.ping().unwrap().number;
    world.hand(A, 51, &forge(&world.header(A), ack(number), &[rival])).unwrap();
    assert_eq!(world.node(A).standing(), Standing::Silenced);
    world.sent();
    world.tell(A, C, last_page(1), &[suspect(B, 1 << 29, C)]).unwrap();
    let said = world.sent();
    assert!(said.is_empty(), "{:?} to {}", said[0].message(), said[0].to);
}

#[test]
fn the_departed_confront_nobody() {
    let mut world = alone_with(still(), &[B, C]);
    world.act(A, |twin, now| twin.leave(now));
    world.run(120_000);
    assert_eq!(world.node(A).standing(), Standing::Departed);
    world.sent();
    world.tell(A, C, last_page(1), &[suspect(B, 1 << 29, C)]).unwrap();
    let said = world.sent();
    assert!(said.is_empty(), "{:?} to {}", said[0].message(), said[0].to);
}

/// Three forged addresses, and members get no relay any more.
#[test]
fn strangers_leave_relays_to_members() {
    let mut world = alone_with(still(), &[B, C]);
    for number in 0..100 {
        world.tell(A, 300 + number as u16, request(number, C, 300), &[]).unwrap();
    }
    let before = world.stats(A).relays_refused;
    world.tell(A, B, request(7, C, 300), &[]).unwrap();
    assert_eq!(world.stats(A).relays_refused, before, "the member was refused");
}

/// Deaths of the unknown are no members.
#[test]
fn deaths_of_strangers_take_no_place_of_newcomers() {
    let mut world = alone_with(still(), &[B, C]);
    for packet in 0..40u16 {
        let dead: Vec<_> = (0..60).map(|number| dead(1_000 + packet * 60 + number, 0)).collect();
        world.gossip(A, &dead);
    }
    world.gossip(A, &[alive(D, 0)]);
    assert!(world.known(A, D).is_some(), "{:?}", world.stats(A).ignored_newcomers);
}

/// Who is established keeps its id, whatever somebody else says of itself.
#[test]
fn an_established_member_is_not_silenced_by_whoever_says_to_be_established() {
    let mut world = alone_with(Config::lan(), &[B, C]);
    [B, C].iter().for_each(|&member| world.puppet(member));
    world.run(60_000);
    let mut rival = alive(A, world.node(A).incarnation());
    let card = rival.card.as_mut().unwrap();
    (card.boot, card.address) = (u16::MAX, 51);
    world.gossip(A, &[rival]);
    let challenge = world.intercept().into_iter().find(|sent| sent.to == 51).unwrap();
    let number = challenge.ping().unwrap().number;
    let header = Header { round: 1, ..world.header(A) };
    world.hand(A, 51, &forge(&header, ack(number), &[rival])).unwrap();
    assert_eq!(world.node(A).standing(), Standing::Alive);
}
