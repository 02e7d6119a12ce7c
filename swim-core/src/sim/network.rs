//! What lies between the nodes: latency, loss, duplication, reordering, and cuts.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::Channel;
use crate::rng::Rng;

use super::link::{Burst, Link};

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

/// What is wrong with the connection of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Plug {
    is_deaf: bool,
    is_silent: bool,
    rejects: bool,
    loss_permille: u16,
}

/// The links between the nodes, which are named by their index in the cluster.
///
/// Datagrams need a way from one node to another. Streams need the way back as well.
#[derive(Clone, Debug)]
pub struct Network {
    /// Every link that has no rule of its own.
    pub link: Link,
    /// Whether there are streams at all. Default: true.
    pub streams_open: bool,
    links: BTreeMap<(usize, usize), Link>,
    blocked: BTreeSet<(usize, usize)>,
    groups: Vec<usize>,
    /// By node; nothing is wrong with those beyond its end.
    plugs: Vec<Plug>,
    /// Whether the way from one node to another is in a burst; where nothing is said it is not.
    bursts: Vec<Vec<bool>>,
    rng: Rng,
}

impl Network {
    pub(super) fn new(link: Link, seed: u64) -> Self {
        let (links, blocked, groups, plugs, bursts) = Default::default();
        let rng = Rng::new(seed);
        Self { link, streams_open: true, links, blocked, groups, plugs, bursts, rng }
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
                *entry(&mut self.groups, node) = number;
            }
        }
    }

    /// Removes every cut between nodes. Links keep their rules, and nodes what is wrong with their
    /// own connection.
    pub fn heal(&mut self) {
        self.blocked.clear();
        self.groups.clear();
    }

    /// Lets nothing reach a node.
    pub fn deafen(&mut self, node: usize) {
        entry(&mut self.plugs, node).is_deaf = true;
    }

    /// Lets nothing leave a node.
    pub fn silence(&mut self, node: usize) {
        entry(&mut self.plugs, node).is_silent = true;
    }

    /// Lets a node's firewall refuse everything that comes in. Its own datagrams leave, and those
    /// who send to it [are told](crate::Node::handle_unreachable) as if its process had died.
    pub fn reject(&mut self, node: usize) {
        entry(&mut self.plugs, node).rejects = true;
    }

    /// Loses `loss_permille` of a thousand datagrams to and from a node, on top of what its links
    /// lose.
    pub fn set_node_loss(&mut self, node: usize, loss_permille: u16) {
        entry(&mut self.plugs, node).loss_permille = loss_permille;
    }

    /// Ends all that is wrong with the connection of one node: what [`deafen`](Self::deafen),
    /// [`silence`](Self::silence), [`reject`](Self::reject) and
    /// [`set_node_loss`](Self::set_node_loss) did.
    pub fn restore(&mut self, node: usize) {
        *entry(&mut self.plugs, node) = Plug::default();
        // What is empty costs no look-up.
        if self.plugs.iter().all(|plug| *plug == Plug::default()) {
            self.plugs.clear();
        }
    }

    /// Whether a datagram can get `from` one node `to` another.
    pub fn is_open(&self, from: usize, to: usize) -> bool {
        let group = |node| self.groups.get(node).copied().unwrap_or(0);
        !self.plug(from).is_silent
            && !self.plug(to).is_deaf
            && (self.groups.is_empty() || group(from) == group(to))
            && (self.blocked.is_empty() || !self.blocked.contains(&(from, to)))
    }

    /// Whether the firewall of a node refuses what comes in.
    pub(super) fn rejects(&self, node: usize) -> bool {
        self.plug(node).rejects
    }

    /// Whether every datagram gets through, and is taken.
    pub(super) fn is_calm(&self) -> bool {
        self.blocked.is_empty()
            && self.groups.is_empty()
            && self.plugs.iter().all(|plug| *plug == Plug::default())
            && self.link.is_lossless()
            && self.links.values().all(Link::is_lossless)
    }

    pub(super) fn fate(&mut self, from: usize, to: usize, channel: Channel) -> Fate {
        let link = match self.links.is_empty() {
            true => self.link,
            false => self.links.get(&(from, to)).copied().unwrap_or(self.link),
        };
        match channel {
            _ if !self.is_open(from, to) => Fate::Cut,
            Channel::Datagram if self.is_lost(from, to, &link) => Fate::Lost,
            Channel::Datagram => {
                let after = link.latency(&mut self.rng);
                let again = self.happens(link.duplication_permille);
                let again_after = again.then(|| link.latency(&mut self.rng));
                Fate::Arrives { after, again_after }
            }
            // Who refuses what comes in refuses the answers to its own streams.
            Channel::Stream
                if !self.streams_open || !self.is_open(to, from) || self.rejects(from) =>
            {
                Fate::Cut
            }
            // One round trip to connect, then the packet.
            Channel::Stream => {
                let after = (0..3).map(|_| link.latency(&mut self.rng)).sum();
                Fate::Arrives { after, again_after: None }
            }
        }
    }

    fn is_lost(&mut self, from: usize, to: usize, link: &Link) -> bool {
        let mut lost = self.happens(link.loss_permille);
        if let Some(burst) = link.burst {
            lost |= self.is_lost_in_burst(from, to, burst);
        }
        if !self.plugs.is_empty() {
            let plugs = [self.plug(from), self.plug(to)];
            lost |= plugs.iter().any(|plug| self.happens(plug.loss_permille));
        }
        lost
    }

    fn is_lost_in_burst(&mut self, from: usize, to: usize, burst: Burst) -> bool {
        let Burst { begins_permille, ends_permille, loss_permille } = burst;
        let was_inside = *entry(entry(&mut self.bursts, from), to);
        let turns = self.happens(if was_inside { ends_permille } else { begins_permille });
        let is_inside = was_inside != turns;
        self.bursts[from][to] = is_inside;
        is_inside && self.happens(loss_permille)
    }

    fn plug(&self, node: usize) -> Plug {
        self.plugs.get(node).copied().unwrap_or_default()
    }

    fn happens(&mut self, permille: u16) -> bool {
        permille > 0 && self.rng.below(1_000) < usize::from(permille)
    }
}

