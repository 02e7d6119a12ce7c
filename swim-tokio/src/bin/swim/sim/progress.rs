//! How far a long run is, on standard error; silent when that is not a terminal.

use indicatif::{ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{prefix} {bar:40} {pos}/{len} runs, {elapsed} so far, {eta} to go";

/// A bar for so many runs.
pub fn bar(experiment: &'static str, runs: u64) -> ProgressBar {
    let bar = ProgressBar::new(runs).with_prefix(experiment);
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style);
    }
    bar
}
