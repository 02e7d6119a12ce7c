//! How many there may be of what does not grow with the cluster: packets waiting, probes, relays.

use core::time::Duration;

use heapless::{Deque, Vec};

use crate::time::{ShortSpan, Span};

use super::List;

/// How many packets can wait. A driver that drains after every input never has more than a probe
/// round, a gossip round and a few answers waiting: what is due waits for room. Beyond this the
/// newest is dropped and counted.
pub const OUTBOX_LEN_MAX: usize = 48;

/// Probes that can run at once; a round that finds all of them running is left out, or, where
/// everybody is probed in each, waits until one ends.
pub const PROBES_MAX: usize = 4;

/// How many indirect probes a node relays at once; beyond this, requests are left unanswered: a
/// nack would say that the target was tried.
pub const RELAYS_MAX: usize = 16;

/// How many of the missing are looked for. When there are more, the dead of this life go before
/// acquaintances of an earlier one, and among the dead chance decides.
pub const DEPARTED_MAX: usize = 16;

/// How many seeds a node can be asking at once; more are refused.
pub const SEEDS_MAX: usize = 8;

/// How many slices of a table can be pulled at the same time.
pub const SYNC_SESSIONS_MAX: usize = 4;

/// How many members a node can watch; more are refused.
pub const WATCHED_MAX: usize = 32;

/// Room for what does not grow with the cluster. What happens when there is none left stands in the
/// table of the [crate documentation](crate).
pub trait Bounds {
    /// Packets waiting to be sent.
    type Packets<T>: Queue<T>;
    /// Probes running.
    type Probes<T>: List<T>;
    /// Indirect probes being relayed.
    type Relays<T>: List<T>;
    /// Members being looked for.
    type Departed<T>: List<T>;
    /// Seeds being asked.
    type Seeds<T>: List<T>;
    /// Sessions of anti-entropy.
    type Sessions<T>: List<T>;
    /// Members being watched.
    type Watched<T>: List<T>;
    /// What counts everything that happens.
    type Counter: Counter;
    /// In what the durations of a [`Config`](crate::Config) are kept.
    type Span: Span;

    /// No packets.
    fn packets<T>(&self) -> Self::Packets<T>;

    /// No probes.
    fn probes<T>(&self) -> Self::Probes<T>;

    /// No relays.
    fn relays<T>(&self) -> Self::Relays<T>;

    /// Nobody who is looked for.
    fn departed<T>(&self) -> Self::Departed<T>;

    /// No seeds.
    fn seeds<T>(&self) -> Self::Seeds<T>;

    /// No sessions.
    fn sessions<T>(&self) -> Self::Sessions<T>;

    /// Nobody who is watched.
    fn watched<T>(&self) -> Self::Watched<T>;
}

/// The bounds of a server: [`OUTBOX_LEN_MAX`], [`PROBES_MAX`], [`RELAYS_MAX`], [`DEPARTED_MAX`],
/// [`SEEDS_MAX`], [`SYNC_SESSIONS_MAX`], [`WATCHED_MAX`], and counters that never wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Server;

/// The bounds of a board, where a node has a few kilobytes: all that one member of a small cluster
/// needs, and no room for storms. Counters wrap after 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Board;

impl Board {
    /// As [`OUTBOX_LEN_MAX`]: a stage of a probe and a gossip round, or what follows an accusation.
    pub const OUTBOX_LEN_MAX: usize = 8;
    /// As [`PROBES_MAX`].
    pub const PROBES_MAX: usize = 2;
    /// As [`RELAYS_MAX`].
    pub const RELAYS_MAX: usize = 4;
    /// As [`DEPARTED_MAX`].
    pub const DEPARTED_MAX: usize = 4;
    /// As [`SEEDS_MAX`].
    pub const SEEDS_MAX: usize = 4;
    /// As [`SYNC_SESSIONS_MAX`].
    pub const SYNC_SESSIONS_MAX: usize = 2;
    /// As [`WATCHED_MAX`].
    pub const WATCHED_MAX: usize = 4;
}

/// The constructors of bounds whose lists are arrays.
macro_rules! empty_arrays {
    () => {
        fn packets<T>(&self) -> Self::Packets<T> {
            Deque::new()
        }

        fn probes<T>(&self) -> Self::Probes<T> {
            Vec::new()
        }

        fn relays<T>(&self) -> Self::Relays<T> {
            Vec::new()
        }

        fn departed<T>(&self) -> Self::Departed<T> {
            Vec::new()
        }

        fn seeds<T>(&self) -> Self::Seeds<T> {
            Vec::new()
        }

        fn sessions<T>(&self) -> Self::Sessions<T> {
            Vec::new()
        }

        fn watched<T>(&self) -> Self::Watched<T> {
            Vec::new()
        }
    };
}

impl Bounds for Server {
    type Packets<T> = Deque<T, OUTBOX_LEN_MAX>;
    type Probes<T> = Vec<T, PROBES_MAX, u8>;
    type Relays<T> = Vec<T, RELAYS_MAX, u8>;
    type Departed<T> = Vec<T, DEPARTED_MAX, u8>;
    type Seeds<T> = Vec<T, SEEDS_MAX, u8>;
    type Sessions<T> = Vec<T, SYNC_SESSIONS_MAX, u8>;
    type Watched<T> = Vec<T, WATCHED_MAX, u8>;
    type Counter = u64;
    type Span = Duration;

    empty_arrays!();
}

impl Bounds for Board {
    type Packets<T> = Deque<T, { Self::OUTBOX_LEN_MAX }>;
    type Probes<T> = Vec<T, { Self::PROBES_MAX }, u8>;
    type Relays<T> = Vec<T, { Self::RELAYS_MAX }, u8>;
    type Departed<T> = Vec<T, { Self::DEPARTED_MAX }, u8>;
    type Seeds<T> = Vec<T, { Self::SEEDS_MAX }, u8>;
    type Sessions<T> = Vec<T, { Self::SYNC_SESSIONS_MAX }, u8>;
    type Watched<T> = Vec<T, { Self::WATCHED_MAX }, u8>;
    type Counter = u32;
    type Span = ShortSpan;

    empty_arrays!();
}

/// First in, first out, with a maximum.
pub trait Queue<T> {
    /// Appends `item`.
    ///
    /// # Errors
    ///
    /// Gives `item` back when the queue is full.
    fn push(&mut self, item: T) -> Result<(), T>;

    /// Takes the oldest item.
    fn pop(&mut self) -> Option<T>;

    /// How many items there are.
    fn len(&self) -> usize;

    /// How many there can be.
    fn len_max(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T, const MAX: usize> Queue<T> for Deque<T, MAX> {
    fn push(&mut self, item: T) -> Result<(), T> {
        self.push_back(item)
    }

    fn pop(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn len(&self) -> usize {
        Deque::len(self)
    }

    fn len_max(&self) -> usize {
        MAX
    }

    fn is_empty(&self) -> bool {
        Deque::is_empty(self)
    }
}

/// A number that counts up, and wraps.
pub trait Counter: Copy + Default + Into<u64> {
    /// Counts `more`.
    fn add(&mut self, more: usize);
}

impl Counter for u64 {
    fn add(&mut self, more: usize) {
        *self = self.wrapping_add(more as Self);
    }
}

impl Counter for u32 {
    fn add(&mut self, more: usize) {
        *self = self.wrapping_add(more as Self);
    }
}
