//! Table exchange by pages: the receiver pulls, page after page, and the other side keeps no
//! state. It repairs what gossip lost and fills the table of a joiner.

use core::time::Duration;

use crate::time::Instant;
use crate::wire::Pull;

/// How often one page is asked for before the exchange is given up.
const TRIES_MAX: u8 = 4;

/// How many pages one exchange may have: a million members at 1 400 bytes. A peer that goes on and
/// on holds no exchange for ever.
const PAGES_MAX: u16 = 20_000;

/// Whether an exchange runs, and when the next one starts.
#[derive(Debug)]
pub struct Sync<A> {
    session: Option<Session<A>>,
    next_at: Instant,
    pause: Duration,
}

/// One exchange.
#[derive(Clone, Copy, Debug)]
struct Session<A> {
    peer: A,
    pull: Pull,
    deadline: Instant,
    tries: u8,
    pages: u16,
    changed: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncStep<A> {
    /// Start with a peer of the caller's choice.
    Start,
    /// Ask again.
    Repeat(A, Pull),
    /// The peer does not answer; another one will be tried after the shortest pause.
    Lost,
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// For one page.
    pub timeout: Duration,
    /// For the next exchange after one that brought news.
    pub least: Duration,
    /// For the next exchange when all has long been equal.
    pub most: Duration,
}

impl<A: Copy> Sync<A> {
    /// The first exchange starts at `first_at`.
    pub const fn new(first_at: Instant, pause: Duration) -> Self {
        Self { session: None, next_at: first_at, pause }
    }

    /// When the next step is due.
    pub fn deadline(&self) -> Instant {
        self.session.as_ref().map_or(self.next_at, |session| session.deadline)
    }

    /// Whether an exchange is running.
    pub fn is_running(&self) -> bool {
        self.session.is_some()
    }

    /// The step that is due at `now`, if one is.
    pub fn step(&mut self, pauses: Pauses, now: Instant) -> Option<SyncStep<A>> {
        if now < self.deadline() {
            return None;
        }
        let Some(session) = &mut self.session else { return Some(SyncStep::Start) };
        if session.tries < TRIES_MAX {
            session.tries = session.tries.saturating_add(1);
            session.deadline = now.after(pauses.timeout);
            return Some(SyncStep::Repeat(session.peer, session.pull));
        }
        self.session = None;
        self.pause = pauses.least;
        self.next_at = now.after(self.pause);
        Some(SyncStep::Lost)
    }

    /// Starts an exchange with `peer`; returns the first request.
    pub fn start(&mut self, peer: A, number: u32, timeout: Duration, now: Instant) -> Pull {
        let pull = Pull { number, from: 0 };
        let deadline = now.after(timeout);
        self.session = Some(Session { peer, pull, deadline, tries: 1, pages: 0, changed: false });
        pull
    }

    /// Ends what is running and lets `pause` pass: there is nobody to exchange with.
    pub fn skip(&mut self, pause: Duration, now: Instant) {
        self.session = None;
        self.next_at = now.after(pause);
    }

    /// A page came, up to `next`, and brought news or not. Returns the request for the following
    /// page, with whom to send it to, unless it was the last or not asked for.
    pub fn page(
        &mut self,
        (number, next): (u32, u64),
        changed: bool,
        pauses: Pauses,
        now: Instant,
    ) -> Option<(A, Pull)> {
        let session = self.session.as_mut().filter(|session| session.pull.number == number)?;
        session.changed |= changed;
        // Pages move forward only, so that a duplicate or a hostile one cannot hold the exchange.
        if next > session.pull.from && session.pages < PAGES_MAX {
            session.pages = session.pages.saturating_add(1);
            session.pull.from = next;
            session.tries = 1;
            session.deadline = now.after(pauses.timeout);
            return Some((session.peer, session.pull));
        }
        if next == 0 || next > session.pull.from {
            let changed = session.changed;
            self.finish(changed, pauses, now);
        }
        None
    }

    fn finish(&mut self, changed: bool, pauses: Pauses, now: Instant) {
        self.session = None;
        self.pause = match changed {
            true => pauses.least,
            false => self.pause.saturating_mul(2).clamp(pauses.least, pauses.most),
        };
        self.next_at = now.after(self.pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSES: Pauses = Pauses {
        timeout: Duration::from_millis(100),
        least: Duration::from_secs(1),
        most: Duration::from_secs(4),
    };

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn pages_are_pulled_one_after_the_other_until_the_last() {
        let mut sync = Sync::new(at(0), PAUSES.least);
        assert_eq!(sync.step(PAUSES, at(0)), Some(SyncStep::Start));
        assert_eq!(sync.start(7u16, 1, PAUSES.timeout, at(0)), Pull { number: 1, from: 0 });
        assert_eq!(sync.page((2, 50), true, PAUSES, at(1)), None, "not asked for");
        let following = sync.page((1, 50), true, PAUSES, at(1));
        assert_eq!(following, Some((7, Pull { number: 1, from: 50 })));
        assert_eq!(sync.page((1, 40), true, PAUSES, at(1)), None, "a page from the past");
        assert_eq!(sync.page((1, 0), false, PAUSES, at(2)), None);
        assert_eq!(sync.deadline(), at(1_002), "soon again: it brought news");
    }

    #[test]
    fn a_peer_that_goes_on_and_on_is_left() {
        let mut sync = Sync::new(at(0), PAUSES.least);
        sync.start(7u16, 1, PAUSES.timeout, at(0));
        let pages = (1..).take_while(|&next| sync.page((1, next), true, PAUSES, at(0)).is_some());
        assert_eq!(pages.count(), usize::from(PAGES_MAX));
        assert!(!sync.is_running());
    }

    #[test]
    fn exchanges_without_news_become_rare() {
        let mut sync = Sync::new(at(0), PAUSES.least);
        for pause in [2_000, 4_000, 4_000] {
            sync.start(7u16, 1, PAUSES.timeout, at(0));
            sync.page((1, 0), false, PAUSES, at(0));
            assert_eq!(sync.deadline(), at(pause));
        }
    }

    #[test]
    fn a_silent_peer_is_asked_a_few_times_and_given_up() {
        let mut sync = Sync::new(at(0), PAUSES.least);
        sync.start(7u16, 1, PAUSES.timeout, at(0));
        for asked in 1..TRIES_MAX {
            let step = sync.step(PAUSES, at(u64::from(asked) * 100));
            assert_eq!(step, Some(SyncStep::Repeat(7, Pull { number: 1, from: 0 })));
        }
        assert_eq!(sync.step(PAUSES, at(400)), Some(SyncStep::Lost));
        assert_eq!(sync.deadline(), at(1_400));
    }
}
