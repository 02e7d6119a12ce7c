//! Tables: what this node's amounts to, how it is compared with others and made equal.

use crate::address::Address;
use crate::config::DATAGRAM_LEN_MIN;
use crate::outbox::{Channel, Intent, STREAM_PACKET_LEN_MAX};
use crate::reconcile::ROW_LEN;
use crate::storage::{SYNC_SESSIONS_MAX, Storage};
use crate::sync::{Ended, HOPS_MAX, PageStep, Session, SyncStep, Work};
use crate::wire::{
    Ack, Busy, Cookie, Digest, Half, Message, Packet, Page, Ping, Pull, Sync, SyncReply, View,
};

use super::input::Origin;
use super::{Node, Standing, count};

impl<A: Address, S: Storage> Node<A, S> {
    /// What this node's table amounts to, for a message with this number. A leaf says nothing: its
    /// table is as it should be, and unlike anybody's.
    pub(super) fn digest(&self, number: u32) -> Option<Digest> {
        let said = self.config.anti_entropy && self.standing == Standing::Alive && !self.is_leaf();
        said.then(|| self.digest_in(Half::of_number(number)))
    }

    fn digest_in(&self, half: Half) -> Digest {
        let all = self.table.tally_all();
        Digest { members: clamped(all.count), fingerprint: half.take(all.hashes) }
    }

    /// How many live members this node tells others of.
    pub(super) fn members_told(&self) -> u32 {
        clamped(self.table.tally_all().count)
    }

    /// How the digest of a ping compares.
    pub(super) fn view(&self, ping: &Ping, origin: &Origin<A>) -> View {
        match (ping.digest, self.digest(ping.number)) {
            (Some(theirs), Some(mine)) if theirs == mine => View::Equal,
            (Some(_), Some(digest)) => {
                View::Differs { digest, cookie: self.cookies.bake(origin.from, self.now) }
            }
            _ => View::Unsaid,
        }
    }

    /// Takes in what an ack says of the digest that this node sent.
    pub(super) fn take_view(&mut self, ack: &Ack, origin: &Origin<A>) {
        match ack.view {
            View::Unsaid => {}
            View::Equal => self.sync.agree(self.config.sync_pause_min()),
            View::Differs { digest, cookie } => {
                self.compare(digest, ack.number, Some((origin.from, cookie)));
            }
        }
    }

    /// Compares somebody's table with this node's, after what came with the digest was applied,
    /// and does something about a lasting difference: together with `peer`, or if nobody is sure
    /// to be where the digest came from, with anybody.
    pub(super) fn compare(&mut self, theirs: Digest, number: u32, peer: Option<(A, u32)>) {
        let Some(mine) = self.digest(number) else { return };
        if mine == theirs {
            return self.sync.agree(self.config.sync_pause_min());
        }
        count(&mut self.stats.digests_unequal);
        // Whoever has much less pulls by itself.
        let due = self.sync.differ(self.config.sync_after(), self.now);
        if due && !is_much_smaller(theirs.members, mine.members) {
            let peer = peer.or_else(|| Some((self.random_peer()?, 0)));
            peer.into_iter().for_each(|peer| self.sync_with(peer, theirs.members));
        }
    }

    /// Makes this node's table equal to that of a peer, which has so many members. `peer` is its
    /// address and the cookie it gave out, 0 for none.
    pub(super) fn sync_with(&mut self, peer: (A, u32), members: u32) {
        let free = self.standing == Standing::Alive && self.sync.is_free(self.now);
        if !free || self.is_leaf() {
            return;
        }
        if is_much_smaller(self.members_told(), members) && self.sync.pulls() {
            self.pull_from(peer, members);
        } else {
            self.reconcile_with(peer);
        }
    }

