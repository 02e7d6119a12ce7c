//! Probes: whom this node asks whether it lives, and what follows when it does not answer.

use core::time::Duration;

use crate::address::Address;
use crate::config::INDIRECT_PROBES_MAX;
use crate::judge::{Claim, Voices};
use crate::member::{NodeId, Status, Voice};
use crate::outbox::{Channel, Intent};
use crate::probe::{Findings, Plan, Step};
use crate::storage::Storage;
use crate::table::Row;
use crate::time::{Instant, micros};
use crate::wire::{Belief, Message, Nack, Ping, PingRequest, Update};

use super::{Node, Standing, count};

/// Pings at the beginning of a stage: as a datagram, and over a stream.
const PINGS_PER_STAGE: usize = 2;

impl<A: Address, S: Storage> Node<A, S> {
    /// Takes in that the operating system refused a packet to `address`: its host lives, and
    /// nothing listens there (ICMP port unreachable, connection refused). Of other errors a driver
    /// says nothing.
    ///
    /// A member that is refused to this node and to two relays is declared dead at once (R11).
    /// Refusals about anybody who is not being probed mean nothing and are counted.
    pub fn handle_unreachable(&mut self, address: A, now: Instant) {
        self.advance(now);
        if !self.config.rules.refusal || self.standing != Standing::Alive {
            return;
        }
        let relayed = self.relay_refusals(address);
        let table = &self.table;
        let listens_there = |id| table.member(id).is_some_and(|row| row.address() == Some(address));
        match self.prober.find_target(listens_there) {
            Some(target) => {
                count(&mut self.stats.refusals_heard);
                self.prober.refused(target, self.now);
                self.convict_if_refused(target);
            }
            None if relayed => count(&mut self.stats.refusals_heard),
            None => count(&mut self.stats.refusals_unasked),
        }
    }

    /// The same of a refusal that quotes the packet it is about, or the beginning of it, as ICMP
    /// does. Anybody can send one, from anywhere: where packets are sealed, it is believed only if
    /// it quotes a packet that this node has sent a moment ago, or at least its first 22 bytes.
    /// Returns whether it was.
    pub fn handle_refusal(&mut self, address: A, quoted: &[u8], now: Instant) -> bool {
        let now = self.advance(now);
        let believed = self.sealer.may_have_sealed(quoted, now);
        match believed {
            true => self.handle_unreachable(address, now),
            false => count(&mut self.stats.refusals_unproven),
        }
        believed
    }

    /// Passes a refusal on to everybody who wanted to know. Returns whether there was anybody.
    fn relay_refusals(&mut self, address: A) -> bool {
        let mut relayed = false;
        while self.outbox.has_room_for(1)
            && let Some(relay) = self.relays.pop_refused(address)
        {
            relayed = true;
            if let Some(row) = self.table.find(relay.target) {
                self.table.note(row, |row| row.case.trial.note_refusal());
            }
            let nack = Nack { number: relay.request, refused: true };
            self.answer_requester(&relay, Message::Nack(nack), None);
        }
        relayed
    }

    pub(super) fn convict_if_refused(&mut self, target: NodeId) {
        let me = Voice::from(self.id());
        let Some(judges) = self.prober.refused_by(target, me) else { return };
        let Some(row) = self.table.member(target) else { return };
        let claim = Claim { voices: judges, ..Claim::new(row.incarnation(), Status::Dead) };
        count(&mut self.stats.deaths_declared);
        self.apply(&Update::claim(target, claim), self.address(), true);
    }

    pub(super) fn step_probe(&mut self) {
        // What is left over follows in the next call, which is due at once.
        let packets_max = PINGS_PER_STAGE.saturating_add(self.config.indirect_probes.into());
        for _ in 0..=self.prober.len_max() {
            if !self.outbox.has_room_for(packets_max) {
                return;
            }
            match self.prober.step(self.now) {
                None => return,
                Some(Step::Start) => self.start_probe(),
                Some(Step::Stage { target, number, ping_again }) => {
                    self.begin_stage(target, number, ping_again)
                }
                Some(Step::Failed { target, findings }) => self.end_probe(target, findings),
            }
        }
    }

    fn start_probe(&mut self) {
        if self.prober.heartbeats.is_round_over() {
            self.begin_round();
        }
        let plan = self.probe_plan();
        let pause = self.probe_pause(&plan);
        let turn = self.prober.heartbeats.turn();
        let row = match turn {
            Some(turn) => self.heartbeat_target(turn),
            None => self.next_target(),
        };
        let row = row.and_then(|row| self.table.row(row));
        let Some((row, address)) = row.and_then(|row| Some((row, row.address()?))) else {
            self.prober.skip(pause, self.now);
            return self.prober.heartbeats.pass();
        };
        let (target, belief) = (row.id(), self.belief(&row.claim()));
        let number = self.draw_number();
        if !self.prober.start((target, number), plan, pause, self.now) {
            return count(&mut self.stats.probes_skipped);
        }
        self.prober.heartbeats.pass();
        count(&mut self.stats.probes);
        let number = self.prober.first_ping(number);
        let digest = self.digest(number).filter(|_| turn.is_none() || turn == self.shift());
        let ping = Ping { number, target, belief, digest };
        self.send(address, Channel::Datagram, Message::Ping(ping));
    }

