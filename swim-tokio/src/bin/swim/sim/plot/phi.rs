//! Mistakes over detection time: what a threshold costs, and what it buys.

use std::error::Error;

use swim_core::sim::experiment::Figure;

use super::chart::{Axis, Line, svg as chart};
use crate::sim::row::Row;

/// Draws it.
///
/// # Errors
///
/// What the drawing library says.
pub fn svg(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let columns = super::by_contender(rows);
    let mut lines: Vec<_> = (0..)
        .zip(&columns)
        .map(|(style, (label, column))| line(label.clone(), style, column, "mistakes"))
        .collect();
    let all: Vec<_> = rows.iter().collect();
    let fixed = "fixed timeout".to_owned();
    lines.push(line(fixed, columns.len(), &all, "fixed timeout, mistakes"));
    let points = || lines.iter().flat_map(|line| &line.points);
    let least = points().map(|point| point.1).fold(0.0, f64::min).floor();
    let x = Axis {
        name: "crash to the passing of the threshold, mean, s",
        range: 0.0..super::greatest(points().map(|point| point.0)) * 1.05,
        labels: 16,
        format: |seconds| format!("{seconds}"),
    };
    let y = Axis {
        name: "mistakes: share of silences that passed it",
        range: least..0.0,
        // Powers of ten.
        labels: least.abs() as usize + 1,
        format: |log10| format!("1e{log10:.0}"),
    };
    let jitter = rows.first().and_then(|row| row.setting("jitter")).unwrap_or_default();
    let title = format!("Levels of suspicion, {jitter} jitter{}", super::setting(rows));
    chart(&title, &x, &y, &lines)
}

fn line(label: String, style: usize, rows: &[&Row], reading: &str) -> Line {
    let mut points: Vec<_> = rows.iter().filter_map(|row| point(row, reading)).collect();
    points.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    Line { label, style, marks: points.clone(), points, width: 2 }
}

/// Detection time and the logarithm of the share, if there was a mistake at all.
fn point(row: &Row, reading: &str) -> Option<(f64, f64)> {
    let figure = |name| row.summary.readings.iter().find(|reading| reading.0 == name);
    match (&figure("detection, s")?.1, &figure(reading)?.1) {
        (Figure::Rate(seconds), Figure::Share { hits: 1.., share, .. }) => {
            Some((seconds.value, share.value.log10()))
        }
        _ => None,
    }
}
