//! SWIM cluster membership as a state machine without I/O: no sockets, no clock, no threads, no
//! allocator.
//!
//! A [`Node`] takes datagrams and moments, and gives datagrams, events and the moment of its next
//! deadline. It finds out who is in the cluster, tells everybody, notices who is gone, and tells
//! everybody that. It runs on a server that knows 100 000 members and on a microcontroller with
//! memory for 32, and the two are members of one cluster.
//!
//! # The contract
//!
//! After every input and every command, drain the outputs; then sleep until the deadline:
//!
//! ```
//! use swim_core::storage::Fixed;
//! use swim_core::{Config, Identity, Instant, Node, NodeId};
//!
//! # fn receive() -> Option<(u16, &'static mut [u8])> { None }
//! # fn send(_to: u16, _bytes: &[u8]) {}
//! # fn wait_until(_deadline: Option<Instant>) {}
//! # fn clock() -> Instant { Instant::ZERO }
//! let identity = Identity::new(NodeId::from_name("db-1"), 1u16);
//! let mut node = Node::new(identity, Config::lan(), Fixed::<32, 16>::new(), 42, clock())?;
//! let mut buffer = [0; 1_400];
//! node.join(2, clock())?;
//! # let mut rounds = 0..3;
//! while rounds.next().is_some() {
//!     // One input: a waiting datagram, and the timer when there is none, so that whoever reads
//!     // late accuses nobody.
//!     match receive() {
//!         // An error says what was wrong with the datagram; it changed nothing.
//!         Some((from, datagram)) => drop(node.handle_datagram(from, datagram, clock())),
//!         None => node.handle_timeout(clock()),
//!     }
//!     // All outputs, in this order.
//!     while let Some(transmit) = node.poll_transmit(clock(), &mut buffer) {
//!         send(transmit.to, &buffer[..transmit.len]);
//!     }
//!     while let Some(event) = node.poll_event() {
//!         println!("{event:?}");
//!     }
//!     // Until then, or until a datagram comes.
//!     wait_until(node.poll_timeout());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - **Time and chance are arguments.** [`Instant`] counts microseconds from an epoch of your
//!   choice; everything random follows from the seed. The same inputs give the same outputs, byte
//!   for byte, on every target.
//! - **The node owns its timers.** There is one deadline. Calling [`Node::handle_timeout`] early
//!   does nothing; late is noticed and forgiven: a process that stood still accuses nobody for it.
//!   So hand in the packets that wait before the time, from one task, and give each input its own
//!   `now`. A timer more than 250 ms late counts as a stall, so a driver must not wake on a coarser
//!   tick; and in a flood the time must have its turn after a bounded number of packets.
//! - **Refusals are worth telling.** When the system says that nothing listens at an address, call
//!   [`Node::handle_unreachable`]: a crashed process is known in half a second instead of four.
//! - **Packets are written late**, into your buffer, by [`Node::poll_transmit`]. Nothing is copied
//!   or kept, and gossip carries what is known at that moment.
//! - **Streams are optional.** A [`Transmit`] says by which [`Channel`] it travels. A stream
//!   carries the same packets, each after its length as a big-endian `u16`. A driver without
//!   streams drops those packets and nothing breaks.
//! - **Nothing panics**, whatever the bytes, the clock or the order of calls. Errors are typed per
//!   operation; after an error the state is what it was.
//! - **Everything is bounded**, and each bound has a name and a policy; what is refused or dropped
//!   is counted in [`Stats`]. Where a table is in arrays, those of packets, probes, relays, seeds,
//!   sessions, and of the missing and watched are smaller: [`storage::Board`].
//!
//! | bound | name | when it is reached |
//! |---|---|---|
//! | members | [`storage`] | a tombstone goes, or now and then a member: [`Node::is_leaf`] |
//! | metadata | [`storage`] | the member is kept without it, and not passed on |
//! | packets waiting | [`OUTBOX_LEN_MAX`] | what is due waits; of answers, the newest is dropped |
//! | probes running | [`PROBES_MAX`] | a round is left out; where everybody is probed, it waits |
//! | relays asked by one probe | [`RELAYS_ASKED_MAX`] | no more are asked |
//! | probes relayed | [`RELAYS_MAX`]; for one requester a third | left unanswered |
//! | seeds | [`SEEDS_MAX`] | `join` returns an error |
//! | members watched | [`WATCHED_MAX`] | `watch` returns an error |
//! | pings of a watch | [`WATCH_INTERVAL_MIN`] | a shorter interval is refused |
//! | announced silence | [`Config::sleep_max`] | `sleep` returns an error; others grant as much |
//! | sessions of anti-entropy | [`SYNC_SESSIONS_MAX`] | no other begins before they end |
//! | steps of a reconciliation | [`SYNC_HOPS_MAX`] | another one finds the rest |
//! | pages served a second | [`Config::pages_per_second_max`] | who asks is sent elsewhere |
//! | missing members looked for | [`DEPARTED_MAX`] | a sample of the dead is kept |
//! | accusers of a suspect | [`VOICES_MAX`] | the smallest are kept |
//! | transmissions of an update | [`TRANSMITS_MAX`] | it leaves the queue |
//! | newcomers of one packet | [`NEWCOMERS_PER_PACKET_MAX`] | the others are ignored |
//! | newcomers in a second | [`Config::newcomers_per_second_max`] | ignored; tables bring them |
//! | refutations in a second | [`REFUTATIONS_PER_SECOND_MAX`] | what is heard next is refuted |
//! | accusers told directly in a second | [`ACCUSERS_PER_SECOND_MAX`] | they hear it by gossip |
//! | rumours of later incarnations | [`Config::incarnation_skew_max`] | not believed of others |
//! | patience asked for | [`Config::patience_max`] | as much is granted |
//!
//! # What it does
//!
//! SWIM (Das, Gupta, Motivala, DSN 2002): probes in a round robin that is shuffled anew each round,
//! indirect probes, suspicion and refutation by incarnation, updates piggybacked on all packets.
//! Lifeguard (Dadgar, Phillips, Currey, DSN 2018): local health, suspicion timeouts that shrink
//! with independent accusers, the buddy system. Both as baselines ([`Detector::Swim`],
//! [`Detector::Lifeguard`]); the default, [`Detector::Witness`], is this library's own: everybody
//! is probed once in every period, probes go in stages, nobody is accused without a witness or
//! buried without a verification, a host that refuses packets speaks for itself, and a process that
//! stood still accuses nobody ([`Rules`]). memberlist's additions: gossip apart from probes, gossip
//! to the recently dead, a probe over a stream where datagrams fail, anti-entropy. And of its own:
//! anti-entropy by difference, in datagrams alone, a merge that is a lattice ([`Claim`],
//! [`Card`]), ids told apart from restarts and from conflicts, tables smaller than their cluster
//! whose members turn over ([`Node::is_leaf`]), sleep as planned ([`Node::sleep`]), and peers
//! watched more closely than others, with a φ-accrual level of suspicion ([`Node::watch`]).
//!
//! # Features
//!
//! - `alloc`: [`storage::Growable`](storage), a table that grows on the heap.
//! - `crypto`: sealed packets (`Node::seal`).
//! - `trace`: what goes into a node, recorded and replayed; needs `std`.
//! - `sim`: a whole cluster in virtual time, with an oracle that checks it; needs `std`.
#![cfg_attr(not(any(test, feature = "trace")), no_std)]
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;

