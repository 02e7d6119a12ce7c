//! What to gossip: the cases with transmissions left, in the order in which they go out.

use crate::config::TRANSMITS_MAX;
use crate::storage::{List, Number, Storage};

use super::places::NONE;

/// Cases waiting to be sent: fewest transmissions first, newest first among equals (SWIM section
/// 4.1). A list per number of transmissions made, linked through the cases; every step is O(1).
pub struct GossipQueue<S: Storage> {
    heads: [S::Number; TRANSMITS_MAX as usize],
    links: S::List<Link<S::Number>>,
    /// The last of those that went into the packet being written, chained backwards. They wait
    /// here so that no packet carries an update twice.
    sent: u32,
    len: usize,
}

/// The place of one case in its list.
#[derive(Clone, Copy)]
#[repr(packed)]
pub struct Link<N> {
    before: N,
    after: N,
    transmits: u8,
}

impl<N: Number> Link<N> {
    fn new(before: u32, after: u32, transmits: u8) -> Self {
        Self { before: N::new(before), after: N::new(after), transmits }
    }

    /// That of a case that is in no list.
    fn unqueued() -> Self {
        Self::new(NONE, NONE, u8::MAX)
    }
}

impl<S: Storage> GossipQueue<S> {
    pub fn new(storage: &S) -> Self {
        let heads = [S::Number::new(NONE); TRANSMITS_MAX as usize];
        Self { heads, links: storage.list(), sent: NONE, len: 0 }
    }

    /// Makes room for one more case.
    pub fn grow(&mut self) -> bool {
        self.links.push(Link::unqueued()).is_ok()
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
            self.set(case, Link::unqueued());
            self.len = self.len.saturating_sub(1);
        }
    }

    /// The case to send first.
    pub fn first(&self) -> Option<u32> {
        first_in(&self.heads)
    }

    /// The case to send after `case`.
    pub fn after(&self, case: u32) -> Option<u32> {
        let Link { after, transmits, .. } = self.link(case);
        if after.get() != NONE {
            return Some(after.get());
        }
        let later = self.heads.get(usize::from(transmits).saturating_add(1)..);
        first_in(later.unwrap_or_default())
    }

    /// Notes that `case` is in the packet being written. Ask for [`after`](Self::after) before.
    pub fn mark_sent(&mut self, case: u32) {
        if !self.contains(case) {
            return;
        }
        self.unlink(case);
        let transmits = self.link(case).transmits;
        self.set(case, Link::new(self.sent, NONE, transmits));
        self.sent = case;
    }

    /// Ends a packet: those it carries have one transmission more, and leave the queue when they
    /// have `transmits_max`. Returns one that has left; repeat until `None`.
    pub fn settle(&mut self, transmits_max: u8) -> Option<u32> {
        // Backwards, so that pushing to the front keeps their order.
        while self.sent != NONE {
            let case = self.sent;
            let Link { before, transmits, .. } = self.link(case);
            self.sent = before.get();
            let made = transmits.saturating_add(1);
            if made < transmits_max.min(TRANSMITS_MAX) {
                self.link_in(case, made);
            } else {
                self.set(case, Link::unqueued());
                self.len = self.len.saturating_sub(1);
                return Some(case);
            }
        }
        None
    }

    fn link_in(&mut self, case: u32, transmits: u8) {
        let Some(head) = self.heads.get_mut(usize::from(transmits)) else { return };
        let after = core::mem::replace(head, S::Number::new(case)).get();
        self.set(case, Link::new(NONE, after, transmits));
        self.update(after, |link| link.before = S::Number::new(case));
    }

    fn unlink(&mut self, case: u32) {
        let Link { before, after, transmits } = self.link(case);
        if before.get() != NONE {
            self.update(before.get(), |link| link.after = after);
        } else if let Some(head) = self.heads.get_mut(usize::from(transmits)) {
            *head = after;
        }
        self.update(after.get(), |link| link.before = before);
    }

    fn link(&self, case: u32) -> Link<S::Number> {
        self.links.as_slice().get(case as usize).copied().unwrap_or_else(Link::unqueued)
    }

    fn set(&mut self, case: u32, link: Link<S::Number>) {
        self.update(case, |there| *there = link);
    }

    fn update(&mut self, case: u32, change: impl FnOnce(&mut Link<S::Number>)) {
        if let Some(link) = self.links.as_mut_slice().get_mut(case as usize) {
            change(link);
        }
    }
}

/// The first case of the first list that is not empty.
fn first_in(heads: &[impl Number]) -> Option<u32> {
    heads.iter().map(|head| head.get()).find(|&head| head != NONE)
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
