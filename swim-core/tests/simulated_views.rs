//! Whether all views become right again after a long time apart and after everybody has crashed.
//! The oracle of the simulator checks its rules after every step.
#![cfg(feature = "sim")]

use std::ops::Range;
use std::time::Duration;

use swim_core::sim::{Checks, Cluster, Failure, Scenario, seeds};
use swim_core::storage::Growable;
use swim_core::{Config, NodeId};

type Outcome = Result<(), Failure>;

const SECOND: Duration = Duration::from_secs(1);

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn storage(_node: usize) -> Growable {
    Growable::new(256, 0)
}

/// Nodes that know each other, and no seeds.
fn acquainted(name: &'static str, seed: u64, count: usize) -> Cluster<Growable> {
    let scenario = Scenario::new(name, seed, storage);
    let mut cluster = Cluster::new(Scenario { checks: Checks::Light, ..scenario });
    cluster.add_many(count);
    cluster.introduce_all();
    cluster
}

/// Lets the nodes of `minority` and the others forget each other entirely.
fn forget_each_other(cluster: &mut Cluster<Growable>, minority: Range<usize>) -> Outcome {
    let few: Vec<usize> = minority.collect();
    let many = cluster.len() - few.len();
    cluster.partition(&[&few]);
    let reaped = cluster.run_until(seconds(3_600), |cluster| {
        let rows = |node: usize| cluster.node(node).map_or(0, |node| node.members().count());
        (0..cluster.len()).all(|node| rows(node) == if node < few.len() { few.len() } else { many })
    })?;
    cluster.expect("all tombstones are reaped", reaped.is_some())?;
    let answered = cluster.total(|stats| stats.heals_answered);
    cluster.expect("no attempt was answered meanwhile", answered == 0)
}

/// The most packets any node sent in any second until all views agree, and how long that took.
fn meet_again(
    cluster: &mut Cluster<Growable>,
    limit: Duration,
) -> Result<(Option<Duration>, u64), Failure> {
    let start = cluster.now();
    let (mut busiest, mut before) = (0, packets_sent(cluster));
    while !cluster.views_agree() {
        if cluster.now().since(start) >= limit {
            return Ok((None, busiest));
        }
        cluster.run_for(SECOND)?;
        let now = packets_sent(cluster);
        let sent = now.iter().zip(&before).map(|(now, before)| now - before);
        busiest = busiest.max(sent.max().unwrap_or(0));
        before = now;
    }
    Ok((Some(cluster.now().since(start)), busiest))
}

fn packets_sent(cluster: &Cluster<Growable>) -> Vec<u64> {
    let sent = |node| cluster.node(node).map_or(0, |node| node.stats().packets_sent);
    (0..cluster.len()).map(sent).collect()
}

fn halves_meet(name: &'static str, seeds: Range<u64>, parts: (usize, usize)) -> Outcome {
    let (few, count) = parts;
    for seed in seeds {
        let mut cluster = acquainted(name, seed, count);
        forget_each_other(&mut cluster, 0..few)?;
        cluster.heal();
        let (met, busiest) = meet_again(&mut cluster, seconds(60))?;
        println!("seed {seed}, {few} of {count}: one again after {met:?}, {busiest} packets/s");
        cluster.expect("they are one again", met.is_some())?;
        cluster.expect("no node is overrun", busiest <= 100)?;
    }
    Ok(())
}

#[test]
fn halves_without_seeds_that_have_forgotten_each_other_meet_again() -> Outcome {
    let name = "halves_without_seeds_that_have_forgotten_each_other_meet_again";
    halves_meet(name, seeds(1..6), (2, 4))?;
    halves_meet(name, seeds(1..4), (10, 20))?;
    halves_meet(name, seeds(1..3), (50, 100))
}

#[test]
fn two_that_were_forgotten_by_a_hundred_are_found_again() -> Outcome {
    halves_meet("two_that_were_forgotten_by_a_hundred_are_found_again", seeds(1..3), (2, 100))
}

#[test]
fn one_that_was_forgotten_is_found_again() -> Outcome {
    halves_meet("one_that_was_forgotten_is_found_again", seeds(1..4), (1, 20))
}

/// Without anybody missing, and without anybody to be found.
#[test]
fn nobody_is_looked_for_where_nobody_is_missing() -> Outcome {
    let name = "nobody_is_looked_for_where_nobody_is_missing";
    let mut cluster = acquainted(name, 1, 20);
    cluster.run_for(seconds(600))?;
    cluster.expect("no attempts at first", cluster.total(|stats| stats.heals) == 0)?;
    cluster.crash(7);
    cluster.run_for(seconds(300))?;
    let before = cluster.total(|stats| stats.heals);
    cluster.run_for(seconds(1_000))?;
    let attempts = cluster.total(|stats| stats.heals) - before;
    // 19 nodes, one in 10 s each.
    cluster.expect("one attempt per node and interval", (1_700..2_100).contains(&attempts))?;
    cluster.restart(7);
    cluster.join(7, 0);
    cluster.run_for(seconds(60))?;
    let before = cluster.total(|stats| stats.heals);
    cluster.run_for(seconds(300))?;
    cluster.expect("none once it is back", cluster.total(|stats| stats.heals) == before)
}

