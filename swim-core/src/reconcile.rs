//! Reconciliation: two tables made equal by what differs, a range of mixed ids at a time.
//!
//! A side says what its live rows in a range amount to; the other answers for the parts where its
//! own amount to something else, with narrower fingerprints, then with the hashes of all rows, then
//! with the rows. Both sides do the same and remember nothing: all that is still to be done stands
//! in the packet (range-based set reconciliation, Meyer 2023, with rows that supersede each other).

mod saying;

use crate::address::Address;
use crate::judge::Card;
use crate::range::{Parts, Range};
use crate::storage::{List, Storage};
use crate::table::Table;
use crate::wire::{ENTRY_VALUES_MAX, Entry, Half, Packet, Update, Values};

/// Bytes that a row takes, as a rule: an IPv4 address, no metadata.
pub const ROW_LEN: usize = 24;

/// What one packet can leave to be said, where a table does not limit it to less. The rest is
/// dropped and found again by the next reconciliation.
const PARTS_MAX: usize = 512;

/// Rows a side lists at once when the other's list was shorter; with more it asks for narrower
/// ranges instead.
const ROWS_COMPARED_MAX: usize = 2 * ENTRY_VALUES_MAX;

/// Rows looked at for one packet, coming in or going out; what would take more waits. Only entries
/// made to cost time, or ids chosen to crowd one place, take as many.
const ROWS_LOOKED_AT_MAX: usize = 16_384;

/// Places by which the order is turned with every packet; prime, so that all come first in turn.
const TURN: usize = 37;

/// What is to be said in answer to a packet.
pub struct Agenda<S: Storage> {
    /// The number of the reconciliation it belongs to.
    number: u32,
    parts: S::List<Part>,
    /// Rows that may still be looked at.
    budget: usize,
    /// Packets heard so far.
    heard: usize,
}

/// One thing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What follows, up to the next of these, belongs to this range.
    In(Range),
    /// The same; not all of it found room, so the range is to be compared once more.
    Again(Range),
    /// A hash without a row.
    Want(Unaligned),
    /// A row the other side lacks.
    Give(Unaligned),
    /// The fingerprints or hashes of a range.
    Expand(Range),
}

/// A number that needs no padding beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unaligned([u8; 4]);

impl Unaligned {
    const fn new(number: u32) -> Self {
        Self(number.to_le_bytes())
    }

    const fn get(self) -> u32 {
        u32::from_le_bytes(self.0)
    }
}

impl<S: Storage> Agenda<S> {
    /// Nothing to say.
    pub fn new(storage: &S) -> Self {
        Self { number: 0, parts: storage.list(), budget: 0, heard: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether something of this reconciliation is to be said, or said once more.
    pub fn is_of(&self, number: u32) -> bool {
        self.number == number && !self.is_empty()
    }

    /// Begins with the whole table.
    pub fn open(&mut self, number: u32) {
        self.restart(number);
        self.push(Part::Expand(Range::ALL));
    }

    /// Finds out what to answer to a packet whose updates have been applied. Returns false when
    /// some of it had to be dropped.
    pub fn hear<A: Address>(
        &mut self,
        number: u32,
        table: &Table<A, S>,
        packet: &Packet<'_, A>,
    ) -> bool {
        self.restart(number);
        self.heard = self.heard.wrapping_add(1);
        let half = Half::of_number(number);
        packet.updates().all(|update| self.correct(table, &update))
            && packet.entries().all(|entry| match entry {
                Entry::Fingerprints(range, values) => {
                    self.compare_parts(table, range, values, half)
                }
                Entry::Hashes(range, values) => self.compare_rows(table, range, values, half),
                Entry::Wanted(range, values) => self.serve(table, range, values, half),
                Entry::Differing(parts) => self.expand_all(parts),
            })
    }

    fn restart(&mut self, number: u32) {
        self.number = number;
        self.budget = ROWS_LOOKED_AT_MAX;
        while self.parts.pop().is_some() {}
    }

    /// A row that is outdated there is answered with the newer one.
    fn correct<A: Address>(&mut self, table: &Table<A, S>, update: &Update<'_, A>) -> bool {
        let Some(number) = table.find(update.id) else { return true };
        let Some(row) = table.row(number) else { return true };
        let newer = |card: Card<'_, A>| match update.card {
            Some(told) => card.precedence(&told).is_gt(),
            None => card.incarnation.ahead_of(update.claim.incarnation) > 0,
        };
        let better = match row.is_live() {
            true => row.card().is_some_and(newer),
            false => row.claim().precedence(&update.claim).is_gt(),
        };
        !better || self.push(Part::Give(Unaligned::new(number)))
    }

    fn compare_parts<A: Address>(
        &mut self,
        table: &Table<A, S>,
        range: Range,
        values: Values<'_>,
        half: Half,
    ) -> bool {
        let halvings = values.len().max(1).ilog2();
        let parts = (0..values.len()).filter_map(|index| range.part(index, halvings));
        let parts: heapless::Vec<_, ENTRY_VALUES_MAX> = parts.zip(values.iter()).collect();
        self.turned(&parts).all(|&(part, theirs)| {
            match table.tally(part, &mut self.budget) {
                Some(mine) if half.take(mine.hashes) == theirs => true,
                // The other side has nothing there: no need to ask.
                _ if theirs == 0 => self.give_all(table, part),
                _ => self.push(Part::Expand(part)),
            }
        })
    }

    fn expand_all(&mut self, parts: Parts) -> bool {
        let parts: heapless::Vec<_, ENTRY_VALUES_MAX> = parts.iter().collect();
        self.turned(&parts).all(|&part| self.push(Part::Expand(part)))
    }

    /// From another place on every time. Some differences cannot be made up for, or not yet; they
    /// must not always come first.
    fn turned<'p, T>(&self, parts: &'p [T]) -> impl Iterator<Item = &'p T> + use<'p, T, S> {
        let (last, first) = parts.split_at_checked(self.turn(parts.len())).unwrap_or((&[], parts));
        first.iter().chain(last)
    }

