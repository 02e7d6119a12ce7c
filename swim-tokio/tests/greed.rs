//! Strangers who ask much over TCP: connections they do not let go, bytes they bring.

#![cfg(target_os = "linux")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Peer, ends, options};
use swim_tokio::swim_core::storage::Growable;
use swim_tokio::swim_core::{Identity, Instant, Node};
use swim_tokio::{Config, NodeId, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time;

const ACCEPTED_MAX: usize = 64;

async fn connect(peer: &Peer, host: u8, receive: u32) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(receive).expect("small");
    socket.bind(SocketAddr::from(([127, 0, 0, host], 0))).expect("loopback");
    ends("connecting", socket.connect(peer.swim.local_addr())).await.expect("it listens")
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

/// Sockets of this process on the side of the member: those with its port as their own.
fn server_sockets(port: u16) -> usize {
    let text = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    let own = format!(":{port:04X}");
    let is_established = |line: &&str| {
        let mut fields = line.split_whitespace();
        let local = fields.nth(1).unwrap_or_default();
        let state = fields.nth(1).unwrap_or_default();
        local.ends_with(&own) && ["01", "08"].contains(&state)
    };
    text.lines().filter(is_established).count()
}

/// Whoever asks much and reads nothing blocks the writer; displaced, the connection must not stay
/// beside the 64 until the stream timeout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_64_strangers_hold_a_connection() {
    let stream_timeout = Duration::from_secs(60);
    let peer = Peer::start(Options { stream_timeout, ..options("alone") }).await;
    let port = peer.swim.local_addr().port();
    let questions = join_packet().repeat(200);
    let (mut held, mut most, mut blocked) = (Vec::new(), 0, 0);
    for number in 0..120 {
        let mut stream = connect(&peer, 1 + number, 2_304).await;
        let fill = async {
            for _ in 0..400 {
                stream.write_all(&questions).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        blocked += usize::from(time::timeout(Duration::from_millis(100), fill).await.is_err());
        held.push(stream);
        most = most.max(server_sockets(port));
    }
    let stats = peer.swim.socket_stats();
    println!("{most} connections at once, {blocked} blocked: {stats:?}");
    assert!(blocked > ACCEPTED_MAX, "{blocked} did not read");
    assert!(most <= ACCEPTED_MAX + 8, "{most} connections at once");
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
        let (mut answers, mut writer) = connect(&peer, 1, 1 << 16).await.into_split();
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
