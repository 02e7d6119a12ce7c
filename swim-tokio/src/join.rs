//! Who waits to be admitted through which seeds.

use std::fmt;
use std::net::SocketAddr;

use swim_core::{Instant, JoinError, KeyId, NodeId, Refusal};
use tokio::sync::oneshot;

use crate::resolver::{Found, ResolveError};
use crate::seed::{Seed, SeedError};
use crate::seeds::Seeds;

/// What became of each seed, in the order they were given.
pub type Admissions = Vec<(Seed, Result<NodeId, JoinFailure>)>;

/// Calls to `join` that wait at the same time; those beyond fail with `TooManySeeds`.
const WAITING_MAX: usize = 256;

/// A seed did not admit this member, or not yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinFailure {
    /// No answer before [`Options::join_deadline`](crate::Options::join_deadline). It is being
    /// asked on; success shows as an event.
    NoAnswer,
    /// The seed answered no. It is being asked on, less and less often.
    Refused(Refusal),
    /// The seed answered with a packet sealed with this key, which is not here, so nobody knows
    /// what it said. It is being asked on; [`Event::UnknownKey`](swim_core::Event::UnknownKey).
    UnknownKey(KeyId),
    /// The seed answered, sealed with this key, that it does not take this member's packets as they
    /// are. It is being asked on; [`Event::NotUnderstood`](swim_core::Event::NotUnderstood).
    NotUnderstood(KeyId),
    /// The name has no address that could be asked. It is looked up again, less and less often.
    Unresolved(ResolveError),
    /// The seed stands for this member alone. A name is looked up again: it may stand for others
    /// later. An address is not asked.
    OwnAddress,
    /// The seed stands for addresses outside of [`Options::allow`](crate::Options::allow) alone. A
    /// name is looked up again. An address is not asked.
    NotAllowed,
    /// That is no seed: nobody is being asked.
    Malformed(SeedError),
    /// More seeds than can be known at once; this one is not being asked.
    TooManySeeds,
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
            Self::UnknownKey(key) => write!(f, "answers with key {key}, which is not here"),
            Self::NotUnderstood(key) => {
                write!(f, "does not read what this member sends; it uses key {key}")
            }
            Self::Unresolved(error) => error.fmt(f),
            Self::OwnAddress => f.write_str("this is the member's own address"),
            Self::NotAllowed => f.write_str("it is outside of the allowed networks"),
            Self::Malformed(error) => error.fmt(f),
            Self::TooManySeeds => f.write_str("too many seeds at once"),
            Self::NotAlive => f.write_str("this member has left its cluster"),
            Self::NotAsked(error) => error.fmt(f),
            Self::Closed => f.write_str("this member has ended"),
        }
    }
}

impl std::error::Error for JoinFailure {}

/// All calls to `join` that wait for an answer, and what they wait for.
#[derive(Debug)]
pub(crate) struct Joins {
    pub seeds: Seeds,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    seeds: Vec<(Seed, Option<Result<NodeId, JoinFailure>>)>,
    deadline: Instant,
    reply: oneshot::Sender<Admissions>,
}

impl Joins {
    pub fn new(seeds: Seeds) -> Self {
        Self { seeds, waiting: Vec::new() }
    }

    /// Asks through `seeds`, and starts to wait for them.
    pub fn wait(
        &mut self,
        seeds: Vec<Seed>,
        deadline: Instant,
        reply: oneshot::Sender<Admissions>,
        now: Instant,
    ) {
        if reply.is_closed() {
            return;
        }
        let full = self.waiting.len() >= WAITING_MAX;
        let mut ask = |seed: Seed| {
            let asked = match full {
                true => Err(JoinFailure::TooManySeeds),
                false => self.seeds.add(&seed, now),
            };
            (seed, asked.err().map(Err))
        };
        let seeds = seeds.into_iter().map(&mut ask).collect();
        self.waiting.push(Waiting { seeds, deadline, reply });
        self.answer_complete();
    }

    /// Asks through `seeds` for ever. Returns those that are not asked, and why.
    pub fn keep(&mut self, seeds: Vec<Seed>, now: Instant) -> Vec<(Seed, JoinFailure)> {
        let mut failures = Vec::new();
        for seed in seeds {
            match self.seeds.add(&seed, now) {
                Ok(()) => self.seeds.keep(&seed),
                Err(failure) => failures.push((seed, failure)),
            }
        }
        failures
    }

    /// Whoever listens at `address` admitted this member.
    pub fn admitted(&mut self, address: SocketAddr, by: NodeId) {
        for seed in self.seeds.admitted(address, by) {
            self.seeds.keep(&seed);
            self.settle(&seed, Ok(by));
        }
    }

    /// Whoever listens at `address` refused this member, and is asked on.
    pub fn refused(&mut self, address: SocketAddr, reason: Refusal) {
        for seed in self.seeds.refused(address, reason) {
            self.settle(&seed, Err(JoinFailure::Refused(reason)));
        }
    }

    /// Whoever listens at `address` has answered, but is not understood, or does not understand.
    pub fn locked_out(&mut self, address: SocketAddr, failure: JoinFailure) {
        self.seeds.locked_out(address, failure);
    }

