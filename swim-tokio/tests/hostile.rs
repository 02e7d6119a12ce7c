//! Strangers at both sockets: junk, silence, greed.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Peer, ends, eventually, options};
use swim_tokio::{Options, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time;

const NEVER: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_junk_does_not_stop_a_member() {
    let target = Peer::named("target").await;
    let friend = Peer::named("friend").await;
    friend.join(&target).await;
    let flood = tokio::spawn(flood(target.swim.local_addr()));
    let mut round = 0u8;
    while !flood.is_finished() {
        round = round.wrapping_add(1);
        friend.swim.set_metadata(vec![round]).await.expect("it is short");
        let seen = || target.swim.member(friend.id()).is_some_and(|it| *it.metadata == [round]);
        eventually("news gets through", seen).await;
        ends("a command is obeyed", target.swim.stats()).await.expect("it runs");
    }
    assert!(round > 0);
    flood.await.expect("it sent everything");
    let stats = target.swim.stats().await.expect("it runs");
    assert!(stats.rejected_malformed + stats.rejected_version > 1_000, "{stats:?}");
    eventually("they still live", || {
        target.sees(friend.id(), Status::Alive) && friend.sees(target.id(), Status::Alive)
    })
    .await;
}

/// 40 000 datagrams of all lengths, the empty one included, in bursts.
async fn flood(target: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut junk = vec![0u8; 1_400];
    for number in 0..40_000usize {
        for byte in &mut junk {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        // Half of it begins like a packet of ours, to get past the first look.
        junk[0] = if number % 2 == 0 { 1 } else { junk[0] };
        let len = number % junk.len();
        let _ = socket.send_to(&junk[..len], target).await;
        if number % 100 == 0 {
            time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn datagrams_to_nobody_do_not_end_the_member() {
    let peer = Peer::named("alone").await;
    let gone = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
    let address = gone.local_addr().expect("bound");
    drop(gone);
    peer.swim.keep_joining(&[address]).await;
    let friend = Peer::named("friend").await;
    friend.join(&peer).await;
}

async fn connect(peer: &Peer) -> TcpStream {
    TcpStream::connect(peer.swim.local_addr()).await.expect("it listens")
}

/// Waits until the other side has closed.
async fn closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    // A reset is a close too.
    let _ = ends("the connection", stream.read_to_end(&mut rest)).await;
    assert_eq!(rest, [], "strangers get no answer");
}

#[tokio::test]
async fn a_silent_connection_is_closed_after_the_timeout() {
    let stream_timeout = Duration::from_secs(1);
    let peer = Peer::start(Options { stream_timeout, ..options("alone") }).await;
    let started = time::Instant::now();
    closed(connect(&peer).await).await;
    assert!(started.elapsed() >= stream_timeout);
    let stats = peer.swim.socket_stats();
    assert_eq!((stats.streams_accepted, stats.stream_errors), (1, 0), "idleness is no fault");
}

#[tokio::test]
async fn a_packet_that_trickles_in_is_not_waited_for() {
    let stream_timeout = Duration::from_millis(500);
    let peer = Peer::start(Options { stream_timeout, ..options("alone") }).await;
    let mut stream = connect(&peer).await;
    let trickle = async {
        stream.write_all(&[4, 0]).await?;
        for _ in 0..1_024 {
            stream.write_all(&[1]).await?;
            time::sleep(Duration::from_millis(50)).await;
        }
        Ok::<_, std::io::Error>(())
    };
    ends("the connection", trickle).await.expect_err("it was closed under way");
}

#[tokio::test]
async fn an_impossible_length_closes_the_connection_at_once() {
    let peer = Peer::start(Options { stream_timeout: NEVER, ..options("alone") }).await;
    for prefix in [[0, 0], [0xff, 0xff], [0xff, 0xe4]] {
        let mut stream = connect(&peer).await;
        stream.write_all(&prefix).await.expect("it is open");
        closed(stream).await;
    }
    eventually("three faults", || peer.swim.socket_stats().stream_errors == 3).await;
}

#[tokio::test]
async fn garbage_closes_the_connection_at_once() {
    let peer = Peer::start(Options { stream_timeout: NEVER, ..options("alone") }).await;
    let mut stream = connect(&peer).await;
    stream.write_all(b"\x00\x05hello").await.expect("it is open");
    closed(stream).await;
    assert_eq!(peer.swim.socket_stats().stream_errors, 1);
}
