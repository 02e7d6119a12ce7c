//! Suspects: how long they have, what is done to hear from them, and when they are dead.

use core::time::Duration;

use crate::address::Address;
use crate::detector::CONFIRMATIONS_MAX;
use crate::judge::Claim;
use crate::member::{NodeId, Status, Voice};
use crate::outbox::Channel;
use crate::stall::STALL_MIN;
use crate::storage::Storage;
use crate::suspicion::{Floor, VERIFICATION_PINGS};
use crate::table::{Change, Row};
use crate::time::{Instant, part};
use crate::wire::{Message, Ping, PingRequest, Update};

use super::{Node, Standing, count};

/// For so long nobody is buried here on the word of others after it has answered (R8).
const REPRIEVE_TIME: Duration = Duration::from_secs(3);

/// Nobody is isolated who has not probed so many in vain.
const ISOLATION_PROBES_MIN: u32 = 4;

/// Judges whose common word is enough for a sudden death (R9).
const JUDGES_MIN: usize = 2;

impl<A: Address, S: Storage> Node<A, S> {
    /// Sets the deadline of a suspicion: sooner the more voices agree (Lifeguard IV-B, R6). A
    /// verification that has begun runs to its end.
    pub(super) fn time_suspicion(&mut self, row: u32) {
        let Some(suspect) = self.table.row(row).filter(|suspect| suspect.trial().pings() == 0)
        else {
            return;
        };
        let end = suspect.since().after(self.suspicion_wait(suspect));
        self.table.set_deadline(row, self.verification_start(end));
    }

    fn suspicion_wait(&self, suspect: Row<'_, A>) -> Duration {
        let (voices, members) = (suspect.voices(), self.table.live_count());
        let mut confirmations = match suspect.trial().reprieved() {
            true => 0,
            false => voices.count().saturating_sub(1),
        };
        if !self.config.rules.floor {
            return self.config.suspicion_bounds(members).timeout(confirmations);
        }
        if !suspect.trial().reprieved() {
            // A cluster too small to bring all the voices forth does not wait for them.
            let possible = members.saturating_sub(2).min(CONFIRMATIONS_MAX.into());
            let missing = usize::from(CONFIRMATIONS_MAX).saturating_sub(possible);
            confirmations = confirmations.saturating_add(missing);
        }
        let wait = self.suspicion_floor().wait(confirmations).max(self.patience_with(suspect));
        match self.config.rules.accusers_first && !self.is_accuser(suspect) {
            true => wait.saturating_add(self.config.accusers_lead(members)),
            false => wait,
        }
    }

    /// Whether this node accuses, or is named among those who could not reach the suspect either.
    fn is_accuser(&self, suspect: Row<'_, A>) -> bool {
        let me = Voice::from(self.id());
        suspect.trial().accused_here() || suspect.voices().as_slice().contains(&me)
    }

    fn suspicion_floor(&self) -> Floor {
        self.config.suspicion_floor(self.answer_timeout())
    }

    /// How long this node grants a member that asks for patience (R12).
    fn patience_with(&self, member: Row<'_, A>) -> Duration {
        match self.config.rules.patience {
            true => member.patience().duration().min(self.config.patience_max()),
            false => Duration::ZERO,
        }
    }

    fn verification_start(&self, end: Instant) -> Instant {
        match self.config.rules.verification {
            true => end.before(self.suspicion_floor().verification_len()),
            false => end,
        }
    }

    /// R6: an accuser stays one although, of many voices, its own may not be kept.
    pub(super) fn note_own_accusation(&mut self, target: NodeId) {
        if let Some(row) = self.suspect(target) {
            self.table.note(row, |suspect| suspect.case.trial.note_accusation());
            self.time_suspicion(row);
        }
    }

    /// The time of a suspect is up, or that of the next ping which verifies that it is dead.
    pub(super) fn try_suspect(&mut self, row: u32) {
        let Some(suspect) = self.table.row(row) else { return };
        if self.standing != Standing::Alive {
            // Who has gone speaks of nobody any more.
            return self.table.set_deadline(row, self.now.after(self.config.probe_interval()));
        }
        if suspect.since() < self.senses.stall.ended_at() && !suspect.trial().renewed() {
            return self.begin_anew(row);
        }
        let Some(pings_left) = VERIFICATION_PINGS.checked_sub(suspect.trial().pings()) else {
            return;
        };
        if self.config.rules.verification && pings_left > 0 {
            self.verify(row, pings_left);
        } else {
            self.bury(row);
        }
    }

