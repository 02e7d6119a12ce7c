//! Packets in: parse, judge, apply, answer.

use core::time::Duration;

use crate::address::Address;
use crate::error::Rejected;
use crate::judge::{Claim, ClaimVerdict, Voices};
use crate::member::{Status, Voice};
use crate::outbox::Channel;
use crate::seal::Opened;
use crate::seeds::Answer;
use crate::storage::{Counter, Storage};
use crate::table::{Applied, Change};
use crate::time::Instant;
use crate::wire::{Header, Message, Packet, ParseError, Refusal, Refuse, Update};

use super::sealing::{Knock, asks_to_join};
use super::{Node, Standing, count};

/// Where a packet came from, and how an answer gets back there.
#[derive(Clone, Copy)]
pub(super) struct Origin<A> {
    pub from: A,
    pub channel: Channel,
    pub header: Header,
    /// Bytes of the packet, and of sealing, if it came in clear and its answer will not.
    pub len: usize,
    /// Whether it was sealed: by somebody who has the key, if not to this address.
    pub is_sealed: bool,
    /// What it says of this node is what its sender believes, not only passes on.
    pub is_belief: bool,
    /// What it says of others stands in its sender's table.
    pub is_copy: bool,
}

impl<A> Origin<A> {
    /// The longest answer to somebody who may not be there: no longer than the question.
    pub(super) fn len_max(&self) -> u16 {
        u16::try_from(self.len).unwrap_or(u16::MAX)
    }
}

/// What the updates of a packet brought.
#[derive(Clone, Copy, Default)]
pub(super) struct Heard {
    /// How many of them were news.
    pub learnt: usize,
    /// Its sender speaks of itself, and says nothing new.
    pub introduced: bool,
    /// What it says of itself is outranked by the words of an earlier life.
    pub outranked: bool,
    /// It says that its sender is a rival, which is asked in its bytes: there is no other answer.
    pub challenged: bool,
}

impl<A: Address, S: Storage> Node<A, S> {
    /// Takes in a datagram that came from `from`. Answers go back there: poll them before the next
    /// datagram, or only the last of several reconciliations is answered. Hand in every datagram
    /// that is waiting before calling [`handle_timeout`](Self::handle_timeout).
    ///
    /// # Errors
    ///
    /// A datagram that is not a packet of this cluster: its sender's fault. It is counted, and the
    /// state is what it was.
    pub fn handle_datagram(
        &mut self,
        from: A,
        datagram: &mut [u8],
        now: Instant,
    ) -> Result<(), Rejected> {
        self.handle_packet(from, Channel::Datagram, datagram, now)
    }

    /// Takes in a packet that came over a stream, without its length prefix. `from` is the key
    /// under which the driver can answer on that stream.
    ///
    /// # Errors
    ///
    /// As [`handle_datagram`](Self::handle_datagram).
    pub fn handle_stream(
        &mut self,
        from: A,
        packet: &mut [u8],
        now: Instant,
    ) -> Result<(), Rejected> {
        self.handle_packet(from, Channel::Stream, packet, now)
    }

    fn handle_packet(
        &mut self,
        from: A,
        channel: Channel,
        bytes: &mut [u8],
        now: Instant,
    ) -> Result<(), Rejected> {
        self.advance(now);
        self.admit_address(&from)?;
        let len = bytes.len();
        let (packet, origin) = self.open((from, channel), bytes)?;
        if self.take_refusal(&packet) {
            return Ok(());
        }
        self.admit(&packet, &origin)?;
        self.hear_round(packet.header.round);
        self.senses.heard_at = self.now;
        count(&mut self.stats.packets_received);
        self.stats.bytes_received.add(len);
        let heard = self.hear_all(&packet, &origin);
        self.answer(&packet, &origin, heard);
        Ok(())
    }

