//! The probes in flight: SWIM section 3.1 with Lifeguard's nacks (section IV-A), in one stage or in
//! several (R3).
//!
//! ```text
//! start      timeout                     end
//! | ping ----| ping k relays ------------| verdict             SWIM, Lifeguard
//!
//! start      timeout           all nacked, or two timeouts
//! | ping ----| ping, k relays -| ping, k others -| ping, k others -| verdict       staged
//! ```
//!
//! Probing is cheap and gossip about a suspect is dear: with three stages instead of one a cluster
//! that loses 30 % of its datagrams raises a thirtieth of the suspicions.

use core::time::Duration;

use crate::detector::STAGES_MAX;
use crate::heartbeats::Heartbeats;
use crate::judge::{VOICES_MAX, Voices};
use crate::member::{NodeId, Voice};
use crate::rotation::Rotation;
use crate::stall::STALL_MIN;
use crate::storage::{Bounds, List};
use crate::time::{Instant, Micros, micros, times};

/// Relays that one probe can ask altogether.
pub const RELAYS_ASKED_MAX: usize = 12;
/// Pings of one probe: the first, and one at each stage.
const PINGS_MAX: usize = STAGES_MAX as usize + 1;
/// The low bits of a ping's number tell which of these it is.
const PING_BITS: u32 = 0b11;
/// An answer later than this, and than so many timeouts, says nothing about how long answers take.
const LATE_MAX: Duration = Duration::from_secs(10);
const LATE_TIMEOUTS: u32 = 14;
/// Relays that have to be refused, besides the prober, before a member is dead at once.
const REFUSED_RELAYS_MIN: usize = 2;

/// Whom this node probes now, when it probes next, and in which round.
pub struct Prober<B: Bounds> {
    running: B::Probes<Probe>,
    next_at: Instant,
    /// What the numbers of verifications follow from.
    secret: u64,
    /// The round it is in.
    pub rotation: Rotation,
    /// How far that has come.
    pub heartbeats: Heartbeats,
}

/// One probe.
#[derive(Debug)]
pub struct Probe {
    /// What the numbers of its pings share; the low bits tell them apart.
    number: u32,
    target: NodeId,
    /// As its plan says.
    timeout: Micros,
    window: Option<Micros>,
    stages: u8,
    /// Stages begun; one ping more has been sent.
    stage: u8,
    started_at: Instant,
    /// When its pings were sent, in microseconds after the start.
    sent_after: [u32; PINGS_MAX],
    /// When the present stage ends; `None` once the verdict was given and only late answers matter.
    step_at: Option<Instant>,
    asked: heapless::Vec<Asked, RELAYS_ASKED_MAX, u8>,
    /// The target's host said that nothing listens there, this many times.
    refusals: u8,
    /// It was started out of turn.
    is_besides: bool,
}

/// A relay that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    relay: Voice,
    answer: RelayAnswer,
}

/// What became of a request to a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RelayAnswer {
    None,
    /// It could not reach the target.
    Nack,
    /// It was told that nothing listens there.
    Refused,
}

/// How a probe goes on when no ack comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// From the ping to the first stage.
    pub timeout: Duration,
    /// How many stages follow.
    pub stages: u8,
    /// From the ping to the verdict, whatever comes; `None`: two timeouts for each stage, less if
    /// every relay has answered.
    pub window: Option<Duration>,
}

/// What is to be done about the probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is time to choose a target and start.
    Start,
    /// No ack came: ask relays, and ping again if the plan says so.
    Stage { target: NodeId, number: u32, ping_again: bool },
    /// Nobody reached the target.
    Failed { target: NodeId, findings: Findings },
}

/// What a probe without an ack has found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Findings {
    /// Relays asked.
    pub asked: u8,
    /// How many of them nacked.
    pub nacks: u8,
    /// The first of those that did.
    pub nackers: Voices,
}

/// Whose ack it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckOf {
    /// The target's own, and how long after its ping.
    Target(Duration),
    /// Passed on by a relay that was asked.
    Relay,
}

