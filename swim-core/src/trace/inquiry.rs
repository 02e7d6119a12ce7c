//! How a node inquires after one member: its probes, told from those it relays for others.

use std::collections::VecDeque;
use std::vec::Vec;

use crate::address::Address;
use crate::member::NodeId;
use crate::time::Instant;
use crate::wire::{Message, Nack, Ping, PingRequest};

use super::letter::Letter;

/// The numbers of one probe differ in their low bits alone.
const PROBE_BITS: u32 = 2;
/// Relayed probes remembered, to know their pings again.
const RELAYED_MAX: usize = 16;

/// A probe, or the pings that verify a suspicion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// When it began.
    pub since: Instant,
    /// Pings sent.
    pub pings: u32,
    /// Requests sent to relays.
    pub requests: u32,
    /// Relays that said they could not reach it either.
    pub nacks: Vec<NodeId>,
    /// Relays that said that its host refuses.
    pub refusals: Vec<NodeId>,
}

impl Inquiry {
    fn new(since: Instant) -> Self {
        let (nacks, refusals) = (Vec::new(), Vec::new());
        Self { since, pings: 0, requests: 0, nacks, refusals }
    }
}

/// Those of one node after one member.
#[derive(Default)]
pub struct Inquiries {
    current: Option<Current>,
    /// The probes that others asked for.
    relayed: VecDeque<u32>,
    /// Somebody has just asked for one.
    is_relaying: bool,
}

struct Current {
    /// Of a probe, what its numbers share.
    probe: Option<u32>,
    inquiry: Inquiry,
}

impl Inquiries {
    /// Something goes into the node: a packet, or not.
    pub fn hear<A: Address>(&mut self, member: NodeId, letter: Option<&Letter<A>>) {
        self.is_relaying = false;
        let Some(letter) = letter else { return };
        match letter.message {
            Some(Message::PingRequest(request)) => self.is_relaying = request.target == member,
            Some(Message::Ack(ack)) if self.is_current(ack.number) => self.current = None,
            Some(Message::Nack(nack)) => self.hear_nack(nack, letter.sender),
            _ => {}
        }
    }

    /// The node sends something. Returns the probe before, if a new one begins and that one was
    /// never answered.
    pub fn send<A>(
        &mut self,
        member: NodeId,
        message: &Message<A>,
        now: Instant,
    ) -> Option<Inquiry> {
        match message {
            Message::Ping(Ping { number, target, .. }) if *target == member => {
                self.ping(number >> PROBE_BITS, now)
            }
            Message::PingRequest(PingRequest { target, .. }) if *target == member => {
                let current = self.current.as_mut()?;
                current.inquiry.requests = current.inquiry.requests.saturating_add(1);
                None
            }
            _ => None,
        }
    }

    /// The member is suspect: what was found so far, and from now on pings verify that.
    pub fn verify(&mut self, now: Instant) -> Option<Inquiry> {
        let verification = Current { probe: None, inquiry: Inquiry::new(now) };
        self.current.replace(verification).map(|current| current.inquiry)
    }

    /// There is no doubt any more. Returns what was found so far.
    pub fn end(&mut self) -> Option<Inquiry> {
        self.current.take().map(|current| current.inquiry)
    }

    pub fn current(&self) -> Option<&Inquiry> {
        self.current.as_ref().map(|current| &current.inquiry)
    }

    fn ping(&mut self, probe: u32, now: Instant) -> Option<Inquiry> {
        if self.is_relaying && !self.relayed.contains(&probe) {
            self.relayed.truncate(RELAYED_MAX.saturating_sub(1));
            self.relayed.push_front(probe);
        }
        if self.relayed.contains(&probe) {
            return None;
        }
        let mut unanswered = None;
        if self.current.as_ref().is_none_or(|it| it.probe.is_some_and(|other| other != probe)) {
            let begun = Current { probe: Some(probe), inquiry: Inquiry::new(now) };
            unanswered = self.current.replace(begun).map(|current| current.inquiry);
        }
        let current = self.current.as_mut()?;
        current.inquiry.pings = current.inquiry.pings.saturating_add(1);
        unanswered
    }

    fn hear_nack(&mut self, nack: Nack, relay: NodeId) {
        let is_current = self.is_current(nack.number);
        let Some(current) = self.current.as_mut().filter(|_| is_current) else { return };
        let told = match nack.refused {
            true => &mut current.inquiry.refusals,
            false => &mut current.inquiry.nacks,
        };
        if !told.contains(&relay) {
            told.push(relay);
        }
    }

    fn is_current(&self, number: u32) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|it| it.probe.is_none_or(|probe| probe == number >> PROBE_BITS))
    }
}
