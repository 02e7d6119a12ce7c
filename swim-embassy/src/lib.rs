//! SWIM cluster membership on microcontrollers, over embassy-net.

#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

// First, so that the others see its macros.
mod fmt;

mod clock;
mod counters;
mod endpoint;
mod error;
mod events;
mod handle;
mod options;
mod resources;
mod runner;
mod shared;
mod silent;

pub use counters::Counters;
pub use endpoint::Endpoint;
pub use error::{JoinError, NewError, TooManySubscribers};
pub use events::{EVENTS_MAX, Events, Lagged, SUBSCRIBERS_MAX};
pub use handle::{MemberInfo, Members, Swim};
pub use options::Options;
pub use resources::{Resources, new};
pub use runner::Runner;
pub use silent::SILENT_MAX;
pub use swim_core;
