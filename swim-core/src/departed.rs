//! Whom to look for: members that died here, and acquaintances of an earlier life.
//!
//! Rows of the dead are reaped, but two halves of a cluster that were apart for longer must still
//! be able to meet again. So some of the dead are kept beyond their rows: those that stand nearest
//! to this node by a mix of both ids. That makes an even sample, another one for each node, which
//! does not depend on the order of the deaths: a half that is gone is remembered by somebody.

use core::time::Duration;

use crate::member::{Incarnation, NodeId};
use crate::storage::{Bounds, List};
use crate::time::Instant;

/// Somebody who is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing<A> {
    pub id: NodeId,
    pub address: A,
    /// At which incarnation it died; `None` for an acquaintance of an earlier life.
    pub incarnation: Option<Incarnation>,
    /// Since when it is missing.
    pub since: Instant,
}

/// Those who are missing.
pub struct Departed<A, B: Bounds> {
    me: NodeId,
    entries: B::Departed<Entry<A>>,
}

#[derive(Debug)]
pub struct Entry<A> {
    missing: Missing<A>,
    tried_at: Option<Instant>,
}

impl<A: Copy, B: Bounds> Departed<A, B> {
    /// Nobody is missing to `me`.
    pub fn new(me: NodeId, bounds: &B) -> Self {
        Self { me, entries: bounds.departed() }
    }

