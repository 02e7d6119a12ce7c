//! How an agent detects failures, as a person chooses it on the command line.

use clap::ValueEnum;
use swim_tokio::{Config, DIRECT_BELOW_MAX, Detector, FlapPolicy, Label, Lifeguard};

use crate::span::Span;

/// What all members of a cluster have in common.
#[derive(clap::Args)]
pub struct Settings {
    /// The name of the cluster: members of another are ignored.
    #[arg(long, value_name = "CLUSTER", default_value = "")]
    label: String,

    /// The timings, the same on all members of a cluster.
    #[arg(long, value_enum, default_value_t = Profile::Lan)]
    profile: Profile,

    /// How failures are told from slowness, the same on all members of a cluster.
    #[arg(long, value_enum, default_value_t = DetectorName::Witness)]
    detector: DetectorName,

    /// The longest pause a healthy member may show, 1ms to 1h. Who stands still for less is not
    /// declared dead; a machine that crashes is noticed as much later. The same on all members: the
    /// least patient one decides. For --detector witness alone. [default: the profile's]
    #[arg(long, value_name = "TIME", value_parser = Span::pause)]
    pause_tolerance: Option<Span>,

    /// Time between two probes, each of another member, 1ms to 1h. Shorter finds crashes sooner,
    /// and costs proportionally more packets. [default: the profile's]
    #[arg(long, value_name = "TIME", value_parser = Span::pause)]
    probe_interval: Option<Span>,

    /// While fewer members live, probe every one of them in every probe interval instead of one:
    /// heartbeats, which find a crash sooner and cost as many packets as there are members. Once
    /// there are as many, go on as SWIM does, until fewer than three quarters of N live. At most
    /// 256, 0 for never; members may differ in it. For --detector witness alone. [default: the
    /// profile's]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u16).range(..=i64::from(DIRECT_BELOW_MAX)))]
    direct_below: Option<u16>,

    /// How long the dead and the departed are remembered, 1s to 30days. Longer keeps late rumours
    /// from reviving them, shorter frees memory. [default: the profile's]
    #[arg(long, value_name = "TIME", value_parser = Span::memory)]
    tombstone_time: Option<Span>,

    /// Time between two attempts to reach somebody who is dead here, in case only the network was
    /// cut, 1ms to 1day; stretched in clusters above some hundred members. [default: the profile's]
    #[arg(long, value_name = "TIME", value_parser = Span::interval)]
    heal_interval: Option<Span>,

    /// Report a member that is suspected or dies again and again once, as held out, instead of
    /// every time. Held out is who collects six points, of which half are forgotten each minute: a
    /// suspicion is one, a death three more. It is in again when it has behaved for a while: a
    /// minute at least, twice as long each further time, up to an hour. For clusters where a member
    /// that comes and goes does more harm than one that is missing. It is probed as ever, and its
    /// death is told.
    #[arg(long)]
    hold_out_flapping: bool,
}

impl Settings {
    pub fn config(&self) -> Config {
        let preset = self.profile.config();
        let preset = match self.probe_interval {
            Some(interval) => preset.probing_every(interval.0),
            None => preset,
        };
        Config {
            label: Label::new(&self.label),
            detector: self.detector.detector(),
            pause_tolerance: self.pause_tolerance.map_or(preset.pause_tolerance, |span| span.0),
            direct_below: self.direct_below.unwrap_or(preset.direct_below),
            tombstone_time: self.tombstone_time.map_or(preset.tombstone_time, |span| span.0),
            heal_interval: self.heal_interval.map_or(preset.heal_interval, |span| span.0),
            flap: self.hold_out_flapping.then(FlapPolicy::new),
            ..preset
        }
    }
}

/// The presets of [`Config`] that make sense for processes.
#[derive(Clone, Copy, ValueEnum)]
enum Profile {
    /// Servers on one network.
    Lan,
    /// The same, for processes that never pause: a crash is known sooner, for more packets, and
    /// whoever stands still for a second may be held for dead.
    LanFast,
    /// Members across regions: slow answers are waited for, a crash is known later.
    Wan,
    /// Processes on one machine, for tests and development.
    Local,
}

impl Profile {
    fn config(self) -> Config {
        match self {
            Self::Lan => Config::lan(),
            Self::LanFast => Config::lan_fast(),
            Self::Wan => Config::wan(),
            Self::Local => Config::local(),
        }
    }
}