/// The entry of a node, made with all those before it if need be.
fn entry<T: Clone + Default>(entries: &mut Vec<T>, node: usize) -> &mut T {
    if entries.len() <= node {
        entries.resize(node + 1, T::default());
    }
    &mut entries[node]
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

    #[test]
    fn streams_need_both_ways_and_can_be_closed() {
        let mut network = Network::new(Link::lan().losing(1_000), 1);
        network.block(0, 1);
        assert_eq!(network.fate(0, 1, Channel::Stream), Fate::Cut);
        assert_eq!(network.fate(1, 0, Channel::Stream), Fate::Cut);
        assert_eq!(network.fate(1, 0, Channel::Datagram), Fate::Lost);
        assert_eq!(arrivals(&mut network, 0, 2, Channel::Stream), 10_000);
        network.streams_open = false;
        assert_eq!(arrivals(&mut network, 0, 2, Channel::Stream), 0);
        network.link = Link::lan();
        assert_eq!(arrivals(&mut network, 0, 2, Channel::Datagram), 10_000);
    }

    #[test]
    fn the_deaf_hear_nothing_and_the_silent_say_nothing_until_restored() {
        let mut network = Network::new(Link::lan(), 1);
        network.deafen(3);
        network.silence(5);
        assert!(!network.is_calm());
        for (from, to, is_open) in [(3, 4, true), (4, 3, false), (5, 4, false), (4, 5, true)] {
            assert_eq!(network.is_open(from, to), is_open, "{from} to {to}");
            let all = if is_open { 10_000 } else { 0 };
            assert_eq!(arrivals(&mut network, from, to, Channel::Datagram), all);
            assert_eq!(network.fate(from, to, Channel::Stream), Fate::Cut);
        }
        network.heal();
        assert!(!network.is_open(4, 3), "what is wrong with a node is no cut between nodes");
        network.restore(3);
        assert!(network.is_open(4, 3) && !network.is_open(5, 4) && !network.is_calm());
        network.restore(5);
        assert!(network.is_open(5, 4) && network.is_calm() && network.plugs.is_empty());
    }

    #[test]
    fn the_loss_of_a_node_comes_on_top_in_both_directions() {
        let mut network = Network::new(Link::lan().losing(500), 1);
        network.set_node_loss(1, 500);
        network.set_node_loss(2, 500);
        let near = |count: usize, expected: usize| count.abs_diff(expected) < 200;
        assert!(near(arrivals(&mut network, 0, 3, Channel::Datagram), 5_000));
        assert!(near(arrivals(&mut network, 0, 1, Channel::Datagram), 2_500));
        assert!(near(arrivals(&mut network, 1, 0, Channel::Datagram), 2_500));
        assert!(near(arrivals(&mut network, 1, 2, Channel::Datagram), 1_250));
        assert_eq!(arrivals(&mut network, 1, 2, Channel::Stream), 10_000);
        network.restore(1);
        assert!(near(arrivals(&mut network, 0, 1, Channel::Datagram), 5_000));
    }

    #[test]
    fn a_firewall_lets_datagrams_out_and_no_streams() {
        let mut network = Network::new(Link::lan(), 1);
        network.reject(1);
        assert!(network.rejects(1) && !network.rejects(0) && !network.is_calm());
        assert_eq!(arrivals(&mut network, 1, 0, Channel::Datagram), 10_000);
        assert_eq!(arrivals(&mut network, 1, 0, Channel::Stream), 0);
        // It is the host at the end of the way that refuses.
        assert_eq!(arrivals(&mut network, 0, 1, Channel::Stream), 10_000);
        network.restore(1);
        assert!(!network.rejects(1) && network.is_calm());
    }

    /// The lengths of all runs of lost datagrams between two nodes, the others by turns.
    fn runs_of_loss(network: &mut Network, count: usize) -> Vec<usize> {
        let mut runs = vec![0];
        for _ in 0..count {
            network.fate(1, 0, Channel::Datagram);
            match (network.fate(0, 1, Channel::Datagram), runs.last_mut()) {
                (Fate::Lost, Some(run)) => *run += 1,
                _ => runs.push(0),
            }
        }
        runs.retain(|&run| run > 0);
        runs
    }

    #[test]
    fn bursts_take_their_share_in_runs_of_their_length() {
        let burst = Burst { begins_permille: 10, ends_permille: 100, loss_permille: 1_000 };
        let mut network = Network::new(Link::lan().bursting(burst), 1);
        assert!(!network.is_calm());
        let runs = runs_of_loss(&mut network, 200_000);
        let lost: usize = runs.iter().sum();
        // 10 / (10 + 100) of all, ten at a time.
        assert!((16_900..19_500).contains(&lost), "{lost}");
        assert!((9..=11).contains(&(lost / runs.len())), "{lost} in {} runs", runs.len());
    }

    #[test]
    fn every_directed_pair_has_bursts_of_its_own_and_streams_have_none() {
        let begins = Burst { begins_permille: 1_000, ends_permille: 0, loss_permille: 1_000 };
        let mut network = Network::new(Link::lan().bursting(begins), 1);
        assert_eq!(arrivals(&mut network, 0, 1, Channel::Datagram), 0);
        let goes_on = Burst { begins_permille: 0, ..begins };
        network.link = Link::lan().bursting(goes_on);
        assert_eq!(arrivals(&mut network, 0, 1, Channel::Datagram), 0);
        assert_eq!(arrivals(&mut network, 1, 0, Channel::Datagram), 10_000);
        assert_eq!(arrivals(&mut network, 0, 2, Channel::Datagram), 10_000);
        assert_eq!(arrivals(&mut network, 0, 1, Channel::Stream), 10_000);
        let harmless = Burst { loss_permille: 0, ..goes_on };
        network.link = Link::lan().bursting(harmless);
        assert_eq!(arrivals(&mut network, 0, 1, Channel::Datagram), 10_000);
    }

    #[test]
    fn on_a_reordering_link_packets_overtake_each_other() {
        let overtaken = |link: Link| {
            let mut network = Network::new(link, 1);
            let sent = (0..1_000).map(|number| Duration::from_millis(5) * number);
            let arrived = sent.filter_map(|sent| match network.fate(0, 1, Channel::Datagram) {
                Fate::Arrives { after, .. } => Some(sent + after),
                Fate::Cut | Fate::Lost => None,
            });
            let arrived: Vec<_> = arrived.collect();
            assert_eq!(arrived.len(), 1_000);
            arrived.windows(2).filter(|pair| pair[0] > pair[1]).count()
        };
        assert_eq!(overtaken(Link::lan()), 0);
        assert!(overtaken(Link::lan().reordering(Duration::from_millis(50))) > 300);
    }
}
