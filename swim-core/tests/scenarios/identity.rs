//! Incarnations, restarts, and two nodes with one id.

use std::time::Duration;

use swim_core::wire::{Join, Message, Page, Pull, Update, Welcome};
use swim_core::{Card, Claim, Config, Event, Identity, Label, Patience, Standing, Status};

use crate::harness::*;

#[test]
fn a_restart_at_incarnation_0_is_learned_and_outranked_in_one_round_trip() {
    let mut world = cluster(quiet(), &[A, B]);
    world.act(A, |twin, now| twin.set_metadata(b"before", now)).unwrap();
    (0..6).for_each(|_| world.act(A, |twin, now| twin.set_metadata(b"later", now)).unwrap());
    world.run(400);
    assert_eq!(world.known(B, A), Some((Status::Alive, 7)));
    world.events(B);
    world.start(A);
    assert_eq!(world.node(A).incarnation(), 0);
    let start = world.now;
    world.join(A, B);
    world.run(0);
    assert_eq!(world.now, start);
    assert_eq!(world.node(A).incarnation(), 8);
    assert_eq!(world.known(B, A), Some((Status::Alive, 8)));
    assert_eq!(world.events(B), [Event::MemberRestarted(id(A))]);
    assert!(world.events(A).contains(&Event::Joined { seed: B, by: id(B) }));
    assert_eq!(world.node(B).member(A).unwrap().metadata, b"");
}

#[test]
fn a_restart_after_its_death_was_declared_is_a_join() {
    let mut world = cluster(quiet(), &[A, B]);
    world.kill(A);
    world.until(B, Event::MemberDead(id(A)));
    world.events(B);
    world.start(A);
    world.join(A, B);
    world.run(0);
    assert_eq!(world.known(B, A), Some((Status::Alive, 1)));
    assert_eq!(world.events(B), [Event::MemberJoined(id(A))]);
}

#[test]
fn a_restart_at_another_address_is_no_conflict() {
    let mut world = cluster(quiet(), &[A, B]);
    world.kill(A);
    world.start_as(50, Identity::new(id(A), 50));
    world.join(50, B);
    world.run(5_000);
    let known = world.node(B).member(A).unwrap();
    assert_eq!((known.address, known.status), (Some(50), Status::Alive));
    assert_eq!(world.node(50).standing(), Standing::Alive);
    assert!(!world.events(50).iter().any(|event| matches!(event, Event::Conflict { .. })));
}

/// The member `C` and, at 50 and 51, two nodes that both are `A`; all have met.
fn rivals() -> World {
    let mut world = world(Config::lan());
    for address in [50, 51] {
        world.start_as(address, Identity::new(id(A), address));
    }
    world.start(C);
    world.join(50, C);
    world.run(1_000);
    world.join(51, C);
    world.run(120_000);
    world
}

/// The winner and the loser.
fn verdict(world: &World) -> (u16, u16) {
    match [50, 51].map(|address| world.node(address).standing()) {
        [Standing::Alive, Standing::Silenced] => (50, 51),
        [Standing::Silenced, Standing::Alive] => (51, 50),
        standings => panic!("{standings:?}"),
    }
}

#[test]
fn of_two_living_nodes_with_one_id_both_say_who_keeps_it() {
    let mut world = rivals();
    let (winner, loser) = verdict(&world);
    let conflicts = |events: Vec<Event<u16>>| -> Vec<_> {
        events.into_iter().filter(|event| matches!(event, Event::Conflict { .. })).collect()
    };
    let of_winner = conflicts(world.events(winner));
    let of_loser = conflicts(world.events(loser));
    assert_eq!(of_winner, [Event::Conflict { rival: loser, won: true }]);
    assert_eq!(of_loser, [Event::Conflict { rival: winner, won: false }]);
    assert!(world.node(winner).incarnation() <= 8, "{}", world.node(winner).incarnation());
    assert_eq!(world.node(C).member(A).unwrap().address, Some(winner));
    assert_eq!(world.status(C, A), Some(Status::Alive));
}

#[test]
fn a_conflict_that_is_settled_stays_settled() {
    let mut world = rivals();
    let (winner, _) = verdict(&world);
    let incarnation = world.node(winner).incarnation();
    world.events(winner);
    world.run(300_000);
    assert_eq!(world.node(winner).incarnation(), incarnation);
    assert_eq!(world.events(winner), []);
    assert_eq!(world.node(C).member(A).unwrap().address, Some(winner));
}

