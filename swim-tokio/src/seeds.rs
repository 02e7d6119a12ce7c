//! Which addresses are asked to admit this member: those of every seed, in turns, until one has.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use fastrand::Rng;
use swim_core::{Instant, NodeId, Refusal, SEEDS_MAX};

use crate::join::JoinFailure;
use crate::myself::Myself;
use crate::resolver::{Found, LOOKUPS_MAX, Lookup, ResolveError};
use crate::seed::{Place, Seed};

/// Seeds known at the same time. Of more, one that has admitted this member goes; if none has, the
/// newcomer is refused.
const KNOWN_MAX: usize = 64;
/// Addresses of one name that take turns; which ones of more, chance decides at every lookup.
const ADDRESSES_MAX: usize = 256;
/// How long one address is asked by a member that has a cluster already: for three datagrams.
const VISIT_TIME: Duration = Duration::from_secs(2);
/// What keeps such visits of a whole cluster below 20 datagrams and 7 lookups a second.
const VISIT_PAUSE_PER_MEMBER: Duration = Duration::from_millis(150);

/// A seed, and how it stands: see [`Swim::seeds`](crate::Swim::seeds).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeedStatus {
    /// The seed, as it was given to [`join`](crate::Swim::join).
    pub seed: Seed,
    /// What it stood for when it was last looked up, without this member's own address.
    pub addresses: Vec<SocketAddr>,
    /// The member that admitted this one there, as long as it lives; the seed is not asked then.
    pub admitted_by: Option<NodeId>,
    /// Why it has not, if anything is known. It is asked and looked up on.
    pub trouble: Option<JoinFailure>,
}

/// What the protocol is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Ask(SocketAddr),
    Cancel(SocketAddr),
}

/// A seed, and what became of it.
pub(crate) type Settled = (Seed, Result<NodeId, JoinFailure>);

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pauses {
    /// Between two lookups of a seed, at first; doubles each time. The protocol repeats its
    /// questions at the same pace.
    pub least: Duration,
    pub most: Duration,
    /// For an answer, before there is trouble to be told of.
    pub answer: Duration,
}

/// All seeds of one member.
#[derive(Debug)]
pub(crate) struct Seeds {
    known: Vec<Known>,
    /// What the protocol is asking, as far as it was told.
    told: BTreeSet<SocketAddr>,
    /// What it is to be told again, because it may think it has its answer.
    outdated: BTreeSet<SocketAddr>,
    lookups: Vec<Lookup>,
    /// What those who wait are to be told without an answer from anybody.
    settled: Vec<Settled>,
    lookups_running: usize,
    turns: u64,
    me: Myself,
    pauses: Pauses,
    rng: Rng,
    has_changed: bool,
}

#[derive(Debug)]
struct Known {
    seed: Seed,
    place: Place,
    /// Whether it is asked although nobody waits for it.
    kept: bool,
    stage: Stage,
    addresses: Vec<SocketAddr>,
    /// Those whose turn it is.
    asked: Vec<Asked>,
    /// Those who had their turn before.
    tried: Vec<SocketAddr>,
    /// When it last had its turn, counted in turns of all seeds.
    turned: u64,
    pause: Duration,
    wanted_since: Instant,
    trouble: Option<JoinFailure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// To be looked up then.
    Due(Instant),
    LookedUp,
    /// Asked until then, if there is room.
    Asking(Instant),
    Admitted(NodeId),
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    address: SocketAddr,
    has_refused: bool,
}

impl Seeds {
    pub fn new(me: Myself, pauses: Pauses, seed: u64) -> Self {
        Self {
            known: Vec::new(),
            told: BTreeSet::new(),
            outdated: BTreeSet::new(),
            lookups: Vec::new(),
            settled: Vec::new(),
            lookups_running: 0,
            turns: 0,
            me,
            pauses,
            rng: Rng::with_seed(seed),
            has_changed: false,
        }
    }

