//! Two living nodes with one id: found out by asking, settled without a vote.

use core::cmp::Ordering;
use core::time::Duration;

use crate::time::Instant;

/// Rounds of probes among others after which a node is established: nobody who comes later takes
/// its id.
const ROUNDS_MIN: u8 = 10;

/// Questions that a rival may leave unanswered before it is taken to be gone.
const UNANSWERED_MAX: u8 = 3;

/// For so long a rival is not asked again about what is settled.
const SETTLED_TIME: Duration = Duration::from_secs(300);

/// A record about this node that it did not write names another address. Whoever answers there
/// under this node's id is a rival; if nobody does, it was an earlier life of this node.
#[derive(Debug)]
pub struct Challenge<A> {
    asked: Option<Asked<A>>,
    /// The verdict the application has yet to hear.
    untold: Option<(A, bool)>,
    /// Rounds of probes that this node took part in among others.
    rounds: u8,
    lost: Option<Lost<A>>,
}

#[derive(Clone, Copy, Debug)]
struct Asked<A> {
    number: u32,
    identity: (u16, A),
    until: Instant,
    settled: bool,
}

/// Whom this node lost its id to, and whether that one is still there.
#[derive(Clone, Copy, Debug)]
struct Lost<A> {
    rival: A,
    number: u32,
    unanswered: u8,
    next_at: Instant,
}

/// One of two rivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claimant<A> {
    /// Whether it has had the id for long.
    pub established: bool,
    /// Boot and address.
    pub identity: (u16, A),
}

/// What a silenced node does about its rival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RivalStep<A> {
    /// Ask with this number whether it is still there.
    Ask(A, u32),
    /// It has gone.
    Gone(A),
}

impl<A: Copy + Ord> Challenge<A> {
    pub const fn new() -> Self {
        Self { asked: None, untold: None, rounds: 0, lost: None }
    }

    /// Another round of probes, among others or alone: whoever has been alone is a newcomer.
    pub fn note_round(&mut self, alone: bool) {
        self.rounds = if alone { 0 } else { self.rounds.saturating_add(1) };
    }

    /// Whether this node has had its id for long.
    pub const fn is_established(&self) -> bool {
        self.rounds >= ROUNDS_MIN
    }

