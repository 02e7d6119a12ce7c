//! Messages in: what each asks for, and what it answers.

use core::time::Duration;

use crate::address::Address;
use crate::judge::Claim;
use crate::member::{NodeId, Status};
use crate::outbox::{Channel, Intent};
use crate::probe::{AckOf, Acked};
use crate::relay::{Relay, RelayTiming};
use crate::seeds::Answer;
use crate::storage::Storage;
use crate::time::part;
use crate::wire::{
    Ack, Belief, Header, Join, Message, Nack, Packet, Ping, PingRequest, Refusal, Refuse, Update,
    View, Welcome,
};

use super::input::{Heard, Origin};
use super::{Node, Standing, count};

/// What an ack has to go by.
pub(super) struct Asked {
    /// What the asker believes of this node.
    belief: Option<Belief>,
    /// The asker wants no news.
    is_bare: bool,
    /// What the asker says of itself is outranked by the words of an earlier life.
    outranked: bool,
}

impl Asked {
    pub fn about_me(belief: Option<Belief>) -> Self {
        Self { belief, is_bare: false, outranked: false }
    }
}

impl<A: Address, S: Storage> Node<A, S> {
    /// Answers the message of a packet whose updates have been applied.
    pub(super) fn answer(&mut self, packet: &Packet<'_, A>, origin: &Origin<A>, heard: Heard) {
        // A rival has to hear of this node too, or only one of the two would know how it ends.
        let is_rival = origin.header.sender == self.id();
        if heard.challenged && !is_rival && !self.is_where_it_says(origin) {
            return;
        }
        let Some(message) = packet.message else {
            return self.correct_sender(origin, heard);
        };
        let Heard { learnt, outranked, .. } = heard;
        if self.standing == Standing::Silenced {
            return self.answer_rival(message, origin);
        }
        match message {
            Message::Ping(ping) => {
                // Whoever watches asks often, and for life alone: news would be used up on it.
                let is_bare = self.config.rules.buddy && packet.is_bare_ping();
                let asked = Asked { belief: ping.belief, is_bare, outranked };
                self.answer_ping(ping, asked, origin);
            }
            Message::Ack(ack) => self.take_ack(ack, origin),
            Message::PingRequest(request) => self.answer_ping_request(request, origin),
            Message::Nack(nack) => self.take_nack(nack, origin),
            Message::Join(join) => self.answer_join(join, origin, outranked),
            Message::Welcome(welcome) => self.take_welcome(welcome, origin),
            Message::Pull(pull) => self.answer_pull(pull, origin),
            Message::Page(page) => self.take_page(page, learnt),
            Message::Sync(sync) => self.answer_sync(sync, packet, origin, learnt),
            Message::SyncReply(reply) => self.take_sync_reply(reply, packet, learnt),
            Message::Cookie(cookie) => self.take_cookie(cookie),
            Message::Busy(busy) => self.take_busy(busy, learnt),
            // `take_refusal` was offered it already: nobody asked for this one.
            Message::Refuse(_) => {}
        }
    }

    /// Somebody introduces itself, and something else is known of it that it ought to outrank. A
    /// ping says that in the fewest bytes.
    fn correct_sender(&mut self, origin: &Origin<A>, heard: Heard) {
        let target = origin.header.sender;
        if self.standing != Standing::Alive {
            return;
        }
        if heard.outranked {
            return self.tell_of(target, origin);
        }
        let known = self.table.member(target).map(|row| row.claim());
        let outdated = heard.introduced && self.correction(known, &origin.header, false).is_some();
        if let Some(known) = known.filter(|_| outdated) {
            let number = self.draw_number();
            let ping = Ping { number, target, belief: self.belief(&known), digest: None };
            let intent = Intent::new(origin.from, origin.channel, Some(Message::Ping(ping)));
            self.post(intent.limited(self.answer_len_max(origin)));
        }
    }

    pub(super) fn answer_ping(&mut self, ping: Ping, asked: Asked, origin: &Origin<A>) {
        if ping.target != self.id() {
            return count(&mut self.stats.pings_misdirected);
        }
        let ack = Ack { number: ping.number, stranger: false, view: self.view(&ping, origin) };
        self.ack(ack, asked, origin);
        if let Some(digest) = ping.digest {
            let is_known = origin.channel == Channel::Stream || self.is_in_a_members_name(origin);
            let peer = is_known.then_some((origin.from, 0));
            self.compare(digest, ping.number, peer);
        }
    }

