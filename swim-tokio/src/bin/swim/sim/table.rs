//! Rows for people: numbers down, detectors across.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, LineStyle, Table};
use swim_core::sim::experiment::{Estimate, Figure, Summary, Times};

use super::contender::Contender;
use super::options::Options;
use super::row::{Row, command, merged};
use super::study::{Setting, Shown, Study};

/// More commands than this below a table would bury it.
const COMMANDS_MAX: usize = 8;

const DETECTION: &str =
    "first: failure to the first MemberDead heard; all: until every healthy member knew\n";
const FALSE_DEATHS: &str = "FP: MemberDead about non-anomalous members, at all members; FP-: those \
                            at non-anomalous ones\n";
const LEGEND: &str = "\
[a, b], ±: 95 % confidence; [≥ a]: too few runs to bound it from above
0 (< b): none seen, so below b with 95 % confidence";

/// The whole result.
pub fn text(study: &dyn Study, options: &Options, rows: &[Row]) -> String {
    let groups: Vec<_> = rows.chunk_by(Row::is_beside).collect();
    let varying = varying(&groups);
    let mut text = title(&groups, &varying);
    text.push_str(&table(study, &groups, &varying));
    text.push_str("\n\n");
    for note in study.notes().into_iter().chain(study.conclusion(options, rows)) {
        text.push_str(&format!("{note}\n"));
    }
    let lost: u64 = rows.iter().map(|row| row.summary.unheard).sum();
    if lost > 0 {
        text.push_str(&format!(
            "{lost} events did not fit the simulator's memory: counts are low\n"
        ));
    }
    for (shown, words) in [(Shown::Detection, DETECTION), (Shown::FalseDeaths, FALSE_DEATHS)] {
        text.push_str(if study.shown().contains(&shown) { words } else { "" });
    }
    text.push_str(LEGEND);
    text.push_str("\n\nto see it again:\n");
    for command in commands(options, &groups) {
        text.push_str(&format!("  {command}\n"));
    }
    text
}

/// What makes the lines differ.
struct Varying {
    nodes: bool,
    flags: Vec<&'static str>,
}

fn varying(groups: &[&[Row]]) -> Varying {
    let firsts: Vec<_> = groups.iter().filter_map(|group| group.first()).collect();
    let mut flags = Vec::new();
    for setting in firsts.iter().flat_map(|row| &row.settings) {
        let first = firsts[0].setting(setting.flag);
        let differs = firsts.iter().any(|row| row.setting(setting.flag) != first);
        if differs && !flags.contains(&setting.flag) {
            flags.push(setting.flag);
        }
    }
    Varying { nodes: firsts.windows(2).any(|pair| pair[0].nodes != pair[1].nodes), flags }
}

/// What all lines share.
fn title(groups: &[&[Row]], varying: &Varying) -> String {
    let Some(row) = groups.first().and_then(|group| group.first()) else { return String::new() };
    let mut parts = vec![row.experiment.to_owned()];
    if !varying.nodes {
        parts.push(format!("{} nodes", row.nodes));
    }
    for setting in row.settings.iter().filter(|setting| !varying.flags.contains(&setting.flag)) {
        parts.push(match &setting.value {
            Some(value) => format!("{} {value}{}", setting.flag, unit(setting)),
            None => setting.flag.to_owned(),
        });
    }
    parts.push(format!("{} runs of each", row.summary.runs));
    parts.join(", ") + "\n\n"
}

fn unit(setting: &Setting) -> &'static str {
    if setting.flag == "loss" { " ‰" } else { "" }
}

fn table(study: &dyn Study, groups: &[&[Row]], varying: &Varying) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING.header_separator(LineStyle::none().fill('-').junction('-')));
    let mut header: Vec<String> = Vec::new();
    header.extend(varying.nodes.then(|| "nodes".to_owned()));
    header.extend(varying.flags.iter().map(|flag| (*flag).to_owned()));
    let keys = header.len();
    header.push(String::new());
    let contenders = groups.first().map_or(&[][..], |group| group);
    header.extend(contenders.iter().map(|row| row.contender.label.clone()));
    let columns = header.len();
    table.set_header(header);
    for group in groups {
        let columns: Vec<_> = group.iter().map(|row| lines(study.shown(), &row.summary)).collect();
        for (line, label) in labels(&columns).into_iter().enumerate() {
            let mut cells = keys_of(&group[0], varying, line == 0);
            cells.push(label.to_owned());
            cells.extend(columns.iter().map(|column| cell(column, label)));
            table.add_row(cells);
        }
    }
    for column in keys + 1..columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Of all columns, each once: not everybody has everything.
fn labels(columns: &[Vec<(String, String)>]) -> Vec<&str> {
    let mut labels: Vec<&str> = Vec::new();
    for column in columns {
        let mut place = 0;
        for (label, _) in column {
            match labels.iter().position(|known| known == label) {
                Some(known) => place = known + 1,
                None => {
                    labels.insert(place, label);
                    place += 1;
                }
            }
        }
    }
    labels
}

fn cell(column: &[(String, String)], label: &str) -> String {
    let found = column.iter().find(|(name, _)| name == label);
    found.map_or_else(|| "-".to_owned(), |(_, value)| value.clone())
}

/// What sets a line apart from the others; said once.
fn keys_of(row: &Row, varying: &Varying, said: bool) -> Vec<String> {
    let mut keys = Vec::new();
    keys.extend(varying.nodes.then(|| row.nodes.to_string()));
    keys.extend(varying.flags.iter().map(|flag| row.setting(flag).unwrap_or("").to_owned()));
    if !said {
        keys.iter_mut().for_each(String::clear);
    }
    keys
}

