//! Levels of suspicion: what a threshold costs, and what it buys.

use clap::builder::PossibleValuesParser;
use swim_core::sim::experiment::{self, Formula, Jitter};

use super::models;
use crate::sim::contender::Contender;
use crate::sim::options::Options;
use crate::sim::plot::Plot;
use crate::sim::study::{Point, Setting, Shown, Study};
use crate::span::Span;

/// Watched peers: how often a level of suspicion is passed by mistake, and how soon by a crash.
///
/// A peer is pinged at even intervals through one kind of synthetic jitter, and its silences are
/// held against a threshold of phi, by the code of `Node::watch`. Mistakes: answers that came only
/// after the threshold had been passed. Detection: from a crash at any moment to the passing of the
/// threshold, mean. Beside it a fixed timeout of the same mean detection time, over the same
/// answers.
///
/// Jitter: normal, delays of 10 ms, deviation 3 ms. lognormal, a heavy tail: median 10 ms, one in a
/// hundred above 100 ms. bursts, normal, and of 500 pings one begins a burst of losses, five long
/// on average. pauses, normal, and once in 300 pings the process stands still, 300 ms on average.
/// turns, normal and lognormal in turns of 5000 pings.
///
/// In plots what made no mistake is missing: their axis is logarithmic.
///
/// Formulas: normal, as Hayashibara et al. 2004 have it. akka, the same with a least deviation of a
/// tenth of the interval and an acceptable pause of three, what a watch has unless told otherwise.
/// exponential, Cassandra's.
#[derive(clap::Args)]
pub struct Phi {
    /// Levels; several give a row each.
    #[arg(long, value_name = "PHI,...", value_delimiter = ',', value_parser = threshold,
        default_values_t = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0])]
    threshold: Vec<f32>,

    /// What comes between pings and answers; several give a row each. [default: all]
    #[arg(long, value_name = "JITTER,...", value_delimiter = ',',
        value_parser = PossibleValuesParser::new(Jitter::ALL.map(Jitter::name)))]
    jitter: Vec<String>,

    /// From what levels come. [default: all three]
    #[arg(long, value_name = "FORMULA,...", value_delimiter = ',',
        value_parser = PossibleValuesParser::new(Formula::ALL.map(Formula::name)))]
    formula: Vec<String>,

    /// Between two pings.
    #[arg(long, value_name = "TIME", default_value_t = Span::millis(100),
        value_parser = Span::watch)]
    interval: Span,

    /// Pings of each run.
    #[arg(long, value_name = "N", default_value_t = 50_000,
        value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    pings: u32,
}

impl Phi {
    fn jitters(&self) -> Vec<Jitter> {
        let asked = |jitter: &Jitter| {
            self.jitter.is_empty() || self.jitter.iter().any(|j| j == jitter.name())
        };
        Jitter::ALL.into_iter().filter(asked).collect()
    }
}

fn threshold(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(level) if (0.5..=64.0).contains(&level) => Ok(level),
        _ => Err("expected a level from 0.5 to 64".to_owned()),
    }
}

impl Study for Phi {
    fn name(&self) -> &'static str {
        "phi"
    }

    fn nodes(&self) -> Vec<u64> {
        // Who watches, and who is watched, beside somebody, as the option wants it.
        vec![3]
    }

    fn seeds(&self) -> u64 {
        20
    }

    fn contenders(&self, _options: &Options) -> Vec<Contender> {
        models("formula", Formula::ALL.map(Formula::name), &self.formula)
    }

    fn points(&self, contender: &Contender) -> Vec<Point> {
        let is_its = |formula: &Formula| formula.name() == contender.name;
        let Some(formula) = Formula::ALL.into_iter().find(is_its) else { return Vec::new() };
        let point = |jitter: Jitter, &threshold: &f32| {
            let settings = vec![
                Setting::new("jitter", jitter.name()),
                Setting::new("threshold", threshold),
                Setting::new("interval", self.interval),
                Setting::new("pings", self.pings),
            ];
            let (interval, pings) = (self.interval.0, self.pings as usize);
            Point::new(settings, experiment::Phi { formula, jitter, threshold, interval, pings })
        };
        let jitters = self.jitters().into_iter();
        jitters
            .flat_map(|jitter| self.threshold.iter().map(move |phi| point(jitter, phi)))
            .collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Readings]
    }

    fn notes(&self) -> Vec<String> {
        vec![
            "mistakes: answers that came only after the threshold had been passed".to_owned(),
            "fixed timeout: of the same mean detection time, over the same answers".to_owned(),
        ]
    }

    fn plot(&self) -> Option<Plot> {
        Some(Plot::Phi)
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        if options.plot.is_some() && self.jitters().len() != 1 {
            return Err("--plot draws one --jitter at a time".to_owned());
        }
        options.for_a_model()
    }
}
