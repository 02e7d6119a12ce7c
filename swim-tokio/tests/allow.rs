//! The list of networks a member speaks with.

mod common;

use std::net::SocketAddr;

use common::{Peer, ends, eventually, options};
use swim_tokio::{BindError, IpNet, JoinFailure, Options};

fn networks(texts: &[&str]) -> Option<Vec<IpNet>> {
    Some(texts.iter().map(|text| text.parse().expect("a network")).collect())
}

fn allowing(name: &str, texts: &[&str]) -> Options {
    Options { allow: networks(texts), ..options(name) }
}

#[tokio::test]
async fn members_of_allowed_networks_know_each_other() {
    let one = Peer::start(allowing("one", &["10.0.0.0/8", "127.0.0.0/8"])).await;
    let other = Peer::start(allowing("other", &["127.0.0.1/32"])).await;
    other.join(&one).await;
    let stats = other.swim.socket_stats();
    assert_eq!((stats.datagrams_denied, stats.sends_denied), (0, 0));
}

/// All of 127.0.0.0/8 is this machine on Linux.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_comes_from_elsewhere_is_not_read() {
    use tokio::io::AsyncReadExt;

    let peer = Peer::start(allowing("peer", &["127.0.0.1/32"])).await;
    let target = peer.swim.local_addr();
    let stranger = tokio::net::UdpSocket::bind("127.0.0.2:0").await.expect("loopback");
    for _ in 0..3 {
        stranger.send_to(b"junk", target).await.expect("sent");
    }
    eventually("denied", || peer.swim.socket_stats().datagrams_denied == 3).await;
    assert_eq!(peer.swim.stats().await.expect("it runs").rejected_malformed, 0);

    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.2:0".parse().expect("an address")).expect("loopback");
    let mut stream = socket.connect(target).await.expect("it listens");
    let read = ends("the connection", stream.read(&mut [0])).await;
    assert!(matches!(read, Ok(0) | Err(_)), "closed");
    let stats = peer.swim.socket_stats();
    assert_eq!((stats.streams_denied, stats.streams_accepted), (1, 0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_member_that_is_not_on_the_list_is_not_admitted() {
    let peer = Peer::start(allowing("peer", &["127.0.0.1/32"])).await;
    let bind = "127.0.0.2:0".parse().expect("an address");
    let stranger = Peer::start(Options { bind, ..options("stranger") }).await;
    stranger.swim.keep_joining([peer.addr()]).await;
    eventually("denied", || peer.swim.socket_stats().datagrams_denied > 0).await;
    assert_eq!(peer.swim.members().len(), 1);
}

/// It is heard of from somebody who may speak with both.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_member_elsewhere_is_not_known_by_hearsay() {
    let bind = "127.0.0.2:0".parse().expect("an address");
    let stranger = Peer::start(Options { bind, ..options("stranger") }).await;
    let liberal = Peer::named("liberal").await;
    stranger.join(&liberal).await;
    let strict = Peer::start(allowing("strict", &["127.0.0.1/32"])).await;
    strict.join(&liberal).await;
    let heard = async {
        while strict.swim.stats().await.expect("it runs").ignored_forbidden == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    ends("hearsay", heard).await;
    assert!(strict.swim.member(stranger.id()).is_none());
}

#[tokio::test]
async fn a_seed_elsewhere_is_not_asked() {
    let peer = Peer::start(allowing("peer", &["127.0.0.0/8"])).await;
    let outcome = ends("the join", peer.swim.join(["203.0.113.1:7946"])).await;
    assert_eq!(outcome[0].1, Err(JoinFailure::NotAllowed));
}

#[tokio::test]
async fn a_member_the_others_may_not_reach_is_not_started() {
    let outside = allowing("outside", &["10.0.0.0/8"]);
    let error = swim_tokio::bind(outside).await.expect_err("127.0.0.1 is outside");
    let BindError::NotAllowed { advertised } = error else { panic!("{error}") };
    assert_eq!(advertised.ip(), SocketAddr::from(([127, 0, 0, 1], 0)).ip());
    let advertise = Some("10.0.0.1:7946".parse().expect("an address"));
    let _ = swim_tokio::bind(Options { advertise, ..allowing("inside", &["10.0.0.0/8"]) })
        .await
        .expect("what it advertises counts");
}

#[tokio::test]
async fn an_empty_list_makes_a_member_that_stays_alone() {
    let alone = Peer::start(allowing("alone", &[])).await;
    let friend = Peer::named("friend").await;
    friend.swim.keep_joining([alone.addr()]).await;
    eventually("denied", || alone.swim.socket_stats().datagrams_denied > 1).await;
    let outcome = ends("the join", alone.swim.join([friend.addr()])).await;
    assert_eq!(outcome[0].1, Err(JoinFailure::NotAllowed));
    assert_eq!((alone.swim.members().len(), friend.swim.members().len()), (1, 1));
}
