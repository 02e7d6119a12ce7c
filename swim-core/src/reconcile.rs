//! Reconciliation: two tables made equal by what differs, a range of mixed ids at a time.
//!
//! A side says what its live rows in a range amount to; the other answers for the parts where its
//! own amount to something else, with narrower fingerprints, then with the hashes of all rows, then
//! with the rows. Both sides do the same and remember nothing: all that is still to be done stands
//! in the packet (range-based set reconciliation, Meyer 2023, with rows that supersede each other).

use crate::address::Address;
use crate::judge::Card;
use crate::member::Status;
use crate::range::{Parts, Range};
use crate::storage::{List, Storage};
use crate::table::Table;
use crate::wire::{ENTRY_VALUES_MAX, Entry, Half, Packet, PacketWriter, Update, Values};

/// What one packet can leave to be said, where a table does not limit it to less. The rest is
/// dropped and found again by the next reconciliation.
const PARTS_MAX: usize = 512;

/// Rows a side lists at once when the other's list was shorter; with more it asks for narrower
/// ranges instead.
const ROWS_COMPARED_MAX: usize = 2 * ENTRY_VALUES_MAX;

/// Values said of a range when many others are waiting: narrower steps, but the fewest bytes.
const VALUES_LEAST: usize = 4;

/// Rows looked at for one packet, coming in or going out; what would take more waits. Only entries
/// made to cost time, or ids chosen to crowd one place, take as many.
const ROWS_LOOKED_AT_MAX: usize = 16_384;

/// Rows tried in vain before a packet counts as full.
const MISFITS_MAX: usize = 4;

/// Places by which the order is turned with every packet; prime, so that all come first in turn.
const TURN: usize = 37;

/// Bytes of a packet before its entries, at most: header and message.
const PREFIX_LEN_MAX: usize = 34;

/// Bytes of an entry besides its values, at most.
const ENTRY_LEN_MAX: usize = 13;

/// Bytes that a row takes, as a rule.
const ROW_LEN: usize = 24;

