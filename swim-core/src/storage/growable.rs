//! A table on the heap: grows with the cluster up to a configured maximum.

use alloc::vec::Vec;

use smallvec::SmallVec;

use super::{Index, List, Metadata, Server, Storage};

/// Room for up to `members_max` members with up to `metadata_len_max` bytes each. Memory is taken
/// as the cluster grows, and never again once it has reached its size.
///
/// ```
/// use swim_core::storage::{Growable, Storage};
/// assert_eq!(Growable::new(100_000, 512).metadata_len_max(), 512);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growable {
    members_max: usize,
    metadata_len_max: usize,
}

impl Growable {
    /// Room for at most `members_max` members (no more than 2^31) and `metadata_len_max` bytes of
    /// metadata for each.
    pub const fn new(members_max: usize, metadata_len_max: usize) -> Self {
        let limit = 1 << 31;
        let members_max = if members_max > limit { limit } else { members_max };
        Self { members_max, metadata_len_max }
    }
}

impl Default for Growable {
    /// A million members, 512 bytes of metadata each.
    fn default() -> Self {
        Self::new(1_000_000, 512)
    }
}

impl Storage for Growable {
    type List<T> = BoundedVec<T>;
    type Cells<T> = BoundedVec<T>;
    type Links<T> = BoundedVec<T>;
    type Number = u32;
    type Metadata = SmallVec<[u8; 16]>;
    type Index = OrderedHash;
    type Bounds = Server;

    const CASES_POOLED: bool = true;

    fn members_max(&self) -> usize {
        self.members_max
    }

    fn metadata_len_max(&self) -> usize {
        self.metadata_len_max
    }

    fn list<T>(&self) -> Self::List<T> {
        BoundedVec { items: Vec::new(), len_max: self.members_max }
    }

    fn cells<T>(&self) -> Self::Cells<T> {
        self.list()
    }

    fn links<T>(&self) -> Self::Links<T> {
        self.list()
    }

    fn index(&self) -> Self::Index {
        OrderedHash::new(self.members_max)
    }

    fn bounds(&self) -> Server {
        Server
    }
}

/// What is full grows by this part of itself, and at least so much.
const GROWTH_PARTS: usize = 16;
const GROWTH_MIN: usize = 8;

/// A vector that refuses to grow beyond its maximum.
#[derive(Debug)]
pub struct BoundedVec<T> {
    items: Vec<T>,
    len_max: usize,
}

impl<T> List<T> for BoundedVec<T> {
    fn as_slice(&self) -> &[T] {
        &self.items
    }

    fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.items
    }

    fn push(&mut self, item: T) -> Result<(), T> {
        let len = self.items.len();
        if len >= self.len_max {
            return Err(item);
        }
        if len == self.items.capacity() {
            // By a little, for what is spare is paid for each row; still O(1) amortised.
            let spare = (len / GROWTH_PARTS).max(GROWTH_MIN);
            self.items.reserve_exact(spare.min(self.len_max.saturating_sub(len)));
        }
        self.items.push(item);
        Ok(())
    }

    fn pop(&mut self) -> Option<T> {
        self.items.pop()
    }

    fn len_max(&self) -> usize {
        self.len_max
    }

    fn reset(&mut self) {
        self.items = Vec::new();
    }
}

impl Metadata for SmallVec<[u8; 16]> {
    fn as_slice(&self) -> &[u8] {
        self
    }

    fn replace(&mut self, bytes: &[u8], len_max: usize) -> bool {
        if bytes.len() > len_max {
            return false;
        }
        self.clear();
        self.extend_from_slice(bytes);
        self.shrink_to_fit();
        true
    }
}

/// Open addressing whose entries stay sorted: the home of a key is its share of the key space, a
/// key that finds its home taken moves right past the smaller keys only. So it is a hash table to
/// look up in and a sorted list to scan, O(1) both, because mixed ids are spread evenly.
#[derive(Debug)]
pub struct OrderedHash {
    slots: Vec<Slot>,
    /// Homes. The slots beyond take what is pushed off the end.
    homes: usize,
    len: usize,
    homes_max: usize,
}

/// The upper half of the key, so that most comparisons need not look at the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    key_high: u32,
    row: u32,
}

/// As if it came after all others, so that a search ends there.
const VACANT: Slot = Slot { key_high: u32::MAX, row: u32::MAX };
const HOMES_MIN: usize = 16;
/// Slots behind the last home.
const TAIL_LEN: usize = 16;

impl OrderedHash {
    fn new(members_max: usize) -> Self {
        // Evenly spread keys never need this many; keys chosen to collide must not eat all memory.
        let homes_max = members_max.max(HOMES_MIN).saturating_mul(8);
        let homes_max = homes_max.checked_next_power_of_two().unwrap_or(homes_max);
        Self { slots: Vec::new(), homes: 0, len: 0, homes_max }
    }

    fn home(&self, key_high: u32) -> usize {
        let spread = u64::from(key_high).wrapping_mul(self.homes as u64);
        (spread >> 32) as usize
    }

