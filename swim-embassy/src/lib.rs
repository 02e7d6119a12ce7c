//! SWIM cluster membership on microcontrollers.
//!
//! The protocol is complete in [`swim_core`], re-exported here: `no_std`, no allocator, no atomics
//! beyond load and store, so it builds for a Cortex-M0 too. **The driver for embassy-net is not
//! written yet.** Until it is, drive the node from a task of your own, with one UDP socket and one
//! timer; the documentation of [`swim_core`] opens with the loop.
//!
//! ```
//! use swim_embassy::swim_core::storage::Fixed;
//! use swim_embassy::swim_core::{Config, Identity, Instant, NewError, Node, NodeId};
//!
//! /// 32 members with up to 8 bytes of metadata each, all of it inside the node.
//! type Table = Fixed<32, 8>;
//!
//! # fn main() -> Result<(), NewError> {
//! // Datagrams of 127 bytes and addresses of 16 bits: an IEEE 802.15.4 radio.
//! let identity = Identity::new(NodeId::from_mac([2, 0, 0, 0, 0, 1]), 0x0001_u16);
//! let node = Node::new(identity, Config::radio(), Table::new(), 1, Instant::ZERO)?;
//! assert_eq!(node.live_count(), 1);
//! # Ok(())
//! # }
//! ```

#![no_std]
#![forbid(unsafe_code)]

pub use swim_core;
