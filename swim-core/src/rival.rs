//! Two living nodes with one id: found out by asking, settled without a vote.

use core::cmp::Ordering;
use core::time::Duration;

use crate::time::Instant;

/// A record about this node that it did not write names another address. Whoever answers there
/// under this node's id is a rival; if nobody does, it was an earlier life of this node.
#[derive(Debug)]
pub struct Challenge<A> {
    asked: Option<Asked<A>>,
    /// The verdict the application has yet to hear.
    untold: Option<(A, bool)>,
}

#[derive(Clone, Copy, Debug)]
struct Asked<A> {
    number: u32,
    identity: (u16, A),
    until: Instant,
    settled: bool,
}

impl<A: Copy + Ord> Challenge<A> {
    pub const fn new() -> Self {
        Self { asked: None, untold: None }
    }

    /// Whether to ask `rival`, a boot and an address, now: not if it was asked a moment ago.
    pub fn ask(&mut self, rival: (u16, A), number: u32, wait: Duration, now: Instant) -> bool {
        let busy =
            |asked: &Asked<A>| asked.until > now || (asked.settled && asked.identity == rival);
        if self.asked.as_ref().is_some_and(busy) {
            return false;
        }
        let until = now.after(wait);
        self.asked = Some(Asked { number, identity: rival, until, settled: false });
        true
    }

    /// The rival answered. Returns whether `mine` keeps the id: the greater of the two does, which
    /// both sides work out alike. `None` when nobody was asked with this number.
    pub fn answered(&mut self, number: u32, mine: (u16, A)) -> Option<bool> {
        let asked = self.asked.as_mut().filter(|asked| asked.number == number && !asked.settled)?;
        asked.settled = true;
        let won = mine.cmp(&asked.identity) == Ordering::Greater;
        self.untold = Some((asked.identity.1, won));
        Some(won)
    }

    /// The verdict, once.
    pub fn pop_news(&mut self) -> Option<(A, bool)> {
        self.untold.take()
    }

    pub fn has_news(&self) -> bool {
        self.untold.is_some()
    }

    /// Starts afresh.
    pub fn clear(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_on_the_winner_and_ask_no_more() {
        let (one, other) = ((7u16, 1u16), (9, 2));
        let wait = Duration::from_secs(1);
        let verdict = |mine, rival| {
            let mut challenge = Challenge::new();
            assert!(challenge.ask(rival, 5, wait, Instant::ZERO));
            assert!(!challenge.ask(rival, 6, wait, Instant::ZERO), "asked a moment ago");
            assert_eq!(challenge.answered(6, mine), None);
            let won = challenge.answered(5, mine);
            assert_eq!(challenge.answered(5, mine), None);
            assert!(!challenge.ask(rival, 7, wait, Instant::from_secs(99)), "settled");
            won
        };
        assert_eq!(verdict(one, other), Some(false));
        assert_eq!(verdict(other, one), Some(true));
    }
}
