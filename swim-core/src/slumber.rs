//! Planned sleep: a node that will be silent on purpose says so beforehand, and for how long.
//!
//! ```text
//! awake --sleep--> announcing --the news was sent as often as any--> asleep --until--> awake
//! ```
//!
//! The announcement is the node's own record at its next incarnation, so it supersedes whatever was
//! known, and the next one, on waking, supersedes it.

use crate::time::Instant;

/// Whether this node sleeps, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Slumber {
    phase: Phase,
    /// The application has yet to hear that it may stop calling.
    untold: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Awake,
    Announcing {
        until: Instant,
        /// It falls asleep at the latest now, heard or not.
        patience_until: Instant,
    },
    Asleep {
        until: Instant,
    },
}

impl Slumber {
    pub const fn new() -> Self {
        Self { phase: Phase::Awake, untold: false }
    }

    /// Will sleep until then, once that has been announced; waits for that no longer than until
    /// `patience_until`.
    pub fn announce(&mut self, until: Instant, patience_until: Instant) {
        *self = Self { phase: Phase::Announcing { until, patience_until }, untold: false };
    }

    /// Falls asleep if it was announcing, and that was `heard` or takes too long. Returns whether
    /// it did.
    pub fn settle(&mut self, heard: bool, now: Instant) -> bool {
        let Phase::Announcing { until, patience_until } = self.phase else { return false };
        let settled = heard || now >= patience_until;
        if settled {
            *self = Self { phase: Phase::Asleep { until }, untold: true };
        }
        settled
    }

    /// Its time is over. If it was announcing all the while, that is told now.
    pub fn run_out(&mut self) {
        *self = Self { phase: Phase::Awake, untold: self.is_announcing() };
    }

    /// Is awake again. Returns whether it was not.
    pub fn end(&mut self) -> bool {
        let ended = !matches!(self.phase, Phase::Awake);
        *self = Self::new();
        ended
    }

    /// Whether its time is over.
    pub fn is_over(&self, now: Instant) -> bool {
        self.until().is_some_and(|until| until <= now)
    }

    /// Whether it is about to sleep, and others have yet to be told.
    pub const fn is_announcing(&self) -> bool {
        matches!(self.phase, Phase::Announcing { .. })
    }

    /// Whether it sleeps, all who ought to know having been told.
    pub const fn is_asleep(&self) -> bool {
        matches!(self.phase, Phase::Asleep { .. })
    }

    /// When to look again.
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Awake => None,
            Phase::Announcing { until, patience_until } => Some(until.min(patience_until)),
            Phase::Asleep { until } => Some(until),
        }
    }

    /// Whether the application has something to hear.
    pub const fn has_news(&self) -> bool {
        self.untold
    }

    /// Whether the application has yet to hear that it sleeps; it has now.
    pub fn pop_news(&mut self) -> bool {
        core::mem::take(&mut self.untold)
    }

    const fn until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Awake => None,
            Phase::Announcing { until, .. } | Phase::Asleep { until } => Some(until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_secs(secs)
    }

    #[test]
    fn it_sleeps_once_it_was_heard_and_says_so_once() {
        let mut slumber = Slumber::new();
        assert!(!slumber.settle(true, at(0)));
        slumber.announce(at(30), at(5));
        assert_eq!(slumber.deadline(), Some(at(5)));
        assert!(!slumber.settle(false, at(4)));
        assert!(slumber.settle(true, at(4)));
        assert!(slumber.is_asleep() && slumber.pop_news() && !slumber.pop_news());
        assert_eq!(slumber.deadline(), Some(at(30)));
        assert!(!slumber.is_over(at(29)) && slumber.is_over(at(30)));
        assert!(slumber.end() && !slumber.end());
    }

    #[test]
    fn it_does_not_wait_for_ever_to_be_heard() {
        let mut slumber = Slumber::new();
        slumber.announce(at(30), at(5));
        assert!(slumber.settle(false, at(5)));
        slumber.announce(at(3), at(5));
        assert_eq!(slumber.deadline(), Some(at(3)), "over before it began");
    }
}
