//! What there is to do about rows: the case files, and the queues of them.

use crate::address::Address;
use crate::member::NodeId;
use crate::storage::Storage;
use crate::time::Instant;

use super::{ME, News, Row, RowMut, Table, taken};

impl<A: Address, S: Storage> Table<A, S> {
    /// Changes what is noted about another member's row besides what was said of it.
    pub fn note<R>(&mut self, row: u32, change: impl FnOnce(&mut RowMut<'_, A>) -> R) -> Option<R> {
        let hash_before = self.entry(row).filter(|_| row != ME)?.hash();
        let answer = self.edit(row, change);
        self.refresh(row, hash_before);
        answer
    }

    /// Sets the deadline of a row.
    pub fn set_deadline(&mut self, row: u32, at: Instant) {
        if let Some(case) = self.open_case(row) {
            self.timers.set(case, row, at);
        }
    }

    /// Removes the deadline of a row.
    pub fn clear_deadline(&mut self, row: u32) {
        if let Some(case) = self.case(row) {
            self.timers.clear(case);
            self.close_if_empty(row);
        }
    }

    /// Notes that a member, or the node itself, will be silent until then. A row has one deadline,
    /// and who sleeps needs no other.
    pub fn put_to_sleep(&mut self, row: u32, until: Instant) {
        let Some(number) = self.open_case(row) else { return };
        if let Some(case) = self.cases.get_mut(number) {
            case.asleep = true;
            self.timers.set(number, row, until);
        }
    }

    /// The node itself is awake.
    pub fn wake_me(&mut self) {
        let Some(number) = self.case(ME) else { return };
        if let Some(case) = self.cases.get_mut(number) {
            case.asleep = false;
            self.timers.clear(number);
        }
        self.close_if_empty(ME);
    }

    /// Others are to be told how long somebody will be silent from then on.
    pub fn tell_as_of(&mut self, told_at: Instant) {
        self.told_at = told_at;
    }

    /// The earliest deadline of any row.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Takes off a row whose deadline has come.
    pub fn pop_due(&mut self, now: Instant) -> Option<u32> {
        let row = self.timers.pop_due(now)?;
        self.close_if_empty(row);
        Some(row)
    }

    /// Queues a row for gossip as the latest news.
    pub fn queue_gossip(&mut self, row: u32) {
        if let Some(case) = self.open_case(row) {
            self.gossip.push(case);
        }
    }

    /// Gives up all news.
    pub fn drop_gossip(&mut self) {
        while let Some(case) = self.gossip.first() {
            self.gossip.remove(case);
            self.close_case_if_empty(case);
        }
    }

    /// How many rows wait to be gossiped.
    pub fn gossip_len(&self) -> usize {
        self.gossip.len()
    }

    /// Whether a row waits to be gossiped.
    pub fn is_gossiped(&self, row: u32) -> bool {
        self.case(row).is_some_and(|case| self.gossip.contains(case))
    }

    /// Offers the rows to gossip to `write`, which says whether the update found room. Stops after
    /// `misfits_max` that did not. Each row goes out at most `transmits_max` times altogether.
    pub fn piggyback(
        &mut self,
        transmits_max: u8,
        misfits_max: usize,
        mut write: impl FnMut(&Row<'_, A>) -> bool,
    ) {
        let mut misfits = 0usize;
        let mut cursor = self.gossip.first();
        while let Some(case) = cursor {
            cursor = self.gossip.after(case);
            let row = self.cases.row(case).and_then(|row| self.row(row));
            if row.is_none_or(|row| write(&row)) {
                self.gossip.mark_sent(case);
            } else {
                misfits = misfits.saturating_add(1);
                if misfits >= misfits_max {
                    break;
                }
            }
        }
        while let Some(case) = self.gossip.settle(transmits_max) {
            self.close_case_if_empty(case);
        }
    }

    /// The next thing to tell the application.
    pub fn poll_news(&mut self) -> Option<(NodeId, News)> {
        while let Some(case) = self.news.first() {
            let told = self.cases.row(case).and_then(|row| self.tell(row));
            if told.is_some() {
                return told;
            }
            self.news.pop();
            self.close_case_if_empty(case);
        }
        None
    }

    /// Whether the application has something to hear.
    pub fn has_news(&self) -> bool {
        self.news.first().is_some()
    }

    fn tell(&mut self, row: u32) -> Option<(NodeId, News)> {
        self.edit(row, |row| {
            let held_out = row.case.conduct.is_held_out();
            let news = row.case.told.tell(row.entry.status, row.entry.boot, held_out)?;
            Some((row.entry.id, news))
        })?
    }

    /// Changes a row. The views are to be brought in line afterwards.
    pub(super) fn edit<R>(
        &mut self,
        row: u32,
        change: impl FnOnce(&mut RowMut<'_, A>) -> R,
    ) -> Option<R> {
        let number = self.open_case(row)?;
        let entry = taken(&mut self.others, row)?;
        let case = self.cases.get_mut(number)?;
        Some(change(&mut RowMut { entry, case }))
    }

    /// The case file of a row; a new one if it has none.
    pub(super) fn open_case(&mut self, row: u32) -> Option<u32> {
        let told = self.entry(row)?.told();
        if let Some(case) = self.case(row) {
            return Some(case);
        }
        let cases_before = self.cases.len();
        let case = self.cases.open(row, told)?;
        (cases_before..self.cases.len()).all(|_| self.grow_queues()).then_some(case)
    }

    /// Closes the case file of a row if there is nothing left to do.
    pub(super) fn close_if_empty(&mut self, row: u32) {
        let Some(entry) = self.entry(row) else { return };
        let Some(case) = self.case(row) else { return };
        let file_is_empty = self.cases.get(case).is_none_or(|file| file.is_empty(entry.told()));
        let queued =
            self.gossip.contains(case) || self.news.contains(case) || self.timers.contains(case);
        if file_is_empty && !queued {
            self.cases.close(case);
            self.give_back_cases();
        }
    }

    /// Closes a case file, whatever there is left to do.
    pub(super) fn drop_case(&mut self, case: u32) {
        self.gossip.remove(case);
        self.timers.clear(case);
        self.cases.close(case);
        self.give_back_cases();
    }

    /// After a storm. A queued case is open, so no queue has a number of any.
    fn give_back_cases(&mut self) {
        if self.cases.are_spent() {
            self.cases.reset();
            self.gossip.reset();
            self.timers.reset();
            self.news.reset();
        }
    }

    fn close_case_if_empty(&mut self, case: u32) {
        if let Some(row) = self.cases.row(case) {
            self.close_if_empty(row);
        }
    }

    fn case(&self, row: u32) -> Option<u32> {
        self.cases.find(row)
    }

    fn grow_queues(&mut self) -> bool {
        self.gossip.grow() && self.timers.grow() && self.news.grow()
    }
}
