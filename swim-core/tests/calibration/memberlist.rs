//! memberlist with its LAN defaults.
//!
//! References: N = 100 real processes in one network namespace, 2 ms +- 1 ms, 1 % loss, kill -9, 30
//! runs (memberlist 0.7.0): first told p50 9.86 s, p99 11.98 s, all told 0.16 s later at p50.
//! N = 128 goroutines on loopback: all told 0.42 s after the first. Idle: 2.00 packets per node and
//! second at every N.
//!
//! What stays different: the table exchange, which takes the place of memberlist's push-pull over
//! TCP, is paced like it here (30 s, stretched to 90 s at N = 100); healing, which memberlist has
//! not, is off.

use std::time::Duration;

use swim_core::sim::{Failure, Link};
use swim_core::{Config, Detector, Event, Lifeguard};

use crate::harness::{
    about, assert_within, empty, for_each_seed, quantile, seconds, settled, told,
};

const RUNS: u64 = 240;
/// The reference has this many runs: its p99 lies between the longest two of them.
const REFERENCE_RUNS: usize = 30;

fn memberlist() -> Config {
    Config {
        detector: Detector::Lifeguard(Lifeguard::Memberlist),
        anti_entropy: false,
        heal_interval: Duration::ZERO,
        ..Config::lan()
    }
}

/// A crash and who was told of it.
struct Crash {
    first_told: f64,
    all_told: f64,
}

fn crash(seed: u64) -> Result<Crash, Failure> {
    const MEMBERS: usize = 100;
    let name = "a_crash_is_told_as_soon_as_memberlist_tells_it";
    let mut cluster = settled(empty(name, seed, memberlist(), Link::lan().losing(10)), MEMBERS)?;
    let (victim, crashed) = (cluster.id(1), cluster.now());
    cluster.crash(1);
    let everybody = |cluster: &_| told(cluster, crashed, Event::MemberDead(victim)).count();
    let all = cluster.run_until(seconds(60), |cluster| everybody(cluster) == MEMBERS - 1)?;
    cluster.expect("everybody is told within a minute", all.is_some())?;
    let times: Vec<_> = told(&cluster, crashed, Event::MemberDead(victim)).collect();
    Ok(Crash { first_told: times[0], all_told: times[MEMBERS - 2] })
}

/// Target: p50 within 5 % of 9.86 s. The p99 of 30 runs is hardly more than their maximum, so ours
/// is taken of each 30 runs as well, and compared within 10 %.
#[test]
fn a_crash_is_told_as_soon_as_memberlist_tells_it() -> Result<(), Failure> {
    let crashes = for_each_seed(0..RUNS, crash)?;
    let first: Vec<_> = crashes.iter().map(|crash| crash.first_told).collect();
    let spread: Vec<_> = crashes.iter().map(|crash| crash.all_told - crash.first_told).collect();
    let longest: Vec<_> = first.chunks(REFERENCE_RUNS).map(|runs| quantile(runs, 970)).collect();
    println!("p99 of {RUNS} runs: {:.2} s", quantile(&first, 990));
    assert_within("first told, p50, s", quantile(&first, 500), about(9.86, 5.0));
    assert_within("first told, p99 of 30 runs, s", quantile(&longest, 500), about(11.98, 10.0));
    assert_within("all told after that, p50, s", quantile(&spread, 500), 0.16..=0.42);
    Ok(())
}

/// Target: exactly 2.00, a ping and an ack for every member and second. That tables are compared
/// besides adds no packet.
#[test]
fn an_idle_node_sends_two_packets_a_second() -> Result<(), Failure> {
    let compared = Config { anti_entropy: true, ..memberlist() };
    assert_within("packets per node and second", idle_rate(memberlist())?, 2.0..=2.0);
    assert_within("with digests", idle_rate(compared)?, 2.0..=2.0);
    Ok(())
}

fn idle_rate(config: Config) -> Result<f64, Failure> {
    const MEMBERS: usize = 100;
    const SECONDS: u64 = 180;
    let name = "an_idle_node_sends_two_packets_a_second";
    let mut cluster = settled(empty(name, 1, config, Link::lan()), MEMBERS)?;
    let before = cluster.report().counts.sent;
    cluster.run_for(seconds(SECONDS))?;
    let sent = cluster.report().counts.sent - before;
    Ok(sent as f64 / MEMBERS as f64 / SECONDS as f64)
}
