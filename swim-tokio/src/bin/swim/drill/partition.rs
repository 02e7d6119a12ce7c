//! A network cut in two for so long that each side forgets the other, and what heals it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::Serialize;

use super::trial::Rates;

/// The two sides of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    West,
    East,
}

impl Side {
    /// The side of one of so many agents: the first half, the seed among them, is in the west.
    pub const fn of(node: usize, agents: usize) -> Self {
        if node < agents / 2 { Self::West } else { Self::East }
    }

    /// Where its agents listen: all of them loopback.
    pub const fn ip(self) -> Ipv4Addr {
        match self {
            Self::West => Ipv4Addr::new(127, 0, 0, 1),
            Self::East => Ipv4Addr::new(127, 0, 0, 2),
        }
    }

    /// A free port there.
    pub const fn any_port(self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.ip()), 0)
    }
}

/// What came of one partition. Times are milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Partition {
    pub west: usize,
    pub east: usize,
    /// From the cut until every agent held all of the other side for dead.
    pub all_dead_ms: u64,
    /// From the cut until every agent had forgotten all of them.
    pub forgotten_ms: u64,
    /// From the cut to its end.
    pub cut_ms: u64,
    /// From the end of the cut until the first agent saw one of the other side.
    pub first_met_ms: u64,
    /// From the end of the cut until all saw all.
    pub whole_ms: u64,
    /// Deaths of running agents declared after the end of the cut.
    pub false_deaths: usize,
    /// From the end of the cut until all saw all.
    pub rates: Option<Rates>,
}

/// `cut 10:10 for 21.3 s, forgotten after 12.1 s; met after 812 ms, whole after 1102 ms`
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { west, east, all_dead_ms, forgotten_ms, cut_ms, .. } = self;
        write!(f, "cut {west}:{east} for {cut_ms} ms: other side dead after {all_dead_ms} ms, ")?;
        write!(f, "forgotten after {forgotten_ms} ms; ")?;
        write!(f, "met {} ms after the cut, whole after {} ms", self.first_met_ms, self.whole_ms)?;
        if self.false_deaths > 0 {
            write!(f, "; {} FALSE DEATHS", self.false_deaths)?;
        }
        match self.rates {
            Some(rates) => write!(f, "; {rates}"),
            None => Ok(()),
        }
    }
}