    fn slot(&self, place: usize) -> Slot {
        self.slots.get(place).copied().unwrap_or(VACANT)
    }

    fn set(&mut self, place: usize, slot: Slot) {
        if let Some(there) = self.slots.get_mut(place) {
            *there = slot;
        }
    }

    /// Where `key` is, or where it belongs: the first place whose key is not smaller, or vacant.
    fn seek(&self, key: u64, key_of: impl Fn(u32) -> u64) -> usize {
        let home = self.home(high(key));
        let run = self.slots.get(home..).unwrap_or_default();
        let below = run.iter().position(|slot| !slot.is_below(key, &key_of));
        home.saturating_add(below.unwrap_or(run.len()))
    }

    /// Puts an entry at `place`, moving its neighbours right; false when the tail has no room.
    fn shift_in(&mut self, place: usize, slot: Slot) -> bool {
        let Some(run) = self.slots.get(place..) else { return false };
        let Some(gap) = run.iter().position(|slot| *slot == VACANT) else { return false };
        let end = place.saturating_add(gap);
        self.slots.copy_within(place..end, place.saturating_add(1));
        self.set(place, slot);
        true
    }

    /// A little more room for everybody. Without, it still works, only slower.
    fn grow(&mut self) {
        let homes = self.homes.saturating_add(self.homes / GROWTH_PARTS).max(HOMES_MIN);
        if homes <= self.homes_max {
            self.rebuild(homes);
        }
    }

    /// Far more room, for keys that crowd one place; false when there can be no more.
    fn disperse(&mut self) -> bool {
        let mut homes = self.homes;
        loop {
            homes = homes.saturating_mul(2).max(HOMES_MIN);
            if homes > self.homes_max {
                return false;
            }
            if self.rebuild(homes) {
                return true;
            }
        }
    }

    /// Lays all entries out over `homes`; false, and nothing changed, when the tail has no room.
    fn rebuild(&mut self, homes: usize) -> bool {
        let slots = alloc::vec![VACANT; homes.saturating_add(TAIL_LEN)];
        let mut wider = Self { slots, homes, ..*self };
        let mut next = 0;
        for slot in self.slots.iter().filter(|slot| **slot != VACANT) {
            let place = wider.home(slot.key_high).max(next);
            if place >= wider.slots.len() {
                return false;
            }
            wider.set(place, *slot);
            next = place.saturating_add(1);
        }
        *self = wider;
        true
    }

    fn is_crowded(&self) -> bool {
        self.len.saturating_mul(8) >= self.homes.saturating_mul(7)
    }
}

impl Slot {
    fn is_below(self, key: u64, key_of: impl Fn(u32) -> u64) -> bool {
        let high = high(key);
        self.key_high < high || (self.key_high == high && self != VACANT && key_of(self.row) < key)
    }
}

const fn high(key: u64) -> u32 {
    (key >> 32) as u32
}

impl Index for OrderedHash {
    fn find(&self, key: u64, key_of: impl Fn(u32) -> u64) -> Option<u32> {
        let found = self.slot(self.seek(key, &key_of));
        (found != VACANT && key_of(found.row) == key).then_some(found.row)
    }

    fn insert(&mut self, key: u64, row: u32, key_of: impl Fn(u32) -> u64) -> bool {
        if self.is_crowded() {
            self.grow();
        }
        let slot = Slot { key_high: high(key), row };
        while !self.shift_in(self.seek(key, &key_of), slot) {
            if !self.disperse() {
                return false;
            }
        }
        self.len = self.len.saturating_add(1);
        true
    }

    fn remove(&mut self, key: u64, key_of: impl Fn(u32) -> u64) {
        let place = self.seek(key, &key_of);
        let found = self.slot(place);
        if found == VACANT || key_of(found.row) != key {
            return;
        }
        let mut gap = place;
        loop {
            let next = gap.saturating_add(1);
            let slot = self.slot(next);
            if slot == VACANT || self.home(slot.key_high) > gap {
                break;
            }
            self.set(gap, slot);
            gap = next;
        }
        self.set(gap, VACANT);
        self.len = self.len.saturating_sub(1);
    }

    fn from(&self, key: u64, key_of: impl Fn(u32) -> u64) -> impl Iterator<Item = u32> {
        let start = self.seek(key, key_of);
        let rest = self.slots.get(start..).unwrap_or_default();
        rest.iter().filter(|slot| **slot != VACANT).map(|slot| slot.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_chosen_to_collide_are_refused_before_memory_runs_out() {
        let keys: Vec<u64> = (0..1_000).collect();
        let key_of = |row: u32| keys[row as usize];
        let mut index = OrderedHash::new(64);
        let held = (0..1_000).take_while(|&row| index.insert(key_of(row), row, key_of)).count();
        assert!(held >= HOMES_MIN, "{held}");
        assert!(index.slots.len() <= 64 * 8 + TAIL_LEN);
        assert!((0..held as u32).all(|row| index.find(key_of(row), key_of) == Some(row)));
    }
}
