//! Where in another list each row or case stands.

use crate::storage::{List, Number, Storage};

/// Stands for "no row", "no case" and "nowhere".
pub const NONE: u32 = u32::MAX;

/// For each row, or each case, its place in a list that is in another order.
pub struct Places<S: Storage> {
    places: S::List<S::Number>,
}

impl<S: Storage> Places<S> {
    pub fn new(storage: &S) -> Self {
        Self { places: storage.list() }
    }

    /// Makes room for one more.
    pub fn grow(&mut self) -> bool {
        self.places.push(S::Number::new(NONE)).is_ok()
    }

    /// There is nothing to find any more.
    pub fn reset(&mut self) {
        self.places.reset();
    }

    /// Where number `row` stands, if it is in the list.
    pub fn find(&self, row: u32) -> Option<usize> {
        let place = self.places.as_slice().get(row as usize)?.get();
        (place != NONE).then_some(place as usize)
    }

    /// Notes that `row` stands at `place` now.
    pub fn put(&mut self, row: u32, place: usize) {
        if let Some(slot) = self.places.as_mut_slice().get_mut(row as usize) {
            *slot = S::Number::new(place as u32);
        }
    }

    /// Notes that `row` is not in the list.
    pub fn clear(&mut self, row: u32) {
        self.put(row, NONE as usize);
    }
}