#[test]
fn the_loser_of_an_id_is_silent_whatever_it_is_told() {
    let mut world = rivals();
    let (winner, loser) = verdict(&world);
    world.sent();
    world.run(60_000);
    let number = world.stats(loser).packets_received as u32;
    for message in [ping(1, A), ack(1), nack(1), request(1, A, 5), request(1, C, 5), last_page(1)] {
        world.tell(loser, C, message, &[suspect(A, 9, C)]).unwrap();
    }
    let join = Message::Join(Join { number });
    world.tell(loser, D, Some(join), &[alive(D, 0)]).unwrap();
    let pull = Message::Pull(Pull { number, cookie: 0, from: 0, last: u64::MAX, len_max: 127 });
    world.tell(loser, C, Some(pull), &[]).unwrap();
    let mut header = world.header(D);
    header.label = Label::new("other");
    assert!(world.hand(loser, D, &forge(&header, Some(join), &[])).is_err());
    assert!(world.tell(loser, 60, Some(join), &[alive(A, 0)]).is_ok());
    let header = world.header(A);
    assert!(world.hand(loser, 60, &forge(&header, Some(join), &[alive(A, 0)])).is_err());
    world.run(60_000);
    // All it says is asking the winner, now and then, whether it is still there.
    let spoken: Vec<_> = world.sent().into_iter().filter(|sent| sent.from == loser).collect();
    assert!((10..=13).contains(&spoken.len()), "{}", spoken.len());
    let question = |sent: &Sent| sent.ping().is_some_and(|ping| ping.target == id(A));
    for sent in spoken {
        assert!(sent.to == winner && question(&sent), "{:?}", sent.message());
    }
    assert_eq!(world.node(loser).standing(), Standing::Silenced);
}

/// Both are there for long before they meet, or one of them is.
#[test]
fn who_comes_later_does_not_take_an_id_from_who_is_established() {
    for seed in 0..8 {
        let mut world = world(Config::lan());
        (0..seed).for_each(|_| world.start(C));
        world.start(C);
        world.start_as(50, Identity::new(id(A), 50));
        world.join(50, C);
        world.run(20_000);
        world.start_as(51, Identity::new(id(A), 51));
        world.join(51, C);
        world.run(30_000);
        assert_eq!(verdict(&world), (50, 51), "{seed}");
        assert_eq!(world.node(C).member(A).unwrap().address, Some(50));
    }
}

/// Nobody stays without the id when the winner goes without a word.
#[test]
fn the_loser_stands_up_when_the_winner_has_gone() {
    let mut world = rivals();
    let (winner, loser) = verdict(&world);
    world.kill(winner);
    world.events(loser);
    let gone = world.now;
    world.until(loser, Event::Conflict { rival: winner, won: true });
    assert!(world.now.since(gone) <= Duration::from_secs(41), "{:?}", world.now.since(gone));
    world.run(5_000);
    assert_eq!(world.node(loser).standing(), Standing::Alive);
    let known = world.node(C).member(A).unwrap();
    assert_eq!((known.address, known.status), (Some(loser), Status::Alive));
}

/// A path that was broken for a while: the two meet again, and one of them falls silent again.
#[test]
fn a_winner_that_was_only_out_of_reach_does_not_go_back_and_forth() {
    let mut world = rivals();
    let (winner, loser) = verdict(&world);
    // Not for so long that the other one is established.
    let until = world.now.after(Duration::from_secs(45));
    world.lose(move |sent| {
        sent.at < until && [sent.from, sent.to].iter().all(|&at| at == winner || at == loser)
    });
    world.run(60_000);
    world.run(60_000);
    let (winner, _) = verdict(&world);
    [50, 51].iter().for_each(|&node| drop(world.events(node)));
    world.run(120_000);
    assert_eq!(verdict(&world).0, winner);
    for node in [50, 51] {
        let events = world.events(node);
        assert!(!events.iter().any(|event| matches!(event, Event::Conflict { .. })), "{events:?}");
    }
}

