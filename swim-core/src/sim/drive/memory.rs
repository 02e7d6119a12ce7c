//! What a node has said lately, so that a program can take it up.

use std::collections::VecDeque;

use crate::outbox::Transmit;
use crate::wire::{
    Ack, Cookie, Entry, Join, Message, Packet, Ping, PingRequest, Pull, Range, Sync, View, Welcome,
};

/// Of each kind of thing the latest are kept.
const KEPT_MAX: usize = 16;

/// A packet of the node.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub transmit: Transmit<u16>,
    pub message: Option<Message<u16>>,
    /// As it was sent, sealed or not.
    pub bytes: Vec<u8>,
}

/// Packets, and what was in them.
#[derive(Debug, Default)]
pub(super) struct Memory {
    packets: VecDeque<Sent>,
    numbers: VecDeque<u32>,
    ranges: VecDeque<Range>,
    /// Of the last entry that had any.
    values: Vec<[u8; 4]>,
    cookie: u32,
}

impl Memory {
    /// Takes note of a packet of the node, as it was sent and as it is read.
    pub fn note(&mut self, transmit: Transmit<u16>, bytes: &[u8], packet: &Packet<'_, u16>) {
        let (message, bytes) = (packet.message, bytes.to_vec());
        keep(&mut self.packets, Sent { transmit, message, bytes });
        match message {
            Some(
                Message::Ping(Ping { number, .. })
                | Message::PingRequest(PingRequest { number, .. })
                | Message::Join(Join { number })
                | Message::Pull(Pull { number, .. })
                | Message::Sync(Sync { number, .. }),
            ) => keep(&mut self.numbers, number),
            Some(
                Message::Cookie(Cookie { cookie, .. })
                | Message::Welcome(Welcome { cookie, .. })
                | Message::Ack(Ack { view: View::Differs { cookie, .. }, .. }),
            ) => self.cookie = cookie,
            _ => {}
        }
        for entry in packet.entries() {
            self.note_entry(entry);
        }
    }

    /// One of the latest packets.
    pub fn packet(&self, choice: usize) -> Option<&Sent> {
        chosen(&self.packets, choice)
    }

    /// The number of one of the latest questions.
    pub fn number(&self, choice: usize) -> Option<u32> {
        chosen(&self.numbers, choice).copied()
    }

    /// One of the ranges last spoken of.
    pub fn range(&self, choice: usize) -> Option<Range> {
        chosen(&self.ranges, choice).copied()
    }

    /// What was last said of a range.
    pub fn values(&self) -> &[[u8; 4]] {
        &self.values
    }

    /// The last cookie given out.
    pub fn cookie(&self) -> u32 {
        self.cookie
    }

    fn note_entry(&mut self, entry: Entry<'_>) {
        match entry {
            Entry::Fingerprints(range, values)
            | Entry::Hashes(range, values)
            | Entry::Wanted(range, values) => {
                keep(&mut self.ranges, range);
                self.values = values.iter().map(u32::to_le_bytes).collect();
            }
            Entry::Differing(_) => {}
        }
    }
}

fn keep<T>(kept: &mut VecDeque<T>, item: T) {
    kept.truncate(KEPT_MAX - 1);
    kept.push_front(item);
}

/// The latest most often: there are fewer as a rule than a byte can say.
fn chosen<T>(kept: &VecDeque<T>, choice: usize) -> Option<&T> {
    kept.get(choice % KEPT_MAX)
}
