//! Healing: now and then a word to somebody who is not live here, in case only the path was dead.
//!
//! Everything else goes to the living, so two halves of a cluster that held each other for dead
//! would never meet again. One packet per node and interval is enough: whoever answers refutes its
//! death, and the table exchange that follows lets its whole half do the same.

use core::time::Duration;

use crate::rng::Rng;
use crate::time::Instant;

/// When this node next tries somebody who is gone, and whose answer it waits for.
#[derive(Debug)]
pub struct Heal {
    next_at: Instant,
    number: Option<u32>,
}

impl Heal {
    /// The first attempt is at `first_at`.
    pub const fn new(first_at: Instant) -> Self {
        Self { next_at: first_at, number: None }
    }

    /// The next attempt.
    pub const fn deadline(&self) -> Instant {
        self.next_at
    }

    /// Whether it is time. If so, the next attempt is about `interval` later.
    pub fn due(&mut self, interval: Duration, rng: &mut Rng, now: Instant) -> bool {
        let due = now >= self.next_at;
        if due {
            self.next_at = now.after(rng.jittered(interval));
        }
        due
    }

    /// Notes that somebody was pinged with this number.
    pub fn asked(&mut self, number: u32) {
        self.number = Some(number);
    }

    /// Whether an ack answers the last ping; if so, it was the only one.
    pub fn answered(&mut self, number: u32) -> bool {
        let answered = self.number == Some(number);
        if answered {
            self.number = None;
        }
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_spread_and_an_answer_counts_once() {
        let mut heal = Heal::new(Instant::ZERO);
        let (mut rng, interval) = (Rng::new(1), Duration::from_secs(10));
        assert!(heal.due(interval, &mut rng, Instant::ZERO));
        assert!(!heal.due(interval, &mut rng, Instant::from_secs(4)));
        assert!(heal.due(interval, &mut rng, Instant::from_secs(15)));
        heal.asked(7);
        assert!(!heal.answered(8) && heal.answered(7) && !heal.answered(7));
    }
}
