//! Where a node's table lives: in fixed arrays ([`Fixed`]) or on the heap (`Growable`, feature
//! `alloc`). Both behave alike: at equal capacity they give the same packets, byte for byte, unless
//! something has reached one of the [`Bounds`] that differ.

mod bounds;
mod fixed;
#[cfg(feature = "alloc")]
mod growable;
mod with_bounds;

pub use crate::time::{ShortSpan, Span};
pub use bounds::{Board, Bounds, Counter, Queue, Server};
pub use bounds::{
    DEPARTED_MAX, OUTBOX_LEN_MAX, PROBES_MAX, RELAYS_MAX, SEEDS_MAX, SYNC_SESSIONS_MAX, WATCHED_MAX,
};
pub use fixed::Fixed;
#[cfg(feature = "alloc")]
pub use growable::Growable;
pub use with_bounds::WithBounds;

/// The memory of one table: how many members it holds, how much metadata for each, and in what.
///
/// Implemented by [`Fixed`] and `Growable`; a node is handed one when it is made.
pub trait Storage {
    /// A bounded list of `T` that never holds more than [`members_max`](Self::members_max).
    type List<T>: List<T>;
    /// A bounded list of what is counted once for several members.
    type Cells<T>: List<T>;
    /// A bounded list that only storages need where case files are pooled.
    type Links<T>: List<T>;
    /// The number of a row.
    type Number: Number;
    /// The metadata of one member.
    type Metadata: Metadata;
    /// The members in the order of their mixed ids.
    type Index: Index;
    /// How much room there is for what does not grow with the cluster.
    type Bounds: Bounds;

    /// Whether case files are pooled, so that a row without one costs less. Otherwise each row has
    /// its own, which has the same number.
    const CASES_POOLED: bool;

    /// How many members the table can hold, the node itself included.
    fn members_max(&self) -> usize;

    /// The longest metadata it can hold for one member, in bytes.
    fn metadata_len_max(&self) -> usize;

    /// An empty list.
    fn list<T>(&self) -> Self::List<T>;

    /// An empty list.
    fn cells<T>(&self) -> Self::Cells<T>;

    /// An empty list.
    fn links<T>(&self) -> Self::Links<T>;

    /// An empty index.
    fn index(&self) -> Self::Index;

    /// What makes the lists of bounded length.
    fn bounds(&self) -> Self::Bounds;
}

/// A list with a maximum.
pub trait List<T> {
    /// What is in it.
    fn as_slice(&self) -> &[T];

    /// What is in it, to change.
    fn as_mut_slice(&mut self) -> &mut [T];

    /// Appends `item`.
    ///
    /// # Errors
    ///
    /// Gives `item` back when the list is full.
    fn push(&mut self, item: T) -> Result<(), T>;

    /// Takes the last item off.
    fn pop(&mut self) -> Option<T>;

    /// How many items there can be.
    fn len_max(&self) -> usize;

    /// Takes the item at `place` out; the others keep their order.
    fn remove(&mut self, place: usize) -> Option<T> {
        self.as_mut_slice().get_mut(place..).filter(|rest| !rest.is_empty())?.rotate_left(1);
        self.pop()
    }

    /// Takes the item at `place` out; the last one takes its place.
    fn swap_remove(&mut self, place: usize) -> Option<T> {
        self.as_mut_slice().get_mut(place..)?.split_first_mut().map(|(item, rest)| {
            rest.last_mut().into_iter().for_each(|last| core::mem::swap(item, last));
        })?;
        self.pop()
    }

    /// Drops the items that `keep` does not accept; the others keep their order. For short lists.
    fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        let mut place = 0usize;
        while let Some(item) = self.as_slice().get(place) {
            if keep(item) {
                place = place.saturating_add(1);
            } else {
                self.remove(place);
            }
        }
    }

    /// Drops all items, and gives back the memory they were in where there is somebody to take it.
    fn reset(&mut self) {
        while self.pop().is_some() {}
    }

    /// How many items there are.
    fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// Whether there is no room for another.
    fn is_full(&self) -> bool {
        self.len() >= self.len_max()
    }
}

/// The number of a row or of what belongs to one, in no more bytes than a table needs.
pub trait Number: Copy {
    /// This number. The two greatest `u32` are kept too: they stand for none.
    fn new(number: u32) -> Self;

    /// The number itself.
    fn get(self) -> u32;
}

impl Number for u32 {
    fn new(number: u32) -> Self {
        number
    }

    fn get(self) -> u32 {
        self
    }
}

impl Number for u16 {
    fn new(number: u32) -> Self {
        number as Self
    }

    fn get(self) -> u32 {
        let greatest = Self::MAX.wrapping_sub(self);
        if greatest < 2 { u32::MAX.wrapping_sub(greatest.into()) } else { self.into() }
    }
}

/// Bytes an application attached to a member.
pub trait Metadata: Default {
    /// The bytes.
    fn as_slice(&self) -> &[u8];

    /// Replaces the bytes. Returns false, and keeps the old ones, when these do not fit.
    fn replace(&mut self, bytes: &[u8], len_max: usize) -> bool;
}

/// Rows in the order of their mixed ids: the lookup by id and the order of page cursors in one.
///
/// An entry is `(key, row)`: the mixed id and the number of the row that holds it.
pub trait Index {
    /// The row with `key`.
    fn find(&self, key: u64, key_of: impl Fn(u32) -> u64) -> Option<u32>;

    /// Adds a row whose key is not there yet. Returns false when there is no room.
    fn insert(&mut self, key: u64, row: u32, key_of: impl Fn(u32) -> u64) -> bool;

    /// Takes the row with `key` out, if there is one.
    fn remove(&mut self, key: u64, key_of: impl Fn(u32) -> u64);

    /// The rows whose keys are at least `key`, ascending.
    fn from(&self, key: u64, key_of: impl Fn(u32) -> u64) -> impl Iterator<Item = u32>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Inserts, removes and looks up at random, against a sorted vector.
    fn index_agrees_with_a_sorted_list(mut index: impl Index, capacity: usize) {
        let mut rng = Rng::new(11);
        let keys: Vec<u64> = (0..capacity as u64 * 2).map(|_| rng.next_u64()).collect();
        let key_of = |row: u32| keys[row as usize];
        let mut present: Vec<u32> = Vec::new();
        for _ in 0..20_000 {
            let row = rng.below(keys.len()) as u32;
            let key = key_of(row);
            let known = present.iter().position(|&other| other == row);
            assert_eq!(index.find(key, key_of), known.map(|_| row));
            match known {
                Some(place) => {
                    present.swap_remove(place);
                    index.remove(key, key_of);
                }
                None if present.len() < capacity => {
                    assert!(index.insert(key, row, key_of));
                    present.push(row);
                }
                None => {}
            }
        }
        let from = rng.next_u64();
        let mut expected: Vec<u32> =
            present.iter().copied().filter(|&row| key_of(row) >= from).collect();
        expected.sort_by_key(|&row| key_of(row));
        assert_eq!(index.from(from, key_of).collect::<Vec<_>>(), expected);
        assert_eq!(index.from(0, key_of).count(), present.len());
    }

    #[test]
    fn fixed_index_agrees_with_a_sorted_list() {
        index_agrees_with_a_sorted_list(Fixed::<64, 0>::new().index(), 64);
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn growable_index_agrees_with_a_sorted_list() {
        index_agrees_with_a_sorted_list(Growable::new(64, 0).index(), 64);
        index_agrees_with_a_sorted_list(Growable::new(1_000, 0).index(), 1_000);
    }
}
