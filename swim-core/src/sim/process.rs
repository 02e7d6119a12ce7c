//! One process: a node, if it runs, and what its operating system does for it.

use core::time::Duration;
use std::collections::VecDeque;

use crate::member::NodeId;
use crate::rng::Rng;
use crate::storage::Storage;
use crate::time::Instant;
use crate::trace::Traced;
use crate::{Acquaintances, Standing};

use super::clock::Clock;
use super::oracle::Violation;
use super::queue::FlightId;
use super::report::Load;
use super::scenario::SimAddress;

/// Packets that wait for a process to read them; the newest are dropped and counted.
const INBOX_LEN_MAX: usize = 1_024;
/// Packets that wait for a process to be let send them; the newest are dropped and counted.
const OUTBOX_LEN_MAX: usize = 1_024;
/// Deadlines handled at one instant before they are held to be endless.
const FIRINGS_MAX: u32 = 64;

/// A process, running or not.
pub(super) struct Process<S: Storage> {
    pub id: NodeId,
    /// Where the oracle keeps the truth about the id.
    pub place: usize,
    pub address: SimAddress,
    pub node: Option<Traced<SimAddress, S>>,
    pub clock: Clock,
    /// What makes its table, if it is not the scenario's.
    pub storage: Option<Box<dyn Fn() -> S>>,
    pub rows_max: usize,
    /// The last snapshot, which outlives the process.
    pub disk: Vec<u8>,
    /// Of an earlier life.
    pub acquaintances: Acquaintances<SimAddress>,
    pub load: Load,
    /// The next moment for which a look at its deadline is queued.
    pub alarm: Option<Instant>,
    /// Whether its host answers for it when it does not run.
    is_killed: bool,
    frozen_until: Option<Instant>,
    /// While frozen, whether nothing of what arrives is kept.
    is_off: bool,
    jammed_until: Option<Instant>,
    /// While jammed, whether it has come to send a probe. memberlist probes from one thread, which
    /// then stands in that send until the jam ends; only suspicions go on to time out.
    is_blocked: bool,
    /// The shortest and the longest time by which it reads a packet late.
    starvation: Option<(Duration, Duration)>,
    inbox: VecDeque<FlightId>,
    outbox: VecDeque<FlightId>,
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
            storage: None,
            rows_max: 0,
            disk: Vec::new(),
            acquaintances: Acquaintances::none(),
            load: Load::default(),
            alarm: None,
            is_killed: false,
            frozen_until: None,
            is_off: false,
            jammed_until: None,
            is_blocked: false,
            starvation: None,
            inbox: VecDeque::new(),
            outbox: VecDeque::new(),
            last_firing: Instant::ZERO,
            firings: 0,
            rows_gone: 0,
            inputs_since_inspection: 0,
        }
    }

    /// Runs `node` by `clock`.
    pub fn start(&mut self, node: Traced<SimAddress, S>, clock: Clock, rows_max: usize) {
        (self.node, self.clock, self.rows_max) = (Some(node), clock, rows_max);
        (self.alarm, self.rows_gone) = (None, 0);
        self.acquaintances = Acquaintances::none();
    }

    /// Ends the process; nothing of it is left but its name, and its host if that is said to live.
    /// Returns whether it ran.
    pub fn stop(&mut self, host_lives: bool) -> bool {
        (self.alarm, self.frozen_until, self.jammed_until) = (None, None, None);
        (self.is_blocked, self.is_off) = (false, false);
        let ran = self.node.take().map(Traced::end).is_some();
        self.is_killed = host_lives && (ran || self.is_killed);
        ran
    }

    /// Whether it has died on a host that lives.
    pub fn is_killed(&self) -> bool {
        self.is_killed && self.node.is_none()
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

    /// Stands still as when frozen, and loses what arrives.
    pub fn switch_off(&mut self, until: Instant) {
        self.freeze(until);
        self.is_off = true;
    }

    /// Whether it loses what arrives.
    pub fn is_off(&self) -> bool {
        self.is_off
    }

    /// Sends and reads nothing until `until`, or longer if it already does.
    pub fn jam(&mut self, until: Instant) {
        self.jammed_until = self.jammed_until.max(Some(until));
    }

    /// A packet of a probe waits to be sent, and its thread with it.
    pub fn block(&mut self) {
        self.is_blocked = true;
    }

    /// Its threads go on. Returns whether one was blocked.
    pub fn unblock(&mut self) -> bool {
        core::mem::take(&mut self.is_blocked)
    }

    /// Lets it look for those it knew in an earlier life.
    pub fn look_around(&mut self, now: Instant) {
        if let Some(node) = self.node.as_mut().filter(|_| !self.acquaintances.is_empty()) {
            node.remember_some(&mut self.acquaintances, now);
        }
    }

    /// When it next acts by itself.
    pub fn deadline(&self) -> Option<Instant> {
        let node = self.node.as_ref()?;
        if self.is_blocked { node.suspicion_deadline() } else { node.poll_timeout() }
    }

    /// Lets it act.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(node) = &mut self.node else { return };
        match self.is_blocked {
            true => node.expire_suspicions(now),
            false => node.handle_timeout(now),
        }
    }

    pub fn is_jammed(&self) -> bool {
        self.jammed_until.is_some()
    }

    /// Ends what holds it up and is over at `now`. Returns whether it goes on with anything.
    pub fn wake(&mut self, now: Instant) -> bool {
        let mut woken = false;
        for until in [&mut self.frozen_until, &mut self.jammed_until] {
            woken |= until.take_if(|until| *until <= now).is_some();
        }
        self.is_off &= self.is_frozen();
        woken && !self.is_frozen()
    }

    /// Whether it reads what arrives.
    pub fn is_reading(&self) -> bool {
        !self.is_frozen() && !self.is_jammed()
    }

    /// Reads every packet late from now on, by a time drawn from the range; or no longer.
    pub fn starve(&mut self, range: Option<(Duration, Duration)>) {
        self.starvation = range;
    }

    /// By how much a packet that arrives now is read late, if it is.
    pub fn lateness(&self, rng: &mut Rng) -> Option<Duration> {
        let (least, most) = self.starvation?;
        Some(least + rng.up_to(most.saturating_sub(least)))
    }

    /// Keeps a packet to be read later. Returns false when there is no room for it.
    pub fn shelve(&mut self, flight: FlightId) -> bool {
        keep(&mut self.inbox, INBOX_LEN_MAX, flight)
    }

    pub fn unshelve(&mut self) -> Option<FlightId> {
        self.inbox.pop_front()
    }

    /// Keeps a packet to be sent later. Returns false when there is no room for it.
    pub fn hold(&mut self, flight: FlightId) -> bool {
        keep(&mut self.outbox, OUTBOX_LEN_MAX, flight)
    }

    pub fn release(&mut self) -> Option<FlightId> {
        self.outbox.pop_front()
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
        let stats = node.stats().widened();
        let rows_gone = stats.reaped + stats.evicted + stats.turned_over;
        core::mem::replace(&mut self.rows_gone, rows_gone) != rows_gone
    }

    /// Counts an input. True whenever there have been `inputs_per_row` for every living row: so a
    /// walk of the table costs no more than one row in as many inputs.
    pub fn is_due_for_inspection(&mut self, inputs_per_row: usize) -> bool {
        let price = self.node.as_ref().map_or(0, |node| node.live_count() * inputs_per_row);
        self.inputs_since_inspection += 1;
        let is_due = self.inputs_since_inspection >= price;
        if is_due {
            self.inputs_since_inspection = 0;
        }
        is_due
    }
}

fn keep(kept: &mut VecDeque<FlightId>, len_max: usize, flight: FlightId) -> bool {
    let fits = kept.len() < len_max;
    if fits {
        kept.push_back(flight);
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scenario::address;
    use crate::storage::Growable;

    #[test]
    fn whoever_is_both_frozen_and_jammed_goes_on_step_by_step() {
        let mut process = Process::<Growable>::new(NodeId::new(1), 0, address(0));
        process.freeze(Instant::from_secs(2));
        process.jam(Instant::from_secs(1));
        process.jam(Instant::from_secs(3));
        assert!(!process.wake(Instant::from_secs(1)) && process.is_frozen());
        assert!(process.wake(Instant::from_secs(2)) && !process.is_frozen());
        assert!(process.is_jammed() && !process.is_reading());
        assert!(process.wake(Instant::from_secs(3)) && process.is_reading());
        assert!(!process.wake(Instant::from_secs(4)));

        process.jam(Instant::from_secs(5));
        process.freeze(Instant::from_secs(6));
        assert!(!process.wake(Instant::from_secs(5)), "still frozen");
        assert!(process.wake(Instant::from_secs(6)) && process.is_reading());
    }

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
