//! The settings as a node keeps them, on a board in a third of the bytes, and what follows from
//! them.

use core::time::Duration;

use crate::detector::{CONFIRMATIONS_MAX, Confirmations, Detector, Growth, Lifeguard, Rules};
use crate::flap::FlapPolicy;
use crate::log::{ln_ceil, log10_ceil, log10_milli};
use crate::round_trip::TimeoutRange;
use crate::suspicion::{Bounds, Floor};
use crate::time::{Span, micros, times};

use super::{Config, Label, TRANSMITS_MAX};

/// What keeps the healing attempts of a whole cluster below 20 a second.
const HEAL_INTERVAL_PER_MEMBER: Duration = Duration::from_millis(50);

/// Declares the settings: durations, which are kept as spans, and all others, which are kept as
/// they are.
macro_rules! settings {
    (durations: $($duration:ident)*; others: $($other:ident: $kind:ty),*;) => {
        /// A [`Config`], kept.
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct Settings<D> {
            $($duration: D,)*
            $(pub $other: $kind,)*
            pub rules: Rules,
            /// The rules are those of no detector that has a name.
            is_custom: bool,
            flap: Option<Flap<D>>,
        }

        impl<D: Span> Settings<D> {
            /// The same as `config`, as exact as the spans are.
            pub fn of(config: &Config) -> Self {
                Self {
                    $($duration: D::of(config.$duration),)*
                    $($other: config.$other,)*
                    rules: config.detector.rules(),
                    is_custom: matches!(config.detector, Detector::Custom(_)),
                    flap: config.flap.as_ref().map(Flap::of),
                }
            }

            /// The other way.
            pub fn config(&self) -> Config {
                Config {
                    $($duration: self.$duration(),)*
                    $($other: self.$other,)*
                    detector: self.detector(),
                    flap: self.flap(),
                }
            }

            $(pub fn $duration(&self) -> Duration {
                self.$duration.duration()
            })*
        }
    };
}

settings! {
    durations:
        pause_tolerance probe_interval probe_timeout probe_timeout_min probe_timeout_max
        patience_max gossip_interval gossip_to_dead_time sync_after sync_pause_min
        sync_pause_max sync_timeout heal_interval tombstone_time departed_time
        join_retry_min join_retry_max leave_timeout sleep_max sleep_margin;
    others:
        label: Label, indirect_probes: u8, suspicion_mult: u8, suspicion_max_mult: u8,
        gossip_nodes: u8, retransmit_mult: u8, anti_entropy: bool, sync_over_streams:
        bool, pages_per_second_max: u16, newcomers_per_second_max: u16, datagram_len_max: u16,
        incarnation_skew_max: u32, direct_below: u16;
}

/// A flap policy, kept.
#[derive(Clone, Copy, Debug)]
struct Flap<D> {
    points_max: u8,
    half_life: D,
    penalty: D,
    penalty_max: D,
}

impl<D: Span> Flap<D> {
    fn of(policy: &FlapPolicy) -> Self {
        let [half_life, penalty, penalty_max] =
            [policy.half_life, policy.penalty, policy.penalty_max].map(D::of);
        Self { points_max: policy.points_max, half_life, penalty, penalty_max }
    }

    fn policy(self) -> FlapPolicy {
        let [half_life, penalty, penalty_max] =
            [self.half_life, self.penalty, self.penalty_max].map(D::duration);
        FlapPolicy { points_max: self.points_max, half_life, penalty, penalty_max }
    }
}

impl<D: Span> Settings<D> {
    /// How failures are detected.
    pub fn detector(&self) -> Detector {
        let (paper, memberlist) = (Lifeguard::Paper, Lifeguard::Memberlist);
        let lifeguards = [Detector::Lifeguard(paper), Detector::Lifeguard(memberlist)];
        let mut named = [Detector::Witness, Detector::Swim].into_iter().chain(lifeguards);
        let found = named.find(|named| !self.is_custom && named.rules() == self.rules);
        found.unwrap_or(Detector::Custom(self.rules))
    }

    /// Whether members that come and go are held out, and how.
    pub fn flap(&self) -> Option<FlapPolicy> {
        self.flap.map(Flap::policy)
    }

    /// Between what the answer timeout may vary.
    pub fn timeout_range(&self) -> TimeoutRange {
        TimeoutRange {
            start: self.probe_timeout(),
            least: self.probe_timeout_min(),
            most: self.probe_timeout_max(),
        }
    }

    /// Between what the wait for an answer of anti-entropy may vary.
    pub fn sync_timeout_range(&self) -> TimeoutRange {
        let start = times(self.sync_timeout(), 5);
        TimeoutRange {
            start,
            least: self.sync_timeout(),
            most: self.probe_timeout_max().max(start),
        }
    }

    /// R6: how long a suspect may take to refute while answers may take `answer_timeout`.
    pub fn suspicion_floor(&self, answer_timeout: Duration) -> Floor {
        Floor::new(self.pause_tolerance(), answer_timeout, self.probe_timeout_min())
    }

    /// R6: how much longer than the accusers all others wait among `members`: as long as news takes
    /// to reach them all.
    pub fn accusers_lead(&self, members: usize) -> Duration {
        let bits = usize::BITS.saturating_sub(members.leading_zeros());
        let tick = match self.gossip_interval() {
            Duration::ZERO => self.probe_interval(),
            interval => interval,
        };
        times(tick, bits)
    }

