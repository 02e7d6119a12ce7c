//! Watched members in whole simulated clusters: how much sooner their deaths are suspected, and
//! that nobody dies of being watched. Every loop over seeds prints what it measured.
#![cfg(feature = "sim")]

use std::time::Duration;

use swim_core::sim::{Checks, Cluster, Failure, Link, Scenario, seeds};
use swim_core::storage::Growable;
use swim_core::{Config, Event, Instant, Watch};

type Tested = Result<(), Failure>;

const SECOND: Duration = Duration::from_secs(1);
const NODES: usize = 16;
const VICTIM: usize = 5;
/// Who watches.
const WATCHERS: [usize; 2] = [2, 11];

fn table(_node: usize) -> Growable {
    Growable::new(64, 0)
}

/// A settled cluster in which two watch a third ten times a second, or nobody anybody.
fn settled(scenario: Scenario<Growable>, watched: bool) -> Result<Cluster<Growable>, Failure> {
    let scenario = Scenario { checks: Checks::Light, ..scenario };
    let mut cluster = Cluster::new(scenario);
    cluster.add_many(NODES);
    cluster.introduce_all();
    cluster.run_for(SECOND * 20)?;
    for watcher in WATCHERS.into_iter().filter(|_| watched) {
        let id = cluster.id(VICTIM);
        let watch = Watch::every(Duration::from_millis(100));
        cluster.command(watcher, |node, now| node.watch(id, watch, now).is_ok());
    }
    cluster.run_for(SECOND * 20)?;
    Ok(cluster)
}

/// From the crash to the first who suspects.
fn first_suspicion(scenario: Scenario<Growable>, watched: bool) -> Result<Duration, Failure> {
    let seed = scenario.seed;
    let mut cluster = settled(scenario, watched)?;
    // A moment of its own in the period for every seed.
    cluster.run_for(Duration::from_millis(seed * 379 % 1_000))?;
    let start = cluster.now();
    cluster.crash(VICTIM);
    cluster.run_for(SECOND * 20)?;
    let of_victim = Event::MemberSuspected(cluster.id(VICTIM));
    let first = cluster.heard().iter().find(|heard| heard.at >= start && heard.event == of_victim);
    cluster.expect("the crash is suspected", first.is_some())?;
    cluster.expect("nobody else is dead", cluster.report().false_deaths == 0)?;
    Ok(first.map_or(Duration::MAX, |heard| heard.at.since(start)))
}

fn mean(times: &[Duration]) -> Duration {
    times.iter().sum::<Duration>() / times.len() as u32
}

/// Without loss all else is equal, and so the suspicion is sooner or at the same moment.
#[test]
fn a_watched_member_is_suspected_no_later_and_sooner_on_average() -> Tested {
    let name = "a_watched_member_is_suspected_no_later_and_sooner_on_average";
    let (mut unwatched, mut watched) = (Vec::new(), Vec::new());
    for seed in seeds(1..31) {
        let link = Link { latency_min: SECOND / 1_000, latency_max: SECOND / 1_000, ..Link::lan() };
        let scenario = || Scenario { link, ..Scenario::new(name, seed, table) };
        let [one, other] = [false, true].map(|watched| first_suspicion(scenario(), watched));
        let (one, other) = (one?, other?);
        println!("seed {seed}: unwatched {one:?}, watched {other:?}");
        assert!(other <= one, "seed {seed}: {other:?} watched, {one:?} unwatched");
        unwatched.push(one);
        watched.push(other);
    }
    println!("means: unwatched {:?}, watched {:?}", mean(&unwatched), mean(&watched));
    assert!(mean(&watched) < mean(&unwatched));
    Ok(())
}

#[test]
fn a_watched_member_is_suspected_sooner_on_average_where_packets_are_lost() -> Tested {
    let name = "a_watched_member_is_suspected_sooner_on_average_where_packets_are_lost";
    let mut times = [Vec::new(), Vec::new()];
    for seed in seeds(1..31) {
        for (watched, times) in [false, true].into_iter().zip(&mut times) {
            let link = Link::lan().losing(50);
            let scenario = Scenario { link, ..Scenario::new(name, seed, table) };
            times.push(first_suspicion(scenario, watched)?);
        }
    }
    let [unwatched, watched] = times.map(|times| mean(&times));
    println!("means: unwatched {unwatched:?}, watched {watched:?}");
    assert!(watched < unwatched);
    Ok(())
}

/// With 5 % loss and pauses as long as may be, which pass every level: probes follow, no deaths.
#[test]
fn nobody_dies_of_being_watched() -> Tested {
    let name = "nobody_dies_of_being_watched";
    for seed in seeds(1..6) {
        let link = Link::lan().losing(50);
        let scenario = Scenario { link, ..Scenario::new(name, seed, table) };
        let mut cluster = settled(scenario, true)?;
        let pause = Config::lan().pause_tolerance.mul_f64(0.8);
        for _ in 0..10 {
            cluster.freeze(VICTIM, pause);
            cluster.run_for(pause * 3)?;
            cluster.freeze(WATCHERS[0], pause);
            cluster.run_for(pause * 3)?;
        }
        let raised = Event::SuspicionRaised(cluster.id(VICTIM));
        let raised = cluster.heard().iter().filter(|heard| heard.event == raised).count();
        let besides = cluster.total(|stats| stats.probes_besides);
        println!("seed {seed}: {raised} raised, {besides} probes besides, {}", cluster.report());
        cluster.expect("its pauses were noticed", raised >= 15 && besides >= 15)?;
        cluster.expect("nobody died", cluster.report().counts.deaths == 0)?;
    }
    Ok(())
}

/// While the watcher stands still, and afterwards.
#[test]
fn the_stall_of_a_watcher_is_nobodys_silence() -> Tested {
    let name = "the_stall_of_a_watcher_is_nobodys_silence";
    for seed in seeds(1..6) {
        let mut cluster = settled(Scenario::new(name, seed, table), true)?;
        for millis in [150, 400, 2_000, 9_000] {
            cluster.freeze(WATCHERS[0], Duration::from_millis(millis));
            cluster.run_for(SECOND * 12)?;
        }
        let raised = |heard: &&swim_core::sim::Heard| {
            heard.node == WATCHERS[0] && matches!(heard.event, Event::SuspicionRaised(_))
        };
        cluster.expect("no level was passed", cluster.heard().iter().find(raised).is_none())?;
    }
    Ok(())
}

#[test]
fn equal_seeds_give_equal_traces_with_watches_too() -> Tested {
    let name = "equal_seeds_give_equal_traces_with_watches_too";
    let run = |seed| {
        let link = Link::lan().losing(50);
        let scenario = Scenario { link, ..Scenario::new(name, seed, table) };
        let mut cluster = settled(scenario, true)?;
        cluster.crash(VICTIM);
        cluster.run_for(SECOND * 10)?;
        cluster.restart(VICTIM);
        cluster.join(VICTIM, 0);
        cluster.run_for(SECOND * 10)?;
        let (id, now) = (cluster.id(VICTIM), cluster.now());
        let level = cluster.node(WATCHERS[0]).and_then(|node| node.suspicion_level(id, now));
        cluster.expect("it is watched on", level.is_some_and(|level| level.is_finite()))?;
        Ok::<(u64, Instant, Option<f32>), Failure>((cluster.trace_hash(), now, level))
    };
    assert_eq!(run(3)?, run(3)?);
    assert_ne!(run(3)?.0, run(4)?.0);
    Ok(())
}
