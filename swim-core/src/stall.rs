//! Standing still (R12): what a process does that finds its clock further on than it should be.
//!
//! A process that was stopped, swapped out or starved of its processor sees every timer late at
//! once. That tells nothing about the others, so nobody is accused for it: what ran is void. It
//! does tell how long this process can be silent, and that is worth telling the others.

use core::time::Duration;

use crate::member::Patience;
use crate::time::{Instant, part};

/// Timers later than this were held up by more than a busy scheduler.
pub const STALL_MIN: Duration = Duration::from_millis(250);

/// How long this process has stood still, and what it asks of the others since.
#[derive(Clone, Copy, Debug)]
pub struct Stall {
    /// The end of the last one.
    ended_at: Instant,
    /// What the others are asked to wait at least.
    patience: Patience,
}

impl Stall {
    /// Never yet in this life; `patience` is what an earlier one learned.
    pub const fn new(patience: Patience, now: Instant) -> Self {
        Self { ended_at: now, patience }
    }

    /// When the last one ended, or this life began.
    pub const fn ended_at(self) -> Instant {
        self.ended_at
    }

    /// What the others are asked to wait at least.
    pub const fn patience(self) -> Patience {
        self.patience
    }

    /// A planned sleep ended at `now`.
    pub fn slept(&mut self, now: Instant) {
        self.ended_at = now;
    }

    /// A stall of `lateness` ended at `now`. Returns whether more patience is asked for than
    /// before: a quarter more than the stall took, up to `most`.
    pub fn end(&mut self, lateness: Duration, most: Duration, now: Instant) -> bool {
        self.ended_at = now;
        let wanted = lateness.saturating_add(part(lateness, 4)).min(most);
        let patience = self.patience.max(Patience::covering(wanted));
        let raised = patience != self.patience;
        self.patience = patience;
        raised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_asked_for_once_and_bounded() {
        let mut stall = Stall::new(Patience::NONE, Instant::ZERO);
        let most = Duration::from_secs(15);
        assert!(stall.end(Duration::from_secs(4), most, Instant::from_secs(9)));
        assert_eq!(stall.patience().duration(), Duration::from_secs(5));
        assert_eq!(stall.ended_at(), Instant::from_secs(9));
        assert!(!stall.end(Duration::from_secs(3), most, Instant::from_secs(20)), "covered");
        assert!(stall.end(Duration::from_secs(3_600), most, Instant::from_secs(9_000)));
        assert_eq!(stall.patience().duration(), most);
        assert!(!stall.end(Duration::MAX, most, Instant::MAX), "no more than that");
    }
}
