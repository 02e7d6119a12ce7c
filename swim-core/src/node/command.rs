//! Commands: plain verbs.

use crate::address::{Address, as_read};
use crate::error::{BadAddress, JoinError, MetadataTooLong};
#[cfg(feature = "sim")]
use crate::member::NodeId;
use crate::member::Status;
use crate::storage::Storage;
use crate::time::Instant;

use super::{Node, Standing};

impl<A: Address, S: Storage> Node<A, S> {
    /// Asks `seed` to be admitted to its cluster, now and again at growing intervals until it
    /// answers with [`Event::Joined`](crate::Event::Joined), for ever if need be. A seed that has
    /// answered is asked again should this node ever be left alone.
    ///
    /// # Errors
    ///
    /// The caller's fault; nothing changed.
    pub fn join(&mut self, seed: A, now: Instant) -> Result<(), JoinError> {
        let now = self.advance(now);
        if self.standing != Standing::Alive {
            return Err(JoinError::NotAlive);
        }
        if seed == self.address() {
            return Err(JoinError::OwnAddress);
        }
        if !self.allowed.admits(&seed) {
            return Err(JoinError::Forbidden);
        }
        let number = self.draw_number();
        match self.seeds.add(seed, number, self.retry(), now) {
            true => Ok(()),
            false => Err(JoinError::TooManySeeds),
        }
    }

    /// Stops asking `seed`, and forgets it. Returns false when it was not a seed.
    #[must_use = "false when it was not a seed"]
    pub fn cancel_join(&mut self, seed: A) -> bool {
        self.seeds.remove(seed)
    }

    /// Says goodbye: the others hold this node as left, not dead. Goes on until enough of them
    /// have been told; [`Event::Departed`](crate::Event::Departed) says when.
    pub fn leave(&mut self, now: Instant) {
        let now = self.advance(now);
        match self.standing {
            Standing::Alive => {}
            // There is nobody it could speak for.
            Standing::Silenced => return self.depart(),
            Standing::Leaving | Standing::Departed => return,
        }
        self.standing = Standing::Leaving;
        self.give_up_sleep();
        self.sync.clear();
        self.leave_until = now.after(self.config.leave_timeout());
        self.table.reincarnate(self.incarnation(), Status::Left, now);
        self.gossip_to_some();
    }

    /// Comes back after leaving, or after losing the id to another node that is gone now. Seeds
    /// and members are still known.
    pub fn rejoin(&mut self, now: Instant) {
        let now = self.advance(now);
        if self.standing == Standing::Alive {
            return;
        }
        self.standing = Standing::Alive;
        self.departure_untold = false;
        self.challenge.clear();
        self.outrank(self.incarnation());
        self.seeds.restart(self.retry(), now);
        self.prober.clear();
        self.watches.void_probes();
        self.senses.heard_at = now;
        self.prober.skip(self.config.probe_interval(), now);
        self.sync.clear();
        self.relays.clear();
        self.gossip_to_some();
    }

    /// Replaces this node's metadata and lets the others know.
    ///
    /// # Errors
    ///
    /// It is longer than the table holds or than fits into a datagram: the caller's fault; the
    /// metadata is what it was.
    pub fn set_metadata(&mut self, metadata: &[u8], now: Instant) -> Result<(), MetadataTooLong> {
        self.advance(now);
        let len_max = self.metadata_len_max(self.sealer.overhead_len());
        if metadata.len() > len_max {
            return Err(MetadataTooLong { len: metadata.len(), len_max });
        }
        self.table.set_my_metadata(metadata);
        self.outrank(self.incarnation());
        Ok(())
    }

    /// Forgets a member without a word, to simulate a table that is wrong. Returns false when it is
    /// unknown, or the application has yet to hear of it.
    #[cfg(feature = "sim")]
    pub fn forget(&mut self, id: NodeId) -> bool {
        self.table.find(id).is_some_and(|row| self.table.forget(row))
    }

    /// Replaces the address at which the others reach this node and lets them know.
    ///
    /// # Errors
    ///
    /// It cannot be told to others: the caller's fault; the address is what it was.
    pub fn set_address(&mut self, address: A, now: Instant) -> Result<(), BadAddress> {
        self.advance(now);
        self.table.set_my_address(as_read(address).ok_or(BadAddress)?);
        self.outrank(self.incarnation());
        Ok(())
    }
}
