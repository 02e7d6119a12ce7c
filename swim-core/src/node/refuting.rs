//! What is said of this node itself, and what it says to that.

use crate::address::Address;
use crate::judge::{ClaimVerdict, Voices};
use crate::member::Incarnation;
use crate::outbox::{Channel, Intent};
use crate::storage::Storage;
use crate::wire::{Message, Update};

use super::input::Origin;
use super::{Node, Standing, count};

impl<A: Address, S: Storage> Node<A, S> {
    /// Somebody spoke about this node; `is_belief` if that is what the speaker itself holds true.
    /// What this node did not say it outranks: SWIM's refutation, and how a restarted node
    /// overtakes its former life. One that has left says so again.
    pub(super) fn hear_about_me(
        &mut self,
        update: &Update<'_, A>,
        origin: &Origin<A>,
        is_belief: bool,
    ) -> bool {
        let told = update.claim.incarnation;
        let me = self.table.me();
        let foreign = update.card.filter(|card| card.content_order(&me.words()).is_ne());
        let accused = me.judge(update).claim != ClaimVerdict::Keep
            || foreign.is_some_and(|card| card.incarnation.order(me.incarnation()).is_ge())
            || (is_belief && told.is_opposite(me.incarnation()));
        if !accused || self.standing == Standing::Silenced || self.is_far_ahead(told, is_belief) {
            return false;
        }
        if !self.refutation.take(self.now) {
            count(&mut self.stats.refutations_put_off);
            return false;
        }
        if let Some(card) = foreign.filter(|card| card.boot != self.my_card().boot) {
            self.challenge_rival((card.boot, card.address), origin.len_max());
        }
        count(&mut self.stats.refutations);
        self.senses.health.worsen(self.config.rules.refutation_costs_health.into());
        self.outrank(told);
        self.answer_accusers(&update.claim.voices);
        true
    }

    /// Whether this node is said to stand further ahead than any rumour may push it. Whoever
    /// believes so must be overtaken all the same, or would not hear this node for ever; but in
    /// leaps that nobody misses.
    fn is_far_ahead(&mut self, told: Incarnation, is_belief: bool) -> bool {
        let mine = self.incarnation();
        let is_far = told.ahead_of(mine) > self.config.incarnation_skew_max;
        if is_belief && (is_far || told.is_opposite(mine)) {
            self.refutation.aim(told);
            return true;
        }
        if is_far {
            count(&mut self.stats.rejected_skew);
        }
        is_far
    }

    /// One leap towards the incarnation that somebody believes this node to have, if it is far.
    pub(super) fn leap_if_due(&mut self) {
        if let Some(told) = self.refutation.leap(self.incarnation()) {
            count(&mut self.stats.leaps);
            self.outrank(told);
        }
    }

    /// R7: whoever accuses is the first to hear that it is wrong, and judges first as well.
    fn answer_accusers(&mut self, voices: &Voices) {
        if !self.config.rules.told_directly {
            return;
        }
        for &voice in voices.as_slice() {
            let accuser = self.table.member_by_voice(voice).and_then(|row| row.address());
            let Some(to) = accuser.filter(|&to| to != self.address()) else { continue };
            if !self.refutation.take_answer(self.now) {
                count(&mut self.stats.accusers_unanswered);
                continue;
            }
            // Whoever wrote the accusation chose the accusers: they get no more than the truth.
            let about = Some(self.id());
            self.post(Intent::new(to, Channel::Datagram, None).about(about).bare());
        }
    }

    /// Sends a packet in which this node's own record comes first.
    pub(super) fn introduce(&mut self, to: A, message: Option<Message<A>>) {
        let about = Some(self.id());
        self.post(Intent::new(to, Channel::Datagram, message).about(about));
    }
}
