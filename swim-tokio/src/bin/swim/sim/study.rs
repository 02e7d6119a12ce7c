//! What an experiment is to the command: its options, its rows, and which numbers matter most.

use swim_core::sim::experiment::Experiment;

use super::contender::Contender;
use super::options::Options;
use super::plot::Plot;
use super::studies;

/// One experiment of the command line, with its options.
pub trait Study: Sync {
    /// How it is called.
    fn name(&self) -> &'static str;

    /// Nodes in the cluster unless told otherwise.
    fn nodes(&self) -> Vec<u64> {
        vec![128]
    }

    /// Runs of each row unless told otherwise.
    fn seeds(&self) -> u64;

    /// Whom it compares.
    fn contenders(&self, options: &Options) -> Vec<Contender> {
        options.contenders()
    }

    /// What is done to the cluster of one contender: a row each.
    fn points(&self, contender: &Contender) -> Vec<Point>;

    /// The numbers its table shows; JSON and CSV have all.
    fn shown(&self) -> &'static [Shown];

    /// The setting by which the table pools the rows, if they are too many to show.
    fn pool_by(&self) -> Option<&'static str> {
        None
    }

    /// What the reader of the table must know.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// How it is drawn, if it can be.
    fn plot(&self) -> Option<Plot> {
        None
    }

    /// Whether the options go together.
    fn check(&self, options: &Options) -> Result<(), String> {
        let _ = options;
        Ok(())
    }
}

/// An experiment with all its parameters set.
pub struct Point {
    pub settings: Vec<Setting>,
    pub experiment: Box<dyn Experiment>,
}

impl Point {
    pub fn new(settings: Vec<Setting>, experiment: impl Experiment + 'static) -> Self {
        Self { settings, experiment: Box::new(experiment) }
    }
}

/// An option as it is written on the command line; a switch has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub flag: &'static str,
    pub value: Option<String>,
}

impl Setting {
    pub fn new(flag: &'static str, value: impl ToString) -> Self {
        Self { flag, value: Some(value.to_string()) }
    }

    /// A switch, if it is on.
    pub fn switch(flag: &'static str, on: bool) -> Option<Self> {
        on.then_some(Self { flag, value: None })
    }

    /// As it is shown in a table.
    pub fn shown(&self) -> &str {
        self.value.as_deref().unwrap_or("yes")
    }

    /// Its words on the command line.
    pub fn words(&self) -> String {
        match &self.value {
            Some(value) => format!("--{} {value}", self.flag),
            None => format!("--{}", self.flag),
        }
    }
}

/// A number of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Time to the first detection, and until all knew.
    Detection,
    /// FP and FP-.
    FalseDeaths,
    Suspicions,
    /// Messages and bytes.
    Traffic,
    /// Everything only this experiment measures.
    Readings,
}

#[derive(clap::Subcommand)]
pub enum Choice {
    Crash(studies::Crash),
    ProcessCrash(studies::ProcessCrash),
    MassCrash(studies::MassCrash),
    Scale(studies::Scale),
    Loss(studies::Loss),
    Starve(studies::Starve),
    FreezeGrid(studies::FreezeGrid),
    Deaf(studies::Deaf),
    OneWay(studies::OneWay),
    FlipFlop(studies::FlipFlop),
    BadNodes(studies::BadNodes),
    Partition(studies::Partition),
    PauseCurve(studies::PauseCurve),
    RepeatedPauses(studies::RepeatedPauses),
    Ablation(studies::AblationStudy),
    Join(studies::Join),
    Idle(studies::Idle),
    MassRestart(studies::MassRestart),
    SnapshotRestart(studies::SnapshotRestart),
    Split(studies::Split),
    Repair(studies::Repair),
    Radio(studies::Radio),
    Leaves(studies::Leaves),
    Spread(studies::Spread),
    Demers(studies::Demers),
    Phi(studies::Phi),
    Families(studies::Families),
    SwimPaper(studies::SwimPaper),
}

impl Choice {
    pub fn study(&self) -> &dyn Study {
        match self {
            Self::Crash(study) => study,
            Self::ProcessCrash(study) => study,
            Self::MassCrash(study) => study,
            Self::Scale(study) => study,
            Self::Loss(study) => study,
            Self::Starve(study) => study,
            Self::FreezeGrid(study) => study,
            Self::Deaf(study) => study,
            Self::OneWay(study) => study,
            Self::FlipFlop(study) => study,
            Self::BadNodes(study) => study,
            Self::Partition(study) => study,
            Self::PauseCurve(study) => study,
            Self::RepeatedPauses(study) => study,
            Self::Ablation(study) => study,
            Self::Join(study) => study,
            Self::Idle(study) => study,
            Self::MassRestart(study) => study,
            Self::SnapshotRestart(study) => study,
            Self::Split(study) => study,
            Self::Repair(study) => study,
            Self::Radio(study) => study,
            Self::Leaves(study) => study,
            Self::Spread(study) => study,
            Self::Demers(study) => study,
            Self::Phi(study) => study,
            Self::Families(study) => study,
            Self::SwimPaper(study) => study,
        }
    }
}
