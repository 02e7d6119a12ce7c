//! Rounds until all know a rumour, over the logarithm of the size of the cluster.

use std::error::Error;

use swim_core::sim::experiment::Figure;

use super::chart::{Axis, Line, svg as chart};
use crate::sim::row::Row;

const FORMULA: &str = "Serf's formula, all but half a node";
/// Of the line of the smallest fanout, in pixels; each greater one is thinner.
const WIDTH_MAX: u32 = 3;

/// Draws it.
///
/// # Errors
///
/// What the drawing library says.
pub fn svg(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let columns = super::columns(rows);
    let formula_style = columns.len();
    let mut lines = Vec::new();
    for (style, (label, column)) in columns.iter().enumerate() {
        for (place, rows) in by_fanout(column).into_iter().enumerate() {
            let fanout = rows.first().and_then(|row| row.setting("fanout")).unwrap_or_default();
            let width = WIDTH_MAX.saturating_sub(place as u32).max(1);
            let line = |label: String, style, reading| {
                let points: Vec<_> = rows.iter().filter_map(|row| point(row, reading)).collect();
                Line { label, style, marks: points.clone(), points, width }
            };
            lines.push(line(format!("{label}, fanout {fanout}"), style, "rounds"));
            lines.push(line(format!("Serf's formula, {fanout}"), formula_style, FORMULA));
        }
    }
    lines.retain(|line| !line.points.is_empty());
    lines.sort_by_key(|line| line.style);
    draw(rows, &lines)
}

fn draw(rows: &[Row], lines: &[Line]) -> Result<String, Box<dyn Error>> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let sizes = super::range(points().map(|point| point.0));
    let x = Axis {
        name: "nodes in the cluster",
        // Powers of two.
        labels: (sizes.end - sizes.start) as usize + 1,
        range: sizes,
        format: |log2| format!("{:.0}", log2.exp2()),
    };
    let y = Axis {
        name: "rounds until all know it, mean (the broader, the smaller the fanout)",
        range: 0.0..super::greatest(points().map(|point| point.1)) * 1.05,
        labels: 12,
        format: |rounds| format!("{rounds}"),
    };
    chart(&format!("How soon a rumour reaches everybody{}", super::setting(rows)), &x, &y, lines)
}

/// The rows of one fanout together, in the order of the table.
fn by_fanout<'a>(rows: &[&'a Row]) -> Vec<Vec<&'a Row>> {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for &row in rows {
        let is_like = |group: &&mut Vec<&Row>| group[0].setting("fanout") == row.setting("fanout");
        match groups.iter_mut().find(is_like) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups
}

/// Over the logarithm of the size, if there is such a number.
fn point(row: &Row, reading: &str) -> Option<(f64, f64)> {
    let (_, figure) = row.summary.readings.iter().find(|found| found.0 == reading)?;
    let rounds = match figure {
        Figure::Samples(samples) => samples.mean.value,
        Figure::Given(given) => (*given)?,
        _ => return None,
    };
    Some(((row.nodes as f64).log2(), rounds))
}