    /// Asks through `seed` from now on, anew if it is known already.
    pub fn add(&mut self, seed: &Seed, now: Instant) -> Result<(), JoinFailure> {
        let place = seed.place().map_err(JoinFailure::Malformed)?;
        if let Place::Address(address) = place {
            self.me.others(vec![address])?;
        }
        let kept = self.find(seed).is_some_and(|known| known.kept);
        let known = Known {
            seed: seed.clone(),
            place,
            kept,
            stage: Stage::Due(now),
            addresses: Vec::new(),
            asked: Vec::new(),
            tried: Vec::new(),
            turned: 0,
            pause: self.pauses.least,
            wanted_since: now,
            trouble: None,
        };
        self.has_changed = true;
        let full = self.known.len() >= KNOWN_MAX;
        let place = self.known.iter().position(|other| other.seed == *seed).or_else(|| {
            let is_spare = |other: &Known| full && matches!(other.stage, Stage::Admitted(_));
            self.known.iter().position(is_spare)
        });
        match place.and_then(|place| self.known.get_mut(place)) {
            Some(former) => self.outdated.extend(std::mem::replace(former, known).turn()),
            None if full => return Err(JoinFailure::TooManySeeds),
            None => self.known.push(known),
        }
        Ok(())
    }

    /// Goes on asking through `seed` whoever stops waiting for it.
    pub fn keep(&mut self, seed: &Seed) {
        if let Some(known) = self.find_mut(seed) {
            known.kept = true;
        }
    }

    /// Forgets `seed` unless it is kept.
    pub fn forget(&mut self, seed: &Seed) {
        self.known.retain(|known| known.kept || known.seed != *seed);
        self.has_changed = true;
    }

    /// What is known of the trouble with `seed`.
    pub fn trouble(&self, seed: &Seed) -> Option<JoinFailure> {
        self.find(seed)?.trouble.clone()
    }

    /// Does what is due in a cluster of `live` members.
    pub fn step(&mut self, live: usize, now: Instant) {
        for place in 0..self.known.len() {
            match self.known[place].stage {
                Stage::Due(at) if at <= now => self.look_up(place, live, now),
                Stage::Asking(until) if until <= now => self.end_turn(place, live, now),
                _ => {}
            }
        }
    }

