//! Whose refusals are believed: an ICMP message is easily forged.

use std::time::Duration;

use swim_core::storage::Growable;
use swim_core::wire::{Header, PacketWriter, Update};
use swim_core::{
    Card, Config, Identity, Incarnation, Instant, Key, KeyRing, Label, Node, NodeId, Nonces,
    Patience, Sealing,
};

const MEMBER: u16 = 2;

type Member = Node<u16, Growable>;

/// A node that knows one other.
fn node() -> Member {
    let identity = Identity::new(NodeId::new(1), 1);
    let storage = Growable::new(16, 0);
    Node::new(identity, Config::lan(), storage, 1, Instant::ZERO).unwrap()
}

fn introduce(node: &mut Member) {
    let (sender, incarnation) = (NodeId::new(MEMBER.into()), Incarnation::new(0));
    let header = Header { label: Label::default(), sender, incarnation, round: 0 };
    let (patience, address) = (Patience::NONE, MEMBER);
    let card = Card { incarnation, boot: 0, patience, address, metadata: b"" };
    let mut packet = [0; 200];
    let mut writer = PacketWriter::new(&mut packet, &header).unwrap();
    assert!(writer.update(&Update::alive(sender, card)));
    let len = writer.finish();
    node.handle_datagram(MEMBER, &mut packet[..len], Instant::ZERO).unwrap();
}

/// The ping that the node sends, and when.
fn ping(node: &mut Member) -> (Vec<u8>, Instant) {
    let mut buffer = [0; 1_400];
    loop {
        let now = node.poll_timeout().unwrap();
        let probes = node.stats().probes;
        node.handle_timeout(now);
        let sent = std::iter::from_fn(|| {
            let transmit = node.poll_transmit(now, &mut buffer)?;
            Some((transmit.to, buffer[..transmit.len].to_vec()))
        });
        let last = sent.filter(|(to, _)| *to == MEMBER).last();
        while node.poll_event().is_some() {}
        if node.stats().probes > probes {
            return (last.expect("a ping").1, now);
        }
    }
}

#[test]
fn where_packets_are_sealed_a_refusal_has_to_quote_one_of_them() {
    let mut node = node();
    let nonces = Nonces { salt: 77, seconds: 1_000_000 };
    let keys = KeyRing::new(Key::new([7; 32]));
    node.seal(keys, Sealing::Send, nonces, Instant::ZERO).unwrap();
    introduce(&mut node);
    let (ping, now) = ping(&mut node);
    for forged in [&[][..], &[0; 22], &ping[..21], &[&ping[..10], &[9; 12]].concat()] {
        assert!(!node.handle_refusal(MEMBER, forged, now));
    }
    let late = now.after(Duration::from_secs(6));
    assert!(node.handle_refusal(MEMBER, &ping[..22], now));
    assert_eq!((node.stats().refusals_heard, node.stats().refusals_unproven), (1, 4));
    assert!(!node.handle_refusal(MEMBER, &ping, late));
}

#[test]
fn in_clear_any_refusal_is_believed() {
    let mut node = node();
    introduce(&mut node);
    let (_, now) = ping(&mut node);
    assert!(node.handle_refusal(MEMBER, &[], now));
    assert_eq!(node.stats().refusals_heard, 1);
}
