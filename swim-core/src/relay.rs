//! Probing for others: what a relay has to remember between a ping-req and its answer.

use core::time::Duration;

use crate::member::NodeId;
use crate::storage::{Bounds, List};
use crate::time::{Instant, times};
use crate::wire::Belief;

/// How much longer than a probe interval a requester may want to wait: its local health stretches
/// its probes so far.
const WAIT_FACTOR_MAX: u32 = 9;

/// Requesters it takes to use all relays; those who may be somebody else count as one.
const PEERS_MIN: usize = 3;

/// One indirect probe being relayed. `A` is an address, `C` a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relay<A, C> {
    /// Whom to ping, and where.
    pub target: NodeId,
    pub address: A,
    /// The number of this node's own ping.
    pub number: u32,
    /// Who wants to know, and how to answer.
    pub requester: A,
    pub channel: C,
    /// The number to answer with.
    pub request: u32,
    /// What the requester believes of the target.
    pub belief: Option<Belief>,
    /// The longest packet that may be sent for it, to either side.
    pub len_max: u16,
}

impl<A, C> Relay<A, C> {
    /// Whether the requester may be somebody else than it says: it gets one answer.
    pub const fn is_limited(&self) -> bool {
        self.len_max < u16::MAX
    }
}

/// When something is to be done about a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayTiming {
    /// When to ping once more; `None`: one ping is enough.
    pub again_after: Option<Duration>,
    /// When the requester wants a nack; zero if it does not.
    pub nack_after: Duration,
    /// How long a request is remembered at least.
    pub lifetime: Duration,
}

/// What is due about a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayStep<A, C> {
    /// Ping the target once more.
    PingAgain(Relay<A, C>),
    /// Tell the requester that the target was not reached.
    Nack(Relay<A, C>),
}

/// The indirect probes being relayed.
pub struct Relays<A, C, B: Bounds> {
    running: B::Relays<Running<A, C>>,
}

#[derive(Debug)]
pub struct Running<A, C> {
    relay: Relay<A, C>,
    again_at: Option<Instant>,
    /// `None` if no nack is wanted, or it was sent.
    nack_at: Option<Instant>,
    /// Until when an ack is still passed on.
    expires_at: Instant,
}

impl<A, C> Running<A, C> {
    fn next_at(&self) -> Instant {
        let steps = [self.again_at, self.nack_at, Some(self.expires_at)];
        steps.into_iter().flatten().min().unwrap_or(self.expires_at)
    }
}

impl<A: Copy + PartialEq, C: Copy, B: Bounds> Relays<A, C, B> {
    pub fn new(bounds: &B) -> Self {
        Self { running: bounds.relays() }
    }

    /// The same request, if it is running.
    pub fn find(&self, wanted: &Relay<A, C>) -> Option<Relay<A, C>> {
        let asked = |relay: &Relay<A, C>| (relay.requester, relay.request, relay.target);
        let mut relays = self.running.as_slice().iter().map(|running| running.relay);
        relays.find(|relay| asked(relay) == asked(wanted))
    }

    /// Takes a request on; false when too many are running, or a third of as many for the same
    /// requester, or for all together who may be somebody else than they say. It is forgotten
    /// after its lifetime, or when the nack is due if that is later; but nobody can make a relay
    /// remember for longer than [`WAIT_FACTOR_MAX`] lifetimes.
    pub fn add(&mut self, relay: Relay<A, C>, timing: RelayTiming, now: Instant) -> bool {
        let RelayTiming { again_after, nack_after, lifetime } = timing;
        let nack_after = nack_after.min(times(lifetime, WAIT_FACTOR_MAX));
        let of_peer = |other: &Relay<A, C>| other.requester == relay.requester;
        let limited_too = |other: &Relay<A, C>| relay.is_limited() && other.is_limited();
        if self.count(of_peer).max(self.count(limited_too)) >= self.per_peer_max() {
            return false;
        }
        let running = Running {
            relay,
            again_at: again_after.map(|again_after| now.after(again_after)),
            nack_at: (!nack_after.is_zero()).then(|| now.after(nack_after)),
            expires_at: now.after(lifetime.max(nack_after)),
        };
        self.running.push(running).is_ok()
    }