/// Bytes that some parts of a range take, as a rule.
const PENDING_LEN: usize = 10;

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
    Want(u32),
    /// A row the other side lacks.
    Give(u32),
    /// The fingerprints or hashes of a range.
    Expand(Range),
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
        !better || self.push(Part::Give(number))
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
                    && self.turned(&rows).all(|&(number, _)| self.push(Part::Give(number)))
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
            && self.turned(&lacks).all(|&hash| self.push(Part::Want(hash)))
            && self.turned(&gives).all(|&number| self.push(Part::Give(number)))
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
            && given.map(|&(number, _)| Part::Give(number)).all(|part| self.push(part))
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

    /// Says it, as far as it fits: what is lacking, what the other side lacks, then more about the
    /// ranges that differ. Of what does not fit the ranges are named, so that the other side comes
    /// back to them; but every packet says more than that, so it brings both sides further. Returns
    /// how many rows it gave. It may be said again, should the packet be lost.
    ///
    /// `None`, and nothing is written, when the agenda is that of another reconciliation by now.
    pub fn write<A: Address>(
        &mut self,
        number: u32,
        table: &Table<A, S>,
        writer: &mut PacketWriter<'_>,
    ) -> Option<usize> {
        if number != self.number {
            return None;
        }
        self.budget = ROWS_LOOKED_AT_MAX;
        let half = Half::of_number(number);
        // A row has the whole packet, or a long one would never be told; but not every time, or
        // nothing would be asked for while it is told in vain.
        let asks = self.parts.as_slice().iter().any(|part| matches!(part, Part::Want(_)));
        let first = match asks && self.heard % 2 == 1 {
            true => None,
            false => self.write_first_give(table, writer),
        };
        let room_len = writer.room_len();
        let give = |part: &&Part| matches!(part, Part::Give(_));
        let gives = self.parts.as_slice().iter().filter(give).count();
        let gives = gives.saturating_sub(first.is_some().into());
        let all_fit = gives.saturating_mul(ROW_LEN) <= room_len;
        let pending_len = self.pending_len(0, all_fit).min(room_len / 2);
        // Whoever asks for more than it can give leaves no room for giving, and has to ask again.
        keep_free(writer, if gives > 0 { room_len / 2 } else { pending_len });
        let asked = self.write_wants(writer);
        keep_free(writer, pending_len);
        let given = self.write_gives(first, table, writer).saturating_add(first.is_some().into());
        writer.release();
        self.write_ranges(table, writer, half, !asked && given == 0);
        Some(given)
    }

    /// A row that fits an empty packet, if there is one. Returns its place.
    fn write_first_give<A: Address>(
        &self,
        table: &Table<A, S>,
        writer: &mut PacketWriter<'_>,
    ) -> Option<usize> {
        let places = self.turn(self.parts.len())..self.parts.len();
        places.chain(0..self.turn(self.parts.len())).find(|&place| {
            match self.parts.as_slice().get(place) {
                Some(&Part::Give(number)) => write_row(table, number, writer) == Some(true),
                _ => false,
            }
        })
    }

    /// The hashes without rows, range by range. Returns whether there were any.
    fn write_wants(&mut self, writer: &mut PacketWriter<'_>) -> bool {
        let mut anything = false;
        let mut wanted = heapless::Vec::<[u8; 4], ENTRY_VALUES_MAX>::new();
        for mark in 0..self.parts.len() {
            let Some(&(Part::In(range) | Part::Again(range))) = self.parts.as_slice().get(mark)
            else {
                continue;
            };
            wanted.clear();
            let rest = self.parts.as_slice().get(mark..).unwrap_or_default().iter().skip(1);
            for part in rest {
                let &Part::Want(hash) = part else { break };
                // An entry holds as many as the list that was compared did.
                let _ = wanted.push(hash.to_le_bytes());
            }
            if wanted.is_empty() {
                continue;
            }
            let fitting = values_fitting(writer.room_len()).min(wanted.len());
            let values = Values::new(wanted.get(..fitting).unwrap_or_default());
            anything |= fitting > 0 && writer.entry(Entry::Wanted(range, values));
            if fitting < wanted.len() {
                self.come_back_to(mark);
            }
        }
        anything
    }

    /// The range of a mark is to be compared once more.
    fn come_back_to(&mut self, mark: usize) {
        if let Some(part) = self.parts.as_mut_slice().get_mut(mark)
            && let Part::In(range) = *part
        {
            *part = Part::Again(range);
        }
    }

    /// The rows the other side lacks, but for the first. Returns how many.
    fn write_gives<A: Address>(
        &mut self,
        first: Option<usize>,
        table: &Table<A, S>,
        writer: &mut PacketWriter<'_>,
    ) -> usize {
        let (mut written, mut misfits) = (0usize, 0usize);
        let mut mark = None;
        for place in 0..self.parts.len() {
            match self.parts.as_slice().get(place) {
                Some(Part::In(_) | Part::Again(_)) => mark = Some(place),
                Some(&Part::Give(number)) if first != Some(place) => {
                    let fits = if misfits < MISFITS_MAX {
                        write_row(table, number, writer)
                    } else {
                        Some(false)
                    };
                    written = written.saturating_add((fits == Some(true)).into());
                    if fits == Some(false) {
                        misfits = misfits.saturating_add(1);
                        mark.into_iter().for_each(|mark| self.come_back_to(mark));
                    }
                }
                _ => {}
            }
        }
        written
    }

    /// The ranges that differ, in more detail as far as there is room. Where there is little for
    /// each they are told in narrower steps: more of them, but fewer bytes.
    fn write_ranges<A: Address>(
        &mut self,
        table: &Table<A, S>,
        writer: &mut PacketWriter<'_>,
        half: Half,
        mut first: bool,
    ) {
        let expand = |part: &&Part| matches!(part, Part::Expand(_));
        let mut left = self.parts.as_slice().iter().filter(expand).count();
        let mut place = 0usize;
        let kept_max = writer.room_len() / 2;
        while let Some(part) = self.parts.as_slice().get(place) {
            if let &Part::Expand(range) = part {
                let kept = self.pending_len(place.saturating_add(1), true).min(kept_max);
                keep_free(writer, if first { 0 } else { kept });
                let share = writer.room_len().checked_div(left).unwrap_or(0);
                let written = self.expand(table, range, half, share, writer);
                writer.release();
                if !written {
                    break;
                }
                first = false;
                left = left.saturating_sub(1);
            }
            place = place.saturating_add(1);
        }
        for parts in self.pending(place, true) {
            // Those that do not even fit like this are found again by the next digest.
            let _ = writer.entry(Entry::Differing(parts));
        }
    }

    /// All hashes of the range if they are few, or fingerprints of its parts. Always fits a packet
    /// that has nothing else.
    fn expand<A: Address>(
        &mut self,
        table: &Table<A, S>,
        range: Range,
        half: Half,
        share: usize,
        writer: &mut PacketWriter<'_>,
    ) -> bool {
        let most = writer.capacity().saturating_sub(PREFIX_LEN_MAX) / 8;
        let limit = (share.saturating_sub(ENTRY_LEN_MAX) / 4).min(most);
        let limit = limit.clamp(VALUES_LEAST, ENTRY_VALUES_MAX);
        let count = table.tally(range, &mut self.budget).map_or(usize::MAX, |tally| tally.count);
        let mut values = heapless::Vec::<[u8; 4], ENTRY_VALUES_MAX>::new();
        if count <= limit
            && let Some(rows) = self.list(table, range)
        {
            // There is room: the limit says so.
            let hashes = rows.iter().map(|(_, hash)| half.take(*hash).to_le_bytes());
            hashes.take(limit).for_each(|hash| _ = values.push(hash));
            return writer.entry(Entry::Hashes(range, Values::new(&values)));
        }
        let parts = (count / (limit / 2)).clamp(2, limit);
        let deepest = Range::DEPTH_MAX.saturating_sub(range.depth());
        let halvings = parts.ilog2().min(deepest);
        for index in 0..1usize.checked_shl(halvings).unwrap_or(1) {
            let Some(part) = range.part(index, halvings) else { continue };
            let value = match table.tally(part, &mut self.budget) {
                Some(tally) => half.take(tally.hashes),
                None => UNKNOWN,
            };
            let _ = values.push(value.to_le_bytes());
        }
        writer.entry(Entry::Fingerprints(range, Values::new(&values)))
    }

    /// The ranges about which nothing more is said in this packet: those to come back to, and those
    /// to be expanded from `place` on. Unless `told`, all that is to be given is to come back to.
    fn pending(&self, place: usize, told: bool) -> impl Iterator<Item = Parts> {
        let parts = self.parts.as_slice().iter().enumerate();
        let mut ranges = parts
            .filter_map(move |(at, part)| match *part {
                Part::Again(range) => Some(range),
                Part::In(range) if !told => Some(range),
                Part::Expand(range) if at >= place => Some(range),
                _ => None,
            })
            .peekable();
        core::iter::from_fn(move || {
            let mut parts = Parts::only(ranges.next()?);
            while ranges.next_if(|&range| parts.join(range)).is_some() {}
            Some(parts)
        })
    }

    /// About how many bytes it takes to name them.
    fn pending_len(&self, place: usize, told: bool) -> usize {
        self.pending(place, told).count().saturating_mul(PENDING_LEN)
    }
}

/// The fingerprint of a range with too many rows to look at: unlike any that is known.
const UNKNOWN: u32 = u32::MAX;

fn keep_free(writer: &mut PacketWriter<'_>, len: usize) {
    // Where there is less room than that, nothing needs to be kept free.
    let _ = writer.reserve(len);
}

/// Values of an entry that fit into so many bytes, whatever its range.
const fn values_fitting(room_len: usize) -> usize {
    room_len.saturating_sub(ENTRY_LEN_MAX) / 4
}

/// All that is known of a row. Returns whether it fits; `None` when it cannot be told, because its
/// metadata is cut or longer than the packet.
fn write_row<A: Address, S: Storage>(
    table: &Table<A, S>,
    number: u32,
    writer: &mut PacketWriter<'_>,
) -> Option<bool> {
    let row = table.row(number)?;
    if row.status() == Status::Alive {
        let len_min = row.introduction()?.card?.metadata.len().saturating_add(PREFIX_LEN_MAX);
        if len_min > writer.capacity() {
            return None;
        }
    }
    Some(row.tell(writer))
}

#[cfg(test)]
mod tests;
