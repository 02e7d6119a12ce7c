//! What a node does whose table is smaller than its cluster: it is a leaf, and keeps a random part
//! of the members. The part turns over, one by one, so that it is nobody's view for long, except
//! for those whom the application [watches](crate::Node::watch).

use core::time::Duration;

use crate::member::NodeId;
use crate::time::Instant;

/// Whether the table has been too small, and whom it had to give up.
pub struct Leaf {
    /// A new member found no room.
    crowded: bool,
    /// There are members whom this node cannot reach, and does not keep.
    secluded: bool,
    notice: Notice,
    /// Whom the table gave up last; nobody else until the application has heard of it.
    forgotten: Option<NodeId>,
    /// When the next one may go.
    turn_at: Instant,
    /// When somebody watched who is not in the table is asked for next.
    search_at: Instant,
}

/// Whether the application has heard that the table is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    Unneeded,
    Due,
    Given,
}

/// What the application should know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafNews {
    /// The table is full, for the first time.
    Full,
    /// A member was given up for another.
    Forgotten(NodeId),
}

impl Leaf {
    /// Nobody is given up before `turn_at`.
    pub const fn new(turn_at: Instant) -> Self {
        Self {
            crowded: false,
            secluded: false,
            notice: Notice::Unneeded,
            forgotten: None,
            turn_at,
            search_at: turn_at,
        }
    }

    /// Whether the table holds only a part of the cluster.
    pub const fn is_partial(&self) -> bool {
        self.crowded || self.secluded
    }

    /// There is somebody whom this node cannot reach.
    pub fn note_unreachable(&mut self) {
        self.secluded = true;
    }

    /// A new member found no room.
    pub fn note_crowded(&mut self) {
        self.crowded = true;
        if self.notice == Notice::Unneeded {
            self.notice = Notice::Due;
        }
    }

    /// There is room to spare: the others may all fit.
    pub fn note_room(&mut self) {
        self.crowded = false;
    }

    /// Whether somebody may be given up for a newcomer: one at a time, and only as often as may be,
    /// unless the newcomer is wanted.
    pub fn has_turn(&self, is_wanted: bool, now: Instant) -> bool {
        self.forgotten.is_none() && (now >= self.turn_at || is_wanted)
    }

    /// A member was given up; the next one goes no sooner than after `pause`.
    pub fn note_turn(&mut self, forgotten: NodeId, pause: Duration, now: Instant) {
        self.forgotten = Some(forgotten);
        self.turn_at = now.after(pause);
    }

    /// When somebody who is missing may be asked for.
    pub const fn search_at(&self) -> Instant {
        self.search_at
    }

    /// Somebody may have been asked for; the next time is after `pause`.
    pub fn note_search(&mut self, pause: Duration, now: Instant) {
        self.search_at = now.after(pause);
    }

    /// Whether the application has something to hear.
    pub fn has_news(&self) -> bool {
        self.notice == Notice::Due || self.forgotten.is_some()
    }

    /// The next thing to tell the application, noted as told.
    pub fn pop_news(&mut self) -> Option<LeafNews> {
        if self.notice == Notice::Due {
            self.notice = Notice::Given;
            return Some(LeafNews::Full);
        }
        self.forgotten.take().map(LeafNews::Forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(4);

    fn at(secs: u64) -> Instant {
        Instant::from_secs(secs)
    }

    #[test]
    fn members_go_one_by_one_and_the_application_hears_of_each() {
        let mut leaf = Leaf::new(at(4));
        let a = NodeId::new(1);
        assert!(!leaf.has_turn(false, at(3)) && leaf.has_turn(false, at(4)));
        leaf.note_turn(a, PAUSE, at(4));
        assert!(!leaf.has_turn(false, at(9)), "the application has not heard of the last");
        assert_eq!(leaf.pop_news(), Some(LeafNews::Forgotten(a)));
        assert!(!leaf.has_turn(false, at(7)) && leaf.has_turn(false, at(8)));
        assert!(leaf.has_turn(true, at(7)), "it is wanted");
    }

    #[test]
    fn that_the_table_is_full_is_said_once() {
        let mut leaf = Leaf::new(at(0));
        leaf.note_crowded();
        assert_eq!((leaf.pop_news(), leaf.pop_news()), (Some(LeafNews::Full), None));
        leaf.note_room();
        leaf.note_crowded();
        assert!(leaf.is_partial() && !leaf.has_news());
    }
}
