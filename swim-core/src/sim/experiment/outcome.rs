//! What one trial gave.

use core::time::Duration;

/// The numbers of one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The seed of the trial.
    pub seed: u64,
    /// A hash of every packet and event: equal trials have equal hashes.
    pub trace_hash: u64,
    /// One for each member that failed.
    pub detections: Vec<Detection>,
    /// FP: deaths of non-anomalous members, heard at all members.
    pub false_deaths: u64,
    /// FP-: those of them heard at non-anomalous members.
    pub false_deaths_at_healthy: u64,
    /// Suspicions of non-anomalous members, heard at all members.
    pub false_suspicions: u64,
    /// What was sent in the measured window.
    pub traffic: Traffic,
    /// What only this experiment measures, by name; the same names in every trial of it.
    pub readings: Vec<Reading>,
    /// Events beyond the simulator's memory. If there are any, the counts above are too low.
    pub unheard: u64,
}

impl Outcome {
    /// Of a model, which has no packets and nobody that fails: `fingerprint` takes the place of the
    /// hash.
    pub(super) fn of_model(seed: u64, fingerprint: u64, readings: Vec<Reading>) -> Self {
        Self {
            seed,
            trace_hash: fingerprint,
            detections: Vec::new(),
            false_deaths: 0,
            false_deaths_at_healthy: 0,
            false_suspicions: 0,
            traffic: Traffic::default(),
            readings,
            unheard: 0,
        }
    }
}

/// How soon one failed member was found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detection {
    /// When the first application heard of it. `None`: nobody did, in the time given.
    pub first: Option<Duration>,
    /// When every healthy member knew. `None`: somebody did not, in the time given.
    pub all: Option<Duration>,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Packets.
    pub messages: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Sum over nodes of the seconds they ran.
    pub node_seconds: f64,
}

impl Traffic {
    /// Packets of one node in a second.
    pub fn message_rate(&self) -> f64 {
        self.messages as f64 / self.node_seconds.max(f64::MIN_POSITIVE)
    }

    /// Bytes of one node in a second.
    pub fn byte_rate(&self) -> f64 {
        self.bytes as f64 / self.node_seconds.max(f64::MIN_POSITIVE)
    }
}

/// A number only one experiment knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// What it is.
    pub name: &'static str,
    /// What it was.
    pub value: Value,
}

impl Reading {
    /// Something counted.
    pub const fn count(name: &'static str, count: u64) -> Self {
        Self { name, value: Value::Count(count) }
    }

    /// Something per time or per node.
    pub const fn rate(name: &'static str, rate: f64) -> Self {
        Self { name, value: Value::Rate(rate) }
    }

    /// A number whose distribution matters.
    pub const fn sample(name: &'static str, sample: f64) -> Self {
        Self { name, value: Value::Sample(sample) }
    }

    /// A number that was not measured: a paper's or a formula's, if it has one.
    pub const fn given(name: &'static str, given: Option<f64>) -> Self {
        Self { name, value: Value::Given(given) }
    }

    /// So many of so many.
    pub const fn share(name: &'static str, hits: u64, of: u64) -> Self {
        Self { name, value: Value::Share { hits, of } }
    }

    /// A time, if what it waits for came.
    pub const fn time(name: &'static str, time: Option<Duration>) -> Self {
        Self { name, value: Value::Time(time) }
    }
}

/// How a reading adds up over trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// To a mean per run.
    Count(u64),
    /// To a mean.
    Rate(f64),
    /// To a mean, a 99th percentile and a maximum.
    Sample(f64),
    /// Not at all: it is the same in every trial.
    Given(Option<f64>),
    /// To a share of all.
    Share {
        /// How many did.
        hits: u64,
        /// How many could have.
        of: u64,
    },
    /// To quantiles. `None`: it did not come, in the time given.
    Time(Option<Duration>),
}
