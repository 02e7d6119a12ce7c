//! Healing: now and then a word to somebody who is not live here, in case only the path was dead.
//!
//! Everything else goes to the living, so two halves of a cluster that held each other for dead
//! would never meet again. One packet per node and interval is enough: whoever answers refutes its
//! death, and the reconciliation that follows lets its whole half do the same.

use core::time::Duration;

use crate::rng::Rng;
use crate::time::{Instant, part};

/// Attempts made in each pause between two joins by a node in need.
const ATTEMPTS_PER_PAUSE: u32 = 4;

/// Answers waited for. A node in need does not wait for one before the next attempt; the oldest
/// makes room.
const WAITED_FOR_MAX: usize = 4;

/// When this node next tries somebody who is gone, and whose answers it waits for.
#[derive(Debug)]
pub struct Heal {
    next_at: Instant,
    /// Attempts still to be made in a hurry.
    urgent: usize,
    /// The last pause of a node in need; zero when it was not.
    pause: Duration,
    numbers: heapless::Vec<u32, WAITED_FOR_MAX, u8>,
}

impl Heal {
    /// The first attempt is at `first_at`.
    pub const fn new(first_at: Instant) -> Self {
        let numbers = heapless::Vec::new();
        Self { next_at: first_at, urgent: 0, pause: Duration::ZERO, numbers }
    }

    /// The next attempt.
    pub const fn deadline(&self) -> Instant {
        self.next_at
    }

    /// Makes so many attempts in a hurry, from `first_at` on.
    pub fn hurry(&mut self, attempts: usize, first_at: Instant) {
        self.urgent = attempts;
        self.pause = Duration::ZERO;
        self.next_at = self.next_at.min(first_at);
    }

    /// Whether the attempts of a hurry are over. If not, one of them is now.
    pub fn take_urgent(&mut self) -> bool {
        let is_urgent = self.urgent > 0;
        self.urgent = self.urgent.saturating_sub(1);
        is_urgent
    }

    /// The next attempt is about `interval` later.
    pub fn wait(&mut self, interval: Duration, rng: &mut Rng, now: Instant) {
        self.pause = Duration::ZERO;
        self.next_at = now.after(rng.jittered(interval));
    }

    /// The next attempt of a node that has nobody else: at the pace of joins, with pauses that grow
    /// from `least` to `most`, but several attempts in each, since any may be in vain.
    pub fn wait_in_need(
        &mut self,
        (least, most): (Duration, Duration),
        rng: &mut Rng,
        now: Instant,
    ) {
        let grown = self.pause.saturating_add(part(self.pause, ATTEMPTS_PER_PAUSE));
        let [least, most] = [least, most].map(|pause| part(pause, ATTEMPTS_PER_PAUSE));
        self.pause = grown.max(least).min(most);
        self.next_at = now.after(rng.jittered(self.pause));
    }

    /// Notes that somebody was pinged with this number.
    pub fn asked(&mut self, number: u32) {
        if self.numbers.is_full() {
            self.numbers.remove(0);
        }
        // There is room now.
        let _ = self.numbers.push(number);
    }

    /// Whether an ack answers one of the last pings; if so, it was the only one.
    pub fn answered(&mut self, number: u32) -> bool {
        let before = self.numbers.len();
        self.numbers.retain(|&asked| asked != number);
        self.numbers.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::DEPARTED_MAX;

    const RETRY: (Duration, Duration) = (Duration::from_millis(400), Duration::from_secs(10));

    #[test]
    fn attempts_are_spread_around_the_interval() {
        let mut heal = Heal::new(Instant::ZERO);
        let (mut rng, interval) = (Rng::new(1), Duration::from_secs(10));
        let mut drawn = [Duration::ZERO; 100].map(|_| {
            heal.wait(interval, &mut rng, Instant::ZERO);
            heal.deadline().since(Instant::ZERO)
        });
        drawn.sort_unstable();
        assert!(drawn[0] >= interval / 2 && drawn[0] < interval * 6 / 10);
        assert!(drawn[99] < interval * 3 / 2 && drawn[99] > interval * 14 / 10);
    }

    #[test]
    fn a_node_in_need_tries_often_and_then_less_often() {
        let mut heal = Heal::new(Instant::from_secs(60));
        let mut rng = Rng::new(1);
        heal.hurry(DEPARTED_MAX, Instant::from_millis(50));
        let mut now = heal.deadline();
        assert_eq!(now, Instant::from_millis(50));
        let mut attempts = 0;
        while now < Instant::from_secs(120) {
            heal.wait_in_need(RETRY, &mut rng, now);
            let pause = heal.deadline().since(now);
            assert!(pause >= Duration::from_millis(50) && pause < Duration::from_millis(3_750));
            now = heal.deadline();
            attempts += 1;
            if attempts == DEPARTED_MAX {
                assert!(now < Instant::from_secs(20), "{now:?}");
            }
        }
        assert!((40..80).contains(&attempts), "{attempts}");
        heal.wait(Duration::from_secs(10), &mut rng, now);
        heal.wait_in_need(RETRY, &mut rng, now);
        assert!(heal.deadline().since(now) < Duration::from_millis(150), "it begins anew");
    }

    #[test]
    fn a_hurry_is_over_after_as_many_attempts_as_there_are_candidates() {
        let mut heal = Heal::new(Instant::ZERO);
        assert!(!heal.take_urgent());
        heal.hurry(DEPARTED_MAX, Instant::ZERO);
        assert_eq!((0..100).filter(|_| heal.take_urgent()).count(), DEPARTED_MAX);
    }

    #[test]
    fn an_answer_counts_once_and_only_that_of_the_last_few() {
        let mut heal = Heal::new(Instant::ZERO);
        (1..=5).for_each(|number| heal.asked(number));
        assert!(!heal.answered(1) && !heal.answered(8));
        assert!(heal.answered(3) && !heal.answered(3) && heal.answered(5));
    }
}
