//! Strangers who bring much over TCP.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Peer, ends, options};
use swim_tokio::swim_core::storage::Growable;
use swim_tokio::swim_core::{Identity, Instant, Node};
use swim_tokio::{Config, NodeId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time;

async fn connect(peer: &Peer) -> TcpStream {
    ends("connecting", TcpStream::connect(peer.swim.local_addr())).await.expect("it listens")
}

fn join_packet() -> Vec<u8> {
    let (id, now) = (NodeId::new(77), Instant::default());
    let address: SocketAddr = "127.0.0.1:9".parse().expect("an address");
    let storage = Growable::new(8, 0);
    let identity = Identity::new(id, address);
    let mut node = Node::new(identity, Config::local(), storage, 1, now).expect("valid");
    node.join("127.0.0.1:1".parse().expect("an address"), now).expect("room");
    node.handle_timeout(now);
    let mut buffer = [0; 1_500];
    let transmit = node.poll_transmit(now, &mut buffer).expect("a join");
    let len = u16::try_from(transmit.len).expect("short");
    [&len.to_be_bytes(), &buffer[..transmit.len]].concat()
}

fn padded(framed: &[u8], len: usize) -> Vec<u8> {
    const UNKNOWN_KIND: u8 = 0xf0;
    let mut packet = framed[2..].to_vec();
    packet.extend([(len & 0x7f) as u8 | 0x80, (len >> 7) as u8, UNKNOWN_KIND]);
    packet.resize(packet.len() + len, 0);
    let len = u16::try_from(packet.len()).expect("short");
    [&len.to_be_bytes(), &packet[..]].concat()
}

/// Whoever connects again has no burst of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_brings_so_many_bytes_a_second_however_often_it_connects() {
    const BURST: usize = 4 << 20;
    let peer = Peer::start(options("alone")).await;
    let packet = padded(&join_packet(), 16_000);
    let packets = packet.repeat(BURST / packet.len() - 2);
    let begun = time::Instant::now();
    let mut sent = 0;
    while begun.elapsed() < Duration::from_secs(2) {
        let (mut answers, mut writer) = connect(&peer).await.into_split();
        let swallow = tokio::spawn(async move {
            while answers.read(&mut [0; 4_096]).await.is_ok_and(|len| len > 0) {}
        });
        if ends("a burst", writer.write_all(&packets)).await.is_ok() {
            sent += packets.len();
        }
        drop(writer);
        let _ = swallow.await;
    }
    let stats = peer.swim.stats().await.expect("it runs");
    let (took, sockets) = (begun.elapsed(), peer.swim.socket_stats());
    println!(
        "{} MiB in {took:?}, {} packets read; {sockets:?}",
        sent >> 20,
        stats.packets_received
    );
    let allowed = 2 * BURST + (took.as_secs() as usize + 1) * (1 << 20);
    assert!(sent <= allowed, "{} MiB, {} were meant", sent >> 20, allowed >> 20);
}