    /// When [`step`](Self::step) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let has_room = self.lookups_running < LOOKUPS_MAX;
        let deadline = |known: &Known| match (known.stage, &known.place) {
            (Stage::Due(_), Place::Name { .. }) if !has_room => None,
            (Stage::Due(at) | Stage::Asking(at), _) => Some(at),
            (Stage::LookedUp | Stage::Admitted(_), _) => None,
        };
        self.known.iter().filter_map(deadline).min()
    }

    /// A name to be looked up, whose addresses are to be [`found`](Self::found).
    pub fn poll_lookup(&mut self) -> Option<Lookup> {
        self.lookups.pop()
    }

    /// A lookup has ended.
    pub fn found(&mut self, found: Found, live: usize, now: Instant) {
        self.lookups_running = self.lookups_running.saturating_sub(1);
        let is_it = |known: &Known| known.seed == found.seed && known.stage == Stage::LookedUp;
        if let Some(place) = self.known.iter().position(is_it) {
            self.take_addresses(place, found.addresses, live, now);
        }
    }

    /// A seed of which became clear by itself what becomes of it.
    pub fn poll_settled(&mut self) -> Option<Settled> {
        self.settled.pop()
    }

    /// Whoever listens at `address` admitted this member. Returns the seeds that stand for it.
    pub fn admitted(&mut self, address: SocketAddr, by: NodeId) -> Vec<Seed> {
        let asking = self.known.iter_mut().filter(|known| known.is_asking(address));
        asking.map(|known| known.end_with(address, by, &mut self.has_changed)).collect()
    }

    /// Whoever listens at `address` refuses this member; the protocol goes on asking. Returns the
    /// seeds of which all addresses that are asked refuse it.
    pub fn refused(&mut self, address: SocketAddr, reason: Refusal) -> Vec<Seed> {
        let mut refused = Vec::new();
        for known in self.known.iter_mut().filter(|known| known.is_asking(address)) {
            known.trouble = Some(JoinFailure::Refused(reason));
            for asked in known.asked.iter_mut().filter(|asked| asked.address == address) {
                asked.has_refused = true;
            }
            if known.asked.iter().all(|asked| asked.has_refused) {
                refused.push(known.seed.clone());
            }
        }
        self.has_changed |= !refused.is_empty();
        refused
    }

    /// Whoever listens at `address` has answered without being understood; the protocol goes on
    /// asking.
    pub fn locked_out(&mut self, address: SocketAddr, failure: JoinFailure) {
        for known in self.known.iter_mut().filter(|known| known.is_asking(address)) {
            known.trouble = Some(failure.clone());
            self.has_changed = true;
        }
    }

    /// The member `id` is dead or gone: seeds through which it admitted this one are asked again,
    /// some time later, since all others have noticed as well. At once if nobody else is left.
    pub fn lost(&mut self, id: NodeId, live: usize, now: Instant) {
        if live == 1 {
            return self.restart(now);
        }
        let at = now.after(visit_pause(live).mul_f64(self.rng.f64()));
        self.begin_again(|known| known.stage == Stage::Admitted(id), at, now);
    }

    /// Asks through all seeds anew.
    pub fn restart(&mut self, now: Instant) {
        let at = now.after(self.pauses.least.mul_f64(self.rng.f64()));
        self.begin_again(|_| true, at, now);
    }

    fn begin_again(&mut self, whom: impl Fn(&Known) -> bool, at: Instant, now: Instant) {
        for known in self.known.iter_mut().filter(|known| whom(known)) {
            self.outdated.extend(known.turn());
            known.begin(self.pauses, at, now);
            self.has_changed = true;
        }
    }

    /// What the protocol is to be told, and how all seeds stand, if anything has changed.
    pub fn take_changes(&mut self) -> Option<(Vec<Change>, Vec<SeedStatus>)> {
        if !std::mem::take(&mut self.has_changed) {
            return None;
        }
        let wanted: BTreeSet<_> = self.known.iter().flat_map(Known::turn).collect();
        let cancelled = self.told.difference(&wanted).copied().map(Change::Cancel);
        let is_new = |address: &&SocketAddr| {
            !self.told.contains(*address) || self.outdated.contains(*address)
        };
        let new = wanted.iter().filter(is_new).copied().map(Change::Ask);
        let changes = cancelled.chain(new).collect();
        self.told = wanted;
        self.outdated.clear();
        Some((changes, self.known.iter().map(Known::status).collect()))
    }

    /// The protocol did not take `address`, for which there will be another turn.
    pub fn not_asked(&mut self, address: SocketAddr) {
        self.told.remove(&address);
        for known in &mut self.known {
            known.asked.retain(|asked| asked.address != address);
        }
    }

    fn look_up(&mut self, place: usize, live: usize, now: Instant) {
        let known = &mut self.known[place];
        match known.place.clone() {
            Place::Address(address) => self.take_addresses(place, Ok(vec![address]), live, now),
            Place::Name { .. } if self.lookups_running >= LOOKUPS_MAX => {
                known.stage = Stage::Due(now);
            }
            Place::Name { host, port } => {
                known.stage = Stage::LookedUp;
                self.lookups_running += 1;
                self.lookups.push(Lookup { seed: known.seed.clone(), host, port });
            }
        }
    }

    /// Addresses that are known stay in use while the name has none.
    fn take_addresses(
        &mut self,
        place: usize,
        found: Result<Vec<SocketAddr>, ResolveError>,
        live: usize,
        now: Instant,
    ) {
        self.has_changed = true;
        let known = &mut self.known[place];
        match found.map_err(JoinFailure::Unresolved).and_then(|found| self.me.others(found)) {
            Ok(mut addresses) => {
                self.rng.shuffle(&mut addresses);
                addresses.truncate(ADDRESSES_MAX);
                known.addresses = addresses;
                let is_old = |trouble: &JoinFailure| {
                    use JoinFailure::{NotAllowed, OwnAddress, Unresolved};
                    matches!(trouble, Unresolved(_) | OwnAddress | NotAllowed)
                };
                known.trouble = known.trouble.take().filter(|trouble| !is_old(trouble));
            }
            Err(failure) => {
                if matches!(failure, JoinFailure::OwnAddress | JoinFailure::NotAllowed) {
                    known.addresses.clear();
                    // Whoever is the first of its cluster need not wait for others.
                    self.settled.push((known.seed.clone(), Err(failure.clone())));
                }
                known.trouble = Some(failure);
            }
        }
        if self.is_admitted_already(place) {
            return;
        }
        let known = &mut self.known[place];
        known.asked.clear();
        let pause = jittered(known.next_pause(self.pauses), &mut self.rng);
        if known.addresses.is_empty() {
            known.stage = Stage::Due(now.after(pause.max(visit_pause(live))));
            return;
        }
        self.turns += 1;
        known.turned = self.turns;
        known.stage = Stage::Asking(now.after(if live > 1 { VISIT_TIME } else { pause }));
        self.fill_turns(live);
    }

    /// Whether another seed stands for one of the same addresses, and has done its work.
    fn is_admitted_already(&mut self, place: usize) -> bool {
        let addresses = &self.known[place].addresses;
        let by_same = |other: &Known| match other.stage {
            Stage::Admitted(by) => other.turn().find(|at| addresses.contains(at)).zip(Some(by)),
            _ => None,
        };
        let Some((address, by)) = self.known.iter().find_map(by_same) else { return false };
        let known = &mut self.known[place];
        known.asked = vec![Asked { address, has_refused: false }];
        let seed = known.end_with(address, by, &mut self.has_changed);
        self.settled.push((seed, Ok(by)));
        true
    }

    /// Hands out the room the protocol has, first to those who have waited longest.
    fn fill_turns(&mut self, live: usize) {
        let is_asking = |known: &&Known| matches!(known.stage, Stage::Asking(_) | Stage::LookedUp);
        let asking = self.known.iter().filter(is_asking).count().max(1);
        let share = if live > 1 { 1 } else { (SEEDS_MAX / asking).max(1) };
        let mut waiting: Vec<usize> = (0..self.known.len())
            .filter(|&place| is_asking(&&self.known[place]) && self.known[place].asked.is_empty())
            .collect();
        waiting.sort_by_key(|&place| self.known[place].turned);
        for place in waiting {
            let room = SEEDS_MAX.saturating_sub(self.asked_count());
            self.known[place].ask(share.min(room));
        }
    }

    /// How many addresses have yet to answer.
    fn asked_count(&self) -> usize {
        let pending = |known: &&Known| !matches!(known.stage, Stage::Admitted(_));
        let asked = self.known.iter().filter(pending).flat_map(Known::turn);
        asked.collect::<BTreeSet<_>>().len()
    }

    fn end_turn(&mut self, place: usize, live: usize, now: Instant) {
        let answer = self.pauses.answer;
        let known = &mut self.known[place];
        let was_asked = known.asked.iter().any(|asked| !asked.has_refused);
        if was_asked && known.trouble.is_none() && now.since(known.wanted_since) >= answer {
            known.trouble = Some(JoinFailure::NoAnswer);
            self.has_changed = true;
        }
        if live == 1 {
            return self.look_up(place, live, now);
        }
        known.asked.clear();
        let pause = jittered(known.next_pause(self.pauses).max(visit_pause(live)), &mut self.rng);
        known.stage = Stage::Due(now.after(pause));
        self.has_changed = true;
    }

    fn find(&self, seed: &Seed) -> Option<&Known> {
        self.known.iter().find(|known| known.seed == *seed)
    }

    fn find_mut(&mut self, seed: &Seed) -> Option<&mut Known> {
        self.known.iter_mut().find(|known| known.seed == *seed)
    }
}

