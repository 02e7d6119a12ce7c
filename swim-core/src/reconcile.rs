//! Reconciliation: two tables made equal by what differs, a range of mixed ids at a time.
//!
//! A side says what its live rows in a range amount to; the other answers for the parts where its
//! own amount to something else, with narrower fingerprints, then with the hashes of all rows, then
//! with the rows. Both sides do the same and remember nothing: all that is still to be done stands
//! in the packet (range-based set reconciliation, Meyer 2023, with rows that supersede each other).

use crate::address::Address;
use crate::judge::Card;
use crate::range::Range;
use crate::storage::{List, Storage};
use crate::table::Table;
use crate::wire::{ENTRY_VALUES_MAX, Entry, Half, Packet, PacketWriter, Update, Values};

/// What one packet can leave to be said, where a table does not limit it to less. The rest is
/// dropped and found again by the next reconciliation.
const PARTS_MAX: usize = 512;

/// Rows a side lists at once when the other's list was shorter; with more it asks for narrower
/// ranges instead.
const ROWS_COMPARED_MAX: usize = 2 * ENTRY_VALUES_MAX;

/// Rows to a fingerprint, as far as there is a choice.
const ROWS_PER_FINGERPRINT: usize = 16;

/// Rows tried in vain before a packet counts as full.
const MISFITS_MAX: usize = 4;

/// Bytes of a packet before its entries, at most: header and message.
const PREFIX_LEN_MAX: usize = 34;

/// Bytes that an entry with a single fingerprint takes at most.
const ECHO_LEN_MAX: usize = 17;

/// What is to be said in answer to a packet.
pub struct Agenda<S: Storage> {
    /// The number of the reconciliation it belongs to.
    number: u32,
    parts: S::List<Part>,
}

