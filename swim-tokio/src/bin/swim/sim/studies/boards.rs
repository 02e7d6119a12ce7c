//! Boards: radios, and tables smaller than the cluster.

use swim_core::sim::experiment;

use super::{loss, witness_unless_asked};
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
    #[arg(long, value_name = "PERMILLE,...", value_delimiter = ',', default_values_t = [0, 200, 300],
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
