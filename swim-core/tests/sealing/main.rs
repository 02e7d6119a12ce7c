//! Sealed packets among nodes: who can read what, keys that change, recordings, clocks.

mod clocks;
mod missed_keys;
mod misunderstood;
mod recordings;
mod world;

use std::collections::HashSet;
use std::time::Duration;

use swim_core::wire::{Cover, Packet, SEAL_LEN};
use swim_core::{Config, Event, MetadataTooLong, Nonces, REPLAY_WINDOW, Rejected, Sealing};

use world::{Sent, World, id, key, ring};

fn is_sealed(sent: &Sent) -> bool {
    matches!(Cover::read(&sent.bytes), Ok(Cover::Sealed { .. }))
}

#[test]
fn sealed_members_find_each_other_and_nothing_goes_out_in_clear() {
    let mut world = World::sealed(5);
    let now = world.now;
    world.node(1).set_metadata(b"rack=seventeen", now).unwrap();
    world.run(10);
    assert!(world.nodes.values().all(|node| node.member(id(1)).unwrap().metadata.len() == 14));
    assert!(world.recorded.len() > 50 && world.recorded.iter().all(is_sealed));
    let shown = |sent: &Sent| sent.bytes.windows(9).any(|bytes| bytes == b"seventeen");
    assert!(!world.recorded.iter().any(shown));
    world.expect_no_suspicion();
}

#[test]
fn sealing_takes_32_bytes_of_each_packet() {
    let mut plain = World::new();
    for member in 1..=3 {
        plain.start(member);
    }
    plain.gather();
    let sealed = World::sealed(3);
    let lens = |world: &World| -> Vec<_> {
        world.recorded.iter().map(|sent| (sent.from, sent.to, sent.bytes.len())).collect()
    };
    let longer: Vec<_> =
        lens(&plain).into_iter().map(|(from, to, len)| (from, to, len + SEAL_LEN)).collect();
    assert_eq!((lens(&sealed), SEAL_LEN), (longer, 32));
}

fn nonces(seconds: u32) -> Nonces {
    Nonces { salt: 77, seconds }
}

#[test]
fn no_nonce_is_used_twice_by_anybody_in_any_of_its_lives() {
    let mut world = World::sealed(4);
    for life in 0..5 {
        world.nodes.remove(&4);
        world.run(3);
        // A clock that is not kept while the board is off.
        world.start_sealed(4, &[1], 7 * life % 3);
        world.join(4, 1);
        world.run(20);
    }
    let mut seen = HashSet::new();
    for sent in &world.recorded {
        let Ok(Cover::Sealed { envelope, header, .. }) = Cover::read(&sent.bytes) else { panic!() };
        assert!(seen.insert((header.sender, envelope.salt, envelope.moment)), "{envelope:?}");
    }
    assert!(seen.len() > 500);
}

#[test]
fn whatever_is_changed_of_a_packet_is_noticed_and_changes_nothing() {
    let mut world = World::sealed(2);
    let sent = world.recorded.iter().rev().find(|sent| sent.to == 1).unwrap().clone();
    world.hush();
    let (before, forged) = (world.state(1), world.stats(1).rejected_forged);
    let mut rejected = 0;
    for bit in 0..sent.bytes.len() * 8 {
        let mut bytes = sent.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(world.hand(1, 2, &bytes).is_err(), "bit {bit}");
        rejected += 1;
    }
    for len in 0..sent.bytes.len() {
        assert!(world.hand(1, 2, &sent.bytes[..len]).is_err(), "{len} bytes");
        rejected += 1;
    }
    assert_eq!(world.state(1), before);
    let stats = world.stats(1);
    assert!(stats.rejected_forged - forged > 100);
    let otherwise = stats.rejected_malformed
        + stats.rejected_version
        + stats.rejected_label
        + stats.rejected_unsealed
        + stats.rejected_unknown_key;
    assert_eq!(stats.rejected_forged - forged + otherwise, rejected);
    // The packet itself is still good.
    assert_eq!(world.hand(1, 2, &sent.bytes), Ok(()));
}

