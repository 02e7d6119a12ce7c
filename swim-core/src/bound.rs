//! How long it takes at the longest until everybody knows of a crash: the rules of
//! [`Detector::Witness`] added up, term by term.
//!
//! ```text
//! crash          ping         accusation      first death                                all
//! | probed ------| probing ---| wait ---------| hearers -| repair -| last_wait -----------|
//!   R1: a round    R3: stages   R6, R8, R12     R6: lead   R13       R9: one voice alone
//! ```
//!
//! Half of all crashes are known to everybody in a fifth of that. What is left is for those whom
//! gossip misses: each update is sent so often by everybody that one member in three thousand hears
//! nothing of it. Who missed the suspicion takes the death for one (R9), with a single voice, and
//! waits four floors; who missed both is told by anti-entropy, and waits as long.

use core::time::Duration;

use crate::config::{Config, Settings};
use crate::detector::{CONFIRMATIONS_MAX, Detector};
use crate::health::Health;
use crate::heartbeats::{PAUSE_MIN, is_surely_direct};
use crate::probe::RELAYS_ASKED_MAX;
use crate::round_trip::TIMEOUT_MEDIANS;
use crate::storage::Board;
use crate::sync::STREAK_MIN;
use crate::time::{part, times};

/// Rounds from a crash to a probe of the victim: it may have been probed first in one and be probed
/// last in the next.
const ROUNDS_PHASE: u32 = 2;
/// A slow clock leaves a round out now and then, to keep up with the fastest.
const ROUNDS_DRIFT: u32 = 1;
/// Where everybody is probed every round, from one turn to the next; and somebody may go.
const ROUNDS_DIRECT: u32 = 2;
/// Answer timeouts that a probe whose ping is lost takes longer: one is usual.
const LOSS_TIMEOUTS: u64 = 4;
/// What chance does less often than this, in a thousand million crashes, is left out.
const CHANCE_MAX: u64 = 1_000;
const CERTAIN: u64 = 1_000_000_000;
/// Probes in vain that are reckoned with; where more may be, there is no bound.
const VAIN_MAX: u32 = 64;
/// Questions and answers of a reconciliation that finds one row.
const REPAIR_STEPS: u32 = 4;
/// Clocks tell a time wrong by less than one part in so many.
const CLOCK_PARTS: u32 = 1_000;

/// What a [`DetectionBound`] takes for granted, besides that the members know each other when one
/// crashes, and that its crash is the only one; that nobody is a leaf or asleep; that they have
/// measured round trips, are in good health, do not stand still, and run on clocks that are off by
/// less than 500 parts in a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assumptions {
    /// The longest a packet takes one way. Default: 10 ms.
    pub delay_max: Duration,
    /// Packets lost, each by itself, of a thousand. Default: 10.
    pub loss_permille: u16,
    /// The longest patience that any member is granted. Default: none.
    pub patience: Duration,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self { delay_max: Duration::from_millis(10), loss_permille: 10, patience: Duration::ZERO }
    }
}

/// The longest time from a crash to everybody knowing, in its terms.
///
/// Chance has a part in it, for packets are lost and gossip chooses its targets: what is less
/// likely than once in a million crashes is left out of each term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetectionBound {
    /// From the crash to the ping of a probe that ends in an accusation: the rotation (R1), and a
    /// round more for each probe that may find no witness (R4).
    pub probed: Duration,
    /// From that ping to the accusation: the stages (R3).
    pub probing: Duration,
    /// From the accusation to the first death: as long as the voices that are sure to be there
    /// leave (R5, R6), a verification (R8), or the patience granted (R12).
    pub wait: Duration,
    /// From there until those have judged too who heard of the suspicion: they heard of it later,
    /// and leave the accusers a lead (R6).
    pub hearers: Duration,
    /// From there until anti-entropy has told whoever heard nothing.
    pub repair: Duration,
    /// From there until they have judged, with the word of one (R9), behind the accusers (R6).
    pub last_wait: Duration,
}

impl DetectionBound {
    /// From the crash to the first who holds the member dead.
    pub fn first(&self) -> Duration {
        by_any_clock(self.probed.saturating_add(self.probing).saturating_add(self.wait))
    }

    /// From the crash until all hold it dead who live and can be reached.
    pub fn all(&self) -> Duration {
        let rest = self.hearers.saturating_add(self.repair).saturating_add(self.last_wait);
        self.first().saturating_add(by_any_clock(rest))
    }
}

