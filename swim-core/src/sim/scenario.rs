//! What is given before a simulation starts.

use core::net::{Ipv4Addr, SocketAddrV4};

use crate::{Config, KeyRing, Sealing};

use super::link::Link;

/// Addresses of the simulated network: as long on the wire as those of a real IPv4 network.
pub type SimAddress = SocketAddrV4;

const NETWORK: u32 = 0x0a00_0000;
const PORT: u16 = 7_946;

/// The address with this number.
pub(super) fn address(number: u32) -> SimAddress {
    SocketAddrV4::new(Ipv4Addr::from_bits(NETWORK + number), PORT)
}

/// The number of an address.
pub(super) fn address_number(address: SimAddress) -> usize {
    address.ip().to_bits().wrapping_sub(NETWORK) as usize
}

/// How much of every step the oracle looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Every packet written, every row a packet or an event speaks of, and whole tables at the rate
    /// of one row an input.
    Full,
    /// One packet in 64, every row an event speaks of, and now and then a whole table: for clusters
    /// of thousands and long experiments.
    Light,
}

/// Everything a simulation follows from. Take [`Scenario::new`] and change what you must.
#[derive(Clone, Copy, Debug)]
pub struct Scenario<S> {
    /// The test that runs it, for the command that replays a failure.
    pub name: &'static str,
    /// What every draw follows from.
    pub seed: u64,
    /// The settings of every node.
    pub config: Config,
    /// Makes the storage of the node with the given index, at every start.
    pub storage: fn(usize) -> S,
    /// The keys of the node with the given index and how it uses them, at every start. Default: it
    /// has none, and packets are in clear.
    pub keys: Option<fn(usize) -> (KeyRing, Sealing)>,
    /// The links between all nodes, until they are given rules of their own.
    pub link: Link,
    /// Every process's clock runs up to this many microseconds a second fast or slow. Default: 0.
    pub drift_ppm_max: u32,
    /// How closely the oracle looks. Default: [`Checks::Full`].
    pub checks: Checks,
    /// Whether the death of a healthy and reachable member ends the run. It does so only as long as
    /// the network loses nothing and nobody has been frozen or cut off; false deaths are counted in
    /// any case. Default: true.
    pub false_deaths_forbidden: bool,
}

impl<S> Scenario<S> {
    /// A quiet local network, [`Config::lan`], and every check.
    pub const fn new(name: &'static str, seed: u64, storage: fn(usize) -> S) -> Self {
        Self {
            name,
            seed,
            config: Config::lan(),
            storage,
            keys: None,
            link: Link::lan(),
            drift_ppm_max: 0,
            checks: Checks::Full,
            false_deaths_forbidden: true,
        }
    }
}
