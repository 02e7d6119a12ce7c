//! A process that is gone while its machine lives: the system tells, sooner than any timeout.

// Elsewhere only TCP tells.
#![cfg_attr(not(target_os = "linux"), allow(unused_imports))]

mod common;

use std::time::Duration;

use common::{Peer, cluster, ends, eventually, fast, options};
use swim_tokio::{Config, Detector, Lifeguard, Options, Status};
use tokio::net::UdpSocket;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_crash_on_a_living_host_is_told_by_its_system() {
    let peers = cluster(3).await;
    let [watcher, victim, _] = &peers[..] else { panic!("three peers") };
    assert_eq!(watcher.swim.socket_stats().datagrams_refused, 0);
    ends("the crash", victim.swim.shutdown()).await;
    eventually("refused", || watcher.swim.socket_stats().datagrams_refused > 0).await;
    let stats = watcher.swim.stats().await.expect("it runs");
    assert!(stats.refusals_heard + stats.refusals_unasked > 0, "the protocol was told: {stats:?}");
    eventually("declared", || watcher.sees(victim.id(), Status::Dead)).await;
    assert_eq!(watcher.swim.socket_stats().send_errors, 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_dual_stack_member_is_told_too() {
    let bind = "[::]:0".parse().expect("an address");
    let advertise = "127.0.0.1:0".parse().ok();
    let Ok((swim, runner)) = swim_tokio::bind(Options { bind, advertise, ..options("both") }).await
    else {
        return eprintln!("skipped: this machine has no IPv6");
    };
    let both = Peer { swim, task: tokio::spawn(runner.run()) };
    let victim = Peer::named("victim").await;
    victim.join(&both).await;
    ends("the crash", victim.swim.shutdown()).await;
    eventually("refused", || both.swim.socket_stats().datagrams_refused > 0).await;
}

/// A path without UDP: the last hope of a probe is a stream, and that is refused.
#[tokio::test]
async fn a_refused_connection_is_told() {
    // Takes datagrams, answers none, and has no TCP port.
    let silent = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
    let config = Config {
        detector: Detector::Lifeguard(Lifeguard::Memberlist),
        probe_interval: Duration::from_millis(800),
        probe_timeout: Duration::from_millis(100),
        ..fast()
    };
    let watcher = Peer::start(Options { config, ..options("watcher") }).await;
    let victim =
        Peer::start(Options { config, advertise: silent.local_addr().ok(), ..options("victim") })
            .await;
    victim.swim.keep_joining(&[watcher.addr()]).await;
    eventually("a stream refused", || watcher.swim.socket_stats().connections_refused > 0).await;
}