/// The detectors, by the names people know them by.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DetectorName {
    /// This library's own: soonest, and accuses nobody without a witness. Its one knob is
    /// --pause-tolerance.
    Witness,
    /// Lifeguard as published: slower, patient with a node that knows it is slow itself.
    Lifeguard,
    /// Lifeguard as HashiCorp memberlist ships it: known behaviour, for those who come from there.
    Memberlist,
    /// SWIM as published: a node that is slow itself takes others for dead. For comparison.
    Swim,
}

impl DetectorName {
    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Witness => "witness",
            Self::Lifeguard => "lifeguard",
            Self::Memberlist => "memberlist",
            Self::Swim => "swim",
        }
    }

    pub fn detector(self) -> Detector {
        match self {
            Self::Witness => Detector::Witness,
            Self::Lifeguard => Detector::Lifeguard(Lifeguard::Paper),
            Self::Memberlist => Detector::Lifeguard(Lifeguard::Memberlist),
            Self::Swim => Detector::Swim,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        settings: Settings,
    }

    fn config(args: &[&str]) -> Config {
        let words = std::iter::once(&"swim").chain(args);
        Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).settings.config()
    }

    #[test]
    fn the_default_is_witness_on_a_lan() {
        let expected = Config { detector: Detector::Witness, ..Config::lan() };
        assert_eq!(config(&[]), expected);
    }

    #[test]
    fn a_pause_tolerance_comes_before_the_profile_s() {
        let fast = config(&["--profile", "lan-fast"]);
        assert_eq!(fast.pause_tolerance, Config::lan_fast().pause_tolerance);
        for (text, millis) in [("2.5s", 2_500), ("500ms", 500), ("1m", 60_000), ("1h", 3_600_000)] {
            let own = config(&["--profile", "lan-fast", "--pause-tolerance", text]);
            let pause_tolerance = std::time::Duration::from_millis(millis);
            assert_eq!(own, Config { pause_tolerance, ..fast }, "{text}");
        }
    }

    #[test]
    fn a_probe_interval_takes_the_wait_for_an_answer_with_it() {
        let own = config(&["--probe-interval", "250ms"]);
        assert_eq!(own.probe_interval, std::time::Duration::from_millis(250));
        assert_eq!(own.validate(), Ok(()));
        assert_eq!(config(&["--probe-interval", "1s"]), config(&[]));
    }

    #[test]
    fn a_small_cluster_is_probed_whole_only_if_asked_for() {
        let default = config(&[]).direct_below;
        assert_eq!(default, Config::lan().direct_below);
        assert_eq!(config(&["--direct-below", "8"]).direct_below, 8);
        assert!(Cli::try_parse_from(["swim", "--direct-below", "257"]).is_err());
    }

    #[test]
    fn what_is_remembered_and_how_often_is_healed_can_be_told() {
        let own = config(&["--tombstone-time", "5s", "--heal-interval", "500ms"]);
        let expected = Config {
            tombstone_time: std::time::Duration::from_secs(5),
            heal_interval: std::time::Duration::from_millis(500),
            ..config(&[])
        };
        assert_eq!(own, expected);
        for wrong in [["--tombstone-time", "999ms"], ["--heal-interval", "0s"]] {
            assert!(Cli::try_parse_from(["swim"].iter().chain(&wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn members_that_flap_are_held_out_only_if_asked_for() {
        assert_eq!(config(&[]).flap, None);
        assert_eq!(config(&["--hold-out-flapping"]).flap, Some(FlapPolicy::new()));
    }

    #[test]
    fn every_detector_and_profile_makes_a_valid_config() {
        for detector in DetectorName::value_variants() {
            for profile in Profile::value_variants() {
                let profile_name = profile.to_possible_value().unwrap();
                let [detector_name, profile_name] = [detector.name(), profile_name.get_name()];
                let config = config(&["--detector", detector_name, "--profile", profile_name]);
                assert_eq!(config.detector, detector.detector());
                assert_eq!(config.probe_interval, profile.config().probe_interval);
                assert_eq!(config.validate(), Ok(()), "{detector_name} {profile_name}");
            }
        }
    }

    #[test]
    fn labels_separate_clusters() {
        assert_eq!(config(&["--label", "prod"]).label, Label::new("prod"));
    }
}