#[test]
fn packets_in_clear_are_refused_once_sealing_is_required() {
    let mut world = World::sealed(3);
    world.start(9);
    world.join(9, 1);
    world.run(10);
    assert!(world.stats(1).rejected_unsealed >= 3);
    assert_eq!(world.nodes[&9].live_count(), 1);
    assert_eq!(world.nodes[&1].live_count(), 3);
    // A join is long enough to be answered by a hint, so both sides know what is wrong.
    let key_id = key(1).id();
    assert!(world.events.contains(&(9, Event::UnknownKey { key_id, from: 1 })));
}

/// memberlist's EncryptedGossipTransition, in one more step.
#[test]
fn a_running_cluster_is_sealed_step_by_step_and_back_without_a_suspicion() {
    let mut world = World::new();
    for member in 1..=5 {
        world.start(member);
    }
    world.gather();
    assert!(!world.recorded.iter().any(is_sealed));
    let now = world.now;
    for member in 1..=5 {
        world.node(member).seal(ring(&[1]), Sealing::Accept, nonces(0), now).unwrap();
        world.run(7);
    }
    let steps = [Sealing::Send, Sealing::Require, Sealing::Send, Sealing::Accept];
    for sealing in steps {
        for member in 1..=5 {
            assert_eq!(world.node(member).set_sealing(sealing), Ok(true));
            world.run(7);
        }
        world.recorded.clear();
        world.run(20);
        let sealed = world.recorded.iter().filter(|sent| is_sealed(sent)).count();
        let expected = if sealing == Sealing::Accept { 0 } else { world.recorded.len() };
        assert_eq!(sealed, expected, "{sealing:?}");
    }
    world.expect_all_alive();
    world.expect_no_suspicion();
    let rejected = |member| {
        let stats = world.stats(member);
        stats.rejected_unsealed + stats.rejected_unknown_key + stats.rejected_stale
    };
    assert_eq!((1..=5).map(rejected).sum::<u64>(), 0);
}

#[test]
fn the_key_of_a_running_cluster_changes_without_a_suspicion() {
    let mut world = World::sealed(5);
    let (old, new) = (key(1).id(), key(2).id());
    for member in 1..=5 {
        world.node(member).keys_mut().unwrap().add(key(2)).unwrap();
        world.run(7);
    }
    for member in 1..=5 {
        world.node(member).keys_mut().unwrap().use_key(new).unwrap();
        world.run(7);
    }
    for member in 1..=5 {
        world.node(member).keys_mut().unwrap().remove(old).unwrap();
        world.run(7);
    }
    world.expect_all_alive();
    world.expect_no_suspicion();
    assert!((1..=5).all(|member| world.stats(member).rejected_unknown_key == 0));
    assert!(world.nodes.values().all(|node| node.keys().unwrap().ids().eq([new])));
}

#[test]
fn who_slept_through_a_change_of_keys_is_told_and_so_are_the_others() {
    let mut world = World::sealed(4);
    let sleeper = world.nodes.remove(&4).unwrap();
    for member in 1..=3 {
        let keys = world.node(member).keys_mut().unwrap();
        keys.add(key(2)).unwrap();
        keys.use_key(key(2).id()).unwrap();
        keys.remove(key(1).id()).unwrap();
    }
    world.run(30);
    world.events.clear();
    world.nodes.insert(4, sleeper);
    world.run(5);
    let told = |member, key_id| {
        let found = world.events.iter().find_map(|(to, event)| match event {
            Event::UnknownKey { key_id: told, from } if *to == member => Some((*told, *from)),
            _ => None,
        });
        found.is_some_and(|(told, _)| told == key_id)
    };
    assert!(told(4, key(2).id()), "{:?}", world.events);
    assert!((1..=3).any(|member| told(member, key(1).id())));
    // As soon as it has the key it is back.
    let keys = world.node(4).keys_mut().unwrap();
    keys.add(key(2)).unwrap();
    keys.use_key(key(2).id()).unwrap();
    world.run(30);
    world.expect_all_alive();
}

