//! Time: what falls due.

use core::time::Duration;

use crate::address::Address;
use crate::config::GOSSIP_NODES_MAX;
use crate::member::Status;
use crate::outbox::{Channel, Intent};
use crate::relay::RelayStep;
use crate::storage::Storage;
use crate::table::ME;
use crate::time::Instant;
use crate::wire::{Join, Message, Nack};

use super::{Node, Standing, count};

/// Rows that can fall due in one call: a verification at second hand sends two packets for each,
/// and they must not fill the outbox. The rest follows in the next, which is due at once.
const DUE_PER_CALL_MAX: usize = 16;

/// A row that is due may send so many: a ping, and a request for another. It waits for room.
const PACKETS_PER_ROW_MAX: usize = 2;

/// How long the end of a member is kept for an application that has not heard of it.
const UNTOLD_GRACE: Duration = Duration::from_secs(1);

impl<A: Address, S: Storage> Node<A, S> {
    /// Does what is due at `now`. Early is harmless: nothing happens. So is late, or twice.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        self.sleep_if_heard();
        if self.slumber.is_asleep() {
            return;
        }
        self.end_due_rows();
        self.step_relays();
        match self.standing {
            Standing::Departed => {}
            Standing::Silenced => self.step_rivalry(),
            Standing::Leaving => {
                self.gossip_if_due();
                self.depart_if_heard();
            }
            Standing::Alive => {
                self.step_probe();
                self.step_watches();
                self.gossip_if_due();
                self.step_sync();
                self.search_if_due();
                self.heal_if_due();
                self.ask_seeds();
            }
        }
    }

    /// What goes on in a process of several threads while its sends block: suspicions time out, and
    /// nothing else (Lifeguard section V: the anomaly of its experiments).
    #[cfg(feature = "sim")]
    pub(crate) fn expire_suspicions(&mut self, now: Instant) {
        self.advance(now);
        self.end_due_rows();
    }

    /// When the next suspicion times out.
    #[cfg(feature = "sim")]
    pub(crate) fn suspicion_deadline(&self) -> Option<Instant> {
        self.table.next_deadline().map(|deadline| deadline.max(self.now))
    }

    /// The moment of the next [`handle_timeout`](Self::handle_timeout). Already past while packets
    /// or events wait to be polled; `None` when nothing will happen without an input.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let pings = self.standing == Standing::Alive && !self.slumber.is_asleep();
        let watches = if pings { self.watches.deadline() } else { None };
        earliest([self.next_due(), watches.map(|deadline| deadline.max(self.now))])
    }

    /// The same but for pings of watches: they have a clock of their own, and whoever watches
    /// somebody must not find itself late more often than others.
    pub(super) fn next_due(&self) -> Option<Instant> {
        if !self.outbox.is_empty() || self.has_event() {
            return Some(self.now);
        }
        if self.slumber.is_asleep() {
            return self.slumber.deadline();
        }
        let always = earliest([self.table.next_deadline(), self.relays.deadline()]);
        let deadline = match self.standing {
            Standing::Departed => always,
            Standing::Silenced => earliest([always, self.challenge.deadline()]),
            Standing::Leaving => earliest([always, Some(self.leave_until), self.gossip_deadline()]),
            Standing::Alive => earliest([
                always,
                Some(self.prober.deadline()),
                self.sync.deadline(),
                self.gossip_deadline(),
                self.heal_deadline(),
                self.seeds.deadline(),
                self.search_deadline(),
                self.slumber.deadline(),
            ]),
        };
        // What an input made due at once is due now, not late.
        deadline.map(|deadline| deadline.max(self.now))
    }

    fn gossip_deadline(&self) -> Option<Instant> {
        let pending = self.gossip_interval().is_some() && self.table.gossip_len() > 0;
        pending.then(|| self.gossip.deadline())
    }

    /// Time between gossip ticks, if there are any. A node that leaves no longer probes, so it
    /// gossips its goodbye even where news otherwise travels on probes alone.
    fn gossip_interval(&self) -> Option<Duration> {
        let leaving = self.standing == Standing::Leaving;
        match self.config.gossip_interval() {
            Duration::ZERO => leaving.then_some(self.config.probe_interval()),
            interval => Some(interval),
        }
    }

    fn step_relays(&mut self) {
        while self.outbox.has_room_for(1)
            && let Some(step) = self.relays.step(self.now)
        {
            match step {
                RelayStep::PingAgain(relay) => self.ping_for(&relay),
                RelayStep::Nack(relay) => {
                    let nack = Nack { number: relay.request, refused: false };
                    self.answer_requester(&relay, Message::Nack(nack), None);
                }
            }
        }
    }

    fn end_due_rows(&mut self) {
        for _ in 0..DUE_PER_CALL_MAX {
            if !self.outbox.has_room_for(PACKETS_PER_ROW_MAX) {
                return;
            }
            let Some(number) = self.table.pop_due(self.now) else { return };
            let Some(row) = self.table.row(number) else { continue };
            match row.status() {
                Status::Alive => {
                    self.expect_back(number);
                    self.review_conduct(number);
                }
                Status::Suspect => self.try_suspect(number),
                Status::Dead | Status::Left => self.reap(number),
            }
        }
    }

    fn reap(&mut self, number: u32) {
        if self.table.forget(number) {
            count(&mut self.stats.reaped);
        } else {
            self.table.set_deadline(number, self.now.after(UNTOLD_GRACE));
        }
    }

    fn gossip_if_due(&mut self) {
        let Some(interval) = self.gossip_interval() else { return };
        let wanted = usize::from(self.config.gossip_nodes);
        let possible = self.table.gossip_len() > 0 && self.outbox.has_room_for(wanted);
        if possible && self.gossip.due(interval, self.now) {
            self.gossip_to_some();
        }
    }

    /// Sends news to members chosen at random, those who died of late among them: they may live.
    pub(super) fn gossip_to_some(&mut self) {
        let wanted = usize::from(self.config.gossip_nodes);
        let (now, window) = (self.now, self.config.gossip_to_dead_time());
        let rows = self.table.pick::<GOSSIP_NODES_MAX>(wanted, true, &mut self.rng, |row| {
            let recent = now.since(row.since()) <= window;
            row.status().is_live() || (row.status() == Status::Dead && recent)
        });
        if rows.is_empty() && self.is_alone() {
            // Nobody can hear it now, and whoever comes later pulls the table.
            self.table.drop_gossip();
        }
        for row in rows {
            if let Some(to) = self.table.row(row).and_then(|row| row.address()) {
                self.post(Intent::new(to, Channel::Datagram, None));
            }
        }
    }

    fn ask_seeds(&mut self) {
        let retry = self.retry();
        while self.outbox.has_room_for(1)
            && let Some((seed, number)) = self.seeds.pop_due(retry, &mut self.rng, self.now)
        {
            count(&mut self.stats.joins_sent);
            self.introduce(seed, Some(Message::Join(Join { number })));
        }
    }

    /// A leaving node departs when its goodbye has been sent as often as any update is, when
    /// nobody is left to hear it, or when it has tried long enough.
    pub(super) fn depart_if_heard(&mut self) {
        if self.standing != Standing::Leaving {
            return;
        }
        if self.is_heard() || self.now >= self.leave_until {
            self.depart();
        }
    }

    /// Whether what this node last said of itself has been sent as often as any update is, or
    /// nobody is there to hear it.
    pub(super) fn is_heard(&self) -> bool {
        !self.table.is_gossiped(ME) || self.is_alone()
    }

    pub(super) fn depart(&mut self) {
        self.standing = Standing::Departed;
        self.departure_untold = true;
    }
}

fn earliest<const N: usize>(deadlines: [Option<Instant>; N]) -> Option<Instant> {
    deadlines.iter().fold(None, |first, deadline| match (first, *deadline) {
        (Some(first), Some(deadline)) => Some(deadline.min(first)),
        (first, deadline) => first.or(deadline),
    })
}