    /// Opens a packet if it is sealed, and checks it whole.
    fn open<'b>(
        &mut self,
        (from, channel): (A, Channel),
        bytes: &'b mut [u8],
    ) -> Result<(Packet<'b, A>, Origin<A>), Rejected> {
        let len = bytes.len();
        let asks_to_join = self.sealer.refuses_clear() && asks_to_join::<A>(bytes);
        let opened = self.sealer.open(bytes, self.now);
        let Opened { packet, key } = opened
            .map_err(|why| self.reject_unopened(why, Knock { from, channel, len, asks_to_join }))?;
        let packet = Packet::parse(packet).map_err(|error| self.reject_malformed(error))?;
        self.take_hint(&packet, key, from);
        let is_sealed = key.is_some();
        let sealing_len = if is_sealed { 0 } else { self.sealer.overhead_len() };
        let origin = Origin {
            from,
            channel,
            header: packet.header,
            len: len.saturating_add(sealing_len),
            is_sealed,
            is_belief: packet.message.is_some_and(|message| message.corrects()),
            is_copy: packet.message.is_some_and(|message| message.brings_copies()),
        };
        Ok((packet, origin))
    }

    fn hear_round(&mut self, round: u16) {
        if self.config.rules.rotation && !self.prober.rotation.hear(round) {
            count(&mut self.stats.rounds_jumped);
        }
    }

    pub(super) fn reject_malformed(&mut self, error: ParseError) -> Rejected {
        count(match error {
            ParseError::Version(_) => &mut self.stats.rejected_version,
            _ => &mut self.stats.rejected_malformed,
        });
        Rejected::Malformed(error)
    }

    /// A refusal comes from another cluster as a rule: it is all that is heard from there.
    fn take_refusal(&mut self, packet: &Packet<'_, A>) -> bool {
        let Some(Message::Refuse(Refuse { number, reason })) = packet.message else { return false };
        let asked = self.seeds.answered(number, Answer::Refused(reason));
        self.stats.refusals_received.add(asked.into());
        asked
    }

    /// Lets through what belongs to this cluster and was not written under this node's own id.
    fn admit(&mut self, packet: &Packet<'_, A>, origin: &Origin<A>) -> Result<(), Rejected> {
        if origin.header.label != self.config.label {
            count(&mut self.stats.rejected_label);
            self.refuse_join(packet, origin, Refusal::OtherCluster);
            return Err(Rejected::OtherCluster);
        }
        if origin.header.sender == self.id() && !self.is_rivalry(packet) {
            count(&mut self.stats.rejected_own_id);
            if self.speaks_of_other_boot(packet) {
                self.refuse_join(packet, origin, Refusal::IdInUse);
            }
            return Err(Rejected::OwnId);
        }
        Ok(())
    }

    fn refuse_join(&mut self, packet: &Packet<'_, A>, origin: &Origin<A>, reason: Refusal) {
        let silenced = self.standing == Standing::Silenced;
        if let Some(Message::Join(join)) = packet.message
            && !silenced
        {
            self.refuse(join, origin, reason);
        }
    }

    /// Whether a packet under this node's own id is part of finding out who has the id.
    fn is_rivalry(&self, packet: &Packet<'_, A>) -> bool {
        let question_or_answer = matches!(packet.message, Some(Message::Ping(_) | Message::Ack(_)));
        question_or_answer && self.speaks_of_other_boot(packet)
    }

    fn speaks_of_other_boot(&self, packet: &Packet<'_, A>) -> bool {
        let (boot, id) = (self.my_card().boot, self.id());
        packet
            .updates()
            .any(|update| update.id == id && update.card.is_some_and(|card| card.boot != boot))
    }

    /// Applies all updates of a packet.
    fn hear_all(&mut self, packet: &Packet<'_, A>, origin: &Origin<A>) -> Heard {
        let is_asked = packet.message.is_some_and(|message| self.is_asked(&message, origin));
        self.newcomers.begin_packet(is_asked);
        let (mut heard, told_len) = (Heard::default(), self.challenge.told_len(origin.from));
        for update in packet.updates() {
            count(&mut self.stats.updates_received);
            let news = match origin.is_copy {
                true => self.hear_copy(update, origin),
                false => self.hear(update, origin, true),
            };
            heard.learnt = heard.learnt.saturating_add(news.into());
            if update.id == origin.header.sender && !news {
                heard.introduced = true;
                heard.outranked |= self.is_outranked(&update);
            }
        }
        heard.challenged = self.challenge.told_len(origin.from) > told_len;
        heard
    }

    /// Applies a row of somebody's table. What is alive is not passed on, since it comes from
    /// everywhere at once; who is dead there becomes suspect here, so that it can refute
    /// (memberlist's mergeState); the end of somebody unknown is no news.
    fn hear_copy(&mut self, mut update: Update<'_, A>, origin: &Origin<A>) -> bool {
        let told = update.claim.status;
        if !told.is_live() {
            let Some(row) = self.table.member(update.id) else { return false };
            if told == Status::Dead && row.status().is_live() {
                let voices = Voices::one(Voice::from(origin.header.sender));
                update.claim = Claim { status: Status::Suspect, voices, ..update.claim };
            }
        }
        self.hear(update, origin, told != Status::Alive)
    }

    /// Applies one update that somebody told. Returns whether it was news; if so, and if `spread`,
    /// it is passed on.
    fn hear(&mut self, mut update: Update<'_, A>, origin: &Origin<A>, spread: bool) -> bool {
        if update.id == self.id() {
            return self.hear_about_me(&update, origin, origin.is_belief);
        }
        if !self.is_credible(&update, origin) {
            return false;
        }
        if self.is_sudden_death(&update) {
            count(&mut self.stats.deaths_doubted);
            update.claim.status = Status::Suspect;
            update.claim.voices.insert(Voice::from(origin.header.sender));
        }
        self.apply(&update, origin.from, spread)
    }

    /// Whether somebody speaks of itself in other words than are known of it at the same
    /// incarnation, and the known ones outrank them: it has restarted, and does not know how it
    /// has to outrank its former life.
    fn is_outranked(&self, update: &Update<'_, A>) -> bool {
        let known = self.table.member(update.id).and_then(|row| row.card());
        known.zip(update.card).is_some_and(|(known, told)| {
            known.incarnation == told.incarnation && known.content_order(&told).is_gt()
        })
    }

    /// Applies one update about another member. Returns whether it was news; if so, and if
    /// `spread`, it is passed on.
    pub(super) fn apply(&mut self, update: &Update<'_, A>, informant: A, spread: bool) -> bool {
        let found = self.table.find(update.id);
        match self.table.apply(found, update, informant, self.now) {
            Applied::Known => false,
            Applied::Stranger => {
                count(&mut self.stats.ignored_strangers);
                false
            }
            Applied::NoRoom => self.squeeze_in(update, informant, spread),
            Applied::Changed(change) => self.take_over(change, update, spread),
        }
    }

    fn take_over(&mut self, change: Change, update: &Update<'_, A>, spread: bool) -> bool {
        count(&mut self.stats.updates_applied);
        self.follow_up(change, update.asleep, spread);
        true
    }

    /// There is no room for somebody, unless somebody else is given up.
    #[cold]
    fn squeeze_in(&mut self, update: &Update<'_, A>, informant: A, spread: bool) -> bool {
        if !update.claim.status.is_live() || !self.make_room(update.id) {
            return false;
        }
        // Who introduces itself to a leaf is as a rule known to everybody else.
        let known_elsewhere = update.card.is_some_and(|card| card.address == informant);
        match self.table.apply(None, update, informant, self.now) {
            Applied::Changed(change) => self.take_over(change, update, spread && !known_elsewhere),
            Applied::Known | Applied::Stranger | Applied::NoRoom => false,
        }
    }

    /// What follows from a change: timers, gossip, counters, and a new start for the lonely.
    fn follow_up(&mut self, change: Change, asleep: Duration, spread: bool) {
        self.count_change(&change);
        self.note_conduct(&change);
        self.note_departure(&change);
        match change.after {
            Status::Alive => {
                self.review_conduct(change.row);
                self.note_sleep(&change, asleep);
            }
            Status::Suspect => self.time_suspicion(change.row),
            Status::Dead | Status::Left => {
                let remembered = self.config.tombstone_time().max(self.sealer.memory_min());
                self.table.set_deadline(change.row, self.now.after(remembered));
                self.note_end(change.row);
            }
        }
        if spread && self.is_worth_spreading(&change) {
            self.table.queue_gossip(change.row);
        }
    }

    fn count_change(&mut self, change: &Change) {
        if change.evicted {
            count(&mut self.stats.evicted);
        }
        if change.metadata_cut {
            count(&mut self.stats.metadata_too_long);
        }
        match (change.before, change.after) {
            (before, after) if before == Some(after) => {}
            (Some(Status::Suspect), Status::Alive) => count(&mut self.stats.recovered),
            (_, Status::Alive) => {}
            (_, Status::Suspect) => count(&mut self.stats.suspected),
            (_, Status::Dead) => count(&mut self.stats.died),
            (_, Status::Left) => count(&mut self.stats.left),
        }
    }

    fn note_end(&mut self, row: u32) {
        if let Some(ended) = self.table.row(row).map(|row| row.id()) {
            self.prober.forget(ended);
            self.watches.rest(ended);
        }
        self.note_room();
        if self.is_alone() {
            self.seeds.restart(self.retry(), self.now);
            self.hurry_to_heal();
        }
    }

    /// Further voices are passed on only as long as there are more of them and they shorten the
    /// suspicion.
    fn is_worth_spreading(&self, change: &Change) -> bool {
        let ClaimVerdict::Unite(voices) = change.claim else { return true };
        let needed = self.config.suspicion_bounds(self.table.live_count()).confirmations_needed;
        let told = change.voices_before.saturating_add(1)..=usize::from(needed).saturating_add(1);
        change.after == Status::Suspect && told.contains(&voices.count())
    }
}
