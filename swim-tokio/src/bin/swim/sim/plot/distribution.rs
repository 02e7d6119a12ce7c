//! The share of crashes that were found, over time.

use std::error::Error;

use super::chart::{Axis, Line, svg as chart};
use crate::sim::row::Row;

/// Shares at which lines are marked.
const MARKS: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

/// Draws it.
///
/// # Errors
///
/// What the drawing library says.
pub fn svg(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let mut lines = Vec::new();
    for (style, row) in rows.iter().enumerate() {
        let label = super::distinct_label(row, rows);
        let points = steps(row);
        let marks = MARKS.iter().filter_map(|share| {
            points.iter().find(|point| point.1 >= *share).map(|point| (point.0, *share))
        });
        lines.push(Line { label, style, marks: marks.collect(), points, width: 2 });
    }
    let latest = super::greatest(lines.iter().flat_map(|line| &line.points).map(|point| point.0));
    let x = Axis {
        name: "time since the crash, s",
        range: 0.0..latest * 1.02,
        labels: 16,
        format: |seconds| format!("{seconds}"),
    };
    let y = Axis {
        name: "crashes found by somebody",
        range: 0.0..1.02,
        labels: 11,
        format: |share| format!("{:.0} %", share * 100.0),
    };
    chart(&format!("How soon a crash is found{}", super::setting(rows)), &x, &y, &lines)
}

/// The distribution function of the times to first detection.
fn steps(row: &Row) -> Vec<(f64, f64)> {
    let detections = row.outcomes.iter().flat_map(|outcome| &outcome.detections);
    let all = detections.clone().count() as f64;
    let mut times: Vec<_> = detections.filter_map(|detection| detection.first).collect();
    times.sort_unstable();
    let mut points = vec![(0.0, 0.0)];
    for (found, time) in times.iter().enumerate() {
        points.push((time.as_secs_f64(), found as f64 / all));
        points.push((time.as_secs_f64(), (found + 1) as f64 / all));
    }
    points
}