/// An ack that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acked {
    pub target: NodeId,
    pub ack_of: AckOf,
    /// The verdict had been given already.
    pub late: bool,
}

impl<B: Bounds> Prober<B> {
    /// The first probe starts at `first_at`.
    pub fn new(first_at: Instant, secret: u64, bounds: &B) -> Self {
        Self {
            running: bounds.probes(),
            next_at: first_at,
            secret,
            rotation: Rotation::new(),
            heartbeats: Heartbeats::new(),
        }
    }

    /// How many can run at once.
    pub fn len_max(&self) -> usize {
        self.running.len_max()
    }

    /// When the next step is due.
    pub fn deadline(&self) -> Instant {
        let start = if self.is_occupied() { Instant::MAX } else { self.next_at };
        self.running.as_slice().iter().filter_map(|probe| probe.step_at).fold(start, Ord::min)
    }

    /// A probe with a window lets none run beside it: late ticks are dropped, as memberlist's are.
    fn is_occupied(&self) -> bool {
        self.running
            .as_slice()
            .iter()
            .any(|probe| probe.step_at.is_some() && probe.window.is_some())
    }

    /// The step that is due at `now`, if one is. Ends of probes come before the start of the next.
    pub fn step(&mut self, now: Instant) -> Option<Step> {
        let due = |probe: &&mut Probe| probe.step_at.is_some_and(|at| at <= now);
        match self.running.as_mut_slice().iter_mut().find(due) {
            Some(probe) => Some(probe.step(now)),
            None => (now >= self.next_at && !self.is_occupied()).then_some(Step::Start),
        }
    }

    /// Starts a probe; the next one is due after `interval`. False when too many are running.
    ///
    /// A round of many probes keeps to its time, although timers fire late.
    pub fn start(
        &mut self,
        (target, number): (NodeId, u32),
        plan: Plan,
        interval: Duration,
        now: Instant,
    ) -> bool {
        self.skip(interval, now);
        self.add(Probe::new((target, number), plan, now))
    }

    /// Starts a probe out of turn: one at a time, which makes room for those that have a turn.
    /// False when there is none.
    pub fn start_besides(
        &mut self,
        (target, number): (NodeId, u32),
        plan: Plan,
        now: Instant,
    ) -> bool {
        let undecided = self.running.as_slice().iter().filter(|probe| probe.step_at.is_some());
        let has_room = undecided.clone().count().saturating_add(1) < self.running.len_max();
        let is_first = undecided.clone().all(|probe| !probe.is_besides);
        let probe = Probe { is_besides: true, ..Probe::new((target, number), plan, now) };
        has_room && is_first && self.add(probe)
    }

    /// The number of the first ping of the probe that was started with `number`.
    pub const fn first_ping(&self, number: u32) -> u32 {
        number & !PING_BITS
    }

    /// Whether a number is that of the first stage.
    pub const fn is_first_stage(&self, number: u32) -> bool {
        number & PING_BITS == 1
    }

    /// Lets `interval` pass: there is nobody to probe.
    pub fn skip(&mut self, interval: Duration, now: Instant) {
        let is_in_time = now.since(self.next_at) < STALL_MIN;
        let is_one_of_many = self.heartbeats.turn().is_some();
        let start = if is_in_time && is_one_of_many { self.next_at } else { now };
        self.next_at = start.after(interval);
    }

    /// Forgets all probes; the next begins a round. Returns how many had no verdict yet.
    pub fn clear(&mut self) -> usize {
        self.heartbeats.end_round();
        let running =
            self.running.as_slice().iter().filter(|probe| probe.step_at.is_some()).count();
        self.running.reset();
        running
    }

    /// Whether the probe with this number has asked `relay` already.
    pub fn has_asked(&self, number: u32, relay: Voice) -> bool {
        let probe = self.running.as_slice().iter().find(|probe| probe.owns(number));
        probe.is_some_and(|probe| probe.asked.iter().any(|asked| asked.relay == relay))
    }

