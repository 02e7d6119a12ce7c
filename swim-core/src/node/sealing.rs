//! Packets that cannot be opened, and what is said about them.

use core::time::Duration;

use crate::address::Address;
use crate::error::Rejected;
use crate::outbox::{Channel, Intent};
use crate::quota::Quota;
use crate::seal::Unopened;
use crate::storage::Storage;
use crate::time::Instant;
use crate::wire::{Header, KeyId};

use super::{Node, Standing, count};

/// Empty packets a second that tell others what time it is, or which key is used.
const HINTS_PER_SECOND_MAX: u16 = 10;

/// How long the application is not told of another unknown key: anybody can send any.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(10);

/// What is kept of the packets that could not be opened.
pub struct Lockout<A> {
    hints: Quota,
    untold: Option<(KeyId, A)>,
    quiet_until: Instant,
}

impl<A: Copy> Lockout<A> {
    pub const fn new(now: Instant) -> Self {
        let hints = Quota::new(HINTS_PER_SECOND_MAX, HINTS_PER_SECOND_MAX);
        Self { hints, untold: None, quiet_until: now }
    }

    /// Somebody uses a key that is not here.
    fn note(&mut self, key: KeyId, from: A, now: Instant) {
        if now >= self.quiet_until {
            self.untold = Some((key, from));
            self.quiet_until = now.after(UNKNOWN_KEY_PAUSE);
        }
    }

    pub const fn pop_news(&mut self) -> Option<(KeyId, A)> {
        self.untold.take()
    }

    pub const fn has_news(&self) -> bool {
        self.untold.is_some()
    }
}

impl<A: Address, S: Storage> Node<A, S> {
    /// Counts a packet that was not opened, and helps whoever wrote it in good faith: an empty
    /// packet tells it what time it is here and which key is used.
    pub(super) fn reject_unopened(
        &mut self,
        unopened: Unopened,
        (from, channel): (A, Channel),
        len: usize,
    ) -> Rejected {
        let label = match unopened {
            Unopened::Malformed(error) => return self.reject_malformed(error),
            Unopened::Forged => {
                count(&mut self.stats.rejected_forged);
                return Rejected::Forged;
            }
            Unopened::Unsealed(label) | Unopened::UnknownKey(_, label) | Unopened::Stale(label) => {
                label
            }
        };
        if label != self.config.label {
            count(&mut self.stats.rejected_label);
            return Rejected::OtherCluster;
        }
        self.give_hint(from, channel, len);
        match unopened {
            Unopened::UnknownKey(key, _) => {
                count(&mut self.stats.rejected_unknown_key);
                self.lockout.note(key, from, self.now);
                Rejected::UnknownKey(key)
            }
            Unopened::Stale(_) => {
                count(&mut self.stats.rejected_stale);
                Rejected::Stale
            }
            _ => {
                count(&mut self.stats.rejected_unsealed);
                Rejected::Unsealed
            }
        }
    }

    /// Only longer packets are answered, so that two hints never answer each other.
    fn give_hint(&mut self, to: A, channel: Channel, len: usize) {
        let hint_len = self.header().encoded_len().saturating_add(self.sealer.overhead_len());
        let seals = self.sealer.overhead_len() > 0 && self.standing != Standing::Silenced;
        if !seals || len <= hint_len || !self.lockout.hints.take(self.now) {
            return;
        }
        if let Ok(hint_len) = u16::try_from(hint_len) {
            count(&mut self.stats.hints_sent);
            self.post(Intent::new(to, channel, None).limited(hint_len));
        }
    }

    /// What the packets of this node begin with.
    pub(super) fn header(&self) -> Header {
        Header {
            label: self.config.label,
            sender: self.id(),
            incarnation: self.incarnation(),
            round: self.prober.rotation.round(),
        }
    }
}