    /// A probe interval is over, whether one member was probed in it or everybody.
    fn begin_round(&mut self) {
        self.leap_if_due();
        self.challenge.note_round(self.is_alone());
        // A table that is full says nothing about how large the cluster is, and a probe with a
        // window has the interval to itself.
        let may_be_direct = self.config.rules.stages > 0 && !self.is_leaf();
        let below = if may_be_direct { self.config.direct_below } else { 0 };
        self.prober.heartbeats.begin_round(self.table.live_count(), below);
        if self.config.rules.rotation {
            self.prober.rotation.advance();
        }
    }

    /// From the start of this probe to that of the next.
    fn probe_pause(&self, plan: &Plan) -> Duration {
        match (plan.window, self.config.rules.interval_scaled_always) {
            (Some(window), true) => window,
            _ => self.prober.heartbeats.pause(self.config.probe_interval()),
        }
    }

    /// Whose turn it is where everybody has one; nobody's if it sleeps, has gone, or is being asked
    /// already, which is its turn then.
    fn heartbeat_target(&mut self, turn: usize) -> Option<u32> {
        let row = (turn < self.table.live_count()).then(|| self.table.nth_after_me(turn))?;
        let row = row.filter(|&row| self.is_awake(row))?;
        let target = self.table.row(row)?.id();
        (!self.prober.adopt(target)).then_some(row)
    }

    /// How many places after this node the member stands whom it would probe in this round even if
    /// it probed only one.
    fn shift(&self) -> Option<usize> {
        self.prober.rotation.shift(self.table.live_count())
    }

    /// Who is asleep cannot answer: somebody else has its turn. A table that holds only part of the
    /// cluster has another order than the others.
    fn next_target(&mut self) -> Option<u32> {
        let rotated = match self.shift() {
            Some(steps) if self.config.rules.rotation && !self.is_leaf() => {
                self.table.nth_after_me(steps)
            }
            _ => None,
        };
        rotated
            .filter(|&row| self.is_awake(row))
            .or_else(|| self.table.next_probe(&mut self.rng).filter(|&row| self.is_awake(row)))
    }

    /// Probes somebody out of turn, as soon as there is room for it. No turn of anybody is given up
    /// for it, so not where a probe takes up a turn. Returns whether it was started.
    pub(super) fn probe_besides(&mut self, target: NodeId) -> bool {
        let plan = self.probe_plan();
        if plan.window.is_some() {
            return false;
        }
        let Some(row) = self.table.member(target) else { return false };
        let (address, belief) = (row.address(), self.belief(&row.claim()));
        let number = self.prober.secret_number(target, self.now);
        let Some(to) = address else { return false };
        let started = self.prober.start_besides((target, number), plan, self.now);
        if started {
            count(&mut self.stats.probes);
            count(&mut self.stats.probes_besides);
            let number = self.prober.first_ping(number);
            let ping = Ping { number, target, belief, digest: None };
            self.send(to, Channel::Datagram, Message::Ping(ping));
        }
        started
    }

    fn is_awake(&self, row: u32) -> bool {
        self.table.row(row).is_some_and(|row| !row.is_asleep())
    }

    fn probe_plan(&self) -> Plan {
        let timeout = self.answer_timeout();
        let health = self.senses.health;
        match self.config.rules.stages {
            0 => Plan {
                timeout: if self.config.rules.timeout_scaled {
                    health.scale(timeout)
                } else {
                    timeout
                },
                stages: 1,
                window: Some(health.scale(self.config.probe_interval())),
            },
            stages => Plan { timeout, stages, window: None },
        }
    }

    /// How long to wait for an answer.
    pub(super) fn answer_timeout(&self) -> Duration {
        match self.config.rules.timeout_measured {
            true => self.senses.answer_timeout(self.config.timeout_range()),
            false => self.config.probe_timeout(),
        }
    }

    /// What a ping tells its target, under the buddy system; not what this node keeps to itself.
    pub(super) fn belief(&self, claim: &Claim) -> Option<Belief> {
        let Claim { incarnation, status, .. } = *claim;
        let told = self.config.rules.buddy && (status == Status::Alive || !self.is_isolated());
        told.then_some(Belief { incarnation, status })
    }

    fn begin_stage(&mut self, target: NodeId, number: u32, ping_again: bool) {
        let Some(row) = self.table.member(target) else { return };
        let Some(address) = row.address() else { return };
        let belief = self.belief(&row.claim());
        let ping = Message::Ping(Ping { number, target, belief, digest: None });
        if ping_again {
            self.send(address, Channel::Datagram, ping);
        }
        let nack_after_ms = self.nack_after_ms();
        let request = PingRequest { number, target, address, belief, nack_after_ms };
        let relays = self.pick_relays(&request);
        if !relays.is_empty() && self.prober.is_first_stage(number) {
            count(&mut self.stats.probes_indirect);
        }
        let mut asked = 0usize;
        for &(relay, to) in &relays {
            if self.outbox.has_room_for(1) && self.prober.asked(number, relay) {
                self.send(to, Channel::Datagram, Message::PingRequest(request));
                asked = asked.saturating_add(1);
            }
        }
        self.prober.stage_begun(number, asked, self.now);
        if self.config.rules.stream_ping {
            self.send(address, Channel::Stream, ping);
        }
    }

