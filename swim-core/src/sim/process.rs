//! One process: a node, if it runs, and what its operating system does for it.

use std::collections::VecDeque;

use crate::member::NodeId;
use crate::storage::Storage;
use crate::time::Instant;
use crate::{Node, Standing};

use super::clock::Clock;
use super::oracle::Violation;
use super::queue::FlightId;
use super::scenario::SimAddress;

/// Packets that wait for a frozen process; the newest are dropped and counted.
const INBOX_LEN_MAX: usize = 1_024;
/// Deadlines handled at one instant before they are held to be endless.
const FIRINGS_MAX: u32 = 64;

/// A process, running or not.
pub(super) struct Process<S: Storage> {
    pub id: NodeId,
    /// Where the oracle keeps the truth about the id.
    pub place: usize,
    pub address: SimAddress,
    pub node: Option<Node<SimAddress, S>>,
    pub clock: Clock,
    pub rows_max: usize,
    /// The next moment for which a look at its deadline is queued.
    pub alarm: Option<Instant>,
    frozen_until: Option<Instant>,
    inbox: VecDeque<FlightId>,
    last_firing: Instant,
    firings: u32,
    rows_gone: u64,
    inputs_since_inspection: usize,
}

impl<S: Storage> Process<S> {
    pub fn new(id: NodeId, place: usize, address: SimAddress) -> Self {
        Self {
            id,
            place,
            address,
            node: None,
            clock: Clock::new(0, 0),
            rows_max: 0,
            alarm: None,
            frozen_until: None,
            inbox: VecDeque::new(),
            last_firing: Instant::ZERO,
            firings: 0,
            rows_gone: 0,
            inputs_since_inspection: 0,
        }
    }

    /// Runs `node` by `clock`.
    pub fn start(&mut self, node: Node<SimAddress, S>, clock: Clock, rows_max: usize) {
        (self.node, self.clock, self.rows_max) = (Some(node), clock, rows_max);
        (self.alarm, self.frozen_until, self.rows_gone) = (None, None, 0);
    }

    /// Ends the process; nothing of it is left but its name. Returns whether it ran.
    pub fn stop(&mut self) -> bool {
        (self.alarm, self.frozen_until) = (None, None);
        self.node.take().is_some()
    }

    /// Whether it runs and is a member, or wants to be.
    pub fn is_member(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.standing() == Standing::Alive)
    }

    /// Whether it runs, and is not frozen.
    pub fn is_responsive(&self) -> bool {
        self.node.is_some() && self.frozen_until.is_none()
    }

    pub fn is_frozen(&self) -> bool {
        self.frozen_until.is_some()
    }

    /// Stands still until `until`, or longer if it already does.
    pub fn freeze(&mut self, until: Instant) {
        self.frozen_until = self.frozen_until.max(Some(until));
    }

    /// Goes on at `now`, unless it is not frozen or its time has not come.
    pub fn thaw(&mut self, now: Instant) -> bool {
        let thawed = self.frozen_until.is_some_and(|until| until <= now);
        if thawed {
            self.frozen_until = None;
        }
        thawed
    }

    /// Keeps a packet for later. Returns false when there is no room for it.
    pub fn shelve(&mut self, flight: FlightId) -> bool {
        let fits = self.inbox.len() < INBOX_LEN_MAX;
        if fits {
            self.inbox.push_back(flight);
        }
        fits
    }

    pub fn unshelve(&mut self) -> Option<FlightId> {
        self.inbox.pop_front()
    }

    /// Counts the deadlines handled at the moment `now`.
    pub fn count_firing(&mut self, now: Instant) -> Result<(), Violation> {
        self.firings = if self.last_firing == now { self.firings + 1 } else { 1 };
        self.last_firing = now;
        if self.firings > FIRINGS_MAX { Err(Violation::Spinning) } else { Ok(()) }
    }

    /// Whether rows have gone from its table since it was last asked.
    pub fn has_lost_rows(&mut self) -> bool {
        let Some(node) = &self.node else { return false };
        let rows_gone = node.stats().reaped + node.stats().evicted;
        core::mem::replace(&mut self.rows_gone, rows_gone) != rows_gone
    }

    /// Counts an input. True whenever there have been as many as there are living rows: so a walk
    /// of the table costs no more than one row an input.
    pub fn is_due_for_inspection(&mut self) -> bool {
        let price = self.node.as_ref().map_or(0, |node| node.live_count());
        self.inputs_since_inspection += 1;
        let is_due = self.inputs_since_inspection >= price;
        if is_due {
            self.inputs_since_inspection = 0;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scenario::address;
    use crate::storage::Growable;

    #[test]
    fn deadlines_that_do_not_end_are_noticed() {
        let mut process = Process::<Growable>::new(NodeId::new(1), 0, address(0));
        let now = Instant::from_secs(1);
        for _ in 0..FIRINGS_MAX {
            assert_eq!(process.count_firing(now), Ok(()));
        }
        assert_eq!(process.count_firing(now), Err(Violation::Spinning));
        assert_eq!(process.count_firing(Instant::from_secs(2)), Ok(()));
    }
}
