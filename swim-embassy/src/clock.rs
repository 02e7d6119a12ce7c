//! The clock of embassy-time in the core's terms.

use embassy_futures::yield_now;
use embassy_time::{Duration, Timer};
use swim_core::Instant;

/// Nothing is slept for longer; waking early is harmless.
const SLEEP_MAX_SECS: u64 = 3_600;

pub fn now() -> Instant {
    instant(embassy_time::Instant::now())
}

pub fn instant(instant: embassy_time::Instant) -> Instant {
    Instant::from_micros(instant.as_micros())
}

/// Sleeps until `deadline`, or for an hour if that is sooner. Other tasks get a turn even when the
/// deadline is past. Cancel safe.
pub async fn sleep_until(deadline: Option<Instant>) {
    let longest = core::time::Duration::from_secs(SLEEP_MAX_SECS);
    let wait = deadline.map_or(longest, |deadline| deadline.since(now()).min(longest));
    match u64::try_from(wait.as_micros()) {
        Ok(0) | Err(_) => yield_now().await,
        Ok(micros) => Timer::after(Duration::from_micros(micros)).await,
    }
}
