//! A path that drops UDP and lets TCP through must not cost a member its life.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Peer, eventually, options};
use swim_tokio::{Config, Detector, Event, Key, KeyRing, Lifeguard, Options, Status, Update};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// A middlebox in front of one member: passes TCP on, swallows UDP.
struct Middlebox {
    address: SocketAddr,
    swallowed: Arc<AtomicU64>,
    tcp: TcpListener,
}

impl Middlebox {
    async fn open() -> Self {
        loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
            let address = udp.local_addr().expect("bound");
            if let Ok(tcp) = TcpListener::bind(address).await {
                let swallowed = Arc::new(AtomicU64::new(0));
                tokio::spawn(swallow(udp, Arc::clone(&swallowed)));
                return Self { address, swallowed, tcp };
            }
        }
    }

    /// From now on TCP goes to `member`.
    fn pass_to(self, member: SocketAddr) -> Arc<AtomicU64> {
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = self.tcp.accept().await {
                tokio::spawn(async move {
                    let mut inside = TcpStream::connect(member).await?;
                    tokio::io::copy_bidirectional(&mut outside, &mut inside).await
                });
            }
        });
        self.swallowed
    }
}

async fn swallow(udp: UdpSocket, swallowed: Arc<AtomicU64>) {
    let mut buffer = [0; 2_048];
    while udp.recv(&mut buffer).await.is_ok() {
        swallowed.fetch_add(1, Ordering::Relaxed);
    }
}

fn slow_enough_for_tcp(detector: Detector) -> Config {
    Config {
        detector,
        probe_interval: Duration::from_millis(800),
        probe_timeout: Duration::from_millis(100),
        probe_timeout_min: Duration::from_millis(50),
        suspicion_mult: 2,
        ..Config::local()
    }
}

/// A member, another behind a middlebox it advertises, and how many datagrams that swallowed.
async fn pair(detector: Detector, keys: Option<KeyRing>) -> (Peer, Peer, Arc<AtomicU64>) {
    let config = slow_enough_for_tcp(detector);
    let start = |name, advertise| {
        Peer::start(Options { config, advertise, keys: keys.clone(), ..options(name) })
    };
    let outside = start("outside", None).await;
    let middlebox = Middlebox::open().await;
    let inside = start("inside", Some(middlebox.address)).await;
    let swallowed = middlebox.pass_to(inside.swim.local_addr());
    inside.join(&outside).await;
    (outside, inside, swallowed)
}

#[tokio::test]
async fn a_member_reached_by_tcp_alone_stays_alive() {
    stays_alive(None).await;
}

#[tokio::test]
async fn so_does_one_whose_packets_are_sealed() {
    stays_alive(Some(KeyRing::new(Key::new([7; 32])))).await;
}

async fn stays_alive(keys: Option<KeyRing>) {
    let (outside, inside, swallowed) = pair(Detector::Lifeguard(Lifeguard::Memberlist), keys).await;
    let mut events = outside.swim.events();
    probes(&outside, 8, |stats| stats.probes_acked).await;
    assert!(swallowed.load(Ordering::Relaxed) >= 8, "no probe got through by UDP");
    assert!(outside.swim.socket_stats().streams_dialed >= 1);
    assert!(inside.swim.socket_stats().streams_accepted >= 1);
    let stats = outside.swim.stats().await.expect("it runs");
    assert!(stats.probes_failed <= stats.probes_acked / 4, "{stats:?}");
    eventually("alive", || outside.sees(inside.id(), Status::Alive)).await;
    outside.swim.shutdown().await;
    while let Some(update) = events.next().await {
        let Update::Event { event, .. } = update else { panic!("{update:?}") };
        assert_ne!(event, Event::MemberDead(inside.id()));
    }
}

/// The control: without the stream ping the same middlebox lets no probe succeed.
#[tokio::test]
async fn without_streams_the_same_member_answers_no_probe() {
    let (outside, _inside, _) = pair(Detector::Swim, None).await;
    probes(&outside, 3, |stats| stats.probes_failed).await;
    assert_eq!(outside.swim.stats().await.expect("it runs").probes_acked, 0);
    assert_eq!(outside.swim.socket_stats().streams_dialed, 0);
}

async fn probes(peer: &Peer, count: u64, counter: impl Fn(&swim_tokio::Stats) -> u64) {
    let counted = async {
        while counter(&peer.swim.stats().await.expect("it runs")) < count {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    common::ends("enough probes", counted).await;
}
