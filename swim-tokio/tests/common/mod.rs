//! Members on loopback, with time to spare for slow machines.

// Every test file uses another part of this.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::time::Duration;

use swim_tokio::swim_core::storage::Growable;
use swim_tokio::swim_core::{Identity, Instant, Node};
use swim_tokio::{Config, Event, Events, MemberInfo, NodeId, Options, Status, Swim, Update};
use tokio::task::JoinHandle;
use tokio::time;

/// What must happen, happens by then; nothing is said about how fast.
pub const DEADLINE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Detects a crash in a second or two.
pub fn fast() -> Config {
    Config {
        probe_interval: Duration::from_millis(200),
        probe_timeout: Duration::from_millis(100),
        probe_timeout_min: Duration::from_millis(50),
        pause_tolerance: Duration::from_millis(500),
        suspicion_mult: 2,
        ..Config::local()
    }
}

/// The defaults of a test: loopback, any port, fast.
pub fn options(name: &str) -> Options {
    let bind = SocketAddr::from(([127, 0, 0, 1], 0));
    Options { name: Some(name.into()), config: fast(), ..Options::new(bind) }
}

/// A running member. Dropped, it runs on until the test ends.
pub struct Peer {
    pub swim: Swim,
    pub task: JoinHandle<()>,
}

impl Peer {
    pub async fn start(options: Options) -> Self {
        let (swim, runner) = swim_tokio::bind(options).await.expect("loopback can be bound");
        Self { swim, task: tokio::spawn(runner.run()) }
    }

    pub async fn named(name: &str) -> Self {
        Self::start(options(name)).await
    }

    pub fn id(&self) -> NodeId {
        self.swim.id()
    }

    pub fn addr(&self) -> SocketAddr {
        self.swim.advertised()
    }

    pub fn sees(&self, id: NodeId, status: Status) -> bool {
        self.swim.member(id).is_some_and(|member| member.status == status)
    }

    /// Joins through `seed`, as often as it takes.
    pub async fn join(&self, seed: &Self) {
        self.swim.keep_joining(&[seed.addr()]).await;
        let both = || self.sees(seed.id(), Status::Alive) && seed.sees(self.id(), Status::Alive);
        eventually("both know each other", both).await;
    }
}

/// `count` members that all know each other.
pub async fn cluster(count: usize) -> Vec<Peer> {
    let mut peers = Vec::new();
    for number in 0..count {
        peers.push(Peer::named(&format!("peer-{number}")).await);
    }
    for peer in &peers[1..] {
        let not_asked = peer.swim.keep_joining(&[peers[0].addr()]).await;
        assert_eq!(not_asked, []);
    }
    eventually("all know all", || peers.iter().all(|peer| peer.swim.live_count() == count)).await;
    peers
}

/// Waits until `condition` holds.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let polled = async {
        while !condition() {
            time::sleep(POLL_INTERVAL).await;
        }
    };
    time::timeout(DEADLINE, polled).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Waits for `expected` and returns the member it came with.
pub async fn event(events: &mut Events, expected: Event<SocketAddr>) -> Option<MemberInfo> {
    let found = async {
        loop {
            match events.next().await.expect("the runner runs") {
                Update::Event { event, member } if event == expected => return member,
                Update::Lagged { missed, .. } => panic!("missed {missed} events"),
                _ => {}
            }
        }
    };
    time::timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("never: {expected:?}"))
}

/// Waits for a future that must come to an end.
pub async fn ends<T>(what: &str, future: impl Future<Output = T>) -> T {
    time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("never ended: {what}"))
}

/// What a newcomer writes on a stream to be admitted: of any newcomer, a valid packet.
pub fn join_packet() -> Vec<u8> {
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