    /// Whether a rival was asked at this address.
    pub fn is_rival(&self, address: A) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.identity.1 == address)
    }

    /// Whether to ask `rival`, a boot and an address, now: not if it was asked a moment ago.
    pub fn ask(&mut self, rival: (u16, A), number: u32, wait: Duration, now: Instant) -> bool {
        let busy =
            |asked: &Asked<A>| asked.until > now && (!asked.settled || asked.identity == rival);
        if self.asked.as_ref().is_some_and(busy) {
            return false;
        }
        let until = now.after(wait);
        self.asked = Some(Asked { number, identity: rival, until, settled: false });
        true
    }

    /// The rival answered, and is `established` or not, or has given the id up. Returns whether
    /// this node, `mine`, keeps it: who is established does, or else the greater of the two, which
    /// both sides work out alike. `None` when nobody was asked with this number.
    pub fn answered(
        &mut self,
        number: u32,
        mine: (u16, A),
        (established, given_up): (bool, bool),
        now: Instant,
    ) -> Option<bool> {
        let mine = Claimant { established: self.is_established(), identity: mine };
        let asked = self.asked.as_mut().filter(|asked| asked.number == number && !asked.settled)?;
        let theirs = Claimant { established, identity: asked.identity };
        (asked.settled, asked.until) = (true, now.after(SETTLED_TIME));
        let won = given_up || mine.cmp(&theirs) == Ordering::Greater;
        self.untold = Some((asked.identity.1, won));
        Some(won)
    }

    /// The id is lost to the last rival: it is asked now and then whether it is still there.
    pub fn lose(&mut self, pause: Duration, now: Instant) {
        let rival = self.asked.as_ref().map(|asked| asked.identity.1);
        let next_at = now.after(pause);
        self.rounds = 0;
        self.lost = rival.filter(|_| !pause.is_zero()).map(|rival| Lost {
            rival,
            number: 0,
            unanswered: 0,
            next_at,
        });
    }

    /// When the rival is asked next.
    pub fn deadline(&self) -> Option<Instant> {
        self.lost.as_ref().map(|lost| lost.next_at)
    }

    /// What is due about the rival. `number` is to ask with.
    pub fn step(&mut self, number: u32, pause: Duration, now: Instant) -> Option<RivalStep<A>> {
        let lost = self.lost.as_mut().filter(|lost| lost.next_at <= now)?;
        if lost.unanswered >= UNANSWERED_MAX {
            return self.lost.take().map(|lost| RivalStep::Gone(lost.rival));
        }
        (lost.number, lost.next_at) = (number, now.after(pause));
        lost.unanswered = lost.unanswered.saturating_add(1);
        Some(RivalStep::Ask(lost.rival, number))
    }

    /// The rival answered that it is still there.
    pub fn still_there(&mut self, number: u32) {
        let lost = self.lost.as_mut().filter(|lost| lost.unanswered > 0 && lost.number == number);
        if let Some(lost) = lost {
            lost.unanswered = 0;
        }
    }

    /// The id is this node's again.
    pub fn regain(&mut self, rival: A) {
        self.clear();
        self.untold = Some((rival, true));
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

    const WAIT: Duration = Duration::from_secs(1);
    const NEW: (bool, bool) = (false, false);

    fn established() -> Challenge<u16> {
        let mut challenge = Challenge::new();
        (0..ROUNDS_MIN).for_each(|_| challenge.note_round(false));
        challenge
    }

    #[test]
    fn both_sides_agree_on_the_winner_and_ask_no_more() {
        let (one, other) = ((7u16, 1u16), (9, 2));
        let verdict = |mine, rival| {
            let mut challenge = Challenge::new();
            let now = Instant::ZERO;
            assert!(challenge.ask(rival, 5, WAIT, now));
            assert!(!challenge.ask(rival, 6, WAIT, now), "asked a moment ago");
            assert_eq!(challenge.answered(6, mine, NEW, now), None);
            let won = challenge.answered(5, mine, NEW, now);
            assert_eq!(challenge.answered(5, mine, NEW, now), None);
            assert!(!challenge.ask(rival, 7, WAIT, Instant::from_secs(99)), "settled");
            assert!(challenge.ask(rival, 7, WAIT, Instant::from_secs(300)));
            won
        };
        assert_eq!(verdict(one, other), Some(false));
        assert_eq!(verdict(other, one), Some(true));
    }

    #[test]
    fn who_is_established_keeps_the_id() {
        let (low, high, now) = ((1u16, 1u16), (9, 2), Instant::ZERO);
        let verdict = |mut challenge: Challenge<u16>, mine, theirs, rival| {
            assert!(challenge.ask(rival, 5, WAIT, now));
            challenge.answered(5, mine, theirs, now)
        };
        assert_eq!(verdict(established(), low, NEW, high), Some(true));
        assert_eq!(verdict(established(), low, (true, false), high), Some(false));
        assert_eq!(verdict(Challenge::new(), high, (true, false), low), Some(false));
        assert_eq!(verdict(Challenge::new(), low, (true, true), high), Some(true), "given up");
        let mut alone = established();
        alone.note_round(true);
        assert_eq!(verdict(alone, low, NEW, high), Some(false), "it was alone");
    }

    #[test]
    fn a_rival_that_leaves_three_questions_unanswered_has_gone() {
        let (pause, at) = (Duration::from_secs(10), Instant::from_secs);
        let mut challenge = Challenge::new();
        assert!(challenge.ask((9, 2), 5, WAIT, at(0)));
        assert_eq!(challenge.answered(5, (7, 1), NEW, at(0)), Some(false));
        challenge.lose(pause, at(0));
        assert_eq!(challenge.deadline(), Some(at(10)));
        assert_eq!(challenge.step(6, pause, at(9)), None);
        assert_eq!(challenge.step(6, pause, at(10)), Some(RivalStep::Ask(2, 6)));
        assert_eq!(challenge.step(7, pause, at(20)), Some(RivalStep::Ask(2, 7)));
        challenge.still_there(6);
        challenge.still_there(7);
        for (number, second) in [(1, 30), (2, 40), (3, 50)] {
            assert_eq!(challenge.step(number, pause, at(second)), Some(RivalStep::Ask(2, number)));
        }
        assert_eq!(challenge.step(9, pause, at(60)), Some(RivalStep::Gone(2)));
        assert_eq!(challenge.deadline(), None);
    }
}
