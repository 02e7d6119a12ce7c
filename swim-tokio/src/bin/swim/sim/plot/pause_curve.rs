//! The share of paused members that were declared dead, over the length of the pause.

use std::error::Error;

use swim_core::sim::experiment::Figure;

use super::chart::{Axis, Line, svg as chart};
use crate::sim::row::Row;
use crate::span::Span;

/// Draws it.
///
/// # Errors
///
/// What the drawing library says.
pub fn svg(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let columns = super::by_contender(rows);
    let lines = columns.into_iter().enumerate().map(|(style, (label, column))| {
        let mut points: Vec<_> = column.iter().filter_map(|row| point(row)).collect();
        points.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        Line { label, style, marks: points.clone(), points, width: 2 }
    });
    let lines: Vec<_> = lines.collect();
    let longest = super::greatest(lines.iter().flat_map(|line| &line.points).map(|point| point.0));
    let x = Axis {
        name: "length of the pause, s",
        range: 0.0..longest + 0.5,
        labels: 16,
        format: |seconds| format!("{seconds}"),
    };
    let y = Axis {
        name: "declared dead by anybody",
        range: 0.0..1.02,
        labels: 11,
        format: |share| format!("{:.0} %", share * 100.0),
    };
    let title =
        format!("A healthy process stands still: is it taken for dead?{}", super::setting(rows));
    chart(&title, &x, &y, &lines)
}

fn point(row: &Row) -> Option<(f64, f64)> {
    let pause: Span = row.setting("pause")?.parse().ok()?;
    let killed = row.summary.readings.iter().find(|reading| reading.0 == "killed")?;
    match killed.1 {
        Figure::Share { share, .. } => Some((pause.0.as_secs_f64(), share.value)),
        Figure::Mean(_)
        | Figure::Rate(_)
        | Figure::Samples(_)
        | Figure::Given(_)
        | Figure::Times(_) => None,
    }
}