impl Config {
    /// How long it takes at the longest until everybody knows of a crash among `members` living
    /// members, the crashed one included, all with these settings.
    ///
    /// Under [`Detector::Swim`] it is the paper's own bound, in which every member finds the crash
    /// alone (SWIM section 4.3). `None` under the other detectors: their probe intervals stretch
    /// with local health, and whom they probe is left to chance. `None` also without anti-entropy,
    /// where so much is lost that no probe may ever find a witness, and for fewer than two members.
    pub fn detection_bound(&self, members: usize, assumed: &Assumptions) -> Option<DetectionBound> {
        if members < 2 {
            return None;
        }
        match self.detector {
            Detector::Swim => Some(swim_bound(self, members)),
            _ if self.detector.rules() == Detector::Witness.rules() => {
                let reckoning = Reckoning::new(self, members, assumed)?;
                reckoning.bound()
            }
            _ => None,
        }
    }
}

/// Every member probes every other in 2n - 1 periods, and waits for its own suspicion to end.
fn swim_bound(config: &Config, members: usize) -> DetectionBound {
    let others = u32::try_from(members).unwrap_or(u32::MAX).saturating_sub(1);
    let periods = others.saturating_mul(2).saturating_sub(1);
    let settings = Settings::<Duration>::of(config);
    DetectionBound {
        probed: times(config.probe_interval, periods),
        probing: config.probe_interval,
        wait: settings.suspicion_bounds(members).timeout_max,
        hearers: Duration::ZERO,
        repair: Duration::ZERO,
        last_wait: Duration::ZERO,
    }
}

/// What the terms are made of.
struct Reckoning<'a> {
    config: &'a Config,
    settings: Settings<Duration>,
    members: usize,
    assumed: &'a Assumptions,
    /// How often a question or its answer is lost, of a million.
    lost: u64,
    /// Relays that can be asked in one probe.
    relays: u32,
    /// Probes it may take until one finds a witness.
    probes: u32,
    /// The longest wait for an answer.
    answer_timeout: Duration,
}

impl<'a> Reckoning<'a> {
    fn new(config: &'a Config, members: usize, assumed: &'a Assumptions) -> Option<Self> {
        let arriving = 1_000u64.saturating_sub(assumed.loss_permille.into());
        let lost = 1_000_000u64.saturating_sub(arriving.saturating_mul(arriving));
        let rules = config.detector.rules();
        let relays = usize::from(config.indirect_probes.saturating_mul(rules.stages));
        let relays = relays.min(RELAYS_ASKED_MAX).min(members.saturating_sub(2));
        let relays = u32::try_from(relays).unwrap_or(u32::MAX);
        let probes = match relays {
            0 => 1,
            relays => in_a_row(lost)?.div_ceil(relays).max(1),
        };
        // Each in vain costs its prober a point of health, which stretches the timeout.
        let mut health = Health::new(rules.health_max);
        health.worsen(u8::try_from(probes.saturating_sub(1)).unwrap_or(u8::MAX));
        let measured = times(assumed.delay_max, 2u32.saturating_mul(TIMEOUT_MEDIANS));
        let answer_timeout = measured.max(config.probe_timeout_min).min(config.probe_timeout_max);
        let answer_timeout = times(answer_timeout, u32::from(health.score() / 2).saturating_add(1));
        let settings = Settings::of(config);
        Some(Self { config, settings, members, assumed, lost, relays, probes, answer_timeout })
    }

    fn bound(&self) -> Option<DetectionBound> {
        let is_direct = is_surely_direct(self.members, self.config.direct_below);
        // Where everybody finds out alone, or there is nobody else, nobody need be told.
        let told = !is_direct && self.members > 2;
        let if_told = |term: Duration| if told { term } else { Duration::ZERO };
        let lead = self.settings.accusers_lead(self.members);
        let repair = if told && !self.config.anti_entropy { None } else { self.repair() };
        Some(DetectionBound {
            probed: self.probed(is_direct),
            probing: self.probing(),
            wait: self.wait(self.confirmations()),
            hearers: if_told(times(lead, 2)),
            repair: if_told(repair?),
            last_wait: if_told(self.wait(0).saturating_add(lead)),
        })
    }

