//! What to gossip: the rows with transmissions left, in the order in which they go out.

use crate::config::TRANSMITS_MAX;
use crate::storage::{List, Storage};

use super::places::NONE;

/// Rows waiting to be sent: fewest transmissions first, newest first among equals (SWIM section
/// 4.1). A list per number of transmissions made, linked through the rows; every step is O(1).
pub struct GossipQueue<S: Storage> {
    heads: [u32; TRANSMITS_MAX as usize],
    links: S::List<Link>,
    /// The last of the rows that went into the packet being written, chained backwards. They wait
    /// here so that no packet carries an update twice.
    sent: u32,
    len: usize,
}

/// The place of one row in its list.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    before: u32,
    after: u32,
    transmits: u8,
}

/// A row that is in no list.
const UNQUEUED: Link = Link { before: NONE, after: NONE, transmits: u8::MAX };

impl<S: Storage> GossipQueue<S> {
    pub fn new(storage: &S) -> Self {
        let heads = [NONE; TRANSMITS_MAX as usize];
        Self { heads, links: storage.list(), sent: NONE, len: 0 }
    }

    /// Makes room for one more row number.
    pub fn grow(&mut self) -> bool {
        self.links.push(UNQUEUED).is_ok()
    }

    /// How many rows wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether `row` waits.
    pub fn contains(&self, row: u32) -> bool {
        self.link(row).transmits != u8::MAX
    }

    /// Queues `row` as news that nobody has been sent yet, wherever it was before.
    pub fn push(&mut self, row: u32) {
        self.remove(row);
        self.link_in(row, 0);
        self.len = self.len.saturating_add(1);
    }

    /// Takes `row` out.
    pub fn remove(&mut self, row: u32) {
        if self.contains(row) {
            self.unlink(row);
            self.set(row, UNQUEUED);
            self.len = self.len.saturating_sub(1);
        }
    }

    /// The row to send first.
    pub fn first(&self) -> Option<u32> {
        self.heads.iter().copied().find(|&head| head != NONE)
    }

    /// The row to send after `row`.
    pub fn after(&self, row: u32) -> Option<u32> {
        let Link { after, transmits, .. } = self.link(row);
        if after != NONE {
            return Some(after);
        }
        let later = self.heads.get(usize::from(transmits).saturating_add(1)..).unwrap_or_default();
        later.iter().copied().find(|&head| head != NONE)
    }

    /// Notes that `row` is in the packet being written. Ask for [`after`](Self::after) before.
    pub fn mark_sent(&mut self, row: u32) {
        if !self.contains(row) {
            return;
        }
        self.unlink(row);
        let transmits = self.link(row).transmits;
        self.set(row, Link { before: self.sent, after: NONE, transmits });
        self.sent = row;
    }

    /// Ends a packet: the rows it carries have one transmission more, and leave the queue when
    /// they have `transmits_max`.
    pub fn settle(&mut self, transmits_max: u8) {
        // Backwards, so that pushing to the front keeps their order.
        while self.sent != NONE {
            let row = self.sent;
            let Link { before, transmits, .. } = self.link(row);
            self.sent = before;
            let made = transmits.saturating_add(1);
            if made < transmits_max.min(TRANSMITS_MAX) {
                self.link_in(row, made);
            } else {
                self.set(row, UNQUEUED);
                self.len = self.len.saturating_sub(1);
            }
        }
    }

    fn link_in(&mut self, row: u32, transmits: u8) {
        let Some(head) = self.heads.get_mut(usize::from(transmits)) else { return };
        let after = core::mem::replace(head, row);
        self.set(row, Link { before: NONE, after, transmits });
        self.update(after, |link| link.before = row);
    }

    fn unlink(&mut self, row: u32) {
        let Link { before, after, transmits } = self.link(row);
        if before != NONE {
            self.update(before, |link| link.after = after);
        } else if let Some(head) = self.heads.get_mut(usize::from(transmits)) {
            *head = after;
        }
        self.update(after, |link| link.before = before);
    }

    fn link(&self, row: u32) -> Link {
        self.links.as_slice().get(row as usize).copied().unwrap_or(UNQUEUED)
    }

    fn set(&mut self, row: u32, link: Link) {
        self.update(row, |there| *there = link);
    }

    fn update(&mut self, row: u32, change: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.as_mut_slice().get_mut(row as usize) {
            change(link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Fixed;

    fn queue() -> GossipQueue<Fixed<16, 0>> {
        let mut queue = GossipQueue::new(&Fixed::new());
        (0..16).for_each(|_| assert!(queue.grow()));
        queue
    }

    fn waiting(queue: &GossipQueue<Fixed<16, 0>>) -> Vec<u32> {
        core::iter::successors(queue.first(), |&row| queue.after(row)).collect()
    }

    /// Sends the first `n` rows as one packet.
    fn packet(queue: &mut GossipQueue<Fixed<16, 0>>, n: usize, transmits_max: u8) -> Vec<u32> {
        let rows: Vec<u32> = waiting(queue).into_iter().take(n).collect();
        rows.iter().for_each(|&row| queue.mark_sent(row));
        queue.settle(transmits_max);
        rows
    }

    #[test]
    fn fewest_transmissions_first_and_newest_first_among_equals() {
        let mut queue = queue();
        (0..4).for_each(|row| queue.push(row));
        assert_eq!(waiting(&queue), [3, 2, 1, 0]);
        assert_eq!(packet(&mut queue, 2, 5), [3, 2]);
        assert_eq!(waiting(&queue), [1, 0, 3, 2]);
        queue.push(4);
        assert_eq!(packet(&mut queue, 3, 5), [4, 1, 0]);
        assert_eq!(waiting(&queue), [4, 1, 0, 3, 2]);
    }

    #[test]
    fn an_update_leaves_after_its_last_transmission() {
        let mut queue = queue();
        queue.push(1);
        for _ in 0..3 {
            assert_eq!(packet(&mut queue, 9, 3), [1]);
        }
        assert_eq!((waiting(&queue), queue.len()), (vec![], 0));
    }

    #[test]
    fn newer_news_about_a_row_starts_over() {
        let mut queue = queue();
        queue.push(1);
        packet(&mut queue, 9, 3);
        packet(&mut queue, 9, 3);
        queue.push(2);
        queue.push(1);
        assert_eq!((waiting(&queue), queue.len()), (vec![1, 2], 2));
        assert_eq!(packet(&mut queue, 9, 3), [1, 2]);
    }

    #[test]
    fn a_packet_never_carries_an_update_twice() {
        let mut queue = queue();
        (0..3).for_each(|row| queue.push(row));
        let mut cursor = queue.first();
        let mut written = Vec::new();
        while let Some(row) = cursor {
            cursor = queue.after(row);
            queue.mark_sent(row);
            written.push(row);
        }
        queue.settle(9);
        assert_eq!(written, [2, 1, 0]);
        queue.remove(1);
        assert_eq!((waiting(&queue), queue.len()), (vec![2, 0], 2));
    }
}