/// A node that is silenced in the middle of what it was doing for and with others.
#[test]
fn the_loser_of_an_id_drops_what_it_had_begun() {
    let mut world = world(quiet());
    world.start_as(50, Identity::new(id(A), 50));
    world.introduce(50, &[B, C]);
    world.join(50, B);
    let joined = world.next(|sent| sent.to == B);
    world.intercept();
    let Some(Message::Join(join)) = joined.message() else { panic!("a join") };
    let welcome = Welcome { number: join.number, members: 9, cookie: 0 };
    world.tell(50, B, Some(Message::Welcome(welcome)), &[]).unwrap();
    let pull = world.intercept().pop().unwrap().pull().unwrap();
    world.tell(50, B, request(7, C, 400), &[]).unwrap();
    let relayed = world.intercept().pop().unwrap().ping().unwrap();
    // Another A, whose boot is the greatest there is, answers the challenge.
    let mut rival = alive(A, 3);
    rival.card.as_mut().unwrap().boot = u16::MAX;
    rival.card.as_mut().unwrap().address = 51;
    world.gossip(50, &[rival, alive(B, 0)]);
    let challenge = world.intercept().into_iter().find(|sent| sent.to == 51).unwrap();
    let number = challenge.ping().unwrap().number;
    let header = world.header(A);
    world.hand(50, 51, &forge(&header, ack(number), &[rival])).unwrap();
    assert_eq!(world.node(50).standing(), Standing::Silenced);
    world.sent();
    world.tell(50, C, ack(relayed.number), &[]).unwrap();
    let page = Page { number: pull.number, next: u64::MAX / 2 };
    world.tell(50, B, Some(Message::Page(page)), &[alive(D, 0)]).unwrap();
    let spoken = world.sent();
    assert_eq!(spoken.len(), 0, "{:?}", spoken[0].message());
}

#[test]
fn the_loser_can_return_when_the_winner_is_gone() {
    let mut world = rivals();
    let (winner, loser) = verdict(&world);
    world.kill(winner);
    world.until(C, Event::MemberDead(id(A)));
    world.events(loser);
    world.act(loser, |twin, now| twin.rejoin(now));
    assert_eq!(world.node(loser).standing(), Standing::Alive);
    world.run(30_000);
    let known = world.node(C).member(A).unwrap();
    assert_eq!((known.address, known.status), (Some(loser), Status::Alive));
    assert_eq!(world.node(loser).standing(), Standing::Alive);
    let events = world.events(loser);
    assert!(!events.iter().any(|event| matches!(event, Event::Conflict { .. })), "{events:?}");
}

#[test]
fn the_loser_that_returns_too_early_loses_again() {
    let mut world = rivals();
    let (winner, loser) = verdict(&world);
    world.act(loser, |twin, now| twin.rejoin(now));
    world.run(30_000);
    assert_eq!(verdict(&world), (winner, loser));
}

/// Incarnations are serial numbers: after the largest comes 0.
#[test]
fn a_refutation_at_the_largest_incarnation_wraps_and_is_believed() {
    let mut world = world(Config { incarnation_skew_max: (1 << 31) - 1, ..quiet() });
    let incarnation = at((1 << 31) - 1);
    world.start_as(A, Identity { incarnation, ..Identity::new(id(A), A) });
    world.start(B);
    world.join(B, A);
    world.run(1_000);
    // In steps of less than half the circle, as honest history would go.
    for accused in [3 << 30, u32::MAX - 1] {
        world.gossip(A, &[suspect(A, accused, C)]);
        world.run(10_000);
        assert_eq!(world.known(B, A), Some((Status::Alive, accused + 1)));
    }
    world.gossip(B, &[suspect(A, u32::MAX, C)]);
    assert_eq!(world.status(B, A), Some(Status::Suspect));
    world.run(10_000);
    assert_eq!(world.node(A).incarnation(), 0);
    assert_eq!(world.known(B, A), Some((Status::Alive, 0)));
}

/// Issue 358 of memberlist: one forged record must not drive a member out of the cluster.
#[test]
fn a_forged_death_at_the_largest_incarnation_poisons_nobody() {
    let mut world = cluster(quiet(), &[A, B, C]);
    world.gossip(B, &[dead(B, u32::MAX)]);
    world.gossip(A, &[dead(B, u32::MAX)]);
    world.run(60_000);
    for node in [A, B, C] {
        assert_eq!(world.status(node, B), Some(Status::Alive));
        assert_eq!(world.node(node).live_count(), 3);
    }
}

