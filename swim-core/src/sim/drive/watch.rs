//! What must hold of one node, whatever it was given.

use std::collections::BTreeMap;

use crate::member::{NodeId, Status};
use crate::outbox::{Channel, Transmit};
use crate::sim::Told;
use crate::sim::oracle::{Known, forward, table_is_sound};
use crate::storage::Storage;
use crate::wire::Packet;
use crate::{Event, Node};

use super::decode::rewritten;
use super::snapshot::survives_rewriting;

/// Looks at a node after each input, and remembers what it saw.
#[derive(Debug, Default)]
pub(super) struct Watch {
    rows: BTreeMap<NodeId, Known>,
    told: BTreeMap<NodeId, Told>,
    rows_gone: u64,
    packets: u64,
    bytes: u64,
}

impl Watch {
    /// Looks at a packet that a node has just written.
    pub fn packet<S: Storage>(
        &mut self,
        node: &Node<u16, S>,
        transmit: Transmit<u16>,
        bytes: &[u8],
    ) {
        let len_max = usize::from(node.config().datagram_len_max);
        assert!(transmit.channel == Channel::Stream || transmit.len <= len_max, "{transmit:?}");
        let packet = Packet::<u16>::parse(bytes).expect("what a node writes parses");
        assert_eq!(packet.header.sender, node.id());
        assert_eq!(packet.header.incarnation, node.incarnation());
        assert_eq!(rewritten::<u16>(bytes), bytes, "{packet:?} has another spelling");
        self.packets += 1;
        self.bytes += bytes.len() as u64;
    }

    /// Hears an event that a node has just told.
    pub fn event<S: Storage>(&mut self, node: &Node<u16, S>, event: &Event<u16>) {
        let Some(id) = event.member().filter(|_| !matches!(event, Event::Joined { .. })) else {
            return;
        };
        assert_ne!(id, node.id(), "{event:?}");
        let told = self.told.entry(id).or_default();
        *told = told.then(event).unwrap_or_else(|| panic!("{event:?} after {told:?}"));
    }

    /// Nobody listened for a while, or a row was taken away.
    pub fn overlook(&mut self) {
        self.rows.clear();
        self.told.values_mut().for_each(|told| *told = Told::Unheard);
    }

    /// Looks at a node after its output was taken.
    pub fn look<S: Storage>(&mut self, node: &Node<u16, S>, rows_max: usize) {
        self.table(node, rows_max);
        self.moved_on(node);
        self.was_told(node);
        self.counts(node);
        snapshot_is_readable(node);
    }

    fn table<S: Storage>(&self, node: &Node<u16, S>, rows_max: usize) {
        let me = node.members().next().map(|member| member.id);
        assert_eq!(me, Some(node.id()));
        let mut ids: Vec<_> = node.members().map(|member| member.id).collect();
        // A node that says goodbye still counts itself.
        let live = node.members().filter(|row| row.status.is_live() || row.id == node.id());
        let sound = table_is_sound(ids.len(), rows_max, live.count(), node.live_count());
        sound.unwrap_or_else(|violation| panic!("{violation}"));
        for member in node.members() {
            assert_eq!(node.member(member.id), Some(member));
        }
        let mut sorted: Vec<_> = node.members_after(None).map(|member| member.id).collect();
        ids.sort_unstable();
        sorted.sort_unstable();
        assert_eq!(sorted, ids);
        ids.dedup();
        assert_eq!(sorted.len(), ids.len(), "a member is there twice");
    }

    /// No row goes back while it is there.
    fn moved_on<S: Storage>(&mut self, node: &Node<u16, S>) {
        let stats = node.stats().widened();
        let rows_gone = stats.reaped + stats.evicted + stats.turned_over;
        if core::mem::replace(&mut self.rows_gone, rows_gone) != rows_gone {
            self.rows.clear();
        }
        for member in node.members() {
            let known = Known { incarnation: member.incarnation, status: member.status };
            if let Some(before) = self.rows.insert(member.id, known) {
                let outcome = forward(member.id, before, known);
                outcome.unwrap_or_else(|violation| panic!("{violation}"));
            }
        }
    }

    /// Whoever has heard every event knows who lives.
    fn was_told<S: Storage>(&self, node: &Node<u16, S>) {
        if node.config().flap.is_some() {
            return;
        }
        let others = node.members().filter(|member| member.id != node.id());
        let unheard = others.map(|member| member.id).filter(|id| !self.told.contains_key(id));
        let told = self.told.iter().map(|(id, told)| (*id, *told));
        for (id, told) in told.chain(unheard.map(|id| (id, Told::Nothing))) {
            let status: Option<Status> = node.member(id).map(|member| member.status);
            assert!(told.agrees(status), "{id} is {status:?}, told was {told:?}");
        }
    }

    fn counts<S: Storage>(&self, node: &Node<u16, S>) {
        let stats = node.stats().widened();
        assert_eq!((stats.packets_sent, stats.bytes_sent), (self.packets, self.bytes));
    }
}

/// What a node would keep for its next life reads back the same.
fn snapshot_is_readable<S: Storage>(node: &Node<u16, S>) {
    node.snapshot().for_each(survives_rewriting);
}
