//! What must hold of one node, whatever it was given.

use std::collections::BTreeMap;

use crate::member::{NodeId, Status};
use crate::outbox::{Channel, Transmit};
use crate::sim::Told;
use crate::sim::oracle::{Known, forward, table_is_sound};
use crate::storage::Storage;
use crate::time::Instant;
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
    /// Looks at a packet that a node has just written, and what it is read as.
    pub fn packet<S: Storage>(
        &mut self,
        node: &Node<u16, S>,
        transmit: Transmit<u16>,
        opened: &[u8],
    ) {
        let len_max = usize::from(node.config().datagram_len_max);
        assert!(transmit.channel == Channel::Stream || transmit.len <= len_max, "{transmit:?}");
        let packet = Packet::<u16>::parse(opened).expect("what a node writes parses");
        assert_eq!(packet.header.sender, node.id());
        assert_eq!(packet.header.incarnation, node.incarnation());
        assert_eq!(rewritten::<u16>(opened), opened, "{packet:?} has another spelling");
        self.packets += 1;
        self.bytes += transmit.len as u64;
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
        levels_are_numbers(node);
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
            if let Some(before) = self.rows.insert(member.id, known)
                && !is_around_the_circle(before, known)
            {
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

/// Whether one packet may have led a member so far, in two steps, that it seems to have gone back.
fn is_around_the_circle(before: Known, after: Known) -> bool {
    const QUARTER: u32 = 1 << 30;
    let raised = after.incarnation.number().wrapping_sub(before.incarnation.number());
    (QUARTER..=QUARTER * 3).contains(&raised)
}

/// What a node would keep for its next life reads back the same.
fn snapshot_is_readable<S: Storage>(node: &Node<u16, S>) {
    node.snapshot().for_each(survives_rewriting);
}

/// However long a watched member has been silent.
fn levels_are_numbers<S: Storage>(node: &Node<u16, S>) {
    for id in node.watched() {
        let level = node.suspicion_level(id, Instant::MAX);
        assert!(level.is_none_or(|level| level >= 0.0 && level.is_finite()), "{id}: {level:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Growable;
    use crate::wire::{Header, PacketWriter};
    use crate::{Config, Identity, Incarnation, Label};

    fn node(number: u16) -> Node<u16, Growable> {
        let identity = Identity::new(NodeId::new(number.into()), number);
        Node::new(identity, Config::lan(), Growable::new(4, 0), 1, Instant::ZERO).unwrap()
    }

    fn empty_packet(sender: u64) -> Vec<u8> {
        let (label, sender) = (Label::default(), NodeId::new(sender));
        let header = Header { label, sender, incarnation: Incarnation::new(0), round: 0 };
        let mut packet = vec![0; header.encoded_len()];
        PacketWriter::new(&mut packet, &header).unwrap();
        packet
    }

    fn watched(packet: &[u8]) {
        let transmit = Transmit { to: 2, channel: Channel::Datagram, len: packet.len() };
        Watch::default().packet(&node(1), transmit, packet);
    }

    #[test]
    fn a_node_as_it_should_be_passes() {
        watched(&empty_packet(1));
        Watch::default().look(&node(1), 4);
    }

    #[test]
    #[should_panic(expected = "left == right")]
    fn a_packet_in_the_name_of_another_is_noticed() {
        watched(&empty_packet(2));
    }

    #[test]
    #[should_panic(expected = "has another spelling")]
    fn a_packet_with_something_unknown_in_it_is_noticed() {
        watched(&[empty_packet(1), vec![0, 200]].concat());
    }

    #[test]
    #[should_panic(expected = "1 rows in a table for 0")]
    fn a_table_that_has_grown_too_large_is_noticed() {
        Watch::default().look(&node(1), 0);
    }

    #[test]
    #[should_panic(expected = "MemberSuspected(")]
    fn an_event_out_of_nothing_is_noticed() {
        Watch::default().event(&node(1), &Event::MemberSuspected(NodeId::new(2)));
    }

    #[test]
    #[should_panic(expected = "told was Lives(Alive)")]
    fn an_application_that_knows_somebody_who_is_not_there_is_noticed() {
        let mut watch = Watch::default();
        watch.event(&node(1), &Event::MemberJoined(NodeId::new(2)));
        watch.look(&node(1), 4);
    }

    #[test]
    #[should_panic(expected = "left == right")]
    fn a_packet_that_is_not_counted_is_noticed() {
        let mut watch = Watch::default();
        let packet = empty_packet(1);
        let transmit = Transmit { to: 2, channel: Channel::Datagram, len: packet.len() };
        watch.packet(&node(1), transmit, &packet);
        watch.look(&node(1), 4);
    }
}
