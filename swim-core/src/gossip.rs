//! The gossip tick, apart from the probes (memberlist's addition to SWIM).

use core::time::Duration;

use crate::time::{Instant, micros};

/// When to gossip: at regular moments, which pass unused while there is no news.
#[derive(Debug)]
pub struct GossipTick {
    next_at: Instant,
}

impl GossipTick {
    /// The first tick is at `first_at`.
    pub const fn new(first_at: Instant) -> Self {
        Self { next_at: first_at }
    }

    /// The next tick.
    pub const fn deadline(&self) -> Instant {
        self.next_at
    }

    /// Whether it is time. If so, the next tick is `interval` later.
    pub fn due(&mut self, interval: Duration, now: Instant) -> bool {
        let due = now >= self.next_at;
        if due {
            self.skip(interval, now);
        }
        due
    }

    /// Lets the ticks up to `now` pass, keeping the rhythm.
    pub fn skip(&mut self, interval: Duration, now: Instant) {
        if now >= self.next_at {
            let late = micros(now.since(self.next_at));
            let into = late.checked_rem(micros(interval)).unwrap_or(0);
            self.next_at = now.after(interval.saturating_sub(Duration::from_micros(into)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_keep_their_rhythm_over_idle_times() {
        let interval = Duration::from_millis(200);
        let mut tick = GossipTick::new(Instant::from_millis(30));
        assert!(!tick.due(interval, Instant::from_millis(29)));
        assert!(tick.due(interval, Instant::from_millis(30)));
        assert_eq!(tick.deadline(), Instant::from_millis(230));
        tick.skip(interval, Instant::from_millis(10_000));
        assert_eq!(tick.deadline(), Instant::from_millis(10_030));
    }
}
