//! Boards on a radio: [`Config::radio`], 127-byte datagrams, much loss, and tables in fixed arrays.
//! The oracle of the simulator checks its rules after every step, the length of every packet among
//! them.
#![cfg(feature = "sim")]

use std::time::Duration;

use swim_core::sim::{Cluster, Failure, Link, Scenario, seeds};
use swim_core::storage::{Fixed, Storage};
use swim_core::{Config, Instant, Status};

type Outcome = Result<(), Failure>;

const MINUTE: Duration = Duration::from_secs(60);
const BOARDS: usize = 24;
/// The longest metadata that fits beside everything else into 127 bytes.
const METADATA_LEN: usize = 40;
/// Longer than any death or return took in a thousand hours with 30 % loss.
const KNOWN_MAX: Duration = Duration::from_secs(300);

/// Strangers on one frequency, without streams.
fn boards<S: Storage>(
    name: &'static str,
    seed: u64,
    storage: fn(usize) -> S,
    loss_permille: u16,
) -> Cluster<S> {
    let (config, link) = (Config::radio(), Link::radio().losing(loss_permille));
    let scenario = Scenario::new(name, seed, storage);
    let mut cluster = Cluster::new(Scenario { config, link, drift_ppm_max: 100, ..scenario });
    cluster.network.streams_open = false;
    cluster.add_many(BOARDS);
    cluster
}

/// Lets time pass until something `is_so`, looked at every second. Returns how long that took.
fn wait<S: Storage>(
    cluster: &mut Cluster<S>,
    limit: Duration,
    is_so: impl Fn(&Cluster<S>) -> bool,
) -> Result<Option<Duration>, Failure> {
    let start = cluster.now();
    while !is_so(cluster) {
        if cluster.now().since(start) >= limit {
            return Ok(None);
        }
        cluster.run_for(Duration::from_secs(1))?;
    }
    Ok(Some(cluster.now().since(start)))
}

/// Lets time pass until nobody holds `board` for living.
fn wait_until_known<S: Storage>(cluster: &mut Cluster<S>, board: usize) -> Outcome {
    let is_over = |status: Option<Status>| status.is_none_or(|status| !status.is_live());
    let known = wait(cluster, KNOWN_MAX, |cluster| {
        cluster.statuses(board).all(|(_, status)| is_over(status))
    })?;
    cluster.expect("a death is known by all", known.is_some())
}

/// Starts a board again and lets time pass until all know.
fn bring_back<S: Storage>(cluster: &mut Cluster<S>, board: usize) -> Outcome {
    let other = cluster.population().find(|&other| other != board).unwrap_or(0);
    cluster.restart(board);
    cluster.join(board, other);
    let known = wait(cluster, KNOWN_MAX, Cluster::views_agree)?;
    cluster.expect("a board that is back is known by all", known.is_some())
}

/// An hour in which a board fails every six minutes: the first of three stays away, the second is
/// back a minute after its death is known, the third after three seconds.
fn live_an_hour(name: &'static str, seed: u64, loss_permille: u16) -> Outcome {
    let mut cluster = boards(name, seed, |_| Fixed::<32, 0>::new(), loss_permille);
    cluster.introduce_all();
    cluster.run_for(2 * MINUTE)?;
    for turn in 0..10 {
        let population: Vec<_> = cluster.population().collect();
        let victim = population[(seed as usize * 7 + turn as usize * 5) % population.len()];
        cluster.crash(victim);
        match turn % 3 {
            0 => wait_until_known(&mut cluster, victim)?,
            1 => {
                wait_until_known(&mut cluster, victim)?;
                cluster.run_for(MINUTE)?;
                bring_back(&mut cluster, victim)?;
            }
            _ => {
                cluster.run_for(Duration::from_secs(3))?;
                bring_back(&mut cluster, victim)?;
            }
        }
        cluster.run_for(Instant::ZERO.after((turn + 1) * 6 * MINUTE).since(cluster.now()))?;
    }
    cluster.expect("nobody healthy was declared dead", cluster.report().false_deaths == 0)
}

#[test]
fn boards_live_an_hour_with_a_fifth_of_their_datagrams_lost() -> Outcome {
    let name = "boards_live_an_hour_with_a_fifth_of_their_datagrams_lost";
    seeds(1..13).try_for_each(|seed| live_an_hour(name, seed, 200))
}

#[test]
fn boards_live_an_hour_with_three_in_ten_datagrams_lost() -> Outcome {
    let name = "boards_live_an_hour_with_three_in_ten_datagrams_lost";
    seeds(1..7).try_for_each(|seed| live_an_hour(name, seed, 300))
}

#[test]
#[ignore = "a thousand hours take a few minutes"]
fn boards_live_a_thousand_hours() -> Outcome {
    let name = "boards_live_a_thousand_hours";
    seeds(1..501).try_for_each(|seed| live_an_hour(name, seed, 200))?;
    seeds(1..501).try_for_each(|seed| live_an_hour(name, seed, 300))
}

/// The longest metadata that fits, another one for each board.
fn metadata(board: usize) -> [u8; METADATA_LEN] {
    [board as u8; METADATA_LEN]
}

#[test]
fn boards_with_the_longest_metadata_meet_through_one_of_them() -> Outcome {
    let name = "boards_with_the_longest_metadata_meet_through_one_of_them";
    for seed in seeds(1..5) {
        for loss_permille in [0, 200, 300] {
            let storage = |_| Fixed::<32, METADATA_LEN>::new();
            let mut cluster = boards(name, seed, storage, loss_permille);
            let all_take_it =
                (0..BOARDS).all(|board| cluster.set_metadata(board, &metadata(board)));
            cluster.expect("so much metadata fits", all_take_it)?;
            let one_more = cluster.set_metadata(0, &[0; METADATA_LEN + 1]);
            cluster.expect("not a byte more does", !one_more)?;
            cluster.join_all(0);
            let met = wait(&mut cluster, 10 * MINUTE, Cluster::views_agree)?;
            println!("seed {seed}, {loss_permille} permille lost: met after {met:?}");
            cluster.expect("all meet", met.is_some())?;
            let wrong = (0..BOARDS).filter(|&board| {
                let id = cluster.id(board);
                let is_known = |viewer| {
                    let member = cluster.node(viewer).and_then(|node| node.member(id));
                    member.is_some_and(|member| member.metadata == metadata(board))
                };
                !(0..BOARDS).all(is_known)
            });
            cluster.expect("with all their metadata", wrong.count() == 0)?;
        }
    }
    Ok(())
}

/// A row lost without a word is missed by the digests, and found again.
#[test]
fn tables_of_boards_are_made_equal_in_small_datagrams() -> Outcome {
    let name = "tables_of_boards_are_made_equal_in_small_datagrams";
    for seed in seeds(1..5) {
        for loss_permille in [0, 200] {
            let storage = |_| Fixed::<32, METADATA_LEN>::new();
            let mut cluster = boards(name, seed, storage, loss_permille);
            (0..BOARDS).for_each(|board| {
                cluster.set_metadata(board, &metadata(board));
            });
            cluster.introduce_all();
            cluster.run_for(2 * MINUTE)?;
            let forgotten = (1..9).filter(|&other| cluster.forget(0, other)).count();
            cluster.expect("a third is forgotten", forgotten == 8)?;
            let equal = wait(&mut cluster, 20 * MINUTE, Cluster::views_agree)?;
            println!("seed {seed}, {loss_permille} permille lost: equal after {equal:?}");
            cluster.expect("all tables are equal again", equal.is_some())?;
        }
    }
    Ok(())
}
