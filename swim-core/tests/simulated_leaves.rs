//! Members whose tables are smaller than the cluster. The oracle of the simulator checks its rules
//! after every step.
#![cfg(feature = "sim")]

use std::time::Duration;

use swim_core::sim::experiment::{Arm, Experiment, Leaves, Outcome, Profile, Trial, Value};
use swim_core::sim::{Cluster, Failure, Link, Scenario, seeds};
use swim_core::storage::Growable;
use swim_core::{Event, Node};

type Tested = Result<(), Failure>;

const SECOND: Duration = Duration::from_secs(1);
/// Nodes that have room for all.
const FULL: usize = 30;
const LEAF_ROWS: usize = 8;

fn reading(outcome: &Outcome, name: &str) -> Value {
    let reading = outcome.readings.iter().find(|reading| reading.name == name);
    reading.unwrap_or_else(|| panic!("no {name}: {:?}", outcome.readings)).value
}

fn number(outcome: &Outcome, name: &str) -> f64 {
    match reading(outcome, name) {
        Value::Rate(rate) => rate,
        Value::Count(count) => count as f64,
        other => panic!("{name} is {other:?}"),
    }
}

fn all_of(outcome: &Outcome, name: &str) -> bool {
    matches!(reading(outcome, name), Value::Share { hits, of } if hits == of && of > 0)
}

/// What must come of any cluster with leaves; each of them has held `held_min` members at least.
fn leaves_are_citizens(leaves: Leaves, nodes: usize, seed: u64, held_min: f64) -> Tested {
    let trial = Trial { config: Arm::Witness.config(Profile::Lan), nodes, seed };
    let outcome = leaves.run(&trial)?;
    println!("seed {seed}: {:?}", outcome.readings);
    let right = reading(&outcome, "all views right");
    assert!(matches!(right, Value::Time(Some(_))), "seed {seed}: views stay wrong");
    for never in ["healthy members killed", "healthy leaves held dead", "watched members lost"] {
        assert_eq!(number(&outcome, never), 0.0, "seed {seed}: {never}");
    }
    for always in ["full table told once", "watched members found"] {
        assert!(all_of(&outcome, always), "seed {seed}: {always}");
    }
    assert_eq!(number(&outcome, "rows of a leaf at most"), leaves.rows as f64);
    let held = number(&outcome, "members held by a leaf, fewest");
    assert!(held >= held_min, "seed {seed}: {held}");
    // 1 where chance decides; those it favours do not stay the same ones.
    let dispersion = number(&outcome, "dispersion of admissions");
    assert!(dispersion < 2.0, "seed {seed}: {dispersion}");
    Ok(())
}

#[test]
fn leaves_turn_over_and_full_views_are_right() -> Tested {
    let duration = 600 * SECOND;
    let leaves = Leaves { leaves: 10, failures: 20, duration, ..Leaves::default() };
    seeds(1..4).try_for_each(|seed| leaves_are_citizens(leaves, 200, seed, 90.0))
}

#[test]
#[ignore = "half a minute for each seed"]
fn twenty_leaves_among_a_thousand_turn_over_for_half_an_hour() -> Tested {
    seeds(1..4).try_for_each(|seed| leaves_are_citizens(Leaves::default(), 1_000, seed, 200.0))
}

/// The thirty that have room for all know each other; the leaves have joined.
fn settled(
    name: &'static str,
    seed: u64,
    (leaves, loss_permille): (usize, u16),
) -> Result<Cluster<Growable>, Failure> {
    let room = |node: usize| if node < FULL { 64 } else { LEAF_ROWS };
    let scenario = Scenario::new(name, seed, |_| Growable::new(0, 0));
    let link = Link::lan().losing(loss_permille);
    let mut cluster = Cluster::new(Scenario { link, ..scenario });
    for node in 0..FULL {
        let id = cluster.fresh_id();
        cluster.add_with(id, move || Growable::new(room(node), 16));
    }
    cluster.introduce_all();
    for leaf in FULL..FULL + leaves {
        let id = cluster.fresh_id();
        cluster.add_with(id, move || Growable::new(room(leaf), 16));
        cluster.join(leaf, leaf % FULL);
    }
    let met = cluster.run_until(120 * SECOND, Cluster::views_agree)?;
    cluster.expect("all who have room know all", met.is_some())?;
    cluster.run_for(10 * SECOND)?;
    Ok(cluster)
}

