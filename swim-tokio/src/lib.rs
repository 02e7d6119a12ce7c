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
//!     swim.join(["db-1.example.org:7946"]).await;
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
//! # Seeds by name
//!
//! A cluster is found by asking seeds, best by a name that stands for all its members: it is looked
//! up before it is asked, again and again, so members may come, go, and change their addresses. On
//! Kubernetes that is a headless service. It has to name pods that are not ready yet, or the first
//! ones would never find each other, and its pods have to open the port for UDP and TCP:
//!
//! ```yaml
//! apiVersion: v1
//! kind: Service
//! metadata: { name: db-swim }
//! spec:
//!   clusterIP: None
//!   publishNotReadyAddresses: true
//!   selector: { app: db }
//!   ports:
//!     - { name: swim-udp, port: 7946, protocol: UDP }
//!     - { name: swim-tcp, port: 7946, protocol: TCP }
//! ```
//!
//! ```no_run
//! use swim_tokio::{Config, Label, Options};
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config { label: Label::new("prod/db"), ..Config::lan() };
//! // The pod's name: that of a stateful set is the same after a restart.
//! let name = Some(std::env::var("HOSTNAME")?);
//! let options = Options { name, config, ..Options::new("0.0.0.0:7946".parse()?) };
//! let (swim, runner) = swim_tokio::bind(options).await?;
//! tokio::spawn(runner.run());
//! swim.keep_joining(["db-swim:7946"]).await;
//! # Ok(()) }
//! ```
//!
//! The first pod finds but itself, and looks on. [`Swim::seeds`] tells how the seeds stand,
//! [`Options::resolver`] takes another resolver than the system's.
//!
//! # Sealed packets
//!
//! Members that share a key encrypt and authenticate every packet, over UDP and TCP alike
//! ([`Options::keys`]; [`key_file`] reads keys from a file). Without, whoever reaches the port can
//! accuse, impersonate and listen.
//!
//! ```no_run
//! use std::path::Path;
//! use swim_tokio::{Options, key_file};
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Some(key_file::read(Path::new("/etc/swim.keys"))?);
//! let options = Options { keys, ..Options::new("0.0.0.0:7946".parse()?) };
//! let (swim, runner) = swim_tokio::bind(options).await?;
//! # Ok(()) }
//! ```
//!
//! A running cluster in clear becomes sealed in three steps, each taken on all members before the
//! next is taken on any: [`Swim::seal`] with [`Sealing::Accept`], [`Swim::set_sealing`] with
//! [`Sealing::Send`], then with [`Sealing::Require`]. Its keys are changed in three steps, too:
//! [`Swim::add_key`], [`Swim::use_key`], [`Swim::remove_key`]; at most four are held at a time. The
//! cluster does not distribute keys: each member is given them. One that missed a step tells which
//! key it lacks ([`Event::UnknownKey`], [`JoinFailure::UnknownKey`]), who does not read what it
//! sends ([`Event::NotUnderstood`]), and who is still in clear ([`Event::Unsealed`]).
//!
//! # At run time
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
//! # Strangers
//!
//! Anybody who reaches the port can send to it, so whatever they can make this member hold has a
//! maximum. Of the sockets ([`SocketStats`] has the counters, [`swim_core`] what the protocol
//! itself bounds):
//!
//! | what | at most | beyond it | counter |
//! |---|---|---|---|
//! | networks spoken with | [`Options::allow`] | dropped unread | `*_denied` |
//! | datagrams read before timers fire | 8 192 | the rest waits, 2 MiB of it | |
//! | connections accepted | 64 | the idlest is closed [^idle] | `streams_displaced` |
//! | those from one address [^net] | 16 | the idlest of them is closed | `streams_displaced` |
//! | connections dialed | 64 | the packet is dropped | `streams_refused` |
//! | time for one packet, or to connect | [`Options::stream_timeout`] | closed | `stream_errors` |
//! | time without a packet | [`Options::stream_timeout`] | closed | |
//! | bytes of one address [^net] | 1 MiB/s after 4 MiB | not read for a while | `stream_pauses` |
//! | addresses whose bytes are counted | 1 024 | the idlest is forgotten | |
//! | packets read, not yet handled | 64 of all | not read for a while | |
//! | packets to be written | 8 per connection | dropped | `stream_packets_dropped` |
//! | what is no valid packet | | the connection is closed | `stream_errors` |
//! | closed connections with answers to write | 8 | the oldest is cut off | |
//!
//! [^idle]: One that never brought a valid packet comes first.
//! [^net]: Of IPv6, from one /64.
//!
//! An accepted connection that is displaced costs its owner nothing but another handshake when
//! there is something to say again. So a stranger who opens connections and is silent, or trickles,
//! keeps nobody out: the newcomer gets a place, and whoever brings a valid packet keeps it before
//! all who do not. Who shares an address with such a stranger competes with it for 16 places.
//!
//! The default feature `cli` is for the `swim` command; with `default-features = false` only the
//! library and its few dependencies are built.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod allow;
mod bind;
mod clock;
mod command;
mod connection;
mod counters;
mod events;
mod handle;
mod join;
mod keeper;
pub mod key_file;
mod myself;
mod options;
mod pace;
/// For the command alone.
#[doc(hidden)]
pub mod private_file;
mod refusals;
mod resolver;
mod runner;
mod seed;
mod seeds;
mod shared;
mod socket;
mod state;
mod streams;
pub mod tags;
pub mod trace;
mod view;

pub use bind::bind;
pub use counters::SocketStats;
pub use events::{Events, Update};
pub use handle::{CallError, Closed, KeyFailure, Swim};
pub use ipnet::IpNet;
pub use join::{Admissions, JoinFailure};
pub use options::{BindError, Options};
pub use resolver::{ResolveError, Resolver};
pub use runner::Runner;
pub use seed::{Seed, SeedError};
pub use seeds::SeedStatus;
pub use state::StateTrouble;
pub use swim_core;
pub use swim_core::{
    Accrual, Assumptions, Config, DIRECT_BELOW_MAX, DetectionBound, Detector, Event, FlapPolicy,
    Incarnation, Key, KeyError, KeyId, KeyRing, Label, Lifeguard, NodeId, Refusal, Sealing, Stats,
    Status, Watch, WatchError,
};
pub use view::MemberInfo;
