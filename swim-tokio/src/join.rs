//! Who waits to be admitted through which seeds.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

use swim_core::{Instant, JoinError, NodeId, Refusal};
use tokio::sync::oneshot;

use crate::socket::normalized;

/// What became of each seed, in the order they were given.
pub(crate) type Admissions = Vec<(SocketAddr, Result<NodeId, JoinFailure>)>;

/// Calls to `join` that wait at the same time; those beyond fail with `TooManySeeds`.
const WAITING_MAX: usize = 256;

/// A seed did not admit this member, or not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinFailure {
    /// No answer before [`Options::join_deadline`](crate::Options::join_deadline). It is being
    /// asked on; success shows as an event.
    NoAnswer,
    /// The seed answered no. It is being asked on, less and less often.
    Refused(Refusal),
    /// More seeds than can be asked at once; this one is not being asked.
    TooManySeeds,
    /// That is this member's own address; it is not being asked.
    OwnAddress,
    /// This member has left, or lost its id: see [`Swim::rejoin`](crate::Swim::rejoin). Nobody is
    /// being asked.
    NotAlive,
    /// The protocol does not take this seed, for a reason not listed here; it is not being asked.
    NotAsked(JoinError),
    /// The runner has ended; nobody is being asked.
    Closed,
}

impl fmt::Display for JoinFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer => f.write_str("no answer yet"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::TooManySeeds => f.write_str("too many seeds at once"),
            Self::OwnAddress => f.write_str("this is the member's own address"),
            Self::NotAlive => f.write_str("this member has left its cluster"),
            Self::NotAsked(error) => error.fmt(f),
            Self::Closed => f.write_str("this member has ended"),
        }
    }
}

impl std::error::Error for JoinFailure {}

impl From<JoinError> for JoinFailure {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::TooManySeeds => Self::TooManySeeds,
            JoinError::OwnAddress => Self::OwnAddress,
            JoinError::NotAlive => Self::NotAlive,
            other => Self::NotAsked(other),
        }
    }
}

/// All calls to `join` that wait for an answer.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    waiting: Vec<Waiting>,
    /// Seeds to be asked for ever, whoever stops waiting for them.
    kept: BTreeSet<SocketAddr>,
}

#[derive(Debug)]
struct Waiting {
    seeds: Vec<Seed>,
    deadline: Instant,
    reply: oneshot::Sender<Admissions>,
}

#[derive(Debug)]
struct Seed {
    /// As the caller wrote it, to recognise it by.
    given: SocketAddr,
    outcome: Option<Result<NodeId, JoinFailure>>,
}

impl Joins {
    /// Starts to wait for `seeds`, each of which is handed to `ask`.
    pub fn wait(
        &mut self,
        seeds: &[SocketAddr],
        deadline: Instant,
        reply: oneshot::Sender<Admissions>,
        mut ask: impl FnMut(SocketAddr) -> Result<(), JoinError>,
    ) {
        if reply.is_closed() {
            return;
        }
        let full = self.waiting.len() >= WAITING_MAX;
        let asked = |&given: &SocketAddr| {
            let outcome = match full {
                true => Some(Err(JoinFailure::TooManySeeds)),
                false => ask(normalized(given)).err().map(|error| Err(error.into())),
            };
            Seed { given, outcome }
        };
        let seeds = seeds.iter().map(asked).collect();
        self.waiting.push(Waiting { seeds, deadline, reply });
        self.answer_complete();
    }

    /// Hands `seeds` to `ask`, to be asked for ever. Returns those that are not asked, and why.
    pub fn keep(
        &mut self,
        seeds: &[SocketAddr],
        mut ask: impl FnMut(SocketAddr) -> Result<(), JoinError>,
    ) -> Vec<(SocketAddr, JoinFailure)> {
        let mut failures = Vec::new();
        for &seed in seeds {
            match ask(normalized(seed)) {
                Ok(()) => drop(self.kept.insert(normalized(seed))),
                Err(error) => failures.push((seed, error.into())),
            }
        }
        failures
    }

    /// `seed` admitted this member.
    pub fn admitted(&mut self, seed: SocketAddr, by: NodeId) {
        self.kept.remove(&seed);
        self.settle(seed, Ok(by));
    }

    /// `seed` refused this member; the core goes on asking.
    pub fn refused(&mut self, seed: SocketAddr, reason: Refusal) {
        self.settle(seed, Err(JoinFailure::Refused(reason)));
    }

    /// Answers those whose time is up; their seeds are asked on.
    pub fn expire(&mut self, now: Instant) {
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.deadline <= now) {
            for seed in waiting.seeds.iter_mut().filter(|seed| seed.outcome.is_none()) {
                seed.outcome = Some(Err(JoinFailure::NoAnswer));
            }
        }
        self.answer_complete();
    }

    /// Forgets the calls nobody waits for any more, and hands every seed that nobody else wants
    /// to `cancel`.
    pub fn sweep(&mut self, mut cancel: impl FnMut(SocketAddr)) {
        if !self.waiting.iter().any(|waiting| waiting.reply.is_closed()) {
            return;
        }
        let (abandoned, waiting): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|waiting| waiting.reply.is_closed());
        self.waiting = waiting;
        for seed in abandoned.iter().flat_map(Waiting::asked) {
            let wanted = self.waiting.iter().flat_map(Waiting::asked).any(|other| other == seed);
            if !wanted && !self.kept.contains(&seed) {
                cancel(seed);
            }
        }
    }

    /// When [`expire`](Self::expire) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.deadline).min()
    }

    fn settle(&mut self, address: SocketAddr, outcome: Result<NodeId, JoinFailure>) {
        let seeds = self.waiting.iter_mut().flat_map(|waiting| &mut waiting.seeds);
        for seed in seeds.filter(|seed| normalized(seed.given) == address) {
            // Asked again after a refusal, a seed may change its mind while the others are waited
            // for.
            if matches!(seed.outcome, None | Some(Err(JoinFailure::Refused(_)))) {
                seed.outcome = Some(outcome);
            }
        }
        self.answer_complete();
    }

    fn answer_complete(&mut self) {
        for waiting in self.waiting.extract_if(.., |waiting| waiting.is_complete()) {
            self.kept.extend(waiting.asked());
            let admissions = waiting.seeds.into_iter().filter_map(Seed::admission).collect();
            // Whoever dropped the call between its last sweep and now had its answer ready.
            let _ = waiting.reply.send(admissions);
        }
    }
}

