//! Measured times, reduced to a few numbers.

use serde::Serialize;

/// Percentiles by nearest rank: each is a time that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// How many times were measured.
    pub n: usize,
    pub p50: u64,
    /// Where the median of endless trials lies with at least 95 % confidence: null below 6 trials.
    pub p50_interval: Option<[u64; 2]>,
    pub p99: u64,
    pub max: u64,
}

impl Spread {
    /// Nothing of nothing.
    pub fn of(times: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut times: Vec<u64> = times.into_iter().collect();
        times.sort_unstable();
        let n = times.len();
        let rank = |percent: usize| times.get((n * percent).div_ceil(100).saturating_sub(1));
        let inward = |rank: usize| Some([*times.get(rank)?, *times.get(n - 1 - rank)?]);
        Some(Self {
            n,
            p50: *rank(50)?,
            p50_interval: interval_rank(n).and_then(inward),
            p99: *rank(99)?,
            max: *times.last()?,
        })
    }
}

/// How many of `n` sorted values may be cut off at either end so that the rest spans the median
/// with 95 % confidence: each value lies below it with one half (the sign test).
fn interval_rank(n: usize) -> Option<usize> {
    const TAIL: f64 = 0.025;
    let mut chance = 0.5_f64.powi(i32::try_from(n).ok()?);
    let mut below = 0.0;
    let mut rank = None;
    for values in 0..n {
        below += chance;
        if below > TAIL {
            break;
        }
        rank = Some(values);
        chance *= (n - values) as f64 / (values + 1) as f64;
    }
    rank
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let spread = Spread::of((1..=100).rev()).unwrap();
        assert_eq!((spread.n, spread.p50, spread.p99, spread.max), (100, 50, 99, 100));
        let one = Spread::of([7]).unwrap();
        assert_eq!((one.p50, one.p50_interval, one.p99, one.max), (7, None, 7, 7));
        assert_eq!(Spread::of([]), None);
    }

    /// The ranks printed in tables of the sign test: 6 values 1-6, 10 values 2-9, 30 values 10-21.
    #[test]
    fn the_interval_of_the_median_is_the_one_of_the_sign_test() {
        assert_eq!(interval_rank(5), None);
        assert_eq!(interval_rank(6), Some(0));
        assert_eq!(Spread::of(1..=10).unwrap().p50_interval, Some([2, 9]));
        assert_eq!(Spread::of(1..=30).unwrap().p50_interval, Some([10, 21]));
    }
}
