//! What lies between the nodes: latency, loss, duplication, reordering, and cuts.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::Channel;
use crate::rng::Rng;

/// How packets fare on the way from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The shortest way takes this long.
    pub latency_min: Duration,
    /// The longest way takes this long. Latencies are drawn evenly from the range, so packets
    /// overtake each other when it is wider than the gap between them.
    pub latency_max: Duration,
    /// Datagrams lost, of a thousand. Streams lose nothing.
    pub loss_permille: u16,
    /// Datagrams that arrive twice, of a thousand.
    pub duplication_permille: u16,
}

impl Link {
    /// A network of servers: 0.5 to 2 ms, nothing lost.
    pub const fn lan() -> Self {
        Self {
            latency_min: Duration::from_micros(500),
            latency_max: Duration::from_millis(2),
            loss_permille: 0,
            duplication_permille: 0,
        }
    }

    /// The same link losing `loss_permille` of a thousand datagrams.
    #[must_use]
    pub const fn losing(self, loss_permille: u16) -> Self {
        Self { loss_permille, ..self }
    }

    fn latency(&self, rng: &mut Rng) -> Duration {
        self.latency_min + rng.up_to(self.latency_max.saturating_sub(self.latency_min))
    }

    fn is_lossless(&self) -> bool {
        self.loss_permille == 0
    }
}

/// What happens to one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// There is no way between the two.
    Cut,
    /// It is lost.
    Lost,
    /// It arrives, maybe a second time.
    Arrives { after: Duration, again_after: Option<Duration> },
}

/// The links between the nodes, which are named by their index in the cluster.
#[derive(Clone, Debug)]
pub struct Network {
    /// Every link that has no rule of its own.
    pub link: Link,
    links: BTreeMap<(usize, usize), Link>,
    blocked: BTreeSet<(usize, usize)>,
    groups: Vec<usize>,
    rng: Rng,
}

impl Network {
    pub(super) fn new(link: Link, seed: u64) -> Self {
        let (links, blocked, groups) = Default::default();
        Self { link, links, blocked, groups, rng: Rng::new(seed) }
    }

    /// Gives the way `from` one node `to` another a rule of its own.
    pub fn set_link(&mut self, from: usize, to: usize, link: Link) {
        self.links.insert((from, to), link);
    }

    /// Cuts the way `from` one node `to` another; the way back stays open.
    pub fn block(&mut self, from: usize, to: usize) {
        self.blocked.insert((from, to));
    }

    /// Lets packets through only within each of `groups`; nodes in none of them form one more.
    pub fn partition(&mut self, groups: &[&[usize]]) {
        self.groups.clear();
        for (number, group) in (1..).zip(groups) {
            for &node in *group {
                if self.groups.len() <= node {
                    self.groups.resize(node + 1, 0);
                }
                self.groups[node] = number;
            }
        }
    }

    /// Removes every cut. Links keep their rules.
    pub fn heal(&mut self) {
        self.blocked.clear();
        self.groups.clear();
    }

    /// Whether a packet can get `from` one node `to` another.
    pub fn is_open(&self, from: usize, to: usize) -> bool {
        let group = |node| self.groups.get(node).copied().unwrap_or(0);
        group(from) == group(to) && !self.blocked.contains(&(from, to))
    }

    /// Whether every packet gets through.
    pub(super) fn is_calm(&self) -> bool {
        self.blocked.is_empty()
            && self.groups.is_empty()
            && self.link.is_lossless()
            && self.links.values().all(Link::is_lossless)
    }

    pub(super) fn fate(&mut self, from: usize, to: usize, channel: Channel) -> Fate {
        if !self.is_open(from, to) {
            return Fate::Cut;
        }
        let link = self.links.get(&(from, to)).copied().unwrap_or(self.link);
        match channel {
            Channel::Datagram if self.happens(link.loss_permille) => Fate::Lost,
            Channel::Datagram => {
                let after = link.latency(&mut self.rng);
                let again = self.happens(link.duplication_permille);
                let again_after = again.then(|| link.latency(&mut self.rng));
                Fate::Arrives { after, again_after }
            }
            // One round trip to connect, then the packet.
            Channel::Stream => {
                let after = (0..3).map(|_| link.latency(&mut self.rng)).sum();
                Fate::Arrives { after, again_after: None }
            }
        }
    }

    fn happens(&mut self, permille: u16) -> bool {
        permille > 0 && self.rng.below(1_000) < usize::from(permille)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(network: &mut Network, from: usize, to: usize, channel: Channel) -> usize {
        let fates = (0..10_000).map(|_| network.fate(from, to, channel));
        fates.filter(|fate| matches!(fate, Fate::Arrives { .. })).count()
    }

    #[test]
    fn loss_takes_its_share_of_datagrams_and_nothing_of_streams() {
        let mut network = Network::new(Link::lan().losing(100), 1);
        assert!((8_800..9_200).contains(&arrivals(&mut network, 0, 1, Channel::Datagram)));
        assert_eq!(arrivals(&mut network, 0, 1, Channel::Stream), 10_000);
    }

    #[test]
    fn cuts_are_one_way_or_between_groups_and_heal() {
        let mut network = Network::new(Link::lan(), 1);
        network.block(0, 1);
        assert!(!network.is_open(0, 1) && network.is_open(1, 0) && !network.is_calm());
        network.partition(&[&[0, 2]]);
        assert!(network.is_open(0, 2) && network.is_open(1, 3));
        assert!(!network.is_open(2, 3) && !network.is_open(3, 2));
        assert_eq!(network.fate(3, 2, Channel::Stream), Fate::Cut);
        network.heal();
        assert!(network.is_open(0, 1) && network.is_open(3, 2) && network.is_calm());
    }

    #[test]
    fn latency_stays_in_its_range_and_a_link_keeps_its_own_rule() {
        let mut network = Network::new(Link::lan(), 1);
        let slow = Link { latency_min: Duration::from_secs(1), ..Link::lan() };
        let always_twice = Link { duplication_permille: 1_000, ..slow };
        network.set_link(1, 0, always_twice);
        for _ in 0..1_000 {
            let Fate::Arrives { after, again_after: None } = network.fate(0, 1, Channel::Datagram)
            else {
                panic!("a lossless link loses nothing and doubles nothing");
            };
            assert!(after >= Link::lan().latency_min && after < Link::lan().latency_max);
            let Fate::Arrives { after, again_after: Some(_) } =
                network.fate(1, 0, Channel::Datagram)
            else {
                panic!("this link doubles everything");
            };
            assert_eq!(after, Duration::from_secs(1));
        }
    }
}