impl Waiting {
    fn is_complete(&self) -> bool {
        self.seeds.iter().all(|seed| seed.outcome.is_some())
    }

    /// The seeds the core is still asking.
    fn asked(&self) -> impl Iterator<Item = SocketAddr> {
        let asked = |seed: &&Seed| {
            matches!(
                seed.outcome,
                None | Some(Err(JoinFailure::NoAnswer | JoinFailure::Refused(_)))
            )
        };
        self.seeds.iter().filter(asked).map(|seed| normalized(seed.given))
    }
}

impl Seed {
    fn admission(self) -> Option<(SocketAddr, Result<NodeId, JoinFailure>)> {
        self.outcome.map(|outcome| (self.given, outcome))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Instant = Instant::from_secs(5);

    fn seed(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn wait(joins: &mut Joins, seeds: &[SocketAddr]) -> oneshot::Receiver<Admissions> {
        let (reply, answer) = oneshot::channel();
        joins.wait(seeds, LATE, reply, |_| Ok(()));
        answer
    }

    fn cancelled(joins: &mut Joins) -> Vec<SocketAddr> {
        let mut cancelled = Vec::new();
        joins.sweep(|seed| cancelled.push(seed));
        cancelled
    }

    #[test]
    fn every_seed_gets_its_own_answer() {
        let mut joins = Joins::default();
        let mut answer = wait(&mut joins, &[seed(1), seed(2), seed(3)]);
        joins.admitted(seed(2), NodeId::new(9));
        joins.refused(seed(3), Refusal::OtherCluster);
        assert!(answer.try_recv().is_err(), "one seed has not answered yet");
        assert_eq!(joins.deadline(), Some(LATE));
        joins.expire(LATE);
        let refusal = JoinFailure::Refused(Refusal::OtherCluster);
        let expected = [
            (seed(1), Err(JoinFailure::NoAnswer)),
            (seed(2), Ok(NodeId::new(9))),
            (seed(3), Err(refusal)),
        ];
        assert_eq!(answer.try_recv().unwrap(), expected);
        assert_eq!(joins.deadline(), None);
    }

    #[test]
    fn a_seed_is_reported_as_the_caller_wrote_it() {
        let mut joins = Joins::default();
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:1".parse().unwrap();
        let mut answer = wait(&mut joins, &[mapped]);
        joins.admitted(seed(1), NodeId::new(9));
        assert_eq!(answer.try_recv().unwrap(), [(mapped, Ok(NodeId::new(9)))]);
    }

    #[test]
    fn a_seed_the_core_does_not_take_is_answered_at_once() {
        let mut joins = Joins::default();
        let (reply, mut answer) = oneshot::channel();
        joins.wait(&[seed(1)], LATE, reply, |_| Err(JoinError::OwnAddress));
        assert_eq!(answer.try_recv().unwrap(), [(seed(1), Err(JoinFailure::OwnAddress))]);
    }

    #[test]
    fn no_seeds_are_answered_at_once() {
        assert_eq!(wait(&mut Joins::default(), &[]).try_recv().unwrap(), []);
    }

    #[test]
    fn a_dropped_call_cancels_the_seeds_nobody_else_wants() {
        let mut joins = Joins::default();
        let dropped = wait(&mut joins, &[seed(1), seed(2), seed(3), seed(4)]);
        let _other = wait(&mut joins, &[seed(2)]);
        joins.keep(&[seed(3)], |_| Ok(()));
        joins.admitted(seed(4), NodeId::new(9));
        assert_eq!(cancelled(&mut joins), []);
        drop(dropped);
        assert_eq!(cancelled(&mut joins), [seed(1)]);
        assert_eq!(cancelled(&mut joins), []);
    }

    #[test]
    fn a_seed_that_did_not_answer_in_time_is_asked_on() {
        let mut joins = Joins::default();
        let answer = wait(&mut joins, &[seed(1)]);
        joins.expire(LATE);
        drop(answer);
        let second = wait(&mut joins, &[seed(1)]);
        drop(second);
        assert_eq!(cancelled(&mut joins), []);
    }

    #[test]
    fn a_call_dropped_before_it_was_heard_asks_nobody() {
        let (reply, answer) = oneshot::channel();
        drop(answer);
        Joins::default().wait(&[seed(1)], LATE, reply, |_| unreachable!("asked"));
    }

    #[test]
    fn calls_beyond_the_maximum_are_told_so() {
        let mut joins = Joins::default();
        let _waiting: Vec<_> = (0..WAITING_MAX).map(|_| wait(&mut joins, &[seed(1)])).collect();
        let mut answer = wait(&mut joins, &[seed(2)]);
        assert_eq!(answer.try_recv().unwrap(), [(seed(2), Err(JoinFailure::TooManySeeds))]);
        assert_eq!(cancelled(&mut joins), []);
    }
}
