//! The outcomes of many trials in a few numbers.

use core::time::Duration;

use super::outcome::{Detection, Outcome, Value};
use super::statistics::{Estimate, mean, quantile, share};

/// What equal trials of different seeds gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How many trials there were.
    pub runs: usize,
    /// Time to the first detection, if anybody failed.
    pub first: Option<Times>,
    /// Time until all knew, if anybody failed.
    pub all: Option<Times>,
    /// FP per run.
    pub false_deaths: Estimate,
    /// FP- per run.
    pub false_deaths_at_healthy: Estimate,
    /// Suspicions of non-anomalous members per run.
    pub false_suspicions: Estimate,
    /// Packets per node and second.
    pub message_rate: Estimate,
    /// Bytes per node and second.
    pub byte_rate: Estimate,
    /// What only this experiment measures, by name.
    pub readings: Vec<(&'static str, Figure)>,
    /// Events beyond the simulator's memory: if there are any, counts are too low.
    pub unheard: u64,
}

/// Quantiles of a time, in seconds. What did not happen in the time given counts as infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// How many could have happened.
    pub samples: usize,
    /// How many of them did not.
    pub missed: usize,
    /// The median.
    pub p50: Estimate,
    /// The 99th percentile.
    pub p99: Estimate,
    /// The longest.
    pub max: f64,
}

/// Where the numbers of a reading lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Samples {
    /// Their mean.
    pub mean: Estimate,
    /// The 99th percentile.
    pub p99: Estimate,
    /// The greatest.
    pub max: f64,
}

/// A reading over many trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// A mean per run.
    Mean(Estimate),
    /// A mean of what is per time or per node already.
    Rate(Estimate),
    /// Numbers whose distribution matters.
    Samples(Samples),
    /// What a paper or a formula says, if it does.
    Given(Option<f64>),
    /// A share of all.
    Share {
        /// How many did.
        hits: u64,
        /// How many could have.
        of: u64,
        /// The share, 0 to 1.
        share: Estimate,
    },
    /// A time.
    Times(Times),
}

impl Summary {
    /// Sums up the outcomes of one experiment.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mean_of = |number: &dyn Fn(&Outcome) -> f64| {
            mean(&outcomes.iter().map(number).collect::<Vec<_>>())
        };
        Self {
            runs: outcomes.len(),
            first: detection_times(outcomes, |detection| detection.first),
            all: detection_times(outcomes, |detection| detection.all),
            false_deaths: mean_of(&|outcome| outcome.false_deaths as f64),
            false_deaths_at_healthy: mean_of(&|outcome| outcome.false_deaths_at_healthy as f64),
            false_suspicions: mean_of(&|outcome| outcome.false_suspicions as f64),
            message_rate: mean_of(&|outcome| outcome.traffic.message_rate()),
            byte_rate: mean_of(&|outcome| outcome.traffic.byte_rate()),
            readings: readings(outcomes),
            unheard: outcomes.iter().map(|outcome| outcome.unheard).sum(),
        }
    }
}

impl Times {
    /// Sums up the times of each run.
    fn of(runs: &[Vec<f64>]) -> Option<Self> {
        let times = || runs.iter().flatten().copied();
        times().next()?;
        Some(Self {
            samples: times().count(),
            missed: times().filter(|time| time.is_infinite()).count(),
            p50: quantile(runs, 0.5),
            p99: quantile(runs, 0.99),
            max: times().fold(0.0, f64::max),
        })
    }
}

impl Samples {
    /// Sums up one number of each run.
    fn of(samples: &[f64]) -> Self {
        let runs: Vec<_> = samples.iter().map(|&sample| vec![sample]).collect();
        let max = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { mean: mean(samples), p99: quantile(&runs, 0.99), max }
    }
}

fn detection_times(
    outcomes: &[Outcome],
    time: impl Fn(&Detection) -> Option<Duration>,
) -> Option<Times> {
    let of_run = |outcome: &Outcome| {
        outcome.detections.iter().map(|detection| seconds(time(detection))).collect()
    };
    Times::of(&outcomes.iter().map(of_run).collect::<Vec<_>>())
}

