//! Packets and events out.

use core::time::Duration;

use crate::address::Address;
use crate::event::Event;
use crate::judge::{Card, Claim, Voices};
use crate::member::{Incarnation, Status};
use crate::outbox::{Intent, Transmit};
use crate::seeds::Answer;
use crate::storage::{Counter, Storage};
use crate::table::{ME, News};
use crate::time::Instant;
use crate::wire::{
    Ack, Header, Message, PacketWriter, Page, Ping, PingRequest, Pull, Sync, SyncReply, Update,
    View,
};

use super::{Node, count};

/// Updates tried in vain before a packet counts as full.
const MISFITS_MAX: usize = 4;

/// Rows a page passes over: between the living there may be many tombstones.
const PAGE_GAPS_MAX: usize = 1_024;

/// Bytes to which a join is padded, so that a welcome of that length may answer it.
const JOIN_LEN: usize = 256;

/// Bytes of a page mark: length, kind, number, next.
const PAGE_FRAME_LEN: usize = 14;

/// Bytes of an ack packet without a view, but for its sender's id and incarnation.
const ACK_LEN: usize = 16;

/// Bytes by which a view is longer if it differs, but for the count of members.
const DIFFERENCE_LEN: usize = 8;

/// Bytes of an accusation without voices, but for id and incarnation.
const ACCUSATION_LEN: usize = 3;

/// Bytes by which the next incarnation may be longer than the last one.
const INCARNATION_GROWTH: usize = 4;

/// Bytes by which a record that outranks another may be longer.
const CORRECTION_GROWTH: usize = 8;

/// Bytes of the longest id and incarnation of a relay.
const RELAY_LEN: usize = 15;

/// Members a welcome shows the joiner, so that it knows more than the seed.
const WELCOME_SAMPLE_LEN: usize = 8;

