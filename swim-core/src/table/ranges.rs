//! Ranges of the table: what their live rows amount to, and which they are.

use crate::address::Address;
use crate::range::Range;
use crate::storage::{Index, Storage};

use super::ranks::Tally;
use super::{Row, Table};

/// Rows of a range looked at one by one; a range with more is halved before anybody lists it.
const RANGE_WALK_MAX: usize = 256;

impl<A: Address, S: Storage> Table<A, S> {
    /// What all live rows amount to, the node itself included while it is alive. O(1).
    pub fn tally_all(&self) -> Tally {
        self.ranks.all()
    }

    /// What the live rows in `range` amount to; `None` when that takes a closer look, at a narrower
    /// range. O(log N), unless ids are chosen to crowd one place.
    pub fn tally(&self, range: Range, budget: &mut usize) -> Option<Tally> {
        if range.depth() > self.ranks.depth() {
            let mut tally = Tally::default();
            let all = self.visit(range, budget, |_, row| {
                if row.is_live() {
                    tally = tally.and(row.hash());
                }
                true
            });
            return all.then_some(tally);
        }
        let (_, before) = self.ranks.before(range.first());
        let upto = match range.last().checked_add(1) {
            Some(next) => self.ranks.before(next).1,
            None => self.ranks.all(),
        };
        Some(upto.without(before))
    }

    /// Shows `look` the rows in `range` by ascending mixed id, with their numbers, until it has
    /// seen enough: no more than `budget` allows, nor more than a few hundred. Returns whether
    /// those were all.
    pub fn visit(
        &self,
        range: Range,
        budget: &mut usize,
        mut look: impl FnMut(u32, Row<'_, A>) -> bool,
    ) -> bool {
        let (last, mut left) = (range.last(), RANGE_WALK_MAX);
        for number in self.index.from(range.first(), |row| self.key(row)) {
            let Some(row) = self.row(number).filter(|row| row.id().mixed() <= last) else { break };
            let (Some(rest), Some(fewer)) = (budget.checked_sub(1), left.checked_sub(1)) else {
                return false;
            };
            (*budget, left) = (rest, fewer);
            if !look(number, row) {
                return false;
            }
        }
        true
    }
}
