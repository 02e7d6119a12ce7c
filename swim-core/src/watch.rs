//! Members the application watches: kept in the table of a leaf, and, if it asks for that, pinged
//! at regular intervals of their own, so that their silence can be weighed.
//!
//! ```text
//!          heard                 asked           passed                    answered
//! silence  |---------------------|- - - - stall |--------------------------|
//! φ        0 ................... grows, stands still, grows on ............. 0
//! ```
//!
//! Silence is counted by a clock that stands still while a ping is overdue: then it is this node
//! that is late. So no stall, sleep or full outbox of its own, however short, raises anybody's
//! level.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::accrual::{Accrual, Arrivals, Curve, LEVEL_MAX, LEVEL_MIN, Reach, micros_u32};
use crate::error::WatchError;
use crate::member::NodeId;
use crate::storage::{Bounds, List};
use crate::time::{Instant, micros};

/// Pings to a watched member are at least so far apart: 10 ms.
pub const WATCH_INTERVAL_MIN: Duration = Duration::from_millis(10);
/// Pings to a watched member are at most so far apart: a minute.
pub const WATCH_INTERVAL_MAX: Duration = Duration::from_secs(60);

/// Whoever was silent for more intervals was away: the average of its answers counts so many.
pub const GAP_INTERVALS_MAX: u32 = 8;
/// The low bits of a ping's number count the pings.
const COUNT_BITS: u32 = 0xff;
/// An answer to an older ping than so many says nothing of now: somebody may have held it back.
const ANSWERED_PINGS_MAX: u32 = 8;

/// How a member is watched: see [`Node::watch`](crate::Node::watch).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Between two pings to it: [`WATCH_INTERVAL_MIN`] to [`WATCH_INTERVAL_MAX`]. Zero: it has none
    /// of its own, and no level; it is only kept in the table.
    pub interval: Duration,
    /// The application hears when its level passes this one, and when it is below again. From 0.5
    /// to 64; [`LEVEL_DEFAULT`](Self::LEVEL_DEFAULT) unless set.
    pub level: f32,
    /// What its answers are taken to be like.
    pub accrual: Accrual,
}

impl Watch {
    /// The threshold that Akka and Cassandra come with.
    pub const LEVEL_DEFAULT: f32 = 8.0;

    /// Pings every `interval`, and the normal distribution in Akka's proportions: a deviation of a
    /// tenth of the interval at least, and a pause of three.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        let deviation_min = Duration::from_micros(micros(interval) / 10);
        let accrual = Accrual::Normal { deviation_min, pause: interval.saturating_mul(3) };
        Self { interval, level: Self::LEVEL_DEFAULT, accrual }
    }

    fn validate(&self) -> Result<(), WatchError> {
        let range = WATCH_INTERVAL_MIN..=WATCH_INTERVAL_MAX;
        if !self.interval.is_zero() && !range.contains(&self.interval) {
            return Err(WatchError::Interval);
        }
        // What is no number is in no range.
        match (LEVEL_MIN..=LEVEL_MAX).contains(&self.level) {
            true => Ok(()),
            false => Err(WatchError::Level),
        }
    }
}

impl From<Duration> for Watch {
    fn from(interval: Duration) -> Self {
        Self::every(interval)
    }
}

/// Everybody who is watched.
pub struct Watches<B: Bounds> {
    list: B::Watched<Watched>,
}

/// Somebody who is watched.
#[derive(Debug)]
pub struct Watched {
    id: NodeId,
    /// In microseconds. Zero if it is not pinged, and neither has anything below a meaning.
    interval: u32,
    curve: Curve,
    /// Where the level of the application is.
    reach: Reach,
    arrivals: Arrivals,
    /// The number of its last ping.
    number: u32,
    /// Pings since the one that was last answered.
    unanswered: u8,
    ping_at: Instant,
    /// When it last answered, on the clock of its pings. Without a meaning unless `is_heard`.
    heard_at: Instant,
    /// It has answered, and has been there since.
    is_heard: bool,
    /// Of the doubt that began when it last answered.
    doubt: Doubt,
    /// Its level has passed that of the application.
    is_raised: bool,
    /// The same as the application was told.
    is_told: bool,
}

/// How far a doubt about somebody has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// It is below [`PROBE_LEVEL`](crate::PROBE_LEVEL).
    None,
    /// A probe ought to be running, and could not begin: again after the next ping.
    Waiting,
    /// It has been probed, or is suspect already.
    Probed,
}

