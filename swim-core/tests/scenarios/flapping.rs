//! The flap policy, as applications see it: members that come and go all the time are held out. It
//! stands above the detector, which does the same with it and without.

use std::time::Duration;

use swim_core::{Config, Detector, Event, FlapPolicy, NodeId, Status};

use crate::harness::*;
use crate::witness::*;

const ALL: [Detector; 4] = [BASELINES[0], BASELINES[1], BASELINES[2], Detector::Witness];

/// Nothing happens by itself, and who has six points is held out for a minute at least.
fn strict(detector: Detector) -> Config {
    Config { detector, flap: Some(FlapPolicy::new()), ..still() }
}

/// `A`, to whom `B` has been suspect `times` times within a moment, and each time refuted it.
fn doubted(config: Config, times: u32) -> World {
    let mut world = alone_with(config, &others(5));
    (0..times).for_each(|incarnation| doubt(&mut world, incarnation));
    world
}

fn doubt(world: &mut World, incarnation: u32) {
    world.gossip(A, &[suspect(B, incarnation, C)]);
    world.gossip(A, &[alive(B, incarnation + 1)]);
}

/// What `A` holds of `B`: its status, whether it is held out, and whether it may be used.
fn standing(world: &World) -> (Status, bool, bool) {
    let member = world.node(A).member(B).expect("a member");
    (member.status, member.held_out, member.is_in())
}

const SUSPECTED: Event<u16> = Event::MemberSuspected(NodeId::new(B as u64));
const RECOVERED: Event<u16> = Event::MemberRecovered(NodeId::new(B as u64));

#[test]
fn the_sixth_suspicion_in_a_minute_holds_a_member_out_and_it_is_told_no_more() {
    for detector in ALL {
        let mut world = doubted(strict(detector), 5);
        assert_eq!(world.events(A), [SUSPECTED, RECOVERED].repeat(5));
        assert_eq!(standing(&world), (Status::Alive, false, true));
        world.gossip(A, &[suspect(B, 5, C)]);
        assert_eq!(world.events(A), [Event::MemberHeldOut(id(B))], "and not that it is suspect");
        assert_eq!(standing(&world), (Status::Suspect, true, false));
        world.gossip(A, &[alive(B, 6)]);
        (6..9).for_each(|incarnation| doubt(&mut world, incarnation));
        assert_eq!(world.events(A), [], "{detector:?}");
        assert_eq!(standing(&world), (Status::Alive, true, false));
        assert_eq!((world.stats(A).suspected, world.stats(A).recovered), (9, 9));
    }
}

/// The penalty is over and half of the points are forgotten after a minute: three of six. Of nine,
/// four and a half are left then, more than three half a minute later, and fewer after another.
#[test]
fn who_behaves_is_let_in_again_after_its_penalty() {
    for (times, seconds) in [(6, 60), (9, 120)] {
        for detector in ALL {
            let mut world = doubted(strict(detector), times);
            let (start, _) = (world.now, world.events(A));
            let readmitted = world.until(A, Event::MemberReadmitted(id(B)));
            assert_eq!(millis(start, readmitted), seconds * 1_000, "{times} suspicions");
            assert_eq!(standing(&world), (Status::Alive, false, true));
            assert_eq!(world.events(A), [Event::MemberReadmitted(id(B))]);
            doubt(&mut world, times);
            assert_eq!(world.events(A), [SUSPECTED, RECOVERED], "told as before");
        }
    }
}

/// What is spread over time is forgotten.
#[test]
fn a_suspicion_every_half_minute_is_forgiven() {
    let mut world = alone_with(strict(Detector::Witness), &others(5));
    for incarnation in 0..40 {
        doubt(&mut world, incarnation);
        world.run(30_000);
    }
    assert_eq!(world.events(A), [SUSPECTED, RECOVERED].repeat(40));
}

/// Two judges, since Witness doubts one. A death is told in any case: the end of a member is news
/// even if it was not used. Its return is not, until it is let in.
#[test]
fn deaths_of_who_is_held_out_are_told_and_returns_are_not() {
    for detector in ALL {
        let mut world = doubted(strict(detector), 6);
        world.events(A);
        for incarnation in [6, 7] {
            world.gossip(A, &[condemned(B, incarnation, &[C, D])]);
            assert_eq!(standing(&world), (Status::Dead, true, false));
            world.gossip(A, &[alive(B, incarnation + 1)]);
            assert_eq!(standing(&world), (Status::Alive, true, false));
        }
        // Nobody heard that it was back, so it cannot die again.
        assert_eq!(world.events(A), [Event::MemberDead(id(B))], "{detector:?}");
        world.until(A, Event::MemberJoined(id(B)));
        assert_eq!(world.events(A), [Event::MemberJoined(id(B))]);
        assert_eq!(standing(&world), (Status::Alive, false, true));
    }
}

