//! A token bucket: so many at once, so many a second.

use core::time::Duration;

use crate::time::{Instant, micros};

/// How often something may be done.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    per_second: u16,
    burst: u16,
    /// When the bucket will be full again (the "theoretical arrival time" of GCRA).
    full_at: Instant,
}

impl Quota {
    /// Full. Nothing at all when `per_second` is 0.
    pub const fn new(per_second: u16, burst: u16) -> Self {
        Self { per_second, burst, full_at: Instant::ZERO }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now).after(self.time_of(1));
        let there = full_at.since(now) <= self.time_of(self.burst) && self.per_second > 0;
        if there {
            self.full_at = full_at;
        }
        there
    }

    fn time_of(&self, number: u16) -> Duration {
        let per_second = u64::from(self.per_second).max(1);
        let micros = u64::from(number).saturating_mul(micros(Duration::from_secs(1)));
        Duration::from_micros(micros.checked_div(per_second).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_so_many_a_second() {
        let start = Instant::from_secs(100);
        let mut quota = Quota::new(10, 3);
        let mut taken = |at: Instant| (0..100).filter(|_| quota.take(at)).count();
        assert_eq!(taken(start), 3);
        assert_eq!(taken(start.after(Duration::from_millis(99))), 0);
        assert_eq!(taken(start.after(Duration::from_millis(100))), 1);
        assert_eq!(taken(start.after(Duration::from_millis(1_050))), 3, "never more than a burst");
        let second: usize =
            (11..=20).map(|tenth| taken(start.after(Duration::from_millis(tenth * 100)))).sum();
        assert_eq!(second, 9, "the half started before is not lost");
    }

    #[test]
    fn none_a_second_is_none() {
        assert!(!Quota::new(0, 5).take(Instant::from_secs(99)));
    }
}
