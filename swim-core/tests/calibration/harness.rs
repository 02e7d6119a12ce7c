//! What the measurements share: clusters, seeds on two threads, quantiles.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use swim_core::sim::{Checks, Cluster, Failure, Link, Scenario, SimAddress};
use swim_core::storage::Growable;
use swim_core::{Config, Event, Instant};

pub type Lab = Cluster<Growable>;

/// The longest interval a [`Config`] allows: never, in runs of minutes.
pub const NEVER: Duration = Duration::from_secs(86_400);
/// Nodes start their timers at random moments of their first period, so a whole number of seconds
/// later is a random moment of everybody's.
const REST: Duration = Duration::from_secs(10);

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A cluster without nodes.
pub fn empty(name: &'static str, seed: u64, config: Config, link: Link) -> Lab {
    let scenario = Scenario::new(name, seed, |_| Growable::new(256, 0));
    Cluster::new(Scenario { config, link, checks: Checks::Light, ..scenario })
}

/// `count` members that all know each other, and have probed for a while.
pub fn settled(mut cluster: Lab, count: usize) -> Result<Lab, Failure> {
    cluster.add_many(count);
    cluster.introduce_all();
    cluster.run_for(REST)?;
    Ok(cluster)
}

/// What `measure` finds for each of the `seeds`, in their order, on two threads.
pub fn for_each_seed<T: Send>(
    seeds: Range<u64>,
    measure: impl Fn(u64) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    let (measure, half) = (&measure, |first| seeds.clone().skip(first).step_by(2));
    let (even, odd) = std::thread::scope(|scope| {
        let odd = scope.spawn(|| half(1).map(measure).collect());
        let even: Result<Vec<T>, Failure> = half(0).map(measure).collect();
        let odd: Result<Vec<T>, Failure> =
            odd.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (even, odd)
    });
    let mut odd = odd?.into_iter();
    Ok(even?.into_iter().flat_map(|found| [Some(found), odd.next()]).flatten().collect())
}

/// When the applications were told `event`, in seconds after `start`, the first one first.
pub fn told(cluster: &Lab, start: Instant, event: Event<SimAddress>) -> impl Iterator<Item = f64> {
    let heard = cluster.heard().iter().filter(move |heard| heard.event == event);
    heard
        .filter(move |heard| heard.at >= start)
        .map(move |heard| heard.at.since(start).as_secs_f64())
}

/// The value at or below which `permille` of a thousand lie.
pub fn quantile(values: &[f64], permille: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (sorted.len() * permille).div_ceil(1_000).max(1);
    sorted[rank - 1]
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Everything within `percent` of `target`.
pub fn about(target: f64, percent: f64) -> RangeInclusive<f64> {
    let margin = target * percent / 100.0;
    target - margin..=target + margin
}

/// Everything within a factor of 2 of `target`.
pub fn within_2x(target: f64) -> RangeInclusive<f64> {
    target / 2.0..=target * 2.0
}

/// Fails, with the figure, unless it is `expected`.
pub fn assert_within(what: &str, measured: f64, expected: RangeInclusive<f64>) {
    println!("{what}: {measured:.3} (expected: {:.3} to {:.3})", expected.start(), expected.end());
    assert!(expected.contains(&measured), "{what}: {measured}, expected: {expected:?}");
}
