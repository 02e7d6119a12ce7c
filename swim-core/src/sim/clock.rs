//! The clock of one process: any epoch, and a rate that is not quite right.

use core::time::Duration;

use crate::time::{Instant, micros};

const MILLION: u64 = 1_000_000;

/// Tells the time of one process from the time of the simulation and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// What it shows when the simulation starts, in microseconds.
    epoch: u64,
    /// Microseconds it counts in a million of the simulation's.
    rate: u64,
}

impl Clock {
    /// A clock that shows `epoch` microseconds at the start and runs `drift_ppm` fast.
    pub fn new(epoch: u64, drift_ppm: i32) -> Self {
        Self { epoch, rate: MILLION.saturating_add_signed(drift_ppm.into()) }
    }

    /// It jumps ahead.
    pub fn step_ahead(&mut self, by: Duration) {
        self.epoch += micros(by);
    }

    /// It jumps back, but never before its beginning.
    pub fn step_back(&mut self, by: Duration) {
        self.epoch = self.epoch.saturating_sub(micros(by));
    }

    /// What it shows at the moment `at`.
    pub fn local(self, at: Instant) -> Instant {
        Instant::from_micros(self.epoch + scaled(at.as_micros(), self.rate, MILLION))
    }

    /// The first moment at which it shows `local` or later.
    pub fn moment(self, local: Instant) -> Instant {
        let shown = local.as_micros().saturating_sub(self.epoch);
        let mut at = Instant::from_micros(scaled(shown, MILLION, self.rate));
        while self.local(at) < local {
            at = Instant::from_micros(at.as_micros() + 1);
        }
        at
    }
}

fn scaled(micros: u64, numerator: u64, denominator: u64) -> u64 {
    if numerator == denominator {
        return micros;
    }
    (u128::from(micros) * u128::from(numerator) / u128::from(denominator)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_met_early_whatever_the_drift() {
        for drift_ppm in [-100_000, -37, 0, 37, 100_000] {
            let clock = Clock::new(123_456_789, drift_ppm);
            for deadline in (123_456_789..).step_by(9_973_421).take(500).map(Instant::from_micros) {
                let at = clock.moment(deadline);
                assert!(clock.local(at) >= deadline);
                let just_before = Instant::from_micros(at.as_micros().saturating_sub(1));
                assert!(at == Instant::ZERO || clock.local(just_before) < deadline);
            }
        }
    }
}
