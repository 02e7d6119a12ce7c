//! Seeds by name: looked up by a resolver that says what the test wants, asked over real sockets.

mod common;

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Peer, ends, eventually, options};
use swim_tokio::{JoinFailure, Options, ResolveError, Resolver, Seed, SeedError, Status, Swim};
use tokio::net::UdpSocket;

/// A name server with one zone. What it does not know does not exist.
#[derive(Clone, Default)]
struct Zone(Arc<Mutex<HashMap<String, Answer>>>);

#[derive(Clone)]
enum Answer {
    Addresses(Vec<SocketAddr>),
    Silence,
}

impl Zone {
    fn set(&self, host: &str, addresses: &[SocketAddr]) {
        self.insert(host, Answer::Addresses(addresses.to_vec()));
    }

    fn hang(&self, host: &str) {
        self.insert(host, Answer::Silence);
    }

    fn insert(&self, host: &str, answer: Answer) {
        self.0.lock().expect("nobody panics").insert(host.to_owned(), answer);
    }

    fn resolver(&self) -> Resolver {
        let zone = self.clone();
        Resolver::new(move |host, _port| {
            let answer = zone.0.lock().expect("nobody panics").get(&host).cloned();
            async move {
                match answer {
                    Some(Answer::Addresses(addresses)) => Ok(addresses),
                    Some(Answer::Silence) => pending().await,
                    None => Err(io::Error::new(io::ErrorKind::NotFound, "no such host")),
                }
            }
        })
    }
}

fn using(zone: &Zone, name: &str) -> Options {
    Options {
        resolver: zone.resolver(),
        resolve_timeout: Duration::from_millis(300),
        join_deadline: Duration::from_secs(2),
        ..options(name)
    }
}

/// Listens and says nothing, as a host whose cluster has gone elsewhere.
async fn silent() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
    let address = socket.local_addr().expect("bound");
    (socket, address)
}

fn trouble(swim: &Swim) -> Option<JoinFailure> {
    swim.seeds().first().and_then(|status| status.trouble.clone())
}

fn no_such_host() -> JoinFailure {
    let (kind, reason) = (io::ErrorKind::NotFound, "no such host".into());
    JoinFailure::Unresolved(ResolveError::Failed { kind, reason })
}

#[tokio::test]
async fn a_name_stands_for_other_addresses_later() {
    let zone = Zone::default();
    let (_silent, old) = silent().await;
    zone.set("db", &[old]);
    let joiner = Peer::start(using(&zone, "joiner")).await;
    let admissions = ends("join", joiner.swim.join(["db:7946"])).await;
    assert_eq!(admissions, [("db:7946".into(), Err(JoinFailure::NoAnswer))]);

    let seed = Peer::named("seed").await;
    zone.set("db", &[seed.addr()]);
    eventually("joined", || joiner.sees(seed.id(), Status::Alive)).await;
    eventually("the old address is forgotten", || {
        joiner.swim.seeds().iter().all(|it| it.addresses == [seed.addr()] && it.trouble.is_none())
    })
    .await;
}

#[tokio::test]
async fn of_several_addresses_one_that_admits_is_enough() {
    let zone = Zone::default();
    let seed = Peer::named("seed").await;
    let joiner = Peer::start(using(&zone, "joiner")).await;
    let (_first, first) = silent().await;
    let (_second, second) = silent().await;
    zone.set("db", &[first, joiner.addr(), seed.addr(), second]);
    let admissions = ends("join", joiner.swim.join([String::from("db:7946")])).await;
    assert_eq!(admissions, [("db:7946".into(), Ok(seed.id()))]);
    let [status] = &joiner.swim.seeds()[..] else { panic!("one seed") };
    assert_eq!((status.admitted_by, &status.trouble), (Some(seed.id()), &None));
    assert_eq!(status.addresses.len(), 3, "all but its own");
}

/// More than the protocol asks at once, and but one of them lives.
#[tokio::test]
async fn of_very_many_addresses_all_get_their_turn() {
    let zone = Zone::default();
    let seed = Peer::named("seed").await;
    let mut addresses = vec![seed.addr()];
    let mut sockets = Vec::new();
    for _ in 0..39 {
        let (socket, address) = silent().await;
        addresses.push(address);
        sockets.push(socket);
    }
    zone.set("db", &addresses);
    let joiner = Peer::start(using(&zone, "joiner")).await;
    assert_eq!(joiner.swim.keep_joining(["db:7946"]).await, []);
    eventually("joined", || joiner.sees(seed.id(), Status::Alive)).await;
}

#[tokio::test]
async fn a_name_that_is_not_there_yet_is_waited_for() {
    let zone = Zone::default();
    let joiner = Peer::start(using(&zone, "joiner")).await;
    let admissions = ends("join", joiner.swim.join(["db:7946"])).await;
    assert_eq!(admissions, [("db:7946".into(), Err(no_such_host()))]);
    assert_eq!(trouble(&joiner.swim), Some(no_such_host()));
    let stats = joiner.swim.socket_stats();
    assert!(stats.lookups_failed > 1 && stats.lookups >= stats.lookups_failed, "{stats:?}");
    zone.set("db", &[]);
    let no_address = Some(JoinFailure::Unresolved(ResolveError::NoAddress));
    eventually("it is there, without address", || trouble(&joiner.swim) == no_address).await;
    let seed = Peer::named("seed").await;
    zone.set("db", &[seed.addr()]);
    eventually("joined", || joiner.sees(seed.id(), Status::Alive)).await;
}