    /// How many can be missing.
    pub fn len_max(&self) -> usize {
        self.entries.len_max()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All who are missing.
    pub fn iter(&self) -> impl Iterator<Item = &Missing<A>> {
        self.entries.as_slice().iter().map(|entry| &entry.missing)
    }

    /// Keeps somebody who died. Returns false when somebody is not kept, it or another one, because
    /// there are too many.
    pub fn note(&mut self, id: NodeId, address: A, incarnation: Incarnation, now: Instant) -> bool {
        let missing = Missing { id, address, incarnation: Some(incarnation), since: now };
        let entry = Entry { missing, tried_at: None };
        if let Some(known) = self.find(id) {
            known.missing = missing;
            return true;
        }
        let Err(entry) = self.entries.push(entry) else { return true };
        let me = self.me;
        let rank = |missing: &Missing<A>| {
            (missing.incarnation.is_none(), id_between(me, missing.id).mixed())
        };
        let last = self.entries.as_mut_slice().iter_mut().max_by_key(|entry| rank(&entry.missing));
        if let Some(last) = last.filter(|last| rank(&last.missing) > rank(&entry.missing)) {
            *last = entry;
        }
        false
    }

    /// Whether [`remember`](Self::remember) would find room for somebody.
    #[cfg(any(feature = "alloc", test))]
    pub fn has_room(&self) -> bool {
        !self.entries.is_full() || self.entries.as_slice().iter().any(Entry::is_spent)
    }

    /// Keeps an acquaintance of an earlier life, in the place of one that was tried if need be.
    /// Returns false when there is no room.
    pub fn remember(&mut self, id: NodeId, address: A, now: Instant) -> bool {
        if self.find(id).is_some() {
            return true;
        }
        let missing = Missing { id, address, incarnation: None, since: now };
        let Err(entry) = self.entries.push(Entry { missing, tried_at: None }) else { return true };
        let spent = self.entries.as_mut_slice().iter_mut().filter(|entry| entry.is_spent());
        let place = spent.min_by_key(|entry| entry.tried_at);
        place.map(|place| *place = entry).is_some()
    }

    /// Forgets somebody: it is back, or has left.
    pub fn remove(&mut self, id: NodeId) {
        self.entries.retain(|entry| entry.missing.id != id);
    }

    /// Forgets who has been missing for `time`. Returns how many.
    pub fn expire(&mut self, time: Duration, now: Instant) -> usize {
        let before = self.entries.len();
        self.entries.retain(|entry| now.since(entry.missing.since) < time);
        before.saturating_sub(self.entries.len())
    }

    /// Whom to try at `now`: the one that has not been tried for the longest time, if at all.
    pub fn next(&mut self, now: Instant) -> Option<Missing<A>> {
        let entry = self.entries.as_mut_slice().iter_mut().min_by_key(|entry| entry.tried_at)?;
        entry.tried_at = Some(now);
        Some(entry.missing)
    }

    fn find(&mut self, id: NodeId) -> Option<&mut Entry<A>> {
        self.entries.as_mut_slice().iter_mut().find(|entry| entry.missing.id == id)
    }
}

impl<A> Entry<A> {
    /// Whether its place may go to another acquaintance.
    fn is_spent(&self) -> bool {
        self.missing.incarnation.is_none() && self.tried_at.is_some()
    }
}

/// What two ids make together.
fn id_between(one: NodeId, other: NodeId) -> NodeId {
    NodeId::new(one.mixed() ^ other.mixed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DEPARTED_MAX, Server};

    const HOUR: Duration = Duration::from_secs(3_600);

    fn list(me: u64) -> Departed<u16, Server> {
        Departed::new(NodeId::new(me), &Server)
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_secs(seconds)
    }

    fn die(list: &mut Departed<u16, Server>, id: u64) -> bool {
        list.note(NodeId::new(id), id as u16, Incarnation::new(3), at(id))
    }

    fn ids(list: &Departed<u16, Server>) -> Vec<u64> {
        let mut ids: Vec<u64> = list.iter().map(|missing| missing.id.number()).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn of_many_dead_each_is_kept_by_some_node_whatever_the_order() {
        let mut kept = [0; 160];
        for me in 1_000..2_000 {
            let (mut first, mut second) = (list(me), list(me));
            assert_eq!((0..160).filter(|&id| die(&mut first, id)).count(), DEPARTED_MAX);
            (0..160).rev().for_each(|id| _ = die(&mut second, id));
            assert_eq!(ids(&first), ids(&second));
            ids(&first).into_iter().for_each(|id| kept[id as usize] += 1);
        }
        // A tenth of a thousand each, give or take four deviations.
        assert!(kept.iter().all(|count| (60..140).contains(count)), "{kept:?}");
    }

    #[test]
    fn each_has_its_turn_and_newcomers_come_first() {
        let mut list = list(0);
        (1..=3).for_each(|id| assert!(die(&mut list, id)));
        let tried = |list: &mut Departed<u16, Server>, second| {
            list.next(at(second)).map(|missing| missing.id.number()).unwrap()
        };
        let mut round: Vec<u64> = (10..13).map(|second| tried(&mut list, second)).collect();
        let again: Vec<u64> = (20..23).map(|second| tried(&mut list, second)).collect();
        assert_eq!(round, again);
        round.sort_unstable();
        assert_eq!(round, [1, 2, 3]);
        assert!(list.remember(NodeId::new(9), 9, at(30)));
        assert_eq!((tried(&mut list, 31), tried(&mut list, 32)), (9, again[0]));
    }

    #[test]
    fn acquaintances_make_room_for_each_other_once_tried_and_for_the_dead_at_once() {
        let mut list = list(0);
        let acquaintance = |list: &mut Departed<u16, Server>, id: u64| {
            list.remember(NodeId::new(id), id as u16, at(id))
        };
        let all = 100..100 + DEPARTED_MAX as u64;
        assert!(all.clone().all(|id| acquaintance(&mut list, id)));
        assert!(!list.has_room() && !acquaintance(&mut list, 200), "all have yet to be tried");
        assert!(acquaintance(&mut list, 100), "it is remembered already");
        let tried = list.next(at(300)).unwrap().id.number();
        assert!(list.has_room() && acquaintance(&mut list, 200));
        assert!(ids(&list).contains(&200) && !ids(&list).contains(&tried));
        assert!(!die(&mut list, 1), "somebody had to go");
        assert!(ids(&list).contains(&1) && list.iter().count() == DEPARTED_MAX);
        for id in 2..=DEPARTED_MAX as u64 {
            die(&mut list, id);
        }
        assert_eq!(ids(&list), (1..=DEPARTED_MAX as u64).collect::<Vec<_>>());
        list.next(at(400));
        assert!(!list.has_room(), "the dead of this life stay");
    }

    #[test]
    fn whoever_is_back_or_missing_for_too_long_is_forgotten() {
        let mut list = list(0);
        (1..=4).for_each(|id| assert!(die(&mut list, id)));
        list.remove(NodeId::new(2));
        assert_eq!(list.expire(HOUR, at(3_603)), 2);
        assert_eq!(ids(&list), [4]);
        assert!(list.note(NodeId::new(4), 5, Incarnation::new(7), at(4_000)));
        let missing = list.next(at(4_001)).unwrap();
        let expected = (5, Some(Incarnation::new(7)), at(4_000));
        assert_eq!((missing.address, missing.incarnation, missing.since), expected);
        assert_eq!(list.expire(HOUR, at(7_600)), 1);
        assert!(list.is_empty() && list.next(at(7_600)).is_none());
    }
}
