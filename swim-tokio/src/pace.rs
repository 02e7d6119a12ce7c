//! How fast strangers may bring bytes: a bound for each network, whatever connections it opens.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Bytes of packets that are read from one network in a second; beyond it reading pauses, which the
/// peers notice as full connections.
const BYTES_PER_SECOND_MAX: u32 = 1 << 20;
/// What it may bring at once before that: a table of 100 000 members.
const BURST: Duration = Duration::from_secs(4);
/// Networks whose bytes are remembered. Of more, the one that has been idle longest goes: it has
/// its burst again.
const NETWORKS_MAX: usize = 1_024;
/// Bits of an IPv6 address that name the network; a host chooses the others as it likes.
const IPV6_NETWORK_BITS: u32 = 64;

/// What a single host may have to itself: an IPv4 address, or a /64 of IPv6. Members behind one
/// NAT, or on one machine, share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network(IpAddr);

impl Network {
    pub fn of(address: SocketAddr) -> Self {
        match address.ip() {
            IpAddr::V6(v6) => {
                let bits = u128::from(v6) >> (u128::BITS - IPV6_NETWORK_BITS);
                Self(Ipv6Addr::from(bits << (u128::BITS - IPV6_NETWORK_BITS)).into())
            }
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }
}

/// The pace of every network, which outlives its connections.
#[derive(Debug, Default)]
pub(crate) struct Paces(Mutex<BTreeMap<Network, Pace>>);

impl Paces {
    /// When to read on after `len` bytes from `network`, if not at once.
    pub fn spend(&self, network: Network, len: usize, now: Instant) -> Option<Instant> {
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() >= NETWORKS_MAX && !paces.contains_key(&network) {
            let idlest = paces.iter().min_by_key(|(_, pace)| pace.paid_until);
            if let Some(idlest) = idlest.map(|(&network, _)| network) {
                paces.remove(&idlest);
            }
        }
        paces.entry(network).or_insert(Pace { paid_until: now }).spend(len, now)
    }
}

/// A burst at once, and so many bytes a second from then on: the generic cell rate algorithm.
#[derive(Debug)]
struct Pace {
    /// When all that was brought would have come at the permitted rate.
    paid_until: Instant,
}

impl Pace {
    fn spend(&mut self, len: usize, now: Instant) -> Option<Instant> {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let cost = Duration::from_secs(1) * len / BYTES_PER_SECOND_MAX;
        self.paid_until = self.paid_until.max(now) + cost;
        let due = self.paid_until.checked_sub(BURST)?;
        (due > now).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = BYTES_PER_SECOND_MAX as usize;

    fn network(ip: impl Into<IpAddr>) -> Network {
        Network::of(SocketAddr::new(ip.into(), 1))
    }

    #[test]
    fn a_network_is_one_ipv4_address_or_one_64th_of_ipv6() {
        let are_one = |one: &str, other: &str| {
            Network::of(one.parse().unwrap()) == Network::of(other.parse().unwrap())
        };
        assert!(are_one("10.0.0.1:1", "10.0.0.1:2") && !are_one("10.0.0.1:1", "10.0.0.2:1"));
        assert!(are_one("[fd00::1]:1", "[fd00::2]:2"));
        assert!(!are_one("[fd00:0:0:1::1]:1", "[fd00::1]:1"));
    }

    #[test]
    fn a_network_may_bring_a_burst_and_then_its_rate() {
        let begin = Instant::now() + BURST;
        let (paces, network) = (Paces::default(), network([10, 0, 0, 1]));
        for _ in 0..BURST.as_secs() {
            assert_eq!(paces.spend(network, SECOND, begin), None);
        }
        let due = paces.spend(network, SECOND, begin).expect("that is more than a burst");
        assert_eq!(due, begin + Duration::from_secs(1));
        let later = begin + Duration::from_secs(60);
        let burst = BURST.as_secs() as usize * SECOND;
        assert_eq!(paces.spend(network, burst, later), None, "it was quiet");
        let due = paces.spend(network, SECOND / 2, later);
        assert_eq!(due, Some(later + Duration::from_millis(500)));
    }

    #[test]
    fn of_too_many_networks_the_idlest_is_forgotten() {
        let begin = Instant::now() + BURST;
        let (paces, busy) = (Paces::default(), network([10, 0, 0, 1]));
        assert!(paces.spend(busy, 2 * BURST.as_secs() as usize * SECOND, begin).is_some());
        for number in 0..2 * NETWORKS_MAX as u32 {
            let other = network((0x0b00_0000 + number).to_be_bytes());
            assert_eq!(paces.spend(other, 1, begin), None);
        }
        assert_eq!(paces.0.lock().unwrap().len(), NETWORKS_MAX);
        assert!(paces.spend(busy, 1, begin).is_some(), "it is not the idlest");
    }
}
