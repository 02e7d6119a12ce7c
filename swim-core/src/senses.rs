//! What a node knows of its own ears: how well they hear (Lifeguard's local health), how long
//! answers take, and whether it was asleep.

use core::time::Duration;

use crate::health::Health;
use crate::member::Patience;
use crate::round_trip::{RoundTrips, TimeoutRange};
use crate::stall::Stall;
use crate::time::{Instant, times};
use crate::witnesses::Witnesses;

#[derive(Clone, Copy, Debug)]
pub struct Senses {
    pub health: Health,
    pub round_trips: RoundTrips,
    pub stall: Stall,
    /// Who has answered lately.
    pub witnesses: Witnesses,
    /// When a packet was last accepted, whoever sent it.
    pub heard_at: Instant,
}

impl Senses {
    /// Healthy and awake, with scores up to `health_max`; `patience` as in an earlier life.
    pub const fn new(health_max: u8, patience: Patience, now: Instant) -> Self {
        Self {
            health: Health::new(health_max),
            round_trips: RoundTrips::new(),
            stall: Stall::new(patience, now),
            witnesses: Witnesses::new(),
            heard_at: now,
        }
    }

    /// How long to wait for an answer (R2): as the round trips say, and as long again for every two
    /// points of bad health.
    pub fn answer_timeout(&self, range: TimeoutRange) -> Duration {
        let factor = u32::from(self.health.score() / 2).saturating_add(1);
        times(self.round_trips.timeout(range), factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_health_stretches_the_timeout() {
        let second = Duration::from_secs(1);
        let range = TimeoutRange { start: second, least: second, most: second };
        let mut senses = Senses::new(8, Patience::NONE, Instant::ZERO);
        assert_eq!(senses.answer_timeout(range), second);
        senses.health.worsen(1);
        assert_eq!(senses.answer_timeout(range), second);
        senses.health.worsen(1);
        assert_eq!(senses.answer_timeout(range), second * 2);
        senses.health.worsen(9);
        assert_eq!(senses.answer_timeout(range), second * 5);
    }
}
