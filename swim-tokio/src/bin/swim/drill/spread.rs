//! Measured times, reduced to a few numbers.

use std::fmt;

use serde::Serialize;
use swim_core::sim::experiment::{Estimate, quantile};

/// Milliseconds, by nearest rank: each percentile is a time that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// How many times were measured.
    pub n: usize,
    pub p50: f64,
    pub p50_interval: Interval,
    pub p99: f64,
    pub p99_interval: Interval,
    pub max: u64,
}

/// What holds the true value with 95 % confidence; an end that the trials do not bound is null.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval(f64, f64);

impl Spread {
    /// Nothing of nothing.
    pub fn of(times: impl IntoIterator<Item = u64>) -> Option<Self> {
        let times: Vec<u64> = times.into_iter().collect();
        let trials: Vec<_> = times.iter().map(|&time| vec![time as f64]).collect();
        let (p50, p99) = (quantile(&trials, 0.5), quantile(&trials, 0.99));
        Some(Self {
            n: times.len(),
            p50: p50.value,
            p50_interval: p50.into(),
            p99: p99.value,
            p99_interval: p99.into(),
            max: times.into_iter().max()?,
        })
    }
}

impl From<Estimate> for Interval {
    fn from(estimate: Estimate) -> Self {
        Self(estimate.low, estimate.high)
    }
}

/// `[9102, 10822]`, or `[≥ 9102]` when too few trials bound it from above.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(low, high) = self;
        match high.is_finite() {
            true => write!(f, "[{low}, {high}]"),
            false => write!(f, "[≥ {low}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let spread = Spread::of((1..=20).rev()).unwrap();
        assert_eq!((spread.n, spread.p50, spread.p99, spread.max), (20, 10.0, 20.0, 20));
        let intervals = [spread.p50_interval, spread.p99_interval];
        assert_eq!(intervals.map(|it| it.to_string()), ["[6, 15]", "[≥ 19]"]);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn an_open_end_is_null_in_json() {
        let json = serde_json::to_value(Spread::of([7]).unwrap()).unwrap();
        assert!(json["p99_interval"][1].is_null(), "{json}");
        assert_eq!((&json["p50"], &json["max"]), (&7.0.into(), &7.into()));
    }
}