    /// Pulls the table in slices: one from `peer`, the others from whoever else is known.
    fn pull_from(&mut self, peer: (A, u32), members: u32) {
        let page_len = usize::from(self.len_max(self.sync_channel())) / ROW_LEN;
        let pages = (members as usize).checked_div(page_len.saturating_mul(2)).unwrap_or(0);
        let slices = pages.clamp(1, self.sync.sessions_max());
        let width = u64::MAX.checked_div(slices as u64).unwrap_or(u64::MAX);
        let others = self.table.pick::<SYNC_SESSIONS_MAX>(slices, false, &mut self.rng, |row| {
            row.address() != Some(peer.0)
        });
        // Not everybody pulls the same slice from the one seed they all know.
        let of_peer = self.rng.below(slices);
        for slice in 0..slices {
            let from = width.wrapping_mul(slice as u64);
            let is_last = slice.saturating_add(1) == slices;
            let last =
                if is_last { u64::MAX } else { from.saturating_add(width).saturating_sub(1) };
            let other = others.get(slice).and_then(|&row| self.table.row(row)?.address());
            let asked = match other {
                Some(other) if slice != of_peer => (other, 0),
                _ => peer,
            };
            self.begin(asked, Work::Pull { from, last, pages: 0 });
        }
    }

    /// Pulls a single row from anybody.
    pub(super) fn pull_row(&mut self, key: u64) {
        if let Some(peer) = self.random_peer() {
            self.begin((peer, 0), Work::Pull { from: key, last: key, pages: 0 });
        }
    }

    fn reconcile_with(&mut self, peer: (A, u32)) {
        self.begin(peer, Work::Reconcile { hop: 0 });
    }

    fn begin(&mut self, (peer, cookie): (A, u32), work: Work) {
        let number = self.draw_number();
        let timeout = self.pauses().timeout;
        let session = self.sync.start((number, peer, cookie), work, timeout, self.now);
        if let Some(session) = session {
            count(&mut self.stats.syncs);
            self.put(session);
        }
    }

    /// Asks what a session is about; a reconciliation starts from the whole table.
    fn put(&mut self, session: Session<A>) {
        let Session { number, cookie, .. } = session;
        match session.work {
            Work::Pull { from, last, .. } => {
                let channel = self.sync_channel();
                let len_max = self.len_max(channel);
                let pull = Message::Pull(Pull { number, cookie, from, last, len_max });
                self.send(session.peer, channel, pull);
            }
            Work::Reconcile { hop } => {
                self.agenda.open(number);
                self.say_step(session, hop);
            }
        }
    }

    fn sync_channel(&self) -> Channel {
        if self.config.sync_over_streams { Channel::Stream } else { Channel::Datagram }
    }

    /// The longest packet that goes over a channel.
    pub(super) fn len_max(&self, channel: Channel) -> u16 {
        match channel {
            Channel::Datagram => self.config.datagram_len_max,
            Channel::Stream => STREAM_PACKET_LEN_MAX,
        }
    }

    /// The page itself is made when it is written: see `output`.
    pub(super) fn answer_pull(&mut self, pull: Pull, origin: &Origin<A>) {
        if !self.is_proven(pull.cookie, origin) {
            return self.give_cookie(pull.number, origin);
        }
        // A leaf has no slice to offer; a single row it may have.
        let in_vain = self.is_leaf() && pull.from != pull.last;
        if self.standing != Standing::Alive || in_vain || !self.pages.take(self.now) {
            return self.send_elsewhere(pull.number, pull.len_max, origin);
        }
        count(&mut self.stats.pages_sent);
        let intent = Intent::new(origin.from, origin.channel, Some(Message::Pull(pull)));
        self.post(intent.limited(believable(pull.len_max)).answering());
    }

    /// Whether answers certainly arrive where questions come from.
    pub(super) fn is_proven(&self, cookie: u32, origin: &Origin<A>) -> bool {
        origin.channel == Channel::Stream || self.cookies.is_valid(origin.from, cookie, self.now)
    }

    fn give_cookie(&mut self, number: u32, origin: &Origin<A>) {
        count(&mut self.stats.cookies_sent);
        let cookie = self.cookies.bake(origin.from, self.now);
        let cookie = Message::Cookie(Cookie { number, cookie });
        let intent = Intent::new(origin.from, origin.channel, Some(cookie));
        self.post(intent.limited(origin.len_max()));
    }

