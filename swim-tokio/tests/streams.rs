//! Who gets a TCP connection when strangers want all of them.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Peer, ends, eventually, join_packet, options};
use swim_tokio::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time;

const ACCEPTED_MAX: u64 = 64;
const ACCEPTED_PER_PEER_MAX: u64 = 16;
const NEVER: Duration = Duration::from_secs(3_600);
const SOON: Duration = Duration::from_millis(300);

async fn patient() -> Peer {
    Peer::start(Options { stream_timeout: NEVER, ..options("alone") }).await
}

/// A connection from `127.0.0.host`, all of which are this machine on Linux.
async fn connect(peer: &Peer, host: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, 0, 0, host], 0))).expect("loopback");
    ends("connecting", socket.connect(peer.swim.local_addr())).await.expect("it listens")
}

async fn still_open(stream: &mut TcpStream) -> bool {
    time::timeout(SOON, stream.read(&mut [0])).await.is_err()
}

/// Sends a valid packet and waits for the answer, which shows that it was heard.
async fn speak(stream: &mut TcpStream) {
    stream.write_all(&join_packet()).await.expect("it is open");
    let answered = ends("the answer", stream.read(&mut [0; 2_048])).await;
    assert!(answered.expect("an answer") > 0, "closed instead");
}

async fn accepted(peer: &Peer, count: u64) {
    eventually("all are accepted", || peer.swim.socket_stats().streams_accepted == count).await;
}

#[tokio::test]
async fn connections_from_one_address_displace_the_idlest_of_their_own() {
    let peer = patient().await;
    let mut speaker = connect(&peer, 1).await;
    speak(&mut speaker).await;
    let mut silent = Vec::new();
    for _ in 1..ACCEPTED_PER_PEER_MAX {
        silent.push(connect(&peer, 1).await);
    }
    accepted(&peer, ACCEPTED_PER_PEER_MAX).await;
    assert_eq!(peer.swim.socket_stats().streams_displaced, 0);
    let mut late = connect(&peer, 1).await;
    accepted(&peer, ACCEPTED_PER_PEER_MAX + 1).await;
    assert_eq!(peer.swim.socket_stats().streams_displaced, 1);
    assert!(!still_open(&mut silent[0]).await, "it has said nothing for longest");
    assert!(still_open(&mut silent[1]).await && still_open(&mut late).await);
    speak(&mut speaker).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn strangers_of_many_addresses_do_not_keep_a_member_out() {
    let peer = patient().await;
    let mut speaker = connect(&peer, 1).await;
    speak(&mut speaker).await;
    let mut silent = Vec::new();
    for number in 1..ACCEPTED_MAX {
        let host = 2 + u8::try_from(number % 8).expect("small");
        let mut stream = connect(&peer, host).await;
        // Half of them begin a packet they never end.
        if number % 2 == 0 {
            stream.write_all(&[1, 0, 1]).await.expect("it is open");
        }
        silent.push(stream);
    }
    accepted(&peer, ACCEPTED_MAX).await;
    assert_eq!(peer.swim.socket_stats().streams_displaced, 0);
    for _ in 0..3 {
        let mut newcomer = connect(&peer, 20).await;
        speak(&mut newcomer).await;
        speak(&mut speaker).await;
    }
    assert!(!still_open(&mut silent[0]).await, "one of them made room");
    let last = silent.last_mut().expect("many");
    assert!(still_open(last).await, "the latest did not");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_member_that_spoke_is_not_displaced_by_strangers_who_come_and_come() {
    let peer = patient().await;
    let mut speaker = connect(&peer, 1).await;
    speak(&mut speaker).await;
    let mut silent = Vec::new();
    for number in 0..4 * ACCEPTED_MAX {
        silent.push(connect(&peer, 2 + u8::try_from(number % 32).expect("small")).await);
    }
    accepted(&peer, 4 * ACCEPTED_MAX + 1).await;
    speak(&mut speaker).await;
    let stats = peer.swim.socket_stats();
    assert_eq!(stats.streams_displaced, 3 * ACCEPTED_MAX + 1, "{stats:?}");
}

/// Who asks and hangs up must not make a member dial: each attempt may take long.
#[tokio::test]
async fn an_answer_to_somebody_who_hung_up_opens_no_connection() {
    let peer = patient().await;
    for _ in 0..20 {
        let mut stream = connect(&peer, 1).await;
        stream.set_zero_linger().expect("a reset instead of a goodbye");
        stream.write_all(&join_packet()).await.expect("it is open");
    }
    accepted(&peer, 20).await;
    let mut other = connect(&peer, 1).await;
    speak(&mut other).await;
    let stats = peer.swim.socket_stats();
    assert_eq!((stats.streams_dialed, stats.connections_refused), (0, 0), "{stats:?}");
}

/// More than a burst is not read at once, and others are heard meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_floods_is_paused() {
    let peer = patient().await;
    let flooder = connect(&peer, 1).await;
    let (mut answers, mut flooder) = flooder.into_split();
    let swallow = tokio::spawn(async move {
        while answers.read(&mut [0; 4_096]).await? > 0 {}
        Ok::<_, std::io::Error>(())
    });
    let flood = tokio::spawn(async move {
        let packets = padded(&join_packet(), 16_000).repeat(64);
        while flooder.write_all(&packets).await.is_ok() {}
    });
    eventually("it is paused", || peer.swim.socket_stats().stream_pauses > 0).await;
    let mut other = connect(&peer, 1).await;
    speak(&mut other).await;
    assert_eq!(peer.swim.socket_stats().stream_errors, 0, "a flood is no fault");
    flood.abort();
    swallow.abort();
}

/// The same packet with a frame of an unknown kind, which readers skip.
fn padded(framed: &[u8], len: usize) -> Vec<u8> {
    const UNKNOWN_KIND: u8 = 0xf0;
    let mut packet = framed[2..].to_vec();
    packet.extend([(len & 0x7f) as u8 | 0x80, (len >> 7) as u8, UNKNOWN_KIND]);
    packet.resize(packet.len() + len, 0);
    let len = u16::try_from(packet.len()).expect("short");
    [&len.to_be_bytes(), &packet[..]].concat()
}