    fn probed(&self, is_direct: bool) -> Duration {
        let vain = self.probes.saturating_sub(1);
        if is_direct {
            return times(self.direct_round(), ROUNDS_DIRECT.saturating_add(vain));
        }
        let rounds = ROUNDS_PHASE.saturating_add(ROUNDS_DRIFT).saturating_add(vain);
        times(self.config.probe_interval, rounds)
    }

    /// Where everybody is probed in a round, those for whom there is no room wait for the others:
    /// some members may be boards, which have the least.
    fn direct_round(&self) -> Duration {
        let lost = self.lost.saturating_mul(LOSS_TIMEOUTS);
        let waiting = times(self.answer_timeout, u32::try_from(lost).unwrap_or(u32::MAX));
        let probe = times(self.assumed.delay_max, 2).saturating_add(part(waiting, 1_000_000));
        let peers = u32::try_from(self.members.saturating_sub(1)).unwrap_or(u32::MAX);
        let at_once = u32::try_from(Board::PROBES_MAX).unwrap_or(1);
        let interval = self.config.probe_interval;
        let pause = PAUSE_MIN.min(interval);
        interval.max(part(times(probe, peers), at_once)).max(times(pause, peers))
    }

    /// A stage without relays takes one answer timeout, and one with relays as long as they take to
    /// nack, or two if one is not heard.
    fn probing(&self) -> Duration {
        let timeout = self.answer_timeout;
        let stage = match (self.relays, self.lost) {
            (0, _) => timeout,
            (_, 0) => timeout.saturating_add(times(self.assumed.delay_max, 2)),
            _ => times(timeout, 2),
        };
        let stages = self.config.detector.rules().stages.into();
        timeout.saturating_add(times(stage.min(times(timeout, 2)), stages))
    }

    /// Voices besides the accuser's that are sure to be there; a cluster too small for all of them
    /// does not wait for the others.
    fn confirmations(&self) -> usize {
        let silent = most_of(self.relays, self.lost);
        let sure = self.relays.saturating_sub(silent).max(self.relays.min(1)) as usize;
        let all = usize::from(CONFIRMATIONS_MAX);
        let missing = all.saturating_sub(self.members.saturating_sub(2).min(all));
        sure.saturating_add(missing)
    }

    fn wait(&self, confirmations: usize) -> Duration {
        let floor = self.settings.suspicion_floor(self.answer_timeout);
        let wait = floor.wait(confirmations).max(floor.verification_len());
        wait.max(self.assumed.patience.min(self.config.patience_max))
    }

    /// Three digests in a row that differ, over `sync_after`, each with a probe of its own; then
    /// the row, found by asking and answering.
    fn repair(&self) -> Option<Duration> {
        let lost = in_a_row(self.lost)?;
        let digests = u32::from(STREAK_MIN).saturating_add(lost).saturating_add(1);
        let compared = times(self.config.probe_interval, digests);
        let compared =
            compared.max(self.config.sync_after.saturating_add(self.config.probe_interval));
        let answer = times(self.assumed.delay_max, 2u32.saturating_mul(TIMEOUT_MEDIANS));
        let answer = answer.max(self.config.sync_timeout);
        Some(compared.saturating_add(times(answer, REPAIR_STEPS.saturating_add(lost))))
    }
}

/// How many in a row may be lost, where each is `lost` times in a million.
fn in_a_row(lost: u64) -> Option<u32> {
    let mut chance = CERTAIN;
    for count in 0..VAIN_MAX {
        if chance < CHANCE_MAX {
            return Some(count);
        }
        chance = chance.saturating_mul(lost) / 1_000_000;
    }
    None
}

/// How many of so many may be lost, where each is `lost` times in a million.
fn most_of(all: u32, lost: u64) -> u32 {
    let mut chance = CERTAIN;
    for count in 1..=all {
        let left = u64::from(all.saturating_sub(count).saturating_add(1));
        let more = chance.saturating_mul(lost) / 1_000_000;
        chance = more.saturating_mul(left).checked_div(count.into()).unwrap_or(0);
        if chance < CHANCE_MAX {
            return count.saturating_sub(1);
        }
    }
    all
}

