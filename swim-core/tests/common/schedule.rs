//! Random schedules: what can happen to a cluster, as data that proptest can shrink.

use std::time::Duration;

use proptest::prelude::*;
use swim_core::sim::{Cluster, Failure};
use swim_core::storage::Growable;

/// One thing that happens to a cluster of a random schedule; nodes are taken modulo its size.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Wait(u16),
    Crash(u8),
    Restart(u8, u8),
    RestartElsewhere(u8, u8),
    Relocate(u8),
    Freeze(u8, u16),
    Leave(u8),
    Rejoin(u8),
    SetMetadata(u8, u8),
    Block(u8, u8),
    Partition(u8),
    Heal,
}

/// Any act, waiting most often.
pub fn act() -> impl Strategy<Value = Act> {
    let node = any::<u8>();
    prop_oneof![
        6 => (1..15_000u16).prop_map(Act::Wait),
        2 => node.prop_map(Act::Crash),
        3 => (node, node).prop_map(|(node, seed)| Act::Restart(node, seed)),
        1 => (node, node).prop_map(|(node, seed)| Act::RestartElsewhere(node, seed)),
        1 => node.prop_map(Act::Relocate),
        2 => (node, 1..30_000u16).prop_map(|(node, millis)| Act::Freeze(node, millis)),
        1 => node.prop_map(Act::Leave),
        2 => node.prop_map(Act::Rejoin),
        2 => (node, node).prop_map(|(node, byte)| Act::SetMetadata(node, byte)),
        2 => (node, node).prop_map(|(from, to)| Act::Block(from, to)),
        1 => node.prop_map(Act::Partition),
        2 => Just(Act::Heal),
    ]
}

/// Does `act` to `cluster`.
pub fn perform(cluster: &mut Cluster<Growable>, act: Act) -> Result<(), Failure> {
    let len = cluster.len();
    let node = |number: u8| usize::from(number) % len;
    match act {
        Act::Wait(millis) => cluster.run_for(Duration::from_millis(millis.into()))?,
        Act::Crash(crashed) => cluster.crash(node(crashed)),
        Act::Restart(restarted, seed) => {
            cluster.restart(node(restarted));
            cluster.join(node(restarted), node(seed));
        }
        Act::RestartElsewhere(restarted, seed) => {
            cluster.crash(node(restarted));
            cluster.relocate(node(restarted));
            cluster.restart(node(restarted));
            cluster.join(node(restarted), node(seed));
        }
        Act::Relocate(moved) => cluster.relocate(node(moved)),
        Act::Freeze(frozen, millis) => {
            cluster.freeze(node(frozen), Duration::from_millis(millis.into()));
        }
        Act::Leave(leaver) => cluster.leave(node(leaver)),
        Act::Rejoin(returned) => cluster.rejoin(node(returned)),
        Act::SetMetadata(owner, byte) => {
            cluster.set_metadata(node(owner), &[byte; 5]);
        }
        Act::Block(from, to) => cluster.block(node(from), node(to)),
        Act::Partition(members) => {
            let group: Vec<usize> = (0..len).filter(|node| members >> node & 1 == 1).collect();
            cluster.partition(&[&group]);
        }
        Act::Heal => cluster.heal(),
    }
    Ok(())
}
