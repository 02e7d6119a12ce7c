//! Nodes with a bad connection, and clusters that fall in two.

use swim_core::sim::experiment;
use swim_core::sim::experiment::{BadConnection, Defect};

use super::{LOSS_PERMILLE, TROUBLE, loss, smaller_than_clusters};
use crate::sim::contender::Contender;
use crate::sim::options::Options;
use crate::sim::study::{Point, Setting, Shown, Study};
use crate::span::Span;

/// What experiments about bad connections share.
#[derive(clap::Args)]
struct Watching {
    /// How many nodes are bad. [default: the experiment's]
    #[arg(long, value_name = "N")]
    bad: Option<usize>,

    /// How long it may take to remove them. [default: the experiment's]
    #[arg(long, value_name = "TIME")]
    settling: Option<Span>,

    /// How long it is looked at after that. [default: the experiment's]
    #[arg(long, value_name = "TIME")]
    duration: Option<Span>,

    /// Datagrams all lose, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = LOSS_PERMILLE,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,
}

/// What holds unless told otherwise; times in seconds.
struct Usual {
    bad: usize,
    settling: u64,
    duration: u64,
}

impl Watching {
    fn point(&self, mut settings: Vec<Setting>, defect: Defect, usual: Usual) -> Point {
        let bad = self.bad.unwrap_or(usual.bad);
        let settling = self.settling.unwrap_or(Span::secs(usual.settling));
        let duration = self.duration.unwrap_or(Span::secs(usual.duration));
        settings.extend([
            Setting::new("bad", bad),
            Setting::new("settling", settling),
            Setting::new("duration", duration),
            loss(self.loss),
        ]);
        let experiment = BadConnection {
            loss_permille: self.loss,
            settling: settling.0,
            duration: duration.0,
            ..BadConnection::new(defect, bad)
        };
        Point::new(settings, experiment)
    }
}

/// Nothing reaches some nodes; they can send.
#[derive(clap::Args)]
pub struct Deaf {
    #[command(flatten)]
    watching: Watching,
}

impl Study for Deaf {
    fn name(&self) -> &'static str {
        "deaf"
    }

    fn seeds(&self) -> u64 {
        10
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let usual = Usual { bad: 8, settling: 60, duration: 60 };
        vec![self.watching.point(Vec::new(), Defect::Deaf, usual)]
    }

    fn shown(&self) -> &'static [Shown] {
        TROUBLE
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        smaller_than_clusters("--bad", &[self.watching.bad.unwrap_or(8)], self, options)
    }
}

/// Some nodes cannot send to half of the others, each to another half.
#[derive(clap::Args)]
pub struct OneWay {
    #[command(flatten)]
    watching: Watching,
}

impl Study for OneWay {
    fn name(&self) -> &'static str {
        "one-way"
    }

    fn seeds(&self) -> u64 {
        10
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let usual = Usual { bad: 4, settling: 60, duration: 60 };
        vec![self.watching.point(Vec::new(), Defect::OneWay, usual)]
    }

    fn shown(&self) -> &'static [Shown] {
        TROUBLE
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        smaller_than_clusters("--bad", &[self.watching.bad.unwrap_or(4)], self, options)
    }
}

/// Some nodes are deaf and well by turns.
#[derive(clap::Args)]
pub struct FlipFlop {
    /// How long they are deaf, and then well.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(20))]
    period: Span,

    #[command(flatten)]
    watching: Watching,
}

impl Study for FlipFlop {
    fn name(&self) -> &'static str {
        "flip-flop"
    }

    fn seeds(&self) -> u64 {
        10
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let usual = Usual { bad: 4, settling: 120, duration: 480 };
        vec![self.watching.point(
            vec![Setting::new("period", self.period)],
            Defect::FlipFlop(self.period.0),
            usual,
        )]
    }

    fn shown(&self) -> &'static [Shown] {
        TROUBLE
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        smaller_than_clusters("--bad", &[self.watching.bad.unwrap_or(4)], self, options)
    }
}

/// Some nodes lose most of what they send and of what they are sent.
#[derive(clap::Args)]
pub struct BadNodes {
    /// Datagrams they lose, of a thousand, in and out.
    #[arg(long, value_name = "PERMILLE", default_value_t = 800,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    bad_loss: u16,

    #[command(flatten)]
    watching: Watching,
}

impl Study for BadNodes {
    fn name(&self) -> &'static str {
        "bad-nodes"
    }

    fn seeds(&self) -> u64 {
        5
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let usual = Usual { bad: 2, settling: 120, duration: 900 };
        vec![self.watching.point(
            vec![Setting::new("bad-loss", self.bad_loss)],
            Defect::Lossy(self.bad_loss),
            usual,
        )]
    }

    fn shown(&self) -> &'static [Shown] {
        TROUBLE
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        smaller_than_clusters("--bad", &[self.watching.bad.unwrap_or(2)], self, options)
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
