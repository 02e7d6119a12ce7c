//! The keys of a node.

use crate::address::Address;
use crate::error::MetadataTooLong;
use crate::seal::{KeyRing, Nonces, Sealing};
use crate::storage::Storage;
use crate::time::Instant;
use crate::wire::SEAL_LEN;

use super::Node;

impl<A: Address, S: Storage> Node<A, S> {
    /// Gives the node keys, instead of those it had. Do it before the node joins, or in the three
    /// steps of [`Sealing`]. `nonces` are those of this process run: a second call goes on where
    /// the first one was.
    ///
    /// # Errors
    ///
    /// Its metadata would no longer fit into a datagram: sealing takes 32 bytes of each. The
    /// caller's fault; nothing changed.
    pub fn seal(
        &mut self,
        keys: KeyRing,
        sealing: Sealing,
        nonces: Nonces,
        now: Instant,
    ) -> Result<(), MetadataTooLong> {
        let now = self.advance(now);
        self.make_room_for(sealing)?;
        self.sealer.equip(keys, sealing, nonces, now);
        Ok(())
    }

    /// The keys it has.
    pub fn keys(&self) -> Option<&KeyRing> {
        self.sealer.ring()
    }

    /// The keys it has, to add, use and remove some.
    pub fn keys_mut(&mut self) -> Option<&mut KeyRing> {
        self.sealer.ring_mut()
    }

    /// Whether packets are sealed; `None` without keys.
    pub fn sealing(&self) -> Option<Sealing> {
        self.sealer.sealing()
    }

    /// Takes the next step, or goes one back. Returns false, and does nothing, without keys.
    ///
    /// # Errors
    ///
    /// As [`seal`](Self::seal).
    pub fn set_sealing(&mut self, sealing: Sealing) -> Result<bool, MetadataTooLong> {
        self.make_room_for(sealing)?;
        Ok(self.sealer.set_sealing(sealing))
    }

    fn make_room_for(&self, sealing: Sealing) -> Result<(), MetadataTooLong> {
        let overhead = if sealing >= Sealing::Send { SEAL_LEN } else { 0 };
        let (len, len_max) = (self.my_card().metadata.len(), self.metadata_len_max(overhead));
        if len > len_max { Err(MetadataTooLong { len, len_max }) } else { Ok(()) }
    }
}
