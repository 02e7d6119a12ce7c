//! Bytes over the size of the cluster, both as powers of ten.

use std::error::Error;

use swim_core::sim::experiment::Figure;

use super::chart::{Axis, Line, svg as chart};
use crate::sim::row::Row;

/// Of the last line, in pixels. Each one before it is broader by one, so that it shows below where
/// they cost the same.
const WIDTH_MIN: u32 = 2;

/// Draws it.
///
/// # Errors
///
/// What the drawing library says.
pub fn svg(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let columns = super::columns(rows);
    let broadest = WIDTH_MIN + columns.len() as u32;
    let lines = columns.into_iter().enumerate().map(|(style, (label, column))| {
        let points: Vec<_> = column.iter().filter_map(|row| point(row)).collect();
        let width = broadest.saturating_sub(style as u32 + 1);
        Line { label, style, marks: points.clone(), points, width }
    });
    let lines: Vec<_> = lines.collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let x = Axis {
        name: "nodes in the cluster",
        range: super::range(points().map(|point| point.0)),
        labels: 6,
        format: power_of_ten,
    };
    let y = Axis {
        name: "bytes sent by one node in a round",
        range: super::range(points().map(|point| point.1)),
        labels: 6,
        format: power_of_ten,
    };
    let title = format!("What it costs to watch each other{}", super::setting(rows));
    chart(&title, &x, &y, &lines)
}

fn point(row: &Row) -> Option<(f64, f64)> {
    let name = "bytes per node and round";
    let bytes = row.summary.readings.iter().find(|reading| reading.0 == name)?;
    match bytes.1 {
        Figure::Rate(rate) => Some(((row.nodes as f64).log10(), rate.value.log10())),
        _ => None,
    }
}

fn power_of_ten(log10: f64) -> String {
    format!("{:.0}", 10f64.powf(log10))
}
