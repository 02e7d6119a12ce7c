//! A small seeded generator whose stream is part of the contract: same seed, same cluster.

use core::time::Duration;

use crate::time::micros;

/// PCG-XSH-RR 64/32 (O'Neill 2014). Not for secrets: it decides whom to probe, never what to hide.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
const INCREMENT: u64 = 1_442_695_040_888_963_407;

impl Rng {
    /// A generator whose whole stream follows from `seed`.
    pub const fn new(seed: u64) -> Self {
        let mut rng = Self { state: 0 };
        rng.step();
        rng.state = rng.state.wrapping_add(seed);
        rng.step();
        rng
    }

    /// The next 32 bits.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub const fn next_u32(&mut self) -> u32 {
        let old = self.step();
        let folded = (((old >> 18) ^ old) >> 27) as u32;
        folded.rotate_right((old >> 59) as u32)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        ((self.next_u32() as u64) << 32) | self.next_u32() as u64
    }

    /// A number in `0..bound`, or 0 when `bound` is 0. Biased by less than `bound` / 2^32.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub const fn below(&mut self, bound: usize) -> usize {
        let wide = (self.next_u32() as u64).wrapping_mul(bound as u32 as u64);
        (wide >> 32) as usize
    }

    /// A duration drawn evenly from zero up to, but not including, `limit` (at most 71 minutes).
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub fn up_to(&mut self, limit: Duration) -> Duration {
        let limit = u32::try_from(micros(limit)).unwrap_or(u32::MAX);
        Duration::from_micros(self.below(limit as usize) as u64)
    }

    /// `duration` stretched or shrunk by an even draw from 50 % to 150 %.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub fn jittered(&mut self, duration: Duration) -> Duration {
        duration.checked_div(2).unwrap_or(duration).saturating_add(self.up_to(duration))
    }

    const fn step(&mut self) -> u64 {
        let old = self.state;
        self.state = old.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_is_pinned_so_that_old_seeds_replay() {
        let mut rng = Rng::new(42);
        let drawn: [u32; 4] = core::array::from_fn(|_| rng.next_u32());
        assert_eq!(drawn, PINNED);
    }

    const PINNED: [u32; 4] = [3_270_867_926, 1_795_671_209, 1_924_641_435, 1_143_034_755];

    #[test]
    fn below_covers_its_range_evenly() {
        let mut rng = Rng::new(7);
        let mut seen = [0u32; 10];
        for _ in 0..100_000 {
            seen[rng.below(10)] += 1;
        }
        assert!(seen.iter().all(|&n| (9_500..10_500).contains(&n)), "{seen:?}");
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn jitter_stays_within_half_and_one_and_a_half() {
        let mut rng = Rng::new(1);
        for _ in 0..1_000 {
            let drawn = rng.jittered(Duration::from_millis(100));
            assert!(drawn >= Duration::from_millis(50) && drawn < Duration::from_millis(150));
        }
    }
}