/// Names and values, the same names for every row of an experiment.
fn lines(shown: &[Shown], summary: &Summary) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for shown in shown {
        match shown {
            Shown::Detection => {
                times_lines(&mut lines, "first", summary.first);
                times_lines(&mut lines, "all", summary.all);
            }
            Shown::FalseDeaths => {
                lines.push(("FP / run".into(), mean(summary.false_deaths)));
                lines.push(("FP- / run".into(), mean(summary.false_deaths_at_healthy)));
            }
            Shown::Suspicions => {
                lines.push(("false suspicions / run".into(), mean(summary.false_suspicions)));
            }
            Shown::Traffic => {
                lines.push(("messages / node s".into(), mean(summary.message_rate)));
                lines.push(("bytes / node s".into(), mean(summary.byte_rate)));
            }
            Shown::Readings => {
                for (name, figure) in &summary.readings {
                    figure_lines(&mut lines, name, figure);
                }
            }
        }
    }
    lines
}

fn figure_lines(lines: &mut Vec<(String, String)>, name: &str, figure: &Figure) {
    match figure {
        Figure::Mean(estimate) => lines.push((format!("{name} / run"), mean(*estimate))),
        Figure::Rate(estimate) => lines.push((name.to_owned(), mean(*estimate))),
        Figure::Times(times) => times_lines(lines, name, Some(*times)),
        Figure::Given(given) => {
            let given = given.map_or_else(|| "-".to_owned(), significant);
            lines.push((name.to_owned(), given));
        }
        Figure::Samples(samples) => {
            lines.push((format!("{name}, mean"), mean(samples.mean)));
            lines.push((format!("{name}, p99"), time(samples.p99)));
            lines.push((format!("{name}, max"), significant(samples.max)));
        }
        Figure::Share { hits, of, share } => {
            let percent = |share: f64| (share * 100.0).round();
            let interval = format!("[{}, {}]", percent(share.low), percent(share.high));
            let share = format!("{hits}/{of} = {} % {interval}", percent(share.value));
            lines.push((name.to_owned(), share));
        }
    }
}

fn times_lines(lines: &mut Vec<(String, String)>, name: &str, times: Option<Times>) {
    let Some(times) = times else { return };
    lines.push((format!("{name} p50, s"), time(times.p50)));
    lines.push((format!("{name} p99, s"), time(times.p99)));
    let longest = match times.missed {
        0 => format!("{:.2}", times.max),
        missed => format!("never in {missed} of {}", times.samples),
    };
    lines.push((format!("{name} max, s"), longest));
}

fn time(estimate: Estimate) -> String {
    let Estimate { value, low, high } = estimate;
    match (value.is_finite(), high.is_finite()) {
        (true, true) => format!("{value:.2} [{low:.2}, {high:.2}]"),
        (true, false) => format!("{value:.2} [≥ {low:.2}]"),
        (false, _) => "never".to_owned(),
    }
}

fn mean(estimate: Estimate) -> String {
    let Estimate { value, high, .. } = estimate;
    let margin = high - value;
    if value == 0.0 {
        return format!("0 (< {})", significant(high));
    }
    if !margin.is_finite() {
        return significant(value);
    }
    format!("{} ± {}", significant(value), significant(margin))
}

/// Three digits, more before the point; as a power of ten where they would begin late.
fn significant(number: f64) -> String {
    match number {
        _ if number >= 100.0 => format!("{number:.0}"),
        _ if number >= 10.0 => format!("{number:.1}"),
        _ if number >= 1.0 || number == 0.0 => format!("{number:.2}"),
        _ if number >= 0.02 => format!("{number:.3}"),
        _ if number >= 0.001 => format!("{number:.4}"),
        _ => format!("{number:.2e}"),
    }
}

/// One for each line of points; if those are many, one for all.
fn commands(options: &Options, groups: &[&[Row]]) -> Vec<String> {
    if groups.len() <= COMMANDS_MAX {
        return groups.iter().filter_map(|group| command_for(options, &[group])).collect();
    }
    let mut commands: Vec<_> = command_for(options, groups).into_iter().collect();
    commands.push("(--json and --csv name the command of every row)".to_owned());
    commands
}

fn command_for(options: &Options, groups: &[&[Row]]) -> Option<String> {
    let first = groups.first()?;
    let row = first.first()?;
    let rows: Vec<_> = groups.iter().flat_map(|group| group.iter()).collect();
    let mut nodes: Vec<_> = rows.iter().map(|row| row.nodes).collect();
    nodes.dedup();
    let contenders: Vec<&Contender> = first.iter().map(|row| &row.contender).collect();
    Some(command(row.experiment, &merged(&rows), &nodes, &contenders, options, row.seeds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_how_far_they_can_be_trusted() {
        let estimate = |value, low, high| Estimate { value, low, high };
        assert_eq!(time(estimate(2.911, 2.85, 2.99)), "2.91 [2.85, 2.99]");
        assert_eq!(time(estimate(2.911, 2.85, f64::INFINITY)), "2.91 [≥ 2.85]");
        assert_eq!(time(estimate(f64::INFINITY, 2.85, f64::INFINITY)), "never");
        assert_eq!(mean(estimate(0.0, 0.0, 0.06)), "0 (< 0.060)");
        assert_eq!(mean(estimate(2.22, 1.35, 3.09)), "2.22 ± 0.870");
        assert_eq!(mean(estimate(1546.4, 1500.0, 1592.8)), "1546 ± 46.4");
        assert_eq!(mean(estimate(5.0, 0.0, f64::INFINITY)), "5.00");
        assert_eq!(mean(estimate(4.0e-6, 3.0e-6, 5.0e-6)), "4.00e-6 ± 1.00e-6");
    }
}