impl<A: Address, S: Storage> Node<A, S> {
    /// Writes the next packet into `buffer`, which should hold `datagram_len_max` bytes, or
    /// [`STREAM_PACKET_LEN_MAX`](crate::STREAM_PACKET_LEN_MAX) where streams are used for more than
    /// pings. Call it after every input until it returns `None`.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit<A>> {
        self.advance(now);
        while let Some(intent) = self.outbox.pop() {
            let len_max = self.len_max(intent.channel).min(intent.len_max);
            let len_max = buffer.len().min(usize::from(len_max));
            let room = buffer.get_mut(..len_max)?;
            if let Some(len) = self.write_sealed(&intent, room) {
                count(&mut self.stats.packets_sent);
                self.stats.bytes_sent.add(len);
                return Some(Transmit { to: intent.to, channel: intent.channel, len });
            }
            count(&mut self.stats.unwritable);
        }
        self.depart_if_heard();
        self.sleep_if_heard();
        None
    }

    /// The next thing the application should know. Call it after every input until it returns
    /// `None`; whoever polls late hears the latest state only.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event<A>> {
        if let Some((seed, answer)) = self.seeds.pop_news() {
            return Some(match answer {
                Answer::Admitted { by } => Event::Joined { seed, by },
                Answer::Refused(reason) => Event::JoinRefused { seed, reason },
            });
        }
        if let Some((rival, won)) = self.challenge.pop_news() {
            return Some(Event::Conflict { rival, won });
        }
        if let Some(event) = self.lockout.pop_news() {
            return Some(event);
        }
        if let Some(event) = self.pop_leaf_news() {
            return Some(event);
        }
        if let Some(event) = self.pop_watch_news() {
            return Some(event);
        }
        if let Some((id, news)) = self.table.poll_news() {
            return Some(match news {
                News::Joined => Event::MemberJoined(id),
                News::Suspected => Event::MemberSuspected(id),
                News::Recovered => Event::MemberRecovered(id),
                News::Dead => Event::MemberDead(id),
                News::HeldOut => Event::MemberHeldOut(id),
                News::Readmitted => Event::MemberReadmitted(id),
                News::Left => Event::MemberLeft(id),
                News::Restarted => Event::MemberRestarted(id),
                News::Updated => Event::MemberUpdated(id),
            });
        }
        if self.slumber.pop_news() {
            return Some(Event::Asleep);
        }
        core::mem::take(&mut self.departure_untold).then_some(Event::Departed)
    }

    pub(super) fn has_event(&self) -> bool {
        self.departure_untold
            || self.leaf.has_news()
            || self.watches.has_news()
            || self.lockout.has_news()
            || self.slumber.has_news()
            || self.table.has_news()
            || self.challenge.has_news()
            || self.seeds.has_news()
    }

    /// Writes one packet, and seals it if it has to be; `None` when its message does not fit.
    fn write_sealed(&mut self, intent: &Intent<A>, buffer: &mut [u8]) -> Option<usize> {
        let room = self.sealer.room(buffer)?;
        let len = if intent.is_hint() { self.write_hint(room) } else { self.write(intent, room) }?;
        self.sealer.seal(buffer, len, self.now)
    }

    fn write(&mut self, intent: &Intent<A>, buffer: &mut [u8]) -> Option<usize> {
        let header = Header { round: self.round_shown(intent), ..self.header() };
        let mut writer = PacketWriter::new(buffer, &header)?;
        self.table.tell_as_of(self.now.after(self.config.sleep_margin()));
        match intent.message {
            Some(Message::Pull(pull)) if intent.is_answer() => {
                return self.write_page(pull, writer);
            }
            Some(message) if !write_message(&message, &mut writer) => return None,
            _ => {}
        }
        let told = self.write_about(intent, &mut writer);
        if intent.is_for_rival() {
            told.then(|| self.challenge.note_sent())?;
        }
        self.write_rest(intent, &mut writer)?;
        Some(writer.finish())
    }

    /// What goes with a message: of tables, or news, and what room the answer needs.
    fn write_rest(&mut self, intent: &Intent<A>, writer: &mut PacketWriter<'_>) -> Option<()> {
        match intent.message {
            Some(Message::Welcome(_) | Message::Busy(_)) => self.write_sample(writer),
            Some(Message::Sync(Sync { number, .. })) => {
                let given = self.write_agenda(number, writer)?;
                self.sync.gain(0, given);
            }
            Some(Message::SyncReply(SyncReply { number, .. })) => {
                self.write_agenda(number, writer)?;
            }
            // Whoever is refused belongs elsewhere: news is not for it, nor spent on it.
            // Nor is it for somebody who has yet to prove where it is.
            Some(Message::Refuse(_) | Message::Cookie(_)) => {}
            _ if intent.is_bare() && intent.subject().is_some() => {}
            _ => {
                let len_before = writer.len();
                if !intent.is_bare() {
                    self.write_news(intent, writer);
                }
                self.leave_room(intent, len_before, writer);
            }
        }
        Some(())
    }

    /// Lengthens a packet whose answer may be no longer. Without news it has `len` bytes.
    fn leave_room(&self, intent: &Intent<A>, len: usize, writer: &mut PacketWriter<'_>) {
        match intent.message {
            Some(Message::Join(_)) => writer.pad(JOIN_LEN),
            Some(Message::Ping(ping)) => {
                let len = self.ping_len_min(&ping, writer);
                writer.lengthen(len);
            }
            Some(Message::PingRequest(request)) => writer.lengthen(request_len_min(&request)),
            None if intent.subject() == Some(self.id()) => {
                writer.lengthen(len.saturating_add(CORRECTION_GROWTH));
            }
            _ => {}
        }
    }

    /// How long a ping has to be for the answer to be of any use to a node that gets no more than
    /// it sends. There is room for an ack and how tables differ, or what the target may hold
    /// against this node, or, of one that is not believed to be alive, its refutation.
    fn ping_len_min(&self, ping: &Ping, writer: &mut PacketWriter<'_>) -> usize {
        let incarnation_len = |incarnation: Incarnation| varint_len(incarnation.number().into());
        let believed = ping.belief.map(|belief| belief.incarnation).unwrap_or_default();
        let target_len = varint_len(ping.target.number());
        let ack_len = ACK_LEN.saturating_add(target_len).saturating_add(incarnation_len(believed));
        let is_doubted = ping.belief.is_some_and(|belief| belief.status != Status::Alive);
        let target = is_doubted.then(|| self.table.member(ping.target)).flatten();
        let record_len = match target.and_then(|row| row.introduction()) {
            Some(card) => writer.update_len(&card).saturating_add(INCARNATION_GROWTH),
            None => ACCUSATION_LEN
                .saturating_add(varint_len(self.id().number()))
                .saturating_add(incarnation_len(self.incarnation())),
        };
        let view_len = ping
            .digest
            .map_or(0, |digest| DIFFERENCE_LEN.saturating_add(varint_len(digest.members.into())));
        ack_len.saturating_add(record_len.max(view_len))
    }

    /// What a reconciliation has to say.
    fn write_agenda(&mut self, number: u32, writer: &mut PacketWriter<'_>) -> Option<usize> {
        let given = self.agenda.write(number, &self.table, writer)?;
        self.stats.updates_sent.add(given);
        Some(given)
    }

    /// The live rows asked for, as many as fit, then the mark that says how far they went.
    fn write_page(&mut self, pull: Pull, mut writer: PacketWriter<'_>) -> Option<usize> {
        let Pull { number, from, last, .. } = pull;
        writer.reserve(PAGE_FRAME_LEN)?;
        let (mut written, mut gaps) = (0usize, 0usize);
        let mut next = 0;
        for row in self.table.from(from).take_while(|row| row.id().mixed() <= last) {
            let misfit = row.is_live() && !row.tell(&mut writer);
            // A row that does not even fit an empty page is left out, or no page would follow it.
            if (misfit && written > 0) || gaps >= PAGE_GAPS_MAX {
                next = row.id().mixed();
                break;
            }
            written = written.saturating_add((row.is_live() && !misfit).into());
            gaps = gaps.saturating_add((!row.is_live()).into());
        }
        writer.release();
        self.stats.updates_sent.add(written);
        writer.message(&Message::<A>::Page(Page { number, next })).then(|| writer.finish())
    }

    /// The record that is to come first. False if there is none, or too little room.
    fn write_about(&mut self, intent: &Intent<A>, writer: &mut PacketWriter<'_>) -> bool {
        let row = intent.subject().and_then(|id| self.table.member(id));
        let Some(update) = row.and_then(|row| row.update()) else { return false };
        // Whoever is to refute an accusation need not know whose it is.
        let voiceless = Update { claim: Claim { voices: Voices::NONE, ..update.claim }, ..update };
        // Nor does a rival need more of its rival than which life it is, and where.
        let card = update.card.map(|card| Card { metadata: b"", ..card });
        let plain = Update { card, asleep: Duration::ZERO, ..voiceless };
        let told = writer.update(&update)
            || writer.update(&voiceless)
            || (intent.is_for_rival() && writer.update(&plain));
        self.stats.updates_sent.add(told.into());
        told
    }

    /// This node itself and some members: enough for a joiner to ask others than its seed.
    fn write_sample(&mut self, writer: &mut PacketWriter<'_>) {
        let sample =
            self.table
                .pick::<WELCOME_SAMPLE_LEN>(WELCOME_SAMPLE_LEN, false, &mut self.rng, |_| true);
        for row in core::iter::once(ME).chain(sample) {
            let told = self.table.row(row).is_some_and(|row| row.tell(writer));
            if told {
                count(&mut self.stats.updates_sent);
            }
        }
    }

    /// Fills what room is left with news.
    fn write_news(&mut self, intent: &Intent<A>, writer: &mut PacketWriter<'_>) {
        if self.table.gossip_len() == 0 {
            return;
        }
        let transmits_max = self.config.transmits_max(self.table.live_count());
        let sent = &mut self.stats.updates_sent;
        self.table.piggyback(transmits_max, MISFITS_MAX, |row| {
            if intent.subject() == Some(row.id()) {
                return true;
            }
            let Some(update) = row.update() else { return true };
            let fits = writer.update(&update);
            sent.add(fits.into());
            fits
        });
    }
}

/// Writes a message, or as much of it as there is room for. False when there is too little.
fn write_message<A: Address>(message: &Message<A>, writer: &mut PacketWriter<'_>) -> bool {
    writer.message(message)
        || match *message {
            Message::Ack(ack) => {
                writer.message(&Message::<A>::Ack(Ack { view: View::Unsaid, ..ack }))
            }
            _ => false,
        }
}

/// How long a request has to be for the relay to ping in as many bytes.
fn request_len_min<A>(request: &PingRequest<A>) -> usize {
    let believed = request.belief.map(|belief| belief.incarnation).unwrap_or_default();
    let target_len = varint_len(request.target.number());
    let believed_len = varint_len(believed.number().into());
    [ACK_LEN, ACCUSATION_LEN, target_len, believed_len, RELAY_LEN].iter().sum()
}

/// Bytes of a number as a varint: seven bits in each.
const fn varint_len(number: u64) -> usize {
    let bits = u64::BITS.saturating_sub((number | 1).leading_zeros());
    bits.div_ceil(7) as usize
}