#[test]
fn of_unknown_keys_four_are_told_in_ten_seconds() {
    let mut world = World::sealed(2);
    let mut bytes = world.recorded.last().unwrap().bytes.clone();
    let start = world.now;
    world.hush();
    let node = world.node(1);
    let mut told = 0;
    for step in 0..1_000u32 {
        bytes[6..10].copy_from_slice(&step.to_le_bytes());
        let now = start.after(Duration::from_millis((step * 40).into()));
        let rejected = node.handle_datagram(2, &mut bytes, now).unwrap_err();
        assert!(matches!(rejected, Rejected::UnknownKey(_)));
        while let Some(event) = node.poll_event() {
            told += u32::from(matches!(event, Event::UnknownKey { .. }));
        }
        while node.poll_transmit(now, &mut [0; 1_400]).is_some() {}
    }
    assert_eq!((told, node.stats().rejected_unknown_key), (16, 1_000));
}

/// Two that do not understand each other do not answer each other's hints for ever, and nobody can
/// make a node send more than it was sent.
#[test]
fn hints_are_short_rare_and_not_answered() {
    let mut world = World::new();
    world.start_sealed(1, &[1], 5);
    world.start_sealed(2, &[2], 5);
    for (member, seed) in [(1, 2), (2, 1)] {
        world.join(member, seed);
    }
    world.run(60);
    let joins = world.stats(1).joins_sent + world.stats(2).joins_sent;
    let hints = world.stats(1).hints_sent + world.stats(2).hints_sent;
    assert_eq!((world.recorded.len() as u64, hints), (joins + hints, joins));
    let join_len = world.recorded[0].bytes.len();
    let shorter = world.recorded.iter().filter(|sent| sent.bytes.len() < join_len / 3).count();
    assert_eq!(shorter as u64, hints);

    let (mut flood, start) = (world.recorded[0].clone(), world.now);
    flood.bytes[6] ^= 1;
    let before = world.stats(flood.to).hints_sent;
    for number in 0..10_000 {
        world.now = start.after(Duration::from_millis(number));
        let _ = world.hand(flood.to, 7, &flood.bytes);
    }
    assert!(world.stats(flood.to).hints_sent - before <= 110);
}

#[test]
fn recordings_older_than_the_window_are_refused_and_change_nothing() {
    let mut world = World::sealed(3);
    world.nodes.remove(&3);
    world.run(30);
    assert_eq!(world.nodes[&1].live_count(), 2);
    let old = std::mem::take(&mut world.recorded);
    world.run(REPLAY_WINDOW.as_secs() + 1);
    world.hush();
    let before = world.state(1);
    for sent in &old {
        if sent.at.after(REPLAY_WINDOW).after(Duration::from_secs(1)) < world.now {
            assert_eq!(world.hand(1, sent.from, &sent.bytes), Err(Rejected::Stale));
        }
    }
    assert_eq!(world.state(1), before);
    assert!(world.stats(1).rejected_stale > 50);
}

/// Within the window packets are judged by what they say: incarnations, numbers, cookies.
#[test]
fn recordings_within_the_window_change_no_view() {
    let mut world = World::sealed(4);
    let now = world.now;
    world.node(2).set_metadata(b"before", now).unwrap();
    world.run(5);
    let now = world.now;
    world.node(2).set_metadata(b"after", now).unwrap();
    world.run(25);
    let recorded = std::mem::take(&mut world.recorded);
    let before: Vec<_> = (1..=4).map(|member| world.state(member)).collect();
    world.hush();
    for sent in &recorded {
        // To everybody, from where it came and from elsewhere.
        for to in 1..=4 {
            let _ = world.hand(to, sent.from, &sent.bytes);
            let _ = world.hand(to, 77, &sent.bytes);
        }
    }
    let after: Vec<_> = (1..=4).map(|member| world.state(member)).collect();
    assert_eq!(before, after);
    world.hush();
    world.run(30);
    world.expect_no_suspicion();
    world.expect_all_alive();
}