    /// Whoever is wrong hears the right first: the sender about this node (Lifeguard's buddy
    /// system), or about itself.
    fn ack(&mut self, mut ack: Ack, asked: Asked, origin: &Origin<A>) {
        let misjudged = self.heed(asked.belief, origin) || self.standing != Standing::Alive;
        let rival = origin.header.sender == self.id();
        let header = &origin.header;
        let known = self.table.member(header.sender).map(|row| row.claim());
        // The sender says more of itself than this node knows of it.
        ack.stranger = match rival {
            true => self.standing == Standing::Silenced,
            false => known.is_none_or(|claim| header.incarnation.ahead_of(claim.incarnation) > 0),
        };
        let about = match misjudged || rival {
            true => Some(self.id()),
            false => self.correction(known, header, asked.outranked),
        };
        let len_max = self.answer_len_max(origin);
        if about.is_some() && len_max < u16::MAX {
            // The record matters more, and if there is no room for it either, whoever introduces
            // itself in more bytes hears of it.
            ack.view = View::Unsaid;
            ack.stranger |= !rival && about == Some(header.sender);
        }
        let intent = Intent::new(origin.from, origin.channel, Some(Message::Ack(ack)));
        let intent = match (rival, asked.is_bare) {
            (true, _) => intent.for_rival(),
            (false, true) => intent.bare(),
            (false, false) => intent,
        };
        self.post(intent.about(about).limited(len_max));
    }

    /// Refutes what a prober believes, if it is worse than the truth. Returns whether the prober
    /// does not know the truth as it is now.
    fn heed(&mut self, belief: Option<Belief>, origin: &Origin<A>) -> bool {
        let Some(Belief { incarnation, status }) = belief else { return false };
        let believed = Claim::new(incarnation, status);
        self.hear_about_me(&Update::claim(self.id(), believed), origin, true);
        believed.precedence(&self.table.me().claim()).is_ne()
    }

    /// The sender of a packet, if what is `known` of it is something that it ought to refute, or
    /// outranks what it says of itself.
    fn correction(&self, known: Option<Claim>, header: &Header, outranked: bool) -> Option<NodeId> {
        let claim = known?;
        let spoken = Claim::new(header.incarnation, Status::Alive);
        // Not `is_gt` the other way round: at half the circle each is less than the other.
        let outdated = spoken.precedence(&claim).is_lt();
        let hushed = claim.status == Status::Suspect && !self.config.rules.buddy;
        ((outdated && !hushed) || outranked).then_some(header.sender)
    }

    fn take_ack(&mut self, ack: Ack, origin: &Origin<A>) {
        let sender = origin.header.sender;
        if let Some(acked) = self.prober.ack(ack.number, sender, self.now) {
            self.take_probe_ack(acked, ack.stranger, origin);
            self.take_view(&ack, origin);
        } else if let Some(relay) = self.relays.ack(ack.number, sender) {
            self.pass_on(&relay);
        } else if self.is_verification(ack.number, sender) {
            self.reprieve(sender);
            self.watches.note_life(sender, self.now);
        } else if !self.take_watch_ack(ack.number, sender) {
            self.take_rare_ack(ack, origin);
        }
    }

    /// An answer to a question that is seldom asked, or to none.
    fn take_rare_ack(&mut self, ack: Ack, origin: &Origin<A>) {
        let sender = origin.header.sender;
        if sender == self.id()
            && let Some(won) = self.is_id_kept(&ack, origin)
        {
            self.settle_conflict(won);
        } else if self.is_healed_by(ack.number, sender) {
            // Back from the dead: its half of the cluster knows what this one does not.
            self.sync.unsettle(usize::MAX, self.pauses(), &mut self.rng, self.now);
            self.take_view(&ack, origin);
        } else {
            count(&mut self.stats.acks_unasked);
        }
    }

    /// Tells the requester that the target has answered, and what it has said since the requester
    /// last heard of it.
    fn pass_on(&mut self, relay: &Relay<A, Channel>) {
        let ack = Ack { number: relay.request, stranger: false, view: View::Unsaid };
        let Relay { target, belief, .. } = *relay;
        let about = self.knows_better(target, belief).then_some(target);
        self.answer_requester(relay, Message::Ack(ack), about);
    }