fn by_any_clock(time: Duration) -> Duration {
    time.saturating_add(part(time, CLOCK_PARTS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::Lifeguard;

    fn assuming(loss_permille: u16) -> Assumptions {
        Assumptions { delay_max: Duration::from_millis(2), loss_permille, ..Default::default() }
    }

    fn bound(config: Config, members: usize, loss_permille: u16) -> DetectionBound {
        config.detection_bound(members, &assuming(loss_permille)).unwrap()
    }

    fn millis(time: Duration) -> u128 {
        time.as_millis()
    }

    #[test]
    fn the_terms_are_those_of_the_rules() {
        let quiet = bound(Config::lan(), 64, 0);
        assert_eq!(millis(quiet.probed), 3_000);
        assert_eq!(millis(quiet.probing), 200 + 3 * 204);
        assert_eq!(millis(quiet.wait), 2_500);
        assert_eq!(millis(quiet.hearers), 2 * 7 * 200);
        assert_eq!(millis(quiet.last_wait), 10_000 + 7 * 200);
        let lossy = bound(Config::lan(), 64, 50);
        assert_eq!(millis(lossy.probing), 7 * 200);
        assert!(lossy.wait >= quiet.wait && lossy.repair > quiet.repair);
    }

    #[test]
    fn more_of_anything_that_delays_makes_it_longer() {
        let base = bound(Config::lan(), 16, 10);
        let patience = Duration::from_secs(9);
        let patient = Assumptions { patience, ..assuming(10) };
        let slow = Assumptions { delay_max: Duration::from_millis(60), ..assuming(10) };
        for assumed in [patient, slow, assuming(100)] {
            let more = Config::lan().detection_bound(16, &assumed).unwrap();
            assert!(more.first() > base.first() && more.all() > base.all(), "{assumed:?}");
        }
        assert!(bound(Config::lan(), 100, 10).all() > base.all());
        assert!(bound(Config::lan_fast(), 16, 10).all() < base.all());
    }

    #[test]
    fn in_a_small_cluster_probes_may_find_no_witness_and_two_have_nobody_to_tell() {
        assert_eq!(millis(bound(Config::lan(), 3, 0).probed), 3_000);
        assert!(millis(bound(Config::lan(), 3, 50).probed) > 6_000);
        let two = bound(Config::lan(), 2, 50);
        assert_eq!(two.first(), two.all());
        assert_eq!(millis(two.wait), 2_500);
    }

    #[test]
    fn who_probes_everybody_finds_out_alone() {
        let direct = Config { direct_below: 16, ..Config::lan() };
        let everybody = bound(direct, 8, 0);
        assert_eq!(everybody.first(), everybody.all());
        assert!(everybody.first() < bound(Config::lan(), 8, 0).first());
        // It may have been larger a moment ago.
        assert_eq!(bound(direct, 12, 0), bound(Config::lan(), 12, 0));
    }

    #[test]
    fn a_round_of_more_probes_than_fit_takes_longer() {
        let direct = Config { direct_below: 256, ..Config::lan() };
        let far = Assumptions { delay_max: Duration::from_millis(30), ..assuming(0) };
        let probed =
            |assumed: Assumptions| millis(direct.detection_bound(190, &assumed).unwrap().probed);
        assert_eq!((probed(assuming(0)), probed(far)), (2_000, 2 * 189 * 60 / 2));
        assert!(probed(Assumptions { loss_permille: 10, ..far }) > probed(far));
    }

    #[test]
    fn where_chance_decides_there_is_none() {
        let with = |detector| Config { detector, ..Config::lan() };
        let assumed = assuming(0);
        for lifeguard in [Lifeguard::Paper, Lifeguard::Memberlist] {
            let config = with(Detector::Lifeguard(lifeguard));
            assert_eq!(config.detection_bound(8, &assumed), None);
        }
        assert_eq!(Config::lan().detection_bound(8, &assuming(1_000)), None);
        assert_eq!(Config::lan().detection_bound(1, &assumed), None);
        let unrepaired = Config { anti_entropy: false, ..Config::lan() };
        assert_eq!(unrepaired.detection_bound(8, &assumed), None);
        // SWIM section 4.3: 2n - 1 periods, and here one to verify and 4 ln(9) to refute.
        let swim = with(Detector::Swim).detection_bound(8, &assumed).unwrap();
        assert_eq!((millis(swim.probed), millis(swim.probing)), (13_000, 1_000));
        assert_eq!(swim.first(), swim.all());
    }
}
