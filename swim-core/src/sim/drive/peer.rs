//! A second node that answers as it should, so that a program reaches what takes several steps.

use std::collections::VecDeque;

use crate::storage::Growable;
use crate::time::Instant;
use crate::{Channel, Config, Identity, Node, NodeId, STREAM_PACKET_LEN_MAX, Sealing};

use super::envelope::equip;

/// Packets on their way from it; more are dropped.
const PACKETS_MAX: usize = 32;

/// An honest node, at the address of the same number as its id.
pub(super) struct Peer {
    node: Node<u16, Growable>,
    packets: VecDeque<(Channel, Vec<u8>)>,
    buffer: Vec<u8>,
}

impl Peer {
    /// The id and the address of every peer.
    pub const NUMBER: u16 = 2;

    /// A peer that seals as the node does.
    pub fn new(config: Config, sealing: Option<Sealing>, now: Instant) -> Self {
        let identity = Identity::new(NodeId::new(Self::NUMBER.into()), Self::NUMBER);
        let node = Node::new(identity, config, Growable::new(32, 16), 1, now);
        let mut node = node.expect("settings of a program are valid");
        if let Some(sealing) = sealing {
            equip(&mut node, sealing, now);
        }
        Self { node, packets: VecDeque::new(), buffer: vec![0; STREAM_PACKET_LEN_MAX.into()] }
    }

    /// Takes in a packet from `other`.
    pub fn hear(&mut self, other: u16, channel: Channel, packet: &[u8], now: Instant) {
        let packet = &mut packet.to_vec();
        // It may have been mutilated on its way.
        let _ = match channel {
            Channel::Datagram => self.node.handle_datagram(other, packet, now),
            Channel::Stream => self.node.handle_stream(other, packet, now),
        };
        self.speak_to(other, now);
    }

    /// Does what is due, and asks `other` to let it in if it is alone.
    pub fn act(&mut self, other: u16, now: Instant) {
        if self.node.is_alone() {
            // There is one seed at most.
            let _ = self.node.join(other, now);
        }
        self.node.handle_timeout(now);
        self.speak_to(other, now);
    }

    /// The next packet on its way.
    pub fn next_packet(&mut self) -> Option<(Channel, Vec<u8>)> {
        self.packets.pop_front()
    }

    fn speak_to(&mut self, other: u16, now: Instant) {
        while let Some(transmit) = self.node.poll_transmit(now, &mut self.buffer) {
            if transmit.to == other && self.packets.len() < PACKETS_MAX {
                let bytes = self.buffer[..transmit.len].to_vec();
                self.packets.push_back((transmit.channel, bytes));
            }
        }
        while self.node.poll_event().is_some() {}
    }
}
