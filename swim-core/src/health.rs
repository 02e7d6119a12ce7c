//! Local health (Lifeguard section IV-A): how far a node trusts its own ears.

use core::time::Duration;

/// A saturating score: 0 is healthy, more means that probes fail for reasons nearer to home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    score: u8,
    score_max: u8,
}

impl Health {
    /// Healthy, with scores from 0 to `score_max`. With `score_max` 0 it never changes.
    pub const fn new(score_max: u8) -> Self {
        Self { score: 0, score_max }
    }

    /// The score now.
    pub const fn score(self) -> u8 {
        self.score
    }

    /// A sign of health: a probe was answered.
    pub const fn improve(&mut self) {
        self.score = self.score.saturating_sub(1);
    }

    /// `points` signs of trouble: missed nacks, a failed probe, a suspicion of oneself.
    pub const fn worsen(&mut self, points: u8) {
        let score = self.score.saturating_add(points);
        self.score = if score > self.score_max { self.score_max } else { score };
    }

    /// `base` times (score + 1).
    pub const fn scale(self, base: Duration) -> Duration {
        base.saturating_mul((self.score as u32).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_saturates_at_both_ends_and_scales() {
        let mut health = Health::new(7);
        health.improve();
        assert_eq!(health.score(), 0);
        health.worsen(3);
        assert_eq!(health.scale(Duration::from_secs(1)), Duration::from_secs(4));
        health.worsen(200);
        assert_eq!(health.score(), 7);
        health.improve();
        assert_eq!(health.score(), 6);
    }

    #[test]
    fn a_detector_without_local_health_stays_at_zero() {
        let mut health = Health::new(0);
        health.worsen(5);
        assert_eq!(health.scale(Duration::from_secs(1)), Duration::from_secs(1));
    }
}
