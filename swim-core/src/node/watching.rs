//! Watched members: pings of their own, how far their silence has gone, and what follows from it.

use crate::address::Address;
use crate::error::WatchError;
use crate::event::Event;
use crate::member::{NodeId, Status};
use crate::outbox::{Channel, Intent};
use crate::storage::Storage;
use crate::table::Row;
use crate::time::Instant;
use crate::watch::{Watch, WatchStep};
use crate::wire::{Message, Ping};

use super::{Node, count};

/// A probe and a ping.
const STEPS_PER_WATCH: usize = 2;

impl<A: Address, S: Storage> Node<A, S> {
    /// Watches a member: pings it at regular intervals of its own, besides all other probes, and
    /// makes of the times between its answers a level of suspicion that grows while it is silent:
    /// see [`suspicion_level`](Self::suspicion_level). `watch` is a [`Watch`], or just the
    /// interval.
    ///
    /// When the level passes that of the watch the application hears
    /// [`Event::SuspicionRaised`], and [`Event::SuspicionLowered`] when it answers again. When it
    /// passes [`PROBE_LEVEL`](crate::PROBE_LEVEL), the member is probed out of turn, so it may be
    /// suspected sooner than others; its turns stay as they are, so never later. That holds of
    /// detectors that probe in [stages](crate::Rules::stages). One member is probed out of turn at
    /// a time, while there is room; a probe that has to make room is not begun again.
    ///
    /// A leaf keeps a watched member in its table while it lives, asks for it while it is missing,
    /// and lets it in whenever it is heard of, although the cluster may be larger than the table.
    /// Once it is dead it makes room first, as the dead do.
    ///
    /// The watch goes on until [`unwatch`](Self::unwatch), whatever becomes of the member, which
    /// may as well be unknown yet. While it is dead, has left, is unknown, or sleeps as announced,
    /// it is not pinged and has no level; back again, it has one from its first answer on. A
    /// restart that nobody missed is silence like any other. Watched again, it has the new
    /// settings, and a level from its next answer on.
    ///
    /// # Errors
    ///
    /// A setting out of range, this node itself, or too many:
    /// [`WATCHED_MAX`](crate::WATCHED_MAX), or what
    /// [`Bounds::watched`](crate::storage::Bounds::watched) of its storage says. The caller's
    /// fault; nothing changed.
    pub fn watch(
        &mut self,
        id: NodeId,
        watch: impl Into<Watch>,
        now: Instant,
    ) -> Result<(), WatchError> {
        let now = self.advance(now);
        if id == self.id() {
            return Err(WatchError::Oneself);
        }
        // Not drawn: who is probed and asked must not depend on who is watched.
        let secret = self.prober.secret_number(id, now);
        self.watches.watch(id, watch.into(), secret, now)
    }

    /// Watches a member no longer. Returns whether it was watched.
    pub fn unwatch(&mut self, id: NodeId) -> bool {
        self.watches.unwatch(id)
    }

    /// The members that are watched, in or out of the table.
    pub fn watched(&self) -> impl Iterator<Item = NodeId> {
        self.watches.ids()
    }

    /// φ of a watched member: 1 when of ten silences of a living member one is as long, 2 of a
    /// hundred, and so on, as far as its answers so far and its [`Accrual`](crate::Accrual) tell.
    /// Grows steadily with `now` until it answers, from 0 on; not while this node is late to ping,
    /// asleep, or gone.
    ///
    /// Only answers to the pings of the watch count: their numbers show that they are no
    /// recordings. And in doubt, beyond [`PROBE_LEVEL`](crate::PROBE_LEVEL), those to probes.
    ///
    /// `None` of a member that is not watched, is watched without pings, has not answered yet, or
    /// is not to answer, being dead, gone, unknown or asleep. Until much is known of its answers
    /// they are taken to come an interval apart, with a deviation of a quarter of it.
    pub fn suspicion_level(&self, id: NodeId, now: Instant) -> Option<f32> {
        self.watches.level(id, now)
    }

    pub(super) fn step_watches(&mut self) {
        // What is left over follows in the next call, which is due at once.
        for _ in 0..self.watches.len().saturating_mul(STEPS_PER_WATCH) {
            if !self.outbox.has_room_for(1) {
                return;
            }
            let Some(step) = self.watches.step(self.now) else { return };
            match step {
                WatchStep::Ping { target, number } => self.ping_watched(target, number),
                WatchStep::Probe(target) => self.probe_watched(target),
            }
        }
    }

    /// Out of turn, unless somebody is being probed, or suspect already.
    fn probe_watched(&mut self, target: NodeId) {
        let is_probed = self.prober.find_target(|other| other == target).is_some();
        let is_suspect = |row: Row<'_, A>| row.status() == Status::Suspect;
        let is_over = is_probed || self.table.member(target).is_some_and(is_suspect);
        if is_over || self.probe_besides(target) {
            self.watches.note_probe(target);
        }
    }

    /// Without a belief and a digest, which asks for nothing but an answer; and without news, or
    /// one member would be told what is for all.
    fn ping_watched(&mut self, target: NodeId, number: u32) {
        let Some(to) = self.expected_at(target) else { return self.watches.rest(target) };
        count(&mut self.stats.watch_pings);
        let ping = Message::Ping(Ping { number, target, belief: None, digest: None });
        self.post(Intent::new(to, Channel::Datagram, Some(ping)).bare());
    }

    /// Where somebody listens who is alive and awake.
    fn expected_at(&self, id: NodeId) -> Option<A> {
        let expected = |row: &Row<'_, A>| row.is_live() && !row.is_asleep();
        self.table.member(id).filter(expected)?.address()
    }

    /// An answer to a ping of a watch. False if it is none.
    pub(super) fn take_watch_ack(&mut self, number: u32, sender: NodeId) -> bool {
        let taken = self.watches.ack(number, sender, self.now);
        if taken {
            count(&mut self.stats.watch_acks);
            self.reprieve(sender);
        }
        taken
    }

    pub(super) fn pop_watch_news(&mut self) -> Option<Event<A>> {
        let (id, is_raised) = self.watches.pop_news()?;
        Some(match is_raised {
            true => Event::SuspicionRaised(id),
            false => Event::SuspicionLowered(id),
        })
    }
}
