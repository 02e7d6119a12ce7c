//! Models of rumours: no nodes and no packets, only who tells whom in a round.

use clap::builder::PossibleValuesParser;
use swim_core::sim::experiment::{self, Epidemic, Published, Style};

use super::models;
use crate::sim::contender::Contender;
use crate::sim::options::Options;
use crate::sim::plot::Plot;
use crate::sim::study::{Point, Setting, Shown, Study};

/// Rounds until a rumour has reached everybody: push, pull, push-pull.
///
/// One node knows it. In every round each node contacts as many different others, drawn from all,
/// as the fanout says, and at the end of the round knows what they knew at its beginning. Push:
/// those who know it tell those they contact. Pull: those who do not ask those they contact.
/// Push-pull: both. Nothing is lost.
///
/// Beside it Serf's closed formula, the one behind the figures on its page about convergence, for
/// push: the logistic curve N / (1 + (N + 1) exp(-r f / 2)) after r rounds of fanout f.
#[derive(clap::Args)]
pub struct Spread {
    /// Whom each node contacts in a round; several give a row each.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [2, 4, 6],
        value_parser = clap::value_parser!(u16).range(1..))]
    fanout: Vec<u16>,

    /// Who tells whom. [default: all three]
    #[arg(long, value_name = "STYLE,...", value_delimiter = ',',
        value_parser = PossibleValuesParser::new(Style::ALL.map(Style::name)))]
    style: Vec<String>,
}

impl Study for Spread {
    fn name(&self) -> &'static str {
        "spread"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![64, 256, 1_024, 4_096]
    }

    fn seeds(&self) -> u64 {
        300
    }

    fn contenders(&self, _options: &Options) -> Vec<Contender> {
        models("style", Style::ALL.map(Style::name), &self.style)
    }

    fn points(&self, contender: &Contender) -> Vec<Point> {
        let styles = Style::ALL.into_iter().filter(|style| style.name() == contender.name);
        let point = |style, &fanout: &u16| {
            let settings = vec![Setting::new("fanout", fanout)];
            Point::new(settings, experiment::Spread { style, fanout: fanout.into() })
        };
        styles
            .flat_map(|style| self.fanout.iter().map(move |fanout| point(style, fanout)))
            .collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Readings]
    }

    fn notes(&self) -> Vec<String> {
        vec![
            "Serf's formula is of push. It is a curve in continuous time: 99.99 % is where Serf's \
             page stops,"
                .to_owned(),
            "which among fewer than 10000 nodes is later than the last node hears; all but half a \
             node: everybody,"
                .to_owned(),
            "rounded. Its rate f / 2 is too slow for fanout 2 and too fast for 6".to_owned(),
        ]
    }

    fn plot(&self) -> Option<Plot> {
        Some(Plot::Spread)
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        options.for_a_model()
    }
}

/// Tables 1 to 3 of Demers et al. 1987: rumours that die out before all have heard them.
///
/// "Epidemic Algorithms for Replicated Database Maintenance", section 1.4, whose figures stand
/// beside ours for the 1000 sites the paper has. Residue: the share of sites that never hear of it.
/// Traffic m: messages that carry it, by sites. t_last: cycles until the last site that hears of it
/// has. The paper's t_ave is left out: the rules it states do not give it in Tables 1 and 2, while
/// they give all else.
#[derive(clap::Args)]
pub struct Demers {
    /// How long a site stays interested: useless contacts one after another, or the inverse of the
    /// chance to lose interest; several give a row each. [default: those of the tables]
    #[arg(long, value_name = "K,...", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=100))]
    k: Vec<u32>,

    /// push-counter is Table 1, push-coin Table 2, pull-counter Table 3. [default: all three]
    #[arg(long, value_name = "EPIDEMIC,...", value_delimiter = ',',
        value_parser = PossibleValuesParser::new(Epidemic::ALL.map(Epidemic::name)))]
    epidemic: Vec<String>,
}

impl Study for Demers {
    fn name(&self) -> &'static str {
        "demers"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![Published::SITES as u64]
    }

    fn seeds(&self) -> u64 {
        2_000
    }

    fn contenders(&self, _options: &Options) -> Vec<Contender> {
        models("epidemic", Epidemic::ALL.map(Epidemic::name), &self.epidemic)
    }

    fn points(&self, contender: &Contender) -> Vec<Point> {
        let chosen = Epidemic::ALL.into_iter().filter(|one| one.name() == contender.name);
        let point = |epidemic, k| {
            Point::new(vec![Setting::new("k", k)], experiment::Demers { epidemic, k })
        };
        let points = |epidemic: Epidemic| {
            let of_table = 1..=epidemic.published().len() as u32;
            let ks = if self.k.is_empty() { of_table.collect() } else { self.k.clone() };
            ks.into_iter().map(move |k| point(epidemic, k))
        };
        chosen.flat_map(points).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Readings]
    }

    fn notes(&self) -> Vec<String> {
        vec!["a residue of few sites in all runs is known no better than its interval".to_owned()]
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        options.for_a_model()
    }
}
