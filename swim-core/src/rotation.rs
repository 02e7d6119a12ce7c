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

/// A round of the whole cluster: 1 to 65 535, then 1 again; 0 is no round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    round: u16,
}

impl Rotation {
    /// Before the first round: whatever is heard is believed.
    pub const fn new() -> Self {
        Self { round: 0 }
    }

    /// The round, for the header of every packet; 0 while none is known.
    pub const fn round(self) -> u16 {
        self.round
    }

    /// Takes in the round of somebody else. Of two rounds the later one is everybody's, as serial
    /// numbers go. Returns false when it is far from where this node was.
    pub const fn hear(&mut self, round: u16) -> bool {
        let ahead = round.wrapping_sub(self.round);
        let newcomer = self.round == 0;
        if round == 0 || !newcomer && (ahead == 0 || ahead > u16::MAX / 2) {
            return true;
        }
        self.round = round;
        newcomer || ahead <= ROUNDS_AHEAD_MAX
    }

    /// Begins the next round.
    pub const fn advance(&mut self) {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.round = 1;
        }
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

    #[test]
    fn a_newcomer_takes_any_round_over_and_everybody_the_later_one() {
        for first in [1, 40_000, u16::MAX] {
            let mut rotation = Rotation::new();
            assert!(rotation.hear(first));
            assert_eq!(rotation.round(), first);
        }
        let mut rotation = Rotation { round: 40_000 };
        assert!(rotation.hear(39_999) && rotation.round() == 40_000, "the past");
        assert!(rotation.hear(0) && rotation.round() == 40_000, "a newcomer's");
        assert!(rotation.hear(44_096) && rotation.round() == 44_096);
        assert!(!rotation.hear(60_000) && rotation.round() == 60_000, "far, but all will agree");
    }

    #[test]
    fn rounds_wrap_without_passing_zero() {
        let mut rotation = Rotation { round: u16::MAX };
        let mut ahead = rotation;
        ahead.advance();
        assert_eq!(ahead.round(), 1);
        assert!(rotation.hear(ahead.round()));
        assert_eq!(rotation.round(), 1);
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
