//! Who is behind hears so under Witness: a straggler from those it asks before it declares anybody
//! dead, and whoever asks a relay about a member that has spoken since.

use swim_core::wire::{Belief, Message, PingRequest, Update};
use swim_core::{Card, Config, Detector, Event, Identity, Lifeguard, Patience, Status};

use crate::harness::*;
use crate::witness::*;

/// Where `C` has moved.
const NEW_HOME: u16 = 50;

/// The times and numbers of the pings to `B` and of the requests about it.
fn verification(sent: &[Sent]) -> [Vec<(u64, u32)>; 2] {
    let pings = sent
        .iter()
        .filter(|sent| sent.to == B)
        .filter_map(|sent| Some((sent.at.as_micros(), sent.ping()?.number)));
    let requests =
        sent.iter().filter_map(|sent| Some((sent.at.as_micros(), sent.request()?.number)));
    [pings.collect(), requests.collect()]
}

/// R8: as the second opinion is cheap, no nack is asked for.
#[test]
fn a_straggler_asks_one_other_member_besides_each_ping() {
    let mut world = alone_with(idle(), &others(5));
    world.gossip(A, &[accused(B, 0, &[C, D])]);
    world.until(A, Event::MemberDead(id(B)));
    let sent = world.sent();
    let [pings, requests] = verification(&sent);
    assert_eq!((pings.len(), &requests), (10, &pings));
    let belief = Some(Belief { incarnation: at(0), status: Status::Suspect });
    let mut asked = vec![];
    for request in sent.iter().filter(|sent| sent.request().is_some()) {
        let PingRequest { target, address, belief: told, nack_after_ms, .. } =
            request.request().unwrap();
        assert_eq!((target, address, told, nack_after_ms), (id(B), B, belief, 0));
        asked.push(request.to);
    }
    asked.sort_unstable();
    asked.dedup();
    assert!(
        asked.len() > 1 && asked.iter().all(|member| [C, D, E, F].contains(member)),
        "{asked:?}"
    );
}

/// R8: an accuser has asked before it accused.
#[test]
fn accusers_ask_nobody_again() {
    let mut world = alone_with(idle(), &others(5));
    world.gossip(A, &[accused(B, 0, &[A, C])]);
    world.until(A, Event::MemberDead(id(B)));
    let [pings, requests] = verification(&world.sent());
    assert_eq!((pings.len(), requests.len()), (10, 0));
}

/// R8: other suspects may be unable to answer; and with nobody else there is nobody to ask.
#[test]
fn only_the_unsuspected_are_asked() {
    for (members, asked) in [(&[B, C, D][..], 10), (&[B, C], 0)] {
        let mut world = alone_with(idle(), members);
        world.gossip(A, &[suspect(C, 0, 77), accused(B, 0, &[77, 78])]);
        world.until(A, Event::MemberDead(id(B)));
        let sent = world.sent();
        let about_b = |sent: &&Sent| sent.request().is_some_and(|request| request.target == id(B));
        let relays: Vec<u16> = sent.iter().filter(about_b).map(|sent| sent.to).collect();
        assert_eq!(relays, vec![D; asked]);
    }
}

/// R8 in a cluster: a straggler that `B` itself cannot reach, and to whom nothing comes but answers
/// of the others. Without them it would declare `B` dead.
#[test]
fn a_straggler_believes_those_it_asks() {
    for helped in [false, true] {
        let mut world = cluster(idle(), &first(6));
        world.lose(move |sent| {
            let answer = sent.ack().is_some() && sent.from != B;
            sent.to == A && !(helped && answer) || sent.from == A && sent.to == B
        });
        world.gossip(A, &[accused(B, 0, &[C, D])]);
        world.run(60_000);
        let (status, incarnation, deaths) =
            if helped { (Status::Alive, 1, 0) } else { (Status::Dead, 0, 1) };
        assert_eq!(world.known(A, B), Some((status, incarnation)), "helped: {helped}");
        assert_eq!(world.stats(A).deaths_declared, deaths);
    }
}

/// A relay that knows `C` at its incarnation 2, at another address, as is no longer news to it.
fn relay_that_knows_better(detector: Detector) -> World {
    let mut world = alone_with(Config { detector, ..idle() }, &[B, C]);
    let card = Card {
        incarnation: at(2),
        boot: C,
        patience: Patience::NONE,
        address: NEW_HOME,
        metadata: b"",
    };
    world.gossip(A, &[Update::alive(id(C), card)]);
    world.run(5_000);
    assert_eq!(world.ask(A).updates(), []);
    world.sent();
    world
}

