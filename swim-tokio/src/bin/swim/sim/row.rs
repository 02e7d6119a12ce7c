//! What the runs of one contender at one point gave.

use swim_core::sim::experiment::{Outcome, Summary};

use super::contender::Contender;
use super::options::Options;
use super::study::Setting;
use crate::span::Span;

/// A row of the result.
pub struct Row {
    pub experiment: &'static str,
    pub contender: Contender,
    pub nodes: u64,
    pub settings: Vec<Setting>,
    /// How many seeds were run.
    pub seeds: u64,
    pub outcomes: Vec<Outcome>,
    pub summary: Summary,
    /// What computes it again.
    pub command: String,
}

impl Row {
    /// The value of a setting, as it is shown.
    pub fn setting(&self, flag: &str) -> Option<&str> {
        self.settings.iter().find(|setting| setting.flag == flag).map(Setting::shown)
    }

    /// Whether it shares a line of the table with another.
    pub fn is_beside(&self, other: &Self) -> bool {
        (self.nodes, &self.settings) == (other.nodes, &other.settings)
    }
}

/// The rows pooled over all settings but one, and over all of them if that is something else.
pub fn pooled(rows: &[Row], by: &str, options: &Options) -> Vec<Row> {
    let mut values: Vec<Option<&str>> = Vec::new();
    for row in rows {
        if !values.contains(&row.setting(by)) {
            values.push(row.setting(by));
        }
    }
    let mut pools: Vec<Row> = Vec::new();
    let all = (values.len() > 1).then_some(None);
    for value in values.iter().map(Some).chain(all) {
        let mut left: Vec<_> =
            rows.iter().filter(|row| value.is_none_or(|value| row.setting(by) == *value)).collect();
        while let Some(&first) = left.first() {
            let is_like =
                |row: &Row| (row.nodes, &row.contender) == (first.nodes, &first.contender);
            let (pool, rest): (Vec<_>, _) = left.into_iter().partition(|row| is_like(row));
            pools.extend(pool_of(&pool, options));
            left = rest;
        }
    }
    pools
}

/// One row of several that differ in their settings only.
fn pool_of(rows: &[&Row], options: &Options) -> Option<Row> {
    let first = rows.first()?;
    let settings = merged(rows);
    let outcomes: Vec<_> = rows.iter().flat_map(|row| row.outcomes.iter().cloned()).collect();
    let (nodes, seeds) = (first.nodes, first.outcomes.len() as u64);
    Some(Row {
        experiment: first.experiment,
        command: command(
            first.experiment,
            &settings,
            &[nodes],
            &[&first.contender],
            options,
            seeds,
        ),
        contender: first.contender.clone(),
        nodes,
        settings,
        summary: Summary::of(&outcomes),
        seeds,
        outcomes,
    })
}

/// The settings of several rows, with all values of each.
pub fn merged(rows: &[&Row]) -> Vec<Setting> {
    let Some(first) = rows.first() else { return Vec::new() };
    let merge = |setting: &Setting| {
        let mut values: Vec<&String> = Vec::new();
        let others = rows.iter().flat_map(|row| &row.settings);
        for value in
            others.filter(|other| other.flag == setting.flag).filter_map(|s| s.value.as_ref())
        {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let value = (!values.is_empty()).then(|| joined(values.iter()));
        Setting { flag: setting.flag, value }
    };
    first.settings.iter().map(merge).collect()
}

/// The command for some contenders at one point.
pub fn command(
    experiment: &str,
    settings: &[Setting],
    nodes: &[u64],
    contenders: &[&Contender],
    options: &Options,
    seeds: u64,
) -> String {
    let mut words = vec![format!("swim sim {experiment}")];
    words.extend(settings.iter().map(Setting::words));
    words.push(format!("--nodes {}", joined(nodes.iter())));
    let mut names: Vec<_> = contenders.iter().map(|contender| contender.name).collect();
    names.dedup();
    let flag = contenders.first().map_or("detector", |contender| contender.flag);
    words.push(format!("--{flag} {}", joined(names.iter())));
    let mut tolerances: Vec<Span> =
        contenders.iter().filter_map(|contender| contender.pause_tolerance).collect();
    tolerances.dedup();
    if !tolerances.is_empty() {
        words.push(format!("--pause-tolerance {}", joined(tolerances.iter())));
    }
    let without: Vec<_> = contenders.iter().filter_map(|contender| contender.without).collect();
    if !without.is_empty() {
        words.push(format!("--without {}", joined(without.iter())));
    }
    if let Some(profile) = options.profile_flag() {
        words.push(profile);
    }
    words.push(format!("--seeds {seeds} --first-seed {}", options.first_seed));
    words.join(" ")
}

fn joined<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}