#[test]
fn a_member_whose_clock_is_behind_is_set_right_and_let_in() {
    let mut world = World::sealed(3);
    world.start_sealed(4, &[1], 0);
    world.join(4, 1);
    world.run(3);
    world.expect_all_alive();
    assert!((1..=3).any(|member| world.stats(member).rejected_stale > 0));
    world.expect_no_suspicion();
}

#[test]
fn a_member_whose_clock_is_ahead_takes_the_others_along() {
    let mut world = World::sealed(5);
    let day = 24 * 60 * 60;
    world.start_sealed(6, &[1], 1_000_000 + day);
    world.join(6, 1);
    world.run(60);
    world.expect_all_alive();
    world.expect_no_suspicion();
    let last = world.recorded.iter().rev().take(20).filter_map(|sent| {
        let Ok(Cover::Sealed { envelope, .. }) = Cover::read(&sent.bytes) else { return None };
        Some((envelope.moment >> 16) as u32)
    });
    assert!(last.into_iter().all(|seconds| seconds > 1_000_000 + day));
}

#[test]
fn metadata_that_leaves_no_room_for_a_seal_is_refused_in_time() {
    let config = Config { datagram_len_max: 127, ..Config::lan() };
    let mut world = World::with(config);
    let now = world.now;
    let node = world.start(1);
    node.set_metadata(&[5; 40], now).unwrap();
    let refused = Err(MetadataTooLong { len: 40, len_max: 8 });
    assert_eq!(node.seal(ring(&[1]), Sealing::Send, nonces(0), now), refused);
    assert_eq!(node.seal(ring(&[1]), Sealing::Accept, nonces(0), now), Ok(()));
    assert_eq!(node.set_sealing(Sealing::Require).map(drop), refused);
    assert_eq!(node.sealing(), Some(Sealing::Accept));
    node.set_metadata(&[5; 8], now).unwrap();
    assert_eq!(node.set_sealing(Sealing::Require), Ok(true));
    assert_eq!(node.set_metadata(&[5; 9], now).map_err(|error| error.len_max), Err(8));
}

#[test]
fn short_sealed_datagrams_carry_a_whole_cluster() {
    let config = Config { datagram_len_max: 127, ..Config::lan() };
    let mut world = World::with(config);
    (1..=20).for_each(|member| world.start_sealed(member, &[1], 0));
    for member in 2..=20 {
        world.join(member, 1);
    }
    world.run(60);
    world.expect_all_alive();
    assert!(world.recorded.iter().all(|sent| sent.bytes.len() <= 127));
    // Whoever forgets somebody is told again by anti-entropy, which fits as well.
    for forgotten in [5, 6, 7] {
        assert!(world.node(2).forget(id(forgotten)));
    }
    world.run(60);
    world.expect_all_alive();
}

#[test]
fn without_a_key_nothing_can_be_read() {
    let world = World::sealed(2);
    let sent = &world.recorded[0];
    assert!(Packet::<u16>::parse(&sent.bytes).is_err());
}

/// The bytes of a key that was removed from a ring.
#[test]
fn a_removed_key_leaves_no_bytes_behind() {
    let mut ring = Box::new(ring(&[0x11, 0x22, 0x33]));
    ring.remove(key(0x33).id()).unwrap();
    let len = std::mem::size_of_val(&*ring);
    let bytes: *const u8 = std::ptr::from_ref(&*ring).cast();
    let seen: Vec<u8> = (0..len).map(|at| unsafe { bytes.add(at).read_volatile() }).collect();
    let found = seen.windows(32).any(|bytes| bytes == [0x33; 32]);
    assert!(!found, "the key is still there");
}
