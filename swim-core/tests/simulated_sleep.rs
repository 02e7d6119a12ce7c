//! Planned sleep in whole clusters: who says that it will be silent is waited for, by everybody and
//! no longer than it said. The oracle of the simulator checks its rules after every step.
#![cfg(feature = "sim")]

use std::time::Duration;

use swim_core::sim::{Cluster, Failure, Link, Scenario, seeds};
use swim_core::storage::Growable;
use swim_core::{Config, Event, Instant, Node};

type Outcome = Result<(), Failure>;
type Sleepers = Cluster<Growable>;

const NODES: usize = 20;
const LOSSES: [u16; 3] = [0, 100, 300];
/// From the end of the announced time to the first who hears of a death: the margin, and what finds
/// out any crash.
const DECLARED_MAX: Duration = seconds(2 + 10);

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A settled cluster.
fn settled(
    name: &'static str,
    seed: u64,
    (config, loss_permille): (Config, u16),
) -> Result<Sleepers, Failure> {
    let link = Link::lan().losing(loss_permille);
    let scenario = Scenario::new(name, seed, |_| Growable::new(32, 0));
    let mut cluster = Cluster::new(Scenario { config, link, drift_ppm_max: 100, ..scenario });
    cluster.network.streams_open = false;
    cluster.add_many(NODES);
    cluster.introduce_all();
    cluster.run_for(config.probe_interval * 30)?;
    Ok(cluster)
}

/// Lets a node announce its sleep and fall asleep. Returns when it is due.
fn put_to_sleep(
    cluster: &mut Sleepers,
    node: usize,
    duration: Duration,
) -> Result<Instant, Failure> {
    let took_it = cluster.sleep(node, duration);
    cluster.expect("it may sleep", took_it)?;
    let config = cluster.node(node).map_or(Config::lan(), Node::config);
    let start = cluster.now();
    let asleep = cluster.run_until(config.leave_timeout * 2, |cluster| {
        let heard = cluster.heard().iter().rev().take_while(|heard| heard.at >= start);
        heard.into_iter().any(|heard| heard.node == node && heard.event == Event::Asleep)
    })?;
    cluster.expect("it is told that it sleeps", asleep.is_some())?;
    let due = cluster.sleeps_until(node);
    cluster.expect("it sleeps", due.is_some())?;
    Ok(due.unwrap_or_default())
}

/// When anybody first heard `event` in a span of time.
fn first_heard(
    cluster: &Sleepers,
    event: Event<std::net::SocketAddrV4>,
    since: Instant,
) -> Option<Instant> {
    let heard = cluster.heard();
    let first = heard.partition_point(|heard| heard.at < since);
    heard[first..].iter().find(|heard| heard.event == event).map(|heard| heard.at)
}

/// Three go to sleep one after the other and are back in time. Before they sleep they may be
/// suspected like anybody where much is lost.
fn sleepers_keep_their_word(
    name: &'static str,
    seed: u64,
    config: Config,
    nap: Duration,
) -> Outcome {
    for loss_permille in LOSSES {
        let mut cluster = settled(name, seed, (config, loss_permille))?;
        let mut sleepers = Vec::new();
        for sleeper in 3..6 {
            let due = put_to_sleep(&mut cluster, sleeper, nap)?;
            cluster.switch_off(sleeper, due);
            sleepers.push((sleeper, cluster.now(), due));
        }
        for (sleeper, start, due) in sleepers {
            cluster.run_for(due.since(cluster.now()))?;
            let suspected = Event::MemberSuspected(cluster.id(sleeper));
            let suspected = first_heard(&cluster, suspected, start);
            cluster.expect("nobody suspects a sleeper", suspected.is_none())?;
        }
        let back = cluster.run_until(config.probe_interval * 30, |cluster| {
            (0..NODES).all(|node| {
                let members = cluster.node(node).into_iter().flat_map(Node::members);
                members.filter(|member| !member.asleep && member.status.is_live()).count() == NODES
            })
        })?;
        println!(
            "seed {seed}, {loss_permille} permille lost: all know they are back after {back:?}"
        );
        cluster.expect("all know that they are back", back.is_some())?;
        cluster.expect("nobody was killed", cluster.report().false_deaths == 0)?;
    }
    Ok(())
}

#[test]
fn who_keeps_its_word_is_never_suspected() -> Outcome {
    let name = "who_keeps_its_word_is_never_suspected";
    for seed in seeds(1..11) {
        sleepers_keep_their_word(name, seed, Config::lan(), seconds(30))?;
    }
    Ok(())
}

#[test]
fn boards_that_keep_their_word_are_never_suspected() -> Outcome {
    let name = "boards_that_keep_their_word_are_never_suspected";
    for seed in seeds(1..6) {
        sleepers_keep_their_word(name, seed, Config::radio(), seconds(900))?;
    }
    Ok(())
}

