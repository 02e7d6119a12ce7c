//! Clusters that have to become right again: after restarts, after a cut, after rows were lost.

use swim_core::sim::experiment;

use super::{loss, smaller_than_clusters, witness_unless_asked};
use crate::sim::contender::Contender;
use crate::sim::options::Options;
use crate::sim::study::{Point, Setting, Shown, Study};
use crate::span::Span;

/// What a right view is.
const RIGHT: &str = "right: a view holds exactly those who run, at their boot and incarnation";
const PEAKS: &str = "peaks: the busiest second of any node";

/// Every member restarts at incarnation 0 while the others hold its old life at a later one.
#[derive(clap::Args)]
pub struct MassRestart {
    /// All end within this time.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(5))]
    within: Span,

    /// How long each is down.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(1))]
    down: Span,

    /// How many never come back, of a thousand; several give a row each.
    #[arg(long, value_name = "PERMILLE,...", value_delimiter = ',', default_values_t = [0, 50],
        value_parser = clap::value_parser!(u16).range(..=900))]
    gone: Vec<u16>,

    /// Their hosts refuse packets meanwhile, so that their deaths are told everywhere.
    #[arg(long)]
    refusing: bool,

    /// The incarnation of the old lives.
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(..=10_000))]
    incarnation: u32,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,

    /// Nobody waits longer than this for right views.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(300))]
    limit: Span,
}

impl Study for MassRestart {
    fn name(&self) -> &'static str {
        "mass-restart"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![1_000]
    }

    fn seeds(&self) -> u64 {
        5
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        witness_unless_asked(options)
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&gone_permille: &u16| {
            let mut settings = vec![
                Setting::new("within", self.within),
                Setting::new("down", self.down),
                Setting::new("gone", gone_permille),
            ];
            settings.extend(Setting::switch("refusing", self.refusing));
            settings.push(Setting::new("incarnation", self.incarnation));
            settings.extend([loss(self.loss), Setting::new("limit", self.limit)]);
            let restart = experiment::MassRestart {
                within: self.within.0,
                down: self.down.0,
                gone_permille,
                refusing: self.refusing,
                incarnation: self.incarnation,
                loss_permille: self.loss,
                limit: self.limit.0,
            };
            Point::new(settings, restart)
        };
        self.gone.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Readings]
    }

    fn notes(&self) -> Vec<String> {
        vec![format!("{RIGHT}; times count from the last start"), PEAKS.to_owned()]
    }
}

/// All crash at one moment and start again with what their snapshots say, without seeds.
#[derive(clap::Args)]
pub struct SnapshotRestart {
    /// How long all are down.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(5))]
    down: Span,

    /// All start within this time.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(10))]
    within: Span,

    /// How many never come back, of a thousand; several give a row each.
    #[arg(long, value_name = "PERMILLE,...", value_delimiter = ',', default_values_t = [0, 50, 500],
        value_parser = clap::value_parser!(u16).range(..=900))]
    gone: Vec<u16>,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,

    /// Nobody waits longer than this for right views.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(600))]
    limit: Span,
}

impl Study for SnapshotRestart {
    fn name(&self) -> &'static str {
        "snapshot-restart"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![50, 1_000]
    }

    fn seeds(&self) -> u64 {
        5
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        witness_unless_asked(options)
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&gone_permille: &u16| {
            let settings = vec![
                Setting::new("down", self.down),
                Setting::new("within", self.within),
                Setting::new("gone", gone_permille),
                loss(self.loss),
                Setting::new("limit", self.limit),
            ];
            let restart = experiment::SnapshotRestart {
                down: self.down.0,
                within: self.within.0,
                gone_permille,
                loss_permille: self.loss,
                limit: self.limit.0,
            };
            Point::new(settings, restart)
        };
        self.gone.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Readings]
    }

    fn notes(&self) -> Vec<String> {
        vec![format!("{RIGHT}; times count from the last start"), PEAKS.to_owned()]
    }
}

/// A minority is cut off for longer than the dead are remembered; then the ways are open again.
#[derive(clap::Args)]
pub struct Split {
    /// How many are cut off, of a thousand; several give a row each.
    #[arg(long, value_name = "PERMILLE,...", value_delimiter = ',', default_values_t = [500, 20],
        value_parser = clap::value_parser!(u16).range(1..=999))]
    minority: Vec<u16>,

    /// For how long.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(7_200))]
    cut: Span,

    /// How many addresses everybody knows as seeds.
    #[arg(long, value_name = "N", default_value_t = 3)]
    known_seeds: usize,

    /// How long the dead are remembered. [default: the profile's]
    #[arg(long, value_name = "TIME")]
    tombstone_time: Option<Span>,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,

    /// Nobody waits longer than this for right views.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(3_600))]
    limit: Span,
}

impl Study for Split {
    fn name(&self) -> &'static str {
        "split"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![200, 1_000]
    }

    fn seeds(&self) -> u64 {
        3
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        witness_unless_asked(options)
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&minority_permille: &u16| {
            let mut settings = vec![
                Setting::new("minority", minority_permille),
                Setting::new("cut", self.cut),
                Setting::new("known-seeds", self.known_seeds),
            ];
            settings.extend(self.tombstone_time.map(|time| Setting::new("tombstone-time", time)));
            settings.extend([loss(self.loss), Setting::new("limit", self.limit)]);
            let split = experiment::Split {
                minority_permille,
                cut: self.cut.0,
                known_seeds: self.known_seeds,
                tombstone_time: self.tombstone_time.map(|time| time.0),
                loss_permille: self.loss,
                limit: self.limit.0,
            };
            Point::new(settings, split)
        };
        self.minority.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Readings]
    }

    fn notes(&self) -> Vec<String> {
        vec![
            format!("{RIGHT}; times count from the moment the ways are open again"),
            format!("dead remembered: rows of the other side left by then; {PEAKS}"),
        ]
    }
}

/// Some members forget others at one moment, and nobody tells them so.
#[derive(clap::Args)]
pub struct Repair {
    /// How many rows each of them forgets; several give a row each.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 20, 100])]
    rows: Vec<usize>,

    /// How many members forget.
    #[arg(long, value_name = "N", default_value_t = 1)]
    forgetful: usize,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,

    /// Nobody waits longer than this for right views.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(300))]
    limit: Span,
}

impl Study for Repair {
    fn name(&self) -> &'static str {
        "repair"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![1_000]
    }

    fn seeds(&self) -> u64 {
        10
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        witness_unless_asked(options)
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&rows: &usize| {
            let settings = vec![
                Setting::new("rows", rows),
                Setting::new("forgetful", self.forgetful),
                loss(self.loss),
                Setting::new("limit", self.limit),
            ];
            let (loss_permille, limit) = (self.loss, self.limit.0);
            let forgetful = self.forgetful;
            Point::new(settings, experiment::Repair { rows, forgetful, loss_permille, limit })
        };
        self.rows.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Readings, Shown::Traffic]
    }

    fn notes(&self) -> Vec<String> {
        vec![
            format!("{RIGHT}; times count from the loss of the rows"),
            "bytes of who forgot: from then until all views were right, its usual traffic included"
                .to_owned(),
        ]
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        smaller_than_clusters("--forgetful", &[self.forgetful], self, options)
    }
}
