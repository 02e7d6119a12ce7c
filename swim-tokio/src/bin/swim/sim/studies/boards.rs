//! Boards: radios, and tables smaller than the cluster.

use swim_core::sim::experiment;

use super::{LOSS_PERMILLE, loss, smaller_than_clusters, witness_unless_asked};
use crate::sim::contender::Contender;
use crate::sim::options::{Options, Preset};
use crate::sim::study::{Point, Setting, Shown, Study};
use crate::span::Span;

/// Boards on a radio that loses much, for hours; now and then one fails, and some come back.
///
/// Datagrams of 127 bytes, tables of 32 rows, frames that take 20 to 500 ms, the settings of the
/// profile `radio`.
#[derive(clap::Args)]
pub struct Radio {
    /// How many fail, at even intervals: of three, the first stays away, the second comes back, the
    /// third restarts at once.
    #[arg(long, value_name = "N", default_value_t = 9,
        value_parser = clap::value_parser!(u32).range(3..=1_000))]
    crashes: u32,

    /// Datagrams lost, of a thousand; several give a row each.
    #[arg(long, value_name = "PERMILLE,...", value_delimiter = ',',
        default_values_t = [0, 200, 300],
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: Vec<u16>,

    /// Rows of each table.
    #[arg(long, value_name = "N", default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(3..))]
    rows: u16,

    /// How long it is looked at.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(3_600))]
    duration: Span,
}

impl Study for Radio {
    fn name(&self) -> &'static str {
        "radio"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![24]
    }

    fn seeds(&self) -> u64 {
        20
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        witness_unless_asked(&Options { profile: Preset::Radio, ..options.clone() })
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&loss_permille: &u16| {
            let settings = vec![
                Setting::new("crashes", self.crashes),
                loss(loss_permille),
                Setting::new("rows", self.rows),
                Setting::new("duration", self.duration),
            ];
            let (crashes, rows, duration) = (self.crashes, self.rows.into(), self.duration.0);
            Point::new(settings, experiment::Radio { crashes, loss_permille, rows, duration })
        };
        self.loss.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Detection, Shown::Readings, Shown::Suspicions, Shown::Traffic]
    }

    fn notes(&self) -> Vec<String> {
        vec!["bytes: of datagrams, without the headers of whatever carries them".to_owned()]
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        match options.profile {
            Preset::Lan | Preset::Radio => Ok(()),
            _ => Err("radio is about the profile radio".to_owned()),
        }
    }
}

/// Leaves, whose tables are smaller than the cluster, among others; members fail and come back.
#[derive(clap::Args)]
pub struct Leaves {
    /// How many of the nodes are leaves; several give a row each.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [20])]
    leaves: Vec<usize>,

    /// Rows of a leaf's table.
    #[arg(long, value_name = "N", default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(4..))]
    rows: u16,

    /// How many members fail, at even intervals; one in five is a leaf.
    #[arg(long, value_name = "N", default_value_t = 60,
        value_parser = clap::value_parser!(u32).range(..=1_000))]
    failures: u32,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = LOSS_PERMILLE,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,

    /// How long it is looked at.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(1_800))]
    duration: Span,
}

impl Study for Leaves {
    fn name(&self) -> &'static str {
        "leaves"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![1_000]
    }

    fn seeds(&self) -> u64 {
        2
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        witness_unless_asked(options)
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&leaves: &usize| {
            let settings = vec![
                Setting::new("leaves", leaves),
                Setting::new("rows", self.rows),
                Setting::new("failures", self.failures),
                loss(self.loss),
                Setting::new("duration", self.duration),
            ];
            let (rows, duration) = (self.rows.into(), self.duration.0);
            let (failures, loss_permille) = (self.failures, self.loss);
            Point::new(
                settings,
                experiment::Leaves { leaves, rows, failures, loss_permille, duration },
            )
        };
        self.leaves.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Readings, Shown::Suspicions]
    }

    fn notes(&self) -> Vec<String> {
        vec![
            "right: a view holds exactly those who run, that of a leaf nobody else; the time \
             counts from the last return"
                .to_owned(),
            "dispersion: of how often each member was taken in, variance by mean; chance gives 1"
                .to_owned(),
        ]
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        smaller_than_clusters("--leaves", &self.leaves, self, options)
    }
}
