//! SWIM cluster membership on microcontrollers, over embassy-net: `no_std`, no allocator.
//!
//! A board finds the other members of its cluster, boards and servers alike, learns of each that
//! comes, changes, leaves or dies, and is found by them. The protocol is [`swim_core`]; this crate
//! gives it a UDP socket, a clock and a task. Servers do the same with `swim-tokio`.
//!
//! ```no_run
//! use embassy_futures::join::join3;
//! use embassy_net::driver::Driver;
//! use embassy_net::{Ipv4Address, Ipv4Cidr, StackResources, StaticConfigV4};
//! use static_cell::{ConstStaticCell, StaticCell};
//! use swim_embassy::swim_core::{Config, Event, Identity, Label, NodeId};
//! use swim_embassy::{Endpoint, Options, Resources};
//!
//! /// 32 members, the board itself included, with up to 16 bytes of metadata each.
//! static MEMBERS: ConstStaticCell<Resources<32, 16>> = ConstStaticCell::new(Resources::new());
//! static SOCKETS: StaticCell<StackResources<1>> = StaticCell::new();
//!
//! async fn board(driver: impl Driver, mac: [u8; 6], random: u64) {
//!     let address = Ipv4Address::new(10, 0, 0, 7);
//!     let network = embassy_net::Config::ipv4_static(StaticConfigV4 {
//!         address: Ipv4Cidr::new(address, 24),
//!         gateway: None,
//!         dns_servers: Default::default(),
//!     });
//!     let sockets = SOCKETS.init(StackResources::new());
//!     let (stack, mut network) = embassy_net::new(driver, network, sockets, random);
//!
//!     let identity = Identity {
//!         metadata: b"pump",
//!         ..Identity::new(NodeId::from_mac(mac), Endpoint::new(address, 7946))
//!     };
//!     let options = Options::new(Config { label: Label::new("plant"), ..Config::lan() });
//!     let (swim, runner) =
//!         swim_embassy::new(stack, MEMBERS.take(), identity, options, random).unwrap();
//!     // Any member will do, a server or a board. It is asked until it answers.
//!     swim.join(Endpoint::new(Ipv4Address::new(10, 0, 0, 1), 7946)).unwrap();
//!
//!     let application = async {
//!         let mut events = swim.events().unwrap();
//!         loop {
//!             match events.next().await {
//!                 Ok(Event::MemberDead(id)) => println!("{id} is gone"),
//!                 Ok(event) => println!("{event:?}"),
//!                 // Too slow; how things stand now says the table.
//!                 Err(_lagged) => swim.members().for_each(|member| println!("{member:?}")),
//!             }
//!         }
//!     };
//!     // Or a task for each, on one executor.
//!     join3(network.run(), runner.run(), application).await;
//! }
//! ```
//!
//! # What the firmware provides
//!
//! - **A stack** of embassy-net with IPv4 and one socket more than it would need otherwise (and one
//!   each for DHCP and DNS). With DHCP, wait for the address before making the member: it is what
//!   the others are told. Stack and runner belong on one executor.
//! - **A clock**: a time driver of embassy-time that ticks a thousand times a second or more and
//!   goes on while the board sleeps. When a debugger or deep sleep stops the board, the clock
//!   jumps; the member notices, reads what has arrived, and accuses nobody. If the clock stands
//!   still meanwhile, the member cannot know that it was away. After a pause too short to be taken
//!   for one (250 ms), answers are read in time if the driver's task hands over what its hardware
//!   has in one turn, without waiting; one that reads its chip over an asynchronous bus does not,
//!   and a probe may then fail that was answered.
//! - **A driver** that wakes the stack when the link comes up, as embassy-net asks of drivers:
//!   while it is down everything waits that this member has to say.
//! - **A random number** for every start, or the others cannot tell two runs apart.
//! - **Keys**, where others can reach the network: feature `crypto`, `Swim::seal`. It takes 7 KB of
//!   flash, and a salt that no other start of this board has had: from a hardware generator, or a
//!   count of starts in flash. The time need not be known.
//! - **A cache of hardware addresses** large enough: see below.
//!
//! One executor for all: [`Swim`] and [`Runner`] are not `Send`, as `Stack` is not. A task of
//! embassy takes them by their full types, with the numbers of `Resources`:
//!
//! ```ignore
//! #[embassy_executor::task]
//! async fn member(runner: Runner<'static, 32, 16>) -> ! {
//!     runner.run().await
//! }
//! ```
//!
//! ```toml
//! [dependencies] # besides executor, HAL and driver
//! embassy-net = { version = "0.9", features = ["udp", "proto-ipv4", "medium-ethernet"] }
//! embassy-time = "0.5"
//! smoltcp = { version = "0.13", default-features = false, features = [
//!     "iface-neighbor-cache-count-64", # the version that embassy-net has: it is one crate for both
//! ] }
//! static_cell = "2"
//! swim-embassy = { path = "../swim/swim-embassy" }
//! ```
//!
//! Moments of the protocol, as in [`MemberInfo::since`], count microseconds of embassy-time's clock.
//!
//! # Dead neighbours
//!
//! On Ethernet a datagram needs the hardware address of its next hop, which smoltcp, the network
//! stack inside embassy-net, asks for by ARP, at most **once a second per interface**. Until there
//! is an answer the datagram stays at the head of the socket's queue, for ever if need be, and
//! everything behind it stays as well: with a plain socket, one dead member makes a healthy one
//! mute, and so declared dead. Therefore:
//!
//! - There is never more than one datagram in the socket. When it has not gone out after
//!   [`flush_timeout`](Options::flush_timeout), what was received is read, and the socket is
//!   replaced. The datagram is lost, as any may be; datagrams are received all the while.
//! - Of several neighbours that have not answered, those who let more questions go unanswered
//!   leave the next to the others. Otherwise the dead would win the one question a second again
//!   and again, and those who live would go without. [`SILENT_MAX`] of them are remembered.
//!
//! What remains: after a start the first datagrams to several members wait for one question a
//! second, or for those members to ask first, so joining is complete after a few seconds. A board
//! that has lost all hardware addresses at once, because its interface was reset, can answer few
//! for as long: now and then one of two such boards holds the other for dead, until they hear of
//! each other again. And the cache of hardware addresses must hold **all neighbours the board
//! talks to**, or it asks all the time. smoltcp's default is 8; the firmware chooses the size for
//! the whole program by a feature:
//!
//! ```toml
//! [dependencies.smoltcp]
//! version = "0.13"
//! default-features = false
//! features = ["iface-neighbor-cache-count-64"]
//! ```
//!
//! Members behind a gateway share its entry.
//!
//! # Boards that sleep
//!
//! [`Swim::sleep_until`] tells the others for how long this member will be silent, so that nobody
//! suspects it, and returns when the board may sleep. After that the runner goes on by itself. A
//! board that sleeps without a word for longer than others tolerate
//! ([`pause_tolerance`](swim_core::Config::pause_tolerance)) is declared dead, and is back as soon
//! as it is heard.
//!
//! # Memory
//!
//! All of it is in [`Resources`]: the node, whose size grows with the rows and their metadata; four
//! buffers of `DATAGRAM` bytes (two for what is received, one for what is sent, one to write it
//! in); and the events not yet read ([`EVENTS_MAX`]). A static of it takes no flash. The node is
//! made on the stack and then moved there, so [`new`] needs some twice as much stack as the node is
//! large, once (19 KB in the firmware, whose node takes 7.1), where it is called. Where RAM is short, lower `DATAGRAM` together with
//! [`datagram_len_max`](swim_core::Config::datagram_len_max), down to 127. A table smaller than the
//! cluster works too: see [`Swim::is_leaf`] and [`Swim::watch`].
//!
//! # Bounds
//!
//! | bound | name | when it is reached |
//! |---|---|---|
//! | members | `MEMBERS` | the member knows a changing part of the cluster |
//! | metadata | `METADATA` | the member is kept without it, and not passed on |
//! | datagram sent | `DATAGRAM` | [`NewError::Datagram`] |
//! | datagram received | `DATAGRAM` | dropped, counted as `datagrams_truncated` |
//! | datagrams waiting to be read | 16, and twice `DATAGRAM` bytes | embassy-net drops the newest |
//! | events waiting | [`EVENTS_MAX`] | the oldest are lost, [`Lagged`] |
//! | subscribers | [`SUBSCRIBERS_MAX`] | [`TooManySubscribers`] |
//! | datagrams waiting to be sent | 8 | the node's answers are dropped, the rest waits |
//! | datagrams in the socket | 1 | the others wait, and all of them while the link is down |
//! | tasks in `leave` and `sleep_until` | [`WAITERS_MAX`] | further ones look every 100 ms |
//! | silent neighbours | [`SILENT_MAX`] | the one wanted least recently makes room |
//!
//! Those of the protocol are in [`swim_core`]. Whatever arrives, the runner neither panics nor
//! stops: what is wrong is counted, in [`Counters`] by the socket and in
//! [`Stats`](swim_core::Stats) by the protocol.
//!
//! # Features
//!
//! - `medium-ethernet` (default): as in embassy-net. Firmware for another medium turns it off and
//!   chooses its own there.
//! - `crypto`: sealed packets.
//! - `defmt`, `log`: says what the runner could not send or read. Nothing by default.
#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::unwrap_used))]

// First, so that the others see its macros.
mod fmt;

mod clock;
mod counters;
mod endpoint;
mod error;
mod events;
mod handle;
#[cfg(feature = "crypto")]
mod keys;
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
pub use shared::WAITERS_MAX;
pub use silent::SILENT_MAX;
pub use swim_core;
