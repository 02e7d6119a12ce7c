//! What is compared: detectors, each with the settings its authors measured it with.

use crate::{Config, Confirmations, Detector, FlapPolicy, Lifeguard, Rules};

/// The settings every arm starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// [`Config::lan`].
    Lan,
    /// [`Config::lan_fast`].
    LanFast,
    /// [`Config::wan`].
    Wan,
    /// [`Config::local`].
    Local,
    /// [`Config::radio`].
    Radio,
}

impl Profile {
    /// The settings.
    pub const fn config(self) -> Config {
        match self {
            Self::Lan => Config::lan(),
            Self::LanFast => Config::lan_fast(),
            Self::Wan => Config::wan(),
            Self::Local => Config::local(),
            Self::Radio => Config::radio(),
        }
    }
}

/// One side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// SWIM as published: suspicions last 3 ceil(ln(N+1)) periods, an update is sent as often, and
    /// only with probes and their answers (SWIM sections 4.1 and 5).
    Swim,
    /// What the Lifeguard paper calls SWIM: memberlist's agent with all three parts of Lifeguard
    /// off, alpha = 5 (Lifeguard section V).
    PlainAgent,
    /// Lifeguard as published, alpha = 5, beta = 6.
    Lifeguard,
    /// Lifeguard as memberlist ships it, alpha = 4, beta = 6.
    Memberlist,
    /// This library's own.
    Witness,
    /// The same, with members that flap held out.
    WitnessFlap,
}

impl Arm {
    /// The baselines, then Witness.
    pub const COMPARED: [Self; 4] = [Self::Swim, Self::Lifeguard, Self::Memberlist, Self::Witness];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Swim => "swim",
            Self::PlainAgent => "plain-agent",
            Self::Lifeguard => "lifeguard",
            Self::Memberlist => "memberlist",
            Self::Witness => "witness",
            Self::WitnessFlap => "witness-flap",
        }
    }

    /// Its settings on top of a profile.
    pub const fn config(self, profile: Profile) -> Config {
        let config = profile.config();
        match self {
            Self::Swim => Config {
                detector: Detector::Swim,
                suspicion_mult: 3,
                retransmit_mult: 3,
                gossip_interval: core::time::Duration::ZERO,
                ..config
            },
            Self::PlainAgent => {
                Config { detector: Detector::Custom(plain()), suspicion_mult: 5, ..config }
            }
            Self::Lifeguard => Config {
                detector: Detector::Lifeguard(Lifeguard::Paper),
                suspicion_mult: 5,
                ..config
            },
            Self::Memberlist => {
                Config { detector: Detector::Lifeguard(Lifeguard::Memberlist), ..config }
            }
            Self::Witness => Config { detector: Detector::Witness, ..config },
            Self::WitnessFlap => {
                let flap = Some(FlapPolicy::new());
                Config { detector: Detector::Witness, flap, ..config }
            }
        }
    }

    /// Whether it is this library's own, with or without a flap policy.
    pub const fn is_witness(self) -> bool {
        matches!(self, Self::Witness | Self::WitnessFlap)
    }
}

const fn plain() -> Rules {
    Rules {
        health_max: 0,
        nack_percent: 0,
        confirmations: Confirmations::Unused,
        buddy: false,
        ..Detector::Lifeguard(Lifeguard::Paper).rules()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arm_is_valid_in_every_profile() {
        let profiles =
            [Profile::Lan, Profile::LanFast, Profile::Wan, Profile::Local, Profile::Radio];
        for arm in Arm::COMPARED.into_iter().chain([Arm::PlainAgent, Arm::WitnessFlap]) {
            for profile in profiles {
                assert!(arm.config(profile).validate().is_ok(), "{arm:?} {profile:?}");
            }
        }
    }
}
