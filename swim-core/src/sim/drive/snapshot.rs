//! Any bytes as what a node kept for its next life.

use core::net::SocketAddr;
use std::collections::BTreeSet;

use crate::sim::snapshot::records;
use crate::storage::Growable;
use crate::time::Instant;
use crate::{
    Acquaintances, Address, Config, DEPARTED_MAX, Identity, Node, NodeId, SNAPSHOT_RECORD_LEN_MAX,
    SnapshotRecord,
};

/// Inputs after which a node looks for no more of those it knew.
const INPUTS_MAX: usize = 8;

/// Any bytes, read as the records of a snapshot: each survives being written, a node begins its
/// life with them, and what it keeps of them reads back the same.
///
/// # Panics
///
/// When a rule does not hold.
pub fn snapshot(bytes: &[u8]) {
    begins_a_life(bytes, SocketAddr::from(([10, 0, 0, 1], 7_946)));
    begins_a_life(bytes, 1u16);
}

fn begins_a_life<A: Address>(bytes: &[u8], address: A) {
    let (mut identity, now) = (Identity::new(NodeId::new(1), address), Instant::ZERO);
    let mut members = Vec::new();
    for record in records::<A>(bytes) {
        survives_rewriting(record);
        match record {
            SnapshotRecord::Me { id, incarnation, patience } => {
                (identity.id, identity.patience) = (id, patience);
                identity.incarnation = incarnation.next();
            }
            SnapshotRecord::Member { id, address } => members.push((id, address)),
        }
    }
    let node = Node::new(identity, Config::lan(), Growable::new(16, 0), 1, now);
    let mut node = node.expect("whatever was kept, a node can be made of it");
    let known: BTreeSet<_> = members.iter().map(|(id, _)| *id).collect();
    let mut acquaintances = Acquaintances::new(members, 1, now);
    (0..INPUTS_MAX).for_each(|_| node.remember_some(&mut acquaintances, now));
    let mut kept = node.snapshot();
    let me = kept.next().expect("the node itself");
    survives_rewriting(me);
    let same = matches!(me, SnapshotRecord::Me { id, incarnation, .. }
        if (id, incarnation) == (identity.id, identity.incarnation));
    assert!(same, "{me:?} of {identity:?}");
    let mut count = 0;
    for record in kept {
        survives_rewriting(record);
        let is_known = matches!(record, SnapshotRecord::Member { id, .. } if known.contains(&id));
        assert!(is_known, "nobody knew {record:?}");
        count += 1;
    }
    assert!(count <= known.len().min(DEPARTED_MAX));
}

/// A record fits, and reads back the same.
pub(super) fn survives_rewriting<A: Address>(record: SnapshotRecord<A>) {
    let mut buffer = [0; SNAPSHOT_RECORD_LEN_MAX];
    let bytes = postcard::to_slice(&record, &mut buffer).expect("a record fits");
    assert_eq!(postcard::from_bytes(bytes), Ok(record));
}
