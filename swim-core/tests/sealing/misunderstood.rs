//! Members that do not understand each other: what both sides are told.

use swim_core::wire::{Message, Ping, SEAL_LEN};
use swim_core::{Event, Rejected, Sealing};

use crate::nonces;
use crate::world::{World, id, in_clear, key, ring};

/// How often a member was told something of this kind.
fn told(world: &World, member: u16, is_it: impl Fn(&Event<u16>) -> bool) -> usize {
    world.events.iter().filter(|(to, event)| *to == member && is_it(event)).count()
}

fn not_understood(event: &Event<u16>) -> bool {
    matches!(event, Event::NotUnderstood { .. })
}

fn unsealed(event: &Event<u16>) -> bool {
    matches!(event, Event::Unsealed { .. })
}

#[test]
fn who_still_sends_in_clear_is_told_and_so_are_the_others() {
    let mut world = World::new();
    (1..=3).for_each(|member| world.start_clear(member));
    world.gather();
    let now = world.now;
    for member in 1..=3 {
        world.node(member).seal(ring(&[1]), Sealing::Accept, nonces(0), now).unwrap();
    }
    // Members 1 and 2 go all the way, member 3 was forgotten.
    for sealing in [Sealing::Send, Sealing::Require] {
        for member in [1, 2] {
            world.node(member).set_sealing(sealing).unwrap();
        }
        world.run(1);
    }
    world.run(30);
    let from_either = |event: &Event<u16>| {
        let key_id = key(1).id();
        [1, 2].into_iter().any(|from| *event == Event::NotUnderstood { key_id, from })
    };
    let of_3 = told(&world, 3, from_either);
    assert!((1..=4).contains(&of_3) && of_3 == told(&world, 3, not_understood), "{of_3}");
    assert!([1, 2].iter().any(|&to| world.events.contains(&(to, Event::Unsealed { from: 3 }))));
    assert!([1, 2].iter().all(|&to| (0..=4).contains(&told(&world, to, unsealed))));
    assert_eq!(told(&world, 1, not_understood) + told(&world, 2, not_understood), 0);
}

#[test]
fn who_seals_with_a_key_that_others_gave_up_is_told() {
    let mut world = World::sealed(3);
    for member in 1..=3 {
        world.node(member).keys_mut().unwrap().add(key(2)).unwrap();
    }
    for member in [1, 2] {
        let keys = world.node(member).keys_mut().unwrap();
        keys.use_key(key(2).id()).unwrap();
        keys.remove(key(1).id()).unwrap();
    }
    world.run(20);
    assert!((1..=3).contains(&told(&world, 3, not_understood)));
    let key_id = key(2).id();
    let is_right = |event: &Event<u16>| {
        [1, 2].into_iter().any(|from| *event == Event::NotUnderstood { key_id, from })
    };
    assert_eq!(told(&world, 3, is_right), told(&world, 3, not_understood));
    assert!([1, 2].iter().any(|&to| {
        world.events.contains(&(to, Event::UnknownKey { key_id: key(1).id(), from: 3 }))
    }));
}

/// Packets that hold nothing because the news ran out are not taken for hints.
#[test]
fn nobody_is_told_anything_while_keys_change_and_news_runs_out() {
    let mut world = World::sealed(6);
    let now = world.now;
    for member in 1..=6 {
        world.node(member).keys_mut().unwrap().add(key(2)).unwrap();
        world.node(member).set_metadata(&[member as u8; 20], now).unwrap();
        world.run(3);
    }
    for member in 1..=6 {
        world.node(member).keys_mut().unwrap().use_key(key(2).id()).unwrap();
        for change in 0..20 {
            let now = world.now;
            world.node(member).set_metadata(&[change; 10], now).unwrap();
            world.run_millis(400);
        }
    }
    let keys = |event: &Event<u16>| {
        not_understood(event) || unsealed(event) || matches!(event, Event::UnknownKey { .. })
    };
    assert!((1..=6).all(|member| told(&world, member, keys) == 0), "{:?}", world.events);
}

#[test]
fn strangers_in_clear_are_told_of_only_if_they_ask_to_join() {
    let mut world = World::sealed(2);
    let packet = in_clear(|writer| writer.pad(100));
    for _ in 0..30 {
        assert_eq!(world.hand(1, 66, &packet), Err(Rejected::Unsealed));
        world.run(1);
    }
    assert_eq!(told(&world, 1, unsealed), 0);
    world.start(9);
    world.join(9, 1);
    world.run(9);
    assert_eq!(told(&world, 1, unsealed), 1);
    assert!(world.events.contains(&(1, Event::Unsealed { from: 9 })));
}

#[test]
fn who_has_left_gives_no_hints() {
    let mut world = World::sealed(2);
    let mut bytes = world.recorded[0].bytes.clone();
    bytes[6] ^= 1;
    let now = world.now;
    world.node(1).leave(now);
    world.run(5);
    let before = world.stats(1).hints_sent;
    assert_eq!(world.hand(1, 7, &bytes).map_err(drop), Err(()));
    assert_eq!(world.stats(1).hints_sent, before);
    assert_eq!(world.hand(2, 7, &bytes).map_err(drop), Err(()));
    assert_eq!(world.stats(2).hints_sent, 1);
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

/// Bytes to strangers where sealed packets are sent and those in clear accepted.
#[test]
fn packets_in_clear_are_answered_by_a_seal_more_at_most() {
    let mut world = World::new();
    let now = world.now;
    world.start(1).seal(ring(&[1]), Sealing::Send, nonces(5), now).unwrap();
    let ping = Ping { number: 1, target: id(1), belief: None, digest: None };
    let packet = in_clear(|writer| assert!(writer.message::<u16>(&Message::Ping(ping))));
    world.hand(1, 66, &packet).unwrap();
    let answer = world.recorded.last().unwrap().bytes.len();
    assert!(answer <= packet.len() + SEAL_LEN, "{answer} for {}", packet.len());
}
