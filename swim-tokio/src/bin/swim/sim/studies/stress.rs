//! Networks that lose much, and processes that are starved or blocked.

use swim_core::sim::experiment;
use swim_core::sim::experiment::{ANOMALOUS, Anomaly, Arm, BLOCKED_MS, NORMAL_MS};

use super::{LOSS_PERMILLE, TROUBLE, loss, smaller_than_clusters};
use crate::sim::contender::Contender;
use crate::sim::options::Options;
use crate::sim::study::{Point, Setting, Shown, Study};
use crate::span::Span;

/// Every link loses much for long, and nobody fails: all deaths are false.
#[derive(clap::Args)]
pub struct Loss {
    /// Datagrams lost, of a thousand; several give a row each.
    #[arg(long, value_name = "PERMILLE,...", value_delimiter = ',', default_values_t = [300],
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: Vec<u16>,

    /// Without streams: nothing but datagrams.
    #[arg(long)]
    no_streams: bool,

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
            let mut settings = vec![loss(loss_permille), Setting::new("duration", self.duration)];
            settings.extend(Setting::switch("no-streams", self.no_streams));
            let (streams, duration) = (!self.no_streams, self.duration.0);
            Point::new(settings, experiment::Loss { loss_permille, streams, duration })
        };
        self.loss.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        TROUBLE
    }
}

/// Some members read every packet 0.5 to 2.5 s late.
#[derive(clap::Args)]
pub struct Starve {
    /// How many; several give a row each.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [12, 32])]
    starved: Vec<usize>,

    /// Crash a healthy member halfway.
    #[arg(long)]
    crash: bool,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = 20,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,

    /// How long it goes on.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(120))]
    duration: Span,
}

impl Study for Starve {
    fn name(&self) -> &'static str {
        "starve"
    }

    fn seeds(&self) -> u64 {
        20
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&starved: &usize| {
            let mut settings = vec![Setting::new("starved", starved), loss(self.loss)];
            settings.push(Setting::new("duration", self.duration));
            settings.extend(Setting::switch("crash", self.crash));
            let starve = experiment::Starve {
                starved,
                crash: self.crash,
                loss_permille: self.loss,
                duration: self.duration.0,
                ..Default::default()
            };
            Point::new(settings, starve)
        };
        self.starved.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Detection, Shown::Readings, Shown::FalseDeaths, Shown::Suspicions, Shown::Traffic]
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        smaller_than_clusters("--starved", &self.starved, self, options)
    }
}

/// What being blocked means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum AnomalyName {
    /// Sends and receives wait, timers run.
    Jam,
    /// The whole process stands still.
    Freeze,
}

/// Some members are blocked and normal by turns, in lock-step (Lifeguard section V).
#[derive(clap::Args)]
pub struct FreezeGrid {
    /// C: how many are anomalous. [default: 4,16,32]
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    anomalous: Vec<usize>,

    /// D: how long they are blocked. [default: 2048, 8192, 16384 and 32768 ms]
    #[arg(long, value_name = "TIME,...", value_delimiter = ',')]
    blocked: Vec<Span>,

    /// I: how long they are normal in between. [default: 4, 64, 1024 and 16384 ms]
    #[arg(long, value_name = "TIME,...", value_delimiter = ',')]
    normal: Vec<Span>,

    /// The paper's whole grid: 432 cells.
    #[arg(long, conflicts_with_all = ["anomalous", "blocked", "normal"])]
    full: bool,

    /// What being blocked means, for all. [default: jam, and freeze for witness]
    #[arg(long, value_enum)]
    anomaly: Option<AnomalyName>,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = LOSS_PERMILLE,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,

    /// How long each run goes on.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(120))]
    duration: Span,
}

impl Study for FreezeGrid {
    fn name(&self) -> &'static str {
        "freeze-grid"
    }

    fn seeds(&self) -> u64 {
        2
    }

    fn points(&self, contender: &Contender) -> Vec<Point> {
        let (anomalous, blocked, normal) = self.grid();
        let mut points = Vec::new();
        for &anomalous in &anomalous {
            for &blocked in &blocked {
                points.extend(
                    normal.iter().map(|&normal| self.cell(contender, anomalous, blocked, normal)),
                );
            }
        }
        points
    }

    fn shown(&self) -> &'static [Shown] {
        TROUBLE
    }

    fn pool_by(&self) -> Option<&'static str> {
        Some("anomalous")
    }

    fn notes(&self) -> Vec<String> {
        let anomaly = match self.anomaly {
            Some(AnomalyName::Jam) => "blocked: sends and receives wait while timers run",
            Some(AnomalyName::Freeze) => "blocked: the whole process stands still",
            None => {
                "blocked, baselines: sends and receives wait while timers run, as in the paper's \
                 agent; blocked, witness:\nthe whole process stands still, since its driver is one \
                 task by contract. --anomaly makes them equal"
            }
        };
        vec![anomaly.to_owned(), "a run is one cell with one seed".to_owned()]
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        smaller_than_clusters("--anomalous", &self.grid().0, self, options)
    }
}

impl FreezeGrid {
    fn grid(&self) -> (Vec<usize>, Vec<Span>, Vec<Span>) {
        let spans = |millis: &[u64]| millis.iter().copied().map(Span::millis).collect();
        if self.full {
            return (ANOMALOUS.to_vec(), spans(&BLOCKED_MS), spans(&NORMAL_MS));
        }
        (
            given_or(&self.anomalous, vec![4, 16, 32]),
            given_or(&self.blocked, spans(&[2_048, 8_192, 16_384, 32_768])),
            given_or(&self.normal, spans(&[4, 64, 1_024, 16_384])),
        )
    }

    fn cell(&self, contender: &Contender, anomalous: usize, blocked: Span, normal: Span) -> Point {
        let mut settings = vec![
            Setting::new("anomalous", anomalous),
            Setting::new("blocked", blocked),
            Setting::new("normal", normal),
        ];
        let anomaly = match self.anomaly {
            Some(AnomalyName::Jam) => Anomaly::Jam,
            Some(AnomalyName::Freeze) => Anomaly::Freeze,
            None if contender.arm.is_some_and(Arm::is_witness) => Anomaly::Freeze,
            None => Anomaly::Jam,
        };
        let forced = if anomaly == Anomaly::Jam { "jam" } else { "freeze" };
        settings.extend(self.anomaly.map(|_| Setting::new("anomaly", forced)));
        settings.extend([loss(self.loss), Setting::new("duration", self.duration)]);
        let cell = experiment::FreezeCell {
            anomalous,
            blocked: blocked.0,
            normal: normal.0,
            anomaly,
            loss_permille: self.loss,
            duration: self.duration.0,
        };
        Point::new(settings, cell)
    }
}

fn given_or<T: Clone>(given: &[T], otherwise: Vec<T>) -> Vec<T> {
    if given.is_empty() { otherwise } else { given.to_vec() }
}
