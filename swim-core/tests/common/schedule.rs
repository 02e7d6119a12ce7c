//! Random schedules: what can happen to a cluster, drawn so that proptest can shrink it.

use proptest::prelude::*;
use swim_core::sim::Act;

/// What happens to processes and networks, waiting most often.
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
