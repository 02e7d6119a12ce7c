//! Witness with one of its rules off.

use clap::builder::PossibleValuesParser;
use swim_core::sim::experiment;
use swim_core::sim::experiment::{ABLATIONS, Ablation, Arm, BadConnection, Defect, Experiment};

use crate::sim::contender::Contender;
use crate::sim::options::Options;
use crate::sim::study::{Point, Setting, Shown, Study};

use super::smaller_than_clusters;

/// What the rules are tried under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Under {
    /// A host fails.
    Crash,
    /// A process fails and its host lives.
    ProcessCrash,
    /// 40 hosts fail at once.
    MassCrash,
    /// 30 % of datagrams are lost.
    Loss,
    /// 12 members read late.
    Starve,
    /// 20 are cut off for 6 s.
    Partition,
    /// 8 hear nothing.
    Deaf,
    /// 8 stand still for 5 s every 20 s.
    Pauses,
}

impl Under {
    const ALL: [Self; 8] = [
        Self::Crash,
        Self::ProcessCrash,
        Self::MassCrash,
        Self::Loss,
        Self::Starve,
        Self::Partition,
        Self::Deaf,
        Self::Pauses,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::ProcessCrash => "process-crash",
            Self::MassCrash => "mass-crash",
            Self::Loss => "loss",
            Self::Starve => "starve",
            Self::Partition => "partition",
            Self::Deaf => "deaf",
            Self::Pauses => "pauses",
        }
    }

    /// How many something happens to.
    const fn affected(self) -> usize {
        match self {
            Self::Crash | Self::ProcessCrash => 1,
            Self::MassCrash => 40,
            Self::Loss => 0,
            Self::Starve => 12,
            Self::Partition => 20,
            Self::Deaf => 8,
            Self::Pauses => 8,
        }
    }

    fn experiment(self) -> Box<dyn Experiment> {
        match self {
            Self::Crash => Box::new(experiment::Crash::default()),
            Self::ProcessCrash => {
                Box::new(experiment::Crash { refusing: true, ..experiment::Crash::default() })
            }
            Self::MassCrash => Box::new(experiment::Crash {
                crashed: self.affected(),
                ..experiment::Crash::default()
            }),
            Self::Loss => Box::new(experiment::Loss::default()),
            Self::Starve => Box::new(experiment::Starve::default()),
            Self::Partition => Box::new(experiment::Partition::default()),
            Self::Deaf => Box::new(BadConnection::new(Defect::Deaf, self.affected())),
            Self::Pauses => Box::new(experiment::RepeatedPauses::default()),
        }
    }
}

/// Witness whole and with one rule off at a time, under failure and stress.
#[derive(clap::Args)]
pub struct AblationStudy {
    /// The rules to switch off. [default: all]
    #[arg(long, value_name = "RULE,...", value_delimiter = ',', value_parser = rules())]
    without: Vec<String>,

    /// What to try it under. [default: all]
    #[arg(long, value_enum, value_name = "EXPERIMENT,...", value_delimiter = ',')]
    under: Vec<Under>,
}

impl AblationStudy {
    fn chosen(&self) -> &[Under] {
        if self.under.is_empty() { &Under::ALL } else { &self.under }
    }
}

fn rules() -> PossibleValuesParser {
    PossibleValuesParser::new(ABLATIONS.iter().map(|ablation| ablation.name))
}

impl Study for AblationStudy {
    fn name(&self) -> &'static str {
        "ablation"
    }

    fn seeds(&self) -> u64 {
        10
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        let whole = options.witness();
        let chosen = |ablation: &&Ablation| {
            self.without.is_empty() || self.without.iter().any(|name| name == ablation.name)
        };
        let without = ABLATIONS.iter().filter(chosen).map(|ablation| Contender {
            label: format!("no {}", ablation.name),
            without: Some(ablation.name),
            config: ablation.applied_to(whole.config),
            ..whole.clone()
        });
        let mut contenders = vec![whole.clone()];
        contenders.extend(without);
        contenders
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&under: &Under| {
            let settings = vec![Setting::new("under", under.name())];
            Point { settings, experiment: under.experiment() }
        };
        self.chosen().iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Detection, Shown::Readings, Shown::FalseDeaths, Shown::Suspicions, Shown::Traffic]
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        for under in self.chosen() {
            smaller_than_clusters(under.name(), &[under.affected()], self, options)?;
        }
        let only_witness = options.detector.iter().all(|name| name.0 == Arm::Witness);
        if only_witness || options.detector_is_default() {
            return Ok(());
        }
        Err("ablation is about witness: leave --detector out".to_owned())
    }
}