#[test]
fn who_dies_asleep_is_declared_soon_after_its_time() -> Outcome {
    let name = "who_dies_asleep_is_declared_soon_after_its_time";
    for seed in seeds(1..11) {
        for loss_permille in LOSSES {
            let config = Config::lan();
            let mut cluster = settled(name, seed, (config, loss_permille))?;
            let due = put_to_sleep(&mut cluster, 4, seconds(30))?;
            let start = cluster.now();
            cluster.run_for(seconds(5))?;
            cluster.crash(4);
            cluster.run_for(seconds(90))?;
            let id = cluster.id(4);
            let suspected = first_heard(&cluster, Event::MemberSuspected(id), start);
            let dead = first_heard(&cluster, Event::MemberDead(id), start);
            let known = cluster.statuses(4).all(|(_, status)| status.is_none_or(|s| !s.is_live()));
            println!(
                "seed {seed}, {loss_permille} permille lost: suspected {:?}, dead {:?}",
                suspected.map(|at| at.since(due)),
                dead.map(|at| at.since(due))
            );
            cluster.expect("all know of its death", known)?;
            cluster.expect(
                "its time and the margin are granted",
                suspected.is_some_and(|at| at >= due),
            )?;
            let bound = due.after(DECLARED_MAX);
            cluster.expect("and no more than a death takes", dead.is_some_and(|at| at <= bound))?;
        }
    }
    Ok(())
}

/// One that sleeps four times as long as it said is suspected and declared dead as usual, and is a
/// member again when it wakes.
#[test]
fn who_oversleeps_is_suspected_as_usual_and_comes_back() -> Outcome {
    let name = "who_oversleeps_is_suspected_as_usual_and_comes_back";
    for seed in seeds(1..6) {
        for loss_permille in LOSSES {
            let config = Config::lan();
            let mut cluster = settled(name, seed, (config, loss_permille))?;
            let due = put_to_sleep(&mut cluster, 4, seconds(10))?;
            let start = cluster.now();
            cluster.switch_off(4, due.after(seconds(30)));
            cluster.run_for(due.after(seconds(30)).since(cluster.now()))?;
            let dead = first_heard(&cluster, Event::MemberDead(cluster.id(4)), start);
            let (from, to) = (due.after(config.sleep_margin), due.after(DECLARED_MAX));
            let in_time = dead.is_some_and(|at| from <= at && at <= to);
            cluster.expect("it is declared dead after its time, and soon", in_time)?;
            let back = cluster.run_until(seconds(60), Cluster::views_agree)?;
            println!("seed {seed}, {loss_permille} permille lost: all have it back after {back:?}");
            cluster.expect("it is back", back.is_some())?;
        }
    }
    Ok(())
}

/// Whoever joins while somebody sleeps is told so, and waits like all others.
#[test]
fn joiners_learn_who_is_asleep() -> Outcome {
    let name = "joiners_learn_who_is_asleep";
    for seed in seeds(1..6) {
        for loss_permille in LOSSES {
            let mut cluster = settled(name, seed, (Config::lan(), loss_permille))?;
            let due = put_to_sleep(&mut cluster, 4, seconds(60))?;
            let start = cluster.now();
            cluster.switch_off(4, due);
            cluster.run_for(seconds(5))?;
            cluster.add_many(1);
            cluster.join(NODES, 0);
            let sleeper = cluster.id(4);
            let learnt = cluster.run_until(seconds(20), |cluster| {
                let member = cluster.node(NODES).and_then(|joiner| joiner.member(sleeper));
                member.is_some_and(|member| member.asleep)
            })?;
            println!("seed {seed}, {loss_permille} permille lost: learnt after {learnt:?}");
            cluster.expect("the joiner learns of the sleeper", learnt.is_some())?;
            cluster.run_for(due.since(cluster.now()))?;
            let suspected = first_heard(&cluster, Event::MemberSuspected(sleeper), start);
            cluster.expect("nobody suspects it", suspected.is_none())?;
            let back = cluster.run_until(seconds(60), Cluster::views_agree)?;
            cluster.expect("it is back", back.is_some())?;
        }
    }
    Ok(())
}

/// Who restarts while asleep, as a board does that was reset, is awake and known to be.
#[test]
fn a_restart_ends_a_sleep() -> Outcome {
    let name = "a_restart_ends_a_sleep";
    for seed in seeds(1..6) {
        for loss_permille in LOSSES {
            let mut cluster = settled(name, seed, (Config::lan(), loss_permille))?;
            put_to_sleep(&mut cluster, 4, seconds(600))?;
            cluster.run_for(seconds(5))?;
            cluster.restart(4);
            cluster.join(4, 0);
            let sleeper = cluster.id(4);
            let is_awake = |node: &Node<_, Growable>| {
                node.member(sleeper).is_some_and(|member| !member.asleep)
            };
            let awake = cluster.run_until(seconds(60), |cluster| {
                (0..NODES).all(|node| cluster.node(node).is_some_and(is_awake))
            })?;
            println!("seed {seed}, {loss_permille} permille lost: awake to all after {awake:?}");
            cluster.expect("all know that it is awake", awake.is_some())?;
        }
    }
    Ok(())
}