/// One thing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What follows, up to the next of these, belongs to this range.
    In(Range),
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
        Self { number: 0, parts: storage.list() }
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
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
        let half = Half::of_number(number);
        let mut complete = true;
        for update in packet.updates() {
            complete &= self.correct(table, &update);
        }
        for entry in packet.entries() {
            complete &= match entry {
                Entry::Fingerprints(range, values) => {
                    self.compare_parts(table, range, values, half)
                }
                Entry::Hashes(range, values) => self.compare_rows(table, range, values, half),
                Entry::Wanted(range, values) => self.serve(table, range, values, half),
            };
        }
        complete
    }

    fn restart(&mut self, number: u32) {
        self.number = number;
        while self.parts.pop().is_some() {}
    }

    /// A row that is outdated there is answered with the newer one.
    fn correct<A: Address>(&mut self, table: &Table<A, S>, update: &Update<'_, A>) -> bool {
        let Some(number) = table.find(update.id) else { return true };
        let Some(row) = table.row(number) else { return true };
        let newer = |card: Card<'_, A>| card.incarnation.ahead_of(update.claim.incarnation) > 0;
        let better = match row.is_live() {
            true => row.card().is_some_and(newer),
            false => row.claim.precedence(&update.claim).is_gt(),
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
        let mut complete = true;
        for (index, theirs) in values.iter().enumerate() {
            let Some(part) = range.part(index, halvings) else { continue };
            let mine = table.tally(part);
            if half.take(mine.hashes) == theirs {
                continue;
            }
            complete &= match theirs == 0 && mine.count <= ENTRY_VALUES_MAX {
                // The other side has nothing there: no need to ask.
                true => self.give_all(table, part),
                false => self.push(Part::Expand(part)),
            };
        }
        complete
    }

    fn give_all<A: Address>(&mut self, table: &Table<A, S>, range: Range) -> bool {
        self.push(Part::In(range))
            && table.live_in(range).all(|(number, _)| self.push(Part::Give(number)))
    }

    fn compare_rows<A: Address>(
        &mut self,
        table: &Table<A, S>,
        range: Range,
        theirs: Values<'_>,
        half: Half,
    ) -> bool {
        let mut mine = heapless::Vec::<(u32, u32), ROWS_COMPARED_MAX>::new();
        let count = table.tally(range).count;
        for (number, row) in table.live_in(range) {
            // If there are too many the count says so.
            let _ = mine.push((number, half.take(row.hash())));
        }
        if count != mine.len() {
            return self.push(Part::Expand(range));
        }
        let lacks = theirs.iter().filter(|theirs| mine.iter().all(|(_, hash)| hash != theirs));
        let gives = mine.iter().filter(|(_, hash)| theirs.iter().all(|theirs| theirs != *hash));
        self.push(Part::In(range))
            && lacks.map(Part::Want).all(|part| self.push(part))
            && gives.map(|&(number, _)| Part::Give(number)).all(|part| self.push(part))
    }

    fn serve<A: Address>(
        &mut self,
        table: &Table<A, S>,
        range: Range,
        wanted: Values<'_>,
        half: Half,
    ) -> bool {
        let is_wanted = |hash| wanted.iter().any(|wanted| wanted == half.take(hash));
        self.push(Part::In(range))
            && table
                .live_in(range)
                .filter(|(_, row)| is_wanted(row.hash()))
                .all(|(number, _)| self.push(Part::Give(number)))
    }

    fn push(&mut self, part: Part) -> bool {
        self.parts.len() < PARTS_MAX && self.parts.push(part).is_ok()
    }

    /// Says it, as far as it fits: what is lacking, what the other side lacks, then the ranges that
    /// differ. Returns how many rows it gave. Of what does not fit the range is repeated, so that the other side comes back to it;
    /// but the first thing said is never a repetition, so every packet brings both sides further.
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
        let half = Half::of_number(number);
        let room_len = writer.room_len();
        let gives = self.parts.as_slice().iter().any(|part| matches!(part, Part::Give(_)));
        // Whoever asks for more than it can give leaves no room for giving, and has to ask again.
        let kept = if gives { room_len / 2 } else { 0 };
        self.keep_free(writer, kept);
        let asked = self.write_wants(writer);
        self.keep_free(writer, self.echoes_len().min(room_len / 2));
        let given = self.write_gives(table, writer);
        writer.release();
        let first = !asked && given == 0;
        self.write_ranges(table, writer, half, first);
        Some(given)
    }

    fn keep_free(&self, writer: &mut PacketWriter<'_>, len: usize) {
        // Where there is less room than that, nothing needs to be kept free.
        let _ = writer.reserve(len);
    }

    fn echoes_len(&self) -> usize {
        let ranges = self.parts.as_slice().iter().filter(|part| matches!(part, Part::Expand(_)));
        ranges.count().saturating_mul(ECHO_LEN_MAX)
    }

    /// The hashes without rows, range by range. Returns whether there were any.
    fn write_wants(&mut self, writer: &mut PacketWriter<'_>) -> bool {
        let mut anything = false;
        let mut wanted = heapless::Vec::<[u8; 4], ENTRY_VALUES_MAX>::new();
        let mut place = 0usize;
        while let Some(&Part::In(range)) = self.next_from(&mut place, is_range_mark) {
            let mark = place.saturating_sub(1);
            wanted.clear();
            while let Some(&Part::Want(hash)) = self.parts.as_slice().get(place) {
                // An entry holds as many as the list that was compared did.
                let _ = wanted.push(hash.to_le_bytes());
                place = place.saturating_add(1);
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

    fn next_from(&self, place: &mut usize, wanted: impl Fn(&Part) -> bool) -> Option<&Part> {
        let rest = self.parts.as_slice().get(*place..)?;
        let ahead = rest.iter().position(wanted)?;
        *place = place.saturating_add(ahead).saturating_add(1);
        rest.get(ahead)
    }

    /// The range of a mark is to be compared once more.
    fn come_back_to(&mut self, mark: usize) {
        if let Some(part) = self.parts.as_mut_slice().get_mut(mark)
            && let Part::In(range) = *part
        {
            *part = Part::Expand(range);
        }
    }

    /// The rows the other side lacks. Returns how many.
    fn write_gives<A: Address>(
        &mut self,
        table: &Table<A, S>,
        writer: &mut PacketWriter<'_>,
    ) -> usize {
        let (mut written, mut misfits) = (0usize, 0usize);
        let mut mark = None;
        for place in 0..self.parts.len() {
            match self.parts.as_slice().get(place) {
                Some(Part::In(_) | Part::Expand(_)) => mark = Some(place),
                Some(&Part::Give(number)) => {
                    if misfits < MISFITS_MAX && write_row(table, number, writer) {
                        written = written.saturating_add(1);
                        continue;
                    }
                    misfits = misfits.saturating_add(1);
                    mark.into_iter().for_each(|mark| self.come_back_to(mark));
                }
                _ => {}
            }
        }
        written
    }

    /// The ranges that differ, in more detail as far as there is room.
    fn write_ranges<A: Address>(
        &self,
        table: &Table<A, S>,
        writer: &mut PacketWriter<'_>,
        half: Half,
        mut first: bool,
    ) {
        let mut ahead = self.echoes_len();
        for part in self.parts.as_slice() {
            let &Part::Expand(range) = part else { continue };
            ahead = ahead.saturating_sub(ECHO_LEN_MAX);
            let room_len = writer.room_len();
            let kept = if first { 0 } else { ahead.min(room_len) };
            self.keep_free(writer, kept);
            let written = expand(table, range, half, writer);
            writer.release();
            if !written {
                // One that does not even fit like this is found again by the next digest.
                let _ = echo(table, range, half, writer);
            }
            first &= !written;
        }
    }
}

const fn is_range_mark(part: &Part) -> bool {
    matches!(part, Part::In(_))
}

/// Values of an entry that fit into so many bytes, whatever its range.
const fn values_fitting(room_len: usize) -> usize {
    room_len.saturating_sub(ECHO_LEN_MAX - 4) / 4
}

/// A live row in full, or the news of its end.
fn write_row<A: Address, S: Storage>(
    table: &Table<A, S>,
    number: u32,
    writer: &mut PacketWriter<'_>,
) -> bool {
    let Some(row) = table.row(number) else { return true };
    let update = match row.is_live() {
        true => row.introduction(),
        false => Some(Update::claim(row.id, row.claim)),
    };
    // A row that cannot be told, because its metadata is cut, counts as told.
    update.is_none_or(|update| writer.update(&update))
}

/// All hashes of the range if they are few, or fingerprints of its parts. Always fits a packet that
/// has nothing else.
fn expand<A: Address, S: Storage>(
    table: &Table<A, S>,
    range: Range,
    half: Half,
    writer: &mut PacketWriter<'_>,
) -> bool {
    let limit = writer.capacity().saturating_sub(PREFIX_LEN_MAX) / 8;
    let limit = limit.clamp(1, ENTRY_VALUES_MAX);
    let count = table.tally(range).count;
    let mut values = heapless::Vec::<[u8; 4], ENTRY_VALUES_MAX>::new();
    if count <= limit {
        for (_, row) in table.live_in(range).take(count) {
            // There is room: the limit says so.
            let _ = values.push(half.take(row.hash()).to_le_bytes());
        }
        // Fewer were found when too many tombstones stand between them.
        if values.len() == count {
            return writer.entry(Entry::Hashes(range, Values::new(&values)));
        }
        values.clear();
    }
    let parts = (count / ROWS_PER_FINGERPRINT).clamp(2, limit.max(2));
    let deepest = Range::DEPTH_MAX.saturating_sub(range.depth());
    let halvings = parts.ilog2().min(deepest);
    for index in 0..1usize.checked_shl(halvings).unwrap_or(1) {
        let Some(part) = range.part(index, halvings) else { continue };
        let _ = values.push(half.take(table.tally(part).hashes).to_le_bytes());
    }
    writer.entry(Entry::Fingerprints(range, Values::new(&values)))
}

/// The fingerprint of the whole range, for the other side to come back to.
fn echo<A: Address, S: Storage>(
    table: &Table<A, S>,
    range: Range,
    half: Half,
    writer: &mut PacketWriter<'_>,
) -> bool {
    let value = half.take(table.tally(range).hashes).to_le_bytes();
    writer.entry(Entry::Fingerprints(range, Values::new(&[value])))
}

#[cfg(test)]
mod tests;