mod accrual;
mod address;
mod allow;
mod bound;
mod config;
mod cookie;
mod departed;
mod detector;
mod error;
mod event;
mod flap;
mod gossip;
mod heal;
mod health;
mod heartbeats;
mod judge;
mod leaf;
mod lockout;
mod log;
mod member;
mod newcomers;
mod node;
mod outbox;
mod probe;
mod quota;
mod range;
mod reconcile;
mod refutation;
mod relay;
mod rival;
mod rng;
mod rotation;
mod round_trip;
mod seal;
mod seeds;
mod senses;
#[cfg(feature = "sim")]
pub mod sim;
mod slumber;
mod snapshot;
mod stall;
mod stats;
pub mod storage;
mod suspicion;
mod sync;
mod table;
mod time;
#[cfg(feature = "trace")]
pub mod trace;
mod watch;
pub mod wire;
mod witnesses;

pub use accrual::{Accrual, PROBE_LEVEL};
pub use address::{ADDRESS_LEN_MAX, Address};
pub use allow::AddressPredicate;
pub use bound::{Assumptions, DetectionBound};
pub use config::{
    Config, ConfigError, DATAGRAM_LEN_MIN, DIRECT_BELOW_MAX, GOSSIP_NODES_MAX, INDIRECT_PROBES_MAX,
    Label, TRANSMITS_MAX,
};
pub use detector::{Confirmations, Detector, Growth, Lifeguard, Rules, STAGES_MAX};
pub use error::{
    BadAddress, JoinError, MetadataTooLong, NewError, Rejected, SleepError, WatchError,
};
pub use event::Event;
pub use flap::FlapPolicy;
pub use judge::{Card, Claim, VOICES_MAX, Voices};
pub use member::{Incarnation, Member, NodeId, Patience, Status, Voice};
pub use newcomers::NEWCOMERS_PER_PACKET_MAX;
pub use node::{Identity, Node, Standing};
pub use outbox::{Channel, STREAM_PACKET_LEN_MAX, Transmit};
pub use probe::RELAYS_ASKED_MAX;
pub use refutation::{ACCUSERS_PER_SECOND_MAX, REFUTATIONS_PER_SECOND_MAX};
#[cfg(feature = "crypto")]
pub use seal::{KEY_LEN, KEYS_MAX, Key, KeyError, KeyRing, Nonces, REPLAY_WINDOW, Sealing};
#[cfg(feature = "alloc")]
pub use snapshot::Acquaintances;
pub use snapshot::{SNAPSHOT_RECORD_LEN_MAX, SnapshotRecord};
pub use stats::Stats;
pub use storage::{
    DEPARTED_MAX, OUTBOX_LEN_MAX, PROBES_MAX, RELAYS_MAX, SEEDS_MAX, SYNC_SESSIONS_MAX, WATCHED_MAX,
};
pub use sync::HOPS_MAX as SYNC_HOPS_MAX;
pub use time::Instant;
pub use watch::{WATCH_INTERVAL_MAX, WATCH_INTERVAL_MIN, Watch};
pub use wire::{KeyId, Refusal, SEAL_LEN};
