//! Who has the keys of the cluster without being in it: the oracle reads packets with its help, and
//! what no node writes is sealed by it.

use crate::seal::{Key, KeyRing, Nonces, Sealer, Sealing};
use crate::time::Instant;
use crate::wire::SEAL_LEN;

/// What the calendars of all hosts show when a simulation starts, in seconds since 1970.
const CALENDAR: u32 = 1_750_000_000;

/// Opens the packets of all nodes, and seals others. Without keys packets are left as they are.
pub(super) struct Confidant {
    sealer: Sealer,
    opened: Vec<u8>,
}

impl Confidant {
    /// Without keys.
    pub const fn new() -> Self {
        Self { sealer: Sealer::new(), opened: Vec::new() }
    }

    /// Takes the keys of a node, if it has none so far.
    pub fn learn(&mut self, ring: &KeyRing, now: Instant) {
        if self.sealer.ring().is_none() {
            self.sealer.equip(ring.clone(), Sealing::Send, nonces(0, now), now);
        }
    }

    /// Learns one key more, unless there are too many.
    pub fn learn_key(&mut self, key: Key, now: Instant) {
        match self.sealer.ring_mut() {
            // Another key under the same id, or no room: packets that need it are not read.
            Some(ring) => drop(ring.add(key)),
            None => self.learn(&KeyRing::new(key), now),
        }
    }

    /// What was sealed, or `bytes` as they are if they are in clear or it cannot open them.
    pub fn opened<'a>(&'a mut self, bytes: &'a [u8], now: Instant) -> &'a [u8] {
        if self.sealer.ring().is_none() {
            return bytes;
        }
        self.opened.clear();
        self.opened.extend_from_slice(bytes);
        self.sealer.open(&mut self.opened, now).map_or(bytes, |opened| opened.packet)
    }

    /// A packet as somebody with the key would send it.
    pub fn sealed(&mut self, mut packet: Vec<u8>, now: Instant) -> Vec<u8> {
        if self.sealer.ring().is_none() {
            return packet;
        }
        let mut buffer = vec![0; packet.len() + SEAL_LEN];
        if let Some(room) = self.sealer.room(&mut buffer) {
            room[..packet.len()].swap_with_slice(&mut packet);
        }
        let len = self.sealer.seal(&mut buffer, packet.len(), now);
        buffer.truncate(len.unwrap_or(0));
        buffer
    }
}

/// The nonces of a life that begins at this moment.
pub(super) fn nonces(salt: u64, now: Instant) -> Nonces {
    let seconds = CALENDAR + (now.as_micros() / 1_000_000) as u32;
    Nonces { salt, seconds }
}
