//! When something about a row falls due: its suspicion times out, its tombstone crumbles.

use crate::storage::{List, Number, Storage};
use crate::time::Instant;

use super::places::{NONE, Places};

/// At most one deadline per case, the earliest on top of a binary heap: setting, clearing and
/// taking one are O(log N), asking for the earliest is O(1).
pub struct Timers<S: Storage> {
    heap: S::List<Due<S::Number>>,
    /// Where in `heap` each case is.
    places: Places<S>,
    /// Where cases are pooled, whose each is.
    rows: S::Links<S::Number>,
}

/// One deadline.
#[derive(Clone, Copy)]
#[repr(packed(2))]
pub struct Due<N> {
    at: Instant,
    case: N,
}

impl<S: Storage> Timers<S> {
    pub fn new(storage: &S) -> Self {
        Self { heap: storage.list(), places: Places::new(storage), rows: storage.links() }
    }

    /// Makes room for one more case.
    pub fn grow(&mut self) -> bool {
        let linked = !S::CASES_POOLED || self.rows.push(S::Number::new(NONE)).is_ok();
        linked && self.places.grow()
    }

    /// There are no cases any more.
    pub fn reset(&mut self) {
        self.heap.reset();
        self.places.reset();
        self.rows.reset();
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.heap.as_slice().first().map(|due| due.at)
    }

    /// Whether `case` has a deadline.
    pub fn contains(&self, case: u32) -> bool {
        self.places.find(case).is_some()
    }

    /// The deadline of `case`, if it has one.
    pub fn deadline(&self, case: u32) -> Option<Instant> {
        Some(self.heap.as_slice().get(self.places.find(case)?)?.at)
    }

    /// Sets or moves the deadline of `case`, which is that of `row`.
    pub fn set(&mut self, case: u32, row: u32, at: Instant) {
        self.clear(case);
        if let Some(there) = self.rows.as_mut_slice().get_mut(case as usize) {
            *there = S::Number::new(row);
        }
        let last = self.heap.len();
        if self.heap.push(Due { at, case: Number::new(case) }).is_ok() {
            self.record(last);
            self.sift_up(last);
        }
    }

    /// Removes the deadline of `case`, if it has one.
    pub fn clear(&mut self, case: u32) {
        let Some(place) = self.places.find(case) else { return };
        self.swap(place, self.heap.len().saturating_sub(1));
        self.heap.pop();
        self.places.clear(case);
        self.sift_up(place);
        self.sift_down(place);
    }

    /// Takes off the earliest deadline that is not after `now`: whose row it is.
    pub fn pop_due(&mut self, now: Instant) -> Option<u32> {
        let due = *self.heap.as_slice().first().filter(|due| { due.at } <= now)?;
        self.clear(due.case.get());
        Some(self.row(&due))
    }

    /// Whose row it is.
    fn row(&self, due: &Due<S::Number>) -> u32 {
        let case = due.case.get();
        self.rows.as_slice().get(case as usize).map_or(case, |row| row.get())
    }

    fn sift_up(&mut self, mut place: usize) {
        while place > 0 {
            let parent = place.saturating_sub(1) / 2;
            if !self.is_before(place, parent) {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
    }

    fn sift_down(&mut self, mut place: usize) {
        loop {
            let left = place.saturating_mul(2).saturating_add(1);
            let right = left.saturating_add(1);
            let child = if self.is_before(right, left) { right } else { left };
            if !self.is_before(child, place) {
                break;
            }
            self.swap(place, child);
            place = child;
        }
    }

    /// Whether both places exist and the first is due before the second.
    fn is_before(&self, a: usize, b: usize) -> bool {
        let heap = self.heap.as_slice();
        // The row breaks ties: which case it has depends on history, and the order must not.
        let order = |due: &Due<_>| (due.at, self.row(due));
        heap.get(a).zip(heap.get(b)).is_some_and(|(a, b)| order(a) < order(b))
    }

    fn swap(&mut self, a: usize, b: usize) {
        let heap = self.heap.as_mut_slice();
        if a < heap.len() && b < heap.len() {
            heap.swap(a, b);
            self.record(a);
            self.record(b);
        }
    }

    fn record(&mut self, place: usize) {
        if let Some(due) = self.heap.as_slice().get(place) {
            self.places.put(due.case.get(), place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::storage::Growable;

    #[test]
    fn deadlines_come_out_in_order_whatever_was_set_moved_or_cleared() {
        let mut timers = Timers::new(&Growable::new(64, 0));
        (0..64).for_each(|_| assert!(timers.grow()));
        let mut model = [None::<Instant>; 64];
        let mut rng = Rng::new(8);
        for _ in 0..20_000 {
            let row = rng.below(64);
            match rng.below(4) {
                0 | 1 => {
                    let at = Instant::from_micros(rng.below(1_000) as u64);
                    timers.set(63 - row as u32, row as u32, at);
                    model[row] = Some(at);
                }
                2 => {
                    timers.clear(63 - row as u32);
                    model[row] = None;
                }
                _ => {
                    let now = Instant::from_micros(rng.below(500) as u64);
                    let due = (0..64)
                        .filter(|&row| model[row].is_some_and(|at| at <= now))
                        .min_by_key(|&row| (model[row], row));
                    assert_eq!(timers.pop_due(now), due.map(|row| row as u32));
                    due.into_iter().for_each(|row| model[row] = None);
                }
            }
            assert_eq!(timers.next(), model.iter().flatten().min().copied());
        }
    }
}
