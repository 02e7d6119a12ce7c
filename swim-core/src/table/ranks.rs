//! The order of the living: how many stand before a key, and who stands at a place.

use crate::storage::{List, Storage};

/// Rows for each cell, on average, before the cells are doubled.
const ROWS_PER_CELL_MAX: usize = 8;

/// How many live rows there are in each of 2^k equal parts of the key space, as a Fenwick tree
/// (1994): counting those before a part, finding the part of the n-th, and changing one are all
/// O(log N). Within a part the caller counts; there are few, because mixed ids are spread evenly.
pub struct Ranks<S: Storage> {
    /// Place `i` holds the sum of the cells `i + 1 - lowest_bit(i + 1) ..= i`.
    tree: S::List<u32>,
}

impl<S: Storage> Ranks<S> {
    /// One cell for everything.
    pub fn new(storage: &S) -> Self {
        let mut tree = storage.list();
        // A storage without room even for that holds nobody.
        let _ = tree.push(0);
        Self { tree }
    }

    /// Doubles the cells if `rows` are too many for them. True when they are empty now: count all
    /// live rows again. Amortised over the rows that came since the last time, that is O(log N).
    pub fn grow(&mut self, rows: usize) -> bool {
        let cells = self.tree.len();
        if rows <= cells.saturating_mul(ROWS_PER_CELL_MAX) {
            return false;
        }
        for _ in 0..cells {
            if self.tree.push(0).is_err() {
                // Half a doubling is none.
                while self.tree.len() > cells {
                    self.tree.pop();
                }
                return false;
            }
        }
        self.tree.as_mut_slice().fill(0);
        true
    }

    /// Counts a live row in, or out.
    pub fn count(&mut self, key: u64, live: bool) {
        let mut place = self.cell(key).saturating_add(1);
        while let Some(sum) = self.tree.as_mut_slice().get_mut(place.saturating_sub(1)) {
            *sum = if live { sum.saturating_add(1) } else { sum.saturating_sub(1) };
            place = place.saturating_add(lowest_bit(place));
        }
    }

    /// The first key of the cell that `key` is in, and how many live rows stand before that.
    pub fn before(&self, key: u64) -> (u64, usize) {
        let cell = self.cell(key);
        let mut place = cell;
        let mut before = 0usize;
        while place > 0 {
            before = before.saturating_add(self.sum(place));
            place = place.saturating_sub(lowest_bit(place));
        }
        (self.first_key(cell), before)
    }

    /// The first key of the cell in which the live row with this rank is, and how many live rows of
    /// that cell stand before it.
    pub fn find(&self, rank: usize) -> (u64, usize) {
        let (mut cell, mut left, mut step) = (0usize, rank, self.tree.len());
        while step > 0 {
            let next = cell.saturating_add(step);
            if next < self.tree.len() && self.sum(next) <= left {
                left = left.saturating_sub(self.sum(next));
                cell = next;
            }
            step /= 2;
        }
        (self.first_key(cell), left)
    }

    fn sum(&self, place: usize) -> usize {
        self.tree.as_slice().get(place.saturating_sub(1)).map_or(0, |&sum| sum as usize)
    }

    /// The number of bits of a key that say in which cell it is.
    fn bits(&self) -> u32 {
        self.tree.len().max(1).ilog2()
    }

    fn cell(&self, key: u64) -> usize {
        key.checked_shr(u64::BITS.saturating_sub(self.bits())).unwrap_or(0) as usize
    }

    fn first_key(&self, cell: usize) -> u64 {
        (cell as u64).checked_shl(u64::BITS.saturating_sub(self.bits())).unwrap_or(0)
    }
}

const fn lowest_bit(place: usize) -> usize {
    place & place.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::storage::Fixed;

    #[test]
    fn ranks_agree_with_a_sorted_list_however_many_cells_there_are() {
        let mut rng = Rng::new(9);
        let mut ranks = Ranks::<Fixed<512, 0>>::new(&Fixed::new());
        let mut keys: Vec<u64> = Vec::new();
        for _ in 0..5_000 {
            if rng.below(5) > 0 && keys.len() < 600 {
                let key = rng.next_u64();
                keys.push(key);
                if ranks.grow(keys.len()) {
                    keys.iter().for_each(|&key| ranks.count(key, true));
                } else {
                    ranks.count(key, true);
                }
            } else if !keys.is_empty() {
                let key = keys.swap_remove(rng.below(keys.len()));
                ranks.count(key, false);
            }
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            if let Some(&key) = keys.first() {
                let rank = sorted.binary_search(&key).unwrap();
                let (first, before) = ranks.before(key);
                let within = sorted.iter().filter(|&&other| other >= first && other < key).count();
                assert_eq!(before + within, rank);
                let (first, skipped) = ranks.find(rank);
                let found = sorted.iter().filter(|&&key| key >= first).nth(skipped);
                assert_eq!(found, Some(&key));
            }
        }
        assert!(ranks.tree.len() >= 64);
    }
}
