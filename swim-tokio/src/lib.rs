//! Cluster membership for tokio: who is there, who is not any more.
//!
//! A driver for [`swim_core`]: one task owns the protocol, UDP and TCP on one port carry it, and
//! handles that are cheap to clone talk to it.
//!
//! ```no_run
//! use swim_tokio::Options;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), swim_tokio::BindError> {
//!     let options = Options::new("0.0.0.0:7946".parse().unwrap());
//!     let (swim, runner) = swim_tokio::bind(options).await?;
//!     let mut events = swim.events();
//!     tokio::spawn(runner.run());
//!     swim.join(&["10.0.0.1:7946".parse().unwrap()]).await;
//!     while let Some(update) = events.next().await {
//!         println!("{update:?}");
//!     }
//!     Ok(())
//! }
//! ```
//!
//! - [`bind`] opens the sockets and returns the handle, [`Swim`], and the [`Runner`] to spawn.
//! - [`Swim::members`] and its like answer from a copy of the table, without waiting.
//! - [`Swim::events`] tells what changes. A subscriber that is too slow loses events, is told so,
//!   and gets a snapshot instead; nothing it does slows the protocol.
//! - [`Swim::leave`] says goodbye; [`Swim::shutdown`] and dropping the runner do not.
//! - [`tags`] writes a name and tags into the metadata and reads those of others.
//!
//! All that waits is read before a timer fires, so a process that stood still for a while does not
//! accuse others of its own delay. The clock it measures that with counts a suspension of the
//! machine too, on Linux.
//!
//! A process that is gone while its machine lives is noticed soonest: its system refuses what is
//! sent there, and the protocol hears of it (ICMP port unreachable on Linux, a refused TCP
//! connection everywhere; counted in [`SocketStats`]). Systems whose firewall drops instead, and
//! machines that are gone as a whole, are noticed by their silence.
//!
//! The default feature `cli` is for the `swim` command; with `default-features = false` only the
//! library and its few dependencies are built.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod clock;
mod command;
mod counters;
mod events;
mod handle;
mod join;
mod keeper;
mod options;
mod refusals;
mod runner;
mod shared;
mod socket;
mod state;
mod streams;
pub mod tags;
mod view;

pub use counters::SocketStats;
pub use events::{Events, Update};
pub use handle::{Closed, SetMetadataError, Swim};
pub use join::JoinFailure;
pub use options::{BindError, Options};
pub use runner::{Runner, bind};
pub use state::StateTrouble;
pub use swim_core;
pub use swim_core::{
    Config, Detector, Event, FlapPolicy, Incarnation, Label, Lifeguard, NodeId, Refusal, Stats,
    Status,
};
pub use view::MemberInfo;
