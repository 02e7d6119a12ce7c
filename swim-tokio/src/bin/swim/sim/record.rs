//! Rows for programs: JSON and CSV with every number.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use swim_core::sim::experiment::{Estimate, Figure, Summary, Times};

use super::row::Row;

/// A row as names and values, in a fixed order.
pub struct Record(Vec<(String, Value)>);

/// Writes one JSON object a line.
///
/// # Errors
///
/// Those of `out`.
pub fn write_json(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, &Record::of(row))?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Writes a header and one line a row; what a row has not stays empty.
///
/// # Errors
///
/// Those of `out`.
pub fn write_csv(rows: &[Row], out: impl Write) -> csv::Result<()> {
    let records: Vec<_> = rows.iter().map(Record::of).collect();
    let mut header: Vec<&String> = Vec::new();
    for (name, _) in records.iter().flat_map(|record| &record.0) {
        if !header.contains(&name) {
            header.push(name);
        }
    }
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(&header)?;
    for record in &records {
        writer.write_record(header.iter().map(|name| record.text(name)))?;
    }
    writer.flush()?;
    Ok(())
}

impl Record {
    pub fn of(row: &Row) -> Self {
        let mut record = Self(Vec::new());
        let summary = &row.summary;
        record.text_field("experiment", row.experiment);
        record.text_field(row.contender.flag, &row.contender.label);
        record.push("nodes", row.nodes.into());
        for setting in &row.settings {
            let number = setting.shown().parse::<u64>().map(Value::from);
            record.push(setting.flag, number.unwrap_or_else(|_| setting.shown().into()));
        }
        record.push("runs", summary.runs.into());
        record.times("first", summary.first);
        record.times("all", summary.all);
        if row.contender.arm.is_some() {
            record.conduct(summary);
        }
        for (name, figure) in &summary.readings {
            record.figure(&field(name), figure);
        }
        record.push("events_lost", summary.unheard.into());
        record.text_field("command", &row.command);
        record
    }

    /// What only nodes have.
    fn conduct(&mut self, summary: &Summary) {
        self.estimate("fp", summary.false_deaths);
        self.estimate("fp_minus", summary.false_deaths_at_healthy);
        self.estimate("false_suspicions", summary.false_suspicions);
        self.estimate("messages_per_node_s", summary.message_rate);
        self.estimate("bytes_per_node_s", summary.byte_rate);
    }

    fn figure(&mut self, name: &str, figure: &Figure) {
        match figure {
            Figure::Mean(mean) | Figure::Rate(mean) => self.estimate(name, *mean),
            Figure::Times(times) => self.times(name, Some(*times)),
            Figure::Given(given) => self.push(name, given.map_or(Value::Null, number)),
            Figure::Samples(samples) => {
                self.estimate(&format!("{name}_mean"), samples.mean);
                self.estimate(&format!("{name}_p99"), samples.p99);
                self.push(&format!("{name}_max"), number(samples.max));
            }
            Figure::Share { hits, of, share } => {
                self.push(&format!("{name}_hits"), (*hits).into());
                self.push(&format!("{name}_of"), (*of).into());
                self.estimate(name, *share);
            }
        }
    }

    fn times(&mut self, name: &str, times: Option<Times>) {
        let Some(times) = times else { return };
        self.estimate(&format!("{name}_p50_s"), times.p50);
        self.estimate(&format!("{name}_p99_s"), times.p99);
        self.push(&format!("{name}_max_s"), number(times.max));
        self.push(&format!("{name}_missed"), times.missed.into());
        self.push(&format!("{name}_of"), times.samples.into());
    }

    fn estimate(&mut self, name: &str, estimate: Estimate) {
        self.push(name, number(estimate.value));
        self.push(&format!("{name}_low"), number(estimate.low));
        self.push(&format!("{name}_high"), number(estimate.high));
    }

    fn text_field(&mut self, name: &str, text: &str) {
        self.push(name, text.into());
    }

    fn push(&mut self, name: &str, value: Value) {
        self.0.push((name.replace('-', "_"), value));
    }

    /// A value as CSV has it; nothing where there is none.
    fn text(&self, name: &str) -> String {
        let value = self.0.iter().find(|field| field.0 == name).map(|field| &field.1);
        match value {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        }
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A name that programs need not quote.
fn field(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}

/// To the microsecond, and what is less than a thousandth to as many digits. What is infinite (it
/// never came, the sample does not bound it) is null.
fn number(number: f64) -> Value {
    let scale = if number.abs() < 1e-3 { 1e12 } else { 1e6 };
    Value::from((number * scale).round() / scale)
}