/// What is to be done for somebody who is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchStep {
    /// It is silent for longer than usual: probe it, and say so if that began.
    Probe(NodeId),
    /// Ask it for an answer with this number.
    Ping { target: NodeId, number: u32 },
}

impl<B: Bounds> Watches<B> {
    pub fn new(bounds: &B) -> Self {
        Self { list: bounds.watched() }
    }

    /// Watches somebody, or somebody in another way, from now on. What nobody can guess of the
    /// numbers of its pings is `secret`.
    ///
    /// # Errors
    ///
    /// Settings out of range, or too many are watched; nothing changed.
    pub fn watch(
        &mut self,
        id: NodeId,
        watch: Watch,
        secret: u32,
        now: Instant,
    ) -> Result<(), WatchError> {
        watch.validate()?;
        let mut watched = Watched::new(id, watch, secret, now);
        if let Some(before) = self.find(id) {
            watched.is_told = before.is_told;
            *before = watched;
            return Ok(());
        }
        self.list.push(watched).map_err(|_| WatchError::TooMany)
    }

    /// Watches somebody no longer. Returns whether it was watched.
    pub fn unwatch(&mut self, id: NodeId) -> bool {
        let place = self.list.as_slice().iter().position(|watched| watched.id == id);
        place.and_then(|place| self.list.swap_remove(place)).is_some()
    }

    pub fn is_watched(&self, id: NodeId) -> bool {
        self.ids().any(|watched| watched == id)
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn len(&self) -> usize {
        self.list.as_slice().len()
    }

    pub fn ids(&self) -> impl Iterator<Item = NodeId> + Clone {
        self.list.as_slice().iter().map(|watched| watched.id)
    }

    /// φ of somebody who has answered and is to answer; `None` of anybody else.
    pub fn level(&self, id: NodeId, now: Instant) -> Option<f32> {
        let watched = self.list.as_slice().iter().find(|watched| watched.id == id)?;
        watched.is_heard.then(|| {
            let Watched { arrivals, .. } = watched;
            let silence = watched.clock(now).since(watched.heard_at);
            watched.curve.accrual().level(arrivals.mean(), arrivals.deviation(), silence)
        })
    }

    /// When the next step is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.list.as_slice().iter().filter_map(Watched::deadline).min()
    }

    /// A step that is due at `now`, if one is.
    pub fn step(&mut self, now: Instant) -> Option<WatchStep> {
        self.list.as_mut_slice().iter_mut().find_map(|watched| watched.step(now))
    }

    /// A probe of somebody in doubt is running, or it is suspect: nothing more is to be done.
    pub fn note_probe(&mut self, id: NodeId) {
        if let Some(watched) = self.find(id) {
            watched.doubt = Doubt::Probed;
        }
    }

    /// Probes that were running are void: whoever is in doubt is to be probed anew.
    pub fn void_probes(&mut self) {
        self.list.as_mut_slice().iter_mut().for_each(|watched| watched.doubt = Doubt::None);
    }

    /// An answer came. Returns whether it is one to a ping of a watch, and news.
    pub fn ack(&mut self, number: u32, sender: NodeId, now: Instant) -> bool {
        self.find(sender).is_some_and(|watched| watched.ack(number, now))
    }

    /// Somebody has answered another question than those of its watch. That ends a doubt, and is no
    /// part of how its answers come.
    pub fn note_life(&mut self, id: NodeId, now: Instant) {
        if let Some(watched) = self.find(id)
            && watched.is_heard
            && watched.doubt != Doubt::None
        {
            watched.hear(now);
        }
    }

    /// Somebody is not there, or asleep: its silence means nothing until it has answered again.
    pub fn rest(&mut self, id: NodeId) {
        if let Some(watched) = self.find(id) {
            watched.is_heard = false;
            watched.doubt = Doubt::None;
        }
    }

    /// Whether the application has something to hear.
    pub fn has_news(&self) -> bool {
        self.list.as_slice().iter().any(|watched| watched.is_raised != watched.is_told)
    }

    /// The next thing to tell the application, noted as told: whose level has passed that of the
    /// application, or is below again.
    pub fn pop_news(&mut self) -> Option<(NodeId, bool)> {
        let watched = self.list.as_mut_slice().iter_mut();
        let watched = { watched }.find(|watched| watched.is_raised != watched.is_told)?;
        watched.is_told = watched.is_raised;
        Some((watched.id, watched.is_told))
    }

    fn find(&mut self, id: NodeId) -> Option<&mut Watched> {
        self.list.as_mut_slice().iter_mut().find(|watched| watched.id == id)
    }
}

