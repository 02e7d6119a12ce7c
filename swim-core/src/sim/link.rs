//! How packets fare between two nodes.

use core::time::Duration;

use crate::rng::Rng;

/// How packets fare on the way from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The shortest way takes this long.
    pub latency_min: Duration,
    /// The longest way takes this long. Latencies are drawn evenly from the range, so packets
    /// overtake each other when it is wider than the gap between them.
    pub latency_max: Duration,
    /// Datagrams lost, of a thousand, each for itself. Streams lose nothing.
    pub loss_permille: u16,
    /// Datagrams that arrive twice, of a thousand.
    pub duplication_permille: u16,
    /// Datagrams lost in bursts besides.
    pub burst: Option<Burst>,
}

/// Loss that comes in bursts: Gilbert's model with Elliott's residual loss, one chain for each
/// directed pair of nodes, one step for each datagram. A burst lasts 1000 / `ends_permille`
/// datagrams on average, and of all datagrams `begins / (begins + ends)` fall into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Of a thousand datagrams outside a burst, how many begin one.
    pub begins_permille: u16,
    /// Of a thousand datagrams inside a burst, how many are the first after it.
    pub ends_permille: u16,
    /// Datagrams lost inside a burst, of a thousand, on top of the link's own loss.
    pub loss_permille: u16,
}

impl Link {
    /// A network of servers: 0.5 to 2 ms, nothing lost.
    pub const fn lan() -> Self {
        Self {
            latency_min: Duration::from_micros(500),
            latency_max: Duration::from_millis(2),
            loss_permille: 0,
            duplication_permille: 0,
            burst: None,
        }
    }

    /// A network of boards that share one frequency: 20 to 500 ms, nothing lost.
    pub const fn radio() -> Self {
        let (latency_min, latency_max) = (Duration::from_millis(20), Duration::from_millis(500));
        Self { latency_min, latency_max, ..Self::lan() }
    }

    /// The same link losing `loss_permille` of a thousand datagrams.
    #[must_use]
    pub const fn losing(self, loss_permille: u16) -> Self {
        Self { loss_permille, ..self }
    }

    /// The same link losing datagrams in bursts.
    #[must_use]
    pub const fn bursting(self, burst: Burst) -> Self {
        Self { burst: Some(burst), ..self }
    }

    /// The same link on which a packet takes up to `spread` longer, so that those sent within less
    /// than that overtake each other.
    #[must_use]
    pub const fn reordering(self, spread: Duration) -> Self {
        Self { latency_max: self.latency_max.saturating_add(spread), ..self }
    }

    pub(super) fn latency(&self, rng: &mut Rng) -> Duration {
        self.latency_min + rng.up_to(self.latency_max.saturating_sub(self.latency_min))
    }

    pub(super) const fn is_lossless(&self) -> bool {
        self.loss_permille == 0 && self.burst.is_none()
    }
}
