//! Without keys: everything stands in clear.

use core::time::Duration;

use crate::time::Instant;
use crate::wire::{Cover, KeyId};

use super::{Opened, Unopened};

/// Reads and writes packets as they are.
pub struct Sealer;

impl Sealer {
    pub const fn new() -> Self {
        Self
    }

    /// The key that packets are sealed with: none.
    pub const fn primary(&self) -> Option<KeyId> {
        None
    }

    /// How long the dead have to be remembered: nothing here makes a recording known as such.
    pub const fn memory_min(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether packets have to be sealed: never.
    pub const fn refuses_clear(&self) -> bool {
        false
    }

    /// A packet as it is.
    pub fn open<'b>(&mut self, bytes: &'b mut [u8], _: Instant) -> Result<Opened<'b>, Unopened> {
        match Cover::read(bytes)? {
            Cover::Open(_) => Ok(Opened { packet: bytes, key: None }),
            Cover::Sealed { envelope, header, .. } => {
                Err(Unopened::UnknownKey(envelope.key, header))
            }
        }
    }

    /// Where a packet is to be written so that it can be sealed.
    pub fn room<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b mut [u8]> {
        Some(buffer)
    }

    /// Seals nothing.
    pub fn seal(&mut self, _: &mut [u8], len: usize, _: Instant) -> Option<usize> {
        Some(len)
    }

    /// Whether what begins like this may be a packet of this node: nothing says that it is not.
    pub const fn may_have_sealed(&self, _: &[u8], _: Instant) -> bool {
        true
    }

    /// By how much packets get longer.
    pub const fn overhead_len(&self) -> usize {
        0
    }
}
