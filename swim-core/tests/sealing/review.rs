//! What a strict reader expects of sealing.

use std::time::Duration;

use swim_core::wire::{Header, Message, PacketWriter, Ping};
use swim_core::{Config, Event, Nonces, Rejected, Sealing, Status};

use crate::world::{Sent, World, id, key, ring};

fn nonces(seconds: u32) -> Nonces {
    Nonces { salt: 7_777, seconds }
}

/// Servers know the time, a board does not; the board is the first to send sealed packets.
#[test]
fn the_first_to_send_sealed_packets_may_have_no_clock() {
    let mut world = World::new();
    (1..=5).for_each(|member| drop(world.start(member)));
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

/// A packet in clear, long enough to be answered, of whoever knows the label.
fn junk() -> Vec<u8> {
    let header = Header {
        label: Config::lan().label,
        sender: id(999),
        incarnation: Default::default(),
        round: 0,
    };
    let mut buffer = [0; 200];
    let mut writer = PacketWriter::new(&mut buffer, &header).unwrap();
    writer.pad(100);
    let len = writer.finish();
    buffer[..len].to_vec()
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
        for sent in requests[recent..].to_vec() {
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

/// Whatever was said to member 1 by another is said again, from the same address.
#[test]
fn replays_from_the_true_address_do_not_amplify() {
    let mut world = World::sealed(30);
    let recorded: Vec<Sent> = std::mem::take(&mut world.recorded);
    let recent = recorded.into_iter().rev().filter(|sent| sent.to == 1 && sent.from != 1);
    let mut worst = (0.0, 0, 0);
    for sent in recent.take(600) {
        world.hush();
        let (mut answered, mut asked) = (0, 0);
        for _ in 0..20 {
            world.now = world.now.after(Duration::from_millis(1));
            let _ = world.hand(1, sent.from, &sent.bytes);
            asked += sent.bytes.len();
        }
        let victims = world.recorded.iter().filter(|out| out.to == sent.from);
        answered += victims.map(|out| out.bytes.len()).sum::<usize>();
        let ratio = answered as f64 / asked as f64;
        if ratio > worst.0 {
            worst = (ratio, asked, answered);
        }
    }
    assert!(worst.0 <= 1.0, "{worst:?}");
}

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

/// The promise is that packets older than 120 s of the members' common time are refused.
#[test]
fn a_board_that_has_just_started_refuses_recordings_of_yesterday() {
    let mut world = World::sealed(3);
    let old = world.recorded.last().unwrap().clone();
    world.run(24 * 3_600);
    world.start_sealed(4, &[1], 0);
    assert_ne!(world.hand(4, old.from, &old.bytes), Ok(()));
}

/// A wrong time is gone when all have been restarted.
#[test]
fn a_recording_of_a_wrong_time_is_of_no_use_when_all_were_restarted() {
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
    assert_ne!(world.hand(1, old.from, &old.bytes), Ok(()));
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

/// A member that lacks a key is told of it whatever somebody without any key sends meanwhile.
#[test]
fn an_invented_key_does_not_hide_the_one_that_is_missing() {
    let mut world = World::sealed(3);
    world.node(1).keys_mut().unwrap().add(key(2)).unwrap();
    world.node(1).keys_mut().unwrap().use_key(key(2).id()).unwrap();
    world.hush();
    let template = World::sealed(2).recorded[0].bytes.clone();
    let mut invented = template;
    for second in 0..60u32 {
        for millis in 0..10 {
            invented[6..10].copy_from_slice(&(second * 10 + millis).to_le_bytes());
            let _ = world.hand(2, 66, &invented);
            world.run_millis(100);
        }
    }
    let told = world.events.iter().any(|(to, event)| {
        *to == 2 && matches!(event, Event::UnknownKey { key_id, .. } if *key_id == key(2).id())
    });
    assert!(told);
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

/// Bytes to strangers where sealed packets are sent and those in clear accepted.
#[test]
fn packets_in_clear_are_not_answered_by_more_bytes() {
    let mut world = World::new();
    let now = world.now;
    world.start(1).seal(ring(&[1]), Sealing::Send, nonces(5), now).unwrap();
    let header = Header {
        label: Config::lan().label,
        sender: id(999),
        incarnation: Default::default(),
        round: 0,
    };
    let mut buffer = [0; 200];
    let mut writer = PacketWriter::new(&mut buffer, &header).unwrap();
    let ping = Ping { number: 1, target: id(1), belief: None, digest: None };
    assert!(writer.message::<u16>(&Message::Ping(ping)));
    let len = writer.finish();
    world.hand(1, 66, &buffer[..len]).unwrap();
    let answer = world.recorded.last().unwrap().bytes.len();
    assert!(answer <= len, "{answer} for {len}");
}
