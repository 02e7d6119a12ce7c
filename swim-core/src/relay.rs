//! Probing for others: what a relay has to remember between a ping-req and its answer.

use core::time::Duration;

use crate::member::NodeId;
use crate::time::Instant;

/// How many indirect probes a node relays at once; beyond this they are refused with a nack.
pub const RELAYS_MAX: usize = 16;

/// How much longer than a probe interval a requester may want to wait: its local health stretches
/// its probes so far.
const WAIT_FACTOR_MAX: u32 = 9;

/// One indirect probe being relayed. `R` says how to reach the requester.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relay<R> {
    /// Whom to ping.
    pub target: NodeId,
    /// The number of this node's own ping.
    pub number: u32,
    /// Who wants to know.
    pub requester: R,
    /// The number to answer with.
    pub request: u32,
    /// When the requester wants a nack; `None` if it does not, or has had it.
    nack_at: Option<Instant>,
    /// Until when an ack is still passed on.
    expires_at: Instant,
}

impl<R> Relay<R> {
    /// A relay that answers with a nack after `nack_after`, if that is not zero, and forgets the
    /// request after `lifetime`, or somewhat later if the nack is wanted later; but nobody can make
    /// it remember for longer than [`WAIT_FACTOR_MAX`] times that.
    pub fn new(
        (target, number): (NodeId, u32),
        (requester, request): (R, u32),
        nack_after: Duration,
        lifetime: Duration,
        now: Instant,
    ) -> Self {
        let nack_after = nack_after.min(lifetime.saturating_mul(WAIT_FACTOR_MAX));
        let nack_at = (!nack_after.is_zero()).then(|| now.after(nack_after));
        let expires_at = now.after(lifetime.max(nack_after));
        Self { target, number, requester, request, nack_at, expires_at }
    }
}

/// The indirect probes being relayed.
#[derive(Debug)]
pub struct Relays<R> {
    running: heapless::Vec<Relay<R>, RELAYS_MAX>,
}

impl<R: Copy> Relays<R> {
    pub const fn new() -> Self {
        Self { running: heapless::Vec::new() }
    }

    /// Takes a request on; false when too many are running.
    pub fn add(&mut self, relay: Relay<R>) -> bool {
        self.running.push(relay).is_ok()
    }

    /// An ack came: the request it answers, if it answers one.
    pub fn ack(&mut self, number: u32, sender: NodeId) -> Option<Relay<R>> {
        let found = self
            .running
            .iter()
            .position(|relay| relay.number == number && relay.target == sender)?;
        Some(self.running.swap_remove(found))
    }

    /// A request whose nack is due. Forgets those that have expired.
    pub fn pop_nack(&mut self, now: Instant) -> Option<Relay<R>> {
        let due = self.running.iter_mut().find(|relay| relay.nack_at.is_some_and(|at| at <= now));
        let nacked = due.map(|relay| {
            relay.nack_at = None;
            *relay
        });
        if nacked.is_none() {
            self.running.retain(|relay| relay.expires_at > now);
        }
        nacked
    }

    /// Forgets all requests.
    pub fn clear(&mut self) {
        self.running.clear();
    }

    /// When something is next due.
    pub fn deadline(&self) -> Option<Instant> {
        self.running.iter().map(|relay| relay.nack_at.unwrap_or(relay.expires_at)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: NodeId = NodeId::new(1);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn relay(number: u32) -> Relay<u16> {
        let (nack_after, lifetime) = (Duration::from_millis(400), Duration::from_millis(1_000));
        Relay::new((TARGET, number), (9, 70), nack_after, lifetime, at(0))
    }

    #[test]
    fn a_nack_is_sent_once_and_a_late_ack_still_passed_on() {
        let mut relays = Relays::new();
        assert!(relays.add(relay(1)));
        assert_eq!(relays.deadline(), Some(at(400)));
        assert_eq!(relays.pop_nack(at(399)), None);
        assert_eq!(relays.pop_nack(at(400)).map(|relay| relay.request), Some(70));
        assert_eq!(relays.pop_nack(at(400)), None);
        assert_eq!(relays.ack(1, NodeId::new(5)), None, "not the target");
        assert_eq!(relays.ack(1, TARGET).map(|relay| relay.requester), Some(9));
        assert_eq!(relays.ack(1, TARGET), None);
    }

    #[test]
    fn a_requester_that_waits_longer_is_waited_for() {
        let mut relays = Relays::new();
        let (nack_after, lifetime) = (Duration::from_secs(2), Duration::from_secs(1));
        relays.add(Relay::new((TARGET, 1), (9u16, 70), nack_after, lifetime, at(0)));
        assert_eq!(relays.pop_nack(at(1_500)), None);
        assert!(relays.ack(1, TARGET).is_some());
    }

    #[test]
    fn nobody_can_make_a_relay_remember_for_days() {
        let mut relays = Relays::new();
        let lifetime = Duration::from_secs(1);
        relays.add(Relay::new((TARGET, 1), (9u16, 70), Duration::MAX, lifetime, at(0)));
        assert_eq!(relays.deadline(), Some(at(9_000)));
    }

    #[test]
    fn requests_expire_and_too_many_are_refused() {
        let mut relays = Relays::new();
        assert!((0..RELAYS_MAX as u32).all(|number| relays.add(relay(number))));
        assert!(!relays.add(relay(99)));
        while relays.pop_nack(at(1_000)).is_some() {}
        assert_eq!(relays.deadline(), None);
    }
}
