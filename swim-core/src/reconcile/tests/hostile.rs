//! Valid packets that no honest node would send.

use super::harness::{Ip, Record, Side, random_ids, unmixed};
use crate::config::Label;
use crate::member::{Incarnation, NodeId};
use crate::range::{Parts, Range};
use crate::reconcile::{Agenda, PARTS_MAX, ROWS_LOOKED_AT_MAX};
use crate::rng::Rng;
use crate::storage::{Growable, List};
use crate::wire::{ENTRY_VALUES_MAX, Entry, Header, Packet, PacketWriter, Values};

/// Two thousand members spread out, and a thousand crowded into one place.
fn crowded_side(rng: &mut Rng) -> Side<Growable> {
    let mut ids = random_ids(2_000, rng);
    ids.extend((0..1_000).map(|place| unmixed((1 << 62) + place)));
    let mut side = Side::new(Growable::new(10_000, 16), &Record::new(ids[0]), 1_400);
    ids.into_iter().skip(1).for_each(|id| side.know(&Record::new(id)));
    side
}

fn range(rng: &mut Rng) -> Range {
    let depth = rng.below(64);
    // Half of them lead into the crowd.
    let key = if rng.below(2) == 0 { 1 << 62 } else { rng.next_u64() };
    let number = (1 << depth) | key.checked_shr(64 - depth as u32).unwrap_or(0);
    Range::new(number).unwrap()
}

fn packet(len: usize, rng: &mut Rng) -> Vec<u8> {
    let mut buffer = vec![0; len];
    let header = Header {
        label: Label::default(),
        sender: NodeId::new(1),
        incarnation: Incarnation::new(0),
        round: 0,
    };
    let mut writer = PacketWriter::new(&mut buffer, &header).unwrap();
    let most = rng.below(ENTRY_VALUES_MAX + 1);
    loop {
        let range = range(rng);
        let halvings = (most.max(1).ilog2()).min(Range::DEPTH_MAX - range.depth());
        let values: Vec<_> = (0..most).map(|_| rng.next_u32().to_le_bytes()).collect();
        let values = match rng.below(4) {
            0 => vec![[0; 4]; most],
            _ => values,
        };
        let entry = match rng.below(4) {
            0 => Entry::Fingerprints(range, Values::new(&values[..most.min(1 << halvings)])),
            1 => Entry::Hashes(range, Values::new(&values)),
            2 => Entry::Wanted(range, Values::new(&values)),
            _ => Entry::Differing(
                Parts::new(range, rng.next_u64() >> 31).unwrap_or(Parts::only(range)),
            ),
        };
        let empty = matches!(entry, Entry::Fingerprints(_, values) if values.is_empty());
        if !empty && !writer.entry(entry) {
            break;
        }
    }
    let len = writer.finish();
    buffer.truncate(len);
    buffer
}

#[test]
fn senseless_entries_cost_a_bounded_look_and_bring_a_bounded_answer() {
    let mut rng = Rng::new(5);
    let side = crowded_side(&mut rng);
    let mut agenda = Agenda::new(&Growable::new(10_000, 16));
    let (mut looked_at_most, mut parts_most) = (0, 0);
    for round in 0..300 {
        let len = [127, 1_400, 20_000][round % 3];
        let bytes = packet(len, &mut rng);
        let packet = Packet::<Ip>::parse(&bytes).unwrap();
        let number = rng.next_u32();
        agenda.hear(number, &side.table, &packet);
        looked_at_most = looked_at_most.max(agenda.rows_looked_at());
        parts_most = parts_most.max(agenda.parts.len());
        let room = 127 + rng.below(1_300);
        let mut buffer = vec![0; room];
        let header = packet.header;
        let mut writer = PacketWriter::new(&mut buffer, &header).unwrap();
        assert!(agenda.write(number, &side.table, &mut writer).is_some());
        looked_at_most = looked_at_most.max(agenda.rows_looked_at());
        let len = writer.finish();
        assert!(Packet::<Ip>::parse(&buffer[..len]).is_ok());
    }
    println!("at most {looked_at_most} rows looked at, {parts_most} things to say");
    assert!(looked_at_most <= ROWS_LOOKED_AT_MAX && looked_at_most > 1_000);
    assert!(parts_most <= PARTS_MAX && parts_most > 100);
}

#[test]
fn an_answer_of_another_reconciliation_is_not_written() {
    let mut rng = Rng::new(6);
    let side = crowded_side(&mut rng);
    let mut agenda = Agenda::new(&Growable::new(10_000, 16));
    agenda.open(7);
    let mut buffer = [0; 127];
    let bytes = packet(127, &mut rng);
    let header = Packet::<Ip>::parse(&bytes).unwrap().header;
    let mut writer = PacketWriter::new(&mut buffer, &header).unwrap();
    assert_eq!(agenda.write(8, &side.table, &mut writer), None);
    assert!(agenda.is_of(7) && !agenda.is_of(8));
}
