//! Planned sleep: saying that one will be silent, being so, and waiting for others who are.

use core::time::Duration;

use crate::address::Address;
use crate::error::SleepError;
use crate::member::Status;
use crate::rotation::Rotation;
use crate::storage::{Counter, Storage};
use crate::table::{Change, ME};
use crate::time::Instant;

use super::{Node, Standing, count};

impl<A: Address, S: Storage> Node<A, S> {
    /// Tells the others that this node will be silent from now on for `duration`, so that nobody
    /// suspects it meanwhile. [`Event::Asleep`](crate::Event::Asleep) says when enough of them have
    /// been told: from then on it sends nothing of its own accord, though it still answers, and
    /// the driver may stop calling. The first input or
    /// [`handle_timeout`](Self::handle_timeout) at the end of the time or later wakes it.
    ///
    /// Whoever is not back [`sleep_margin`](crate::Config::sleep_margin) after that is probed as
    /// anybody else. Asked again before, the node announces the new time.
    ///
    /// # Errors
    ///
    /// The caller's fault; nothing changed.
    pub fn sleep(&mut self, duration: Duration, now: Instant) -> Result<(), SleepError> {
        let now = self.advance(now);
        let sleep_max = self.config.sleep_max();
        if self.standing != Standing::Alive {
            return Err(SleepError::NotAlive);
        }
        if duration.is_zero() {
            return Err(SleepError::Zero);
        }
        if duration > sleep_max {
            return Err(SleepError::TooLong { sleep_max });
        }
        if self.slumber.is_asleep() {
            self.end_absence();
        }
        let until = now.after(duration);
        self.slumber.announce(until, now.after(self.config.leave_timeout()));
        self.sync.clear();
        self.outrank(self.incarnation());
        self.table.put_to_sleep(ME, until.after(self.config.sleep_margin()));
        self.gossip_to_some();
        Ok(())
    }

    /// Ends a sleep before its time, or takes back its announcement.
    pub fn wake(&mut self, now: Instant) {
        self.advance(now);
        if self.slumber.end() {
            self.awaken();
        }
    }

    /// This node takes no part any more, so nobody waits for it.
    pub(super) fn give_up_sleep(&mut self) {
        self.slumber.end();
        self.table.wake_me();
    }

    /// The time of a sleep is over, however long ago.
    pub(super) fn wake_if_over(&mut self, now: Instant) {
        if self.slumber.is_over(now) {
            self.slumber.run_out();
            self.now = self.now.max(now);
            self.awaken();
        }
    }

    fn awaken(&mut self) {
        self.end_absence();
        self.table.wake_me();
        if self.standing == Standing::Alive {
            self.outrank(self.incarnation());
            self.gossip_to_some();
        }
    }

    /// What ran is void and whoever was suspect has time anew, as after any stall; but nobody is
    /// asked for patience.
    fn end_absence(&mut self) {
        self.void_what_ran();
        self.senses.stall.slept(self.now);
        self.prober.skip(self.config.probe_interval(), self.now);
        self.sync.unsettle(usize::MAX, self.pauses(), &mut self.rng, self.now);
    }

    /// This node was away: its probes, its round, and what it did for others mean nothing now.
    pub(super) fn void_what_ran(&mut self) {
        self.stats.probes_void.add(self.prober.clear());
        self.watches.void_probes();
        self.prober.rotation = Rotation::new();
        self.relays.clear();
        self.senses.heard_at = self.now;
    }

    /// Falls asleep when its announcement has been sent as often as any update is, when nobody is
    /// left to hear it, or when it has tried long enough.
    pub(super) fn sleep_if_heard(&mut self) {
        if !self.slumber.is_announcing() {
            return;
        }
        if self.slumber.settle(self.is_heard(), self.now) {
            count(&mut self.stats.sleeps);
            self.void_what_ran();
        }
    }

    /// Takes in that a member will be silent for so long. Nobody is granted more than
    /// [`sleep_max`](crate::Config::sleep_max).
    pub(super) fn note_sleep(&mut self, change: &Change, asleep: Duration) {
        if change.after != Status::Alive || asleep.is_zero() {
            return;
        }
        count(&mut self.stats.sleeps_heard);
        let Some(sleeper) = self.table.row(change.row).map(|row| row.id()) else { return };
        self.prober.forget(sleeper);
        self.watches.rest(sleeper);
        let granted =
            asleep.min(self.config.sleep_max()).saturating_add(self.config.sleep_margin());
        self.table.note(change.row, |row| row.case.told.note_update());
        self.table.put_to_sleep(change.row, self.now.after(granted));
    }

    /// A sleeper is due: from now on it is probed again.
    pub(super) fn expect_back(&mut self, row: u32) {
        if row != ME {
            self.table.note(row, |sleeper| sleeper.wake());
        }
    }
}
