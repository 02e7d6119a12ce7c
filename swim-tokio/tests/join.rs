//! What `join` reports, and what becomes of a join nobody waits for.

mod common;

use std::time::Duration;

use common::{Peer, ends, event, eventually, fast, options};
use swim_tokio::{Config, Event, JoinFailure, Label, Options, Refusal, Seed, Status};
use tokio::net::UdpSocket;
use tokio::time;

fn impatient(name: &str) -> Options {
    Options { join_deadline: Duration::from_millis(600), ..options(name) }
}

#[tokio::test]
async fn a_seed_that_admits_is_named() {
    let seed = Peer::named("seed").await;
    let joiner = Peer::named("joiner").await;
    let admissions = ends("join", joiner.swim.join(&[seed.addr()])).await;
    assert_eq!(admissions, [(seed.addr().into(), Ok(seed.id()))]);
}

#[tokio::test]
async fn a_silent_seed_is_reported_and_asked_on() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
    let address = silent.local_addr().expect("bound");
    let joiner = Peer::start(impatient("joiner")).await;
    let mut events = joiner.swim.events();
    let admissions = ends("join", joiner.swim.join(&[address])).await;
    assert_eq!(admissions, [(address.into(), Err(JoinFailure::NoAnswer))]);

    drop(silent);
    let late = Peer::start(Options { bind: address, ..options("late") }).await;
    event(&mut events, Event::Joined { seed: address, by: late.id() }).await;
}

#[tokio::test]
async fn a_seed_of_another_cluster_refuses() {
    let config = Config { label: Label::new("other"), ..fast() };
    let other = Peer::start(Options { config, ..options("other") }).await;
    let joiner = Peer::named("joiner").await;
    let admissions = ends("join", joiner.swim.join(&[other.addr()])).await;
    let refused = JoinFailure::Refused(Refusal::OtherCluster);
    assert_eq!(admissions, [(other.addr().into(), Err(refused))]);
    assert_eq!(joiner.swim.live_count(), 1);
    assert_eq!(other.swim.live_count(), 1);
}

#[tokio::test]
async fn its_own_address_is_no_seed() {
    let peer = Peer::named("alone").await;
    let admissions = ends("join", peer.swim.join(&[peer.addr()])).await;
    assert_eq!(admissions, [(peer.addr().into(), Err(JoinFailure::OwnAddress))]);
    let not_asked = ends("keep_joining", peer.swim.keep_joining(&[peer.addr()])).await;
    assert_eq!(not_asked, [(peer.addr().into(), JoinFailure::OwnAddress)]);
}

#[tokio::test]
async fn every_seed_gets_its_own_report() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
    let silent = silent.local_addr().expect("bound");
    let seed = Peer::named("seed").await;
    let joiner = Peer::start(impatient("joiner")).await;
    let admissions = ends("join", joiner.swim.join(&[silent, seed.addr(), joiner.addr()])).await;
    let expected = [
        (silent.into(), Err(JoinFailure::NoAnswer)),
        (seed.addr().into(), Ok(seed.id())),
        (joiner.addr().into(), Err(JoinFailure::OwnAddress)),
    ];
    assert_eq!(admissions, expected);
}

#[tokio::test]
async fn a_dropped_join_is_no_longer_asked_for() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
    let address = silent.local_addr().expect("bound");
    let joiner = Peer::named("joiner").await;
    let mut buffer = [0; 2_048];
    let seeds = [address];
    tokio::select! {
        admissions = joiner.swim.join(&seeds) => panic!("{admissions:?}"),
        asked = ends("asked", silent.recv_from(&mut buffer)) => drop(asked.expect("a datagram")),
    }
    // What was on its way before the call was dropped.
    joiner.swim.stats().await.expect("it runs");
    while silent.try_recv_from(&mut buffer).is_ok() {}
    let several_retries = Config::local().join_retry_max * 2;
    let asked_again = time::timeout(several_retries, silent.recv_from(&mut buffer)).await;
    assert!(asked_again.is_err(), "still asking");
}

#[tokio::test]
async fn a_join_that_is_kept_needs_nobody_to_wait() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
    let address = silent.local_addr().expect("bound");
    let joiner = Peer::named("joiner").await;
    assert_eq!(joiner.swim.keep_joining(&[address]).await, []);
    drop(silent);
    let late = Peer::start(Options { bind: address, ..options("late") }).await;
    eventually("joined", || joiner.sees(late.id(), Status::Alive)).await;
}

#[tokio::test]
async fn a_member_that_has_ended_joins_nobody() {
    let peer = Peer::named("alone").await;
    let seed = || Seed::from("127.0.0.1:9");
    peer.swim.shutdown().await;
    assert_eq!(peer.swim.join([seed()]).await, [(seed(), Err(JoinFailure::Closed))]);
    assert_eq!(peer.swim.keep_joining([seed()]).await, [(seed(), JoinFailure::Closed)]);
}
