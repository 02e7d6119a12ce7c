//! A cluster larger than the table: whom a leaf keeps, and whom it gives up for whom.

use core::time::Duration;

use crate::address::Address;
use crate::event::Event;
use crate::leaf::LeafNews;
use crate::member::NodeId;
use crate::storage::Storage;
use crate::time::Instant;
use crate::wire::Update;

use super::{Node, count};

/// A leaf gives up one member in so many probe intervals, so that it has probed most of those it
/// has kept. Of 32 rows all are others after two minutes at one probe a second.
const PROBES_PER_TURN: u32 = 4;

impl<A: Address, S: Storage> Node<A, S> {
    /// Whether the cluster is larger than this node's table: it is a *leaf*, a full citizen for
    /// everybody else, that knows a random part of the members which turns over. So is a node that
    /// cannot [reach](Address::is_reachable) everybody.
    pub fn is_leaf(&self) -> bool {
        self.leaf.is_partial()
    }

    /// Whether an update is about somebody whom this node has no way to reach, and so does not
    /// keep.
    pub(super) fn is_out_of_reach(&mut self, update: &Update<'_, A>) -> bool {
        let out_of_reach = update.card.is_some_and(|card| !card.address.is_reachable());
        if out_of_reach {
            count(&mut self.stats.ignored_unreachable);
            self.leaf.note_unreachable();
        }
        out_of_reach
    }

    /// A new member finds no room. Returns whether somebody else was given up for it.
    pub(super) fn make_room(&mut self, newcomer: NodeId) -> bool {
        count(&mut self.stats.table_full);
        self.leaf.note_crowded();
        let is_wanted = self.watches.is_watched(newcomer);
        if !self.leaf.has_turn(is_wanted, self.now) {
            return false;
        }
        let (watches, prober) = (&self.watches, &self.prober);
        let expendable = self.table.pick_calm(&mut self.rng, |id| {
            !watches.is_watched(id) && prober.find_target(|target| target == id).is_none()
        });
        let Some((row, id)) = expendable else { return false };
        let made = self.table.forget(row);
        if made {
            count(&mut self.stats.turned_over);
            self.leaf.note_turn(id, self.turn_pause(), self.now);
        }
        made
    }

    /// Asks anybody for the row of somebody watched who is not in the table. A round of
    /// introductions would bring it too, if it came when there is a turn.
    pub(super) fn search_if_due(&mut self) {
        let due = self.search_deadline().is_some_and(|due| due <= self.now);
        if !due || !self.outbox.has_room_for(1) {
            return;
        }
        self.leaf.note_search(self.turn_pause(), self.now);
        if let Some(id) = self.pick_missing() {
            self.pull_row(id.mixed());
        }
    }

    fn pick_missing(&mut self) -> Option<NodeId> {
        let is_missing = |id: &NodeId| self.table.find(*id).is_none();
        let mut missing = self.watches.ids().filter(is_missing);
        missing.nth(self.rng.below(missing.clone().count()))
    }

    /// When somebody watched may have to be asked for.
    pub(super) fn search_deadline(&self) -> Option<Instant> {
        let needed = self.leaf.is_partial() && !self.watches.is_empty();
        needed.then(|| self.leaf.search_at())
    }

    /// When so many have died that the others may all fit, this node is a leaf no longer, and
    /// fetches them.
    pub(super) fn note_room(&mut self) {
        let room = self.table.members_max().saturating_sub(self.table.live_count());
        if room > self.table.members_max() / 4 {
            self.leaf.note_room();
        }
    }

    fn turn_pause(&self) -> Duration {
        self.config.probe_interval().saturating_mul(PROBES_PER_TURN)
    }

    pub(super) fn pop_leaf_news(&mut self) -> Option<Event<A>> {
        self.leaf.pop_news().map(|news| match news {
            LeafNews::Full => Event::TableFull,
            LeafNews::Forgotten(id) => Event::MemberForgotten(id),
        })
    }
}