#[test]
fn strangers_join_through_a_leaf() -> Tested {
    let name = "strangers_join_through_a_leaf";
    for seed in seeds(1..6) {
        for loss_permille in [0, 200] {
            let mut cluster = settled(name, seed, (4, loss_permille))?;
            for stranger in 0..4 {
                let id = cluster.fresh_id();
                let joiner = cluster.add_with(id, || Growable::new(64, 16));
                cluster.join(joiner, FULL + stranger % 2);
            }
            let met = cluster.run_until(60 * SECOND, Cluster::views_agree)?;
            println!("seed {seed}, {loss_permille} permille lost: met after {met:?}");
            cluster.expect("all know the strangers, and they all", met.is_some())?;
        }
    }
    Ok(())
}

/// The accused is a stranger to most leaves, and some of those who accuse are leaves.
#[test]
fn a_crash_among_leaves_is_known_to_all() -> Tested {
    let name = "a_crash_among_leaves_is_known_to_all";
    for seed in seeds(1..6) {
        let mut cluster = settled(name, seed, (30, 10))?;
        for victim in [seed as usize, FULL + seed as usize] {
            cluster.crash(victim);
            let is_over = |cluster: &Cluster<Growable>| {
                cluster.statuses(victim).all(|(_, status)| status.is_none_or(|s| !s.is_live()))
            };
            let known = cluster.run_until(30 * SECOND, is_over)?;
            println!("seed {seed}: node {victim} was missed after {known:?}");
            cluster.expect("its death is known", known.is_some())?;
        }
        cluster.expect("nobody else is dead", cluster.report().false_deaths == 0)?;
    }
    Ok(())
}

/// Watched members that are in the table stay there through turns; one that dies is told of.
#[test]
fn watched_members_stay_and_their_death_is_told() -> Tested {
    let name = "watched_members_stay_and_their_death_is_told";
    for seed in seeds(1..6) {
        let mut cluster = settled(name, seed, (1, 10))?;
        let held: Vec<usize> =
            (0..FULL).filter(|&member| cluster.status(FULL, member).is_some()).take(3).collect();
        for &member in &held {
            let id = cluster.id(member);
            cluster.command(FULL, |node, now| node.watch(id, SECOND, now).is_ok());
        }
        cluster.run_for(300 * SECOND)?;
        let turns = cluster.node(FULL).map_or(0, |node| node.stats().turned_over);
        cluster.expect("others have turned over meanwhile", turns > 30)?;
        let kept = |&member: &usize| cluster.status(FULL, member).is_some();
        cluster.expect("those watched are still there", held.iter().all(kept))?;
        let forgotten = |&member: &usize| {
            let forgotten = Event::MemberForgotten(cluster.id(member));
            cluster.heard().iter().any(|heard| heard.node == FULL && heard.event == forgotten)
        };
        cluster.expect("and never were forgotten", !held.iter().any(forgotten))?;
        cluster.crash(held[0]);
        cluster.run_for(30 * SECOND)?;
        let dead = Event::MemberDead(cluster.id(held[0]));
        let told = cluster.heard().iter().any(|heard| heard.node == FULL && heard.event == dead);
        cluster.expect("the leaf is told of a death", told)?;
    }
    Ok(())
}

/// Before anybody misses it, at the same incarnation; half of the time the words of its former life
/// are the greater ones, and only digests would show the difference, which a leaf does not send.
#[test]
fn a_leaf_that_restarts_at_once_is_known_anew() -> Tested {
    let name = "a_leaf_that_restarts_at_once_is_known_anew";
    for seed in seeds(1..21) {
        let mut cluster = settled(name, seed, (4, 0))?;
        cluster.crash(FULL);
        cluster.run_for(SECOND)?;
        cluster.restart(FULL);
        cluster.join(FULL, 0);
        let known = cluster.run_until(60 * SECOND, Cluster::views_agree)?;
        println!("seed {seed}: known after {known:?}");
        cluster.expect("its new life is known to all", known.is_some())?;
        cluster.expect("it is a leaf again", cluster.node(FULL).is_some_and(Node::is_leaf))?;
    }
    Ok(())
}
