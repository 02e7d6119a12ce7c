//! What a member costs in memory: bytes of heap per row of a settled table, and the size of a node
//! without a heap.
//!
//! ```text
//! cargo bench --bench memory
//! ```
//!
//! Settled: nothing is queued, nobody suspect; IPv4 addresses, ids of 56 bits. `peak` is what was
//! held at the worst moment while the table filled, as if every block had been moved.

use std::net::{Ipv4Addr, SocketAddrV4};

use swim_bench::ALLOCATOR;
use swim_core::storage::{Fixed, Growable};
use swim_core::wire::{Header, PacketWriter, Update};
use swim_core::{Card, Config, Identity, Incarnation, Instant, Label, Node, NodeId, Patience};

const SIZES: [u32; 5] = [100, 1_000, 5_000, 10_000, 100_000];
const METADATA_LENS: [usize; 3] = [0, 12, 100];
const DATAGRAM_LEN: usize = 1_400;

type Server = Node<SocketAddrV4, Growable>;

fn main() {
    println!("{:>9} {:>9} | {:>10} {:>10}", "members", "metadata", "bytes/row", "peak/row");
    for members in SIZES {
        for metadata_len in METADATA_LENS {
            report_heap(members, metadata_len);
        }
    }
    println!();
    report_size::<Node<u16, Fixed<32, 0>>>("Node<u16, Fixed<32, 0>>");
    report_size::<Node<u16, Fixed<32, 16>>>("Node<u16, Fixed<32, 16>>");
    report_size::<Node<u16, Fixed<64, 0>>>("Node<u16, Fixed<64, 0>>");
    report_size::<Node<SocketAddrV4, Fixed<32, 0>>>("Node<SocketAddrV4, Fixed<32, 0>>");
    report_size::<Server>("Node<SocketAddrV4, Growable>");
}

fn report_heap(members: u32, metadata_len: usize) {
    let before = ALLOCATOR.live();
    ALLOCATOR.forget_peak();
    let node = settled(members, metadata_len);
    let per_row = |bytes: u64| (bytes - before) as f64 / f64::from(members);
    let (live, peak) = (per_row(ALLOCATOR.live()), per_row(ALLOCATOR.peak()));
    println!("{members:>9} {metadata_len:>9} | {live:>10.1} {peak:>10.1}");
    drop(node);
}

fn report_size<T>(name: &str) {
    println!("{:>6} B on the stack  {name}", size_of::<T>());
}

/// A node that knows so many members and has passed all news of them on.
fn settled(members: u32, metadata_len: usize) -> Server {
    let identity = Identity::new(id(0), address(0));
    let storage = Growable::default();
    let mut node = Node::new(identity, Config::lan(), storage, 1, Instant::ZERO).expect("a node");
    let metadata = vec![7; metadata_len];
    let mut buffer = [0; DATAGRAM_LEN];
    let (mut next, mut now) = (1, Instant::ZERO);
    while next < members {
        let len = write_rows(&mut next, members, &metadata, &mut buffer);
        node.handle_datagram(address(1), &buffer[..len], now).expect("a packet");
        now = settle(&mut node, now);
    }
    assert_eq!((node.live_count() as u32, node.stats().suspected), (members, 0));
    node
}

/// Lets time pass until the application has heard all news, and the others have often enough.
fn settle(node: &mut Server, mut now: Instant) -> Instant {
    let mut buffer = [0; DATAGRAM_LEN];
    let mut sent = 1;
    while sent > 0 {
        now = now.after(node.config().gossip_interval);
        node.handle_timeout(now);
        while node.poll_event().is_some() {}
        let updates = node.stats().updates_sent;
        while node.poll_transmit(now, &mut buffer).is_some() {}
        sent = node.stats().updates_sent - updates;
    }
    now
}

/// A packet of the first member, with as many rows from `next` on as fit. Returns its length.
fn write_rows(next: &mut u32, end: u32, metadata: &[u8], buffer: &mut [u8]) -> usize {
    let (label, incarnation) = (Label::default(), Incarnation::new(0));
    let header = Header { label, sender: id(1), incarnation, round: 0 };
    let mut writer = PacketWriter::new(buffer, &header).expect("room");
    while *next < end {
        let patience = Patience::NONE;
        let card = Card { incarnation, boot: 1, patience, address: address(*next), metadata };
        if !writer.update(&Update::alive(id(*next), card)) {
            break;
        }
        *next += 1;
    }
    writer.finish()
}

/// 56 bits, as a hash of its name would be.
fn id(member: u32) -> NodeId {
    NodeId::from_random(u64::from(member).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn address(member: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(0x0a00_0000 | member), 7_946)
}
