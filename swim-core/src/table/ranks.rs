//! The order of the living: how many stand before a key, who stands at a place, and what the rows
//! between two keys amount to.

use crate::storage::{List, Storage};

/// Rows for each cell, on average, before the cells are doubled.
const ROWS_PER_CELL_MAX: usize = 8;

/// How many live rows there are in each of 2^k equal parts of the key space and the sum of their
/// hashes, as a Fenwick tree (1994): telling both for all before a part, finding the part of the
/// n-th, and changing one are all O(log N). Within a part the caller counts; there are few, because
/// mixed ids are spread evenly.
pub struct Ranks<S: Storage> {
    /// Place `i` holds the sum of the cells `i + 1 - lowest_bit(i + 1) ..= i`.
    counts: S::Cells<u32>,
    /// The same of the hashes, wrapping.
    hashes: S::Cells<u64>,
}

/// What some live rows amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many there are.
    pub count: usize,
    /// The wrapping sum of their hashes.
    pub hashes: u64,
}

impl Tally {
    /// These rows and one more.
    #[must_use]
    pub const fn and(self, hash: u64) -> Self {
        Self { count: self.count.saturating_add(1), hashes: self.hashes.wrapping_add(hash) }
    }

    /// These rows without those, which are among them.
    #[must_use]
    pub const fn without(self, those: Self) -> Self {
        Self {
            count: self.count.saturating_sub(those.count),
            hashes: self.hashes.wrapping_sub(those.hashes),
        }
    }
}

impl<S: Storage> Ranks<S> {
    /// One cell for everything.
    pub fn new(storage: &S) -> Self {
        let (mut counts, mut hashes) = (storage.cells(), storage.cells());
        // A storage without room even for that holds nobody.
        let _ = (counts.push(0), hashes.push(0));
        Self { counts, hashes }
    }

    /// Doubles the cells if `rows` are too many for them. True when they are empty now: add all
    /// live rows again. Amortised over the rows that came since the last time, that is O(log N).
    pub fn grow(&mut self, rows: usize) -> bool {
        let cells = self.counts.len();
        if rows <= cells.saturating_mul(ROWS_PER_CELL_MAX) {
            return false;
        }
        for _ in 0..cells {
            if self.counts.push(0).is_err() || self.hashes.push(0).is_err() {
                self.shrink(cells);
                return false;
            }
        }
        self.counts.as_mut_slice().fill(0);
        self.hashes.as_mut_slice().fill(0);
        true
    }

    /// Half a doubling is none.
    fn shrink(&mut self, cells: usize) {
        while self.counts.len() > cells {
            self.counts.pop();
        }
        while self.hashes.len() > cells {
            self.hashes.pop();
        }
    }

    /// Counts a live row in.
    pub fn add(&mut self, key: u64, hash: u64) {
        self.change(key, |count| count.saturating_add(1), hash);
    }

    /// Counts a live row out.
    pub fn remove(&mut self, key: u64, hash: u64) {
        self.change(key, |count| count.saturating_sub(1), hash.wrapping_neg());
    }

    /// Takes over another hash of a live row.
    pub fn replace(&mut self, key: u64, before: u64, after: u64) {
        self.change(key, |count| count, after.wrapping_sub(before));
    }

    fn change(&mut self, key: u64, count: impl Fn(u32) -> u32, hashes: u64) {
        let mut place = self.cell(key).saturating_add(1);
        let (counts, sums) = (self.counts.as_mut_slice(), self.hashes.as_mut_slice());
        while let (Some(there), Some(sum)) =
            (counts.get_mut(place.saturating_sub(1)), sums.get_mut(place.saturating_sub(1)))
        {
            *there = count(*there);
            *sum = sum.wrapping_add(hashes);
            place = place.saturating_add(lowest_bit(place));
        }
    }

    /// All live rows.
    pub fn all(&self) -> Tally {
        // The cells are a power of two, so the last place holds everything.
        Tally { count: self.count(self.counts.len()), hashes: self.hash(self.counts.len()) }
    }

