//! The keys of a member.

use heapless::Vec;
use swim_core::{KEYS_MAX, KeyId, KeyRing, MetadataTooLong, Nonces, Sealing};

use crate::clock;
use crate::handle::Swim;

impl<const MEMBERS: usize, const METADATA: usize> Swim<'_, MEMBERS, METADATA> {
    /// Gives this member keys, instead of those it had: see
    /// [`Node::seal`](swim_core::Node::seal). Best before it joins. The salt of `nonces` must be
    /// another one for every start of the board: from a hardware generator, or a counter of starts
    /// in flash. Without a clock that outlasts a start, their `seconds` are 0.
    ///
    /// # Errors
    ///
    /// Its metadata would no longer fit into a datagram: sealing takes 32 bytes of each. The
    /// caller's fault; nothing changed.
    pub fn seal(
        self,
        keys: KeyRing,
        sealing: Sealing,
        nonces: Nonces,
    ) -> Result<(), MetadataTooLong> {
        self.shared.command(|node| node.seal(keys, sealing, nonces, clock::now()))
    }

    /// Takes the next step of [`Sealing`], or goes one back. Returns false, and does nothing,
    /// without keys.
    ///
    /// # Errors
    ///
    /// As [`seal`](Self::seal).
    pub fn set_sealing(self, sealing: Sealing) -> Result<bool, MetadataTooLong> {
        self.shared.command(|node| node.set_sealing(sealing))
    }

    /// The keys it has, the one it seals with first.
    pub fn key_ids(self) -> Vec<KeyId, KEYS_MAX> {
        self.shared.with(|node| node.keys().map(|keys| keys.ids().collect()).unwrap_or_default())
    }

    /// Adds keys, uses or removes them; `None` if it has none.
    ///
    /// ```no_run
    /// # use swim_embassy::{Swim, swim_core::{Key, KeyError}};
    /// # fn change(swim: Swim<'_, 32, 16>, new: Key) -> Option<Result<(), KeyError>> {
    /// swim.change_keys(|keys| keys.add(new))
    /// # }
    /// ```
    pub fn change_keys<R>(self, change: impl FnOnce(&mut KeyRing) -> R) -> Option<R> {
        self.shared.command(|node| node.keys_mut().map(change))
    }
}