    /// Relays not asked yet; first those from other parts of the network than this node and the
    /// target, so that one broken switch does not speak with four voices. When those have not been
    /// able to say anything, one is somebody who has answered lately.
    fn pick_relays(
        &mut self,
        request: &PingRequest<A>,
    ) -> heapless::Vec<(Voice, A), INDIRECT_PROBES_MAX> {
        let wanted = usize::from(self.config.indirect_probes);
        let near = [self.address().part(), request.address.part()];
        let mut relays = heapless::Vec::new();
        if !self.prober.is_first_stage(request.number)
            && let Some(witness) = self.pick_witness(request)
        {
            let _ = relays.push(witness);
        }
        for elsewhere in [true, false] {
            let prober = &self.prober;
            let fits = |row: &Row<'_, A>| {
                let relay = Voice::from(row.id());
                let apart = row.address().is_some_and(|address| !near.contains(&address.part()));
                row.id() != request.target
                    && row.status() == Status::Alive
                    && (apart || !elsewhere)
                    && !prober.has_asked(request.number, relay)
                    && relays.iter().all(|&(picked, _)| picked != relay)
            };
            let missing = wanted.saturating_sub(relays.len());
            let rows = self.table.pick::<INDIRECT_PROBES_MAX>(missing, false, &mut self.rng, fits);
            for row in rows {
                let found = self.table.row(row).and_then(|row| Some((row.id(), row.address()?)));
                if let Some((id, address)) = found {
                    // There is room: as many are picked as are missing.
                    let _ = relays.push((Voice::from(id), address));
                }
            }
        }
        relays
    }

    /// Somebody who has answered lately, has not been asked yet, and lives.
    fn pick_witness(&self, request: &PingRequest<A>) -> Option<(Voice, A)> {
        self.senses.witnesses.iter().find_map(|id| {
            let row = self.table.member(id).filter(|row| row.status() == Status::Alive)?;
            let (relay, address) = (Voice::from(id), row.address()?);
            let asked = id == request.target || self.prober.has_asked(request.number, relay);
            (!asked).then_some((relay, address))
        })
    }

    fn nack_after_ms(&self) -> u32 {
        let percent = u64::from(self.config.rules.nack_percent);
        let millis = micros(self.probe_plan().timeout).saturating_mul(percent) / 100_000;
        u32::try_from(millis).unwrap_or(u32::MAX)
    }

    fn end_probe(&mut self, target: NodeId, findings: Findings) {
        count(&mut self.stats.probes_failed);
        self.worsen_health(&findings);
        let unwitnessed = findings.asked > 0 && findings.nacks == 0;
        if self.config.rules.witness_needed && unwitnessed && !self.is_without_witnesses() {
            return count(&mut self.stats.accusations_withheld);
        }
        let mut voices = Voices::one(Voice::from(self.id()));
        if self.config.rules.nacks_are_voices {
            voices = voices.union(&findings.nackers);
        }
        self.accuse(target, voices);
    }

    /// Nacks that did not come tell of trouble at this node. Of one-stage probes each counts, and
    /// that the target did not answer counts only when no relay could have nacked (memberlist), or
    /// always (Lifeguard); in stages, nothing counts as long as one came.
    fn worsen_health(&mut self, findings: &Findings) {
        let Findings { asked, nacks, .. } = *findings;
        let points = if self.config.rules.stages > 0 {
            u8::from(asked > 0 && nacks == 0)
        } else {
            let expected = if self.config.rules.nack_percent > 0 { asked } else { 0 };
            let failure = self.config.rules.failure_costs_health || expected == 0;
            expected.saturating_sub(nacks).saturating_add(u8::from(failure))
        };
        self.senses.health.worsen(points);
    }

    /// Suspects `target`, and tells it so (R7).
    fn accuse(&mut self, target: NodeId, voices: Voices) {
        let Some(row) = self.table.member(target) else { return };
        let incarnation = row.incarnation();
        let newly_suspected = row.status() == Status::Alive;
        if newly_suspected {
            count(&mut self.stats.suspicions_raised);
        }
        let claim = Claim { incarnation, status: Status::Suspect, voices };
        let spread = !self.is_isolated();
        self.apply(&Update::claim(target, claim), self.address(), spread);
        self.note_own_accusation(target);
        let address = self.table.member(target).and_then(|row| row.address());
        if let Some(to) = address.filter(|_| self.config.rules.told_directly && spread) {
            let (channel, about) = (Channel::Datagram, Some(target));
            self.post(Intent::new(to, channel, None).about(about));
        }
    }
}
