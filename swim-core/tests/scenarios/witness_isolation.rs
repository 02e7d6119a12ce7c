//! Isolation under Witness: where R4 ends. A node that has heard nobody at all for longer than any
//! suspicion lasts keeps what it concludes to itself; and after as many times that as there are
//! others it waits for no witness any more.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use swim_core::{Config, Event, Status};

use crate::harness::*;
use crate::witness::*;

/// The longest wait under the tests' settings: four floors.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The silence after which a node with twelve others waits for no witness.
const LONGEST_SILENCE: Duration = Duration::from_secs(120);
/// The same in the worst health, in which answers are waited for five times as long.
const LONGEST_SILENCE_ILL: u128 = 12 * 19_600;
/// How long a probe takes that nobody answers, in the worst health.
const PROBE_ILL: u128 = 7_000;

/// `A`, whose first probe has just ended without any answer; the last packet came `silence` before.
fn probed_after(silence: Duration) -> World {
    let mut world = alone_with(idle(), &others(12));
    let starts_at = world.node(A).poll_timeout().expect("a probe");
    let ends_at = starts_at.after(Duration::from_millis(1_400));
    world.run_to(ends_at.before(silence));
    world.gossip(A, &[]);
    world.run_to(ends_at);
    assert_eq!(world.stats(A).probes_failed, 1);
    world
}

/// `A`, to whom everybody is suspect or dead since it hears nobody.
fn isolated() -> World {
    let mut world = alone_with(witness(), &others(12));
    world.run(400_000);
    assert!(world.stats(A).suspicions_raised > 0);
    world
}

#[test]
fn who_has_heard_nobody_for_four_floors_for_each_of_them_needs_no_witness() {
    let just_too_long = LONGEST_SILENCE + Duration::from_micros(1);
    for (silence, accusations) in [(LONGEST_SILENCE, 0), (just_too_long, 1)] {
        let mut world = probed_after(silence);
        let stats = world.stats(A);
        assert_eq!(
            (stats.suspicions_raised, stats.accusations_withheld),
            (accusations, 1 - accusations)
        );
        assert_eq!(world.events(A).len() as u64, accusations, "{silence:?}");
    }
}

/// The longest wait is that of the moment: a node in bad health has reason to wait longer.
#[test]
fn in_bad_health_isolation_begins_later() {
    let mut world = alone_with(witness(), &others(12));
    let (start, mut events) = (world.now, vec![]);
    while events.is_empty() {
        world.run(1);
        events = world.events(A);
    }
    assert_eq!(world.node(A).health_score(), 8);
    let silence = world.now.since(start).as_millis();
    let expected = LONGEST_SILENCE_ILL..LONGEST_SILENCE_ILL + PROBE_ILL;
    assert!(expected.contains(&silence), "{silence}");
    assert!(world.node(A).is_isolated());
    assert!(matches!(events[..], [Event::MemberSuspected(_)]), "{events:?}");
}

/// All are suspect and then dead, and no update says so: neither to the accused nor to the others.
#[test]
fn what_is_concluded_in_isolation_is_kept_to_oneself() {
    let mut world = alone_with(witness(), &others(12));
    world.run(900_000);
    let events = world.events(A);
    for member in others(12) {
        let news = [Event::MemberSuspected(id(member)), Event::MemberDead(id(member))];
        let told: Vec<_> =
            events.iter().filter(|event| event.member() == Some(id(member))).copied().collect();
        assert_eq!(told, news);
    }
    let stats = world.stats(A);
    assert_eq!((stats.suspicions_raised, stats.deaths_declared), (12, 12));
    assert_eq!((world.node(A).live_count(), stats.updates_sent), (1, 0));
    let sent = world.sent();
    assert!(sent.iter().all(|sent| !sent.is_gossip() && sent.updates().is_empty()));
}

/// Nor is it told later what was concluded then.
#[test]
fn isolation_ends_with_the_first_packet() {
    let mut world = isolated();
    let accusations = world.stats(A).suspicions_raised;
    assert_eq!(world.ask(A).updates(), [], "a ping is a packet");
    world.murmur();
    world.run(600_000);
    assert_eq!(world.stats(A).suspicions_raised, accusations);
}

/// The next accusation has a witness again, and everybody hears of it.
#[test]
fn an_accusation_after_the_end_of_isolation_is_told() {
    let mut world = probed_after(LONGEST_SILENCE * 2);
    world.sent();
    let ping = next_probe(&mut world);
    let requests = next_stage(&mut world);
    nack_all(&mut world, &requests[..1]);
    world.until(A, Event::MemberSuspected(id(ping.to)));
    let accusation = world.ask(A).about(ping.to).expect("the accusation").claim;
    assert_eq!(
        (accusation.status, accusation.voices),
        (Status::Suspect, voices(&[A, requests[0].to]))
    );
    let sent = world.sent();
    assert!(sent.iter().any(|sent| sent.to == ping.to && sent.is_gossip()), "the accused too");
}

/// R12: who stood still has heard nobody for long, and knows why.
#[test]
fn a_stall_is_no_isolation() {
    let mut world = alone_with(witness(), &others(12));
    next_probe(&mut world);
    world.now = world.now.after(LONGEST_WAIT * 10);
    world.act(A, |twin, now| twin.handle_timeout(now));
    world.run(LONGEST_WAIT.as_millis() as u64);
    let stats = world.stats(A);
    assert_eq!((stats.stalls, stats.suspicions_raised), (1, 0));
    assert!(stats.accusations_withheld > 0);
}

/// If all others have died at once there is no witness left.
#[test]
fn the_last_survivor_notices() {
    for count in [2, 3, 4, 8, 16] {
        let mut world = cluster(witness(), &first(count));
        world.run(10_000);
        world.events(A);
        others(count - 1).into_iter().for_each(|member| world.kill(member));
        world.run(900_000);
        let events = world.events(A);
        for member in others(count - 1) {
            assert!(events.contains(&Event::MemberDead(id(member))), "{member} of {count}");
        }
        assert_eq!(world.node(A).live_count(), 1);
    }
}

/// A deaf node is dead to the others long before it doubts them. What it thinks of them then costs
/// nobody's life, and is forgotten when it hears again.
#[test]
fn a_deaf_node_costs_nobody_s_life_and_returns() {
    let members = first(8);
    let mut world =
        cluster(Config { heal_interval: Duration::from_secs(10), ..witness() }, &members);
    world.run(10_000);
    let deaf = Rc::new(Cell::new(true));
    let is_deaf = Rc::clone(&deaf);
    world.lose(move |sent| is_deaf.get() && sent.to == A);
    world.run(400_000);
    assert_eq!(world.node(A).live_count(), 1, "it is alone");
    for member in others(7) {
        assert_eq!(world.status(member, A), Some(Status::Dead));
        let stats = world.stats(member);
        assert_eq!((stats.suspected, stats.died), (1, 1), "only the deaf one, at {member}");
    }
    deaf.set(false);
    world.run(60_000);
    for &member in &members {
        assert_eq!(world.node(member).live_count(), 8, "at {member}");
        // Its pings say what it believes of their target, so each refutes it, once.
        assert!(world.node(member).incarnation() <= 1, "at {member}");
    }
}