    /// Notes that `relay` was asked; false when it is one too many.
    pub fn asked(&mut self, number: u32, relay: Voice) -> bool {
        let asked = Asked { relay, answer: RelayAnswer::None };
        self.find(number).is_some_and(|probe| probe.asked.push(asked).is_ok())
    }

    /// Notes that `asked` relays were newly asked, which says how long the stage may take.
    pub fn stage_begun(&mut self, number: u32, asked: usize, now: Instant) {
        if let Some(probe) = self.find(number)
            && probe.window.is_none()
        {
            let timeouts = if asked > 0 { 2 } else { 1 };
            probe.step_at = Some(now.after(times(probe.timeout.duration(), timeouts)));
        }
    }

    /// An ack came. Ends the probe if it was asked for; `None` otherwise, and nothing changed.
    pub fn ack(&mut self, number: u32, sender: NodeId, now: Instant) -> Option<Acked> {
        let place = self.running.as_slice().iter().position(|probe| probe.owns(number))?;
        let probe = self.running.as_slice().get(place)?;
        let ack_of = if probe.target == sender {
            AckOf::Target(now.since(probe.sent_at(number & PING_BITS)?))
        } else {
            let relay = Voice::from(sender);
            probe.asked.iter().find(|asked| asked.relay == relay)?;
            AckOf::Relay
        };
        let late = probe.step_at.is_none();
        let late_max = times(probe.timeout.duration(), LATE_TIMEOUTS).max(LATE_MAX);
        if late && now.since(probe.started_at) > late_max {
            return None;
        }
        let target = self.running.remove(place)?.target;
        Some(Acked { target, ack_of, late })
    }

    /// A nack came. Counts once for each relay that was asked, and tells about whom; `None` for
    /// anything else.
    pub fn nack(
        &mut self,
        number: u32,
        sender: NodeId,
        refused: bool,
        now: Instant,
    ) -> Option<NodeId> {
        let probe = self.find(number).filter(|probe| probe.step_at.is_some())?;
        let relay = Voice::from(sender);
        let waits = |asked: &&mut Asked| asked.relay == relay && asked.answer == RelayAnswer::None;
        let asked = probe.asked.iter_mut().find(waits)?;
        asked.answer = if refused { RelayAnswer::Refused } else { RelayAnswer::Nack };
        probe.hurry_if_all_answered(now);
        Some(probe.target)
    }

    /// The host of `target` says that nothing listens there: its first stage begins at once.
    /// Returns whether it was being probed.
    pub fn refused(&mut self, target: NodeId, now: Instant) -> bool {
        let about = |probe: &&mut Probe| probe.target == target && probe.step_at.is_some();
        let Some(probe) = self.running.as_mut_slice().iter_mut().find(about) else { return false };
        probe.refusals = probe.refusals.saturating_add(1);
        if probe.stage == 0 && probe.window.is_none() {
            probe.step_at = Some(now);
        }
        true
    }

    /// Who found that nothing listens at the address of `target`, if that is enough to declare it
    /// dead (R11): this node twice, as `me`, and as many relays as there are, two at the most.
    pub fn refused_by(&self, target: NodeId, me: Voice) -> Option<Voices> {
        let about = |probe: &&Probe| probe.target == target && probe.step_at.is_some();
        let probe = self.running.as_slice().iter().find(about)?;
        let refused = |asked: &&Asked| asked.answer == RelayAnswer::Refused;
        let needed = REFUSED_RELAYS_MIN.min(probe.asked.len());
        let enough = probe.asked.iter().filter(refused).count() >= needed;
        (enough && probe.stage > 0 && probe.refusals > 1).then(|| {
            let mut judges = Voices::one(me);
            let relays = probe.asked.iter().filter(refused).take(REFUSED_RELAYS_MIN);
            relays.for_each(|asked| judges.insert(asked.relay));
            judges
        })
    }

    /// The target of a probe without a verdict, if `fits` accepts it.
    pub fn find_target(&self, fits: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let undecided = self.running.as_slice().iter().filter(|probe| probe.step_at.is_some());
        undecided.map(|probe| probe.target).find(|&target| fits(target))
    }

