//! What a member costs in memory: bytes of heap per row of a settled table, and the size of a node
//! without a heap. Fails when a change costs an allocation although there were as many before.
//!
//! ```text
//! cargo bench --bench memory
//! ```
//!
//! IPv4 addresses, ids of 56 bits. `settled`: nothing is queued, nobody suspect. `filling`: the most
//! that was held while the members came, as if every block had been moved when it grew. `storm`: the
//! same while there is something new to be told of everybody at once. `calm`: settled once more.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;

use swim_bench::ALLOCATOR;
use swim_core::storage::{Fixed, Growable};
use swim_core::wire::{Header, PacketWriter, Update};
use swim_core::{Card, Claim, Config, Identity, Incarnation, Instant, Label, Node, NodeId};
use swim_core::{Patience, Status};

const SIZES: [u32; 5] = [100, 1_000, 5_000, 10_000, 100_000];
const METADATA_LENS: [usize; 3] = [0, 12, 100];
const DATAGRAM_LEN: usize = 1_400;
/// Members about whom there is something new at the same time, where it is not a storm.
const SOME: u32 = 50;

fn main() {
    println!(
        "{:>9} {:>9} | {:>10} {:>10} {:>10} {:>10} bytes/row",
        "members", "metadata", "settled", "filling", "storm", "calm"
    );
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
    report_size::<Node<SocketAddrV4, Growable>>("Node<SocketAddrV4, Growable>");
    println!();
    report_allocations();
}

fn report_heap(members: u32, metadata_len: usize) {
    let before = ALLOCATOR.live();
    let per_row = |bytes: u64| (bytes - before) as f64 / f64::from(members);
    ALLOCATOR.forget_peak();
    let mut server = Server::settled(members, metadata_len);
    let (settled, filling) = (per_row(ALLOCATOR.live()), per_row(ALLOCATOR.peak()));
    ALLOCATOR.forget_peak();
    server.hear_alive(1..members, 1);
    let storm = per_row(ALLOCATOR.peak());
    server.settle();
    let calm = per_row(ALLOCATOR.live());
    println!(
        "{members:>9} {metadata_len:>9} | {settled:>10.1} {filling:>10.1} {storm:>10.1} {calm:>10.1}"
    );
}

fn report_size<T>(name: &str) {
    println!("{:>6} B on the stack  {name}", size_of::<T>());
}

/// Turns in which everybody says something new, then turns in which everybody leaves, is forgotten,
/// and somebody else comes instead; some members at a time.
fn report_allocations() {
    const MEMBERS: u32 = 1_000;
    let mut server = Server::settled(MEMBERS, 0);
    let fresh = [1, 2, 3].map(|incarnation| {
        server.allocations(|server| {
            chunks(1..MEMBERS).for_each(|some| {
                server.hear_alive(some, incarnation);
                server.settle();
            });
        })
    });
    let replaced = [0, 1, 2].map(|turn| {
        server.allocations(|server| {
            chunks(1..MEMBERS).for_each(|some| {
                let shifted = |turn| some.start + turn * MEMBERS..some.end + turn * MEMBERS;
                server.hear_left(shifted(turn));
                server.settle();
                server.now = server.now.after(server.node.config().tombstone_time);
                server.settle();
                server.hear_alive(shifted(turn + 1), 3);
                server.settle();
            });
        })
    });
    assert_eq!(server.node.members().count() as u32, MEMBERS);
    println!("allocations while everybody says something new {fresh:?}, is replaced {replaced:?}");
    assert_eq!((fresh[2], replaced[2]), (0, 0), "room that was there once was not used again");
}

fn chunks(members: Range<u32>) -> impl Iterator<Item = Range<u32>> {
    let end = members.end;
    members.step_by(SOME as usize).map(move |first| first..(first + SOME).min(end))
}

/// A node and what it is told.
struct Server {
    node: Node<SocketAddrV4, Growable>,
    now: Instant,
    metadata: Vec<u8>,
    buffer: [u8; DATAGRAM_LEN],
}

impl Server {
    /// Knows so many members, and all who ought to know do.
    fn settled(members: u32, metadata_len: usize) -> Self {
        let identity = Identity::new(id(0), address(0));
        let (config, storage) = (Config::lan(), Growable::default());
        let node = Node::new(identity, config, storage, 1, Instant::ZERO).expect("a node");
        let metadata = vec![7; metadata_len];
        let mut server = Self { node, now: Instant::ZERO, metadata, buffer: [0; DATAGRAM_LEN] };
        chunks(1..members).for_each(|some| {
            server.hear_alive(some, 0);
            server.settle();
        });
        assert_eq!((server.node.live_count() as u32, server.node.stats().suspected), (members, 0));
        server
    }

    fn hear_alive(&mut self, members: Range<u32>, incarnation: u32) {
        let (incarnation, patience) = (Incarnation::new(incarnation), Patience::NONE);
        let metadata = std::mem::take(&mut self.metadata);
        self.hear(members, |member| {
            let (address, metadata) = (address(member), &metadata[..]);
            Update::alive(id(member), Card { incarnation, boot: 1, patience, address, metadata })
        });
        self.metadata = metadata;
    }

    fn hear_left(&mut self, members: Range<u32>) {
        self.hear(members, |member| {
            Update::claim(id(member), Claim::new(Incarnation::new(3), Status::Left))
        });
    }

    fn hear<'u>(
        &mut self,
        mut members: Range<u32>,
        update: impl Fn(u32) -> Update<'u, SocketAddrV4>,
    ) {
        let sender = id(u32::MAX);
        let incarnation = Incarnation::new(0);
        let header = Header { label: Label::default(), sender, incarnation, round: 0 };
        while !members.is_empty() {
            let mut writer = PacketWriter::new(&mut self.buffer, &header).expect("room");
            while members.start < members.end && writer.update(&update(members.start)) {
                members.start += 1;
            }
            let len = writer.finish();
            let heard = self.node.handle_stream(address(1), &mut self.buffer[..len], self.now);
            heard.expect("a packet");
            while self.node.poll_event().is_some() {}
        }
    }

    /// Lets time pass until the others have been told often enough.
    fn settle(&mut self) {
        let mut told = 1;
        while told > 0 {
            self.now = self.now.after(self.node.config().gossip_interval);
            self.node.handle_timeout(self.now);
            let before = self.node.stats().updates_sent;
            while self.node.poll_transmit(self.now, &mut self.buffer).is_some() {}
            while self.node.poll_event().is_some() {}
            told = self.node.stats().updates_sent - before;
        }
    }

    fn allocations(&mut self, work: impl FnOnce(&mut Self)) -> u64 {
        let before = ALLOCATOR.allocations();
        work(self);
        ALLOCATOR.allocations() - before
    }
}

/// 56 bits, as a hash of its name would be.
fn id(member: u32) -> NodeId {
    NodeId::from_random(u64::from(member).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn address(member: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(0x0a00_0000 | member), 7_946)
}
