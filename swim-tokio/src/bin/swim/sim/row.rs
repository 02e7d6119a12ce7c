//! What the runs of one contender at one point gave.

use swim_core::sim::experiment::{Outcome, Summary};

use super::contender::Contender;
use super::options::Options;
use super::study::Setting;

/// A row of the result.
pub struct Row {
    pub experiment: &'static str,
    pub contender: Contender,
    pub nodes: u64,
    pub settings: Vec<Setting>,
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
    let mut detectors: Vec<_> = contenders.iter().map(|contender| contender.arm.name()).collect();
    detectors.dedup();
    words.push(format!("--detector {}", joined(detectors.iter())));
    let tolerances: Vec<_> = contenders.iter().filter_map(|c| c.pause_tolerance).collect();
    if !tolerances.is_empty() {
        words.push(format!("--pause-tolerance {}", joined(tolerances.iter())));
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
