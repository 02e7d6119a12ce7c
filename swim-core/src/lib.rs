//! SWIM cluster membership as a sans-IO state machine.
#![cfg_attr(not(any(test, feature = "sim")), no_std)]
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

mod address;
mod config;
mod error;
mod event;
mod gossip;
mod health;
mod judge;
mod log;
mod member;
mod node;
mod outbox;
mod probe;
mod relay;
mod rival;
mod rng;
mod seeds;
#[cfg(feature = "sim")]
pub mod sim;
mod stats;
pub mod storage;
mod suspicion;
mod sync;
mod table;
mod time;
pub mod wire;

pub use address::Address;
pub use config::{
    Config, ConfigError, Confirmations, DATAGRAM_LEN_MIN, Detector, GOSSIP_NODES_MAX, Growth,
    INDIRECT_PROBES_MAX, Label, Lifeguard, Rules, TRANSMITS_MAX,
};
pub use error::{JoinError, MetadataTooLong, NewError, Rejected};
pub use event::Event;
pub use judge::{Card, Claim, VOICES_MAX, Voices};
pub use member::{Incarnation, Member, NodeId, Status, Voice};
pub use node::{Identity, Node, Standing};
pub use outbox::{Channel, OUTBOX_LEN_MAX, Transmit};
pub use relay::RELAYS_MAX;
pub use seeds::SEEDS_MAX;
pub use stats::Stats;
pub use time::Instant;
pub use wire::Refusal;
