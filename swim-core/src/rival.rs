//! Two living nodes with one id: found out by asking, settled without a vote.

use core::cmp::Ordering;
use core::time::Duration;

use crate::time::Instant;

/// Rounds of probes among others after which a node is established: nobody who comes later takes
/// its id.
const ROUNDS_MIN: u8 = 10;

/// Questions that a rival may leave unanswered before it is taken to be gone.
const UNANSWERED_MAX: u8 = 3;

/// For so long a rival is not asked again about what is settled, and the application not told
/// again of an id that is kept.
const SETTLED_TIME: Duration = Duration::from_secs(300);

/// A record about this node that it did not write names another address. Whoever answers there
/// under this node's id is a rival; if nobody does, it was an earlier life of this node.
#[derive(Debug)]
pub struct Challenge<A> {
    asked: Option<Asked<A>>,
    /// Where a rival is said to be, and in how many bytes it was said since it was last asked.
    told: Option<(A, u16)>,
    /// The verdict the application has yet to hear.
    untold: Option<(A, bool)>,
    /// Until when it is not told once more that this node keeps its id.
    quiet_until: Instant,
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

/// How a rival answers.
#[derive(Clone, Copy, Debug)]
pub struct Plea {
    /// It says that it has had the id for long.
    pub established: bool,
    /// It says that it has given the id up.
    pub given_up: bool,
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
        let quiet_until = Instant::ZERO;
        Self { asked: None, told: None, untold: None, quiet_until, rounds: 0, lost: None }
    }

    /// Another round of probes, among others or alone: whoever has been alone is a newcomer.
    pub fn note_round(&mut self, alone: bool) {
        self.rounds = if alone { 0 } else { self.rounds.saturating_add(1) };
    }

    /// Whether this node has had its id for long.
    pub const fn is_established(&self) -> bool {
        self.rounds >= ROUNDS_MIN
    }

    /// A question goes out.
    pub fn note_sent(&mut self) {
        self.told = None;
    }

    /// In how many bytes it was said that there is a rival at this address.
    pub fn told_len(&self, address: A) -> u16 {
        self.told.filter(|&(told, _)| told == address).map_or(0, |(_, len)| len)
    }

    /// Whether a rival was asked at this address.
    pub fn is_rival(&self, address: A) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.identity.1 == address)
    }

    /// A packet of so many bytes says that there is a rival, a boot and an address. Returns how
    /// long a question may be now; `None` if it was asked a moment ago, or is settled with.
    pub fn ask(
        &mut self,
        rival: (u16, A),
        len: u16,
        number: u32,
        (now, wait): (Instant, Duration),
    ) -> Option<u16> {
        let busy =
            |asked: &Asked<A>| asked.until > now && (!asked.settled || asked.identity == rival);
        if self.asked.as_ref().is_some_and(busy) {
            return None;
        }
        let until = now.after(wait);
        self.asked = Some(Asked { number, identity: rival, until, settled: false });
        let len = self.told_len(rival.1).saturating_add(len);
        self.told = Some((rival.1, len));
        Some(len)
    }

    /// The rival answered. Returns whether this node, `mine`, keeps the id: who is established
    /// does, or else the greater of the two, which both sides work out alike. `None` when nobody
    /// was asked with this number.
    pub fn answered(
        &mut self,
        number: u32,
        mine: (u16, A),
        Plea { established, given_up }: Plea,
        now: Instant,
    ) -> Option<bool> {
        let mine = Claimant { established: self.is_established(), identity: mine };
        let asked = self.asked.as_mut().filter(|asked| asked.number == number && !asked.settled)?;
        let theirs = Claimant { established, identity: asked.identity };
        (asked.settled, asked.until) = (true, now.after(SETTLED_TIME));
        let rival = asked.identity.1;
        let won = given_up || mine.cmp(&theirs) == Ordering::Greater;
        if !won || now >= self.quiet_until {
            self.untold = Some((rival, won));
        }
        if won {
            self.quiet_until = now.after(SETTLED_TIME);
        }
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
    const NEW: Plea = Plea { established: false, given_up: false };
    const OLD: Plea = Plea { established: true, ..NEW };

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
            assert!(challenge.ask(rival, 40, 5, (now, WAIT)).is_some());
            assert!(challenge.ask(rival, 40, 6, (now, WAIT)).is_none(), "asked a moment ago");
            assert_eq!(challenge.answered(6, mine, NEW, now), None);
            let won = challenge.answered(5, mine, NEW, now);
            assert_eq!(challenge.answered(5, mine, NEW, now), None);
            assert!(
                challenge.ask(rival, 40, 7, (Instant::from_secs(99), WAIT)).is_none(),
                "settled"
            );
            assert!(challenge.ask(rival, 40, 7, (Instant::from_secs(300), WAIT)).is_some());
            won
        };
        assert_eq!(verdict(one, other), Some(false));
        assert_eq!(verdict(other, one), Some(true));
    }

    #[test]
    fn who_is_established_keeps_the_id() {
        let (low, high, now) = ((1u16, 1u16), (9, 2), Instant::ZERO);
        let verdict = |mut challenge: Challenge<u16>, mine, theirs, rival| {
            assert!(challenge.ask(rival, 40, 5, (now, WAIT)).is_some());
            challenge.answered(5, mine, theirs, now)
        };
        assert_eq!(verdict(established(), low, NEW, high), Some(true));
        assert_eq!(verdict(established(), low, OLD, high), Some(false));
        assert_eq!(verdict(Challenge::new(), high, OLD, low), Some(false));
        assert_eq!(
            verdict(Challenge::new(), low, Plea { given_up: true, ..OLD }, high),
            Some(true),
            "given up"
        );
        let mut alone = established();
        alone.note_round(true);
        assert_eq!(verdict(alone, low, NEW, high), Some(false), "it was alone");
    }

    #[test]
    fn who_keeps_its_id_is_told_once_in_a_while() {
        let now = Instant::ZERO;
        let mut challenge = established();
        for (number, told) in [(1, Some((2, true))), (2, None), (3, None)] {
            assert!(challenge.ask((9, 1 + number as u16), 40, number, (now, WAIT)).is_some());
            assert_eq!(challenge.answered(number, (7, 1), NEW, now), Some(true));
            assert_eq!(challenge.pop_news(), told);
        }
        let later = now.after(SETTLED_TIME);
        assert!(challenge.ask((9, 2), 40, 5, (later, WAIT)).is_some());
        assert_eq!(challenge.answered(5, (7, 1), NEW, later), Some(true));
        assert_eq!(challenge.pop_news(), Some((2, true)));
    }

    #[test]
    fn a_rival_that_leaves_three_questions_unanswered_has_gone() {
        let (pause, at) = (Duration::from_secs(10), Instant::from_secs);
        let mut challenge = Challenge::new();
        assert!(challenge.ask((9, 2), 40, 5, (at(0), WAIT)).is_some());
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