    fn count(&self, counts: impl Fn(&Relay<A, C>) -> bool) -> usize {
        self.running.as_slice().iter().filter(|running| counts(&running.relay)).count()
    }

    /// How many one requester may have running.
    fn per_peer_max(&self) -> usize {
        self.running.len_max().div_ceil(PEERS_MIN)
    }

    /// An ack came: the request it answers, if it answers one.
    pub fn ack(&mut self, number: u32, sender: NodeId) -> Option<Relay<A, C>> {
        let answers = |relay: &Relay<A, C>| relay.number == number && relay.target == sender;
        let found = self.running.as_slice().iter().position(|running| answers(&running.relay))?;
        self.running.swap_remove(found).map(|running| running.relay)
    }

    /// Nothing listens at `address`: a request to reach it, which is over. Repeat until `None`.
    pub fn pop_refused(&mut self, address: A) -> Option<Relay<A, C>> {
        let found =
            self.running.as_slice().iter().position(|running| running.relay.address == address)?;
        self.running.swap_remove(found).map(|running| running.relay)
    }

    /// What is due at `now`. Forgets the requests that have expired.
    pub fn step(&mut self, now: Instant) -> Option<RelayStep<A, C>> {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        for running in self.running.as_mut_slice() {
            if is_due(running.nack_at) {
                (running.nack_at, running.again_at) = (None, None);
                if running.relay.is_limited() {
                    running.expires_at = now;
                }
                return Some(RelayStep::Nack(running.relay));
            }
            if is_due(running.again_at) {
                running.again_at = None;
                return Some(RelayStep::PingAgain(running.relay));
            }
        }
        self.running.retain(|running| running.expires_at > now);
        None
    }

    /// Forgets all requests.
    pub fn clear(&mut self) {
        self.running.reset();
    }

