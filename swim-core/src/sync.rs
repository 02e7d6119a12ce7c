//! When tables are compared in earnest, and how far the comparisons have come.
//!
//! Every ping and ack says what the sender's table amounts to. A difference that is there for the
//! third time in a row, for two seconds, is one that gossip will not repair: this node reconciles.
//! While it knows itself unsettled, having just started or just learnt much, the first difference
//! is enough, and one reconciliation follows the other, each with somebody else.

use core::time::Duration;

use crate::rng::Rng;
use crate::storage::{Bounds, List};
use crate::time::{Instant, Micros, times};

/// How many steps of both sides one reconciliation may take. What is still different then is found
/// by the next one.
pub const HOPS_MAX: u8 = 64;

/// How often a question is repeated before the session is given up.
pub const TRIES_MAX: u8 = 6;

/// How many pages one slice may have: a million members at 1 400 bytes. A peer that goes on and on
/// holds no session for ever.
const PAGES_MAX: u16 = 20_000;

/// Unequal digests in a row that make a difference a lasting one.
pub const STREAK_MIN: u8 = 3;

/// For so many times as long after it was unsettled, a node takes the second difference in a row
/// for a lasting one: it settled because somebody had the same table, and both may be wrong.
const FRESH_FACTOR: u32 = 5;
const STREAK_MIN_FRESH: u8 = 2;

/// Rows learnt in one go that make a node unsettled: where so much was missing, there is more.
const MOVED_MIN: usize = 8;

/// Sessions lost in a row after which this node waits for a digest to start the next.
const LOST_IN_A_ROW_MAX: u8 = 30;

/// How much longer than the shortest pause a node waits after losing sessions. Lost ones say
/// nothing about tables, so they must not delay the next as equal ones do.
const LOST_PAUSE_FACTOR: u32 = 20;

/// The sessions that run, and what decides about the next.
pub struct Sync<A, B: Bounds> {
    sessions: B::Sessions<Session<A>>,
    settled: bool,
    /// When it was unsettled last: it started, or learnt much.
    stirred_at: Option<Instant>,
    streak: u8,
    streak_since: Instant,
    /// No session on account of a digest before this.
    not_before: Instant,
    /// The next session that needs no digest to start.
    next_at: Option<Instant>,
    backoff: Micros,
    lost_in_a_row: u8,
    /// The last pull brought too little: the tables are of different sizes for another reason.
    pull_failed: bool,
    harvest: Harvest,
}

/// What the sessions that run now have brought.
#[derive(Clone, Copy, Debug, Default)]
struct Harvest {
    rows: usize,
    given: usize,
    lost: bool,
    pulled: bool,
}

/// One question this node has asked and waits for the answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session<A> {
    pub number: u32,
    pub peer: A,
    /// What proves to the peer who is asking; 0 until it says so.
    pub cookie: u32,
    /// The largest packet the peer can take, in bytes; `u16::MAX` until it says so.
    pub len_max: u16,
    pub work: Work,
    /// How often it was asked without an answer.
    pub tries: u8,
    deadline: Instant,
}

/// What a session is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Pages of the members whose mixed ids are between these.
    Pull { from: u64, last: u64, pages: u16 },
    /// A reconciliation after so many steps of both sides.
    Reconcile { hop: u8 },
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncStep<A> {
    /// Reconcile with somebody of the caller's choice.
    Start,
    /// No answer came: ask again.
    Repeat(Session<A>),
    /// Time and again no answer came.
    Lost,
}

/// What a page is to the session it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStep {
    /// It came before, or nobody asked for it.
    Stale,
    /// Others follow.
    More,
    /// The slice is complete.
    Last,
}

/// How the last session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is not the last: others run.
    NotYet,
    /// Rows moved.
    Useful,
    /// No row moved.
    Useless,
    /// No row moved, for somebody did not answer.
    Lost,
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// For one answer.
    pub timeout: Duration,
    /// For the next session after one that brought much.
    pub least: Duration,
    /// For the next session when none has brought anything for long.
    pub most: Duration,
}

