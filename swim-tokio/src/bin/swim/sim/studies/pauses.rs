//! Processes that stand still.

use swim_core::sim::experiment;

use super::{LOSS_PERMILLE, loss, smaller_than_clusters};
use crate::sim::contender::Contender;
use crate::sim::options::Options;
use crate::sim::plot::Plot;
use crate::sim::study::{Point, Setting, Shown, Study};
use crate::span::Span;

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

/// Some members stand still again and again; a healthy one crashes halfway.
#[derive(clap::Args)]
pub struct RepeatedPauses {
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 8)]
    paused: usize,

    /// For how long; several give a row each.
    #[arg(long, value_name = "TIME,...", value_delimiter = ',',
        default_values_t = [Span::secs(5), Span::secs(10)])]
    pause: Vec<Span>,

    /// From one pause to the next, on average: one for each --pause. [default: four times a pause,
    /// at most 20 s more than it]
    #[arg(long, value_name = "TIME,...", value_delimiter = ',')]
    every: Vec<Span>,

    /// How long it goes on.
    #[arg(long, value_name = "TIME", default_value_t = Span::secs(300))]
    duration: Span,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = LOSS_PERMILLE,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,
}

impl Study for RepeatedPauses {
    fn name(&self) -> &'static str {
        "repeated-pauses"
    }

    fn seeds(&self) -> u64 {
        10
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |(place, &pause): (usize, &Span)| {
            let usual = Span((pause.0 * 4).min(pause.0 + Span::secs(20).0));
            let every = self.every.get(place).copied().unwrap_or(usual);
            let settings = vec![
                Setting::new("paused", self.paused),
                Setting::new("pause", pause),
                Setting::new("every", every),
                Setting::new("duration", self.duration),
                loss(self.loss),
            ];
            let pauses = experiment::RepeatedPauses {
                paused: self.paused,
                pause: pause.0,
                every: every.0,
                duration: self.duration.0,
                loss_permille: self.loss,
            };
            Point::new(settings, pauses)
        };
        self.pause.iter().enumerate().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Readings, Shown::Detection, Shown::FalseDeaths, Shown::Traffic]
    }

    fn notes(&self) -> Vec<String> {
        vec![
            "killed: anybody heard MemberDead of the paused one before its next pause".to_owned(),
            "first and all are about the healthy member that crashes".to_owned(),
        ]
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        if !self.every.is_empty() && self.every.len() != self.pause.len() {
            return Err("--every needs as many values as --pause".to_owned());
        }
        smaller_than_clusters("--paused", &[self.paused + 1], self, options)
    }
}
