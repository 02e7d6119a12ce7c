//! What a cluster sends, by what it is for.

use crate::wire::{Message, Packet};

use super::scenario::SimAddress;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Pings and acks, with the news they carry.
    Probe,
    /// Requests to relays and their nacks.
    Relay,
    /// News that goes by itself.
    Gossip,
    /// Tables that are made equal.
    Sync,
    /// Joins and what answers them.
    Join,
}

impl Purpose {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Probe, Self::Relay, Self::Gossip, Self::Sync, Self::Join];

    fn of(message: Option<&Message<SimAddress>>) -> Self {
        match message {
            None => Self::Gossip,
            Some(Message::Ping(_) | Message::Ack(_)) => Self::Probe,
            Some(Message::PingRequest(_) | Message::Nack(_)) => Self::Relay,
            Some(Message::Join(_) | Message::Welcome(_) | Message::Refuse(_)) => Self::Join,
            Some(
                Message::Pull(_)
                | Message::Page(_)
                | Message::Sync(_)
                | Message::SyncReply(_)
                | Message::Cookie(_)
                | Message::Busy(_),
            ) => Self::Sync,
        }
    }
}

/// Packets and bytes of each [`Purpose`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally([(u64, u64); Purpose::ALL.len()]);

impl Tally {
    /// Packets for this purpose, and bytes in them.
    pub const fn of(&self, purpose: Purpose) -> (u64, u64) {
        self.0[purpose as usize]
    }

    /// Counts a packet of so many bytes, which is this one when it is opened.
    pub(super) fn add(&mut self, len: usize, opened: &[u8]) {
        let Ok(packet) = Packet::<SimAddress>::parse(opened) else { return };
        let (packets, total) = &mut self.0[Purpose::of(packet.message.as_ref()) as usize];
        *packets += 1;
        *total += len as u64;
    }
}
