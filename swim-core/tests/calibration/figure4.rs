//! Figure 4 of the SWIM paper: groups under 10 % loss at the receiver. Members join one after the
//! other, about 5 s apart; the group is looked at after 175 s. One run is published, of SWIM with
//! infection and suspicion: it peaks at 14 of 17 and then stays at 12.
//!
//! The detector alone does not reproduce it: false detections take 0.3 members of 17, not 5, even
//! though deaths are made final here as they are in the paper (section 4.2: a Confirm overrides
//! everything; this core lets the dead refute). How members joined there is not known here. A join
//! of one request and one reply, each lost one time in ten, leaves 1 + 16 * 0.81 = 14.0 members,
//! the published peak. With such joins our peak is 14.4, and the published end of 12 is that of the
//! lowest tenth of our runs. So the figure may show lost joins more than the detector.

use std::collections::BTreeSet;
use std::time::Duration;

use swim_core::sim::{Failure, Link};
use swim_core::{Config, Event, NodeId};

use crate::harness::{Lab, NEVER, assert_within, empty, for_each_seed, mean, quantile, seconds};
use crate::swim::swim;

const MEMBERS: usize = 17;
const JOIN_INTERVAL: u64 = 5;
const END: u64 = 175;
/// After this a joiner that has no answer gives up, if it asks only once.
const JOIN_TIMEOUT: Duration = Duration::from_secs(2);

/// How members join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joins {
    /// They ask until they are answered.
    Repeated,
    /// They ask once, and end without an answer.
    Once,
}

/// The size of the group, which is the largest of the views.
struct Sizes {
    peak: f64,
    end: f64,
}

/// Joins may be lost; deaths are final, as in the paper: whoever is declared dead ends.
fn run(seed: u64, joins: Joins) -> Result<Sizes, Failure> {
    let join_retry_min = match joins {
        Joins::Repeated => swim().join_retry_min,
        Joins::Once => NEVER,
    };
    let config = Config { join_retry_min, join_retry_max: NEVER, ..swim() };
    let name = "figure4";
    let mut cluster = empty(name, seed, config, Link::lan().losing(100));
    let (mut peak, mut looked_at) = (0, 0);
    for second in 0..END {
        if second % JOIN_INTERVAL == 0 && cluster.len() < MEMBERS {
            join_one(&mut cluster, joins)?;
        }
        cluster.run_for(seconds(second + 1).saturating_sub(since_start(&cluster)))?;
        end_the_dead(&mut cluster, &mut looked_at);
        peak = peak.max(size(&cluster));
    }
    Ok(Sizes { peak: peak as f64, end: size(&cluster) as f64 })
}

fn since_start(cluster: &Lab) -> Duration {
    Duration::from_micros(cluster.now().as_micros())
}

/// Adds a member that joins through the oldest one living.
fn join_one(cluster: &mut Lab, joins: Joins) -> Result<(), Failure> {
    let joiner = cluster.len();
    let oldest = cluster.population().next();
    cluster.add_many(1);
    let Some(oldest) = oldest else { return Ok(()) };
    cluster.join(joiner, oldest);
    cluster.run_for(JOIN_TIMEOUT)?;
    let mut heard = cluster.heard().iter().filter(|heard| heard.node == joiner);
    let answered = heard.any(|heard| matches!(heard.event, Event::Joined { .. }));
    if joins == Joins::Once && !answered {
        cluster.crash(joiner);
    }
    Ok(())
}

/// Ends whoever was declared dead anywhere since the last call.
fn end_the_dead(cluster: &mut Lab, looked_at: &mut usize) {
    let dead: BTreeSet<NodeId> = cluster.heard()[*looked_at..]
        .iter()
        .filter_map(|heard| match heard.event {
            Event::MemberDead(id) => Some(id),
            _ => None,
        })
        .collect();
    *looked_at = cluster.heard().len();
    for node in 0..cluster.len() {
        if dead.contains(&cluster.id(node)) {
            cluster.crash(node);
        }
    }
}

fn size(cluster: &Lab) -> usize {
    cluster
        .population()
        .filter_map(|node| Some(cluster.node(node)?.live_count()))
        .max()
        .unwrap_or(0)
}

fn sizes(joins: Joins) -> Result<[Vec<f64>; 2], Failure> {
    let runs = for_each_seed(0..200, |seed| run(seed, joins))?;
    let peaks = runs.iter().map(|sizes| sizes.peak).collect();
    Ok([peaks, runs.iter().map(|sizes| sizes.end).collect()])
}

/// Published, of one run: peak 14, end 12. Asserted is what was measured: 14.4, 13.9, and 12 or
/// fewer at the end of a tenth of the runs.
#[test]
fn a_group_whose_joins_are_lost_peaks_where_the_paper_s_does() -> Result<(), Failure> {
    let [peaks, ends] = sizes(Joins::Once)?;
    assert_within("peak, mean", mean(&peaks), 13.5..=15.0);
    assert_within("end, mean", mean(&ends), 13.0..=14.5);
    assert_within("end, lowest tenth of runs", quantile(&ends, 100), 11.0..=12.0);
    Ok(())
}

/// Published: 12. Asserted is what was measured, 16.7: the detector alone loses fewer than one.
#[test]
fn a_group_whose_joins_are_repeated_stays_nearly_whole() -> Result<(), Failure> {
    let [_, ends] = sizes(Joins::Repeated)?;
    assert_within("end, mean", mean(&ends), 16.0..=17.0);
    Ok(())
}
