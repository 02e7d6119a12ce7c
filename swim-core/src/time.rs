//! Time as the state machine sees it: a number the driver hands in.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment, in microseconds since an epoch of the driver's choice (process start, boot, 1970).
///
/// The core never reads a clock. Only differences matter, so the epoch is free, but it must be the
/// same for every call on one node. A moment earlier than one already seen is taken as that later
/// one: a clock that stands still or steps back delays timers and breaks nothing.
///
/// ```
/// use core::time::Duration;
/// use swim_core::Instant;
///
/// let start = Instant::from_millis(1_500);
/// assert_eq!(start.after(Duration::from_millis(500)), Instant::from_secs(2));
/// assert_eq!(Instant::from_secs(2).since(start), Duration::from_millis(500));
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
// As an id is: see there.
#[repr(Rust, packed(4))]
pub struct Instant(u64);

impl Instant {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);

    /// The last moment that can be told; half a million years after the epoch.
    pub const MAX: Self = Self(u64::MAX);

    /// `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// `secs` seconds after the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// This moment plus `duration`, at most [`Instant::MAX`]. Parts of a microsecond are dropped.
    #[must_use]
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub const fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// The moment `duration` earlier, or the epoch.
    #[must_use]
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub const fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// Time passed since `earlier`; zero when `earlier` is in fact later.
    #[must_use]
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// A duration in whole microseconds, to be kept: half of what a `Duration` takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(Rust, packed(4))]
pub(crate) struct Micros(u64);

impl Micros {
    /// What is whole of `duration`, at most `u64::MAX`.
    pub const fn of(duration: Duration) -> Self {
        Self(micros(duration))
    }

    /// The same as others take it.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub const fn duration(self) -> Duration {
        Duration::from_micros(self.0)
    }
}

/// A duration as it is kept.
pub trait Span: Copy + fmt::Debug {
    /// As much of `duration` as can be kept.
    fn of(duration: Duration) -> Self;

    /// What was kept.
    fn duration(self) -> Duration;
}

/// To the nanosecond, in 16 bytes.
impl Span for Duration {
    fn of(duration: Duration) -> Self {
        duration
    }

    fn duration(self) -> Duration {
        self
    }
}

/// In four bytes: microseconds up to 35 minutes, then, marked by the upper bit,
/// hundredths of a second up to 248 days; what is longer counts as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortSpan(u32);

const LONG: u32 = 1 << 31;
const LONG_UNIT: u64 = 10_000;

impl Span for ShortSpan {
    // Rounded up, so that of two durations the longer is never the shorter, and none is lost.
    fn of(duration: Duration) -> Self {
        let micros = micros(duration).max(u64::from(!duration.is_zero()));
        match u32::try_from(micros) {
            Ok(short) if short < LONG => Self(short),
            _ => {
                let units = u32::try_from(micros.div_ceil(LONG_UNIT)).unwrap_or(u32::MAX);
                Self(units.min(LONG - 1) | LONG)
            }
        }
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn duration(self) -> Duration {
        let number = u64::from(self.0 & !LONG);
        let unit = if self.0 & LONG == 0 { 1 } else { LONG_UNIT };
        Duration::from_micros(number.saturating_mul(unit))
    }
}

/// Whole microseconds in `duration`, at most `u64::MAX`.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(crate) const fn micros(duration: Duration) -> u64 {
    // `Duration::as_micros` is u128, which is dear on a microcontroller.
    let whole = duration.as_secs().saturating_mul(1_000_000);
    whole.saturating_add(duration.subsec_micros() as u64)
}

/// Whole milliseconds in `duration`, at most `u64::MAX`.
pub(crate) const fn millis(duration: Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(1_000);
    whole.saturating_add(duration.subsec_millis() as u64)
}

/// So many times `duration`, at most `Duration::MAX`.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(crate) const fn times(duration: Duration, factor: u32) -> Duration {
    duration.saturating_mul(factor)
}

/// One of so many equal parts of `duration`; all of it if there are none.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(crate) fn part(duration: Duration, parts: u32) -> Duration {
    duration.checked_div(parts).unwrap_or(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_saturate_instead_of_wrapping() {
        assert_eq!(Instant::MAX.after(Duration::from_secs(1)), Instant::MAX);
        assert_eq!(Instant::ZERO.after(Duration::MAX), Instant::MAX);
        assert_eq!(Instant::ZERO.since(Instant::MAX), Duration::ZERO);
    }

    #[test]
    fn a_longer_duration_is_never_kept_as_a_shorter_one() {
        let kept = |micros| ShortSpan::of(Duration::from_micros(micros)).duration();
        let limit = u64::from(LONG);
        assert!(kept(limit - 1) < kept(limit) && kept(limit) <= kept(limit + 1));
        assert_eq!(kept(limit - 1), Duration::from_micros(limit - 1));
        assert!(kept(1) > Duration::ZERO && kept(limit) >= Duration::from_micros(limit));
        let longest = ShortSpan::of(Duration::MAX).duration();
        assert!(longest > Duration::from_secs(248 * 86_400), "{longest:?}");
    }

    #[test]
    fn spans_are_exact_to_the_microsecond_or_a_hundredth_of_a_second() {
        let kept = |nanos| ShortSpan::of(Duration::from_nanos(nanos)).duration().as_nanos();
        assert_eq!([0, 1, 999, 1_999].map(kept), [0, 1_000, 1_000, 1_000]);
        let limit = u64::from(LONG) * 1_000;
        assert_eq!(kept(limit - 1), u128::from(limit - 1_000));
        assert_eq!(kept(limit), u128::from(limit.next_multiple_of(10_000_000)));
        let month = Duration::from_secs(30 * 86_400) + Duration::from_millis(10);
        assert_eq!(ShortSpan::of(month).duration(), month);
    }
}
