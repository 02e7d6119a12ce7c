//! Numbers over trials, and how far they can be trusted.

use crate::rng::Rng;

/// Resamples of a bootstrap.
const RESAMPLES: usize = 1_000;
/// Of every generator here: equal samples have equal intervals.
const SEED: u64 = 0x5eed;
/// Of fewer runs than this a bootstrap says nothing: it would take what they share for certain.
const BOOTSTRAP_RUNS_MIN: usize = 5;
/// What is left out on each side of a 95 % interval.
const TAIL: f64 = 0.025;
/// 97.5 % of the normal distribution lies below.
const Z: f64 = 1.959_964;
/// The same of Student's distribution, for 1 to 30 degrees of freedom.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// A number and its 95 % confidence interval. An end that the sample does not bound is infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// What was measured.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The mean of counts or rates, none below zero, with Student's interval. Zero in n runs bounds the
/// rate to 3/n (the rule of three).
pub fn mean(samples: &[f64]) -> Estimate {
    let runs = samples.len() as f64;
    if samples.is_empty() {
        return Estimate { value: f64::NAN, low: 0.0, high: f64::INFINITY };
    }
    let value = samples.iter().sum::<f64>() / runs;
    if value == 0.0 {
        return Estimate { value, low: 0.0, high: 3.0 / runs };
    }
    let Some(freedom) = samples.len().checked_sub(2) else {
        return Estimate { value, low: 0.0, high: f64::INFINITY };
    };
    let squares: f64 = samples.iter().map(|sample| (sample - value).powi(2)).sum();
    let error = (squares / (runs - 1.0) / runs).sqrt();
    let margin = T.get(freedom).copied().unwrap_or(Z) * error;
    Estimate { value, low: (value - margin).max(0.0), high: value + margin }
}

/// The smallest time that at least the share `q` of all does not exceed; infinite times are those
/// of what did not happen. Each run gives any number of times. One a run: the interval lies between
/// order statistics. More: they depend on each other, and whole runs are bootstrapped.
pub fn quantile(runs: &[Vec<f64>], q: f64) -> Estimate {
    let mut pooled: Vec<f64> = runs.iter().flatten().copied().collect();
    pooled.sort_unstable_by(f64::total_cmp);
    let value = at_quantile(&pooled, q);
    if runs.iter().any(|run| run.len() > 1) {
        if runs.len() < BOOTSTRAP_RUNS_MIN {
            return Estimate { value, low: 0.0, high: f64::INFINITY };
        }
        let (low, high) = bootstrap(runs, |resampled| {
            let mut pooled: Vec<f64> =
                resampled.iter().flat_map(|run| run.iter().copied()).collect();
            pooled.sort_unstable_by(f64::total_cmp);
            at_quantile(&pooled, q)
        });
        return Estimate { value, low, high };
    }
    let (low, high) = order_statistics(&pooled, q);
    Estimate { value, low, high }
}

/// The share of `hits` in all, over `(hits, of)` of each run. At most one a run: Wilson's interval.
/// More: they depend on each other, and whole runs are bootstrapped, unless that says nothing since
/// all or none hit.
pub fn share(runs: &[(u64, u64)]) -> Estimate {
    let pooled = |runs: &[&(u64, u64)]| {
        let sum = |pick: fn(&(u64, u64)) -> u64| runs.iter().map(|run| pick(run)).sum::<u64>();
        (sum(|run| run.0) as f64, sum(|run| run.1) as f64)
    };
    let (hits, of) = pooled(&runs.iter().collect::<Vec<_>>());
    let value = hits / of;
    if runs.iter().all(|run| run.1 <= 1) {
        let (low, high) = wilson(hits, of);
        return Estimate { value, low, high };
    }
    let independent = runs.len() as f64;
    match value {
        0.0 => Estimate { value, low: 0.0, high: (3.0 / independent).min(1.0) },
        1.0 => Estimate { value, low: (1.0 - 3.0 / independent).max(0.0), high: 1.0 },
        _ if runs.len() < BOOTSTRAP_RUNS_MIN => Estimate { value, low: 0.0, high: 1.0 },
        _ => {
            let (low, high) = bootstrap(runs, |resampled| {
                let (hits, of) = pooled(resampled);
                hits / of
            });
            Estimate { value, low, high }
        }
    }
}

fn at_quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

/// The innermost order statistics that enclose the quantile `q` of times with 95 % probability:
/// how many of n independent samples lie below it is binomial.
fn order_statistics(sorted: &[f64], q: f64) -> (f64, f64) {
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut below = 0.0;
    for (rank, &sample) in sorted.iter().enumerate() {
        below += binomial(sorted.len(), rank, q);
        if below <= TAIL {
            low = sample;
        }
        if below >= 1.0 - TAIL {
            high = sample;
            break;
        }
    }
    (low, high)
}

