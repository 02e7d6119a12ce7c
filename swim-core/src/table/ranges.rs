//! Ranges of the table: what their live rows amount to, and which they are.

use crate::address::Address;
use crate::range::Range;
use crate::storage::{Index, Storage};

use super::ranks::Tally;
use super::{ME, Row, Table};

/// Rows of a range looked at one by one; a range with more is halved before anybody lists it.
const RANGE_WALK_MAX: usize = 256;

impl<A: Address, S: Storage> Table<A, S> {
    /// What all live rows amount to, the node itself included while it is alive. O(1).
    pub fn tally_all(&self) -> Tally {
        self.ranks.all()
    }

    /// What the live rows in `range` amount to. O(log N).
    pub fn tally(&self, range: Range) -> Tally {
        if range.depth() > self.ranks.depth() {
            let rows = self.live_in(range);
            return rows.fold(Tally::default(), |tally, (_, row)| tally.and(row.hash()));
        }
        let (_, before) = self.ranks.before(range.first());
        let upto = match range.last().checked_add(1) {
            Some(next) => self.ranks.before(next).1,
            None => self.ranks.all(),
        };
        upto.without(before)
    }

    /// The live rows in `range` by ascending mixed id, with their numbers; not all of them when the
    /// range is wide: compare with [`tally`](Self::tally).
    pub fn live_in(&self, range: Range) -> impl Iterator<Item = (u32, Row<'_, A>)> {
        let last = range.last();
        self.index
            .from(range.first(), |row| self.key(row))
            .take(RANGE_WALK_MAX)
            .filter_map(|row| Some((row, self.row(row)?)))
            .take_while(move |(_, row)| row.id().mixed() <= last)
            .filter(|&(number, row)| match number {
                ME => row.is_live(),
                _ => self.roster.is_live(number),
            })
    }
}
