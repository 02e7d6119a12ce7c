//! How long a suspect may take to refute (Lifeguard section IV-B, "LHA-Suspicion").

use core::time::Duration;

use crate::log::log2_q32;
use crate::time::micros;

/// The bounds between which a suspicion times out, and how many voices bring it to the lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Timeout once `confirmations_needed` others agree with the accuser.
    pub timeout_min: Duration,
    /// Timeout while nobody else agrees.
    pub timeout_max: Duration,
    /// K of the formula; 0 means `timeout_min` at once.
    pub confirmations_needed: u8,
}

impl Patience {
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
        let shortened = u128::from(span)
            .saturating_mul(u128::from(part))
            .checked_div(u128::from(whole))
            .and_then(|shortened| u64::try_from(shortened).ok())
            .unwrap_or(span);
        self.timeout_max.saturating_sub(Duration::from_micros(shortened)).max(self.timeout_min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(patience: Patience) -> [u128; 5] {
        core::array::from_fn(|c| patience.timeout(c).as_millis())
    }

    /// memberlist's own table: interval 100 ms, multiplier 5, maximum twice the minimum.
    #[test]
    fn dogpile_timeouts_follow_the_logarithm() {
        let patience = Patience {
            timeout_min: Duration::from_millis(500),
            timeout_max: Duration::from_millis(1_000),
            confirmations_needed: 3,
        };
        assert_eq!(millis(patience), [1_000, 750, 603, 500, 500]);
        assert_eq!(millis(Patience { confirmations_needed: 0, ..patience })[0], 500);
    }

    /// N = 128, alpha 5, beta 6, K 3 (Lifeguard): 63.2, 36.9, 21.5, 10.5 s.
    #[test]
    fn lifeguard_timeouts_match_the_paper_s_formula() {
        let patience = Patience {
            timeout_min: Duration::from_millis(10_535),
            timeout_max: Duration::from_millis(63_210),
            confirmations_needed: 3,
        };
        assert_eq!(millis(patience), [63_210, 36_872, 21_466, 10_535, 10_535]);
    }
}
