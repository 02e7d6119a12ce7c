//! How long a suspect may take to refute: Lifeguard's bounds (section IV-B, "LHA-Suspicion") and
//! the floor of R6 with the verification (R8) that is built on it.

use core::time::Duration;

use crate::log::log2_q32;
use crate::time::{micros, part, times};

/// The bounds between which a suspicion times out, and how many voices bring it to the lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Timeout once `confirmations_needed` others agree with the accuser.
    pub timeout_min: Duration,
    /// Timeout while nobody else agrees.
    pub timeout_max: Duration,
    /// K of the formula; 0 means `timeout_min` at once.
    pub confirmations_needed: u8,
}

impl Bounds {
    /// max(min, max - (max - min) * log(C + 1) / log(K + 1)) for C `confirmations` besides the
    /// accuser.
    pub fn timeout(&self, confirmations: usize) -> Duration {
        let needed = u32::from(self.confirmations_needed);
        let confirmations = u32::try_from(confirmations).unwrap_or(u32::MAX).min(needed);
        if confirmations == needed {
            return self.timeout_min;
        }
        let whole = log2_q32(needed.saturating_add(1)) >> 16;
        let part = log2_q32(confirmations.saturating_add(1)) >> 16;
        let span = micros(self.timeout_max.saturating_sub(self.timeout_min));
        let shortened = share(span, part, whole).unwrap_or(span);
        self.timeout_max.saturating_sub(Duration::from_micros(shortened)).max(self.timeout_min)
    }
}

/// `span` times `part` of `whole`, which are small; the product alone may be too large for 64 bits.
fn share(span: u64, part: u64, whole: u64) -> Option<u64> {
    let (wholes, rest) = (span.checked_div(whole)?, span.checked_rem(whole)?);
    wholes.checked_mul(part)?.checked_add(rest.checked_mul(part)?.checked_div(whole)?)
}

/// How many pings a suspect is sent before it is declared dead (R8): at 30 % loss each way all ten
/// fail a living member once in a thousand times, six once in sixty.
pub const VERIFICATION_PINGS: u8 = 10;
/// Pings of a verification are at least this far apart.
const VERIFICATION_SPACING_MIN: Duration = Duration::from_millis(20);
/// Sixteenths of four floors for 0, 1, 2, 3 confirmations: Lifeguard's logarithm with max = 4 min
/// and K = 3, in integers.
const WAIT_SIXTEENTHS: [u32; 4] = [64, 40, 26, 16];
/// The shortest time a fully confirmed suspect has (R6): the pause that members are allowed, and
/// what slow answers add to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    pub wait_min: Duration,
    /// How long an answer may take at present.
    pub answer_timeout: Duration,
}

impl Floor {
    /// The pause that is tolerated, and three times what the answer timeout is above its least.
    pub fn new(
        tolerance: Duration,
        answer_timeout: Duration,
        answer_timeout_min: Duration,
    ) -> Self {
        let slow = times(answer_timeout.saturating_sub(answer_timeout_min), 3);
        Self { wait_min: tolerance.saturating_add(slow), answer_timeout }
    }

    /// The wait with this many `confirmations` besides the accuser's voice.
    pub fn wait(&self, confirmations: usize) -> Duration {
        let last = WAIT_SIXTEENTHS.len().saturating_sub(1);
        let sixteenths = WAIT_SIXTEENTHS.get(confirmations.min(last)).copied().unwrap_or(16);
        part(times(self.wait_min, sixteenths), 16)
    }

    /// The longest wait: nobody agrees.
    pub fn wait_max(&self) -> Duration {
        self.wait(0)
    }

    /// Time between two pings of a verification: spread over the floor, but no slower than an
    /// answer takes.
    pub fn verification_spacing(&self) -> Duration {
        let left = self.wait_min.saturating_sub(self.answer_timeout);
        let even = part(left, VERIFICATION_PINGS.into());
        even.min(self.answer_timeout).max(VERIFICATION_SPACING_MIN)
    }

    /// From the first ping of a verification to the verdict, so that the last one can be answered.
    pub fn verification_len(&self) -> Duration {
        let pings = times(self.verification_spacing(), VERIFICATION_PINGS.into());
        pings.saturating_sub(self.verification_spacing()).saturating_add(self.answer_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(bounds: Bounds) -> [u128; 5] {
        core::array::from_fn(|c| bounds.timeout(c).as_millis())
    }

    /// memberlist's own table: interval 100 ms, multiplier 5, maximum twice the minimum.
    #[test]
    fn dogpile_timeouts_follow_the_logarithm() {
        let bounds = Bounds {
            timeout_min: Duration::from_millis(500),
            timeout_max: Duration::from_millis(1_000),
            confirmations_needed: 3,
        };
        assert_eq!(millis(bounds), [1_000, 750, 603, 500, 500]);
        assert_eq!(millis(Bounds { confirmations_needed: 0, ..bounds })[0], 500);
    }

    /// N = 128, alpha 5, beta 6, K 3 (Lifeguard): 63.2, 36.9, 21.5, 10.5 s.
    #[test]
    fn lifeguard_timeouts_match_the_paper_s_formula() {
        let bounds = Bounds {
            timeout_min: Duration::from_millis(10_535),
            timeout_max: Duration::from_millis(63_210),
            confirmations_needed: 3,
        };
        assert_eq!(millis(bounds), [63_210, 36_872, 21_466, 10_535, 10_535]);
    }

    fn floor(tolerance_ms: u64, answer_ms: u64) -> Floor {
        let millis = Duration::from_millis;
        Floor::new(millis(tolerance_ms), millis(answer_ms), millis(200))
    }

    #[test]
    fn the_wait_falls_from_four_floors_to_one() {
        let waits = [0, 1, 2, 3, 9].map(|c| floor(1_600, 200).wait(c).as_millis());
        assert_eq!(waits, [6_400, 4_000, 2_600, 1_600, 1_600]);
        let bounds = Bounds {
            timeout_min: Duration::from_millis(1_600),
            timeout_max: Duration::from_millis(6_400),
            confirmations_needed: 3,
        };
        for (confirmations, wait) in waits.into_iter().enumerate() {
            let lifeguard = bounds.timeout(confirmations).as_millis();
            assert!(wait.abs_diff(lifeguard) <= 26, "{wait} {lifeguard}");
        }
    }

    #[test]
    fn slow_answers_raise_the_floor() {
        assert_eq!(floor(1_500, 200).wait_min, Duration::from_millis(1_500));
        assert_eq!(floor(1_500, 500).wait_min, Duration::from_millis(2_400));
        assert_eq!(floor(1_500, 100).wait_min, Duration::from_millis(1_500));
    }

    #[test]
    fn a_verification_fits_the_shortest_wait_and_ends_with_time_for_an_answer() {
        for (tolerance, answer) in [(500, 200), (1_500, 200), (2_500, 200), (1_500, 900), (30, 200)]
        {
            let floor = floor(tolerance, answer);
            let spacing = floor.verification_spacing();
            assert!(spacing >= VERIFICATION_SPACING_MIN && spacing <= floor.answer_timeout);
            assert_eq!(floor.verification_len(), spacing * 9 + floor.answer_timeout);
            if tolerance >= 500 {
                assert!(floor.verification_len() <= floor.wait_min, "{floor:?}");
            }
        }
    }
}
