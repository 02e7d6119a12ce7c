//! What a node writes down, and how it begins its next life with that.

use crate::storage::Storage;
use crate::{
    Acquaintances, Address, Identity, Incarnation, SNAPSHOT_RECORD_LEN_MAX, SnapshotRecord,
};

use super::cluster::Cluster;
use super::scenario::SimAddress;

type Record = SnapshotRecord<SimAddress>;

impl<S: Storage> Cluster<S> {
    /// Lets a node that runs write a snapshot to its disk, as a driver does now and then: itself,
    /// whom it knows, and the acquaintances of its earlier life whom it has yet to find.
    pub fn save_snapshot(&mut self, node: usize) {
        let process = &mut self.processes[node];
        let Some(node) = &process.node else { return };
        let former = process.acquaintances.iter();
        let former = former.map(|(id, address)| Record::Member { id, address });
        let mut buffer = [0; SNAPSHOT_RECORD_LEN_MAX];
        process.disk.clear();
        for record in node.snapshot().chain(former) {
            if let Ok(bytes) = postcard::to_slice(&record, &mut buffer) {
                process.disk.extend_from_slice(bytes);
            }
        }
    }

    /// Starts a process again with what its last snapshot says, after a crash if it still runs:
    /// above its last incarnation, looking for those it knew. Without a snapshot this is
    /// [`restart`](Self::restart).
    pub fn restart_from_snapshot(&mut self, node: usize) {
        self.crash(node);
        let process = &self.processes[node];
        let mut identity = Identity::new(process.id, process.address);
        let mut members = Vec::new();
        for record in records::<SimAddress>(&process.disk) {
            match record {
                Record::Me { id: _, incarnation, patience } => {
                    (identity.incarnation, identity.patience) = (incarnation.next(), patience);
                }
                Record::Member { id, address } => members.push((id, address)),
            }
        }
        self.start_as(node, identity);
        let seed = self.rng.next_u64();
        let process = &mut self.processes[node];
        let now = process.clock.local(self.now);
        process.acquaintances = Acquaintances::new(members, seed, now);
        let outcome = self.settle(node);
        self.judge(node, outcome);
    }

    /// The incarnation that a node's last snapshot tells of.
    pub fn saved_incarnation(&self, node: usize) -> Option<Incarnation> {
        records::<SimAddress>(&self.processes[node].disk).find_map(|record| match record {
            Record::Me { incarnation, .. } => Some(incarnation),
            Record::Member { .. } => None,
        })
    }
}

/// The records that follow each other in a snapshot, up to the first that cannot be read.
pub(super) fn records<A: Address>(mut bytes: &[u8]) -> impl Iterator<Item = SnapshotRecord<A>> {
    core::iter::from_fn(move || {
        let (record, rest) = postcard::take_from_bytes(bytes).ok()?;
        bytes = rest;
        Some(record)
    })
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::sim::{Failure, Scenario};
    use crate::storage::Growable;

    #[test]
    fn a_lone_survivor_of_a_crash_finds_the_others_again() -> Result<(), Failure> {
        let mut cluster = Cluster::new(Scenario::new("snapshot", 1, |_| Growable::new(64, 0)));
        cluster.add_many(20);
        cluster.introduce_all();
        cluster.save_snapshot(3);
        let before = cluster.saved_incarnation(3);
        cluster.restart_from_snapshot(3);
        let now = cluster.node(3).map(|node| node.incarnation());
        assert_eq!(now, before.map(Incarnation::next));
        let met = cluster.run_until(Duration::from_secs(30), Cluster::views_agree)?;
        assert!(met.is_some());
        assert!(cluster.processes[3].acquaintances.is_empty());
        Ok(())
    }

    #[test]
    fn whoever_has_found_nobody_yet_forgets_nobody() -> Result<(), Failure> {
        let mut cluster = Cluster::new(Scenario::new("snapshot", 1, |_| Growable::new(64, 0)));
        cluster.add_many(40);
        cluster.introduce_all();
        cluster.save_snapshot(0);
        (1..40).for_each(|node| cluster.crash(node));
        for _ in 0..3 {
            cluster.restart_from_snapshot(0);
            cluster.run_for(Duration::from_secs(100))?;
            cluster.save_snapshot(0);
            let mut kept: Vec<Record> = records(&cluster.processes[0].disk).skip(1).collect();
            kept.sort_by_key(|record| match record {
                Record::Me { id, .. } | Record::Member { id, .. } => *id,
            });
            kept.dedup();
            assert_eq!(kept.len(), 39);
        }
        let tried = cluster.node(0).map_or(0, |node| node.stats().heals);
        assert!(tried > 39, "all have had their turn: {tried}");
        Ok(())
    }

    #[test]
    fn without_a_snapshot_it_is_a_restart() {
        let mut cluster = Cluster::new(Scenario::new("snapshot", 1, |_| Growable::new(64, 0)));
        cluster.add_many(2);
        cluster.restart_from_snapshot(0);
        assert_eq!(cluster.node(0).map(|node| node.incarnation().number()), Some(0));
        assert_eq!(cluster.saved_incarnation(0), None);
    }
}