    /// The first key of the cell that `key` is in, and what the live rows before that amount to.
    pub fn before(&self, key: u64) -> (u64, Tally) {
        let cell = self.cell(key);
        let mut place = cell;
        let mut before = Tally::default();
        while place > 0 {
            before.count = before.count.saturating_add(self.count(place));
            before.hashes = before.hashes.wrapping_add(self.hash(place));
            place = place.saturating_sub(lowest_bit(place));
        }
        (self.first_key(cell), before)
    }

    /// The first key of the cell in which the live row with this rank is, and how many live rows of
    /// that cell stand before it.
    pub fn find(&self, rank: usize) -> (u64, usize) {
        let (mut cell, mut left, mut step) = (0usize, rank, self.counts.len());
        while step > 0 {
            let next = cell.saturating_add(step);
            if next < self.counts.len() && self.count(next) <= left {
                left = left.saturating_sub(self.count(next));
                cell = next;
            }
            step /= 2;
        }
        (self.first_key(cell), left)
    }

    fn count(&self, place: usize) -> usize {
        self.counts.as_slice().get(place.saturating_sub(1)).map_or(0, |&count| count as usize)
    }

    fn hash(&self, place: usize) -> u64 {
        self.hashes.as_slice().get(place.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// The number of bits of a key that say in which cell it is.
    pub fn depth(&self) -> u32 {
        self.counts.len().max(1).ilog2()
    }

    fn cell(&self, key: u64) -> usize {
        key.checked_shr(u64::BITS.saturating_sub(self.depth())).unwrap_or(0) as usize
    }

    fn first_key(&self, cell: usize) -> u64 {
        (cell as u64).checked_shl(u64::BITS.saturating_sub(self.depth())).unwrap_or(0)
    }
}

const fn lowest_bit(place: usize) -> usize {
    place & place.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::storage::Growable;

    #[test]
    fn ranks_agree_with_a_sorted_list_however_many_cells_there_are() {
        let mut rng = Rng::new(9);
        let mut ranks = Ranks::<Growable>::new(&Growable::new(512, 0));
        // Keys, and what they hash to.
        let mut rows: Vec<(u64, u64)> = Vec::new();
        for _ in 0..5_000 {
            if rng.below(5) > 0 && rows.len() < 600 {
                let row = (rng.next_u64(), rng.next_u64());
                rows.push(row);
                if ranks.grow(rows.len()) {
                    rows.iter().for_each(|&(key, hash)| ranks.add(key, hash));
                } else {
                    ranks.add(row.0, row.1);
                }
            } else if !rows.is_empty() {
                let row = rng.below(rows.len());
                let (key, before) = rows[row];
                if rng.below(2) == 0 {
                    rows[row].1 = rng.next_u64();
                    ranks.replace(key, before, rows[row].1);
                } else {
                    rows.swap_remove(row);
                    ranks.remove(key, before);
                }
            }
            let mut sorted = rows.clone();
            sorted.sort_unstable();
            assert_eq!(ranks.all(), tally(&sorted));
            if let Some(&(key, _)) = rows.first() {
                let rank = sorted.iter().position(|row| row.0 == key).unwrap();
                let (first, before) = ranks.before(key);
                let (earlier, within) =
                    sorted[..rank].split_at(sorted.partition_point(|row| row.0 < first));
                assert_eq!(before, tally(earlier));
                assert!(within.len() < 64);
                let (first, skipped) = ranks.find(rank);
                let found = sorted.iter().filter(|row| row.0 >= first).nth(skipped);
                assert_eq!(found.map(|row| row.0), Some(key));
            }
        }
        assert!(ranks.counts.len() >= 64);
    }

    fn tally(rows: &[(u64, u64)]) -> Tally {
        rows.iter().fold(Tally::default(), |tally, row| tally.and(row.1))
    }
}
