//! `WIRE.md`, read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

const SPECIFICATION: &str = include_str!("../../WIRE.md");

/// The rows of the tables in one section whose first cell is code, as the text of their cells.
pub fn table_rows(heading: &str) -> Vec<Vec<&'static str>> {
    text_of(heading)
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| {
            row.trim_end_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect()
        })
        .collect()
}

/// All that stands in one section.
pub fn text_of(heading: &str) -> &'static str {
    let (_, section) = SPECIFICATION.split_once(&format!("\n{heading}\n")).expect(heading);
    section.split_once("\n#").map_or(section, |(section, _)| section)
}

/// The vectors of one section by name.
pub fn vectors(heading: &str) -> BTreeMap<&'static str, Vec<u8>> {
    let rows = table_rows(heading);
    let count = rows.len();
    let vectors: BTreeMap<_, _> = rows.iter().map(|row| (row[0], bytes_of_hex(row[1]))).collect();
    assert_eq!(vectors.len(), count, "a name of {heading} is used twice");
    vectors
}

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).expect("two hex digits")).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let space = if hex.is_empty() { "" } else { " " };
        write!(hex, "{space}{byte:02x}").expect("a string takes everything");
        hex
    })
}
