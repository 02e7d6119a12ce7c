//! The detectors as data: each a set of rules.

use serde::{Deserialize, Serialize};

use crate::judge::VOICES_MAX;

/// Stages of a probe; the upper bound of [`Rules::stages`].
pub const STAGES_MAX: u8 = 3;
/// More voices than these besides the accuser's are not told apart.
pub const CONFIRMATIONS_MAX: u8 = VOICES_MAX as u8 - 1;

/// How failures are detected. All variants run on the same node and the same packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Detector {
    /// SWIM as published (Das, Gupta, Motivala 2002): fixed suspicion timeouts in natural
    /// logarithms, no local health, no nacks, no buddy system. For comparison.
    Swim,
    /// SWIM with Lifeguard (Dadgar, Phillips, Currey 2018). For comparison.
    Lifeguard(Lifeguard),
    /// What goes further: everybody probed once in every period, probes in stages, no accusation
    /// without a witness, no death without a verification. See [`Rules`]. The default.
    Witness,
    /// Any other combination of rules, to find out what each is worth.
    Custom(Rules),
}

/// Which Lifeguard: the paper and memberlist as shipped differ in seven points (see [`Rules`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Lifeguard {
    /// As the paper describes it.
    Paper,
    /// As HashiCorp memberlist ships it.
    Memberlist,
}

/// A detector taken apart: what its variants do differently, as data.
///
/// R1 to R9, R11 and R12 are the rules of [`Detector::Witness`]. What each is worth is measured by
/// `swim sim ablation`, which switches them off one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// The worst local health score; 0 switches local health off.
    pub health_max: u8,
    /// Whether local health stretches the wait for a direct ack, besides the probe interval.
    pub timeout_scaled: bool,
    /// Whether local health stretches the interval after a successful probe too.
    pub interval_scaled_always: bool,
    /// When a relay answers with a nack, in percent of the probe timeout; 0: never asked to.
    pub nack_percent: u8,
    /// Whether a failed probe costs a point of health even if every nack came.
    pub failure_costs_health: bool,
    /// Whether it costs a point of health to be suspected.
    pub refutation_costs_health: bool,
    /// How many voices besides the accuser's shorten a suspicion to its minimum.
    pub confirmations: Confirmations,
    /// Which logarithm suspicion timeouts and retransmissions grow with.
    pub growth: Growth,
    /// Whether a ping tells its target what the prober believes of it (the buddy system).
    pub buddy: bool,
    /// Whether a probe that fails by datagram is tried over a stream as well.
    pub stream_ping: bool,
    /// R1: everybody probes the member as many places after itself as the round says, so each is
    /// probed exactly once in every period. Otherwise in a shuffled order of each node's own.
    pub rotation: bool,
    /// R2: the answer timeout follows the round trips, between `probe_timeout_min` and
    /// `probe_timeout_max`, and local health stretches it by half per point. Otherwise it is
    /// `probe_timeout`.
    pub timeout_measured: bool,
    /// R3: stages of a probe, each of another ping and `indirect_probes` other relays; a relay
    /// pings twice. 0: one stage, which ends with the probe interval. At most 3.
    pub stages: u8,
    /// R4: a probe whose relays all kept silent accuses nobody: maybe they cannot be heard.
    pub witness_needed: bool,
    /// R5: nacks are voices, so a suspicion may be born with four.
    pub nacks_are_voices: bool,
    /// R6: suspicions time out by `pause_tolerance` instead of the size of the cluster.
    pub floor: bool,
    /// R6: who is not among the accusers waits longer, so that the accusers judge first.
    pub accusers_first: bool,
    /// R7: the accused is told directly, and refutes directly to its accusers.
    pub told_directly: bool,
    /// R8: ten pings before a suspect is declared dead, and an answer is a reprieve. Needs `buddy`,
    /// or the accused never hears of it.
    pub verification: bool,
    /// R9: news that somebody is dead who is not suspect here makes a suspect of it.
    pub no_sudden_death: bool,
    /// R11: a member whose host refuses the packets of a prober, twice, and of two relays, or of as
    /// many as were asked, is dead at once.
    pub refusal: bool,
    /// R12: a process that finds itself late accuses nobody for it.
    pub stall: bool,
    /// R12: it then asks the others for patience, and they grant it.
    pub patience: bool,
}

/// K of Lifeguard's suspicion formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confirmations {
    /// Timeouts do not depend on voices.
    Unused,
    /// This many, however small the cluster.
    Fixed(u8),
    /// The suspicion multiplier minus 2, at most [`VOICES_MAX`] - 1; or none in a cluster too small
    /// to bring them forth.
    FromMultiplier,
}

/// With what the cost of a larger cluster grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Growth {
    /// ceil(ln(N + 1)), for timeouts and transmissions alike (SWIM section 5).
    NaturalCeiling,
    /// log10(N) for timeouts, at least 1; ceil(log10(N + 1)) for transmissions (memberlist).
    Decimal,
    /// The same, but at least 2 for transmissions: fewer leave somebody out now and then in a
    /// cluster of less than ten.
    DecimalFromTwo,
}

impl Detector {
    /// What this detector does, rule by rule.
    pub const fn rules(self) -> Rules {
        match self {
            Self::Swim => Rules::SWIM,
            Self::Lifeguard(Lifeguard::Paper) => Rules {
                health_max: 8,
                timeout_scaled: true,
                interval_scaled_always: true,
                nack_percent: 80,
                failure_costs_health: true,
                refutation_costs_health: true,
                confirmations: Confirmations::Fixed(3),
                growth: Growth::Decimal,
                buddy: true,
                ..Rules::SWIM
            },
            Self::Lifeguard(Lifeguard::Memberlist) => Rules {
                health_max: 7,
                nack_percent: 100,
                refutation_costs_health: true,
                confirmations: Confirmations::FromMultiplier,
                growth: Growth::Decimal,
                buddy: true,
                stream_ping: true,
                ..Rules::SWIM
            },
            Self::Witness => Rules::WITNESS,
            Self::Custom(rules) => rules,
        }
    }
}

impl Rules {
    const SWIM: Self = Self {
        health_max: 0,
        timeout_scaled: false,
        interval_scaled_always: false,
        nack_percent: 0,
        failure_costs_health: false,
        refutation_costs_health: false,
        confirmations: Confirmations::Unused,
        growth: Growth::NaturalCeiling,
        buddy: false,
        stream_ping: false,
        rotation: false,
        timeout_measured: false,
        stages: 0,
        witness_needed: false,
        nacks_are_voices: false,
        floor: false,
        accusers_first: false,
        told_directly: false,
        verification: false,
        no_sudden_death: false,
        refusal: false,
        stall: false,
        patience: false,
    };

    pub(crate) const WITNESS: Self = Self {
        health_max: 8,
        timeout_scaled: false,
        interval_scaled_always: false,
        nack_percent: 100,
        failure_costs_health: false,
        refutation_costs_health: false,
        confirmations: Confirmations::Fixed(CONFIRMATIONS_MAX),
        growth: Growth::DecimalFromTwo,
        buddy: true,
        stream_ping: false,
        rotation: true,
        timeout_measured: true,
        stages: STAGES_MAX,
        witness_needed: true,
        nacks_are_voices: true,
        floor: true,
        accusers_first: true,
        told_directly: true,
        verification: true,
        no_sudden_death: true,
        refusal: true,
        stall: true,
        patience: true,
    };
}
