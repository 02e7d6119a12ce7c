//! How long an answer takes (R2): the timeout of a probe from the round trips of the last ones.

use core::time::Duration;

use crate::time::micros;

/// Round trips remembered.
const SAMPLES_MAX: usize = 16;
/// Before there are this many, the configured timeout is used.
const SAMPLES_MIN: usize = 4;
/// The timeout in medians: what SWIM section 3.1 asks of a protocol period.
pub const TIMEOUT_MEDIANS: u32 = 3;

/// The last direct round trips, in microseconds.
///
/// The median, because a quarter of slow peers moves an upper quantile to their pace and the mean
/// even more. Answers that come too late for their probe count as well, so a node that is late in
/// reading finds out by itself and grants everybody more time.
#[derive(Clone, Copy, Debug)]
pub struct RoundTrips {
    samples: [u32; SAMPLES_MAX],
    len: u8,
    oldest: u8,
    /// Of the samples, kept because it is asked for more often than it changes.
    median: u32,
}

/// Between what a timeout may vary, and where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeoutRange {
    pub start: Duration,
    pub least: Duration,
    pub most: Duration,
}

impl RoundTrips {
    pub const fn new() -> Self {
        Self { samples: [0; SAMPLES_MAX], len: 0, oldest: 0, median: 0 }
    }

    /// Takes in one round trip.
    pub fn sample(&mut self, took: Duration) {
        let micros = u32::try_from(micros(took)).unwrap_or(u32::MAX);
        if let Some(slot) = self.samples.get_mut(usize::from(self.oldest)) {
            *slot = micros;
        }
        self.oldest = match self.oldest.saturating_add(1) {
            next if usize::from(next) < SAMPLES_MAX => next,
            _ => 0,
        };
        self.len = self.len.saturating_add(1).min(SAMPLES_MAX as u8);
        let mut sorted = self.samples;
        let known = sorted.get_mut(..usize::from(self.len)).unwrap_or_default();
        known.sort_unstable();
        self.median = known.get(known.len() / 2).copied().unwrap_or(0);
    }

    /// Three medians within the range, or its start while too little is known.
    pub fn timeout(&self, range: TimeoutRange) -> Duration {
        if usize::from(self.len) < SAMPLES_MIN {
            return range.start;
        }
        let timeout = u64::from(self.median).saturating_mul(TIMEOUT_MEDIANS.into());
        let timeout = Duration::from_micros(timeout);
        timeout.max(range.least).min(range.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: TimeoutRange = TimeoutRange {
        start: Duration::from_millis(500),
        least: Duration::from_millis(200),
        most: Duration::from_secs(3),
    };

    fn timeout_after(millis: &[u64]) -> u128 {
        let mut round_trips = RoundTrips::new();
        millis.iter().for_each(|&millis| round_trips.sample(Duration::from_millis(millis)));
        round_trips.timeout(RANGE).as_millis()
    }

    #[test]
    fn the_timeout_is_three_medians_within_its_range() {
        assert_eq!(timeout_after(&[100; 3]), 500, "too few to tell");
        assert_eq!(timeout_after(&[1; 4]), 200);
        assert_eq!(timeout_after(&[100; 4]), 300);
        assert_eq!(timeout_after(&[5_000; 9]), 3_000);
    }

    #[test]
    fn a_quarter_of_slow_peers_does_not_slow_everybody_down() {
        let mut mixed = [1; 16];
        mixed[..4].fill(2_500);
        assert_eq!(timeout_after(&mixed), 200);
        mixed[..9].fill(600);
        assert_eq!(timeout_after(&mixed), 1_800);
    }

    #[test]
    fn only_the_last_round_trips_count() {
        let mut slow_then_fast = vec![900; 16];
        slow_then_fast.extend([70; 16]);
        assert_eq!(timeout_after(&slow_then_fast), 210);
    }
}
