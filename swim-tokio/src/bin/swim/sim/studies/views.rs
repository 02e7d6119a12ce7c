//! Views that become right: joins, and what it costs to keep them so.

use swim_core::sim::experiment;

use super::{loss, witness_unless_asked};
use crate::sim::contender::Contender;
use crate::sim::options::Options;
use crate::sim::study::{Point, Setting, Shown, Study};
use crate::span::Span;

/// Strangers join through one seed, within a second; or one more joins a settled cluster.
#[derive(clap::Args)]
pub struct Join {
    /// Datagrams lost, of a thousand; several give a row each.
    #[arg(long, value_name = "PERMILLE,...", value_delimiter = ',',
        default_values_t = [0, 10, 50, 300],
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: Vec<u16>,

    /// One more joins the settled cluster.
    #[arg(long)]
    late: bool,

    /// All begin within this time.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(1), conflicts_with = "late")]
    within: Span,

    /// The largest datagram, in bytes. [default: the profile's]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(127..=65_507))]
    datagram_len_max: Option<u16>,

    /// Nobody waits longer than this for complete views.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(300))]
    limit: Span,
}

impl Study for Join {
    fn name(&self) -> &'static str {
        "join"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![100, 1_000]
    }

    fn seeds(&self) -> u64 {
        5
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        witness_unless_asked(options)
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        self.loss.iter().map(|&loss_permille| self.point(loss_permille)).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Readings, Shown::FalseDeaths, Shown::Suspicions]
    }

    fn notes(&self) -> Vec<String> {
        let counted = match self.late {
            true => "nodes: without the one that joins; bytes and packets in: those that arrived",
            false => "nodes: with the seed, through which all others join",
        };
        vec![
            "complete: a view holds exactly those who run; times count from the first join".into(),
            format!("peaks: the busiest second; {counted}"),
            "no node is slowed by its processor, its socket or its line".into(),
        ]
    }
}

impl Join {
    fn point(&self, loss_permille: u16) -> Point {
        let Self { datagram_len_max, limit: Span(limit), .. } = *self;
        let mut settings = vec![loss(loss_permille)];
        settings.extend(Setting::switch("late", self.late));
        if !self.late {
            settings.push(Setting::new("within", self.within));
        }
        settings.extend(datagram_len_max.map(|len| Setting::new("datagram-len-max", len)));
        settings.push(Setting::new("limit", self.limit));
        if self.late {
            return Point::new(
                settings,
                experiment::LateJoin { loss_permille, datagram_len_max, limit },
            );
        }
        let within = self.within.0;
        Point::new(settings, experiment::Join { within, loss_permille, datagram_len_max, limit })
    }
}

/// A settled cluster in which nothing happens, or only metadata changes.
#[derive(clap::Args)]
pub struct Idle {
    /// Changes a second in the whole cluster; several give a row each.
    #[arg(long, value_name = "RATE,...", value_delimiter = ',',
        default_values_t = [0.0, 0.1, 1.0, 10.0], value_parser = rate)]
    changes: Vec<f64>,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,

    /// How long it is looked at.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(120))]
    duration: Span,
}

/// A thousand changes a second.
const RATE_MAX: f64 = 1_000.0;

fn rate(text: &str) -> Result<f64, String> {
    let expected = format!("expected a number from 0 to {RATE_MAX}");
    let rate: f64 = text.parse().map_err(|_| expected.clone())?;
    if (0.0..=RATE_MAX).contains(&rate) { Ok(rate) } else { Err(expected) }
}

impl Study for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![100, 1_000]
    }

    fn seeds(&self) -> u64 {
        3
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        witness_unless_asked(options)
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&changes_per_second: &f64| {
            let settings = vec![
                Setting::new("changes", changes_per_second),
                loss(self.loss),
                Setting::new("duration", self.duration),
            ];
            let (loss_permille, duration) = (self.loss, self.duration.0);
            Point::new(settings, experiment::Idle { changes_per_second, loss_permille, duration })
        };
        self.changes.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Traffic, Shown::Readings]
    }

    fn notes(&self) -> Vec<String> {
        vec!["changes: of metadata, 8 bytes each, a second in the whole cluster".to_owned()]
    }
}