/// The same before the victim is known: nothing may keep it from being admitted.
#[test]
fn a_forged_record_about_somebody_not_met_yet_does_not_keep_it_out() {
    let far = [1 << 24, 1 << 30, 1 << 31, (1 << 31) + 1, u32::MAX];
    let forgeries = far.map(|far| [alive(B, far), dead(B, far), left(B, far)]);
    for forged in forgeries.into_iter().flatten() {
        let mut world = cluster(quiet(), &[A, C]);
        world.gossip(A, &[forged]);
        world.run(2_000);
        world.start(B);
        world.join(B, A);
        world.run(5_000);
        for node in [A, C] {
            assert_eq!(world.status(node, B), Some(Status::Alive), "{forged:?}");
            assert_eq!(world.node(node).member(B).unwrap().address, Some(B));
        }
    }
}

#[test]
fn a_rumour_that_jumps_too_far_is_rejected_and_counted() {
    let config = Config { incarnation_skew_max: 100, ..still() };
    let leap = 1 << 30;
    for rumour in [alive(B, leap + 1), suspect(B, 101, C), dead(B, 101), left(B, 101)] {
        let mut world = alone_with(config, &[B]);
        world.gossip(A, &[rumour]);
        assert_eq!(
            (world.known(A, B), world.stats(A).rejected_skew),
            (Some((Status::Alive, 0)), 1)
        );
        assert_eq!((world.events(A), world.ask(A).updates()), (vec![], vec![]));
    }
    for rumour in [alive(B, leap), suspect(B, 100, C), dead(B, 100), left(B, 100)] {
        let mut world = alone_with(config, &[B]);
        world.gossip(A, &[rumour]);
        let Claim { status, incarnation, .. } = rumour.claim;
        assert_eq!(world.known(A, B), Some((status, incarnation.number())));
        assert_eq!(world.stats(A).rejected_skew, 0);
    }
}

#[test]
fn a_rumour_about_itself_that_jumps_too_far_is_not_outranked() {
    let config = Config { incarnation_skew_max: 100, ..still() };
    let mut world = alone_with(config, &[B]);
    world.gossip(A, &[dead(A, 101)]);
    assert_eq!((world.node(A).incarnation(), world.stats(A).rejected_skew), (0, 1));
    world.gossip(A, &[dead(A, 100)]);
    assert_eq!((world.node(A).incarnation(), world.stats(A).rejected_skew), (101, 1));
}

#[test]
fn an_echo_of_its_own_packets_is_counted_and_changes_nothing() {
    let mut world = cluster(quiet(), &[A, B]);
    let ping = world.next(|sent| sent.from == A && sent.ping().is_some());
    let before = world.node(A).poll_timeout();
    assert!(world.hand(A, A, &ping.bytes).is_err());
    assert_eq!((world.stats(A).rejected_own_id, world.node(A).poll_timeout()), (1, before));
    assert_eq!(world.node(A).incarnation(), 0);
}

#[test]
fn a_member_that_moves_while_suspected_is_asked_at_its_new_place() {
    let mut world = alone_with(Config { gossip_interval: Duration::ZERO, ..quiet() }, &[B]);
    world.gossip(A, &[suspect(B, 0, C)]);
    let mut moved = alive(B, 1);
    moved.card.as_mut().unwrap().address = 77;
    world.gossip(A, &[moved]);
    let ping = world.next(|sent| sent.ping().is_some());
    assert_eq!(ping.to, 77);
    assert_eq!(ping.ping().unwrap().belief.unwrap().status, Status::Alive);
}

/// The digests of a leaf would not tell: it has none.
#[test]
fn whoever_restarts_in_words_outranked_by_its_former_life_is_told_so() {
    let life = |boot| {
        let (incarnation, patience) = (at(0), Patience::NONE);
        Update::alive(id(B), Card { incarnation, boot, patience, address: B, metadata: b"" })
    };
    for (former, later, told) in [(9, 3, true), (3, 9, false)] {
        let mut world = alone_with(still(), &[B]);
        world.gossip(A, &[life(former)]);
        world.sent();
        world.tell(A, B, None, &[life(later)]).expect("a packet");
        let record = |sent: &Sent| sent.to == B && sent.updates().contains(&life(former));
        assert_eq!(world.sent().iter().any(record), told, "{former} {later}");
    }
}

/// Whoever lost its id speaks to its rival only.
#[test]
fn the_silenced_confront_nobody() {
    let mut world = alone_with(still(), &[B, C]);
    let mut rival = alive(A, 3);
    rival.card.as_mut().unwrap().boot = u16::MAX;
    rival.card.as_mut().unwrap().address = 51;
    world.gossip(A, &[rival, alive(B, 0)]);
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