    /// It is sent to whoever asks, however often, and so is no longer than what it answers.
    fn send_elsewhere(&mut self, number: u32, len_max: u16, origin: &Origin<A>) {
        count(&mut self.stats.busy_sent);
        let busy = Message::Busy(Busy { number });
        let intent = Intent::new(origin.from, origin.channel, Some(busy));
        let len_max = match origin.channel {
            Channel::Stream => believable(len_max),
            Channel::Datagram => believable(len_max).min(origin.len_max()),
        };
        self.post(intent.limited(len_max));
    }

    pub(super) fn take_page(&mut self, page: Page, learnt: usize) {
        count(&mut self.stats.pages_received);
        let step = self.sync.page(page.number, page.next);
        if step == PageStep::Stale {
            return;
        }
        self.sync.gain(learnt, 0);
        match self.sync.answered(page.number, self.pauses().timeout, self.now) {
            Some(session) if step == PageStep::More && !self.is_leaf() => self.put(session),
            _ => self.close(page.number),
        }
    }

    /// Answers a step of somebody else's reconciliation. Nothing is remembered of it.
    pub(super) fn answer_sync(
        &mut self,
        sync: Sync,
        packet: &Packet<'_, A>,
        origin: &Origin<A>,
        learnt: usize,
    ) {
        let Sync { number, cookie, hop, len_max } = sync;
        let first = hop == 0;
        if !self.is_proven(cookie, origin) {
            return if first {
                self.give_cookie(number, origin)
            };
        }
        let refused = self.standing != Standing::Alive || self.is_leaf();
        let quota = if first { &mut self.pages } else { &mut self.steps };
        if refused || !quota.take(self.now) {
            return self.send_elsewhere(number, len_max, origin);
        }
        count(&mut self.stats.syncs_answered);
        self.sync.unsettle(learnt, self.pauses(), &mut self.rng, self.now);
        self.hear_entries(number, packet);
        let members = self.members_told();
        let reply = SyncReply {
            number,
            hop: hop.saturating_add(1),
            members,
            len_max: self.len_max(origin.channel),
        };
        let reply = Some(Message::SyncReply(reply));
        let intent = Intent::new(origin.from, origin.channel, reply);
        self.post(intent.limited(believable(len_max)));
    }

    fn hear_entries(&mut self, number: u32, packet: &Packet<'_, A>) {
        if !self.agenda.hear(number, &self.table, packet) {
            count(&mut self.stats.sync_parts_dropped);
        }
    }

    pub(super) fn take_sync_reply(
        &mut self,
        reply: SyncReply,
        packet: &Packet<'_, A>,
        learnt: usize,
    ) {
        let SyncReply { number, hop, members, len_max } = reply;
        let last = Work::Reconcile { hop: hop.saturating_sub(1) };
        let asked = |session: &Session<A>| session.work == last;
        let Some(session) = self.sync.find(number).filter(asked) else { return };
        self.sync.gain(learnt, 0);
        if hop == 1 && packet.entries().next().is_none() && packet.updates().next().is_none() {
            self.sync.agree(self.config.sync_pause_min());
            return self.close(number);
        }
        if hop == 1 && is_much_smaller(self.members_told(), members) && self.sync.pulls() {
            self.sync.drop(number);
            return self.pull_from((session.peer, session.cookie), members);
        }
        self.hear_entries(number, packet);
        if self.agenda.is_empty() || hop >= HOPS_MAX {
            return self.close(number);
        }
        self.step_on(number, hop.saturating_add(1), believable(len_max));
    }

    /// The next step of a reconciliation; what it says stands in the agenda.
    fn step_on(&mut self, number: u32, hop: u8, len_max: u16) {
        self.sync.answered(number, self.pauses().timeout, self.now);
        let session = self.sync.change(number, |session| {
            (session.work, session.len_max) = (Work::Reconcile { hop }, len_max);
        });
        session.into_iter().for_each(|session| self.say_step(session, hop));
    }

    fn say_step(&mut self, session: Session<A>, hop: u8) {
        let Session { number, cookie, peer, .. } = session;
        let channel = self.sync_channel();
        let sync = Sync { number, cookie, hop, len_max: self.len_max(channel) };
        let intent = Intent::new(peer, channel, Some(Message::Sync(sync)));
        self.post(intent.limited(session.len_max));
    }

