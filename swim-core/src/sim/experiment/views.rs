//! Whether every node sees the cluster as it is, and since when.

use crate::Node;
use crate::member::{Member, NodeId};
use crate::sim::cluster::Cluster;
use crate::sim::scenario::SimAddress;
use crate::storage::Growable;
use crate::time::Instant;

/// When a view is right. That of a leaf holds some of them, and nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// It holds exactly those for living who run.
    Members,
    /// It holds them at their present boot and incarnation, too.
    Lives,
}

/// A set of living members, in two numbers: equal sets have equal ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Digest {
    count: usize,
    sum: u64,
}

/// Since when the view of each node is right.
///
/// A count settles most of it; a table is walked only when its count is right and it has not been
/// found right since anybody came, went, or spoke of himself anew.
#[derive(Debug)]
pub(super) struct Views {
    right: Right,
    truth: Digest,
    /// What the truth is made of, in order: only who has no room for it all is held against it.
    parts: Vec<u64>,
    /// By node. `None`: its view is wrong, or it does not run.
    since: Vec<Option<Instant>>,
    /// Whether the table was walked for the present truth, by node.
    walked: Vec<bool>,
}

impl Views {
    /// Views that are still to be looked at.
    pub fn new(right: Right) -> Self {
        Self {
            right,
            truth: Digest::default(),
            parts: Vec::new(),
            since: Vec::new(),
            walked: Vec::new(),
        }
    }

    /// Looks at all views. Returns whether all are right.
    pub fn look(&mut self, cluster: &Cluster<Growable>) -> bool {
        let truth = self.truth(cluster);
        if truth != self.truth {
            (self.truth, self.walked) = (truth, Vec::new());
            self.parts = self.truth_parts(cluster);
        }
        self.since.resize(cluster.len(), None);
        self.walked.resize(cluster.len(), false);
        let mut all_right = true;
        for node in 0..cluster.len() {
            let is_right = self.is_right(cluster, node);
            let since = self.since[node].unwrap_or(cluster.now());
            self.since[node] = is_right.then_some(since);
            all_right &= is_right || !cluster.is_member(node);
        }
        all_right && self.is_still_so(cluster)
    }

    /// How many of those who run had a wrong view when last looked at.
    pub fn wrong_count(&self, cluster: &Cluster<Growable>) -> u64 {
        cluster.population().filter(|&node| self.right_since(node).is_none()).count() as u64
    }

    /// Since when a view has been right.
    pub fn right_since(&self, node: usize) -> Option<Instant> {
        self.since.get(node).copied().flatten()
    }

    /// Since when half of the views of those who run have been right.
    pub fn median(&self, cluster: &Cluster<Growable>) -> Option<Instant> {
        let mut times: Vec<_> = cluster.population().map(|node| self.right_since(node)).collect();
        times.sort_unstable_by_key(|time| (time.is_none(), *time));
        times.get(times.len().saturating_sub(1) / 2).copied().flatten()
    }

    fn is_right(&mut self, cluster: &Cluster<Growable>, node: usize) -> bool {
        let Some(viewer) = cluster.node(node).filter(|_| cluster.is_member(node)) else {
            return false;
        };
        if !cluster.has_room_for(node, self.truth.count) {
            return self.is_part_of_truth(cluster, node);
        }
        if viewer.live_count() != self.truth.count {
            self.walked[node] = false;
            return false;
        }
        if !self.walked[node] {
            self.walked[node] = self.seen(viewer) == self.truth;
        }
        self.walked[node]
    }

    /// Whether a table without room for all is nearly full of the living.
    fn is_part_of_truth(&self, cluster: &Cluster<Growable>, node: usize) -> bool {
        let members = cluster.node(node).into_iter().flat_map(Node::members);
        let mut living = members.filter(|member| member.status.is_live());
        cluster.is_nearly_full(node)
            && living.all(|member| self.parts.binary_search(&self.hash(&member)).is_ok())
    }

    fn truth_parts(&self, cluster: &Cluster<Growable>) -> Vec<u64> {
        let members = cluster.population().filter_map(|node| cluster.node(node));
        let mut parts: Vec<_> = members.map(|node| self.hash(&node.me())).collect();
        parts.sort_unstable();
        parts
    }

    /// Walks every table, in case one changed and kept its count.
    fn is_still_so(&mut self, cluster: &Cluster<Growable>) -> bool {
        self.walked.fill(false);
        (0..cluster.len()).all(|node| !cluster.is_member(node) || self.is_right(cluster, node))
    }

    fn truth(&self, cluster: &Cluster<Growable>) -> Digest {
        let members = cluster.population().filter_map(|node| cluster.node(node));
        self.digest(members.map(Node::me))
    }

    fn seen(&self, viewer: &Node<SimAddress, Growable>) -> Digest {
        self.digest(viewer.members().filter(|member| member.status.is_live()))
    }

    fn digest<'a>(&self, members: impl Iterator<Item = Member<'a, SimAddress>>) -> Digest {
        members.fold(Digest::default(), |Digest { count, sum }, member| Digest {
            count: count + 1,
            sum: sum.wrapping_add(self.hash(&member)),
        })
    }

    fn hash(&self, member: &Member<'_, SimAddress>) -> u64 {
        let life = u64::from(member.incarnation.number()) << 16 | u64::from(member.boot);
        match self.right {
            Right::Members => member.id.mixed(),
            Right::Lives => NodeId::new(member.id.mixed() ^ life).mixed(),
        }
    }
}
