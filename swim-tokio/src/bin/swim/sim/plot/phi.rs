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
    let all: Vec<_> = rows.iter().collect();
    let fixed = line("fixed timeout".to_owned(), columns.len(), &all, "of a fixed timeout");
    // Below the others, which are often close to it.
    let mut lines = vec![Line { marks: Vec::new(), width: 1, ..fixed }];
    let column = |(style, (label, column)): (usize, &(String, Vec<&Row>))| {
        line(label.clone(), style, column, "mistakes")
    };
    lines.extend(columns.iter().enumerate().map(column));
    let points = || lines.iter().flat_map(|line| &line.points);
    let least = points().map(|point| point.1).fold(0.0, f64::min).floor();
    let x = Axis {
        name: "crash to the passing of the threshold, mean, s",
        range: 0.0..super::greatest(points().map(|point| point.0)) * 1.05,
        labels: 16,
        format: |seconds| format!("{seconds:.2}"),
    };
    let y = Axis {
        name: "mistakes: share of silences that passed it",
        range: least..0.0,
        // Powers of ten.
        labels: least.abs() as usize + 1,
        format: |log10| format!("1e{log10:.0}"),
    };
    let setting = |flag| rows.first().and_then(|row| row.setting(flag)).unwrap_or_default();
    let (jitter, interval) = (setting("jitter"), setting("interval"));
    let title = format!("Levels of suspicion: jitter {jitter}, pings every {interval}");
    chart(&title, &x, &y, &lines)
}

fn line(label: String, style: usize, rows: &[&Row], mistakes: &str) -> Line {
    let mut points: Vec<_> = rows.iter().filter_map(|row| point(row, mistakes)).collect();
    points.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    Line { label, style, marks: points.clone(), points, width: 2 }
}

/// Detection time and the logarithm of the share, if there was a mistake at all.
fn point(row: &Row, mistakes: &str) -> Option<(f64, f64)> {
    let share = number(row, mistakes)? / number(row, "answers")?;
    (share > 0.0).then_some((number(row, "detection s")?, share.log10()))
}

fn number(row: &Row, name: &str) -> Option<f64> {
    match row.summary.readings.iter().find(|reading| reading.0 == name)?.1 {
        Figure::Mean(estimate) | Figure::Rate(estimate) => Some(estimate.value),
        _ => None,
    }
}
