//! What is not believed, whatever it says: updates that are counted and ignored before anybody
//! judges them.

use crate::address::Address;
use crate::allow::{AddressPredicate, Allow};
use crate::error::Rejected;
use crate::judge::{Card, Claim};
use crate::member::Status;
use crate::outbox::Channel;
use crate::refutation::LEAP_MAX;
use crate::storage::Storage;
use crate::wire::{Belief, Busy, Message, Page, Ping, Sync, SyncReply, Update, Welcome};

use super::input::Origin;
use super::{Node, Standing, count};

impl<A: Address, S: Storage> Node<A, S> {
    /// Lets members only be where `predicate` says; by default they may be anywhere. Packets from
    /// elsewhere are rejected, and nothing is sent there: records, requests, seeds and rivals at
    /// other addresses are ignored. To be called before the first input; members that are known
    /// already stay until they die.
    pub fn allow(&mut self, predicate: AddressPredicate<A>) {
        self.allowed = Allow::only(predicate);
    }

    /// Lets through what comes from where members may be.
    pub(super) fn admit_address(&mut self, from: &A) -> Result<(), Rejected> {
        if self.allowed.admits(from) {
            return Ok(());
        }
        count(&mut self.stats.rejected_forbidden);
        Err(Rejected::Forbidden)
    }

    /// Whether an update about another member is to be judged at all.
    pub(super) fn is_credible(&mut self, update: &Update<'_, A>, origin: &Origin<A>) -> bool {
        if self.is_out_of_reach(update) || self.is_forbidden(update) {
            return false;
        }
        let of_itself = matches!(update.claim.status, Status::Alive | Status::Left);
        let is_own_word = update.id == origin.header.sender && of_itself;
        let known = self.table.member(update.id);
        let (is_new, card) = (known.is_none(), known.and_then(|row| row.card()));
        if let Some(card) = card.filter(|_| !is_own_word)
            && self.is_skewed(&card, update)
        {
            count(&mut self.stats.rejected_skew);
            if origin.is_copy && !self.seek_where_told(update) {
                self.confront(update);
            }
            return false;
        }
        let status = update.claim.status;
        !is_new || status == Status::Suspect || self.may_enter(status.is_live(), origin)
    }

    /// Tells a member what somebody's table holds of it. That cannot be, but whoever holds it so
    /// would not hear the member for ever: only the member itself can overtake it.
    fn confront(&mut self, told: &Update<'_, A>) {
        let Some(address) = self.table.member(told.id).and_then(|row| row.address()) else {
            return;
        };
        if self.standing != Standing::Alive || !self.refutation.take_answer(self.now) {
            return;
        }
        let Claim { incarnation, status, .. } = told.claim;
        let (number, belief) = (self.draw_number(), Some(Belief { incarnation, status }));
        let ping = Ping { number, target: told.id, belief, digest: None };
        self.send(address, Channel::Datagram, Message::Ping(ping));
    }

    /// Whether a member may be where an Alive says.
    fn is_forbidden(&mut self, update: &Update<'_, A>) -> bool {
        let forbidden = update.card.is_some_and(|card| !self.allowed.admits(&card.address));
        if forbidden {
            count(&mut self.stats.ignored_forbidden);
        }
        forbidden
    }

    /// Whether one more unknown member may enter the table out of a packet. Whoever can be asked
    /// about it, or has the key, vouches for all it brings.
    fn may_enter(&mut self, is_live: bool, origin: &Origin<A>) -> bool {
        let is_stream = origin.channel == Channel::Stream;
        let vouched = is_stream
            || self.newcomers.is_asked()
            || origin.is_sealed
            || self.is_in_a_members_name(origin);
        let may_enter = vouched || self.newcomers.take(is_live, self.now);
        if !may_enter {
            count(&mut self.stats.ignored_newcomers);
        }
        may_enter
    }

    /// Whether a message answers a question of this node's, or brings a cookie that it gave out.
    pub(super) fn is_asked(&self, message: &Message<A>, origin: &Origin<A>) -> bool {
        match *message {
            Message::Welcome(Welcome { number, .. }) => self.seeds.is_asked(number),
            Message::Page(Page { number, .. })
            | Message::SyncReply(SyncReply { number, .. })
            | Message::Busy(Busy { number }) => self.sync.find(number).is_some(),
            Message::Sync(Sync { cookie, .. }) => self.is_proven(cookie, origin),
            _ => false,
        }
    }

    /// How long the answer to a packet may be. Whoever is not known to be where the packet came
    /// from gets no more bytes than it sent: the address may be forged, and somebody else's.
    pub(super) fn answer_len_max(&self, origin: &Origin<A>) -> u16 {
        match self.is_where_it_says(origin) {
            true => u16::MAX,
            false => origin.len_max(),
        }
    }

    /// Whether answers arrive where a packet came from: over a stream, or because a member with
    /// the key sealed it and is known there. A datagram in clear proves nothing: anybody may write
    /// a member's name and address on it.
    pub(super) fn is_where_it_says(&self, origin: &Origin<A>) -> bool {
        origin.channel == Channel::Stream || (origin.is_sealed && self.is_in_a_members_name(origin))
    }

    /// Whether a packet is, or pretends to be, of a member at its address about whom there is
    /// nothing new or doubtful.
    pub(super) fn is_in_a_members_name(&self, origin: &Origin<A>) -> bool {
        let sender = self.table.member(origin.header.sender);
        sender.is_some_and(|row| row.is_settled() && row.address() == Some(origin.from))
    }

    /// Whether others put a member further ahead of its own last words than any honest history
    /// could. An accusation is of an incarnation that the member has reached, so those cannot
    /// push each other on; a refutation may be one leap away from what was missed.
    fn is_skewed(&self, card: &Card<'_, A>, told: &Update<'_, A>) -> bool {
        let raised_max = match told.claim.status {
            Status::Alive => LEAP_MAX,
            _ => self.config.incarnation_skew_max,
        };
        let told = told.claim.incarnation;
        told.ahead_of(card.incarnation) > raised_max || told.is_opposite(card.incarnation)
    }
}
