//! Members whose clocks differ, or that have none.

use swim_core::{Event, Rejected, Sealing};

use crate::nonces;
use crate::world::{World, id, in_clear, ring};

/// Servers know the time, a board does not; the board is the first to send sealed packets.
#[test]
fn the_first_to_send_sealed_packets_may_have_no_clock() {
    let mut world = World::new();
    (1..=5).for_each(|member| world.start_clear(member));
    world.gather();
    let now = world.now;
    for member in 1..=5 {
        let seconds = if member == 5 { 0 } else { 1_000_000 };
        world.node(member).seal(ring(&[1]), Sealing::Accept, nonces(seconds), now).unwrap();
    }
    world.run(10);
    assert_eq!(world.node(5).set_sealing(Sealing::Send), Ok(true));
    world.run(60);
    let stale: Vec<_> = (1..=5).map(|member| world.stats(member).rejected_stale).collect();
    let dead = world.events.iter().any(|(_, event)| *event == Event::MemberDead(id(5)));
    let suspected = world.events.iter().any(|(_, event)| *event == Event::MemberSuspected(id(5)));
    assert!(!suspected && !dead, "suspected {suspected}, dead {dead}, stale {stale:?}");
    world.expect_all_alive();
}

/// Step by step, while one member knows the time, one is a year ahead, and three know nothing.
#[test]
fn a_cluster_of_unlike_clocks_is_sealed_step_by_step_without_a_suspicion() {
    for order in [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [3, 1, 5, 2, 4]] {
        let mut world = World::new();
        (1..=5).for_each(|member| world.start_clear(member));
        world.gather();
        let now = world.now;
        for (member, seconds) in (1..=5).zip([1_000_000, 32_536_000, 0, 0, 0]) {
            world.node(member).seal(ring(&[1]), Sealing::Accept, nonces(seconds), now).unwrap();
        }
        for sealing in [Sealing::Send, Sealing::Require, Sealing::Send, Sealing::Accept] {
            for member in order {
                assert_eq!(world.node(member).set_sealing(sealing), Ok(true));
                world.run(7);
            }
            world.run(60);
        }
        world.expect_all_alive();
        world.expect_no_suspicion();
        assert!((1..=5).all(|member| world.stats(member).rejected_stale == 0), "{order:?}");
    }
}

/// A packet in clear, long enough to be answered, of whoever knows the label.
fn junk() -> Vec<u8> {
    in_clear(|writer| writer.pad(100))
}

/// Twenty packets a second without the key, and a member whose clock is behind comes in.
#[test]
fn junk_does_not_keep_out_who_has_the_key_and_no_clock() {
    let mut world = World::sealed(3);
    let junk = junk();
    for flooded in [false, true] {
        let member = if flooded { 5 } else { 4 };
        for _ in 0..40 {
            if flooded {
                for to in 1..=3 {
                    assert_eq!(world.hand(to, 66, &junk), Err(Rejected::Unsealed));
                }
            }
            world.run_millis(50);
        }
        world.start_sealed(member, &[1], 0);
        world.join(member, 1);
        for _ in 0..60 * 20 {
            if flooded {
                for to in 1..=3 {
                    let _ = world.hand(to, 66, &junk);
                }
            }
            world.run_millis(50);
        }
        assert!(world.nodes[&member].live_count() > 1, "flooded: {flooded}");
    }
}

#[test]
fn many_follow_one_whose_clock_is_ahead_without_a_suspicion() {
    let mut world = World::sealed(40);
    world.events.clear();
    world.start_sealed(50, &[1], 1_000_000 + 86_400);
    world.join(50, 1);
    world.run(60);
    world.expect_all_alive();
    world.expect_no_suspicion();
}
