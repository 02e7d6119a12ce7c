//! Packets that were recorded, and are sent again.

use std::time::Duration;

use swim_core::{Config, Rejected, Status};

use crate::world::{Sent, World, id};

/// The dead must be remembered for longer than their packets can be sent again.
#[test]
fn nobody_comes_back_by_a_recording_of_its_lifetime() {
    let config = Config { tombstone_time: Duration::from_secs(10), ..Config::lan() };
    let mut world = World::with(config);
    (1..=3).for_each(|member| world.start_sealed(member, &[1], 1_000_000));
    world.gather();
    let now = world.now;
    world.node(3).leave(now);
    world.run(5);
    world.nodes.remove(&3);
    world.run(40);
    assert_eq!(world.nodes[&1].live_count(), 2);
    let recorded: Vec<_> = world.recorded.iter().filter(|sent| sent.from == 3).cloned().collect();
    for sent in recorded {
        let _ = world.hand(1, 3, &sent.bytes);
    }
    assert_eq!(world.nodes[&1].live_count(), 2, "it has left");
}

/// `Config::local` remembers the dead for 120 s, and less is allowed.
#[test]
fn nobody_rises_from_the_dead_by_a_recording_of_its_lifetime() {
    let config = Config { tombstone_time: Duration::from_secs(10), ..Config::lan() };
    let mut world = World::with(config);
    (1..=4).for_each(|member| world.start_sealed(member, &[1], 1_000_000));
    world.gather();
    world.nodes.remove(&4);
    world.run(80);
    assert_eq!(world.nodes[&1].live_count(), 3);
    let recorded: Vec<_> = world.recorded.iter().filter(|sent| sent.from == 4).cloned().collect();
    world.hush();
    for sent in recorded {
        let _ = world.hand(1, 4, &sent.bytes);
    }
    assert_eq!(world.nodes[&1].live_count(), 3, "it has died");
}

/// Whoever does not know the time believes the first packet it opens; the next one of today sets
/// it right.
#[test]
fn a_board_takes_recordings_until_it_hears_a_packet_of_today() {
    let mut world = World::sealed(3);
    let old = world.recorded.last().unwrap().clone();
    world.run(24 * 3_600);
    let new = world.recorded.last().unwrap().clone();
    world.hush();
    world.start_sealed(4, &[1], 0);
    assert_eq!(world.hand(4, old.from, &old.bytes), Ok(()));
    let _ = world.hand(4, new.from, &new.bytes);
    assert_eq!(world.hand(4, old.from, &old.bytes), Err(Rejected::Stale));
}

/// A wrong time, once told, can be told again, by whoever has recorded it. Packets still open.
#[test]
fn a_recording_of_a_later_time_leads_a_cluster_astray_without_harm() {
    let mut world = World::sealed(3);
    world.start_sealed(4, &[1], 1_000_000 + 86_400 * 365);
    world.join(4, 1);
    world.run(10);
    let old = world.recorded.last().unwrap().clone();
    world.run(3_600);
    world.nodes.clear();
    world.hush();
    (1..=3).for_each(|member| world.start_sealed(member, &[1], 1_003_600));
    world.gather();
    assert_eq!(world.hand(1, old.from, &old.bytes), Ok(()));
    world.run(60);
    assert!((1..=3).all(|member| world.nodes[&member].live_count() >= 3));
    world.expect_no_suspicion();
}

/// Seconds until all others hold member 5 for dead, up to 90; `replays` requests that were asked
/// of relays are sent again from many addresses, ten times a second.
fn detection(replays: bool) -> u64 {
    let mut world = World::sealed(5);
    world.run(20);
    world.nodes.remove(&5);
    world.hush();
    let mut requests: Vec<Sent> = Vec::new();
    for tenth in 0..900u64 {
        world.recorded.clear();
        world.run_millis(100);
        let gone = |node: &crate::world::Sealed| {
            node.member(id(5)).is_none_or(|row| row.status == Status::Dead)
        };
        if world.nodes.values().all(gone) {
            return tenth / 10;
        }
        if !replays {
            continue;
        }
        // Whoever listens can send all again; here those that a relay is busy with.
        for sent in std::mem::take(&mut world.recorded) {
            if !world.nodes.contains_key(&sent.to) {
                continue;
            }
            let before = world.stats(sent.to).relays;
            let _ = world.hand(sent.to, 60_000, &sent.bytes);
            if world.stats(sent.to).relays > before {
                requests.push(sent);
            }
        }
        let recent = requests.len().saturating_sub(8);
        for sent in &requests[recent..] {
            for (to, from) in (1..=4).flat_map(|to| (0..20).map(move |from| (to, from))) {
                let _ = world.hand(to, 50_000 + from, &sent.bytes);
            }
        }
    }
    90
}

#[test]
fn replayed_requests_do_not_delay_detection() {
    let (quiet, disturbed) = (detection(false), detection(true));
    assert!(disturbed <= quiet * 2, "{quiet} s, with replays {disturbed} s");
}

#[test]
fn replayed_requests_leave_slots_to_members() {
    let mut world = World::sealed(5);
    world.run(20);
    world.nodes.remove(&5);
    world.hush();
    let mut found = None;
    while found.is_none() {
        world.recorded.clear();
        world.run_millis(100);
        found = std::mem::take(&mut world.recorded).into_iter().find(|sent| {
            let Some(node) = world.nodes.get(&sent.to) else { return false };
            let before = node.stats().relays;
            let _ = world.hand(sent.to, 60_000, &sent.bytes);
            world.stats(sent.to).relays > before
        });
    }
    let sent = found.unwrap();
    let taken = (0..64)
        .filter(|from| {
            let before = world.stats(sent.to).relays;
            let _ = world.hand(sent.to, 50_000 + from, &sent.bytes);
            world.stats(sent.to).relays > before
        })
        .count();
    assert!(taken < 10, "one packet without the key takes {taken} of 16 relay slots");
}

/// Whatever was said to member 1 by another is said again, from the same address. Only the cookie in
/// a recorded request for a table unlocks more than was sent, and of tables so much a second is
/// served.
#[test]
fn replays_from_the_true_address_bring_no_more_than_they_have_bytes_but_for_tables() {
    let mut world = World::sealed(30);
    let recorded: Vec<Sent> = std::mem::take(&mut world.recorded);
    let recent = recorded.into_iter().rev().filter(|sent| sent.to == 1 && sent.from != 1);
    let (mut tables, mut others) = (0, 0);
    for sent in recent.take(600) {
        world.hush();
        let served = |world: &World| world.stats(1).pages_sent + world.stats(1).syncs_answered;
        let served_before = served(&world);
        for _ in 0..20 {
            world.now = world.now.after(Duration::from_millis(1));
            let _ = world.hand(1, sent.from, &sent.bytes);
        }
        if served(&world) > served_before {
            tables += 1;
            continue;
        }
        others += 1;
        let answers = world.recorded.iter().filter(|out| out.to == sent.from);
        let answered: usize = answers.map(|out| out.bytes.len()).sum();
        assert!(answered <= 20 * sent.bytes.len(), "{answered} for {} of 20", sent.bytes.len());
    }
    assert!(tables > 0 && others > 50, "{tables} {others}");
}
