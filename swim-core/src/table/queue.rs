//! What to gossip: the cases with transmissions left, in the order in which they go out.

use crate::config::TRANSMITS_MAX;
use crate::storage::{List, Storage};

use super::places::NONE;

/// Cases waiting to be sent: fewest transmissions first, newest first among equals (SWIM section
/// 4.1). A list per number of transmissions made, linked through the cases; every step is O(1).
pub struct GossipQueue<S: Storage> {
    heads: [u32; TRANSMITS_MAX as usize],
    links: S::List<Link>,
    /// The last of those that went into the packet being written, chained backwards. They wait
    /// here so that no packet carries an update twice.
    sent: u32,
    len: usize,
}

/// The place of one case in its list.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    before: u32,
    after: u32,
    transmits: u8,
}

/// A case that is in no list.
const UNQUEUED: Link = Link { before: NONE, after: NONE, transmits: u8::MAX };

impl<S: Storage> GossipQueue<S> {
    pub fn new(storage: &S) -> Self {
        let heads = [NONE; TRANSMITS_MAX as usize];
        Self { heads, links: storage.list(), sent: NONE, len: 0 }
    }

    /// Makes room for one more case.
    pub fn grow(&mut self) -> bool {
        self.links.push(UNQUEUED).is_ok()
    }

    /// There are no cases any more.
    pub fn reset(&mut self) {
        self.links.reset();
    }

    /// How many cases wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether `case` waits.
    pub fn contains(&self, case: u32) -> bool {
        self.link(case).transmits != u8::MAX
    }

    /// Queues `case` as news that nobody has been sent yet, wherever it was before.
    pub fn push(&mut self, case: u32) {
        self.remove(case);
        self.link_in(case, 0);
        self.len = self.len.saturating_add(1);
    }

    /// Takes `case` out.
    pub fn remove(&mut self, case: u32) {
        if self.contains(case) {
            self.unlink(case);
            self.set(case, UNQUEUED);
            self.len = self.len.saturating_sub(1);
        }
    }

    /// The case to send first.
    pub fn first(&self) -> Option<u32> {
        self.heads.iter().copied().find(|&head| head != NONE)
    }

    /// The case to send after `case`.
    pub fn after(&self, case: u32) -> Option<u32> {
        let Link { after, transmits, .. } = self.link(case);
        if after != NONE {
            return Some(after);
        }
        let later = self.heads.get(usize::from(transmits).saturating_add(1)..).unwrap_or_default();
        later.iter().copied().find(|&head| head != NONE)
    }

    /// Notes that `case` is in the packet being written. Ask for [`after`](Self::after) before.
    pub fn mark_sent(&mut self, case: u32) {
        if !self.contains(case) {
            return;
        }
        self.unlink(case);
        let transmits = self.link(case).transmits;
        self.set(case, Link { before: self.sent, after: NONE, transmits });
        self.sent = case;
    }

    /// Ends a packet: those it carries have one transmission more, and leave the queue when they
    /// have `transmits_max`. Returns one that has left; repeat until `None`.
    pub fn settle(&mut self, transmits_max: u8) -> Option<u32> {
        // Backwards, so that pushing to the front keeps their order.
        while self.sent != NONE {
            let case = self.sent;
            let Link { before, transmits, .. } = self.link(case);
            self.sent = before;
            let made = transmits.saturating_add(1);
            if made < transmits_max.min(TRANSMITS_MAX) {
                self.link_in(case, made);
            } else {
                self.set(case, UNQUEUED);
                self.len = self.len.saturating_sub(1);
                return Some(case);
            }
        }
        None
    }

    fn link_in(&mut self, case: u32, transmits: u8) {
        let Some(head) = self.heads.get_mut(usize::from(transmits)) else { return };
        let after = core::mem::replace(head, case);
        self.set(case, Link { before: NONE, after, transmits });
        self.update(after, |link| link.before = case);
    }

    fn unlink(&mut self, case: u32) {
        let Link { before, after, transmits } = self.link(case);
        if before != NONE {
            self.update(before, |link| link.after = after);
        } else if let Some(head) = self.heads.get_mut(usize::from(transmits)) {
            *head = after;
        }
        self.update(after, |link| link.before = before);
    }

    fn link(&self, case: u32) -> Link {
        self.links.as_slice().get(case as usize).copied().unwrap_or(UNQUEUED)
    }

    fn set(&mut self, case: u32, link: Link) {
        self.update(case, |there| *there = link);
    }

    fn update(&mut self, case: u32, change: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.as_mut_slice().get_mut(case as usize) {
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
        while queue.settle(transmits_max).is_some() {}
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
        assert_eq!(queue.settle(9), None);
        assert_eq!(written, [2, 1, 0]);
        queue.remove(1);
        assert_eq!((waiting(&queue), queue.len()), (vec![2, 0], 2));
    }
}
