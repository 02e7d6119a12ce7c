//! What Witness promises, in whole simulated clusters: how soon a crash is known, and who is not
//! declared dead. Every loop over seeds prints what it measured.
#![cfg(feature = "sim")]

use std::collections::BTreeMap;
use std::time::Duration;

use swim_core::sim::{Checks, Cluster, Failure, Link, Scenario, seeds};
use swim_core::storage::Growable;
use swim_core::wire::{Message, Packet};
use swim_core::{Config, Event, Identity, Instant, Node, NodeId};

type Outcome = Result<(), Failure>;

const SECOND: Duration = Duration::from_secs(1);
const MILLION: u64 = 1_000_000;

/// `count` nodes that all know each other, and have done so for a while.
fn settled(scenario: Scenario<Growable>, count: usize) -> Result<Cluster<Growable>, Failure> {
    let mut cluster = Cluster::new(Scenario { checks: Checks::Light, ..scenario });
    cluster.add_many(count);
    cluster.join_all(0);
    let met = cluster.run_until(SECOND * 60, Cluster::views_complete)?;
    cluster.expect("everybody meets within a minute", met.is_some())?;
    cluster.run_for(SECOND * 10)?;
    Ok(cluster)
}

fn table(_node: usize) -> Growable {
    Growable::new(128, 0)
}

/// Deaths that were told since `start`, with the time since then.
fn deaths(cluster: &Cluster<Growable>, start: Instant) -> Vec<(Duration, NodeId)> {
    let told = cluster.heard().iter().filter(|heard| heard.at >= start);
    told.filter_map(|heard| match heard.event {
        Event::MemberDead(id) => Some((heard.at.since(start), id)),
        _ => None,
    })
    .collect()
}

/// From the crash to the first who knows, and to the last.
fn crash(name: &'static str, seed: u64) -> Result<(Duration, Duration), Failure> {
    let config = Config { pause_tolerance: Duration::from_millis(1_500), ..Config::lan() };
    let link = Link::lan().losing(10);
    let scenario = Scenario { config, link, ..Scenario::new(name, seed, table) };
    let mut cluster = settled(scenario, 64)?;
    // A moment of its own in the period for every seed.
    cluster.run_for(Duration::from_millis(seed * 379 % 1_000))?;
    let (victim, start) = (cluster.id(33), cluster.now());
    cluster.crash(33);
    cluster.run_for(SECOND * 15)?;
    let told = deaths(&cluster, start);
    cluster.expect("nobody else dies", told.iter().all(|&(_, id)| id == victim))?;
    cluster.expect("nobody died before", cluster.report().counts.deaths == told.len() as u64)?;
    cluster.expect("every survivor knows", told.len() == 63)?;
    Ok((told[0].0, told[62].0))
}

#[test]
fn a_crash_is_known_within_3_1_seconds_in_the_median() -> Outcome {
    let name = "a_crash_is_known_within_3_1_seconds_in_the_median";
    let mut times = seeds(1..41).map(|seed| crash(name, seed)).collect::<Result<Vec<_>, _>>()?;
    times.sort_unstable();
    let median = times[times.len() / 2].0;
    let (least, most) = (times[0].0, times[times.len() - 1].0);
    let all = times.iter().map(|time| time.1).max();
    println!("first: {least:?} {median:?} {most:?}; all know at most after {all:?}");
    assert!(median <= Duration::from_millis(3_100), "{median:?}");
    // The floor, and no less: nobody who pauses for as long is dead.
    assert!(least >= Duration::from_millis(1_500), "{least:?}");
    Ok(())
}

#[test]
fn nobody_who_stands_still_for_two_seconds_is_declared_dead_under_lan() -> Outcome {
    let name = "nobody_who_stands_still_for_two_seconds_is_declared_dead_under_lan";
    for seed in seeds(1..4) {
        let mut cluster = settled(Scenario::new(name, seed, table), 32)?;
        for pause in 0..20 {
            cluster.freeze(pause, SECOND * 2);
            cluster.run_for(Duration::from_millis(7_210))?;
        }
        let report = cluster.report();
        println!("{report}");
        cluster.expect("some were suspected", report.counts.suspicions > 0)?;
        cluster.expect("nobody died", report.counts.deaths == 0)?;
        cluster.expect("and all see all", cluster.views_complete())?;
    }
    Ok(())
}

/// What the rules leave to chance: all ten pings of a verification fail a living member once in 850
/// times (0.51 to the tenth). So it may be that one observer errs in all these runs; that others
/// follow it may not.
#[test]
fn hardly_anybody_dies_in_ten_minutes_at_thirty_percent_loss_and_nobody_is_followed() -> Outcome {
    let name = "hardly_anybody_dies_in_ten_minutes_at_thirty_percent_loss_and_nobody_is_followed";
    let (mut false_deaths, mut suspicions) = (0, 0);
    for seed in seeds(1..11) {
        let mut cluster = settled(Scenario::new(name, seed, table), 64)?;
        let (start, before) = (cluster.now(), cluster.report().counts);
        cluster.network.link = Link::lan().losing(300);
        cluster.run_for(SECOND * 600)?;
        let counts = cluster.report().counts;
        let rate = (counts.bytes_sent - before.bytes_sent) / (64 * 600);
        println!("seed {seed}: {rate} B/s per node, {}", cluster.report());
        cluster.expect("packets are lost", counts.lost > before.lost)?;
        let mut dead: Vec<_> = deaths(&cluster, start).into_iter().map(|(_, id)| id).collect();
        let told = dead.len();
        dead.sort_unstable();
        dead.dedup();
        cluster.expect("nobody is followed", told == dead.len())?;
        cluster.network.link = Link::lan();
        let met = cluster.run_until(SECOND * 60, Cluster::views_agree)?;
        cluster.expect("all views agree soon after", met.is_some())?;
        false_deaths += told;
        suspicions += cluster.total(|stats| stats.suspicions_raised);
    }
    println!("{false_deaths} false deaths after {suspicions} accusations");
    assert!(suspicions > 100, "the network was too good");
    assert!(false_deaths <= 1, "{false_deaths}");
    Ok(())
}