    /// The turn of `target` has come: if it is being probed, that is the probe of its turn. Returns
    /// whether it is.
    pub fn adopt(&mut self, target: NodeId) -> bool {
        let undecided = |probe: &&mut Probe| probe.target == target && probe.step_at.is_some();
        let adopted = self.running.as_mut_slice().iter_mut().find(undecided);
        adopted.map(|probe| probe.is_besides = false).is_some()
    }

    /// A number for pings to `target` about what began `since`: a suspicion to be verified (R8), a
    /// watch. Follows from both, so that nothing need be remembered and nobody can guess it.
    pub const fn secret_number(&self, target: NodeId, since: Instant) -> u32 {
        let episode = NodeId::new(target.number() ^ since.as_micros().rotate_left(32)).mixed();
        (NodeId::new(episode ^ self.secret).mixed() >> 32) as u32
    }

    /// Ends the probe of `target` without a verdict: it is known to be gone.
    pub fn forget(&mut self, target: NodeId) {
        self.running.retain(|probe| probe.target != target);
    }

    /// In the place of one that only late answers matter to, or else of one out of turn, if there
    /// is no other.
    fn add(&mut self, probe: Probe) -> bool {
        let place =
            |gives_way: fn(&Probe) -> bool| self.running.as_slice().iter().position(gives_way);
        if self.running.is_full()
            && let Some(over) =
                place(|probe| probe.step_at.is_none()).or_else(|| place(|probe| probe.is_besides))
        {
            self.running.remove(over);
        }
        self.running.push(probe).is_ok()
    }

    fn find(&mut self, number: u32) -> Option<&mut Probe> {
        self.running.as_mut_slice().iter_mut().find(|probe| probe.owns(number))
    }
}

impl Probe {
    fn new((target, number): (NodeId, u32), plan: Plan, now: Instant) -> Self {
        Self {
            number: number & !PING_BITS,
            target,
            timeout: Micros::of(plan.timeout),
            window: plan.window.map(Micros::of),
            stages: plan.stages,
            stage: 0,
            started_at: now,
            sent_after: [0; PINGS_MAX],
            step_at: Some(now.after(plan.timeout)),
            asked: heapless::Vec::new(),
            refusals: 0,
            is_besides: false,
        }
    }

    fn owns(&self, number: u32) -> bool {
        self.number == number & !PING_BITS
    }

    fn step(&mut self, now: Instant) -> Step {
        let window_end = self.window.map(|window| self.started_at.after(window.duration()));
        if self.stage >= self.stages.min(STAGES_MAX) {
            self.step_at = None;
            return Step::Failed { target: self.target, findings: self.findings() };
        }
        self.stage = self.stage.saturating_add(1);
        if let Some(after) = self.sent_after.get_mut(usize::from(self.stage)) {
            *after = u32::try_from(micros(now.since(self.started_at))).unwrap_or(u32::MAX);
        }
        self.step_at = Some(window_end.unwrap_or_else(|| now.after(self.timeout.duration())));
        let number = self.number | u32::from(self.stage);
        Step::Stage { target: self.target, number, ping_again: window_end.is_none() }
    }

    /// When the first, second, ... of its pings was sent.
    fn sent_at(&self, ping: u32) -> Option<Instant> {
        let after = *self.sent_after.get(ping as usize)?;
        Some(self.started_at.after(Duration::from_micros(after.into())))
    }

    /// A stage is over when everybody who was asked has answered.
    fn hurry_if_all_answered(&mut self, now: Instant) {
        let all = self.asked.iter().all(|asked| asked.answer != RelayAnswer::None);
        if all && self.window.is_none() {
            self.step_at = Some(now);
        }
    }