    /// How long a suspect may take to refute among `members` known members, under the baselines.
    pub fn suspicion_bounds(&self, members: usize) -> Bounds {
        let members = u32::try_from(members).unwrap_or(u32::MAX);
        let growth_milli = match self.rules.growth {
            Growth::NaturalCeiling => ln_ceil(members.saturating_add(1)).saturating_mul(1_000),
            Growth::Decimal | Growth::DecimalFromTwo => log10_milli(members).max(1_000),
        };
        let interval_milli = micros(self.probe_interval()).saturating_mul(u64::from(growth_milli));
        let timeout_min = Duration::from_micros(
            interval_milli.saturating_mul(self.suspicion_mult.into()) / 1_000,
        );
        let confirmations_needed = self.confirmations_needed(members);
        let timeout_max = match confirmations_needed {
            0 => timeout_min,
            _ => times(timeout_min, self.suspicion_max_mult.into()),
        };
        Bounds { timeout_min, timeout_max, confirmations_needed }
    }

    fn confirmations_needed(&self, members: u32) -> u8 {
        match self.rules.confirmations {
            Confirmations::Unused => 0,
            Confirmations::Fixed(needed) => needed,
            Confirmations::FromMultiplier => {
                let needed = self.suspicion_mult.saturating_sub(2).min(CONFIRMATIONS_MAX);
                if members.saturating_sub(2) < needed.into() { 0 } else { needed }
            }
        }
    }

    /// How often an update is sent among `members` known members: lambda log n (SWIM section 4.1).
    pub fn transmits_max(&self, members: usize) -> u8 {
        let next = u32::try_from(members).unwrap_or(u32::MAX).saturating_add(1);
        let growth = match self.rules.growth {
            Growth::NaturalCeiling => ln_ceil(next),
            Growth::Decimal => log10_ceil(next),
            Growth::DecimalFromTwo => log10_ceil(next).max(2),
        };
        let transmits = growth.saturating_mul(self.retransmit_mult.into()).max(1);
        u8::try_from(transmits).unwrap_or(TRANSMITS_MAX).min(TRANSMITS_MAX)
    }

    /// Time between two attempts to heal among `members` live members.
    pub fn heal_interval_at(&self, members: usize) -> Duration {
        let members = u32::try_from(members).unwrap_or(u32::MAX);
        self.heal_interval().max(times(HEAL_INTERVAL_PER_MEMBER, members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::VOICES_MAX;
    use crate::time::ShortSpan;

    fn memberlist(config: Config) -> Settings<ShortSpan> {
        let detector = Detector::Lifeguard(Lifeguard::Memberlist);
        Settings::<ShortSpan>::of(&Config { detector, ..config })
    }

    #[test]
    fn settings_are_what_they_were() {
        let presets = [Config::lan(), Config::lan_fast(), Config::wan(), Config::local()];
        let custom = Config { detector: Detector::Custom(Rules::WITNESS), ..Config::radio() };
        let flap = Some(FlapPolicy::new());
        let swim = Config { detector: Detector::Swim, flap, ..Config::radio() };
        for config in presets.into_iter().chain([custom, swim]) {
            assert_eq!(Settings::<Duration>::of(&config).config(), config);
            assert_eq!(Settings::<ShortSpan>::of(&config).config(), config);
        }
    }

    /// memberlist's LAN values (config.go): minimum, then maximum, in milliseconds.
    #[test]
    fn suspicion_timeouts_are_memberlist_s() {
        for (members, least, most) in
            [(5, 4_000, 24_000), (10, 4_000, 24_000), (32, 6_020, 36_120), (100, 8_000, 48_000)]
        {
            let bounds = memberlist(Config::lan()).suspicion_bounds(members);
            assert_eq!(bounds.timeout_min.as_millis(), least, "{members}");
            assert_eq!(bounds.timeout_max.as_millis(), most, "{members}");
            assert_eq!(bounds.confirmations_needed, 2);
        }
        let three = memberlist(Config::lan()).suspicion_bounds(3);
        assert_eq!(three.timeout_max, three.timeout_min);
    }

    /// SWIM section 5: 3 ceil(ln(N + 1)) periods; Figure 3c steps at N = 20 and 54.
    #[test]
    fn swim_counts_whole_natural_logarithms() {
        let config = Config { detector: Detector::Swim, suspicion_mult: 3, ..Config::lan() };
        for (members, periods) in [(19, 9), (20, 12), (53, 12), (54, 15)] {
            assert_eq!(
                Settings::<ShortSpan>::of(&config).suspicion_bounds(members).timeout_max,
                Duration::from_secs(periods)
            );
        }
    }

    #[test]
    fn no_preset_waits_for_more_voices_than_can_be_told_apart() {
        for config in [Config::lan(), Config::wan(), Config::radio()] {
            let bounds = memberlist(config).suspicion_bounds(1_000);
            assert_eq!(bounds.timeout(VOICES_MAX - 1), bounds.timeout_min);
        }
    }

    #[test]
    fn the_others_wait_until_news_has_reached_them_all() {
        let lead =
            |members| Settings::<ShortSpan>::of(&Config::lan()).accusers_lead(members).as_millis();
        assert_eq!([2, 128, 100_000].map(lead), [400, 1_600, 3_400]);
        let piggybacked = Config { gossip_interval: Duration::ZERO, ..Config::lan() };
        assert_eq!(
            Settings::<ShortSpan>::of(&piggybacked).accusers_lead(2),
            Duration::from_secs(2)
        );
    }

    #[test]
    fn retransmissions_grow_with_the_logarithm() {
        for (members, limit) in [(1, 4), (9, 4), (10, 8), (99, 8), (100, 12), (1_000, 16)] {
            assert_eq!(memberlist(Config::lan()).transmits_max(members), limit, "{members}");
            assert_eq!(
                Settings::<ShortSpan>::of(&Config::lan()).transmits_max(members),
                limit.max(8),
                "{members}"
            );
        }
    }
}