    /// A lookup has ended, in a cluster of `live` members.
    pub fn found(&mut self, found: Found, live: usize, now: Instant) {
        self.seeds.found(found, live, now);
        self.settle_known();
    }

    /// Does what is due, in a cluster of `live` members.
    pub fn step(&mut self, live: usize, now: Instant) {
        self.seeds.step(live, now);
        self.settle_known();
    }

    /// Answers those whose time is up; their seeds are asked on.
    pub fn expire(&mut self, now: Instant) {
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.deadline <= now) {
            for (seed, outcome) in waiting.seeds.iter_mut().filter(|(_, it)| it.is_none()) {
                let trouble = self.seeds.trouble(seed).unwrap_or(JoinFailure::NoAnswer);
                *outcome = Some(Err(trouble));
            }
        }
        self.answer_complete();
    }

    /// Forgets the calls nobody waits for any more, and the seeds nobody else wants.
    pub fn sweep(&mut self) {
        if !self.waiting.iter().any(|waiting| waiting.reply.is_closed()) {
            return;
        }
        let (abandoned, waiting): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|waiting| waiting.reply.is_closed());
        self.waiting = waiting;
        for seed in abandoned.iter().flat_map(Waiting::asked) {
            if !self.waiting.iter().flat_map(Waiting::asked).any(|other| other == seed) {
                self.seeds.forget(seed);
            }
        }
    }

    /// When [`expire`](Self::expire) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.deadline).min()
    }

    fn settle_known(&mut self) {
        while let Some((seed, outcome)) = self.seeds.poll_settled() {
            if outcome.is_ok() {
                self.seeds.keep(&seed);
            }
            self.settle(&seed, outcome);
        }
    }

    fn settle(&mut self, settled: &Seed, outcome: Result<NodeId, JoinFailure>) {
        let seeds = self.waiting.iter_mut().flat_map(|waiting| &mut waiting.seeds);
        for (_, known) in seeds.filter(|(seed, _)| seed == settled) {
            // Asked again after a refusal, a seed may change its mind while the others are waited
            // for.
            let is_open = matches!(
                known,
                None | Some(Err(JoinFailure::Refused(_)
                    | JoinFailure::OwnAddress
                    | JoinFailure::NotAllowed))
            );
            if is_open {
                *known = Some(outcome.clone());
            }
        }
        self.answer_complete();
    }

    fn answer_complete(&mut self) {
        for waiting in self.waiting.extract_if(.., |waiting| waiting.is_complete()) {
            waiting.asked().for_each(|seed| self.seeds.keep(seed));
            let settled = |(seed, outcome): (Seed, Option<_>)| Some((seed, outcome?));
            let admissions = waiting.seeds.into_iter().filter_map(settled).collect();
            // Whoever dropped the call between its last sweep and now had its answer ready.
            let _ = waiting.reply.send(admissions);
        }
    }
}

impl Waiting {
    fn is_complete(&self) -> bool {
        self.seeds.iter().all(|(_, outcome)| outcome.is_some())
    }