fn readings(outcomes: &[Outcome]) -> Vec<(&'static str, Figure)> {
    let Some(first) = outcomes.first() else { return Vec::new() };
    let names = first.readings.iter().map(|reading| reading.name);
    names.filter_map(|name| Some((name, figure(outcomes, name)?))).collect()
}

fn figure(outcomes: &[Outcome], name: &str) -> Option<Figure> {
    let (mut counts, mut rates) = (Vec::new(), Vec::new());
    let (mut shares, mut times) = (Vec::new(), Vec::new());
    let mut samples = Vec::new();
    let readings = outcomes.iter().flat_map(|outcome| &outcome.readings);
    for reading in readings.filter(|reading| reading.name == name) {
        match reading.value {
            Value::Count(count) => counts.push(count as f64),
            Value::Rate(rate) => rates.push(rate),
            Value::Sample(sample) => samples.push(sample),
            Value::Given(given) => return Some(Figure::Given(given)),
            Value::Share { hits, of } => shares.push((hits, of)),
            Value::Time(time) => times.push(vec![seconds(time)]),
        }
    }
    if !counts.is_empty() {
        return Some(Figure::Mean(mean(&counts)));
    }
    if !rates.is_empty() {
        return Some(Figure::Rate(mean(&rates)));
    }
    if !samples.is_empty() {
        return Some(Figure::Samples(Samples::of(&samples)));
    }
    if !shares.is_empty() {
        let hits = shares.iter().map(|run| run.0).sum();
        let of = shares.iter().map(|run| run.1).sum();
        return Some(Figure::Share { hits, of, share: share(&shares) });
    }
    Times::of(&times).map(Figure::Times)
}

fn seconds(time: Option<Duration>) -> f64 {
    time.map_or(f64::INFINITY, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::super::outcome::{Reading, Traffic};
    use super::*;

    fn outcome(seed: u64) -> Outcome {
        let first = Some(Duration::from_secs(seed));
        Outcome {
            seed,
            trace_hash: seed,
            detections: vec![Detection { first, all: None }],
            false_deaths: 0,
            false_deaths_at_healthy: 0,
            false_suspicions: seed,
            traffic: Traffic { messages: 30 * seed, bytes: 600, node_seconds: 30.0 },
            readings: vec![
                Reading::count("removed", 2),
                Reading::share("killed", 1, 4),
                Reading::time("healed", first),
                Reading::sample("rounds", seed as f64),
                Reading::given("paper", Some(4.5)),
            ],
            unheard: 0,
        }
    }

    #[test]
    fn outcomes_add_up_by_kind() {
        let summary = Summary::of(&(1..=9).map(outcome).collect::<Vec<_>>());
        assert_eq!(summary.runs, 9);
        assert_eq!(summary.first.map(|times| times.p50.value), Some(5.0));
        assert_eq!(summary.all.map(|times| times.missed), Some(9));
        assert_eq!(summary.false_deaths.high, 3.0 / 9.0);
        assert_eq!((summary.message_rate.value, summary.byte_rate.value), (5.0, 20.0));
        let [(_, removed), (_, killed), (_, healed), (_, rounds), (_, paper)] =
            summary.readings[..]
        else {
            panic!("five readings");
        };
        assert!(matches!(removed, Figure::Mean(mean) if mean.value == 2.0));
        assert!(matches!(killed, Figure::Share { hits: 9, of: 36, .. }));
        assert!(matches!(healed, Figure::Times(times) if times.max == 9.0));
        let Figure::Samples(rounds) = rounds else { panic!("{rounds:?}") };
        assert_eq!((rounds.mean.value, rounds.p99.value, rounds.max), (5.0, 9.0, 9.0));
        assert_eq!(paper, Figure::Given(Some(4.5)));
    }

    #[test]
    fn without_a_failure_there_is_nothing_to_detect() {
        let outcomes = [Outcome { detections: Vec::new(), ..outcome(1) }];
        assert_eq!(Summary::of(&outcomes).first, None);
    }
}