/// A death is four points, or three after a suspicion, which is one.
#[test]
fn who_dies_twice_in_a_minute_returns_without_being_told() {
    for detector in ALL {
        let mut world = alone_with(strict(detector), &others(5));
        let mut told = vec![];
        for incarnation in 0..2 {
            world.gossip(A, &[condemned(B, incarnation, &[C, D])]);
            world.gossip(A, &[alive(B, incarnation + 1)]);
            told.push(world.events(A));
        }
        let (dead, joined) = (Event::MemberDead(id(B)), Event::MemberJoined(id(B)));
        assert_eq!(told, [vec![dead, joined], vec![dead]], "{detector:?}");
        assert_eq!(standing(&world), (Status::Alive, true, false));
    }
}

#[test]
fn goodbyes_of_who_is_held_out_are_told() {
    let mut world = doubted(strict(Detector::Witness), 6);
    world.events(A);
    world.gossip(A, &[left(B, 6)]);
    assert_eq!(world.events(A), [Event::MemberLeft(id(B))]);
}

/// Other news waits until it is in again.
#[test]
fn changes_of_who_is_held_out_are_told_when_it_is_let_in() {
    let mut world = doubted(strict(Detector::Witness), 6);
    world.events(A);
    world.gossip(A, &[alive_with(B, 7, b"new")]);
    assert_eq!(world.events(A), []);
    assert_eq!(world.node(A).member(B).unwrap().metadata, b"new");
    world.run(60_000);
    assert_eq!(world.events(A), [Event::MemberReadmitted(id(B)), Event::MemberUpdated(id(B))]);
}

#[test]
fn without_a_policy_nobody_is_held_out() {
    for detector in ALL {
        let mut world = doubted(Config { flap: None, ..strict(detector) }, 50);
        assert_eq!(world.events(A), [SUSPECTED, RECOVERED].repeat(50));
        let mut told = vec![];
        for incarnation in 50..60 {
            world.gossip(A, &[condemned(B, incarnation, &[C, D])]);
            world.gossip(A, &[alive(B, incarnation + 1)]);
            told.append(&mut world.events(A));
        }
        assert_eq!(told, [Event::MemberDead(id(B)), Event::MemberJoined(id(B))].repeat(10));
        assert_eq!(standing(&world), (Status::Alive, false, true));
    }
}

/// The detector does the same, byte for byte: who is held out is probed and accused like anybody.
#[test]
fn the_policy_changes_no_packet() {
    for detector in ALL {
        let [with, without] = [Some(FlapPolicy::new()), None].map(|flap| {
            let config = Config { detector, flap, patience_max: Duration::ZERO, ..witness() };
            let mut world = cluster(config, &first(5));
            for _ in 0..6 {
                world.pause(B, 6_000);
                world.run(14_000);
            }
            let sent =
                world.sent().into_iter().map(|sent| (sent.at, sent.from, sent.to, sent.bytes));
            (sent.collect::<Vec<_>>(), world.events(A))
        });
        assert!(with.0 == without.0, "{detector:?}");
        assert!(with.1.len() < without.1.len(), "{detector:?}");
    }
}

/// Who cannot hold its own: a policy out of range is refused by name.
#[test]
fn a_policy_out_of_range_is_refused() {
    let (none, long) = (Duration::ZERO, Duration::from_secs(86_401));
    let usual = FlapPolicy::new();
    for (field, policy) in [
        ("flap.points_max", FlapPolicy { points_max: 0, ..usual }),
        ("flap.points_max", FlapPolicy { points_max: 101, ..usual }),
        ("flap.half_life", FlapPolicy { half_life: none, ..usual }),
        ("flap.half_life", FlapPolicy { half_life: long, ..usual }),
        ("flap.penalty", FlapPolicy { penalty: none, ..usual }),
        ("flap.penalty_max", FlapPolicy { penalty_max: usual.penalty / 2, ..usual }),
        ("flap.penalty_max", FlapPolicy { penalty_max: long, ..usual }),
    ] {
        let config = Config { flap: Some(policy), ..Config::lan() };
        assert_eq!(config.validate().map_err(|error| error.field), Err(field));
    }
    assert_eq!(strict(Detector::Witness).validate(), Ok(()));
}
