//! Strangers become a cluster, and one more joins it.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::settling::{Settling, load_readings};
use super::stage::Stage;
use super::views::Right;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;
use crate::time::Instant;

/// How often views are looked at while many join.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How often they are while one does.
const LOOK_INTERVAL_LATE: Duration = Duration::from_millis(10);

/// All but one join through that one, at moments drawn from a short time. Traffic is measured from
/// the first moment until all views are complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    /// All begin within this. Default: 1 s.
    pub within: Duration,
    /// Datagrams lost, of a thousand. Default: 0.
    pub loss_permille: u16,
    /// The largest datagram, where it is not the trial's.
    pub datagram_len_max: Option<u16>,
    /// After this nobody waits for complete views any more. Default: 300 s.
    pub limit: Duration,
}

impl Default for Join {
    fn default() -> Self {
        let (within, limit) = (Duration::from_secs(1), Duration::from_secs(300));
        Self { within, loss_permille: 0, datagram_len_max: None, limit }
    }
}

impl Experiment for Join {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let trial = with_datagrams(trial, self.datagram_len_max);
        let mut stage = Stage::empty(&trial, Link::lan().losing(self.loss_permille));
        let seed = stage.add();
        stage.open_window();
        let mut settling = Settling::new(&stage, Right::Members, LOOK_INTERVAL);
        let joiners = 1..trial.nodes;
        let mut moments: Vec<_> = joiners.map(|_| stage.rng.up_to(self.within)).collect();
        moments.sort_unstable();
        for moment in moments {
            settling.run_to(&mut stage, settling.since().after(moment))?;
            let joiner = stage.add();
            stage.cluster.join(joiner, seed);
        }
        let complete = settling.run_until_right(&mut stage, self.limit)?;
        let start = settling.since();
        let since_start = |at: Option<Instant>| at.map(|at| at.since(start));
        let mut readings = vec![
            Reading::time("half of the views complete", since_start(settling.median(&stage))),
            Reading::time("all views complete", since_start(complete)),
            settling.bytes_per_node(&stage),
        ];
        readings.extend(load_readings(settling.peak_of(seed), SEED_PEAK));
        readings.extend(load_readings(settling.peak_but(&[seed]), OTHER_PEAK));
        Ok(stage.outcome(Vec::new(), readings))
    }
}

/// One joins a settled cluster through one of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateJoin {
    /// Datagrams lost, of a thousand. Default: 0.
    pub loss_permille: u16,
    /// The largest datagram, where it is not the trial's.
    pub datagram_len_max: Option<u16>,
    /// After this nobody waits for complete views any more. Default: 300 s.
    pub limit: Duration,
}

impl Default for LateJoin {
    fn default() -> Self {
        Self { loss_permille: 0, datagram_len_max: None, limit: Duration::from_secs(300) }
    }
}

impl Experiment for LateJoin {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let trial = with_datagrams(trial, self.datagram_len_max);
        let mut stage = Stage::settled(&trial, Link::lan().losing(self.loss_permille))?;
        let seed = stage.rng.below(trial.nodes);
        let joiner = stage.add();
        let mut settling = Settling::new(&stage, Right::Members, LOOK_INTERVAL_LATE);
        stage.cluster.join(joiner, seed);
        let complete = settling.run_until_right(&mut stage, self.limit)?;
        let own = settling.right_since(joiner);
        let start = settling.since();
        let since_start = |at: Option<Instant>| at.map(|at| at.since(start));
        let load = stage.cluster.load(joiner);
        let mut readings = vec![
            Reading::time("own view complete", since_start(own)),
            Reading::time("all views complete", since_start(complete)),
            Reading::rate("joiner bytes out", load.bytes_out as f64),
            Reading::rate("joiner bytes in", load.bytes_in as f64),
        ];
        readings.extend(load_readings(settling.peak_of(seed), SEED_PEAK));
        readings.extend(load_readings(settling.peak_but(&[seed, joiner]), OTHER_PEAK));
        Ok(stage.outcome(Vec::new(), readings))
    }
}

const SEED_PEAK: [&str; 4] =
    ["seed peak packets out", "seed peak bytes out", "seed peak packets in", "seed peak bytes in"];
const OTHER_PEAK: [&str; 4] = [
    "other peak packets out",
    "other peak bytes out",
    "other peak packets in",
    "other peak bytes in",
];

fn with_datagrams(trial: &Trial, datagram_len_max: Option<u16>) -> Trial {
    let mut trial = *trial;
    trial.config.datagram_len_max = datagram_len_max.unwrap_or(trial.config.datagram_len_max);
    trial
}
