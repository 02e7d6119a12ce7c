//! Where members listen and how they are reached: one port, IPv4, IPv6, both.

mod common;

use std::error::Error;
use std::io::Write;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use common::{Peer, ends, eventually, options};
use swim_tokio::swim_core::NewError;
use swim_tokio::{BindError, Config, Options, Status};

#[tokio::test]
async fn one_port_serves_udp_and_tcp() {
    let peer = Peer::named("alone").await;
    let udp = UdpSocket::bind(peer.swim.local_addr()).expect_err("UDP is taken");
    let tcp = TcpListener::bind(peer.swim.local_addr()).expect_err("TCP is taken");
    assert_eq!(udp.kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(tcp.kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let peer = Peer::named("first").await;
    let bind = peer.swim.local_addr();
    let error = swim_tokio::bind(Options { bind, ..options("second") }).await.expect_err("in use");
    assert!(matches!(error, BindError::PortInUse { address } if address == bind), "{error:?}");
    assert!(error.to_string().contains(&bind.to_string()), "{error}");
}

#[tokio::test]
async fn a_port_whose_tcp_half_is_in_use_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let bind = listener.local_addr().expect("bound");
    let error = swim_tokio::bind(Options { bind, ..options("second") }).await.expect_err("in use");
    assert!(matches!(error, BindError::PortInUse { address } if address == bind), "{error:?}");
    drop(listener);
    Peer::start(Options { bind, ..options("second") }).await;
}

#[tokio::test]
async fn an_address_of_another_machine_cannot_be_bound() {
    let bind = "198.51.100.7:0".parse().expect("an address");
    let error = swim_tokio::bind(Options { bind, ..options("lost") }).await.expect_err("not here");
    assert!(matches!(error, BindError::Socket { address, .. } if address == bind), "{error:?}");
    assert!(error.source().is_some(), "the system's reason is kept");
}

#[tokio::test]
async fn a_config_out_of_range_makes_no_member_and_keeps_no_port() {
    let bind = free_address();
    let config = Config { gossip_nodes: 0, ..Config::lan() };
    let error = swim_tokio::bind(Options { bind, config, ..options("bad") }).await;
    let error = error.expect_err("gossip_nodes is 0");
    assert!(matches!(error, BindError::Node(NewError::Config(_))), "{error:?}");
    Peer::start(Options { bind, ..options("good") }).await;
}

#[tokio::test]
async fn a_member_bound_to_all_addresses_advertises_one_of_them() {
    let bind = "0.0.0.0:0".parse().expect("an address");
    let peer = Peer::start(Options { bind, ..options("everywhere") }).await;
    assert!(!peer.addr().ip().is_unspecified(), "{}", peer.addr());
    assert_eq!(peer.addr().port(), peer.swim.local_addr().port());
    let other = Peer::start(Options { bind, ..options("other") }).await;
    other.join(&peer).await;
}

#[tokio::test]
async fn what_is_advertised_need_not_be_what_is_bound() {
    let advertise = Some("203.0.113.5:0".parse().expect("an address"));
    let peer = Peer::start(Options { advertise, ..options("behind-nat") }).await;
    let port = peer.swim.local_addr().port();
    assert_eq!(peer.addr(), SocketAddr::from(([203, 0, 113, 5], port)));
    let other = Peer::named("other").await;
    ends("join", peer.swim.join(&[other.addr()])).await;
    eventually("the other knows the advertised address", || {
        other.swim.member(peer.id()).is_some_and(|member| member.address == Some(peer.addr()))
    })
    .await;
}

#[tokio::test]
async fn members_meet_over_ipv6() {
    if lacks_ipv6() {
        return;
    }
    let bind = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let first = Peer::start(Options { bind, ..options("first") }).await;
    let second = Peer::start(Options { bind, ..options("second") }).await;
    second.join(&first).await;
    assert_eq!(first.swim.member(second.id()).and_then(|it| it.address), Some(second.addr()));
}

#[tokio::test]
async fn a_dual_stack_member_meets_both_families() {
    if lacks_ipv6() {
        return;
    }
    let bind = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    let both = Peer::start(Options { bind, ..options("both") }).await;
    let port = both.swim.local_addr().port();
    let over_v4 = Peer::named("over-v4").await;
    let admissions = over_v4.swim.join(&[SocketAddr::from(([127, 0, 0, 1], port))]).await;
    assert_eq!(admissions.first().map(|(_, result)| result.clone()), Some(Ok(both.id())));
    let bind = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let over_v6 = Peer::start(Options { bind, ..options("over-v6") }).await;
    let admissions = over_v6.swim.join(&[SocketAddr::from((Ipv6Addr::LOCALHOST, port))]).await;
    assert_eq!(admissions.first().map(|(_, result)| result.clone()), Some(Ok(both.id())));

    for peer in [&over_v4, &over_v6] {
        eventually("both families live", || both.sees(peer.id(), Status::Alive)).await;
        let known = both.swim.member(peer.id()).expect("alive");
        assert_eq!(known.address, Some(peer.addr()), "never an IPv4 address in IPv6 clothes");
    }
    // It can also begin: a dual-stack socket sends to an IPv4 seed.
    let bind = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    let newcomer = Peer::start(Options { bind, ..options("newcomer") }).await;
    let admissions = newcomer.swim.join(&[over_v4.addr()]).await;
    assert_eq!(admissions, [(over_v4.addr().into(), Ok(over_v4.id()))]);
}

fn lacks_ipv6() -> bool {
    let lacks = UdpSocket::bind((IpAddr::from(Ipv6Addr::LOCALHOST), 0)).is_err();
    if lacks {
        // Not `eprintln`: the test harness would keep that to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: this machine has no IPv6 loopback");
    }
    lacks
}

/// Free at the moment of asking.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.local_addr().expect("bound")
}
