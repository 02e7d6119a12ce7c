//! Of what only Linux tells: refusals.

use std::sync::atomic::{AtomicBool, Ordering};

use swim_core::Status;

use super::*;

async fn member(name: &str) -> (Swim, Runner) {
    member_at(SocketAddr::from(([127, 0, 0, 1], 0)), name).await
}

async fn member_at(bind: SocketAddr, name: &str) -> (Swim, Runner) {
    let config = swim_core::Config::local();
    let options = Options { name: Some(name.into()), config, ..Options::new(bind) };
    crate::bind(options).await.expect("loopback can be bound")
}

/// Sends to a port where nobody listens, from the member's own socket, until told to stop.
fn flood(runner: &Runner, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let socket = runner.datagrams.kernel().try_clone().expect("a second handle");
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let nobody = nobody.expect("loopback");
    std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            // Every other attempt fails over the news of the one before.
            let _ = socket.send_to(b"anybody there?", nobody);
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_refusals_does_not_starve_a_member() {
    let (swim, runner) = member("flooded").await;
    let (friend, friends_runner) = member("friend").await;
    let stop = Arc::new(AtomicBool::new(false));
    let flood = flood(&runner, Arc::clone(&stop));
    tokio::spawn(runner.run());
    tokio::spawn(friends_runner.run());
    friend.keep_joining(&[swim.advertised()]).await;
    let all_is_well = async {
        let knows = |one: &Swim, other: &Swim| {
            one.member(other.id()).is_some_and(|it| it.status == Status::Alive)
        };
        let is_refused = || swim.socket_stats().datagrams_refused > 10_000;
        while !(knows(&swim, &friend) && knows(&friend, &swim) && is_refused()) {
            swim.stats().await.expect("it obeys");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), all_is_well).await;
    stop.store(true, Ordering::Relaxed);
    flood.join().expect("it only sends");
    ended.unwrap_or_else(|_| panic!("starved: {:?}", swim.socket_stats()));
}

/// The process stands still until a timer is due, and everything arrives meanwhile.
#[tokio::test]
async fn all_that_arrived_during_a_stall_is_read_before_timers_fire() {
    let (swim, mut runner) = member("sleeper").await;
    let (_friend, friends_runner) = member("friend").await;
    runner.node.join(friends_runner.shared.advertised, runner.clock.now()).expect("room");
    runner.flush();
    let mut stream = std::net::TcpStream::connect(swim.local_addr()).expect("it listens");
    let accepted = async {
        while swim.socket_stats().streams_accepted == 0 {
            runner.wait().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), accepted).await.expect("accepted");

    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
    stranger.send_to(b"junk", swim.local_addr()).expect("sent");
    std::io::Write::write_all(&mut stream, b"\x00\x04junk").expect("sent");
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    runner.datagrams.kernel().send_to(b"?", nobody.expect("loopback")).expect("sent");
    while !runner.is_timer_due(runner.clock.now()) {
        std::thread::sleep(Duration::from_millis(10));
    }

    let rejected_before = runner.node.stats().rejected_malformed;
    runner.read_all(None).await;
    assert_eq!(runner.node.stats().rejected_malformed - rejected_before, 2);
    let stats = swim.socket_stats();
    assert_eq!((stats.stream_errors, stats.datagrams_refused), (1, 1));
}

async fn turns_until(runner: &mut Runner, done: impl Fn(&Runner) -> bool) {
    let turns = async {
        while !done(runner) {
            runner.turn().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), turns).await.expect("it happens");
}

/// With no third member to ask, the refusals of this one alone decide.
#[tokio::test]
async fn a_restart_between_a_refusal_and_its_reading_is_no_death() {
    let (swim, mut runner) = member("watcher").await;
    let (victim, victims_runner) = member("victim").await;
    let (id, address) = (victim.id(), victim.advertised());
    tokio::spawn(victims_runner.run());
    victim.keep_joining(&[swim.advertised()]).await;
    turns_until(&mut runner, |it| {
        let stats = it.node.stats();
        stats.probes_acked > 0 && stats.probes_acked == stats.probes
    })
    .await;

    victim.shutdown().await;
    let probes_before = runner.node.stats().probes;
    while runner.node.stats().probes == probes_before {
        std::thread::sleep(Duration::from_millis(10));
        runner.fire_timers(runner.clock.now());
    }
    let notice = runner.datagrams.try_notice().expect("the ping was refused");
    assert!(matches!(notice, Notice::Refused(refused, _) if refused == address));
    // News may have been sent there as well.
    while runner.datagrams.try_notice().is_ok() {}
    let (_restarted, restarted_runner) = member_at(address, "victim").await;
    tokio::spawn(restarted_runner.run());
    runner.refuse(address);

    let acked_before = runner.node.stats().probes_acked;
    turns_until(&mut runner, |it| it.node.stats().probes_acked > acked_before + 1).await;
    let stats = runner.node.stats();
    assert_eq!((stats.refusals_heard, stats.deaths_declared, stats.died), (1, 0, 0));
    assert!(swim.member(id).is_some_and(|it| it.status == Status::Alive));
}

/// A runner that spins over news it has read would wake for ever.
#[tokio::test]
async fn refusals_that_were_read_do_not_wake_the_runner_again() {
    let (swim, mut runner) = member("alone").await;
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let nobody = nobody.expect("loopback");
    runner.datagrams.try_send(b"anybody there?", nobody, &runner.shared.counters);
    let wake = async {
        runner.datagrams.ready().await.expect("the reactor runs");
        runner.read_all(None).await;
        swim.socket_stats().datagrams_refused
    };
    let refused = tokio::time::timeout(Duration::from_secs(60), wake).await;
    assert_eq!(refused, Ok(1));
    let again = tokio::time::timeout(Duration::from_millis(200), runner.datagrams.ready());
    assert!(again.await.is_err(), "there is nothing to read");
}
