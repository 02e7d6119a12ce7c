//! What seals and opens the packets of a node.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::member::NodeId;
use crate::time::Instant;
use crate::wire::{Cover, ENVELOPE_LEN, Envelope, KeyId, SEAL_LEN, TAG_LEN};

use super::key::NONCE_LEN;
use super::moment::Moments;
use super::{KeyRing, Nonces, Opened, REPLAY_WINDOW, Unopened};

/// By how much the dead are remembered longer than packets open.
const MEMORY_MARGIN: Duration = Duration::from_secs(30);

/// Whether packets are sealed: three steps by which a running cluster comes to it, or goes back.
/// Each is to be taken on all members before the next is on any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sealing {
    /// Sends packets in clear and accepts both kinds.
    Accept,
    /// Sends sealed packets and accepts both kinds.
    Send,
    /// Sends and accepts sealed packets only.
    Require,
}

/// Seals and opens the packets of a node, once it has keys.
pub struct Sealer {
    keys: Option<Keys>,
}

struct Keys {
    ring: KeyRing,
    sealing: Sealing,
    moments: Moments,
}

impl Sealer {
    /// Without keys.
    pub const fn new() -> Self {
        Self { keys: None }
    }

    /// Takes keys, instead of those there were. Nonces go on where they were.
    pub fn equip(&mut self, ring: KeyRing, sealing: Sealing, nonces: Nonces, now: Instant) {
        let before = self.keys.take();
        let moments = before.map_or_else(|| Moments::new(nonces, now), |before| before.moments);
        self.keys = Some(Keys { ring, sealing, moments });
    }

    pub fn ring(&self) -> Option<&KeyRing> {
        self.keys.as_ref().map(|keys| &keys.ring)
    }

    pub fn ring_mut(&mut self) -> Option<&mut KeyRing> {
        self.keys.as_mut().map(|keys| &mut keys.ring)
    }

    /// How packets are sent and accepted; `None` without keys.
    pub fn sealing(&self) -> Option<Sealing> {
        self.keys.as_ref().map(|keys| keys.sealing)
    }

    /// Changes that. Returns false without keys.
    pub fn set_sealing(&mut self, sealing: Sealing) -> bool {
        self.keys.as_mut().map(|keys| keys.sealing = sealing).is_some()
    }

    /// The key that packets are sealed with, if they are.
    pub fn primary(&self) -> Option<KeyId> {
        self.keys.as_ref().filter(|_| self.overhead_len() > 0).map(|keys| keys.ring.primary())
    }

    /// How long the dead have to be remembered, so that nobody brings one back with a packet of its
    /// lifetime: longer than such a packet opens, and some seconds for those that were late.
    pub fn memory_min(&self) -> Duration {
        let has_keys = self.keys.is_some();
        if has_keys { REPLAY_WINDOW.saturating_add(MEMORY_MARGIN) } else { Duration::ZERO }
    }

    /// Whether packets have to be sealed.
    pub fn refuses_clear(&self) -> bool {
        self.sealing() == Some(Sealing::Require)
    }

    /// Opens a packet in place, if it is sealed: the packet as it was written. What cannot be
    /// opened stays as it is.
    pub fn open<'b>(&mut self, bytes: &'b mut [u8], now: Instant) -> Result<Opened<'b>, Unopened> {
        let (envelope, header, sealed) = match Cover::read(bytes)? {
            Cover::Open(header) if self.refuses_clear() => return Err(Unopened::Unsealed(header)),
            Cover::Open(_) => return Ok(Opened { packet: bytes, key: None }),
            Cover::Sealed { envelope, header, sealed } => (envelope, header, sealed),
        };
        let unknown = Unopened::UnknownKey(envelope.key, header);
        let keys = self.keys.as_mut().ok_or(unknown)?;
        let key = keys.ring.find(envelope.key).ok_or(unknown)?;
        let clear_len = bytes.len().saturating_sub(sealed.len());
        let (clear, sealed) = bytes.split_at_mut(clear_len);
        let (text, &mut tag) = sealed.split_last_chunk_mut().ok_or(Unopened::Forged)?;
        if !key.open(&nonce(header.sender, &envelope), clear, text, tag) {
            return Err(Unopened::Forged);
        }
        // Where packets in clear are taken, a recording is no worse; and whoever does not seal yet
        // has not told others the time.
        if !keys.moments.hear(envelope.moment, now) && keys.sealing == Sealing::Require {
            return Err(Unopened::Stale(header));
        }
        let opened_len = bytes.len().saturating_sub(TAG_LEN);
        let packet = bytes.get_mut(..opened_len).and_then(Envelope::take_out);
        let key = Some(envelope.key);
        packet.map(|packet| Opened { packet, key }).ok_or(Unopened::Forged)
    }

    /// Where in `buffer` a packet is to be written so that it can be sealed. `None` if there is no
    /// room.
    pub fn room<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b mut [u8]> {
        match self.overhead_len() {
            0 => Some(buffer),
            _ => buffer.get_mut(ENVELOPE_LEN..buffer.len().checked_sub(TAG_LEN)?),
        }
    }

    /// Seals the packet of so many bytes that was written into its [`room`](Self::room). Returns
    /// how many bytes of `buffer` it takes by now.
    pub fn seal(&mut self, buffer: &mut [u8], len: usize, now: Instant) -> Option<usize> {
        if self.overhead_len() == 0 {
            return Some(len);
        }
        let keys = self.keys.as_mut()?;
        let key = keys.ring.primary_key();
        let (salt, moment) = keys.moments.next(now)?;
        let envelope = Envelope { key: key.id(), salt, moment };
        let text_end = ENVELOPE_LEN.checked_add(len)?;
        let written = buffer.get_mut(..text_end)?;
        envelope.put_in(written)?;
        let Ok(Cover::Sealed { header, sealed, .. }) = Cover::read(written) else { return None };
        let clear_len = text_end.checked_sub(sealed.len())?;
        let (clear, text) = written.split_at_mut(clear_len);
        let tag = key.seal(&nonce(header.sender, &envelope), clear, text)?;
        *buffer.get_mut(text_end..)?.first_chunk_mut()? = tag;
        text_end.checked_add(TAG_LEN)
    }

    /// Whether what begins like this may be a packet that this node sent a moment ago: where it
    /// seals, only who has seen one can tell its salt and moment.
    pub fn may_have_sealed(&self, beginning: &[u8], now: Instant) -> bool {
        let Some(keys) = self.keys.as_ref().filter(|_| self.overhead_len() > 0) else {
            return true;
        };
        let envelope = Envelope::of_packet(beginning);
        envelope.is_some_and(|Envelope { salt, moment, .. }| keys.moments.is_own(salt, moment, now))
    }

    /// By how much packets get longer.
    pub fn overhead_len(&self) -> usize {
        let seals = self.sealing().is_some_and(|sealing| sealing >= Sealing::Send);
        if seals { SEAL_LEN } else { 0 }
    }
}

/// Sender, salt and moment, little-endian, then zeros.
fn nonce(sender: NodeId, envelope: &Envelope) -> [u8; NONCE_LEN] {
    let [a, b, c, d, e, f, g, h] = sender.number().to_le_bytes();
    let [s0, s1, s2, s3, s4, s5, ..] = envelope.salt.to_le_bytes();
    let [m0, m1, m2, m3, m4, m5, ..] = envelope.moment.to_le_bytes();
    [a, b, c, d, e, f, g, h, s0, s1, s2, s3, s4, s5, m0, m1, m2, m3, m4, m5, 0, 0, 0, 0]
}