/// How likely exactly `hits` of `n` are, each with the probability `q`.
fn binomial(n: usize, hits: usize, q: f64) -> f64 {
    let choices: f64 = (1..=hits).map(|k| ((n - hits + k) as f64 / k as f64).ln()).sum();
    (choices + hits as f64 * q.ln() + (n - hits) as f64 * (1.0 - q).ln()).exp()
}

fn wilson(hits: f64, of: f64) -> (f64, f64) {
    if of == 0.0 {
        return (0.0, 1.0);
    }
    let share = hits / of;
    let centre = share + Z * Z / (2.0 * of);
    let margin = Z * (share * (1.0 - share) / of + Z * Z / (4.0 * of * of)).sqrt();
    let scale = 1.0 + Z * Z / of;
    (((centre - margin) / scale).max(0.0), ((centre + margin) / scale).min(1.0))
}

/// The middle 95 % of what `statistic` gives when runs are drawn again and again.
fn bootstrap<R>(runs: &[R], statistic: impl Fn(&[&R]) -> f64) -> (f64, f64) {
    let mut rng = Rng::new(SEED);
    let mut resampled = Vec::with_capacity(runs.len());
    let mut statistics = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        resampled.clear();
        resampled.extend((0..runs.len()).map(|_| &runs[rng.below(runs.len())]));
        statistics.push(statistic(&resampled));
    }
    statistics.sort_unstable_by(f64::total_cmp);
    (at_quantile(&statistics, TAIL), at_quantile(&statistics, 1.0 - TAIL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn singles(samples: impl Iterator<Item = f64>) -> Vec<Vec<f64>> {
        samples.map(|sample| vec![sample]).collect()
    }

    #[test]
    fn a_mean_has_students_interval_and_zero_the_rule_of_three() {
        let estimate = mean(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(estimate.value, 3.0);
        // 2.776 * sqrt(2.5 / 5)
        assert!((estimate.high - 3.0 - 1.963).abs() < 0.001, "{estimate:?}");
        let none = mean(&[0.0; 60]);
        assert_eq!((none.value, none.low, none.high), (0.0, 0.0, 0.05));
        assert_eq!(mean(&[7.0]).high, f64::INFINITY);
    }

    #[test]
    fn order_statistics_are_those_of_the_tables() {
        // Tables of the sign test: of 20 samples the 6th and the 15th enclose the median.
        let runs = singles((1..=20).map(f64::from));
        let median = quantile(&runs, 0.5);
        assert_eq!((median.value, median.low, median.high), (10.0, 6.0, 15.0));
        // 20 samples cannot bound the 99th percentile from above.
        let last = quantile(&runs, 0.99);
        assert_eq!((last.value, last.high), (20.0, f64::INFINITY));
        // 400 can: 1 - 0.99^400 = 0.98.
        assert_eq!(quantile(&singles((1..=400).map(f64::from)), 0.99).high, 400.0);
    }

    #[test]
    fn what_never_happened_counts_as_later_than_all() {
        let runs = singles([1.0, 2.0, f64::INFINITY, f64::INFINITY].into_iter());
        assert_eq!(quantile(&runs, 0.5).value, 2.0);
        assert_eq!(quantile(&runs, 0.75).value, f64::INFINITY);
    }

    #[test]
    fn times_of_one_run_count_as_one_observation() {
        let within = |run: u32| f64::from(run);
        let alone: Vec<_> = (0..30).map(|run| vec![within(run)]).collect();
        let tenfold: Vec<_> = (0..30).map(|run| vec![within(run); 10]).collect();
        let (alone, tenfold) = (quantile(&alone, 0.5), quantile(&tenfold, 0.5));
        let width = |estimate: Estimate| estimate.high - estimate.low;
        assert!(width(tenfold) > 0.7 * width(alone), "{alone:?} {tenfold:?}");
    }

    #[test]
    fn a_share_has_wilsons_interval() {
        let estimate = share(&[(1, 1), (0, 1), (0, 1), (0, 1), (0, 1), (0, 1), (0, 1), (0, 1)]);
        assert_eq!(estimate.value, 0.125);
        assert!((estimate.low - 0.0224).abs() < 0.001, "{estimate:?}");
        assert!((estimate.high - 0.4709).abs() < 0.001, "{estimate:?}");
        let none = share(&[(0, 10); 30]);
        assert_eq!((none.value, none.high), (0.0, 0.1));
        let few = share(&[(1, 10); 4]);
        assert_eq!((few.value, few.low, few.high), (0.1, 0.0, 1.0));
    }

    #[test]
    fn the_interval_of_a_quantile_holds_it_in_95_of_100_samples() {
        let mut rng = Rng::new(1);
        let mut draw = || f64::from(rng.next_u32()) / f64::from(u32::MAX);
        let held = (0..1_000).filter(|_| {
            let estimate = quantile(&singles((0..60).map(|_| draw())), 0.5);
            estimate.low <= 0.5 && 0.5 <= estimate.high
        });
        let held = held.count();
        assert!((930..=990).contains(&held), "{held} of 1000");
    }
}
