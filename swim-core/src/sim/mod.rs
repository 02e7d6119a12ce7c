//! A whole cluster in virtual time, replayable from one seed (feature `sim`).
//!
//! A [`Cluster`] drives any number of [`Node`](crate::Node)s as an adapter would: packets are
//! delivered before timers fire, every input is drained, and each node lives by its own clock. It
//! starts with strangers, who [`join`](Cluster::join) or are all
//! [introduced](Cluster::introduce_all). After every step an oracle checks what must always hold; a
//! broken rule ends the run with a [`Failure`] that says how to replay it.
//!
//! What can go wrong:
//!
//! - on the way: a [`Link`] delays, loses (evenly or in [bursts](Burst)), duplicates and reorders,
//!   and the [`Network`] has cuts, one-way or between groups;
//! - at one node's connection: it is [deaf](Network::deafen), [silent](Network::silence),
//!   [lossy](Network::set_node_loss), or its firewall [rejects](Network::reject) what comes in;
//! - to a process: it [crashes](Cluster::crash) with its host, is [killed](Cluster::kill) on a host
//!   that lives and refuses packets, [stands still](Cluster::freeze), is [jammed](Cluster::jam) or
//!   [starved](Cluster::starve), restarts, with nothing or [from a
//!   snapshot](Cluster::restart_from_snapshot), moves and leaves.
//!   [starved](Cluster::starve), restarts, moves and leaves;
//! - to a table: it [loses a row](Cluster::forget);
//! - from ill will: an [outsider](Cluster::let_loose) without the key, or a [member with a
//!   fault](Cluster::corrupt), sends what no node writes.
//!
//! Everything follows from the seed of the [`Scenario`]: the same seed gives the same packets, byte
//! for byte, and so the same [`trace_hash`](Cluster::trace_hash).
//!
//! ```
//! use core::time::Duration;
//! use swim_core::sim::{Cluster, Failure, Scenario};
//! use swim_core::storage::Growable;
//!
//! let scenario = Scenario::new("three_meet", 7, |_| Growable::new(16, 0));
//! let mut cluster = Cluster::new(scenario);
//! cluster.add_many(3);
//! cluster.join_all(0);
//! let met = cluster.run_until(Duration::from_secs(30), Cluster::views_complete)?;
//! assert!(met.is_some());
//! # Ok::<(), Failure>(())
//! ```
//!
//! What happens can be data too: an [`Act`] is [performed](Cluster::perform), and
//! [`come_to_rest`](Cluster::come_to_rest) ends a schedule of them. [`drive`] reads schedules, and
//! inputs of single nodes, from any bytes: for fuzzers.
//!
//! # What the oracle checks
//!
//! After every input of every node, at a cost that does not grow with the cluster:
//!
//! - in a view, a member's (incarnation, status) never goes back while its row exists, so the dead
//!   and the departed do not rise again at the incarnation at which they fell;
//! - nobody but its owner raises an incarnation: no view and no packet carries one its owner has
//!   not reached in any of its lives, or an id nobody ever had;
//! - every packet fits, parses, names its sender, and is rewritten to the same bytes;
//! - outputs end, no deadline lies in the past, and no timer spins;
//! - the table keeps within its bounds and counts its living correctly;
//! - if the scenario forbids it: nobody healthy and reachable is declared dead.

// This module is scaffolding for tests, on hosts: its indices are its own, its sums are small, and
// a bug in it should stop a test rather than be absorbed.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

mod act;
mod clock;
mod cluster;
mod confidant;
pub mod drive;
pub mod experiment;
mod introduce;
mod link;
mod malice;
mod network;
mod oracle;
mod places;
mod process;
mod queue;
mod recorded;
mod report;
mod scenario;
mod snapshot;
mod step;
mod tally;
mod told;
mod verbs;

pub use act::Act;
pub use cluster::{Cluster, Seen};
pub use link::{Burst, Link};
pub use malice::{Absences, Ahead, Fault, Insider, Intrusion, Outsider, Source};
pub use network::Network;
pub use oracle::Violation;
pub use recorded::recorded;
pub use report::{Counts, Failure, Heard, Load, Report, Step, seeds};
pub use scenario::{Checks, Scenario, SimAddress};
pub use tally::{Purpose, Tally};
pub use told::Told;