    /// Whether the target has spoken at a later incarnation than somebody believes.
    fn knows_better(&self, target: NodeId, belief: Option<Belief>) -> bool {
        let card = self.table.member(target).filter(|row| row.is_live()).and_then(|row| row.card());
        let spoken = card.map(|card| card.incarnation);
        spoken.zip(belief).is_some_and(|(spoken, belief)| spoken.ahead_of(belief.incarnation) > 0)
    }

    fn take_probe_ack(&mut self, acked: Acked, stranger: bool, origin: &Origin<A>) {
        if let AckOf::Target(took) = acked.ack_of {
            self.senses.round_trips.sample(took);
            self.senses.witnesses.note(acked.target);
            if stranger && self.standing == Standing::Alive {
                self.introduce(origin.from, None);
            }
        }
        if acked.late {
            count(&mut self.stats.acks_late);
        } else {
            count(&mut self.stats.probes_acked);
            self.senses.health.improve();
        }
        self.reprieve(acked.target);
        self.watches.note_life(acked.target, self.now);
    }

    fn answer_ping_request(&mut self, request: PingRequest<A>, origin: &Origin<A>) {
        if request.target == self.id() {
            let ack = Ack { number: request.number, stranger: false, view: View::Unsaid };
            return self.ack(ack, Asked::about_me(request.belief), origin);
        }
        if self.slumber.is_asleep() {
            return count(&mut self.stats.relays_refused);
        }
        let corrected = self.correct_requester(&request, origin);
        let is_asleep = self.table.member(request.target).is_some_and(|row| row.is_asleep());
        if is_asleep {
            // It will not answer, and a nack would be a voice against it.
            if corrected.is_none() {
                self.tell_of(request.target, origin);
            }
            return;
        }
        let address = corrected.unwrap_or(request.address);
        if !self.allowed.admits(&address) {
            count(&mut self.stats.ignored_forbidden);
            return count(&mut self.stats.relays_refused);
        }
        match self.relay_len_max(request.target, address, corrected.is_some(), origin) {
            Some(len_max) => self.relay(&request, address, len_max, origin),
            None => count(&mut self.stats.relays_refused),
        }
    }

    /// The longest packets by which a target may be pinged at an address. A member's name lets one
    /// ping where the table has its target, or once and in no more bytes than the request has
    /// where it does not; without one it would be a packet to anybody's address, or one answer too
    /// many where the requester was corrected.
    fn relay_len_max(
        &self,
        target: NodeId,
        address: A,
        is_corrected: bool,
        origin: &Origin<A>,
    ) -> Option<u16> {
        let (is_known, is_member) =
            (self.listens_at(target, address), self.is_in_a_members_name(origin));
        if self.is_where_it_says(origin) || (is_member && is_known) {
            return Some(u16::MAX);
        }
        (is_member || (is_known && !is_corrected)).then(|| origin.len_max())
    }

    /// Whether a member is known to listen there.
    fn listens_at(&self, member: NodeId, address: A) -> bool {
        self.table.member(member).is_some_and(|row| row.address() == Some(address))
    }

    /// Pings the target at `address` for the requester, in packets that are no longer than this.
    fn relay(&mut self, request: &PingRequest<A>, address: A, len_max: u16, origin: &Origin<A>) {
        let relay = Relay {
            target: request.target,
            address,
            number: self.draw_number(),
            requester: origin.from,
            channel: origin.channel,
            request: request.number,
            belief: request.belief,
            len_max,
        };
        if let Some(running) = self.relays.find(&relay) {
            count(&mut self.stats.relays_repeated);
            // Once more, as asked, but not for whom anybody may pretend to be.
            if !running.is_limited() {
                self.ping_for(&running);
            }
        } else if self.relays.add(relay, self.relay_timing(&relay, request.nack_after_ms), self.now)
        {
            count(&mut self.stats.relays);
            self.ping_for(&relay);
        } else {
            count(&mut self.stats.relays_refused);
        }
    }

