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

use super::input::Origin;
use super::{Node, Standing, count};

impl<A: Address, S: Storage> Node<A, S> {
    /// Answers the message of a packet whose updates have been applied; so many were news.
    pub(super) fn answer(&mut self, packet: &Packet<'_, A>, origin: &Origin<A>, learnt: usize) {
        let Some(message) = packet.message else { return };
        // A silenced node speaks to its rival only, which `answer_ping` sees to.
        if self.standing == Standing::Silenced && !matches!(message, Message::Ping(_)) {
            return;
        }
        match message {
            Message::Ping(ping) => self.answer_ping(ping, origin),
            Message::Ack(ack) => self.take_ack(ack, origin),
            Message::PingRequest(request) => self.answer_ping_request(request, origin),
            Message::Nack(nack) => self.take_nack(nack, origin),
            Message::Join(join) => self.answer_join(join, origin),
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

    fn answer_ping(&mut self, ping: Ping, origin: &Origin<A>) {
        // A silenced node still shows itself to its rival, who has to learn of it too.
        let rival = origin.header.sender == self.id();
        if self.standing == Standing::Silenced && !rival {
            return;
        }
        if ping.target != self.id() {
            return count(&mut self.stats.pings_misdirected);
        }
        let view = self.view(&ping, origin);
        self.ack(ping.number, ping.belief, view, origin);
        if let Some(digest) = ping.digest {
            self.compare(digest, ping.number, (origin.from, 0));
        }
    }

    /// Answers a ping that believes this of the node. Whoever is wrong hears the right first: the
    /// sender about this node (Lifeguard's buddy system), or about itself.
    fn ack(&mut self, number: u32, belief: Option<Belief>, view: View, origin: &Origin<A>) {
        let misjudged = self.heed(belief) || self.standing != Standing::Alive;
        let rival = origin.header.sender == self.id();
        let header = &origin.header;
        let known = self.table.member(header.sender).map(|row| row.claim());
        // The sender says more of itself than this node knows of it.
        let stranger = known.is_none_or(|claim| header.incarnation.ahead_of(claim.incarnation) > 0);
        let about = match misjudged || rival {
            true => Some(self.id()),
            false => self.correction(known, header),
        };
        let message = Some(Message::Ack(Ack { number, stranger, view }));
        self.post(Intent::new(origin.from, origin.channel, message).about(about));
    }

    /// Refutes what a prober believes, if it is worse than the truth. Returns whether the prober
    /// does not know the truth as it is now.
    fn heed(&mut self, belief: Option<Belief>) -> bool {
        let Some(Belief { incarnation, status }) = belief else { return false };
        let believed = Claim::new(incarnation, status);
        self.hear_about_me(&Update::claim(self.id(), believed));
        believed.precedence(&self.table.me().claim()).is_ne()
    }

    /// The sender of a packet, if what is `known` of it is something that it ought to refute.
    fn correction(&self, known: Option<Claim>, header: &Header) -> Option<NodeId> {
        let claim = known?;
        let spoken = Claim::new(header.incarnation, Status::Alive);
        let outdated = claim.precedence(&spoken).is_gt();
        let hushed = claim.status == Status::Suspect && !self.config.rules.buddy;
        (outdated && !hushed).then_some(header.sender)
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
        } else if sender == self.id()
            && let Some(won) = self.challenge.answered(ack.number, self.my_identity())
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
        let Relay { requester: to, channel, target, .. } = *relay;
        let about = self.knows_better(target, relay.belief).then_some(target);
        self.post(Intent::new(to, channel, Some(Message::Ack(ack))).about(about));
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
    }

    fn settle_conflict(&mut self, won: bool) {
        count(&mut self.stats.conflicts);
        if !won {
            self.outbox.clear();
            self.sync.clear();
            self.give_up_sleep();
            match self.standing {
                Standing::Leaving => self.depart(),
                Standing::Departed => {}
                Standing::Alive | Standing::Silenced => self.standing = Standing::Silenced,
            }
        }
    }

    fn answer_ping_request(&mut self, request: PingRequest<A>, origin: &Origin<A>) {
        if request.target == self.id() {
            return self.ack(request.number, request.belief, View::Unsaid, origin);
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
        let relay = Relay {
            target: request.target,
            address: corrected.unwrap_or(request.address),
            number: self.draw_number(),
            requester: origin.from,
            channel: origin.channel,
            request: request.number,
            belief: request.belief,
        };
        if self.relays.add(relay, self.relay_timing(request.nack_after_ms), self.now) {
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
        let (to, channel, about) = (origin.from, origin.channel, Some(request.target));
        self.post(Intent::new(to, channel, None).about(about));
        Some(address)
    }

    /// Answers with the record of a member, in no more bytes than were asked with.
    pub(super) fn tell_of(&mut self, id: NodeId, origin: &Origin<A>) {
        let record = Intent::new(origin.from, origin.channel, None).about(Some(id));
        self.post(record.limited(origin.len_max()));
    }

    /// A relay that is used to slow answers nacks later: its own ears may be the reason.
    fn relay_timing(&self, nack_after_ms: u32) -> RelayTiming {
        let wanted = Duration::from_millis(nack_after_ms.into());
        let own = self.answer_timeout();
        RelayTiming {
            again_after: (self.config.rules.stages > 0).then(|| part(own, 2)),
            nack_after: match self.config.rules.timeout_measured && !wanted.is_zero() {
                true => wanted.max(own),
                false => wanted,
            },
            lifetime: self.answer_wait(),
        }
    }

    pub(super) fn ping_for(&mut self, relay: &Relay<A, Channel>) {
        let Relay { target, address, number, belief, .. } = *relay;
        let ping = Ping { number, target, belief, digest: None };
        self.send(address, Channel::Datagram, Message::Ping(ping));
    }

    fn take_nack(&mut self, nack: Nack, origin: &Origin<A>) {
        let sender = origin.header.sender;
        let Some(target) = self.prober.nack(nack.number, sender, nack.refused, self.now) else {
            return count(&mut self.stats.acks_unasked);
        };
        count(&mut self.stats.nacks_received);
        self.convict_if_refused(target);
    }

    /// The joiner's own update has been applied by now, if there was room for it. If not, those in
    /// the welcome are asked to take it in: all but a leaf will.
    fn answer_join(&mut self, join: Join, origin: &Origin<A>) {
        let header = &origin.header;
        if self.standing != Standing::Alive {
            return self.refuse(join, origin, Refusal::Leaving);
        }
        let known = self.table.member(header.sender).map(|row| row.claim());
        if known.is_none() && self.is_skewed(None, header.incarnation) {
            return self.refuse(join, origin, Refusal::Implausible);
        }
        if known.is_none() && self.is_alone() {
            return self.refuse(join, origin, Refusal::TableFull);
        }
        count(&mut self.stats.welcomes_sent);
        let members = self.members_told();
        let cookie = self.cookies.bake(origin.from, self.now);
        let welcome = Welcome { number: join.number, members, cookie };
        let about = self.correction(known, header);
        let intent = Intent::new(origin.from, origin.channel, Some(Message::Welcome(welcome)));
        self.post(intent.about(about).limited(origin.len_max()));
    }

    pub(super) fn refuse(&mut self, join: Join, origin: &Origin<A>, reason: Refusal) {
        count(&mut self.stats.refusals_sent);
        let refuse = Message::Refuse(Refuse { number: join.number, reason });
        self.send(origin.from, origin.channel, refuse);
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
