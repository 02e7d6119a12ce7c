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
/// Probes remembered, to know their pings and answers again: those relayed, and those that verify
/// one suspicion.
const PROBES_MAX: usize = 16;

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
    /// What its numbers have in common, the latest first; of a probe there is one.
    probes: VecDeque<u32>,
    is_verification: bool,
    inquiry: Inquiry,
}

impl Inquiries {
    /// Something goes into the node: a packet, or not.
    pub fn hear<A: Address>(&mut self, member: NodeId, letter: Option<&Letter<A>>) {
        self.is_relaying = false;
        let Some(letter) = letter else { return };
        match letter.message {
            Some(Message::PingRequest(request)) => self.is_relaying = request.target == member,
            Some(Message::Ack(ack)) if self.is_current(ack.number) => self.answered(),
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
            Message::PingRequest(PingRequest { number, target, .. }) if *target == member => {
                let current = self.current.as_mut()?;
                current.inquiry.requests = current.inquiry.requests.saturating_add(1);
                note(&mut current.probes, number >> PROBE_BITS);
                None
            }
            _ => None,
        }
    }

    /// The member is suspect: from now on pings verify that.
    pub fn verify(&mut self, now: Instant) {
        let (probes, inquiry) = (VecDeque::new(), Inquiry::new(now));
        self.current = Some(Current { probes, is_verification: true, inquiry });
    }

    /// There is no doubt any more.
    pub fn end(&mut self) {
        self.current = None;
    }

    pub fn current(&self) -> Option<&Inquiry> {
        self.current.as_ref().map(|current| &current.inquiry)
    }

    fn ping(&mut self, probe: u32, now: Instant) -> Option<Inquiry> {
        if self.is_relaying {
            note(&mut self.relayed, probe);
        }
        if self.relayed.contains(&probe) {
            return None;
        }
        let goes_on = |it: &Current| it.is_verification || it.probes.contains(&probe);
        let mut unanswered = None;
        if !self.current.as_ref().is_some_and(goes_on) {
            let (probes, inquiry) = (VecDeque::new(), Inquiry::new(now));
            let begun = Current { probes, is_verification: false, inquiry };
            unanswered = self.current.replace(begun).map(|current| current.inquiry);
        }
        let current = self.current.as_mut()?;
        current.inquiry.pings = current.inquiry.pings.saturating_add(1);
        note(&mut current.probes, probe);
        unanswered
    }

    /// A probe is over; whoever is suspect has a reprieve, and is verified anew.
    fn answered(&mut self) {
        self.current = self.current.take().filter(|current| current.is_verification);
        if let Some(current) = &mut self.current {
            current.inquiry = Inquiry::new(current.inquiry.since);
        }
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
        current.is_some_and(|it| it.probes.contains(&(number >> PROBE_BITS)))
    }
}

fn note(probes: &mut VecDeque<u32>, probe: u32) {
    if !probes.contains(&probe) {
        probes.truncate(PROBES_MAX.saturating_sub(1));
        probes.push_front(probe);
    }
}