    /// The seeds that are still asked through.
    fn asked(&self) -> impl Iterator<Item = &Seed> {
        let is_over = |outcome: &Option<Result<NodeId, JoinFailure>>| {
            matches!(
                outcome,
                Some(Ok(_) | Err(JoinFailure::TooManySeeds | JoinFailure::Malformed(_)))
            )
        };
        self.seeds.iter().filter(move |(_, outcome)| !is_over(outcome)).map(|(seed, _)| seed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::allow::AllowList;
    use crate::myself::Myself;
    use crate::seeds::Pauses;

    const LATE: Instant = Instant::from_secs(5);

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn seed(port: u16) -> Seed {
        address(port).into()
    }

    fn joins() -> Joins {
        let allow = AllowList::default();
        let me = Myself { local_addr: address(99), advertised: address(99), allow };
        let second = Duration::from_secs(1);
        Joins::new(Seeds::new(me, Pauses { least: second, most: second, answer: second }, 1))
    }

    fn wait(joins: &mut Joins, seeds: &[Seed]) -> oneshot::Receiver<Admissions> {
        let (reply, answer) = oneshot::channel();
        joins.wait(seeds.to_vec(), LATE, reply, Instant::ZERO);
        joins.step(1, Instant::ZERO);
        answer
    }

    /// What is asked through in the end.
    fn left(joins: &mut Joins) -> Vec<Seed> {
        joins.sweep();
        let changed = joins.seeds.take_changes();
        changed.into_iter().flat_map(|(_, seeds)| seeds).map(|status| status.seed).collect()
    }

    #[test]
    fn every_seed_gets_its_own_answer() {
        let mut joins = joins();
        let mut answer = wait(&mut joins, &[seed(1), seed(2), seed(3)]);
        joins.admitted(address(2), NodeId::new(9));
        joins.refused(address(3), Refusal::OtherCluster);
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
    fn a_seed_that_answers_under_another_key_is_not_silent() {
        let mut joins = joins();
        let mut answer = wait(&mut joins, &[seed(1), seed(2)]);
        let failure = JoinFailure::UnknownKey(KeyId(7));
        joins.locked_out(address(1), failure.clone());
        joins.expire(LATE);
        let expected = [(seed(1), Err(failure)), (seed(2), Err(JoinFailure::NoAnswer))];
        assert_eq!(answer.try_recv().unwrap(), expected);
        assert_eq!(left(&mut joins), [seed(1), seed(2)], "both are asked on");
    }

    #[test]
    fn a_seed_is_reported_as_the_caller_wrote_it() {
        let mut joins = joins();
        let mapped = Seed::from("[::ffff:127.0.0.1]:1");
        let mut answer = wait(&mut joins, std::slice::from_ref(&mapped));
        joins.admitted(address(1), NodeId::new(9));
        assert_eq!(answer.try_recv().unwrap(), [(mapped, Ok(NodeId::new(9)))]);
    }

    #[test]
    fn what_nobody_can_be_asked_for_is_answered_at_once() {
        let mut joins = joins();
        let mut answer = wait(&mut joins, &[seed(99), "nowhere".into()]);
        let expected = [
            (seed(99), Err(JoinFailure::OwnAddress)),
            ("nowhere".into(), Err(JoinFailure::Malformed(SeedError::NoPort))),
        ];
        assert_eq!(answer.try_recv().unwrap(), expected);
        assert_eq!(left(&mut joins), []);
        assert_eq!(wait(&mut joins, &[]).try_recv().unwrap(), []);
    }

    #[test]
    fn a_name_that_is_not_found_is_waited_for_and_its_trouble_told() {
        let mut joins = joins();
        let mut answer = wait(&mut joins, &["db:1".into()]);
        let found = Found { seed: "db:1".into(), addresses: Err(ResolveError::TimedOut) };
        joins.found(found, 1, Instant::ZERO);
        assert!(answer.try_recv().is_err(), "it may be found in time");
        joins.expire(LATE);
        let timed_out = JoinFailure::Unresolved(ResolveError::TimedOut);
        assert_eq!(answer.try_recv().unwrap(), [("db:1".into(), Err(timed_out))]);
        assert_eq!(left(&mut joins), ["db:1".into()]);
    }

    #[test]
    fn the_first_of_a_cluster_waits_for_nobody() {
        let mut joins = joins();
        let mut answer = wait(&mut joins, &["db:99".into()]);
        joins.found(
            Found { seed: "db:99".into(), addresses: Ok(vec![address(99)]) },
            1,
            Instant::ZERO,
        );
        let expected = [("db:99".into(), Err(JoinFailure::OwnAddress))];
        assert_eq!(answer.try_recv().unwrap(), expected);
        assert_eq!(left(&mut joins), ["db:99".into()], "and is looked up again");
    }

    #[test]
    fn a_seed_at_which_another_was_admitted_is_too() {
        let mut joins = joins();
        let _first = wait(&mut joins, &[seed(1)]);
        joins.admitted(address(1), NodeId::new(9));
        let mut answer = wait(&mut joins, &["db:1".into()]);
        let found = Found { seed: "db:1".into(), addresses: Ok(vec![address(2), address(1)]) };
        joins.found(found, 2, Instant::ZERO);
        assert_eq!(answer.try_recv().unwrap(), [("db:1".into(), Ok(NodeId::new(9)))]);
    }

    #[test]
    fn a_dropped_call_forgets_the_seeds_nobody_else_wants() {
        let mut joins = joins();
        let dropped = wait(&mut joins, &[seed(1), seed(2), seed(3), seed(4)]);
        joins.admitted(address(4), NodeId::new(9));
        let _other = wait(&mut joins, &[seed(2)]);
        assert_eq!(joins.keep(vec![seed(3)], Instant::ZERO), []);
        assert_eq!(left(&mut joins), [seed(1), seed(2), seed(3), seed(4)]);
        drop(dropped);
        joins.sweep();
        assert_eq!(left(&mut joins), [seed(2), seed(3), seed(4)]);
    }

    #[test]
    fn a_seed_that_did_not_answer_in_time_is_asked_on() {
        let mut joins = joins();
        let answer = wait(&mut joins, &[seed(1)]);
        joins.expire(LATE);
        drop(answer);
        let second = wait(&mut joins, &[seed(1)]);
        drop(second);
        assert_eq!(left(&mut joins), [seed(1)]);
    }

    #[test]
    fn a_call_dropped_before_it_was_heard_asks_nobody() {
        let (reply, answer) = oneshot::channel();
        drop(answer);
        let mut joins = joins();
        joins.wait(vec![seed(1)], LATE, reply, Instant::ZERO);
        assert_eq!(left(&mut joins), []);
    }

    #[test]
    fn calls_beyond_the_maximum_are_told_so() {
        let mut joins = joins();
        let _waiting: Vec<_> = (0..WAITING_MAX).map(|_| wait(&mut joins, &[seed(1)])).collect();
        let mut answer = wait(&mut joins, &[seed(2)]);
        assert_eq!(answer.try_recv().unwrap(), [(seed(2), Err(JoinFailure::TooManySeeds))]);
        assert_eq!(left(&mut joins), [seed(1)]);
    }
}