impl Known {
    fn begin(&mut self, pauses: Pauses, at: Instant, now: Instant) {
        self.stage = Stage::Due(at);
        self.asked.clear();
        self.tried.clear();
        self.pause = pauses.least;
        self.wanted_since = now;
    }

    /// The addresses whose turn it is.
    fn turn(&self) -> impl Iterator<Item = SocketAddr> {
        self.asked.iter().map(|asked| asked.address)
    }

    fn is_asking(&self, address: SocketAddr) -> bool {
        let is_open = !matches!(self.stage, Stage::Admitted(_));
        is_open && self.asked.iter().any(|asked| asked.address == address)
    }

    /// The protocol keeps the address that let this member in, and may ask it again by itself.
    fn end_with(&mut self, address: SocketAddr, by: NodeId, has_changed: &mut bool) -> Seed {
        self.stage = Stage::Admitted(by);
        self.asked.retain(|asked| asked.address == address);
        self.trouble = None;
        *has_changed = true;
        self.seed.clone()
    }

    /// Gives `count` addresses their turn, those first that had none yet.
    fn ask(&mut self, count: usize) {
        let (new, old): (Vec<_>, Vec<_>) =
            self.addresses.iter().partition(|&address| !self.tried.contains(address));
        if new.len() < count {
            self.tried.clear();
        }
        let turn: Vec<SocketAddr> = new.into_iter().chain(old).take(count).copied().collect();
        self.tried.retain(|address| self.addresses.contains(address));
        self.tried.extend(&turn);
        self.asked =
            turn.into_iter().map(|address| Asked { address, has_refused: false }).collect();
    }

