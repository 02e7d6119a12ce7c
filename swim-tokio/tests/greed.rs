//! Strangers who bring much over TCP.

mod common;

use std::time::Duration;

use common::{Peer, ends, join_packet, options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time;

async fn connect(peer: &Peer) -> TcpStream {
    ends("connecting", TcpStream::connect(peer.swim.local_addr())).await.expect("it listens")
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
