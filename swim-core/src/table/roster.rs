//! Who is probed next, and whom chance picks: one permutation of the rows for both.

use crate::rng::Rng;
use crate::storage::{List, Number, Storage};

use super::places::Places;

/// All rows but the node's own, in an order that means something:
///
/// ```text
/// probed this round | still to be probed | tombstones
/// 0           cursor                  live          len
/// ```
///
/// SWIM section 4.3 wants a round robin over a list that is shuffled anew after each round. The
/// shuffle (Fisher-Yates) is done here one step per probe, so no step costs O(N), and a joiner
/// lands among those still to be probed at a place nobody can tell: the bound of 2n - 1 holds.
pub struct Roster<S: Storage> {
    order: S::List<S::Number>,
    /// Where in `order` each row is.
    places: Places<S>,
    live: usize,
    cursor: usize,
}

impl<S: Storage> Roster<S> {
    pub fn new(storage: &S) -> Self {
        Self { order: storage.list(), places: Places::new(storage), live: 0, cursor: 0 }
    }

    /// Makes room for one more row number.
    pub fn grow(&mut self) -> bool {
        self.places.grow()
    }

    /// The rows that are live.
    pub fn live(&self) -> &[S::Number] {
        self.order.as_slice().get(..self.live).unwrap_or_default()
    }

    /// The rows that are not.
    pub fn tombstones(&self) -> &[S::Number] {
        self.order.as_slice().get(self.live..).unwrap_or_default()
    }

    /// All rows, the live ones first.
    pub fn all(&self) -> &[S::Number] {
        self.order.as_slice()
    }

    /// Whether a row is live.
    pub fn is_live(&self, row: u32) -> bool {
        self.places.find(row).is_some_and(|place| place < self.live)
    }

    /// Adds a row as a tombstone.
    pub fn insert(&mut self, row: u32) -> bool {
        let last = self.order.len();
        if self.order.push(S::Number::new(row)).is_err() {
            return false;
        }
        self.record(last);
        true
    }

    /// Takes a row out.
    pub fn remove(&mut self, row: u32) {
        self.set_live(row, false);
        let Some(place) = self.places.find(row) else { return };
        self.swap(place, self.order.len().saturating_sub(1));
        self.order.pop();
        self.places.clear(row);
    }

    /// Says whether a row is live; one that becomes so is probed within this round. Returns whether
    /// that is a change.
    pub fn set_live(&mut self, row: u32, live: bool) -> bool {
        let Some(place) = self.places.find(row) else { return false };
        match (place < self.live, live) {
            (false, true) => {
                self.swap(place, self.live);
                self.live = self.live.saturating_add(1);
            }
            (true, false) => {
                let mut place = place;
                if place < self.cursor {
                    self.cursor = self.cursor.saturating_sub(1);
                    self.swap(place, self.cursor);
                    place = self.cursor;
                }
                self.live = self.live.saturating_sub(1);
                self.swap(place, self.live);
            }
            _ => return false,
        }
        true
    }

    /// The next row to probe: every live row once per round, in an order drawn anew each round.
    pub fn next_probe(&mut self, rng: &mut Rng) -> Option<u32> {
        if self.cursor >= self.live {
            self.cursor = 0;
        }
        let ahead = rng.below(self.live.saturating_sub(self.cursor));
        self.swap(self.cursor, self.cursor.saturating_add(ahead));
        let row = self.live().get(self.cursor)?.get();
        self.cursor = self.cursor.saturating_add(1);
        Some(row)
    }

    fn swap(&mut self, a: usize, b: usize) {
        let order = self.order.as_mut_slice();
        if a < order.len() && b < order.len() {
            order.swap(a, b);
            self.record(a);
            self.record(b);
        }
    }

    fn record(&mut self, place: usize) {
        if let Some(row) = self.order.as_slice().get(place) {
            self.places.put(row.get(), place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Fixed;

    type Rows = Roster<Fixed<64, 0>>;

    fn roster(live: u32) -> Rows {
        let mut roster = Rows::new(&Fixed::new());
        for row in 0..64 {
            assert!(roster.grow());
            if row < live {
                roster.insert(row);
                roster.set_live(row, true);
            }
        }
        roster
    }

    #[test]
    fn every_row_is_probed_once_per_round_in_changing_order() {
        let mut rng = Rng::new(3);
        let mut roster = roster(20);
        let rounds: Vec<Vec<u32>> = (0..3)
            .map(|_| (0..20).map(|_| roster.next_probe(&mut rng).unwrap()).collect())
            .collect();
        for round in &rounds {
            let mut sorted = round.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..20).collect::<Vec<_>>());
        }
        assert_ne!(rounds[0], rounds[1]);
        assert_ne!(rounds[1], rounds[2]);
    }

    #[test]
    fn two_probes_of_a_row_are_at_most_2n_minus_1_apart() {
        let mut rng = Rng::new(4);
        let mut roster = roster(10);
        let mut last = [None; 10];
        let mut widest = 0;
        for step in 0..10_000usize {
            let row = roster.next_probe(&mut rng).unwrap() as usize;
            if let Some(before) = last[row].replace(step) {
                widest = widest.max(step - before);
            }
        }
        assert_eq!(widest, 2 * 10 - 1);
    }

    #[test]
    fn a_joiner_is_probed_within_the_round_it_joins() {
        let mut rng = Rng::new(5);
        let mut roster = roster(10);
        for _ in 0..7 {
            roster.next_probe(&mut rng);
        }
        roster.insert(40);
        roster.set_live(40, true);
        let rest: Vec<u32> = (0..4).map(|_| roster.next_probe(&mut rng).unwrap()).collect();
        assert!(rest.contains(&40), "{rest:?}");
    }

    #[test]
    fn the_sections_hold_what_they_should_after_any_sequence() {
        let mut rng = Rng::new(6);
        let mut roster = roster(0);
        let mut model = [None::<bool>; 64];
        for _ in 0..50_000 {
            let row = rng.below(64);
            match (rng.below(4), model[row]) {
                (0, None) => {
                    roster.insert(row as u32);
                    model[row] = Some(false);
                }
                (1, Some(_)) => {
                    let live = rng.below(2) == 0;
                    roster.set_live(row as u32, live);
                    model[row] = Some(live);
                }
                (2, Some(_)) => {
                    roster.remove(row as u32);
                    model[row] = None;
                }
                _ => {
                    let probed = roster.next_probe(&mut rng);
                    assert!(probed.is_none_or(|row| model[row as usize] == Some(true)));
                }
            }
            let count = |live| model.iter().filter(|&&state| state == Some(live)).count();
            assert_eq!(
                (roster.live().len(), roster.tombstones().len()),
                (count(true), count(false))
            );
            assert!(roster.live().iter().all(|row| model[row.get() as usize] == Some(true)));
        }
    }
}