    fn findings(&self) -> Findings {
        let nacked = self.asked.iter().filter(|asked| asked.answer != RelayAnswer::None);
        let mut nackers = Voices::NONE;
        // One voice is the prober's own.
        let others_max = VOICES_MAX.saturating_sub(1);
        nacked.clone().take(others_max).for_each(|asked| nackers.insert(asked.relay));
        Findings { asked: self.asked.len() as u8, nacks: nacked.count() as u8, nackers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{PROBES_MAX, Server};

    const TARGET: NodeId = NodeId::new(1);
    const RELAYS: [NodeId; 3] = [NodeId::new(2), NodeId::new(3), NodeId::new(4)];
    const ME: Voice = Voice(77);
    const SECOND: Duration = Duration::from_secs(1);
    const SWIM: Plan =
        Plan { timeout: Duration::from_millis(500), stages: 1, window: Some(SECOND) };
    const STAGED: Plan = Plan { timeout: Duration::from_millis(200), stages: 3, window: None };

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn started(plan: Plan) -> Prober<Server> {
        let mut prober = Prober::new(at(0), 5, &Server);
        assert_eq!(prober.step(at(0)), Some(Step::Start));
        assert!(prober.start((TARGET, 8), plan, SECOND, at(0)));
        prober
    }

    fn voice(id: NodeId) -> Voice {
        Voice::from(id)
    }

    /// Takes the stage that is due and asks `relays`.
    fn stage(prober: &mut Prober<Server>, now: Instant, relays: &[NodeId]) -> u32 {
        let Some(Step::Stage { target: TARGET, number, .. }) = prober.step(now) else {
            panic!("no stage is due");
        };
        for &relay in relays {
            assert!(!prober.has_asked(number, voice(relay)));
            assert!(prober.asked(number, voice(relay)));
        }
        prober.stage_begun(number, relays.len(), now);
        number
    }

    fn findings(prober: &mut Prober<Server>, now: Instant) -> Findings {
        match prober.step(now) {
            Some(Step::Failed { target: TARGET, findings }) => findings,
            step => panic!("no verdict: {step:?}"),
        }
    }

    #[test]
    fn a_probe_of_one_stage_asks_relays_and_fails_at_the_end_of_its_window() {
        let mut prober = started(SWIM);
        assert_eq!(prober.step(at(499)), None);
        let number = stage(&mut prober, at(500), &RELAYS[..1]);
        assert_eq!(prober.nack(number, RELAYS[0], false, at(600)), Some(TARGET));
        assert_eq!(prober.nack(number, RELAYS[0], false, at(600)), None, "once each");
        assert_eq!(prober.nack(number, TARGET, false, at(600)), None, "not asked");
        assert_eq!(prober.step(at(999)), None, "nacks do not shorten the window");
        let found = findings(&mut prober, at(1_000));
        assert_eq!((found.asked, found.nacks), (1, 1));
        assert_eq!(prober.step(at(1_000)), Some(Step::Start));
    }

    #[test]
    fn a_staged_probe_goes_on_as_soon_as_everybody_has_nacked() {
        let mut prober = started(STAGED);
        let first = stage(&mut prober, at(200), &RELAYS);
        for relay in RELAYS {
            assert_eq!(prober.step(at(401)), None);
            prober.nack(first, relay, false, at(401));
        }
        stage(&mut prober, at(401), &[NodeId::new(5)]);
        assert_eq!(prober.deadline(), at(801), "two timeouts for one that is silent");
        stage(&mut prober, at(801), &[]);
        assert_eq!(prober.deadline(), at(1_000), "one timeout where nobody is asked");
        let found = findings(&mut prober, at(1_001));
        assert_eq!((found.asked, found.nacks, found.nackers.count()), (4, 3, 3));
    }

    #[test]
    fn an_ack_from_the_target_or_a_relay_ends_it_once() {
        let mut prober = started(STAGED);
        assert_eq!(prober.ack(16, TARGET, at(1)), None, "another number");
        assert_eq!(prober.ack(8, RELAYS[0], at(1)), None, "not asked yet");
        let acked = prober.ack(8, TARGET, at(3)).unwrap();
        assert_eq!(acked.ack_of, AckOf::Target(Duration::from_millis(3)));
        assert_eq!((acked.target, acked.late), (TARGET, false));
        assert_eq!(prober.ack(8, TARGET, at(3)), None, "a duplicate");
        assert_eq!(prober.deadline(), at(1_000));

        let mut prober = started(STAGED);
        let number = stage(&mut prober, at(200), &RELAYS);
        assert_eq!(prober.ack(number, RELAYS[1], at(210)).unwrap().ack_of, AckOf::Relay);
    }

    #[test]
    fn each_ping_has_its_own_round_trip_even_after_the_verdict() {
        let mut prober = started(STAGED);
        let second = stage(&mut prober, at(200), &[]);
        stage(&mut prober, at(400), &[]);
        stage(&mut prober, at(600), &[]);
        findings(&mut prober, at(800));
        assert_eq!(prober.find_target(|_| true), None);
        let acked = prober.ack(second, TARGET, at(1_000)).unwrap();
        assert_eq!(acked.ack_of, AckOf::Target(Duration::from_millis(800)));
        assert!(acked.late);

        let mut prober = started(SWIM);
        stage(&mut prober, at(500), &[]);
        findings(&mut prober, at(1_000));
        assert_eq!(prober.ack(8, TARGET, at(10_001)), None, "too late to mean anything");
    }

    #[test]
    fn verifications_have_numbers_of_their_own() {
        let prober = started(STAGED);
        let number = prober.secret_number(TARGET, at(5));
        assert_eq!(number, prober.secret_number(TARGET, at(5)));
        assert_ne!(number, prober.secret_number(TARGET, at(6)));
        assert_ne!(number, prober.secret_number(RELAYS[0], at(5)));
        assert_ne!(number, Prober::new(at(0), 6, &Server).secret_number(TARGET, at(5)));
    }

    #[test]
    fn three_who_are_refused_are_enough() {
        let mut prober = started(STAGED);
        assert!(!prober.refused(RELAYS[0], at(1)), "not probed");
        assert!(prober.refused(TARGET, at(1)));
        let number = stage(&mut prober, at(1), &RELAYS);
        prober.nack(number, RELAYS[0], true, at(3));
        prober.refused(TARGET, at(3));
        assert_eq!(prober.refused_by(TARGET, ME), None);
        prober.nack(number, RELAYS[1], false, at(4));
        assert_eq!(prober.refused_by(TARGET, ME), None);
        prober.nack(number, RELAYS[2], true, at(4));
        assert_eq!(prober.refused_by(TARGET, ME).map(|judges| judges.count()), Some(3));
    }

    #[test]
    fn one_refusal_may_be_the_moment_of_a_restart() {
        let mut prober = started(STAGED);
        prober.refused(TARGET, at(1));
        let number = stage(&mut prober, at(1), &RELAYS);
        for relay in RELAYS {
            prober.nack(number, relay, true, at(3));
        }
        assert_eq!(prober.refused_by(TARGET, ME), None);
        prober.refused(TARGET, at(3));
        assert!(prober.refused_by(TARGET, ME).is_some());
    }

    #[test]
    fn a_probe_whose_timer_comes_after_its_window_asks_relays_and_fails_at_once() {
        let mut prober = started(SWIM);
        stage(&mut prober, at(3_600_000), &RELAYS);
        assert_eq!(findings(&mut prober, at(3_600_000)).nacks, 0);
        assert_eq!(prober.step(at(3_600_000)), Some(Step::Start));
    }

    #[test]
    fn rounds_without_room_are_left_out_and_old_probes_make_room() {
        let mut prober = Prober::new(at(0), 5, &Server);
        for number in 1..=PROBES_MAX as u32 {
            assert!(prober.start((TARGET, number << 2), STAGED, SECOND, at(0)));
        }
        assert!(!prober.start((TARGET, 400), STAGED, SECOND, at(0)));
        for second in 10..14 {
            while prober.step(at(second * 1_000)).is_some_and(|step| step != Step::Start) {}
        }
        assert!(prober.start((TARGET, 400), STAGED, SECOND, at(14_000)));
        assert_eq!(prober.clear(), 1);
    }
}
