//! All trials together.

use std::fmt;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use swim_core::sim::experiment::share;

use super::partition::Partition;
use super::spread::{Interval, Spread};
use super::trial::{Fault, Idle, Trial};

/// How the drill was made, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub agents: usize,
    pub agent_args: Vec<String>,
    pub loss_permille: u16,
    pub host_crash: bool,
    /// From the first start until all saw all.
    pub converged_ms: Option<u64>,
    pub idle: Option<Idle>,
    pub trials: Vec<Trial>,
    pub partitions: Vec<Partition>,
    /// The longest that the drill itself was kept from running.
    pub drill_late_ms: u64,
}

/// [`Summary`], in the form in which it is told.
#[derive(Debug, Serialize)]
pub struct Account<'a> {
    agents: usize,
    agent_args: &'a [String],
    loss_permille: u16,
    host_crash: bool,
    converged_ms: Option<u64>,
    idle: Option<&'a Idle>,
    series: Vec<Series>,
    partitions: &'a [Partition],
    drill_late_ms: u64,
}

/// All trials of one kind.
#[derive(Debug, Serialize)]
struct Series {
    #[serde(flatten)]
    fault: Fault,
    n: usize,
    /// Trials in which somebody declared the agent dead, and in which all others did.
    declared: usize,
    declared_by_all: usize,
    /// The share of the former in all trials there could be.
    declared_interval: Interval,
    first_suspect_ms: Option<Spread>,
    first_dead_ms: Option<Spread>,
    all_dead_ms: Option<Spread>,
    back_ms: Option<Spread>,
    sleeper_suspected: usize,
    sleeper_declared: usize,
    false_suspicions: usize,
    false_deaths: usize,
    /// In the mean of the trials; not counted on the shared network.
    datagrams_per_s: Option<f64>,
    datagram_bytes_per_s: Option<f64>,
}

impl Summary {
    pub fn account(&self) -> Account<'_> {
        let mut faults: Vec<Fault> = Vec::new();
        for trial in &self.trials {
            if !faults.contains(&trial.fault) {
                faults.push(trial.fault);
            }
        }
        let of = |fault| self.trials.iter().filter(move |trial| trial.fault == fault).collect();
        Account {
            agents: self.agents,
            agent_args: &self.agent_args,
            loss_permille: self.loss_permille,
            host_crash: self.host_crash,
            converged_ms: self.converged_ms,
            idle: self.idle.as_ref(),
            series: faults.into_iter().map(|fault| Series::of(fault, of(fault))).collect(),
            partitions: &self.partitions,
            drill_late_ms: self.drill_late_ms,
        }
    }
}