    /// R12: a suspicion from before this process stood still. Its refutation may have been missed.
    fn begin_anew(&mut self, row: u32) {
        let ended_at = self.senses.stall.ended_at();
        self.table.note(row, |suspect| suspect.restart_suspicion(false, ended_at));
        self.time_suspicion(row);
    }

    /// R8: one of the pings that verify whether a suspect is dead.
    fn verify(&mut self, row: u32, pings_left: u8) {
        let Some(suspect) = self.table.row(row) else { return };
        let (target, belief) = (suspect.id(), self.belief(&suspect.claim()));
        let number = self.prober.secret_number(target, suspect.since());
        let second_hand = !self.is_accuser(suspect);
        if let Some(address) = suspect.address() {
            count(&mut self.stats.verification_pings);
            let ping = Ping { number, target, belief, digest: None };
            self.send(address, Channel::Datagram, Message::Ping(ping));
            if second_hand {
                let nack_after_ms = 0;
                self.ask_one(PingRequest { number, target, address, belief, nack_after_ms });
            }
        }
        let floor = self.suspicion_floor();
        let pause = match pings_left {
            1 => floor.answer_timeout,
            _ => floor.verification_spacing(),
        };
        self.table.note(row, |suspect| {
            suspect.case.trial.note_ping();
        });
        self.table.set_deadline(row, self.now.after(pause));
    }

    /// Who verifies what others have said asks others too: most have heard of the refutation that
    /// this node may have missed, and answer with it.
    fn ask_one(&mut self, request: PingRequest<A>) {
        let fits = |row: &Row<'_, A>| row.id() != request.target && row.status() == Status::Alive;
        let picked = self.table.pick::<1>(1, false, &mut self.rng, fits);
        let relay = picked.first().and_then(|&row| self.table.row(row)?.address());
        if let Some(to) = relay {
            self.send(to, Channel::Datagram, Message::PingRequest(request));
        }
    }

    fn bury(&mut self, row: u32) {
        let Some(suspect) = self.table.row(row) else { return };
        count(&mut self.stats.deaths_declared);
        let claim = Claim::new(suspect.incarnation(), Status::Dead);
        let dead = Update::claim(suspect.id(), claim);
        self.apply(&dead, self.address(), !self.is_isolated());
    }

    /// Whether nobody at all has been heard for longer than any suspicion lasts: all others died at
    /// once, or this node is cut off, or deaf. What it concludes then it keeps to itself.
    /// Of the moment of the last input; false while nobody is known, true also while all others
    /// sleep as announced.
    pub fn is_isolated(&self) -> bool {
        let longest = self.suspicion_floor().wait_max();
        let longest =
            longest.max(self.config.probe_interval().saturating_mul(ISOLATION_PROBES_MIN));
        self.config.rules.witness_needed && self.table.live_count() > 1 && self.silence() > longest
    }

    /// Where R4 ends: after so long a silence nobody is waited for as a witness. That all others
    /// died at once is the less likely the more they are, and deafness the likelier.
    pub(super) fn is_without_witnesses(&self) -> bool {
        let others = u32::try_from(self.table.live_count().saturating_sub(1)).unwrap_or(u32::MAX);
        self.silence() > self.suspicion_floor().wait_max().saturating_mul(others)
    }

    fn silence(&self) -> Duration {
        self.now.since(self.senses.heard_at)
    }

    /// Whether an ack from `sender` answers a ping of its verification.
    pub(super) fn is_verification(&self, number: u32, sender: NodeId) -> bool {
        let suspect = self.suspect(sender).and_then(|row| self.table.row(row));
        suspect.is_some_and(|row| {
            row.trial().pings() > 0 && self.prober.secret_number(sender, row.since()) == number
        })
    }

