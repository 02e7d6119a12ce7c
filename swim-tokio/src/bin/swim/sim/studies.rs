//! The experiments and their options.

use swim_core::sim::experiment;

use super::contender::Contender;
use super::options::Options;
use super::plot::Plot;
use super::span::Span;
use super::study::{Point, Setting, Shown, Study};

const FAILURE: &[Shown] = &[Shown::Detection, Shown::FalseDeaths, Shown::Traffic];
const TROUBLE: &[Shown] = &[Shown::Readings, Shown::FalseDeaths, Shown::Suspicions, Shown::Traffic];

/// Datagrams lost in experiments about something else.
const LOSS_PERMILLE: u16 = 10;

fn loss(permille: u16) -> Setting {
    Setting::new("loss", permille)
}

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

/// Every link loses much for long, and nobody fails: all deaths are false.
#[derive(clap::Args)]
pub struct Loss {
    /// Datagrams lost, of a thousand; several give a row each.
    #[arg(long, value_name = "PERMILLE,...", value_delimiter = ',', default_values_t = [300],
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: Vec<u16>,

    /// How long it is looked at.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(600))]
    duration: Span,
}

impl Study for Loss {
    fn name(&self) -> &'static str {
        "loss"
    }

    fn seeds(&self) -> u64 {
        5
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&loss_permille: &u16| {
            let settings = vec![loss(loss_permille), Setting::new("duration", self.duration)];
            Point::new(settings, experiment::Loss { loss_permille, duration: self.duration.0 })
        };
        self.loss.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        TROUBLE
    }
}

/// A minority is cut off for a while.
#[derive(clap::Args)]
pub struct Partition {
    /// How many are cut off.
    #[arg(long, value_name = "N", default_value_t = 20)]
    minority: usize,

    /// For how long; several give a row each.
    #[arg(long, value_name = "TIME,...", value_delimiter = ',',
        default_values_t = [Span::secs(6), Span::secs(20)])]
    cut: Vec<Span>,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = LOSS_PERMILLE,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,
}

impl Study for Partition {
    fn name(&self) -> &'static str {
        "partition"
    }

    fn seeds(&self) -> u64 {
        10
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&cut: &Span| {
            let settings = vec![
                Setting::new("minority", self.minority),
                Setting::new("cut", cut),
                loss(self.loss),
            ];
            let partition = experiment::Partition {
                minority: self.minority,
                cut: cut.0,
                loss_permille: self.loss,
                ..Default::default()
            };
            Point::new(settings, partition)
        };
        self.cut.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        TROUBLE
    }

    fn notes(&self) -> Vec<String> {
        let note = "the minority is anomalous: FP are deaths of the majority, FP- those heard \
                    within the majority";
        vec![note.to_owned()]
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        smaller_than_clusters("--minority", &[self.minority], self, options)
    }
}

/// One member stands still once, for longer and longer: who is declared dead.
#[derive(clap::Args)]
pub struct PauseCurve {
    /// How long; several give a row each.
    #[arg(long, value_name = "TIME,...", value_delimiter = ',',
        default_values_t = (1..=14).map(Span::secs))]
    pause: Vec<Span>,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = LOSS_PERMILLE,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,
}

impl Study for PauseCurve {
    fn name(&self) -> &'static str {
        "pause-curve"
    }

    fn seeds(&self) -> u64 {
        40
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        if !options.pause_tolerance.is_empty() {
            return options.contenders();
        }
        let pause_tolerance = [1_500, 2_500, 4_000].map(Span::millis).to_vec();
        Options { pause_tolerance, ..options.clone() }.contenders()
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&pause: &Span| {
            let settings = vec![Setting::new("pause", pause), loss(self.loss)];
            let loss_permille = self.loss;
            Point::new(settings, experiment::Pause { pause: pause.0, loss_permille })
        };
        self.pause.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Readings]
    }

    fn notes(&self) -> Vec<String> {
        vec!["killed: any member's application heard MemberDead of the paused one".to_owned()]
    }

    fn plot(&self) -> Option<Plot> {
        Some(Plot::PauseCurve)
    }
}

/// Whether something is left of every cluster.
fn smaller_than_clusters(
    flag: &str,
    counts: &[usize],
    study: &dyn Study,
    options: &Options,
) -> Result<(), String> {
    let nodes = if options.nodes.is_empty() { study.nodes() } else { options.nodes.clone() };
    let fewest = nodes.into_iter().min().unwrap_or(0);
    match counts.iter().max() {
        Some(&most) if most as u64 >= fewest => {
            Err(format!("{flag} {most} leaves nobody in a cluster of {fewest}"))
        }
        _ => Ok(()),
    }
}
