//! The answer, written: what is asked for and given, and as much about ranges as there is room for.

use crate::address::Address;
use crate::member::Status;
use crate::range::{Parts, Range};
use crate::storage::{List, Storage};
use crate::table::Table;
use crate::wire::{ENTRY_VALUES_MAX, Entry, Half, PacketWriter, Values};

use super::{Agenda, Part, ROW_LEN, ROWS_LOOKED_AT_MAX, Unaligned};

/// Values said of a range when many others are waiting: narrower steps, but the fewest bytes.
const VALUES_LEAST: usize = 4;

/// Rows tried in vain before a packet counts as full.
const MISFITS_MAX: usize = 4;

/// Bytes of a packet before its entries, at most: header and message.
const PREFIX_LEN_MAX: usize = 38;

/// Bytes of an entry besides its values, at most.
const ENTRY_LEN_MAX: usize = 13;

/// Bytes that some parts of a range take, as a rule.
const PENDING_LEN: usize = 10;

/// The fingerprint of a range with too many rows to look at: unlike any that is known.
const UNKNOWN: u32 = u32::MAX;

impl<S: Storage> Agenda<S> {
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
                Some(&Part::Give(number)) => write_row(table, number.get(), writer) == Some(true),
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
                let &Part::Want(Unaligned(hash)) = part else { break };
                // An entry holds as many as the list that was compared did.
                let _ = wanted.push(hash);
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
                        write_row(table, number.get(), writer)
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
        let parts = count.checked_div(limit / 2).unwrap_or(count).clamp(2, limit);
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
