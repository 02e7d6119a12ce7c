//! Small clusters: everybody is probed in every interval, as with all-pairs heartbeats, which cost
//! each member as many packets as there are others.
//!
//! ```text
//! round              round                          round
//! | p1  p2  p3  p4   | p1  p2  p3  p4   ...         | q                 | q'
//!   direct: one for each peer, evenly spaced          SWIM: one a round
//! ```
//!
//! A round takes one probe interval either way, so nodes of both kinds count rounds alike and
//! rotate together. The kind changes between rounds only.

use core::time::Duration;

use crate::time::part;

/// Quarters of the threshold below which a cluster must fall before everybody is probed again: one
/// that comes and goes around the threshold does not change its ways each time.
const RETURN_QUARTERS: usize = 3;

/// Probes of one node are at least this far apart; a round of more takes longer.
pub const PAUSE_MIN: Duration = Duration::from_millis(1);

/// Whether everybody is probed among `live` members, however many they were before.
pub const fn is_surely_direct(live: usize, below: u16) -> bool {
    live < return_threshold(below)
}

const fn return_threshold(below: u16) -> usize {
    (below as usize).saturating_mul(RETURN_QUARTERS) / 4
}

/// How far the present round has come.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeats {
    is_direct: bool,
    /// Whom there is to probe in this round, if everybody is.
    peers: u8,
    /// How many of them are left.
    left: u8,
}

impl Heartbeats {
    /// Between two rounds. Alone, a cluster is small.
    pub const fn new() -> Self {
        Self { is_direct: true, peers: 0, left: 0 }
    }

    /// Whether the next probe begins a round.
    pub const fn is_round_over(self) -> bool {
        self.left == 0
    }

    /// Begins a round among `live` members, this node included, of which everybody is probed while
    /// they are fewer than `below`.
    pub fn begin_round(&mut self, live: usize, below: u16) {
        let threshold = match self.is_direct {
            true => below.into(),
            false => return_threshold(below),
        };
        self.is_direct = live < threshold;
        let peers = live.saturating_sub(1);
        // Fewer than 256: the threshold is no higher.
        self.peers = u8::try_from(peers).ok().filter(|_| self.is_direct).unwrap_or(0);
        self.left = self.peers;
    }

    /// Whether everybody is probed in this round.
    pub const fn is_direct(self) -> bool {
        self.is_direct
    }

    /// How many places after itself the node finds its next target, if everybody has a turn. From
    /// the last to the first: of members that come and go meanwhile nobody is left out by who goes.
    pub const fn turn(self) -> Option<usize> {
        if self.left > 0 { Some(self.left as usize) } else { None }
    }

    /// The turn is over.
    pub const fn pass(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// Whoever is left has no turn any more.
    pub const fn end_round(&mut self) {
        self.left = 0;
    }

    /// Time between two probes of a round that takes `interval`.
    pub fn pause(self, interval: Duration) -> Duration {
        match u32::from(self.peers) {
            0 => interval,
            peers => part(interval, peers).max(PAUSE_MIN.min(interval)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether rounds among so many are direct, one after the other.
    fn direct(below: u16, lives: &[usize]) -> Vec<bool> {
        let mut heartbeats = Heartbeats::new();
        let mut begin = |&live: &usize| {
            heartbeats.begin_round(live, below);
            heartbeats.is_direct()
        };
        lives.iter().map(&mut begin).collect()
    }

    #[test]
    fn a_cluster_has_to_shrink_well_below_the_threshold_to_be_small_again() {
        let lives = [1, 7, 8, 7, 6, 5, 6, 7, 8];
        let expected = [true, true, false, false, false, true, true, true, false];
        assert_eq!(direct(8, &lives), expected);
        assert_eq!(direct(0, &[1, 2, 1]), [false; 3], "never");
    }

    #[test]
    fn everybody_has_one_turn_in_a_round_and_the_round_takes_an_interval() {
        let mut heartbeats = Heartbeats::new();
        heartbeats.begin_round(5, 8);
        let second = Duration::from_secs(1);
        let (mut turns, mut took) = (Vec::new(), Duration::ZERO);
        while let Some(turn) = heartbeats.turn() {
            turns.push(turn);
            took += heartbeats.pause(second);
            heartbeats.pass();
        }
        assert_eq!((turns, took), (vec![4, 3, 2, 1], second));
        assert!(heartbeats.is_round_over());
        heartbeats.begin_round(8, 8);
        assert_eq!((heartbeats.turn(), heartbeats.pause(second)), (None, second));
    }

    #[test]
    fn probes_are_never_closer_than_a_millisecond() {
        let mut heartbeats = Heartbeats::new();
        heartbeats.begin_round(200, 256);
        assert_eq!(heartbeats.pause(Duration::from_millis(20)), PAUSE_MIN);
        assert_eq!(heartbeats.pause(Duration::from_micros(1)), Duration::from_micros(1));
    }
}
