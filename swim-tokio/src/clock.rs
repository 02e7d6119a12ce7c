//! The runtime's clock in the core's terms.

use std::time::Duration;

use tokio::time;

/// Nothing is slept for longer; waking early is harmless.
const SLEEP_MAX: Duration = Duration::from_secs(3_600);

/// Counts from the start of the member. Follows tokio's clock, paused or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: time::Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self { epoch: time::Instant::now() }
    }

    pub fn now(self) -> swim_core::Instant {
        swim_core::Instant::ZERO.after(self.epoch.elapsed())
    }

    /// Sleeps until `deadline`, or [`SLEEP_MAX`] if that is sooner. Cancel safe.
    pub async fn sleep_until(self, deadline: Option<swim_core::Instant>) {
        let wait = deadline.map_or(SLEEP_MAX, |deadline| deadline.since(self.now()));
        time::sleep(wait.min(SLEEP_MAX)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_slept_for_and_no_longer() {
        let clock = Clock::start();
        let deadline = swim_core::Instant::from_millis(250);
        clock.sleep_until(Some(deadline)).await;
        assert!(clock.now() >= deadline);
        assert!(clock.now() < deadline.after(Duration::from_millis(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_deadline_the_sleep_still_ends() {
        let clock = Clock::start();
        clock.sleep_until(None).await;
        assert!(clock.now() >= swim_core::Instant::ZERO.after(SLEEP_MAX));
    }
}
