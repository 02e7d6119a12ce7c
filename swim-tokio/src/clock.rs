//! The runtime's clock in the core's terms.

use std::time::Duration;

use tokio::time;

/// Nothing is slept for longer; waking early is harmless.
const SLEEP_MAX: Duration = Duration::from_secs(3_600);

/// Counts from the start of the member, never backwards by more than it takes to read it.
///
/// It is tokio's clock, paused or not, and the time the machine was suspended besides, where the
/// system tells that (Linux: `CLOCK_BOOTTIME` is ahead of `CLOCK_MONOTONIC` by it). The others did
/// not wait meanwhile: a member that slept for an hour must find that out by itself and accuse
/// nobody for it, exactly as after a stop by SIGSTOP, which any clock shows. Elsewhere the clock is
/// that of [`std::time::Instant`], and whether it counts a suspension depends on the system. A
/// virtual machine paused from outside sees neither.
///
/// tokio's timers stand still while the machine is suspended, so what was slept for comes as much
/// later; the first datagram wakes the runner before that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: time::Instant,
    /// How long the machine was suspended before.
    suspended_before: Duration,
}

impl Clock {
    pub fn start() -> Self {
        Self { epoch: time::Instant::now(), suspended_before: suspended() }
    }

    pub fn now(self) -> swim_core::Instant {
        self.at(suspended())
    }

    fn at(self, suspended: Duration) -> swim_core::Instant {
        let suspended = suspended.saturating_sub(self.suspended_before);
        swim_core::Instant::ZERO.after(self.epoch.elapsed() + suspended)
    }

    /// Sleeps until `deadline`, or [`SLEEP_MAX`] if that is sooner. Cancel safe.
    pub async fn sleep_until(self, deadline: Option<swim_core::Instant>) {
        let wait = deadline.map_or(SLEEP_MAX, |deadline| deadline.since(self.now()));
        time::sleep(wait.min(SLEEP_MAX)).await;
    }
}

/// How long the machine has been suspended since it was started.
#[cfg(target_os = "linux")]
fn suspended() -> Duration {
    use nix::time::{ClockId, clock_gettime};

    let read = |clock| clock_gettime(clock).map_or(Duration::ZERO, Duration::from);
    // In this order, so that a pause between the two looks like less suspension and not like more.
    let since_boot = read(ClockId::CLOCK_BOOTTIME);
    since_boot.saturating_sub(read(ClockId::CLOCK_MONOTONIC))
}

#[cfg(not(target_os = "linux"))]
fn suspended() -> Duration {
    Duration::ZERO
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

    #[tokio::test(start_paused = true)]
    async fn a_suspension_counts_and_those_before_the_start_do_not() {
        let hour = Duration::from_secs(3_600);
        let clock = Clock { suspended_before: hour, ..Clock::start() };
        assert_eq!(clock.at(hour), swim_core::Instant::ZERO);
        assert_eq!(clock.at(hour * 3), swim_core::Instant::ZERO.after(hour * 2));
        // As after a pause between the two readings.
        assert_eq!(clock.at(Duration::ZERO), swim_core::Instant::ZERO);
    }
}
