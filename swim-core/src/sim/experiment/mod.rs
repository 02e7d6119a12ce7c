//! Experiments: how soon failures are found, how often the healthy are taken for failed, and what
//! that costs.
//!
//! An [`Experiment`] with its parameters, run by a [`Trial`] (an [`Arm`]'s settings, a number of
//! nodes, a seed), gives an [`Outcome`] of plain numbers. A [`Summary`] over the outcomes of many
//! seeds gives quantiles, means and shares, each with its 95 % confidence interval.
//!
//! ```
//! use swim_core::sim::experiment::{Arm, Crash, Experiment, Profile, Summary, Trial};
//! use swim_core::sim::Failure;
//!
//! let config = Arm::Memberlist.config(Profile::Lan);
//! let trials = (1..4).map(|seed| Trial { config, nodes: 8, seed });
//! let outcomes: Vec<_> =
//!     trials.map(|trial| Crash::default().run(&trial)).collect::<Result<_, _>>()?;
//! let summary = Summary::of(&outcomes);
//! assert!(summary.first.is_some_and(|times| times.p50.value < 20.0));
//! # Ok::<(), Failure>(())
//! ```
//!
//! # What is measured
//!
//! - **first**: from a failure to the first application that hears `MemberDead` of the failed one;
//! - **all**: until every healthy member holds it dead or does not list it;
//! - **FP**: `MemberDead` events about non-anomalous members, heard at all members; **FP-**: those
//!   of them heard at non-anomalous members (Lifeguard section V). Anomalous is whom the experiment
//!   does something to; of a partition, the smaller side;
//! - **false suspicions**: `MemberSuspected` events about non-anomalous members, at all members;
//! - **messages** and **bytes**: packets of both channels written, and what they carry, per node
//!   and second of the measured window.
//!
//! - a view is **complete** when it holds exactly those for living who run, and **right** when it
//!   holds them at their present boot and incarnation, too;
//! - **peaks**: packets and bytes, out and in, in the busiest second of a node.
//!
//! [`Spread`] and [`Demers`] are models of rumours without packets; of a trial they take the nodes
//! and the seed. [`Phi`] is one of silences, and takes the seed.
//!
//! All clusters but those of [`Join`] start settled: every node knows every other, and has run for
//! [`WARM_UP`] or longer on a clock that is up to 200 ppm off.

mod ablation;
mod arm;
mod census;
mod connection;
mod contacts;
mod crash;
mod demers;
mod families;
mod freeze_grid;
mod heartbeats;
mod idle;
mod join;
mod leaves;
mod loss;
mod mass_restart;
mod outcome;
mod partition;
mod pause;
mod phi;
mod radio;
mod repair;
mod settling;
mod snapshot_restart;
mod split;
mod spread;
mod stage;
mod starve;
mod statistics;
mod summary;
mod swim_paper;
mod views;
mod watch;

use super::report::Failure;
use crate::Config;

pub use ablation::{ABLATIONS, Ablation};
pub use arm::{Arm, Profile};
pub use connection::{BadConnection, Defect};
pub use crash::Crash;
pub use demers::{Demers, Epidemic, Published};
pub use families::{Families, Family};
pub use freeze_grid::{ANOMALOUS, Anomaly, BLOCKED_MS, FreezeCell, NORMAL_MS};
pub use idle::Idle;
pub use join::{Join, LateJoin};
pub use leaves::Leaves;
pub use loss::Loss;
pub use mass_restart::MassRestart;
pub use outcome::{Detection, Outcome, Reading, Traffic, Value};
pub use partition::Partition;
pub use pause::{Pause, RepeatedPauses};
pub use phi::{Formula, Jitter, Phi};
pub use radio::Radio;
pub use repair::Repair;
pub use snapshot_restart::SnapshotRestart;
pub use split::Split;
pub use spread::{Spread, Style, serf_rounds};
pub use stage::WARM_UP;
pub use starve::Starve;
pub use statistics::{Estimate, mean, quantile, share};
pub use summary::{Figure, Samples, Summary, Times};
pub use swim_paper::{Removal, SequentialJoins, SwimPaper, as_in_the_swim_paper};

/// Something that is done to a cluster, and looked at. Its fields are its parameters.
pub trait Experiment: Sync {
    /// Does it once.
    ///
    /// # Errors
    ///
    /// A rule of the simulator's oracle was broken: the core's fault.
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure>;
}

/// One run of an experiment: equal trials have equal outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The settings of every node.
    pub config: Config,
    /// How many nodes there are.
    pub nodes: usize,
    /// What every draw follows from.
    pub seed: u64,
}

#[cfg(test)]
mod tests;