impl<A: Copy + PartialEq, B: Bounds> Sync<A, B> {
    /// Unsettled, without sessions.
    pub fn new(now: Instant, pause: Duration, bounds: &B) -> Self {
        Self {
            sessions: bounds.sessions(),
            settled: false,
            stirred_at: Some(now),
            streak: 0,
            streak_since: now,
            not_before: now,
            next_at: None,
            backoff: Micros::of(pause),
            lost_in_a_row: 0,
            pull_failed: false,
            harvest: Harvest { rows: 0, given: 0, lost: false, pulled: false },
        }
    }

    /// When the next step is due, if one is.
    pub fn deadline(&self) -> Option<Instant> {
        let sessions = self.sessions.as_slice().iter().map(|session| session.deadline);
        let next = self.next_at.filter(|_| self.sessions.is_empty());
        sessions.chain(next).min()
    }

    /// Whether a much smaller table is best filled by pulling pages.
    pub fn pulls(&self) -> bool {
        !self.pull_failed
    }

    /// Somebody's table is equal to this one.
    pub fn agree(&mut self, least: Duration) {
        self.streak = 0;
        self.settled = true;
        self.pull_failed = false;
        self.backoff = Micros::of(least);
    }

    /// Somebody's table differs from this one. Whether to do something about it now.
    pub fn differ(&mut self, lasting: Duration, now: Instant) -> bool {
        if self.streak == 0 {
            self.streak_since = now;
        }
        self.streak = self.streak.saturating_add(1);
        let fresh = times(lasting, FRESH_FACTOR);
        let lasts = match self.stirred_at.is_some_and(|at| now.since(at) < fresh) {
            true => self.streak >= STREAK_MIN_FRESH,
            false => self.streak >= STREAK_MIN && now.since(self.streak_since) >= lasting,
        };
        self.is_free(now) && (lasts || !self.settled)
    }

    /// Whether a session may start.
    pub fn is_free(&self, now: Instant) -> bool {
        self.sessions.is_empty() && now >= self.not_before
    }

    /// Much was learnt from somebody who asked: there is more to be learnt, and to be passed on.
    pub fn unsettle(&mut self, rows: usize, pauses: Pauses, rng: &mut Rng, now: Instant) {
        if rows >= MOVED_MIN {
            self.settled = false;
            self.stirred_at = Some(now);
            self.pull_failed = false;
            self.backoff = Micros::of(pauses.least);
            if self.next_at.is_none() {
                self.next_at = Some(now.after(rng.jittered(self.backoff.duration())));
            }
        }
    }

    /// The step that is due at `now`, if one is.
    pub fn step(&mut self, pauses: Pauses, rng: &mut Rng, now: Instant) -> Option<SyncStep<A>> {
        let due = self.sessions.as_slice().iter().position(|session| session.deadline <= now);
        let Some(place) = due else {
            let next_at = self.next_at.filter(|_| self.sessions.is_empty())?;
            self.next_at = self.next_at.filter(|_| next_at > now);
            return (next_at <= now).then_some(SyncStep::Start);
        };
        let session = self.sessions.as_mut_slice().get_mut(place)?;
        if session.tries < TRIES_MAX {
            session.tries = session.tries.saturating_add(1);
            session.deadline = now.after(pauses.timeout);
            return Some(SyncStep::Repeat(*session));
        }
        self.sessions.swap_remove(place);
        self.harvest.lost = true;
        self.end(pauses, rng, now);
        Some(SyncStep::Lost)
    }

    /// Starts a session; `None` when as many run as can.
    pub fn start(
        &mut self,
        (number, peer, cookie): (u32, A, u32),
        work: Work,
        timeout: Duration,
        now: Instant,
    ) -> Option<Session<A>> {
        let deadline = now.after(timeout);
        let len_max = u16::MAX;
        let session = Session { number, peer, cookie, len_max, work, deadline, tries: 1 };
        self.harvest.pulled |= matches!(work, Work::Pull { .. });
        self.sessions.push(session).is_ok().then_some(session)
    }

    /// How many sessions can run at once.
    pub fn sessions_max(&self) -> usize {
        self.sessions.len_max()
    }

