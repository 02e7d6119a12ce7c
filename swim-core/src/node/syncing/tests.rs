//! Two nodes and nothing else: what it takes until one has the table of the other.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;

use crate::config::{Config, Label};
use crate::judge::Card;
use crate::member::{Incarnation, NodeId, Patience};
use crate::node::{Identity, Node};
use crate::rng::Rng;
use crate::storage::Growable;
use crate::time::Instant;
use crate::wire::{Header, Packet, PacketWriter, Update};

type Server = Node<SocketAddrV4, Growable>;

const START: Instant = Instant::from_secs(1);

fn address(number: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(0x0a00_0000 + number), 7_946)
}

fn server(number: u32, rng: &mut Rng, len_max: u16) -> Server {
    let config = Config {
        datagram_len_max: len_max,
        pages_per_second_max: u16::MAX,
        heal_interval: Duration::ZERO,
        ..Config::lan()
    };
    let identity = Identity::new(NodeId::from_random(rng.next_u64()), address(number));
    Node::new(identity, config, Growable::new(20_000, 64), rng.next_u64(), START).unwrap()
}

/// Makes `node` know `count` members. Returns the bytes of their rows on the wire.
fn fill(node: &mut Server, count: u32, rng: &mut Rng) -> usize {
    let mut rows_len = 0;
    for number in 0..count {
        let id = NodeId::from_random(rng.next_u64());
        let header = Header {
            label: Label::default(),
            sender: id,
            incarnation: Incarnation::new(0),
            round: 0,
        };
        let card = Card {
            incarnation: Incarnation::new(0),
            boot: rng.next_u32() as u16,
            patience: Patience::NONE,
            address: address(100 + number),
            metadata: b"",
        };
        let mut buffer = [0; 127];
        let mut writer = PacketWriter::new(&mut buffer, &header).unwrap();
        let before = writer.room_len();
        assert!(writer.update(&Update::alive(id, card)));
        rows_len += before - writer.room_len();
        let len = writer.finish();
        // Over a stream nobody is kept from introducing as many as it likes.
        node.handle_stream(address(100 + number), &mut buffer[..len], START).unwrap();
        while node.poll_event().is_some() {}
    }
    node.table.drop_gossip();
    rows_len
}

/// Passes packets to and fro until there are none. Returns how many bytes they had.
fn converse(here: &mut Server, there: &mut Server, from: Instant) -> usize {
    let (mut bytes, mut now) = (0, from);
    let mut buffer = [0; 1_400];
    loop {
        let mut silent = true;
        for to_there in [true, false] {
            let (writer, reader) = match to_there {
                true => (&mut *here, &mut *there),
                false => (&mut *there, &mut *here),
            };
            let mut sent = Vec::new();
            while let Some(transmit) = writer.poll_transmit(now, &mut buffer) {
                if transmit.to == reader.address() {
                    sent.push(buffer[..transmit.len].to_vec());
                }
            }
            for mut packet in sent {
                assert!(Packet::<SocketAddrV4>::parse(&packet).is_ok());
                (bytes, silent) = (bytes + packet.len(), false);
                reader.handle_datagram(writer.address(), &mut packet, now).unwrap();
                while reader.poll_event().is_some() {}
            }
        }
        if silent {
            return bytes;
        }
        // So that nobody has answered too often; too little for any timer.
        now = now.after(Duration::from_micros(200));
    }
}

/// Bytes it takes to hand over a whole table, as a share of its encoded rows.
fn whole_table(len_max: u16) -> f64 {
    let mut rng = Rng::new(u64::from(len_max));
    let (mut empty, mut full) = (server(1, &mut rng, len_max), server(2, &mut rng, len_max));
    let rows_len = fill(&mut full, 10_000, &mut rng);
    empty.sync_with((address(2), 0), 10_001);
    let bytes = converse(&mut empty, &mut full, START);
    assert_eq!(empty.table.live_count(), 10_002, "they have met as well");
    println!("a table of 10 000 in {len_max}-byte datagrams: {bytes} bytes for {rows_len}");
    bytes as f64 / rows_len as f64
}

#[test]
fn a_whole_table_costs_a_fifth_more_than_its_rows() {
    let share = whole_table(1_400);
    assert!(share <= 1.2, "{share}");
}

/// Four rows fit beside the head of a page, and each page is asked for.
#[test]
fn a_whole_table_in_small_datagrams_costs_twice_its_rows() {
    let share = whole_table(127);
    assert!(share <= 2.0, "{share}");
}