    /// When something is next due.
    pub fn deadline(&self) -> Option<Instant> {
        self.running.as_slice().iter().map(Running::next_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{RELAYS_MAX, Server};

    const TARGET: NodeId = NodeId::new(1);
    const RELAY: Relay<u16, ()> = Relay {
        target: TARGET,
        address: 1,
        number: 1,
        requester: 9,
        channel: (),
        request: 70,
        belief: None,
        len_max: u16::MAX,
    };
    const TIMING: RelayTiming = RelayTiming {
        again_after: None,
        nack_after: Duration::from_millis(400),
        lifetime: Duration::from_millis(1_000),
    };

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn relaying(timing: RelayTiming) -> Relays<u16, (), Server> {
        let mut relays = Relays::new(&Server);
        assert!(relays.add(RELAY, timing, at(0)));
        relays
    }

    #[test]
    fn a_nack_is_sent_once_and_a_late_ack_still_passed_on() {
        let mut relays = relaying(TIMING);
        assert_eq!(relays.deadline(), Some(at(400)));
        assert_eq!(relays.step(at(399)), None);
        assert_eq!(relays.step(at(400)), Some(RelayStep::Nack(RELAY)));
        assert_eq!(relays.step(at(400)), None);
        assert_eq!(relays.ack(1, NodeId::new(5)), None, "not the target");
        assert_eq!(relays.ack(1, TARGET), Some(RELAY));
        assert_eq!(relays.ack(1, TARGET), None);
    }

    #[test]
    fn the_target_is_pinged_once_more_unless_it_has_answered() {
        let timing = RelayTiming { again_after: Some(Duration::from_millis(200)), ..TIMING };
        let mut relays = relaying(timing);
        assert_eq!(relays.step(at(199)), None);
        assert_eq!(relays.step(at(200)), Some(RelayStep::PingAgain(RELAY)));
        assert_eq!(relays.step(at(300)), None);
        let mut late = relaying(timing);
        assert_eq!(late.step(at(500)), Some(RelayStep::Nack(RELAY)));
        assert_eq!(late.step(at(500)), None, "too late to ping");
        let mut answered = relaying(timing);
        assert!(answered.ack(1, TARGET).is_some());
        assert_eq!(answered.deadline(), None);
    }

    #[test]
    fn a_refusal_ends_all_requests_for_that_address() {
        let mut relays = relaying(TIMING);
        relays.add(Relay { number: 2, requester: 8, ..RELAY }, TIMING, at(0));
        relays.add(Relay { number: 3, address: 2, ..RELAY }, TIMING, at(0));
        assert_eq!(relays.pop_refused(1), Some(RELAY));
        assert_eq!(relays.pop_refused(1).map(|relay| relay.requester), Some(8));
        assert_eq!(relays.pop_refused(1), None);
        assert_eq!(relays.ack(3, TARGET).map(|relay| relay.number), Some(3));
    }

    #[test]
    fn a_requester_that_waits_longer_is_waited_for() {
        let mut relays = relaying(RelayTiming { nack_after: Duration::from_secs(2), ..TIMING });
        assert_eq!(relays.step(at(1_500)), None);
        assert!(relays.ack(1, TARGET).is_some());
    }

    #[test]
    fn nobody_can_make_a_relay_remember_for_days() {
        let relays = relaying(RelayTiming { nack_after: Duration::MAX, ..TIMING });
        assert_eq!(relays.deadline(), Some(at(9_000)));
    }

    #[test]
    fn requests_expire_and_too_many_are_not_taken_on() {
        let mut relays = Relays::new(&Server);
        let of_peers = |peer| Relay { requester: peer as u16, ..RELAY };
        assert!((0..RELAYS_MAX).all(|peer| relays.add(of_peers(peer), TIMING, at(0))));
        assert!(!relays.add(of_peers(RELAYS_MAX), TIMING, at(0)));
        while relays.step(at(1_000)).is_some() {}
        assert_eq!(relays.deadline(), None);
    }

    #[test]
    fn one_requester_gets_no_more_than_its_share() {
        let mut relays = Relays::new(&Server);
        let taken = (0..RELAYS_MAX).filter(|_| relays.add(RELAY, TIMING, at(0))).count();
        assert_eq!(taken, RELAYS_MAX.div_ceil(3));
        assert!(relays.add(Relay { requester: 8, ..RELAY }, TIMING, at(0)));
    }

    #[test]
    fn all_who_may_be_somebody_else_get_the_share_of_one() {
        let mut relays = Relays::new(&Server);
        let limited = |peer| Relay { requester: peer as u16, len_max: 40, ..RELAY };
        let taken = (0..RELAYS_MAX).filter(|&peer| relays.add(limited(peer), TIMING, at(0)));
        assert_eq!(taken.count(), RELAYS_MAX.div_ceil(3));
        assert!(relays.add(Relay { requester: 1, ..RELAY }, TIMING, at(0)));
    }

    #[test]
    fn a_request_is_known_again_by_who_asked_what() {
        let relays = relaying(TIMING);
        assert_eq!(relays.find(&Relay { number: 5, address: 4, ..RELAY }), Some(RELAY));
        for other in [
            Relay { request: 71, ..RELAY },
            Relay { requester: 8, ..RELAY },
            Relay { target: NodeId::new(2), ..RELAY },
        ] {
            assert_eq!(relays.find(&other), None);
        }
    }

    #[test]
    fn whoever_may_be_somebody_else_gets_one_answer() {
        let mut relays = Relays::<u16, (), Server>::new(&Server);
        let limited = Relay { len_max: 40, ..RELAY };
        assert!(relays.add(limited, TIMING, at(0)));
        assert_eq!(relays.step(at(400)), Some(RelayStep::Nack(limited)));
        assert_eq!(relays.step(at(400)), None);
        assert_eq!(relays.ack(1, TARGET), None);
    }
}