/// Nodes whose clocks run at rates of their own, on a network that takes no time and shows whom
/// they probe, packet by packet.
struct Drifting {
    nodes: Vec<(Node<u16, Growable>, i64)>,
    now: u64,
    /// Of each round and target, how many probes.
    probes: BTreeMap<(u16, u16), u32>,
}

impl Drifting {
    /// `count` nodes that know each other; their clocks are up to `ppm` parts of a million wrong.
    fn new(count: usize, ppm: i64, seed: u64) -> Self {
        let mut nodes: Vec<_> = (0..count)
            .map(|index| {
                let identity = Identity::new(NodeId::new(index as u64 * 7 + 1), index as u16);
                let seed = seed * 1_000 + index as u64;
                let storage = Growable::new(128, 0);
                let node = Node::new(identity, Config::lan(), storage, seed, Instant::ZERO);
                let drift = (index as i64 * 7_919).rem_euclid(2 * ppm + 1) - ppm;
                (node.expect("a node"), drift)
            })
            .collect();
        for (node, _) in &mut nodes[1..] {
            node.join(0, Instant::ZERO).expect("a seed");
        }
        Self { nodes, now: 0, probes: BTreeMap::new() }
    }

    fn run_to(&mut self, end: Duration) {
        while let Some((at, index)) = self.next_due().filter(|next| next.0 < micros(end)) {
            self.now = at;
            let now = self.local(at, index);
            self.nodes[index].0.handle_timeout(now);
            let mut talking = vec![index];
            while let Some(index) = talking.pop() {
                talking.extend(self.deliver(index));
            }
        }
    }

    /// The next timer: when, and whose.
    fn next_due(&self) -> Option<(u64, usize)> {
        let due = |(index, (node, _)): (usize, &(Node<_, _>, i64))| {
            let due = self.global(node.poll_timeout()?, index);
            Some((due.max(self.now), index))
        };
        self.nodes.iter().enumerate().filter_map(due).min()
    }

    /// Hands over all packets of a node. Returns who received one.
    fn deliver(&mut self, from: usize) -> Vec<usize> {
        let (mut buffer, mut heard) = ([0; 1_400], Vec::new());
        let now = self.local(self.now, from);
        while let Some(transmit) = self.nodes[from].0.poll_transmit(now, &mut buffer) {
            let (to, bytes) = (usize::from(transmit.to), &mut buffer[..transmit.len]);
            let packet = Packet::<u16>::parse(bytes).expect("a packet");
            if let Some(Message::Ping(_)) = packet.message {
                *self.probes.entry((packet.header.round, transmit.to)).or_default() += 1;
            }
            let now = self.local(self.now, to);
            self.nodes[to].0.handle_datagram(from as u16, bytes, now).expect("accepted");
            heard.push(to);
        }
        while self.nodes[from].0.poll_event().is_some() {}
        heard
    }

    fn local(&self, at: u64, index: usize) -> Instant {
        Instant::from_micros(at * self.rate(index) / MILLION)
    }

    /// The first moment at which the clock of a node shows `local`.
    fn global(&self, local: Instant, index: usize) -> u64 {
        (local.as_micros() * MILLION).div_ceil(self.rate(index))
    }

    fn rate(&self, index: usize) -> u64 {
        MILLION.saturating_add_signed(self.nodes[index].1)
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

#[test]
fn clocks_that_drift_leave_the_rotation_exact() {
    const COUNT: usize = 48;
    for seed in seeds(1..4) {
        let mut drifting = Drifting::new(COUNT, 200, seed);
        drifting.run_to(SECOND * 30);
        assert!(drifting.nodes.iter().all(|(node, _)| node.live_count() == COUNT));
        let first = drifting.nodes[0].0.stats().probes;
        drifting.probes.clear();
        drifting.run_to(SECOND * 630);
        assert!(drifting.nodes.iter().all(|(node, _)| node.live_count() == COUNT));
        let sent: u64 = drifting.nodes.iter().map(|(node, _)| node.stats().probes).sum();
        assert!(sent / COUNT as u64 - first >= 599, "everybody probes once a second");
        let rounds: Vec<u16> = drifting.probes.keys().map(|&(round, _)| round).collect();
        let (least, most) = (rounds[0] + 2, rounds[rounds.len() - 1] - 2);
        let (mut exact, mut all) = (0u32, 0);
        for round in least..=most {
            for member in 0..COUNT as u16 {
                let probes = drifting.probes.get(&(round, member)).copied().unwrap_or(0);
                (exact, all) = (exact + u32::from(probes == 1), all + 1);
            }
        }
        println!("seed {seed}: {exact} of {all} exactly once, {} rounds", most - least + 1);
        assert!(most - least >= 590, "rounds last as long as periods");
        assert!(f64::from(exact) > 0.99 * f64::from(all), "{exact} of {all}");
    }
}
