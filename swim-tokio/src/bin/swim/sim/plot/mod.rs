//! Results as pictures that can be read in black and white.

mod chart;
mod distribution;
mod families;
mod pause_curve;
mod phi;
mod png;
mod scale;
mod spread;

use std::error::Error;
use std::ops::Range;
use std::path::Path;

use super::row::Row;

/// How an experiment is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plot {
    /// The share of runs in which a failure was found, over time.
    Distribution,
    /// The share of paused members that were declared dead, over the length of the pause.
    PauseCurve,
    /// The share of mistakes over detection time.
    Phi,
    /// Detection times over the size of the cluster.
    Scale,
    /// Bytes over the size of the cluster.
    Families,
    /// Rounds over the size of the cluster.
    Spread,
}

/// What a picture is made of, as the end of its file's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Svg,
    Png,
}

impl Format {
    /// That of a file, if its name says one.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            _ => None,
        }
    }
}

/// Draws the rows.
///
/// # Errors
///
/// What the drawing library says.
pub fn picture(plot: Plot, rows: &[Row], format: Format) -> Result<Vec<u8>, Box<dyn Error>> {
    let svg = svg(plot, rows)?;
    match format {
        Format::Svg => Ok(svg.into_bytes()),
        Format::Png => png::png(&svg),
    }
}

/// Draws the rows as SVG.
///
/// # Errors
///
/// What the drawing library says.
pub fn svg(plot: Plot, rows: &[Row]) -> Result<String, Box<dyn Error>> {
    match plot {
        Plot::Distribution => distribution::svg(rows),
        Plot::PauseCurve => pause_curve::svg(rows),
        Plot::Phi => phi::svg(rows),
        Plot::Scale => scale::svg(rows),
        Plot::Families => families::svg(rows),
        Plot::Spread => spread::svg(rows),
    }
}

/// The rows of each contender, in the order of the table; by cluster size, if that differs too
/// where the size is not the axis.
fn columns(rows: &[Row]) -> Vec<(String, Vec<&Row>)> {
    let mut columns: Vec<(String, Vec<&Row>)> = Vec::new();
    for row in rows {
        match columns.iter_mut().find(|column| column.0 == row.contender.label) {
            Some(column) => column.1.push(row),
            None => columns.push((row.contender.label.clone(), vec![row])),
        }
    }
    columns
}

/// The contender, and the settings in which the rows differ.
fn distinct_label(row: &Row, rows: &[Row]) -> String {
    let mut label = row.contender.label.clone();
    if rows.iter().any(|other| other.nodes != row.nodes) {
        label.push_str(&format!(", {} nodes", row.nodes));
    }
    for setting in &row.settings {
        if rows.iter().any(|other| other.setting(setting.flag) != Some(setting.shown())) {
            label.push_str(&format!(", {} {}", setting.flag, setting.shown()));
        }
    }
    label
}

/// What all rows share, for the title.
fn setting(rows: &[Row]) -> String {
    let Some(row) = rows.first() else { return String::new() };
    let mut parts = Vec::new();
    if rows.iter().all(|other| other.nodes == row.nodes) {
        parts.push(format!("{} nodes", row.nodes));
    }
    if let Some(permille) = row.setting("loss").and_then(|loss| loss.parse::<f64>().ok()) {
        parts.push(format!("{} % loss", permille / 10.0));
    }
    parts.push(format!("{} runs each", row.summary.runs));
    format!(" ({})", parts.join(", "))
}

/// From the least to the greatest, with a margin.
fn range(numbers: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let least = numbers.clone().fold(f64::INFINITY, f64::min);
    let most = numbers.fold(f64::NEG_INFINITY, f64::max);
    match least <= most {
        true => least - 0.1..most + 0.1,
        false => 0.0..1.0,
    }
}

fn greatest(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(f64::MIN_POSITIVE, f64::max)
}
