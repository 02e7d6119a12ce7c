//! What packets in the names of others, and of many, bring about.

use swim_core::Config;
use swim_core::wire::Message;

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

/// The question whether there is a rival does without metadata.
#[test]
fn looking_for_a_rival_sends_few_bytes_at_a_time() {
    let mut world = World::<16, 1_024>::empty(Config::lan());
    world.start(A);
    world.introduce(A, &[B, C]);
    [B, C].iter().for_each(|&member| world.puppet(member));
    world.act(A, |twin, now| twin.set_metadata(&[7; 1_000], now)).unwrap();
    world.run(10_000);
    world.sent();
    let mut sent = 0;
    for _ in 0..100 {
        let mut update = alive(A, world.node(A).incarnation());
        let card = update.card.as_mut().unwrap();
        (card.address, card.boot) = (VICTIM, 999);
        let bytes = forge(&world.header(100), None, &[update]);
        world.hand(A, VICTIM, &bytes).unwrap();
        world.run(2_000);
        let question = bytes_to(&world.sent(), VICTIM);
        assert!(question <= 96, "{question} bytes to the victim for {}", bytes.len());
        sent += question;
    }
    assert!(sent > 0, "it never asks");
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