impl Watched {
    fn new(id: NodeId, watch: Watch, secret: u32, now: Instant) -> Self {
        let Watch { interval, level, accrual } = watch;
        let interval = micros_u32(interval);
        Self {
            id,
            interval,
            curve: Curve::of(accrual),
            reach: Reach::of(level),
            arrivals: Arrivals::expected(interval),
            number: secret,
            unanswered: 0,
            ping_at: now,
            heard_at: now,
            is_heard: false,
            doubt: Doubt::None,
            is_raised: false,
            is_told: false,
        }
    }

    const fn is_pinged(&self) -> bool {
        self.interval > 0
    }

    /// The clock by which it is silent: it stands still while this node is late to ask.
    fn clock(&self, now: Instant) -> Instant {
        now.min(self.ping_at)
    }

    fn deadline(&self) -> Option<Instant> {
        let crossing = |reach| Some(self.passes_at(reach));
        let raise_at = if self.is_raised { None } else { crossing(self.reach) };
        let in_doubt = self.doubt != Doubt::None;
        let probe_at = if in_doubt { None } else { crossing(Reach::of_probes()) };
        let crossings = [raise_at, probe_at].into_iter().flatten().filter(|_| self.is_heard);
        self.is_pinged().then(|| crossings.fold(self.ping_at, Ord::min))
    }

    /// When it has been silent for so long.
    fn passes_at(&self, reach: Reach) -> Instant {
        let silence = self.curve.silence(&self.arrivals, reach);
        later(self.heard_at, silence)
    }

    fn step(&mut self, now: Instant) -> Option<WatchStep> {
        if !self.is_pinged() {
            return None;
        }
        let clock = self.clock(now);
        if self.is_heard {
            self.is_raised |= self.passes_at(self.reach) <= clock;
            if self.doubt == Doubt::None && self.passes_at(Reach::of_probes()) <= clock {
                self.doubt = Doubt::Waiting;
                return Some(WatchStep::Probe(self.id));
            }
        }
        (now >= self.ping_at).then(|| self.ping(now))
    }

    fn ping(&mut self, now: Instant) -> WatchStep {
        let lateness = micros_between(self.ping_at, now);
        self.heard_at = later(self.heard_at, lateness).min(now);
        self.ping_at = later(now, self.interval.into());
        self.unanswered = self.unanswered.saturating_add(1);
        self.number = (self.number & !COUNT_BITS) | (self.number.wrapping_add(1) & COUNT_BITS);
        if self.doubt == Doubt::Waiting {
            self.doubt = Doubt::None;
        }
        WatchStep::Ping { target: self.id, number: self.number }
    }

    /// An answer to an earlier ping than the last that was answered says nothing new.
    fn ack(&mut self, number: u32, now: Instant) -> bool {
        let age = self.number.wrapping_sub(number) & COUNT_BITS;
        let is_own = (self.number ^ number) & !COUNT_BITS == 0;
        let is_recent = age < u32::from(self.unanswered).min(ANSWERED_PINGS_MAX);
        let is_news = self.is_pinged() && is_own && is_recent;
        if is_news {
            self.unanswered = age as u8;
            // What is read while a ping is overdue may have waited to be read.
            if self.is_heard && now <= self.ping_at {
                let gap = micros_between(self.heard_at, now);
                let most = self.interval.saturating_mul(GAP_INTERVALS_MAX);
                self.arrivals.sample(u32::try_from(gap).unwrap_or(u32::MAX).min(most));
            }
            self.hear(now);
        }
        is_news
    }

    fn hear(&mut self, now: Instant) {
        self.heard_at = now;
        self.is_heard = true;
        self.is_raised = false;
        self.doubt = Doubt::None;
    }
}

// A `Duration` in between would cost a board some hundred bytes of divisions.

fn micros_between(earlier: Instant, now: Instant) -> u64 {
    now.as_micros().saturating_sub(earlier.as_micros())
}