#[test]
fn after_their_time_the_dead_are_no_longer_looked_for() -> Outcome {
    let name = "after_their_time_the_dead_are_no_longer_looked_for";
    let config = Config { departed_time: seconds(1_000), ..Config::lan() };
    let mut cluster = Cluster::new(Scenario { config, ..Scenario::new(name, 1, storage) });
    cluster.add_many(6);
    cluster.introduce_all();
    cluster.crash(5);
    cluster.run_for(seconds(1_100))?;
    cluster.expect("each gave up", cluster.total(|stats| stats.departed_expired) == 5)?;
    let before = cluster.total(|stats| stats.heals);
    cluster.run_for(seconds(300))?;
    cluster.expect("no more attempts", cluster.total(|stats| stats.heals) == before)
}

/// All crash at once and start again in another order, `apart` from each other, knowing what their
/// last snapshots say and no seeds.
fn all_restart(name: &'static str, seed: u64, count: usize, apart: Duration) -> Outcome {
    let mut cluster = acquainted(name, seed, count);
    cluster.run_for(seconds(20))?;
    (0..count).for_each(|node| cluster.save_snapshot(node));
    (0..count).for_each(|node| cluster.crash(node));
    cluster.run_for(seconds(5))?;
    let mut order: Vec<usize> = (0..count).collect();
    // Another order for every seed.
    order.sort_by_key(|&node| NodeId::from_name(&format!("{seed}-{node}")));
    for node in order {
        cluster.restart_from_snapshot(node);
        cluster.run_for(apart)?;
    }
    let (met, busiest) = meet_again(&mut cluster, seconds(30))?;
    println!("seed {seed}, {count} {apart:?} apart: whole after {met:?}, {busiest} packets/s");
    cluster.expect("it is whole again", met.is_some())?;
    let conflicts = cluster.total(|stats| stats.conflicts);
    cluster.expect("nobody is taken for another", conflicts == 0)?;
    cluster.expect("no node is overrun", busiest <= 100)
}

#[test]
fn fifty_that_crash_at_once_are_whole_again_without_seeds() -> Outcome {
    let name = "fifty_that_crash_at_once_are_whole_again_without_seeds";
    for seed in seeds(1..4) {
        for apart in [Duration::ZERO, Duration::from_millis(100), seconds(2)] {
            all_restart(name, seed, 50, apart)?;
        }
    }
    Ok(())
}

/// A snapshot from long ago: most of those in it are gone, the others are found all the same.
#[test]
fn a_few_of_an_old_cluster_find_each_other_by_their_snapshots() -> Outcome {
    let name = "a_few_of_an_old_cluster_find_each_other_by_their_snapshots";
    for seed in seeds(1..4) {
        let mut cluster = acquainted(name, seed, 100);
        cluster.run_for(seconds(5))?;
        (0..4).for_each(|node| cluster.save_snapshot(node));
        (0..100).for_each(|node| cluster.crash(node));
        (0..4).for_each(|node| cluster.restart_from_snapshot(node));
        let met = cluster.run_until(seconds(1_800), Cluster::views_agree)?;
        println!("seed {seed}: 4 of 100 met after {met:?}");
        cluster.expect("the four find each other", met.is_some())?;
    }
    Ok(())
}

/// Half of the nodes have no room for the metadata of the other half.
#[test]
fn tables_that_cut_metadata_agree_and_then_keep_quiet() -> Outcome {
    let room = |node: usize| Growable::new(256, if node.is_multiple_of(2) { 32 } else { 0 });
    let name = "tables_that_cut_metadata_agree_and_then_keep_quiet";
    for seed in seeds(1..4) {
        let mut cluster = Cluster::new(Scenario::new(name, seed, room));
        cluster.add_many(24);
        cluster.introduce_all();
        for node in (0..24).step_by(2) {
            cluster.set_metadata(node, &[7; 32]);
        }
        cluster.run_for(seconds(60))?;
        // Those who know them whole are few, and some of those who forget have no room.
        for node in 0..8 {
            cluster.forget(node, 12);
            cluster.forget(node, 14);
        }
        cluster.run_for(seconds(60))?;
        cluster.expect("all are known again", cluster.views_complete())?;
        let before = cluster.total(|stats| stats.syncs);
        cluster.run_for(seconds(600))?;
        let syncs = cluster.total(|stats| stats.syncs) - before;
        println!("seed {seed}: {syncs} reconciliations in four node hours");
        cluster.expect("tables agree", syncs <= 8)?;
    }
    Ok(())
}
