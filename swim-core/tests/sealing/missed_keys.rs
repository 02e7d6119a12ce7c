//! Who missed a change of keys is told which one it lacks, whatever others send meanwhile.

use std::time::Duration;

use swim_core::storage::Growable;
use swim_core::{
    Config, Event, Identity, Instant, KEY_LEN, Key, KeyId, KeyRing, Node, NodeId, Nonces, Sealing,
};

type Member = Node<u16, Growable>;

fn member(number: u16, key: u8, now: Instant) -> Member {
    let identity = Identity::new(NodeId::new(number.into()), number);
    let mut node = Node::new(identity, Config::lan(), Growable::new(64, 0), 1, now).unwrap();
    let ring = KeyRing::new(Key::new([key; KEY_LEN]));
    let nonces = Nonces { salt: number.into(), seconds: 1_700_000_000 };
    node.seal(ring, Sealing::Require, nonces, now).unwrap();
    node
}

/// Version, the flag of sealed packets, no label, a key that nobody has, and zeros.
fn forged() -> Vec<u8> {
    let mut packet = vec![1, 1, 0, 0, 0, 0];
    packet.extend(0xdead_beef_u32.to_le_bytes());
    packet.resize(200, 0);
    packet[18] = 9;
    packet
}

fn heard(is_disturbed: bool) -> (usize, usize) {
    let key_of = |key: u8| -> KeyId { Key::new([key; KEY_LEN]).id() };
    let mut now = Instant::from_secs(100);
    // The sleeper has key 1, the cluster has gone on to key 2.
    let (mut sleeper, mut other) = (member(1, 1, now), member(2, 2, now));
    let (mut told_sleeper, mut told_other) = (0, 0);
    let mut buffer = [0; 1_400];
    for step in 0..12_000 {
        now = now.after(Duration::from_millis(10));
        if is_disturbed && step % 5 == 0 {
            let _ = sleeper.handle_datagram(77, &mut forged(), now);
            let _ = other.handle_datagram(77, &mut forged(), now);
        }
        if step % 100 == 50 {
            let _ = sleeper.join(2, now);
        }
        sleeper.handle_timeout(now);
        other.handle_timeout(now);
        while let Some(transmit) = sleeper.poll_transmit(now, &mut buffer) {
            if transmit.to == 2 {
                let _ = other.handle_datagram(1, &mut buffer[..transmit.len], now);
            }
        }
        while let Some(transmit) = other.poll_transmit(now, &mut buffer) {
            if transmit.to == 1 {
                let _ = sleeper.handle_datagram(2, &mut buffer[..transmit.len], now);
            }
        }
        while let Some(event) = sleeper.poll_event() {
            let is_it = matches!(event, Event::UnknownKey { key_id, .. } if key_id == key_of(2));
            told_sleeper += usize::from(is_it);
        }
        while let Some(event) = other.poll_event() {
            let is_it = matches!(event, Event::UnknownKey { key_id, .. } if key_id == key_of(1));
            told_other += usize::from(is_it);
        }
    }
    (told_sleeper, told_other)
}

#[test]
fn whoever_missed_a_change_of_keys_is_told() {
    let (sleeper, other) = heard(false);
    assert!(sleeper > 0 && other > 0, "told {sleeper} and {other} times in two minutes");
}

#[test]
fn whoever_missed_a_change_of_keys_is_told_although_somebody_sends_20_packets_a_second() {
    let (sleeper, other) = heard(true);
    assert!(sleeper > 0 && other > 0, "told {sleeper} and {other} times in two minutes");
}