    /// Gives up what is running.
    pub fn clear(&mut self) {
        self.sessions.reset();
        self.harvest = Harvest::default();
        self.next_at = None;
    }

    /// The session with this number.
    pub fn find(&self, number: u32) -> Option<Session<A>> {
        self.sessions.as_slice().iter().find(|session| session.number == number).copied()
    }

    /// Changes what a session is about.
    pub fn change(
        &mut self,
        number: u32,
        change: impl FnOnce(&mut Session<A>),
    ) -> Option<Session<A>> {
        let session =
            self.sessions.as_mut_slice().iter_mut().find(|session| session.number == number)?;
        change(session);
        Some(*session)
    }

    /// An answer came, so that the next one is waited for anew.
    pub fn answered(&mut self, number: u32, timeout: Duration, now: Instant) -> Option<Session<A>> {
        self.change(number, |session| {
            session.tries = 1;
            session.deadline = now.after(timeout);
        })
    }

    /// The peer has no time. Returns the session unless it has been sent away too often.
    pub fn turned_away(&mut self, number: u32) -> Option<Session<A>> {
        self.change(number, |session| session.tries = session.tries.saturating_add(1))
            .filter(|session| session.tries <= TRIES_MAX)
    }

    /// A page came, complete up to `next`; 0 when it is the last.
    pub fn page(&mut self, number: u32, next: u64) -> PageStep {
        let session =
            self.sessions.as_mut_slice().iter_mut().find(|session| session.number == number);
        let Some(Work::Pull { from, last, pages }) = session.map(|session| &mut session.work)
        else {
            return PageStep::Stale;
        };
        // Pages move forward only, so that a duplicate or a hostile one cannot hold the session.
        if next == 0 || next > *last || *pages >= PAGES_MAX {
            return PageStep::Last;
        }
        if next <= *from {
            return PageStep::Stale;
        }
        *from = next;
        *pages = pages.saturating_add(1);
        PageStep::More
    }

    /// Rows were learnt from, and given to, a peer.
    pub fn gain(&mut self, rows: usize, given: usize) {
        self.harvest.rows = self.harvest.rows.saturating_add(rows);
        self.harvest.given = self.harvest.given.saturating_add(given);
    }

    /// A session ended for reasons that say nothing about the tables.
    pub fn lose(&mut self) {
        self.harvest.lost = true;
    }

    /// Another session takes the place of this one.
    pub fn drop(&mut self, number: u32) {
        self.sessions.retain(|session| session.number != number);
    }

    /// A session is over.
    pub fn close(&mut self, number: u32, pauses: Pauses, rng: &mut Rng, now: Instant) -> Ended {
        self.drop(number);
        self.end(pauses, rng, now)
    }

    /// After a session: what follows when it was the last.
    fn end(&mut self, pauses: Pauses, rng: &mut Rng, now: Instant) -> Ended {
        if !self.sessions.is_empty() {
            return Ended::NotYet;
        }
        let Harvest { rows, given, lost, pulled } = core::mem::take(&mut self.harvest);
        let doubled = times(self.backoff.duration(), 2);
        self.pull_failed = pulled && !lost && rows < MOVED_MIN;
        if rows >= MOVED_MIN {
            self.settled = false;
            self.stirred_at = Some(now);
            self.backoff = Micros::of(pauses.least);
        } else if lost {
            let most = times(pauses.least, LOST_PAUSE_FACTOR);
            self.backoff = Micros::of(doubled.min(most));
        } else {
            self.backoff = Micros::of(doubled.min(pauses.most));
        }
        self.lost_in_a_row = if lost { self.lost_in_a_row.saturating_add(1) } else { 0 };
        self.not_before = now.after(rng.jittered(self.backoff.duration()));
        let goes_on = rows >= MOVED_MIN || (lost && self.lost_in_a_row <= LOST_IN_A_ROW_MAX);
        if goes_on || self.next_at.is_some() {
            self.next_at = Some(self.not_before);
        }
        self.streak = 0;
        match (rows > 0 || given > 0, lost) {
            (true, _) => Ended::Useful,
            (false, true) => Ended::Lost,
            (false, false) => Ended::Useless,
        }
    }
}

#[cfg(test)]
mod tests;
