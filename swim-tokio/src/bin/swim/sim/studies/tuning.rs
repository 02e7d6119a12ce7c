//! Settings for a given cluster.

use std::time::Duration;

use clap::ValueEnum;
use swim_core::Config;
use swim_core::sim::experiment::{Arm, Figure, Prediction, Tuned};

use super::loss;
use crate::sim::contender::Contender;
use crate::sim::options::{Options, Preset};
use crate::sim::row::Row;
use crate::sim::study::{Point, Setting, Shown, Study};
use crate::span::Span;

/// Times between two probes that are tried, in milliseconds.
const INTERVALS_MS: [u64; 8] = [250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

/// What is simulated may be so many times the budget, and still be said to be nearly within it.
const NEARLY: f64 = 1.1;

/// Propose settings for a cluster: its size, its network, the pauses of its members, and what they
/// may send.
///
/// The pause that is tolerated is given. Of the times between two probes that keep the traffic of a
/// node at rest within the budget, by formula, the shortest is proposed, and simulated beside the
/// next shorter and the next longer one. If none does, the cheapest is, and said to be too dear.
/// Intervals tried are 250 ms to a minute. Bytes are those of datagrams, without the headers of UDP
/// and IP, which are 28 more for each message.
///
/// Formulas: the first knows after the pause, half a probe interval and four answer timeouts (15/8
/// of --rtt each, within what the profile allows); all know within the detection bound; a node
/// sends a ping and an ack an interval, and relays' packets for each that is lost.
#[derive(clap::Args)]
pub struct Tune {
    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(..=500))]
    loss: u16,

    /// The longest round trip between two members.
    #[arg(long, value_name = "TIME", default_value_t = Span::millis(4))]
    rtt: Span,

    /// The longest pause a healthy process may show.
    #[arg(long, value_name = "TIME", default_value_t = Span::millis(2_500),
        value_parser = Span::pause)]
    pause: Span,

    /// What a node may send while nobody fails, in bytes a second.
    #[arg(long, value_name = "BYTES_PER_SECOND", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..))]
    budget: u32,
}

/// Settings that are tried.
struct Candidate {
    interval: Span,
    config: Config,
    predicted: Prediction,
}

impl Study for Tune {
    fn name(&self) -> &'static str {
        "tune"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![64]
    }

    fn seeds(&self) -> u64 {
        40
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        let candidates = self.candidates(options);
        let chosen = self.choose(&candidates);
        let beside = chosen.saturating_sub(1)..=chosen.saturating_add(1);
        let beside = candidates.into_iter().enumerate().filter(|(at, _)| beside.contains(at));
        let contender = |(at, Candidate { interval, config, .. })| {
            let mark = if at == chosen { " (proposed)" } else { "" };
            let witness = options.plain(Arm::Witness);
            Contender { label: format!("every {interval}{mark}"), config, ..witness }
        };
        beside.map(contender).collect()
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let settings = vec![
            loss(self.loss),
            Setting::new("rtt", self.rtt),
            Setting::new("pause", self.pause),
            Setting::new("budget", self.budget),
        ];
        vec![Point::new(settings, self.network())]
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Detection, Shown::FalseDeaths, Shown::Readings]
    }

    fn conclusion(&self, options: &Options, rows: &[Row]) -> Vec<String> {
        let candidates = self.candidates(options);
        let chosen = self.choose(&candidates);
        let Some(candidate) = candidates.get(chosen) else { return Vec::new() };
        let proposed = rows.iter().find(|row| row.contender.config == candidate.config);
        let simulated = proposed.and_then(idle_bytes).unwrap_or(f64::INFINITY);
        let preset = options.profile.to_possible_value();
        let preset = preset.map_or(String::new(), |preset| preset.get_name().to_owned());
        let mut lines = vec![self.verdict(candidate, simulated), String::new()];
        lines.extend(as_code(candidate, &preset));
        if options.profile != Preset::Radio {
            lines.push(format!(
                "swim agent --profile {preset} --pause-tolerance {} --probe-interval {}",
                self.pause, candidate.interval
            ));
        }
        lines.push(String::new());
        lines
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        let is_witness =
            options.contenders().iter().all(|contender| contender.arm == Some(Arm::Witness));
        if !options.detector_is_default() && !is_witness {
            return Err("tune proposes settings for --detector witness alone".to_owned());
        }
        if options.nodes.len() > 1 {
            return Err("tune takes one --nodes at a time".to_owned());
        }
        if !options.pause_tolerance.is_empty() {
            return Err("tune takes the pause that is tolerated as --pause".to_owned());
        }
        Ok(())
    }
}

impl Tune {
    fn network(&self) -> Tuned {
        Tuned { loss_permille: self.loss, rtt: self.rtt.0 }
    }

    /// From the dearest to the cheapest.
    fn candidates(&self, options: &Options) -> Vec<Candidate> {
        let nodes = options.nodes.first().copied().unwrap_or(self.nodes()[0]) as usize;
        let base = Config { pause_tolerance: self.pause.0, ..options.plain(Arm::Witness).config };
        let candidate = |millis| {
            let config = base.probing_every(Duration::from_millis(millis));
            let predicted = self.network().predict(&config, nodes);
            Candidate { interval: Span::millis(millis), config, predicted }
        };
        INTERVALS_MS.into_iter().map(candidate).collect()
    }

    /// The first that the budget allows, or else the last.
    fn choose(&self, candidates: &[Candidate]) -> usize {
        let allowed = |candidate: &Candidate| candidate.predicted.byte_rate <= self.budget.into();
        let last = candidates.len().saturating_sub(1);
        candidates.iter().position(allowed).unwrap_or(last)
    }

    fn verdict(&self, candidate: &Candidate, simulated: f64) -> String {
        let predicted = candidate.predicted.byte_rate;
        let bytes = format!("{predicted:.1} by formula, {simulated:.1} simulated");
        let budget = self.budget;
        match (predicted <= budget.into(), simulated <= budget.into()) {
            (true, true) => format!("within {budget} bytes/s at rest ({bytes}):"),
            (false, _) => {
                format!("{budget} bytes/s cannot be kept; this is the closest ({bytes}):")
            }
            (true, false) if simulated <= NEARLY * f64::from(budget) => {
                format!("nearly within {budget} bytes/s at rest ({bytes}):")
            }
            (true, false) => format!(
                "the formula is wrong here, try a smaller budget than {budget} bytes/s ({bytes}):"
            ),
        }
    }
}

fn idle_bytes(row: &Row) -> Option<f64> {
    let found = row.summary.readings.iter().find(|reading| reading.0 == IDLE_BYTES)?;
    match &found.1 {
        Figure::Rate(rate) => Some(rate.value),
        _ => None,
    }
}

/// The reading of the experiment that the budget is about.
const IDLE_BYTES: &str = "idle bytes per node and second";

fn as_code(candidate: &Candidate, preset: &str) -> Vec<String> {
    let Config { pause_tolerance, probe_interval, probe_timeout, probe_timeout_min, .. } =
        candidate.config;
    let fields = [
        ("pause_tolerance", pause_tolerance),
        ("probe_interval", probe_interval),
        ("probe_timeout", probe_timeout),
        ("probe_timeout_min", probe_timeout_min),
    ];
    let field = |(name, time): (&str, Duration)| {
        format!("    {name}: Duration::from_millis({}),", time.as_millis())
    };
    let mut lines = vec!["Config {".to_owned()];
    lines.extend(fields.map(field));
    lines.push(format!("    ..Config::{}()", preset.replace('-', "_")));
    lines.push("}".to_owned());
    lines
}
