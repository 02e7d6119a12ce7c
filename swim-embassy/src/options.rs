//! Settings of a member.

use core::ops::RangeInclusive;
use core::time::Duration;

use swim_core::Config;

/// Bounds of [`Options::flush_timeout`]. With less nothing that waits for a hardware address would
/// ever go out; with more one dead neighbour makes a member mute.
pub const FLUSH_TIMEOUTS: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_millis(200);

/// Settings of a member. Take [`Options::new`] and change what you must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The settings of the protocol. Its `datagram_len_max` must fit the buffers of
    /// [`Resources`](crate::Resources) and, with 28 bytes of headers, the MTU.
    pub config: Config,
    /// How long a datagram may wait in the socket before it is given up. It waits when embassy-net
    /// asks for the hardware address of its destination, and everything behind it waits as well.
    /// Longer than an ARP round trip on a slow day, and well below 250 ms, for the protocol takes
    /// longer delays for a stall of its own. 1 ms to 200 ms; default: 50 ms.
    pub flush_timeout: Duration,
}

impl Options {
    /// The defaults, with this configuration of the protocol.
    pub const fn new(config: Config) -> Self {
        Self { config, flush_timeout: Duration::from_millis(50) }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new(Config::lan())
    }
}