    pub(super) fn take_cookie(&mut self, given: Cookie) {
        let Cookie { number, cookie } = given;
        let fresh = self.sync.find(number).is_some_and(|session| session.cookie != cookie);
        if !fresh {
            return;
        }
        if let Some(session) = self.sync.change(number, |session| session.cookie = cookie) {
            self.put(session);
        }
    }

    /// The members a busy peer names are known by now: one of them is asked instead.
    pub(super) fn take_busy(&mut self, busy: Busy, learnt: usize) {
        if self.sync.find(busy.number).is_none() {
            return;
        }
        count(&mut self.stats.busy_received);
        self.sync.gain(learnt, 0);
        match self.sync.turned_away(busy.number) {
            Some(session) if matches!(session.work, Work::Pull { .. }) => {
                self.ask_elsewhere(session);
            }
            _ => {
                self.sync.lose();
                self.close(busy.number);
            }
        }
    }

    /// A slice can be had from anybody; where nobody else is known, from the same once more.
    fn ask_elsewhere(&mut self, session: Session<A>) {
        let elsewhere = self.random_peer().filter(|&peer| peer != session.peer);
        let asked = self.sync.change(session.number, |session| {
            if let Some(peer) = elsewhere {
                (session.peer, session.cookie) = (peer, 0);
            }
        });
        asked.into_iter().for_each(|session| self.put(session));
    }

    fn close(&mut self, number: u32) {
        let ended = self.sync.close(number, self.pauses(), &mut self.rng, self.now);
        match ended {
            Ended::Useless => count(&mut self.stats.syncs_useless),
            Ended::Lost => count(&mut self.stats.syncs_lost),
            Ended::Useful | Ended::NotYet => {}
        }
    }

    pub(super) fn step_sync(&mut self) {
        // Every session once, and a new one.
        for _ in 0..=self.sync.sessions_max() {
            if !self.outbox.has_room_for(1) {
                return;
            }
            match self.sync.step(self.pauses(), &mut self.rng, self.now) {
                None => return,
                Some(SyncStep::Lost) => count(&mut self.stats.syncs_lost),
                Some(SyncStep::Repeat(session)) => self.ask_again(session),
                Some(SyncStep::Start) => self.reconcile_with_anybody(),
            }
        }
    }

    /// The last step of a reconciliation is said again, or, if it is not known any more, the first.
    fn ask_again(&mut self, session: Session<A>) {
        match session.work {
            // Once more, for the packet may be lost; then somebody else.
            Work::Pull { .. } if session.tries <= 2 => self.put(session),
            Work::Pull { .. } => self.ask_elsewhere(session),
            Work::Reconcile { hop } if self.agenda.is_of(session.number) => {
                self.say_step(session, hop);
            }
            Work::Reconcile { .. } => {
                let work = Work::Reconcile { hop: 0 };
                let session = self.sync.change(session.number, |session| session.work = work);
                session.into_iter().for_each(|session| self.put(session));
            }
        }
    }

    fn reconcile_with_anybody(&mut self) {
        if !self.config.anti_entropy || self.is_leaf() {
            return;
        }
        if let Some(peer) = self.random_peer() {
            self.reconcile_with((peer, 0));
        }
    }

    fn random_peer(&mut self) -> Option<A> {
        let live = self.table.pick::<1>(1, false, &mut self.rng, |_| true);
        self.table.row(*live.first()?)?.address()
    }
}

/// No datagrams are so short that a step of a reconciliation gets nowhere, whatever a peer says.
const fn believable(len_max: u16) -> u16 {
    let least = DATAGRAM_LEN_MIN as u16;
    if len_max < least { least } else { len_max }
}

/// Below four fifths: fetching the other table costs less than finding the differences.
const fn is_much_smaller(mine: u32, theirs: u32) -> bool {
    (mine as u64).saturating_mul(5) < (theirs as u64).saturating_mul(4)
}

fn clamped(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