fn later(moment: Instant, micros: u64) -> Instant {
    Instant::from_micros(moment.as_micros().saturating_add(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Server, WATCHED_MAX};

    const PEER: NodeId = NodeId::new(7);
    const INTERVAL: Duration = Duration::from_millis(100);
    const ROUND_TRIP: u64 = 5;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn ping(watches: &mut Watches<Server>, now: Instant) -> u32 {
        match watches.step(now) {
            Some(WatchStep::Ping { target: PEER, number }) => number,
            step => panic!("{step:?} at {now:?}"),
        }
    }

    /// The number of the ping, whatever else is to be done.
    fn ask(watches: &mut Watches<Server>, now: Instant) -> u32 {
        let mut steps = core::iter::from_fn(|| watches.step(now));
        let number = |step| match step {
            WatchStep::Ping { number, .. } => Some(number),
            WatchStep::Probe(_) => None,
        };
        steps.find_map(number).expect("a ping is due")
    }

    /// Watches from 0 on, and hears an answer to each of the first `pings`.
    fn heard(pings: u64) -> Watches<Server> {
        let mut watches = Watches::new(&Server);
        watches.watch(PEER, Watch::every(INTERVAL), 0xabcd_ef99, at(0)).unwrap();
        for turn in 0..pings {
            let number = ping(&mut watches, at(turn * 100));
            assert!(watches.ack(number, PEER, at(turn * 100 + ROUND_TRIP)));
        }
        watches
    }

    #[test]
    fn pings_are_even_and_of_their_answers_each_counts_once() {
        let mut watches = heard(1);
        assert_eq!(watches.deadline(), Some(at(100)));
        assert_eq!(watches.step(at(99)), None);
        let [second, third] = [100, 200].map(|millis| ping(&mut watches, at(millis)));
        assert!(!watches.ack(second, NodeId::new(8), at(201)), "it was not asked");
        assert!(!watches.ack(third.wrapping_add(1), PEER, at(201)), "there was no such ping");
        assert!(!watches.ack(third ^ 0x100, PEER, at(201)), "nor such a number");
        assert!(watches.ack(third, PEER, at(202)) && !watches.ack(third, PEER, at(203)));
        assert!(!watches.ack(second, PEER, at(204)), "a later one has been answered");
    }

    #[test]
    fn the_level_grows_until_an_answer_comes() {
        let mut watches = heard(20);
        let quiet = watches.level(PEER, at(1_906)).unwrap();
        assert!(quiet < 0.01, "{quiet}");
        let mut before = quiet;
        let mut raised_at = None;
        for millis in 1_907..2_800 {
            let now = at(millis);
            while watches.step(now).is_some() {}
            let level = watches.level(PEER, now).unwrap();
            assert!(level >= before - 1e-5, "{before} then {level} at {millis}");
            before = level;
            if let Some(news) = watches.pop_news() {
                assert_eq!((news, raised_at), ((PEER, true), None));
                raised_at = Some(millis);
                assert!(level >= 8.0, "{level}");
            }
        }
        // Mean and pause are 400 ms after the last answer, the deviation at least 10 ms.
        assert!(raised_at.is_some_and(|millis| (1_905 + 450..1_905 + 600).contains(&millis)));
        watches.note_life(PEER, at(2_800));
        assert_eq!(watches.pop_news(), Some((PEER, false)));
        assert!(watches.level(PEER, at(2_800)).unwrap() < 0.01);
    }

    #[test]
    fn what_was_over_before_anybody_asked_is_no_news() {
        let mut watches = heard(20);
        let number = (20..42).fold(0, |_, turn| ask(&mut watches, at(turn * 100)));
        assert!(watches.level(PEER, at(4_100)).unwrap() > 8.0 && watches.has_news());
        assert!(watches.ack(number, PEER, at(4_105)));
        assert!(!watches.has_news() && watches.pop_news().is_none());
    }

    #[test]
    fn answers_that_somebody_held_back_say_nothing_of_now() {
        let mut watches = heard(20);
        let numbers: Vec<_> = (20..30).map(|turn| ask(&mut watches, at(turn * 100))).collect();
        let before = watches.level(PEER, at(2_905)).unwrap();
        assert!(!watches.ack(numbers[1], PEER, at(2_905)), "nine pings ago");
        assert_eq!(watches.level(PEER, at(2_905)), Some(before));
        assert!(watches.ack(numbers[2], PEER, at(2_905)));
    }

    #[test]
    fn the_deadline_is_where_levels_are_passed() {
        let mut watches = heard(20);
        let (mut probed, mut raised) = (None, None);
        while raised.is_none() {
            let now = watches.deadline().unwrap();
            while let Some(step) = watches.step(now) {
                if step == WatchStep::Probe(PEER) {
                    probed = probed.or(Some(watches.level(PEER, now).unwrap()));
                    watches.note_probe(PEER);
                }
            }
            raised = watches.pop_news().map(|_| watches.level(PEER, now).unwrap());
        }
        let [probed, raised] = [probed, raised].map(Option::unwrap);
        assert!(
            (0.99..1.05).contains(&probed) && (8.0..8.1).contains(&raised),
            "{probed} {raised}"
        );
    }

    /// However late this node is, by less than counts as a stall or by an hour.
    #[test]
    fn who_is_late_to_ask_waits_as_much_longer() {
        for lateness in [1, 40, 240, 3_600_000] {
            let mut watches = heard(20);
            let late = at(2_000 + lateness);
            let before = watches.level(PEER, at(2_000)).unwrap();
            assert_eq!(watches.level(PEER, late), Some(before), "{lateness} ms late");
            let number = ping(&mut watches, late);
            assert_eq!(watches.level(PEER, late), Some(before));
            assert!(!watches.has_news());
            let moments = |watches: &Watches<Server>| watches.list.as_slice()[0].arrivals;
            let usual = moments(&watches).deviation();
            assert!(watches.ack(number, PEER, late.after(Duration::from_millis(ROUND_TRIP))));
            assert!(moments(&watches).deviation() <= usual, "{lateness} ms late");
        }
    }

    #[test]
    fn answers_read_after_a_stall_are_no_long_gap() {
        let mut watches = heard(20);
        let number = ping(&mut watches, at(2_000));
        let before = watches.list.as_slice()[0].arrivals;
        // It came at 2 005, and is read before the next ping, which is due at 2 100, goes out.
        assert!(watches.ack(number, PEER, at(9_000)));
        assert_eq!(watches.list.as_slice()[0].arrivals, before);
        let level = watches.level(PEER, at(9_000));
        assert!(level.is_some_and(|level| level < 0.01), "{level:?}");
    }

    #[test]
    fn who_is_not_there_has_no_level_until_it_answers() {
        let mut watches = heard(20);
        watches.rest(PEER);
        assert_eq!(watches.level(PEER, at(9_000)), None);
        let number = ping(&mut watches, at(9_000));
        assert_eq!(watches.step(at(9_000)), None, "nobody is in doubt");
        watches.note_life(PEER, at(9_001));
        assert_eq!(watches.level(PEER, at(9_001)), None, "it was not asked by a watch");
        assert!(watches.ack(number, PEER, at(9_002)));
        assert!(watches.level(PEER, at(9_003)).is_some_and(|level| level < 0.01));
    }

    #[test]
    fn a_probe_for_which_there_was_no_room_waits_for_the_next_ping() {
        let mut watches = heard(20);
        let steps: Vec<_> = (1_910..2_700)
            .flat_map(|millis| {
                core::iter::from_fn(|| watches.step(at(millis)))
                    .map(move |step| (millis, step))
                    .collect::<Vec<_>>()
            })
            .filter(|(_, step)| *step == WatchStep::Probe(PEER))
            .map(|(millis, _)| millis)
            .collect();
        assert!(steps.len() > 2 && steps[1..].iter().all(|millis| millis % 100 == 0), "{steps:?}");
        watches.note_probe(PEER);
        assert!(
            (2_700..4_000).all(|millis| watches.step(at(millis)) != Some(WatchStep::Probe(PEER)))
        );
    }

    #[test]
    fn so_many_can_be_watched_and_no_more() {
        let mut watches = Watches::new(&Server);
        let mut watch = |id: u64, watch: Watch| watches.watch(NodeId::new(id), watch, 0, at(0));
        let kept = Watch::every(Duration::ZERO);
        assert!((0..WATCHED_MAX as u64).all(|id| watch(id, kept).is_ok()));
        assert!(watch(0, INTERVAL.into()).is_ok(), "it is already");
        assert_eq!(watch(99, kept), Err(WatchError::TooMany));
        assert!(watches.unwatch(NodeId::new(0)) && !watches.unwatch(NodeId::new(0)));
        assert!(watches.watch(NodeId::new(99), kept, 0, at(0)).is_ok());
        assert_eq!((watches.deadline(), watches.step(at(9))), (None, None), "only kept");
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let mut watches = Watches::new(&Server);
        let mut watch = |watch| watches.watch(PEER, watch, 0, at(0));
        for micros in [1, 9_999, 60_000_001] {
            let interval = Duration::from_micros(micros);
            assert_eq!(watch(Watch::every(interval)), Err(WatchError::Interval));
        }
        for level in [0.0, 0.49, 64.1, -1.0, f32::NAN, f32::INFINITY] {
            let settings = Watch { level, ..Watch::every(INTERVAL) };
            assert_eq!(watch(settings), Err(WatchError::Level));
        }
        assert!(watches.is_empty());
    }
}