    /// Where the target listens by now, if it has said so since the requester last heard of it; the
    /// requester is told at once, or it would go on asking for somebody who has moved.
    fn correct_requester(&mut self, request: &PingRequest<A>, origin: &Origin<A>) -> Option<A> {
        if !self.knows_better(request.target, request.belief) {
            return None;
        }
        let address = self.table.member(request.target)?.address()?;
        let record = Intent::new(origin.from, origin.channel, None).about(Some(request.target));
        self.post(record.limited(self.answer_len_max(origin)));
        Some(address)
    }

    /// Answers with the record of a member, in no more bytes than were asked with.
    pub(super) fn tell_of(&mut self, id: NodeId, origin: &Origin<A>) {
        let record = Intent::new(origin.from, origin.channel, None).about(Some(id));
        self.post(record.limited(origin.len_max()));
    }

    /// A relay that is used to slow answers nacks later: its own ears may be the reason. For whom
    /// anybody may pretend to be it pings once.
    fn relay_timing(&self, relay: &Relay<A, Channel>, nack_after_ms: u32) -> RelayTiming {
        let wanted = Duration::from_millis(nack_after_ms.into());
        let own = self.answer_timeout();
        RelayTiming {
            again_after: (self.config.rules.stages > 0 && !relay.is_limited())
                .then(|| part(own, 2)),
            nack_after: match self.config.rules.timeout_measured && !wanted.is_zero() {
                true => wanted.max(own),
                false => wanted,
            },
            lifetime: self.answer_wait(),
        }
    }

    pub(super) fn ping_for(&mut self, relay: &Relay<A, Channel>) {
        let Relay { target, address, number, belief, .. } = *relay;
        let ping = Message::Ping(Ping { number, target, belief, digest: None });
        let intent = Intent::new(address, Channel::Datagram, Some(ping));
        self.post(intent.limited(relay.len_max));
    }

    /// Answers whoever asked for a relay.
    pub(super) fn answer_requester(
        &mut self,
        relay: &Relay<A, Channel>,
        message: Message<A>,
        about: Option<NodeId>,
    ) {
        let intent = Intent::new(relay.requester, relay.channel, Some(message));
        self.post(intent.about(about).limited(relay.len_max));
    }

    fn take_nack(&mut self, nack: Nack, origin: &Origin<A>) {
        let sender = origin.header.sender;
        let Some(target) = self.prober.nack(nack.number, sender, nack.refused, self.now) else {
            return count(&mut self.stats.acks_unasked);
        };
        count(&mut self.stats.nacks_received);
        self.senses.witnesses.note(sender);
        self.convict_if_refused(target);
    }

    /// The joiner's own update has been applied by now, if there was room for it. If not, those in
    /// the welcome are asked to take it in: all but a leaf will.
    fn answer_join(&mut self, join: Join, origin: &Origin<A>, outranked: bool) {
        let header = &origin.header;
        if self.standing != Standing::Alive {
            return self.refuse(join, origin, Refusal::Leaving);
        }
        let known = self.table.member(header.sender).map(|row| row.claim());
        if known.is_none() && self.is_alone() {
            return self.refuse(join, origin, Refusal::TableFull);
        }
        count(&mut self.stats.welcomes_sent);
        let members = self.members_told();
        let cookie = self.cookies.bake(origin.from, self.now);
        let welcome = Welcome { number: join.number, members, cookie };
        let about = self.correction(known, header, outranked);
        let intent = Intent::new(origin.from, origin.channel, Some(Message::Welcome(welcome)));
        self.post(intent.about(about).limited(origin.len_max()));
    }

    pub(super) fn refuse(&mut self, join: Join, origin: &Origin<A>, reason: Refusal) {
        count(&mut self.stats.refusals_sent);
        let refuse = Message::Refuse(Refuse { number: join.number, reason });
        let intent = Intent::new(origin.from, origin.channel, Some(refuse));
        self.post(intent.limited(origin.len_max()));
    }

    fn take_welcome(&mut self, welcome: Welcome, origin: &Origin<A>) {
        if self.standing != Standing::Alive {
            return;
        }
        let by = origin.header.sender;
        if self.seeds.answered(welcome.number, Answer::Admitted { by }) {
            let Welcome { members, cookie, .. } = welcome;
            self.sync_with((origin.from, cookie), members);
        }
    }
}
