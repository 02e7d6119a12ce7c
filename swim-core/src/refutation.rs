//! How often and how far a node raises its own incarnation because of what others say.
//!
//! Incarnations are serial numbers: who is more than half the circle behind seems to be ahead. So a
//! node must not be driven around the circle faster than all others can follow, and if somebody
//! missed half of it, or was told nonsense, it has to be overtaken all the same.

use crate::member::Incarnation;
use crate::quota::Quota;
use crate::time::Instant;

/// How far a node leaps at once. Two leaps do not make half a circle, so whoever missed one can
/// still follow.
pub const LEAP_MAX: u32 = 1 << 30;

/// How often a node refutes what is said of it in one second; what is said beyond that is refuted
/// when it is heard next.
pub const REFUTATIONS_PER_SECOND_MAX: u16 = 20;

/// How many accusers a node tells directly in one second that they are wrong; the others hear it by
/// gossip.
pub const ACCUSERS_PER_SECOND_MAX: u16 = 40;

/// What a node refutes because of what others say.
#[derive(Debug)]
pub struct Refutation {
    quota: Quota,
    answers: Quota,
    /// What somebody believes who has to be overtaken in leaps.
    goal: Option<Incarnation>,
}

impl Refutation {
    pub const fn new() -> Self {
        let quota = Quota::new(REFUTATIONS_PER_SECOND_MAX, REFUTATIONS_PER_SECOND_MAX);
        let answers = Quota::new(ACCUSERS_PER_SECOND_MAX, ACCUSERS_PER_SECOND_MAX);
        Self { quota, answers, goal: None }
    }

    /// Whether to refute now.
    pub fn take(&mut self, now: Instant) -> bool {
        self.quota.take(now)
    }

    /// Whether to tell one more accuser now.
    pub fn take_answer(&mut self, now: Instant) -> bool {
        self.answers.take(now)
    }

    /// Overtakes `believed`, leap by leap; one such goal at a time.
    pub fn aim(&mut self, believed: Incarnation) {
        self.goal.get_or_insert(believed);
    }

    /// The incarnation to outrank next by a node that stands at `mine`. Half a circle behind the
    /// goal counts as behind it.
    pub fn leap(&mut self, mine: Incarnation) -> Option<Incarnation> {
        let goal = self.goal?;
        if goal != mine && goal.ahead_of(mine) == 0 && !goal.is_opposite(mine) {
            self.goal = None;
            return None;
        }
        let distance = goal.number().wrapping_sub(mine.number());
        if distance < LEAP_MAX {
            self.goal = None;
            return Some(goal);
        }
        Some(Incarnation::new(mine.number().wrapping_add(LEAP_MAX.wrapping_sub(1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaps from 0 until `goal` is outranked; each is outranked by the next incarnation.
    fn leaps(goal: u32) -> Vec<u32> {
        let mut refutation = Refutation::new();
        refutation.aim(Incarnation::new(goal));
        let mut mine = Incarnation::new(0);
        core::iter::from_fn(|| {
            mine = refutation.leap(mine)?.next();
            Some(mine.number())
        })
        .collect()
    }

    #[test]
    fn a_goal_is_overtaken_in_leaps() {
        assert_eq!(leaps(5), [6]);
        assert_eq!(leaps(LEAP_MAX - 1), [LEAP_MAX]);
        assert_eq!(leaps(LEAP_MAX), [LEAP_MAX, LEAP_MAX + 1]);
        assert_eq!(leaps(1 << 31), [LEAP_MAX, 1 << 31, (1 << 31) + 1]);
        assert_eq!(leaps((1 << 31) + 1), [], "behind already");
    }

    #[test]
    fn one_goal_at_a_time_and_none_when_it_is_reached() {
        let mut refutation = Refutation::new();
        refutation.aim(Incarnation::new(7));
        refutation.aim(Incarnation::new(1 << 31));
        assert_eq!(refutation.leap(Incarnation::new(3)), Some(Incarnation::new(7)));
        assert_eq!(refutation.leap(Incarnation::new(8)), None);
    }

    #[test]
    fn so_many_refutations_a_second() {
        let mut refutation = Refutation::new();
        let now = Instant::from_secs(9);
        let taken = (0..100).filter(|_| refutation.take(now)).count();
        assert_eq!(taken, REFUTATIONS_PER_SECOND_MAX.into());
    }
}
