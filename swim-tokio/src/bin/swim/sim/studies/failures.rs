//! Members that fail.

use swim_core::sim::experiment;

use super::{LOSS_PERMILLE, loss, smaller_than_clusters};
use crate::sim::contender::Contender;
use crate::sim::options::Options;
use crate::sim::plot::Plot;
use crate::sim::study::{Point, Setting, Shown, Study};

const FAILURE: &[Shown] = &[Shown::Detection, Shown::FalseDeaths, Shown::Traffic];

/// A host fails without a word: nothing answers for it.
#[derive(clap::Args)]
pub struct Crash {
    /// Datagrams lost, of a thousand; several give a row each.
    #[arg(long, value_name = "PERMILLE,...", value_delimiter = ',',
        default_values_t = [LOSS_PERMILLE], value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: Vec<u16>,

    /// Nodes lie in four regions, 20 to 119 ms from each other one way.
    #[arg(long)]
    wan: bool,
}

impl Study for Crash {
    fn name(&self) -> &'static str {
        "crash"
    }

    fn seeds(&self) -> u64 {
        100
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&loss_permille: &u16| {
            let mut settings = vec![loss(loss_permille)];
            settings.extend(Setting::switch("wan", self.wan));
            let crash = experiment::Crash { loss_permille, wan: self.wan, ..Default::default() };
            Point::new(settings, crash)
        };
        self.loss.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        FAILURE
    }

    fn plot(&self) -> Option<Plot> {
        Some(Plot::Distribution)
    }
}

/// A process is killed: its host lives and refuses what is sent to it.
#[derive(clap::Args)]
pub struct ProcessCrash {
    /// Datagrams and refusals lost, of a thousand; several give a row each.
    #[arg(long, value_name = "PERMILLE,...", value_delimiter = ',',
        default_values_t = [LOSS_PERMILLE], value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: Vec<u16>,
}

impl Study for ProcessCrash {
    fn name(&self) -> &'static str {
        "process-crash"
    }

    fn seeds(&self) -> u64 {
        100
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&loss_permille: &u16| {
            let crash = experiment::Crash { refusing: true, loss_permille, ..Default::default() };
            Point::new(vec![loss(loss_permille)], crash)
        };
        self.loss.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        FAILURE
    }

    fn plot(&self) -> Option<Plot> {
        Some(Plot::Distribution)
    }
}

/// Many hosts fail at one moment.
#[derive(clap::Args)]
pub struct MassCrash {
    /// How many; several give a row each.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [12, 40])]
    crashed: Vec<usize>,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = LOSS_PERMILLE,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,
}

impl Study for MassCrash {
    fn name(&self) -> &'static str {
        "mass-crash"
    }

    fn seeds(&self) -> u64 {
        20
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&crashed: &usize| {
            let settings = vec![Setting::new("crashed", crashed), loss(self.loss)];
            let loss_permille = self.loss;
            Point::new(settings, experiment::Crash { crashed, loss_permille, ..Default::default() })
        };
        self.crashed.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        FAILURE
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        smaller_than_clusters("--crashed", &self.crashed, self, options)
    }
}

/// A host fails in clusters of different sizes.
#[derive(clap::Args)]
pub struct Scale {
    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = LOSS_PERMILLE,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,
}

impl Study for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![8, 16, 32, 64, 128, 256, 512, 1_000]
    }

    fn seeds(&self) -> u64 {
        20
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let crash = experiment::Crash { loss_permille: self.loss, ..Default::default() };
        vec![Point::new(vec![loss(self.loss)], crash)]
    }

    fn shown(&self) -> &'static [Shown] {
        FAILURE
    }

    fn plot(&self) -> Option<Plot> {
        Some(Plot::Scale)
    }
}