    fn next_pause(&mut self, pauses: Pauses) -> Duration {
        let pause = self.pause;
        self.pause = pause.saturating_mul(2).min(pauses.most);
        pause
    }

    fn status(&self) -> SeedStatus {
        let admitted_by = match self.stage {
            Stage::Admitted(by) => Some(by),
            _ => None,
        };
        SeedStatus {
            seed: self.seed.clone(),
            addresses: self.addresses.clone(),
            admitted_by,
            trouble: self.trouble.clone(),
        }
    }
}

/// Nothing while this member is alone: nobody else waits for the same seeds then.
fn visit_pause(live: usize) -> Duration {
    let others = u32::try_from(live.saturating_sub(1)).unwrap_or(u32::MAX);
    VISIT_PAUSE_PER_MEMBER.saturating_mul(others)
}

fn jittered(pause: Duration, rng: &mut Rng) -> Duration {
    pause.mul_f64(0.5 + rng.f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allow::AllowList;

    const PAUSES: Pauses = Pauses {
        least: Duration::from_millis(400),
        most: Duration::from_secs(10),
        answer: Duration::from_secs(5),
    };

    fn address(number: usize) -> SocketAddr {
        let [high, low] = (number as u16).to_be_bytes();
        SocketAddr::from(([10, 0, high, low], 7946))
    }

    /// The seeds of one member, a name server that is told what to say, and the protocol.
    struct World {
        seeds: Seeds,
        now: Instant,
        live: usize,
        asked: BTreeSet<SocketAddr>,
        /// How often anything was asked anew.
        asks: usize,
        lookups: usize,
    }

    impl World {
        fn new() -> Self {
            let me = Myself {
                local_addr: address(0),
                advertised: address(0),
                allow: AllowList::default(),
            };
            Self {
                seeds: Seeds::new(me, PAUSES, 7),
                now: Instant::ZERO,
                live: 1,
                asked: BTreeSet::new(),
                asks: 0,
                lookups: 0,
            }
        }

        fn add(&mut self, seeds: &[&str]) {
            for &seed in seeds {
                assert_eq!(self.seeds.add(&seed.into(), self.now), Ok(()));
            }
        }

        /// Lets time pass; every name stands for `addresses`.
        fn pass(&mut self, time: Duration, addresses: &[usize]) {
            let say = || Ok(addresses.iter().copied().map(address).collect());
            self.pass_with(time, |_| say(), |_| {});
        }

        /// Looks at what is asked after every step.
        fn pass_with(
            &mut self,
            time: Duration,
            answer: impl Fn(&str) -> Result<Vec<SocketAddr>, ResolveError>,
            mut look: impl FnMut(&BTreeSet<SocketAddr>),
        ) {
            let end = self.now.after(time);
            loop {
                self.seeds.step(self.live, self.now);
                while let Some(Lookup { seed, host, .. }) = self.seeds.poll_lookup() {
                    self.lookups += 1;
                    let found = Found { seed, addresses: answer(&host) };
                    self.seeds.found(found, self.live, self.now);
                }
                self.tell();
                look(&self.asked);
                match self.seeds.deadline() {
                    Some(next) if next <= end => self.now = self.now.max(next),
                    _ => break,
                }
            }
            self.now = end;
        }

        fn tell(&mut self) {
            let Some((changes, _)) = self.seeds.take_changes() else { return };
            for change in changes {
                match change {
                    Change::Ask(address) => {
                        self.asks += 1;
                        self.asked.insert(address);
                    }
                    Change::Cancel(address) => assert!(self.asked.remove(&address)),
                }
            }
        }

        fn asks(&self, addresses: &[usize]) -> bool {
            self.asked == addresses.iter().copied().map(address).collect()
        }

        fn trouble(&self, seed: &str) -> Option<JoinFailure> {
            self.seeds.trouble(&seed.into())
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_name_stands_for_what_it_was_last_found_to_be() {
        let mut world = World::new();
        world.add(&["db:7946"]);
        world.pass(Duration::ZERO, &[1, 2, 3, 0]);
        assert!(world.asks(&[1, 2, 3]), "all of it, and not this member itself");
        world.pass(SECOND, &[1, 2, 3]);
        assert!(world.asks == 3 && world.lookups > 1, "asking goes on, and is not begun anew");
        world.pass(60 * SECOND, &[3, 4]);
        assert!(world.asks(&[3, 4]));
    }

    #[test]
    fn lookups_become_rare_and_never_end() {
        let mut world = World::new();
        world.add(&["db:7946"]);
        for _ in 0..3 {
            world.lookups = 0;
            world.pass(1_000 * SECOND, &[]);
            assert!((60..250).contains(&world.lookups), "{}", world.lookups);
        }
        let none = JoinFailure::Unresolved(ResolveError::NoAddress);
        assert_eq!(world.trouble("db:7946"), Some(none));
        world.pass(20 * SECOND, &[1]);
        assert!(world.asks(&[1]));
        assert_eq!(world.trouble("db:7946"), Some(JoinFailure::NoAnswer));
    }

    #[test]
    fn addresses_stay_in_use_while_a_name_has_none() {
        let mut world = World::new();
        world.add(&["db:7946"]);
        world.pass(SECOND, &[1]);
        world.pass_with(60 * SECOND, |_| Err(ResolveError::TimedOut), |_| {});
        assert!(world.asks(&[1]));
        let timed_out = JoinFailure::Unresolved(ResolveError::TimedOut);
        assert_eq!(world.trouble("db:7946"), Some(timed_out));
    }

    #[test]
    fn a_name_of_this_member_alone_is_looked_up_again() {
        let mut world = World::new();
        world.add(&["db:7946"]);
        world.pass(SECOND, &[0]);
        assert!(world.asks(&[]));
        assert_eq!(world.trouble("db:7946"), Some(JoinFailure::OwnAddress));
        world.pass(20 * SECOND, &[0, 1]);
        assert!(world.asks(&[1]));
        let own = world.seeds.add(&address(0).into(), world.now);
        assert_eq!(own, Err(JoinFailure::OwnAddress), "an address does not change");
    }

    #[test]
    fn many_addresses_take_turns() {
        let mut world = World::new();
        world.add(&["db:7946"]);
        let all: Vec<_> = (1..=20).map(address).collect();
        let mut seen = BTreeSet::new();
        world.pass_with(
            60 * SECOND,
            |_| Ok(all.clone()),
            |asked| {
                assert_eq!(asked.len(), SEEDS_MAX);
                seen.extend(asked.iter().copied());
            },
        );
        assert_eq!(seen, all.into_iter().collect());
    }

    #[test]
    fn many_seeds_take_turns() {
        let mut world = World::new();
        let names: Vec<_> = (1..=20).map(|name| format!("{name}:7946")).collect();
        world.add(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut seen = BTreeSet::new();
        let answer = |host: &str| Ok(vec![address(host.parse().unwrap())]);
        world.pass_with(120 * SECOND, answer, |asked| {
            assert!(asked.len() <= SEEDS_MAX);
            seen.extend(asked.iter().copied());
        });
        assert_eq!(seen, (1..=20).map(address).collect());
    }

    #[test]
    fn who_admits_speaks_for_all_addresses_until_gone() {
        let mut world = World::new();
        world.add(&["db:7946"]);
        world.pass(SECOND, &[1, 2, 3]);
        let by = NodeId::new(9);
        assert_eq!(world.seeds.admitted(address(2), by), ["db:7946".into()]);
        let lookups = world.lookups;
        world.pass(1_000 * SECOND, &[4]);
        assert!(world.asks(&[2]) && world.lookups == lookups, "known, and left alone");

        world.seeds.lost(NodeId::new(8), 1, world.now);
        world.seeds.lost(by, 1, world.now);
        let asks = world.asks;
        world.pass(SECOND, &[2, 4]);
        assert!(world.asks(&[2, 4]) && world.asks == asks + 2, "this one too is asked anew");
    }

    #[test]
    fn a_member_of_a_large_cluster_asks_seldom_and_one_at_a_time() {
        let mut world = World::new();
        world.add(&["db:7946"]);
        world.pass(SECOND, &[1, 2, 3]);
        world.seeds.admitted(address(2), NodeId::new(9));
        world.live = 1_000;
        world.seeds.lost(NodeId::new(9), world.live, world.now);
        (world.asks, world.lookups) = (0, 0);
        let most = |asked: &BTreeSet<SocketAddr>| assert!(asked.len() <= 1);
        world.pass_with(3_000 * SECOND, |_| Ok(vec![address(1), address(3)]), most);
        assert!((8..=40).contains(&world.asks), "{}", world.asks);
        assert!(world.lookups <= 40, "{}", world.lookups);
        assert!(world.asks(&[]));

        world.live = 1;
        world.seeds.lost(NodeId::new(10), world.live, world.now);
        world.pass(SECOND, &[1, 3]);
        assert!(world.asks(&[1, 3]), "left alone it asks them all, and at once");
    }

    #[test]
    fn an_address_that_two_seeds_stand_for_is_asked_until_neither_is_wanted() {
        let mut world = World::new();
        world.add(&["db:7946", "10.0.0.1:7946"]);
        world.pass(Duration::ZERO, &[1, 2]);
        assert!(world.asks(&[1, 2]));
        world.seeds.forget(&"db:7946".into());
        world.tell();
        assert!(world.asks(&[1]));
        assert_eq!(world.seeds.admitted(address(1), NodeId::new(9)).len(), 1);
    }

    #[test]
    fn a_refusal_is_known_when_all_that_are_asked_refuse() {
        let mut world = World::new();
        world.add(&["db:7946"]);
        world.pass(Duration::ZERO, &[1, 2]);
        let refuse =
            |world: &mut World, number| world.seeds.refused(address(number), Refusal::OtherCluster);
        assert_eq!(refuse(&mut world, 1), []);
        assert_eq!(refuse(&mut world, 2), ["db:7946".into()]);
        let refused = JoinFailure::Refused(Refusal::OtherCluster);
        assert_eq!(world.trouble("db:7946"), Some(refused));
    }

    #[test]
    fn lookups_that_hang_keep_the_others_waiting_and_nobody_busy() {
        let mut world = World::new();
        let names: Vec<_> = (0..2 * LOOKUPS_MAX).map(|name| format!("{name}:7946")).collect();
        world.add(&names.iter().map(String::as_str).collect::<Vec<_>>());
        world.seeds.step(1, world.now);
        let started: Vec<_> = std::iter::from_fn(|| world.seeds.poll_lookup()).collect();
        assert_eq!((started.len(), world.seeds.deadline()), (LOOKUPS_MAX, None));
        let Lookup { seed, .. } = started[0].clone();
        let found = Found { seed, addresses: Err(ResolveError::TimedOut) };
        world.seeds.found(found, 1, world.now);
        assert_eq!(world.seeds.deadline(), Some(world.now));
    }

    #[test]
    fn seeds_are_bounded_and_those_that_have_done_their_work_go_first() {
        let mut world = World::new();
        let seed = |number: usize| Seed::from(address(number));
        for number in 1..=KNOWN_MAX {
            assert_eq!(world.seeds.add(&seed(number), world.now), Ok(()));
        }
        let full = world.seeds.add(&seed(99), world.now);
        assert_eq!(full, Err(JoinFailure::TooManySeeds));
        assert_eq!(world.seeds.add(&seed(1), world.now), Ok(()), "known already");
        world.pass(Duration::ZERO, &[]);
        let asked = *world.asked.first().expect("somebody");
        world.seeds.admitted(asked, NodeId::new(9));
        assert_eq!(world.seeds.add(&seed(99), world.now), Ok(()));
    }
}