    /// R8: a suspect has answered. Its time begins anew, and only this node's voice counts.
    pub(super) fn reprieve(&mut self, id: NodeId) {
        let Some(row) = self.suspect(id).filter(|_| self.config.rules.verification) else { return };
        count(&mut self.stats.reprieves);
        let now = self.now;
        self.table.note(row, |suspect| suspect.restart_suspicion(true, now));
        self.time_suspicion(row);
    }

    fn suspect(&self, id: NodeId) -> Option<u32> {
        let is_suspect = |row: Row<'_, A>| row.status() == Status::Suspect;
        self.table.find(id).filter(|&row| self.table.row(row).is_some_and(is_suspect))
    }

    /// R9: news of the death of somebody who was not long suspect here. Most who died were suspect
    /// everywhere before; who was not, has had no chance to refute.
    pub(super) fn is_sudden_death(&self, told: &Update<'_, A>) -> bool {
        if !self.config.rules.no_sudden_death || told.claim.status != Status::Dead {
            return false;
        }
        let living = self.table.member(told.id).filter(|row| row.is_live());
        let Some(row) = living.filter(|row| row.id() != self.id()) else { return false };
        if row.incarnation().ahead_of(told.claim.incarnation) > 0 {
            return false;
        }
        let age = self.now.since(row.since());
        let (suspect, trial) = (row.status() == Status::Suspect, row.trial());
        if suspect && trial.reprieved() && age < REPRIEVE_TIME {
            return true;
        }
        let another = told.claim.incarnation.ahead_of(row.incarnation()) > 0;
        let least = part(self.suspicion_floor().wait_min, 2).max(self.patience_with(row));
        (!suspect || another || age < least) && !self.is_condemned(row, &told.claim)
    }

    /// Whether a death was declared by several living members who were refused (R11): neither the
    /// accused itself, nor this node unless it remembers.
    fn is_condemned(&self, accused: Row<'_, A>, claim: &Claim) -> bool {
        let judges = |voice: &&Voice| {
            let judge = self.table.member_by_voice(**voice).filter(|judge| judge.is_live());
            judge.is_some_and(|judge| {
                judge.id() != accused.id()
                    && (judge.id() != self.id() || accused.trial().refused_here())
            })
        };
        self.config.rules.refusal
            && claim.voices.as_slice().iter().filter(judges).count() >= JUDGES_MIN
    }

    /// What a change says about a member's conduct, under a flap policy.
    pub(super) fn note_conduct(&mut self, change: &Change) {
        let (Some(policy), Some(before)) = (self.config.flap(), change.before) else { return };
        if self.is_isolated() {
            return;
        }
        let now = self.now;
        self.table
            .note(change.row, |row| row.case.conduct.note(before, change.after, &policy, now));
    }

    /// Lets a living member that was held out in again, if it has behaved, or looks again later.
    pub(super) fn review_conduct(&mut self, row: u32) {
        if self.table.row(row).is_some_and(|member| member.is_asleep()) {
            return;
        }
        let now = self.now;
        let review = |policy| {
            self.table.note(row, |member| member.case.conduct.review(&policy, now)).flatten()
        };
        match self.config.flap().and_then(review) {
            Some(later) => self.table.set_deadline(row, later),
            None => self.table.clear_deadline(row),
        }
    }

    /// R12: an input comes much later than something was due. If it was this process that stood
    /// still, what ran is void, and the others are asked for patience.
    pub(super) fn notice_stall(&mut self, now: Instant) {
        let Some(due) = self.next_due().filter(|_| self.config.rules.stall) else { return };
        let lateness = now.since(due);
        let least = STALL_MIN.max(self.config.probe_timeout_min());
        if lateness <= least || self.is_alone() || self.standing != Standing::Alive {
            return;
        }
        self.now = now;
        count(&mut self.stats.stalls);
        self.void_what_ran();
        self.senses.health.worsen(1);
        let raised = self.senses.stall.end(lateness, self.config.patience_max(), now);
        // What everybody is granted anyway need not be asked for.
        let needed = self.patience() > part(self.config.pause_tolerance(), 2);
        if raised && needed && self.config.rules.patience {
            self.table.set_my_patience(self.senses.stall.patience());
            self.outrank(self.incarnation());
        }
    }
}
