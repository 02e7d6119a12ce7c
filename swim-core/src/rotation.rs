//! Whom to probe in which round (R1): everybody the member as many places after itself in the order
//! of mixed ids as the round says, so that everybody is probed exactly once in every round.
//!
//! A cyclic shift is a permutation, whatever its length. Chance leaves a crashed member unprobed
//! for more than two periods in every seventh case (SWIM section 3.1); a rotation never does. Where
//! views differ, or a table holds only part of the cluster, targets are as good as random.

use crate::member::NodeId;

/// A round further ahead than this, more than an hour of probing a second, was not reached by
/// counting. It is taken over all the same: which round it is does not matter, only that all agree.
const ROUNDS_AHEAD_MAX: u16 = 4_096;

/// The rounds of the whole cluster: 1 to 65 535, then 1 again; 0 is no round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The round this node is in.
    round: u16,
    /// The latest that anybody is in.
    heard: u16,
}

impl Rotation {
    /// Before the first round: whatever is heard is believed.
    pub const fn new() -> Self {
        Self { round: 0, heard: 0 }
    }

    /// The round, for the header of every packet; 0 before the first.
    pub const fn round(self) -> u16 {
        self.round
    }

    /// Takes in the round of somebody else. Of two rounds the later one is everybody's, as serial
    /// numbers go. Returns false when it is far from where this node was.
    pub const fn hear(&mut self, round: u16) -> bool {
        let newcomer = self.heard == 0;
        let ahead = round.wrapping_sub(self.heard);
        if round == 0 || !newcomer && (ahead == 0 || ahead > u16::MAX / 2) {
            return true;
        }
        self.heard = round;
        newcomer || ahead <= ROUNDS_AHEAD_MAX
    }

    /// Begins the next round, or the one that others have begun already: clocks differ in phase, so
    /// in every period some are first, and nobody must leave a round out to keep up with them.
    pub const fn advance(&mut self) {
        let next = match self.round.wrapping_add(1) {
            0 => 1,
            next => next,
        };
        let behind = self.heard.wrapping_sub(next);
        let follow = self.heard != 0 && (self.round == 0 || behind <= u16::MAX / 2);
        self.round = if follow { self.heard } else { next };
        self.heard = self.round;
    }

    /// How many places after itself a node finds its target among `live` members, itself included:
    /// from 1 to `live` - 1, the same for all; `None` when it is alone.
    pub fn shift(self, live: usize) -> Option<usize> {
        let others = u64::try_from(live).ok()?.checked_sub(1)?;
        let mixed = NodeId::new(self.round.into()).mixed() >> 32;
        let steps = mixed.checked_rem(others)?.checked_add(1)?;
        usize::try_from(steps).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The round that is begun after `round`, having heard `heard`.
    fn next(round: u16, heard: &[u16]) -> u16 {
        let mut rotation = Rotation { round, heard: round };
        for &heard in heard {
            rotation.hear(heard);
        }
        rotation.advance();
        rotation.round()
    }

    #[test]
    fn a_newcomer_takes_any_round_over_and_everybody_the_later_one() {
        assert_eq!([1, 40_000, u16::MAX].map(|heard| next(0, &[heard])), [1, 40_000, u16::MAX]);
        assert_eq!(next(0, &[]), 1);
        assert_eq!(next(7, &[]), 8);
        assert_eq!(next(7, &[8]), 8, "others are first in this period");
        assert_eq!(next(7, &[9, 3, 0, 8]), 9);
        assert_eq!(next(40_000, &[60_000]), 60_000, "far, but all will agree");
    }

    #[test]
    fn a_jump_is_told() {
        let mut rotation = Rotation { round: 5, heard: 5 };
        assert!(rotation.hear(6) && rotation.hear(4) && rotation.hear(4_102));
        assert!(!rotation.hear(20_000));
        assert!(Rotation::new().hear(20_000), "a newcomer cannot tell");
    }

    #[test]
    fn rounds_wrap_without_passing_zero() {
        assert_eq!(next(u16::MAX, &[]), 1);
        assert_eq!(next(u16::MAX, &[1]), 1);
        assert_eq!(next(u16::MAX - 1, &[1]), 1);
    }

    #[test]
    fn shifts_stay_in_range_and_spread_over_it() {
        let mut rotation = Rotation::new();
        assert_eq!((rotation.shift(0), rotation.shift(1)), (None, None));
        let mut seen = [0u32; 10];
        for _ in 0..9_000 {
            rotation.advance();
            seen[rotation.shift(10).unwrap()] += 1;
        }
        assert_eq!(seen[0], 0, "nobody probes itself");
        assert!(seen[1..].iter().all(|&count| (850..1_150).contains(&count)), "{seen:?}");
    }
}
