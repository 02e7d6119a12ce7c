//! Durations as they are written on a command line: `250ms`, `1.5s`, `2m`, `1h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration that reads and writes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// Units, from the longest, in milliseconds.
const UNITS: [(&str, f64); 4] = [("h", 3_600_000.0), ("ms", 1.0), ("m", 60_000.0), ("s", 1_000.0)];
/// Longer than any experiment.
const MILLIS_MAX: f64 = 1e10;

impl Span {
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = UNITS.iter().find_map(|(unit, millis)| Some((text.strip_suffix(unit)?, millis)));
        let millis = unit.and_then(|(number, millis)| Some(number.parse::<f64>().ok()? * millis));
        match millis.filter(|millis| (0.0..MILLIS_MAX).contains(millis)) {
            Some(millis) => Ok(Self(Duration::from_micros((millis * 1_000.0).round() as u64))),
            None => Err("expected a duration such as 250ms, 1.5s, 2m or 1h".to_owned()),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(1) && !self.0.is_zero() {
            return write!(f, "{}ms", self.0.as_secs_f64() * 1_000.0);
        }
        write!(f, "{}s", self.0.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written() {
        for (text, millis, written) in [
            ("250ms", 250, "250ms"),
            ("1.5s", 1_500, "1.5s"),
            ("2m", 120_000, "120s"),
            ("0.5h", 1_800_000, "1800s"),
            ("2048ms", 2_048, "2.048s"),
            ("0s", 0, "0s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span, Span::millis(millis), "{text}");
            assert_eq!(span.to_string(), written);
            assert_eq!(written.parse(), Ok(span));
        }
        for text in ["", "s", "5", "-1s", "NaNs", "1e99h", "5 s", "5x"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
