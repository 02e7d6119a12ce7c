//! Time since the command was started, as its output tells it.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

/// Counts from the start of the command.
#[derive(Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub fn elapsed(self) -> Elapsed {
        self.start.elapsed().into()
    }
}

/// What the system's clock shows: milliseconds since 1970 in UTC, 0 before.
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis)
}

/// A time since the start; shown as `00:01:02.345`.
#[derive(Clone, Copy)]
pub struct Elapsed(Duration);

impl Elapsed {
    pub fn as_millis(self) -> u64 {
        millis(self.0)
    }
}

impl From<Duration> for Elapsed {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        write!(f, "{hours:02}:{minutes:02}:{:02}.{:03}", seconds % 60, self.0.subsec_millis())
    }
}

/// Whole milliseconds of a duration.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A step as JSON, with the time since the start and the time of day.
#[derive(Serialize)]
pub struct Timed<'a, S> {
    t_ms: u64,
    unix_ms: u64,
    #[serde(flatten)]
    step: &'a S,
}

impl<'a, S> Timed<'a, S> {
    pub fn now(step: &'a S, elapsed: Elapsed) -> Self {
        Self { t_ms: elapsed.as_millis(), unix_ms: unix_ms(), step }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_time_reads_as_hours_minutes_seconds() {
        assert_eq!(Elapsed::from(Duration::from_millis(43_384_123)).to_string(), "12:03:04.123");
    }
}