impl Series {
    fn of(fault: Fault, trials: Vec<&Trial>) -> Self {
        let spread =
            |time: fn(&Trial) -> Option<u64>| Spread::of(trials.iter().copied().filter_map(time));
        let sum = |count: fn(&Trial) -> usize| trials.iter().copied().map(count).sum();
        let mean = |rate: fn(&Trial) -> Option<f64>| {
            let rates: Option<Vec<f64>> = trials.iter().copied().map(rate).collect();
            rates.map(|rates| rates.iter().sum::<f64>() / rates.len() as f64)
        };
        let declared = |trial: &&Trial| (u64::from(trial.first_dead_ms.is_some()), 1);
        let declared: Vec<_> = trials.iter().map(declared).collect();
        Self {
            fault,
            n: trials.len(),
            declared_interval: share(&declared).into(),
            declared: sum(|trial| usize::from(trial.first_dead_ms.is_some())),
            declared_by_all: sum(|trial| usize::from(trial.all_dead_ms.is_some())),
            first_suspect_ms: spread(|trial| trial.first_suspect_ms),
            first_dead_ms: spread(|trial| trial.first_dead_ms),
            all_dead_ms: spread(|trial| trial.all_dead_ms),
            back_ms: spread(|trial| trial.back_ms),
            sleeper_suspected: sum(|trial| trial.sleeper_suspected),
            sleeper_declared: sum(|trial| trial.sleeper_declared),
            false_suspicions: sum(|trial| trial.false_suspicions),
            false_deaths: sum(|trial| trial.false_deaths),
            datagrams_per_s: mean(|trial| Some(trial.rates?.datagrams_per_s)),
            datagram_bytes_per_s: mean(|trial| Some(trial.rates?.datagram_bytes_per_s)),
        }
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["", "n", "p50, ms", "p99, ms", "max, ms"]);
        for (what, spread) in self.spreads() {
            let Some(spread) = spread else { continue };
            table.add_row([
                what.to_owned(),
                spread.n.to_string(),
                format!("{} {}", spread.p50, spread.p50_interval),
                format!("{} {}", spread.p99, spread.p99_interval),
                spread.max.to_string(),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.trim_fmt()
    }

    fn spreads(&self) -> [(&'static str, Option<&Spread>); 4] {
        [
            ("first suspected", self.first_suspect_ms.as_ref()),
            ("first declared dead", self.first_dead_ms.as_ref()),
            ("dead for all others", self.all_dead_ms.as_ref()),
            ("back for all", self.back_ms.as_ref()),
        ]
    }

    /// Those that should be zero are not told when they are.
    fn counts(&self) -> [(&'static str, usize); 6] {
        [
            ("times declared dead", self.declared),
            ("times by all others", self.declared_by_all),
            ("times it suspected another", self.sleeper_suspected),
            ("times it declared another dead", self.sleeper_declared),
            ("times others suspected a bystander", self.false_suspicions),
            ("times others declared a bystander dead", self.false_deaths),
        ]
    }
}

impl fmt::Display for Account<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{} agents", self.agents)?;
        if !self.agent_args.is_empty() {
            write!(f, " ({})", self.agent_args.join(" "))?;
        }
        writeln!(f, ", {} of 1000 datagrams lost", self.loss_permille)?;
        if let Some(idle) = self.idle {
            writeln!(f, "{idle}")?;
        }
        for series in &self.series {
            write!(f, "\n{series}")?;
        }
        for partition in self.partitions {
            writeln!(f, "\n{partition}")?;
        }
        write!(
            f,
            "\nthis drill itself was up to {} ms late; [ ]: 95 % confidence",
            self.drill_late_ms
        )
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = match self.fault {
            Fault::Kill => format!("killed, {} times", self.n),
            Fault::Pause { pause_ms } => format!("stopped for {pause_ms} ms, {} times", self.n),
        };
        writeln!(f, "{title}\n\n{}\n", self.table())?;
        for (what, count) in self.counts().into_iter().filter(|&(_, count)| count > 0) {
            writeln!(f, "{count} {what}")?;
        }
        if let (Some(datagrams), Some(bytes)) = (self.datagrams_per_s, self.datagram_bytes_per_s) {
            writeln!(f, "{datagrams:.2} datagrams and {bytes:.0} bytes per agent and second")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(fault: Fault, first_dead_ms: Option<u64>) -> Trial {
        Trial {
            node: "node-2".into(),
            fault,
            first_suspect_ms: Some(1_000),
            first_dead_ms,
            all_dead_ms: first_dead_ms.map(|first| first + 300),
            declared_by: 7,
            back_ms: Some(250),
            sleeper_suspected: 0,
            sleeper_declared: 0,
            false_suspicions: 0,
            false_deaths: 1,
            rates: None,
        }
    }

    #[test]
    fn trials_of_one_kind_are_summed_up_together() {
        let pause = Fault::Pause { pause_ms: 2_000 };
        let trials = vec![
            trial(Fault::Kill, Some(10_000)),
            trial(pause, None),
            trial(Fault::Kill, Some(9_000)),
            trial(Fault::Pause { pause_ms: 20_000 }, Some(8_000)),
        ];
        let summary = Summary { agents: 8, trials, ..Summary::default() };
        let json = serde_json::to_value(summary.account()).unwrap();
        let [kill, short, long] = [0, 1, 2].map(|index| &json["series"][index]);
        assert_eq!((&kill["fault"], &kill["n"]), (&"kill".into(), &2.into()));
        assert_eq!(kill["first_dead_ms"]["max"], 10_000);
        assert_eq!(kill["all_dead_ms"]["p50"], 9_300.0);
        assert_eq!(kill["false_deaths"], 2);
        assert_eq!((&short["pause_ms"], &short["declared"]), (&2_000.into(), &0.into()));
        assert!(short["first_dead_ms"].is_null() && kill["datagrams_per_s"].is_null());
        assert_eq!((&long["pause_ms"], &long["declared"]), (&20_000.into(), &1.into()));
    }

    #[test]
    fn the_account_for_people_fits_a_terminal() {
        let trials = vec![trial(Fault::Kill, Some(10_000)); 7];
        let text = Summary { trials, ..Summary::default() }.account().to_string();
        assert!(text.contains("10000 [10000, 10000]"), "{text}");
        assert!(text.contains("7 times declared dead") && !text.contains("it suspected"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 90), "{text}");
    }
}