/// The first pod of a headless service finds but itself, the second both.
#[tokio::test]
async fn a_name_of_this_member_alone_is_looked_up_until_there_are_others() {
    let zone = Zone::default();
    let first = Peer::start(using(&zone, "first")).await;
    zone.set("db", &[first.addr()]);
    let admissions = ends("join", first.swim.join(["db:7946"])).await;
    assert_eq!(admissions, [("db:7946".into(), Err(JoinFailure::OwnAddress))]);
    let second = Peer::named("second").await;
    zone.set("db", &[first.addr(), second.addr()]);
    eventually("they have met", || first.sees(second.id(), Status::Alive)).await;
}

#[tokio::test]
async fn a_resolver_that_hangs_holds_up_nobody() {
    let zone = Zone::default();
    zone.hang("slow");
    let seed = Peer::named("seed").await;
    zone.set("db", &[seed.addr()]);
    let joiner = Peer::start(using(&zone, "joiner")).await;
    let admissions = ends("join", joiner.swim.join(["slow:7946", "db:7946"])).await;
    let timed_out = JoinFailure::Unresolved(ResolveError::TimedOut);
    let expected = [("slow:7946".into(), Err(timed_out)), ("db:7946".into(), Ok(seed.id()))];
    assert_eq!(admissions, expected);
    assert!(joiner.sees(seed.id(), Status::Alive));
    zone.set("slow", &[seed.addr()]);
    eventually("the slow name as well", || {
        joiner.swim.seeds().iter().all(|status| status.admitted_by == Some(seed.id()))
    })
    .await;
}

/// A rolling update: the member that admitted this one is gone, its successor has another address.
#[tokio::test]
async fn a_member_left_alone_looks_its_seeds_up_again() {
    let zone = Zone::default();
    let seed = Peer::named("seed").await;
    zone.set("db", &[seed.addr()]);
    let joiner = Peer::start(using(&zone, "joiner")).await;
    let admissions = ends("join", joiner.swim.join(["db:7946"])).await;
    assert_eq!(admissions, [("db:7946".into(), Ok(seed.id()))]);

    let successor = Peer::named("successor").await;
    zone.set("db", &[successor.addr()]);
    seed.swim.shutdown().await;
    eventually("they have met", || joiner.sees(successor.id(), Status::Alive)).await;
}

#[tokio::test]
async fn a_member_in_company_looks_for_a_successor_of_its_seed() {
    let zone = Zone::default();
    let [seed, friend] = [Peer::named("seed").await, Peer::named("friend").await];
    friend.join(&seed).await;
    zone.set("db", &[seed.addr()]);
    let joiner = Peer::start(using(&zone, "joiner")).await;
    ends("join", joiner.swim.join(["db:7946"])).await;
    eventually("three", || joiner.swim.live_count() == 3).await;

    // Nobody but the joiner can know of the stranger, and of it only by the name.
    let stranger = Peer::named("stranger").await;
    zone.set("db", &[stranger.addr()]);
    seed.swim.shutdown().await;
    eventually("all have met", || friend.sees(stranger.id(), Status::Alive)).await;
}

#[tokio::test]
async fn what_is_no_seed_is_told_at_once() {
    let peer = Peer::named("alone").await;
    let malformed = JoinFailure::Malformed(SeedError::NoPort);
    let not_asked = peer.swim.keep_joining(["db", "127.0.0.1:9"]).await;
    assert_eq!(not_asked, [("db".into(), malformed)]);
    let seeds: Vec<Seed> = peer.swim.seeds().into_iter().map(|status| status.seed).collect();
    assert_eq!(seeds, ["127.0.0.1:9".into()]);
}

#[tokio::test]
async fn a_member_that_left_asks_again_when_it_is_back() {
    let zone = Zone::default();
    let joiner = Peer::start(using(&zone, "joiner")).await;
    assert_eq!(joiner.swim.keep_joining(["db:7946"]).await, []);
    ends("leave", joiner.swim.leave()).await.expect("it runs");
    let not_alive = [("10.0.0.1:1".into(), JoinFailure::NotAlive)];
    assert_eq!(joiner.swim.keep_joining(["10.0.0.1:1"]).await, not_alive);
    let lookups = joiner.swim.socket_stats().lookups;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(joiner.swim.socket_stats().lookups <= lookups + 1, "one may have been under way");

    let seed = Peer::named("seed").await;
    zone.set("db", &[seed.addr()]);
    joiner.swim.rejoin().await.expect("it runs");
    eventually("joined", || joiner.sees(seed.id(), Status::Alive)).await;
}
