//! Detection times over the size of the cluster.

use std::error::Error;

use super::chart::{Axis, Line, svg as chart};
use crate::sim::row::Row;

/// Draws it.
///
/// # Errors
///
/// What the drawing library says.
pub fn svg(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let mut lines = Vec::new();
    let columns = super::columns(rows, |row| {
        row.contender.label.clone() + &super::distinct_settings(row, rows)
    });
    for (style, (label, column)) in columns.into_iter().enumerate() {
        for (name, width, quantile) in [("p50", 2, 0.5), ("p99", 1, 0.99)] {
            let points: Vec<_> = column.iter().filter_map(|row| point(row, quantile)).collect();
            let marks = points.clone();
            lines.push(Line { label: format!("{label}, {name}"), style, points, marks, width });
        }
    }
    let points = || lines.iter().flat_map(|line| &line.points);
    let least = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
    let most = super::greatest(points().map(|point| point.0));
    let least = least.min(most);
    let x = Axis {
        name: "nodes in the cluster",
        range: least - 0.1..most + 0.1,
        // Powers of two.
        labels: (most - least) as usize + 1,
        format: |log2| format!("{:.0}", log2.exp2()),
    };
    let y = Axis {
        name: "crash to first detection, s (p50 broad, p99 thin)",
        range: 0.0..super::greatest(points().map(|point| point.1)) * 1.05,
        labels: 12,
        format: |seconds| format!("{seconds}"),
    };
    let title = format!("How soon a crash is found{}", super::setting(rows));
    chart(&title, &x, &y, &lines)
}

/// Over the logarithm of the size, if there is such a time.
fn point(row: &Row, quantile: f64) -> Option<(f64, f64)> {
    let first = row.summary.first?;
    let time = if quantile == 0.5 { first.p50.value } else { first.p99.value };
    time.is_finite().then(|| ((row.nodes as f64).log2(), time))
}