    fn turn(&self, len: usize) -> usize {
        let turn = self.heard.wrapping_mul(TURN).wrapping_add(self.number as usize / 2);
        turn.checked_rem(len).unwrap_or(0)
    }

    fn give_all<A: Address>(&mut self, table: &Table<A, S>, range: Range) -> bool {
        match self.list(table, range) {
            Some(rows) if rows.len() <= ENTRY_VALUES_MAX => {
                self.push(Part::In(range))
                    && self
                        .turned(&rows)
                        .all(|&(number, _)| self.push(Part::Give(Unaligned::new(number))))
            }
            _ => self.push(Part::Expand(range)),
        }
    }

    fn compare_rows<A: Address>(
        &mut self,
        table: &Table<A, S>,
        range: Range,
        theirs: Values<'_>,
        half: Half,
    ) -> bool {
        let Some(mine) = self.list(table, range) else { return self.push(Part::Expand(range)) };
        let is_mine = |theirs: &u32| mine.iter().any(|(_, hash)| half.take(*hash) == *theirs);
        let is_theirs = |hash: u64| theirs.iter().any(|theirs| theirs == half.take(hash));
        let lacks = theirs.iter().filter(|theirs| !is_mine(theirs));
        let gives = mine.iter().filter(|(_, hash)| !is_theirs(*hash)).map(|(number, _)| *number);
        let (lacks, ended) = self.split_ended(table, range, lacks.collect(), half);
        let gives: heapless::Vec<_, { 3 * ENTRY_VALUES_MAX }> =
            ended.into_iter().chain(gives).collect();
        self.push(Part::In(range))
            && self.turned(&lacks).all(|&hash| self.push(Part::Want(Unaligned::new(hash))))
            && self.turned(&gives).all(|&number| self.push(Part::Give(Unaligned::new(number))))
    }

    /// Takes out of these hashes those of rows that are not lacking: their members have ended. What
    /// the other side lacks is the news of that.
    fn split_ended<A: Address>(
        &mut self,
        table: &Table<A, S>,
        range: Range,
        mut lacks: heapless::Vec<u32, ENTRY_VALUES_MAX>,
        half: Half,
    ) -> (heapless::Vec<u32, ENTRY_VALUES_MAX>, heapless::Vec<u32, ENTRY_VALUES_MAX>) {
        let mut ended = heapless::Vec::new();
        if !lacks.is_empty() && table.has_tombstones() {
            table.visit(range, &mut self.budget, |number, row| {
                let lacking = lacks.iter().position(|lacks| *lacks == half.take(row.hash()));
                if let Some(place) = lacking.filter(|_| !row.is_live()) {
                    lacks.swap_remove(place);
                    // There is room: each stands for one that was lacking.
                    let _ = ended.push(number);
                }
                true
            });
        }
        (lacks, ended)
    }

    fn serve<A: Address>(
        &mut self,
        table: &Table<A, S>,
        range: Range,
        wanted: Values<'_>,
        half: Half,
    ) -> bool {
        let Some(mine) = self.list(table, range) else { return self.push(Part::Expand(range)) };
        let is_wanted = |hash: u64| wanted.iter().any(|wanted| wanted == half.take(hash));
        let given = mine.iter().filter(|(_, hash)| is_wanted(*hash));
        self.push(Part::In(range))
            && given
                .map(|&(number, _)| Part::Give(Unaligned::new(number)))
                .all(|part| self.push(part))
    }

    /// All live rows of a range and their hashes; `None` when there are too many to compare.
    fn list<A: Address>(
        &mut self,
        table: &Table<A, S>,
        range: Range,
    ) -> Option<heapless::Vec<(u32, u64), ROWS_COMPARED_MAX>> {
        let mut rows = heapless::Vec::new();
        let all = table.visit(range, &mut self.budget, |number, row| {
            !row.is_live() || rows.push((number, row.hash())).is_ok()
        });
        all.then_some(rows)
    }

    fn push(&mut self, part: Part) -> bool {
        self.parts.len() < PARTS_MAX && self.parts.push(part).is_ok()
    }
}

#[cfg(test)]
mod tests;