/// `B` asks for a ping of `C`, of which it believes this.
fn ask_relay(world: &mut World, belief: Option<Belief>) -> Vec<Sent> {
    let request = PingRequest { number: 77, target: id(C), address: C, belief, nack_after_ms: 0 };
    world.tell(A, B, Some(Message::PingRequest(request)), &[]).unwrap();
    world.sent()
}

fn believed(incarnation: u32) -> Option<Belief> {
    Some(Belief { incarnation: at(incarnation), status: Status::Alive })
}

#[test]
fn a_relay_says_at_once_what_it_knows_better_and_pings_where_the_target_is() {
    for detector in BASELINES.into_iter().chain([Detector::Witness]) {
        let mut world = relay_that_knows_better(detector);
        let sent = ask_relay(&mut world, believed(1));
        let [correction, ping] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!((correction.to, correction.message()), (B, None));
        let words = correction.about(C).expect("what it knows");
        assert_eq!((words.claim.status, words.claim.incarnation), (Status::Alive, at(2)));
        assert_eq!(words.card.map(|card| card.address), Some(NEW_HOME));
        assert_eq!((ping.to, ping.ping().unwrap().belief), (NEW_HOME, believed(1)), "as asked");
    }
}

/// The correction may be lost, and the target may have spoken between request and answer.
#[test]
fn the_ack_a_relay_passes_on_says_what_the_target_has_said_since() {
    for known_before in [false, true] {
        let mut world = match known_before {
            true => relay_that_knows_better(Detector::Witness),
            false => alone_with(idle(), &[B, C]),
        };
        let sent = ask_relay(&mut world, believed(0));
        let ping = sent.iter().find_map(Sent::ping).expect("a ping for the requester");
        let news = [alive(C, 2)];
        let answer =
            forge(&world.header(C), ack(ping.number), if known_before { &[] } else { &news });
        world.hand(A, NEW_HOME, &answer).unwrap();
        let passed = world.sent().into_iter().find(|sent| sent.to == B).expect("an answer");
        assert_eq!(passed.ack().map(|ack| ack.number), Some(77));
        let words = passed.about(C).expect("what the target has said");
        assert_eq!(words.claim.incarnation, at(2));
    }
}

/// Who believes the same, or more, or does not say, hears nothing but the answer; and the end of a
/// member is not its own words.
#[test]
fn a_relay_that_knows_no_better_does_as_it_is_told() {
    let end = Some(dead(C, 2));
    let cases = [(believed(2), None), (believed(3), None), (None, None), (believed(0), end)];
    for (belief, end) in cases {
        let mut world = relay_that_knows_better(Detector::Lifeguard(Lifeguard::Paper));
        if let Some(end) = end {
            world.gossip(A, &[end]);
            world.run(5_000);
            world.sent();
        }
        let sent = ask_relay(&mut world, belief);
        let [ping] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!((ping.to, ping.ping().unwrap().belief), (C, belief));
        world.tell(A, C, ack(ping.ping().unwrap().number), &[]).unwrap();
        let passed = world.sent();
        assert_eq!(passed.len(), 1);
        assert_eq!(
            (passed[0].ack().map(|ack| ack.number), passed[0].updates()),
            (Some(77), vec![])
        );
    }
}

/// All together: `A` has missed that `F` restarted elsewhere, and hears nothing of `F` itself.
#[test]
fn a_member_that_moved_is_found_through_the_relays() {
    let mut world = cluster(witness(), &first(5));
    let elsewhere = Identity { incarnation: at(1), ..Identity::new(id(F), NEW_HOME) };
    world.start_as(NEW_HOME, elsewhere);
    world.acquaint(&[B, C, D, E, NEW_HOME]);
    world.introduce(A, &[F]);
    world.lose(|sent| sent.from == NEW_HOME && sent.to == A);
    world.next(|sent| sent.from == A && sent.to == F && sent.ping().is_some());
    world.run(20_000);
    assert_eq!(world.known(A, F), Some((Status::Alive, 1)));
    assert_eq!(world.node(A).member(F).unwrap().address, Some(NEW_HOME));
    assert_eq!(world.events(A), [Event::MemberRestarted(id(F))]);
    for member in first(5) {
        assert_eq!(world.stats(member).suspected, 0, "at {member}");
    }
}
