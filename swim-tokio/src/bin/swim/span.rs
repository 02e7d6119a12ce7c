//! Durations as they are written on a command line: `250ms`, `1.5s`, `2m`, `1h`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use swim_core::{WATCH_INTERVAL_MAX, WATCH_INTERVAL_MIN};

/// A duration that reads what it writes, so that a command that is shown can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// Longer than any experiment.
const DURATION_MAX: Duration = Duration::from_secs(10_000_000);

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

impl Span {
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// A pause that can be tolerated, within the range of the settings.
    pub fn pause(text: &str) -> Result<Self, String> {
        Self::within(text, MILLISECOND..=HOUR, "1ms to 1h")
    }

    /// How long the dead are remembered, within the range of the settings.
    pub fn memory(text: &str) -> Result<Self, String> {
        Self::within(text, Duration::from_secs(1)..=30 * DAY, "1s to 30days")
    }

    /// How often a watched member is pinged.
    pub fn watch(text: &str) -> Result<Self, String> {
        Self::within(text, WATCH_INTERVAL_MIN..=WATCH_INTERVAL_MAX, "10ms to 60s")
    }

    /// How often healing is tried, within the range of the settings.
    pub fn interval(text: &str) -> Result<Self, String> {
        Self::within(text, MILLISECOND..=DAY, "1ms to 1day")
    }

    fn within(text: &str, range: RangeInclusive<Duration>, shown: &str) -> Result<Self, String> {
        let span: Self = text.parse()?;
        match range.contains(&span.0) {
            true => Ok(span),
            false => Err(format!("expected {shown}")),
        }
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected a duration such as 250ms, 1.5s, 2m or 1h";
        match humantime::parse_duration(text) {
            Ok(duration) if duration <= DURATION_MAX => Ok(Self(duration)),
            Ok(_) => Err(format!("{expected}, at most {}", Self(DURATION_MAX))),
            Err(error) => Err(format!("{expected}: {error}")),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Duration::ZERO => f.write_str("0s"),
            // Exact, one unit, and without the space that would end a word of a command.
            duration => write!(f, "{duration:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written() {
        for (text, micros, written) in [
            ("250ms", 250_000, "250ms"),
            ("1.5s", 1_500_000, "1.5s"),
            ("2m", 120_000_000, "120s"),
            ("0.5h", 1_800_000_000, "1800s"),
            ("2048ms", 2_048_000, "2.048s"),
            ("0.3ms", 300, "300µs"),
            ("1m 30s", 90_000_000, "90s"),
            ("0s", 0, "0s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span, Span(Duration::from_micros(micros)), "{text}");
            assert_eq!(span.to_string(), written);
            assert_eq!(written.parse(), Ok(span));
        }
        for text in ["", "s", "5", "-1s", "NaNs", "1e99h", "5x", "1year", "9999999999999h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
