//! What a node keeps for its next life, as records of their own, and whom it knew in the last one.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::address::ADDRESS_LEN_MAX;
use crate::member::{Incarnation, NodeId};
#[cfg(feature = "alloc")]
use crate::time::Instant;

/// The longest encoding of a [`SnapshotRecord`] by postcard, in bytes: kind, id, address.
pub const SNAPSHOT_RECORD_LEN_MAX: usize = 11 + ADDRESS_LEN_MAX;

/// A part of what a restart needs: see [`Node::snapshot`](crate::Node::snapshot). Small, so that
/// any number of them passes through a small buffer.
///
/// The records say nothing about damage on their way: keep a checksum with them, and replace what
/// was kept before as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotRecord<A> {
    /// The node itself; the first record, and the only one of its kind.
    Me {
        /// Its id.
        id: NodeId,
        /// Its incarnation. The next life begins at the [`next`](Incarnation::next).
        incarnation: Incarnation,
        /// How long it asks the others to wait for it, for
        /// [`Identity::patience`](crate::Identity::patience).
        patience: Duration,
    },
    /// Somebody it knows, for [`Node::remember`](crate::Node::remember).
    Member {
        /// Its id.
        id: NodeId,
        /// Where it listens.
        address: A,
    },
}

/// The acquaintances of an earlier life that a node has yet to look for: more than
/// [`DEPARTED_MAX`](crate::DEPARTED_MAX) are handed in one after the other, by
/// [`Node::remember_some`](crate::Node::remember_some).
///
/// As long as there are any they belong into the next snapshot too, or a node that dies before it
/// has found anybody has forgotten everybody.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct Acquaintances<A> {
    waiting: alloc::collections::VecDeque<(NodeId, A)>,
    since: Instant,
    /// How many were ever taken out to be looked for.
    taken: usize,
}

#[cfg(feature = "alloc")]
impl<A: Copy> Acquaintances<A> {
    /// Nobody is known from an earlier life.
    pub const fn none() -> Self {
        Self { waiting: alloc::collections::VecDeque::new(), since: Instant::ZERO, taken: 0 }
    }

    /// Takes up the members of a snapshot at `now`, in an order that follows from `seed`: nodes
    /// that restart together should not all look for the same few.
    pub fn new(members: impl IntoIterator<Item = (NodeId, A)>, seed: u64, now: Instant) -> Self {
        let mut waiting: alloc::collections::VecDeque<_> = members.into_iter().collect();
        let mut rng = crate::rng::Rng::new(seed);
        for place in 0..waiting.len() {
            let ahead = rng.below(waiting.len().saturating_sub(place));
            waiting.swap(place, place.saturating_add(ahead));
        }
        Self { waiting, since: now, taken: 0 }
    }

    /// Whether nobody is left to look for.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Those who are left.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, A)> {
        self.waiting.iter().copied()
    }

    pub(crate) fn pop(&mut self) -> Option<(NodeId, A)> {
        self.taken = self.taken.saturating_add(1);
        self.waiting.pop_front()
    }

    /// Those whose turn is next, since when they are looked for.
    #[cfg(feature = "trace")]
    pub(crate) fn resumed(members: impl IntoIterator<Item = (NodeId, A)>, since: Instant) -> Self {
        Self { waiting: members.into_iter().collect(), since, taken: 0 }
    }

    #[cfg(feature = "trace")]
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    #[cfg(feature = "trace")]
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    pub(crate) fn push(&mut self, id: NodeId, address: A) {
        self.waiting.push_back((id, address));
    }

    /// Gives them up if they have been looked for since `time` ago.
    pub(crate) fn expire(&mut self, time: Duration, now: Instant) {
        if now.since(self.since) >= time {
            self.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv6Addr, SocketAddr};

    use super::*;

    type Record = SnapshotRecord<SocketAddr>;

    fn encoded(record: &Record) -> Vec<u8> {
        let mut buffer = [0; SNAPSHOT_RECORD_LEN_MAX];
        postcard::to_slice(record, &mut buffer).unwrap().to_vec()
    }

    #[test]
    fn the_longest_records_fit_and_read_back_the_same() {
        let id = NodeId::new(u64::MAX);
        let address = SocketAddr::from((Ipv6Addr::from_bits(u128::MAX), u16::MAX));
        let me = Record::Me {
            id,
            incarnation: Incarnation::new(u32::MAX),
            patience: Duration::from_secs(3_600) + Duration::from_nanos(999_999_999),
        };
        for record in [me, Record::Member { id, address }] {
            assert_eq!(postcard::from_bytes(&encoded(&record)), Ok(record));
        }
    }

    #[test]
    fn records_follow_each_other_without_marks_between() {
        let member = |id| Record::Member {
            id: NodeId::new(id),
            address: SocketAddr::from(([10, 0, 0, 1], 7_946)),
        };
        let bytes = [encoded(&member(1)), encoded(&member(1 << 50))].concat();
        let (first, rest) = postcard::take_from_bytes::<Record>(&bytes).unwrap();
        assert_eq!((first, postcard::from_bytes(rest)), (member(1), Ok(member(1 << 50))));
    }

    #[test]
    fn acquaintances_come_in_another_order_for_every_seed_and_all_of_them() {
        let order = |seed| {
            let members = (0..20).map(|id| (NodeId::new(id), 0u16));
            let mut some = Acquaintances::new(members, seed, Instant::ZERO);
            core::iter::from_fn(|| some.pop()).map(|(id, _)| id.number()).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let mut sorted = order(3);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
    }
}
