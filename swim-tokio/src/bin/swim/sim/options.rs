//! The options all experiments share.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use swim_core::sim::experiment::{Arm, Profile};

use super::contender::Contender;
use super::plot::Format;
use crate::agent::TRACE_LEN_MAX;
use crate::span::Span;

/// The largest cluster worth waiting for.
const NODES_MAX: u64 = 100_000;
/// Nobody waits for more runs.
const SEEDS_MAX: u64 = 1_000_000;

#[derive(clap::Args, Clone, Debug, Default)]
pub struct Options {
    /// Runs of each row, each with another seed. [default: enough for a first look]
    #[arg(long, global = true, value_name = "N", visible_alias = "trials",
        value_parser = clap::value_parser!(u64).range(1..=SEEDS_MAX))]
    pub seeds: Option<u64>,

    /// The seed of the first run; the others follow.
    #[arg(long, global = true, value_name = "SEED", default_value_t = 1)]
    pub first_seed: u64,

    /// Nodes in the cluster; several give a row each. [default: the experiment's]
    #[arg(long, global = true, value_name = "N,...", value_delimiter = ',',
        value_parser = clap::value_parser!(u64).range(3..=NODES_MAX))]
    pub nodes: Vec<u64>,

    /// Detectors to compare. [default: swim, lifeguard, memberlist and witness; where views are
    /// looked at, from join to repair: witness]
    #[arg(long, global = true, value_name = "NAME,...", value_enum, value_delimiter = ',')]
    pub detector: Vec<Name>,

    /// The settings every detector starts from.
    #[arg(long, global = true, value_enum, default_value_t = Preset::Lan)]
    pub profile: Preset,

    /// The longest pause a healthy member may show: witness's one knob. Several give a column each.
    /// [default: the profile's]
    #[arg(long, global = true, value_name = "TIME,...", value_delimiter = ',',
        value_parser = Span::pause)]
    pub pause_tolerance: Vec<Span>,

    /// Print one JSON object per row instead of a table.
    #[arg(long, global = true)]
    pub json: bool,

    /// Write all numbers of all rows to a file.
    #[arg(long, global = true, value_name = "FILE", value_parser = place)]
    pub csv: Option<PathBuf>,

    /// Record the first run in a new file, every node of it, for `swim replay`. A model has none:
    /// then it is that of the first row that has.
    #[arg(long, global = true, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// The greatest length of that file; the trace ends there, and the run goes on.
    #[arg(long, global = true, value_name = "BYTES", default_value_t = TRACE_LEN_MAX,
        requires = "trace")]
    pub trace_len_max: u64,

    /// Draw the result: lines or pixels, as the file's name says.
    #[arg(long, global = true, value_name = "FILE.svg|png", value_parser = picture)]
    pub plot: Option<PathBuf>,
}

impl Options {
    /// The columns, in the order asked for.
    pub fn contenders(&self) -> Vec<Contender> {
        let profile = self.profile.profile();
        let mut contenders = Vec::new();
        let asked = if self.detector.is_empty() { &Name::COMPARED[..] } else { &self.detector };
        for &Name(arm) in asked {
            let contender = Contender::new(arm, profile);
            if arm.is_witness() && !self.pause_tolerance.is_empty() {
                let tolerances = self.pause_tolerance.iter();
                contenders.extend(tolerances.map(|&pause| contender.clone().tolerating(pause)));
            } else {
                contenders.push(contender);
            }
        }
        contenders
    }

    /// A detector alone.
    pub fn plain(&self, arm: Arm) -> Contender {
        Contender::new(arm, self.profile.profile())
    }

    /// Witness alone, with the first tolerance asked for.
    pub fn witness(&self) -> Contender {
        let witness = self.plain(Arm::Witness);
        match self.pause_tolerance.first() {
            Some(&pause) => witness.tolerating(pause),
            None => witness,
        }
    }

    /// Whether nobody said whom to compare.
    pub fn detector_is_default(&self) -> bool {
        self.detector.is_empty()
    }

    /// Refuses what a model has not.
    pub fn for_a_model(&self) -> Result<(), String> {
        let is_plain = self.detector_is_default() && self.pause_tolerance.is_empty();
        match is_plain && self.profile == Preset::default() {
            true => Ok(()),
            false => Err("a model has no detector and no profile".to_owned()),
        }
    }

    /// The option that names the profile, if it is not the default one.
    pub fn profile_flag(&self) -> Option<String> {
        let value = self.profile.to_possible_value()?;
        (self.profile != Preset::default()).then(|| format!("--profile {}", value.get_name()))
    }
}

/// Whether a file can be put there, before an hour is spent.
fn place(path: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(path);
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    match directory.is_none_or(Path::is_dir) && !path.is_dir() {
        true => Ok(path),
        false => Err("no file can be made there".to_owned()),
    }
}

/// The name of a picture, which says what it is made of.
fn picture(path: &str) -> Result<PathBuf, String> {
    let path = place(path)?;
    match Format::of(&path) {
        Some(_) => Ok(path),
        None => Err("expected a name that ends in .svg or .png".to_owned()),
    }
}

/// A detector by its name in tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name(pub Arm);

impl Name {
    const COMPARED: [Self; 4] =
        [Self(Arm::Swim), Self(Arm::Lifeguard), Self(Arm::Memberlist), Self(Arm::Witness)];
}

impl ValueEnum for Name {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self(Arm::Swim),
            Self(Arm::PlainAgent),
            Self(Arm::Lifeguard),
            Self(Arm::Memberlist),
            Self(Arm::Witness),
            Self(Arm::WitnessFlap),
        ]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let help = match self.0 {
            Arm::Swim => "SWIM as published",
            Arm::PlainAgent => "what the Lifeguard paper calls SWIM: its agent without Lifeguard",
            Arm::Lifeguard => "Lifeguard as published (alpha 5)",
            Arm::Memberlist => "Lifeguard as memberlist ships it (alpha 4)",
            Arm::Witness => "this library's own",
            Arm::WitnessFlap => "the same, with members that flap held out",
        };
        Some(clap::builder::PossibleValue::new(self.0.name()).help(help))
    }
}

/// A profile by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    #[default]
    Lan,
    LanFast,
    Wan,
    Local,
    Radio,
}

impl Preset {
    const fn profile(self) -> Profile {
        match self {
            Self::Lan => Profile::Lan,
            Self::LanFast => Profile::LanFast,
            Self::Wan => Profile::Wan,
            Self::Local => Profile::Local,
            Self::Radio => Profile::Radio,
        }
    }
}
