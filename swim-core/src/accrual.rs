//! φ-accrual: how far the silence of a peer goes beyond what its answers have been like, as a
//! number that grows until it answers again.
//!
//! ```text
//! phi = -log10 P_later(silence)
//! ```
//!
//! P_later is the chance that the next answer of a living peer takes even longer, if answers go on
//! coming as they did: at 1 one in ten is still to come, at 3 one in a thousand (Hayashibara,
//! Défago, Yared, Katayama: "The φ Accrual Failure Detector", SRDS 2004). What P_later is taken to
//! be makes an [`Accrual`].

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::micros;

/// What the times between the answers of a living peer are taken to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accrual {
    /// Normally distributed, as the paper has it: P_later is the tail of a normal with their mean
    /// and deviation. With two settings that Akka added, since a tail that is too narrow takes the
    /// first late answer for a death: there they are 100 ms and 3 s at one heartbeat a second.
    Normal {
        /// The least deviation it reckons with.
        deviation_min: Duration,
        /// Added to the mean: silence that is nothing unusual, such as lost answers or a garbage
        /// collection.
        pause: Duration,
    },
    /// Exponentially distributed, as Cassandra has it: `phi = silence / (mean ln 10)`. It looks at
    /// the mean alone, so it needs no settings, and waits longer where answers come evenly: a level
    /// of 8 is 18.4 mean intervals.
    Exponential,
}

/// The level at which a silent peer is probed out of turn: see [`Node::watch`](crate::Node::watch).
pub const PROBE_LEVEL: f32 = 1.0;

/// [`PROBE_LEVEL`] in deviations, and in means: where one in ten is still to come.
const PROBE_AT: Reach = Reach { normal: 329, exponential: 590 };

/// Parts of a deviation or of a mean in which a [`Reach`] counts.
const REACH_PARTS: u64 = 256;
/// The same as a float.
const REACH_SCALE: f32 = 256.0;

/// Halvings by which a level is found: of 64 deviations, to a part of one.
const HALVINGS: u32 = 15;
const DEVIATIONS_MAX: f32 = 64.0;

/// From logarithms to base 2 to those to base 10, and how many base e.
const LOG10_OF_2: f32 = core::f32::consts::LOG10_2;
const LOG10_OF_E: f32 = core::f32::consts::LOG10_E;

/// Beyond this any silence is alike.
const SILENCE_DEVIATIONS_MAX: f32 = 1e9;

/// How far a level reaches, in parts of a deviation beyond mean and pause, and of a mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    normal: u16,
    exponential: u16,
}

impl Reach {
    /// Where silence comes to `level`, rounded up; to be from [`LEVEL_MIN`] to [`LEVEL_MAX`].
    pub fn of(level: f32) -> Self {
        let normal = deviations_at(level) * REACH_SCALE + 1.0;
        let exponential = level / LOG10_OF_E * REACH_SCALE + 1.0;
        Self { normal: normal as u16, exponential: exponential as u16 }
    }

    /// That of [`PROBE_LEVEL`].
    pub const fn of_probes() -> Self {
        PROBE_AT
    }
}

/// The least level that can be asked for: below it silence is shorter than usual.
pub const LEVEL_MIN: f32 = 0.5;
/// The greatest level that can be asked for.
pub const LEVEL_MAX: f32 = 64.0;

impl Accrual {
    /// φ after so long a `silence` of a peer whose answers come `mean` apart, with a standard
    /// deviation of `deviation`. Never negative, never NaN; it does not fall while silence grows,
    /// but for the last digit of the float.
    ///
    /// Of the normal within 0.01 of its exact value; without the logarithms and exponentials of
    /// `std`.
    #[must_use]
    pub fn level(self, mean: Duration, deviation: Duration, silence: Duration) -> f32 {
        match self {
            Self::Exponential => {
                let mean = micros(mean).max(1) as f32;
                micros(silence) as f32 / mean * LOG10_OF_E
            }
            Self::Normal { deviation_min, pause } => {
                let usual = mean.saturating_add(pause);
                let deviation = micros(deviation.max(deviation_min)).max(1) as f32;
                match silence.checked_sub(usual) {
                    Some(beyond) => {
                        let deviations = micros(beyond) as f32 / deviation;
                        tail_level(deviations.min(SILENCE_DEVIATIONS_MAX))
                    }
                    None => {
                        let before = micros(usual.saturating_sub(silence)) as f32 / deviation;
                        head_level(before.min(SILENCE_DEVIATIONS_MAX))
                    }
                }
            }
        }
    }
}

/// An [`Accrual`] as a watch keeps it, in microseconds: what is 71 minutes or longer counts as
/// that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve {
    deviation_min: u32,
    pause: u32,
    is_exponential: bool,
}

impl Curve {
    pub fn of(accrual: Accrual) -> Self {
        match accrual {
            Accrual::Exponential => Self { deviation_min: 0, pause: 0, is_exponential: true },
            Accrual::Normal { deviation_min, pause } => Self {
                deviation_min: micros_u32(deviation_min),
                pause: micros_u32(pause),
                is_exponential: false,
            },
        }
    }

    pub fn accrual(self) -> Accrual {
        let Self { deviation_min, pause, is_exponential } = self;
        let of = |micros: u32| Duration::from_micros(micros.into());
        match is_exponential {
            true => Accrual::Exponential,
            false => Accrual::Normal { deviation_min: of(deviation_min), pause: of(pause) },
        }
    }

    /// How long a silence comes to a level, in microseconds, rounded up.
    pub fn silence(self, arrivals: &Arrivals, reach: Reach) -> u64 {
        // Products of 32 and 16 bits, and sums of three: they cannot wrap.
        let stretched = |micros: u32, parts: u16| {
            u64::from(micros).wrapping_mul(parts.into()).wrapping_add(REACH_PARTS) / REACH_PARTS
        };
        if self.is_exponential {
            return stretched(arrivals.mean_micros(), reach.exponential);
        }
        let deviation = arrivals.deviation_micros().max(self.deviation_min);
        let usual = u64::from(arrivals.mean_micros()).wrapping_add(self.pause.into());
        usual.wrapping_add(stretched(deviation, reach.normal))
    }
}

/// Whole microseconds, at most 71 minutes.
pub fn micros_u32(duration: Duration) -> u32 {
    u32::try_from(micros(duration)).unwrap_or(u32::MAX)
}

/// φ so many deviations beyond the mean of a normal: its density and Mills' ratio, for which there
/// is a formula that is exact at 0 and at infinity and 1.2 % too small in between, so φ is up to
/// 0.006 too great.
fn tail_level(deviations: f32) -> f32 {
    const PI: f32 = core::f32::consts::PI;
    let root = square_root(deviations * deviations + 2.0 * PI);
    let mills = PI / ((PI - 1.0) * deviations + root);
    // The logarithm of the root of 2 pi.
    const LOG10_OF_NORM: f32 = 0.399_089_94;
    let density = deviations * deviations * (0.5 * LOG10_OF_E) + LOG10_OF_NORM;
    density - log2(mills) * LOG10_OF_2
}

/// φ so many deviations before the mean.
fn head_level(deviations: f32) -> f32 {
    let tail = exp2(-tail_level(deviations) / LOG10_OF_2);
    // Never a negative zero.
    0.0 - log2((1.0 - tail).min(1.0)) * LOG10_OF_2
}

/// The inverse of [`tail_level`]: how many deviations beyond the mean φ comes to `level`.
fn deviations_at(level: f32) -> f32 {
    let (mut below, mut step) = (0.0, DEVIATIONS_MAX);
    for _ in 0..HALVINGS {
        step *= 0.5;
        if tail_level(below + step) < level {
            below += step;
        }
    }
    below
}

/// Of a positive number, to seven digits: Newton's method from half the exponent.
fn square_root(number: f32) -> f32 {
    let mut root = f32::from_bits((number.to_bits() >> 1).wrapping_add(0x1fbd_1df5));
    for _ in 0..3 {
        root = 0.5 * (root + number / root);
    }
    root
}

/// Of a positive normal number, to seven digits: the exponent, and the series of the inverse
/// hyperbolic tangent for the rest, which lies around 1.
fn log2(number: f32) -> f32 {
    const EXPONENT_OF_1: u32 = 127;
    // Moves the border between exponents from 1 to the root of a half.
    let shifted = number.to_bits().wrapping_add(0x3f80_0000 - 0x3f35_04f3);
    let exponent = (shifted >> 23) as f32 - EXPONENT_OF_1 as f32;
    let rest = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let slope = (rest - 1.0) / (rest + 1.0);
    let square = slope * slope;
    let series = 1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0)));
    exponent + slope * series * (2.0 * core::f32::consts::LOG2_E)
}

/// Two to the power of a number that is not positive, to six digits: the whole part as an
/// exponent, and the series for the rest.
fn exp2(power: f32) -> f32 {
    const EXPONENT_MIN: f32 = -126.0;
    if power < EXPONENT_MIN {
        return 0.0;
    }
    // Rounds to nearest: the cast cuts towards zero.
    let whole = (power - 0.5) as i32;
    let rest = (power - whole as f32) * core::f32::consts::LN_2;
    let mut series = 1.0;
    for divisor in [6.0, 5.0, 4.0, 3.0, 2.0, 1.0] {
        series = 1.0 + rest / divisor * series;
    }
    series * f32::from_bits((whole.wrapping_add(127) as u32) << 23)
}

/// Answers that count while an average forgets the older ones: each newer one has a 64th.
const WINDOW: u8 = 64;
/// What is assumed before the first answer counts as much as so many.
const PRIOR: u8 = 4;
/// Parts of a microsecond in which mean and deviation are kept, as a power of two: what is left of
/// a 64th counts.
const PARTS_BITS: u32 = 3;

/// The times between answers: mean and standard deviation, the older ones forgotten little by
/// little, in nine bytes. Of times up to nine minutes; longer ones count as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrivals {
    mean: u32,
    deviation: u32,
    weight: u8,
}

impl Arrivals {
    /// Before anything is known: answers as far apart as questions, a quarter more or less. In
    /// microseconds.
    pub fn expected(interval: u32) -> Self {
        let mean = parts(interval);
        Self { mean, deviation: mean / 4, weight: PRIOR }
    }

    /// Takes in the time between two answers, in microseconds.
    pub fn sample(&mut self, gap: u32) {
        self.weight = self.weight.saturating_add(1).min(WINDOW);
        let (gap, weight) = (parts(gap), u32::from(self.weight));
        let off = gap.abs_diff(self.mean);
        // To the nearest part.
        let moved = off.saturating_add(weight / 2).checked_div(weight).unwrap_or(0);
        self.mean = match gap > self.mean {
            true => self.mean.saturating_add(moved),
            false => self.mean.saturating_sub(moved),
        };
        // Products of 32 bits, the sum at most half of what there is room for.
        let square = |one: u32, other: u32| u64::from(one).wrapping_mul(other.into());
        let variance = square(self.deviation, self.deviation).wrapping_add(square(off, moved));
        let forgotten = variance.checked_div(weight.into()).unwrap_or(0);
        self.deviation = whole_root(variance.wrapping_sub(forgotten));
    }

    /// The mean.
    pub fn mean(&self) -> Duration {
        Duration::from_micros(self.mean_micros().into())
    }

    /// The standard deviation.
    pub fn deviation(&self) -> Duration {
        Duration::from_micros(self.deviation_micros().into())
    }

    const fn mean_micros(&self) -> u32 {
        self.mean >> PARTS_BITS
    }

    const fn deviation_micros(&self) -> u32 {
        self.deviation >> PARTS_BITS
    }
}

/// Bit by bit: `u64::isqrt` takes a kilobyte of a board's flash.
fn whole_root(square: u64) -> u32 {
    (0..u32::BITS).rev().fold(0, |root, bit| {
        let more = root | 1 << bit;
        if u64::from(more).wrapping_mul(more.into()) <= square { more } else { root }
    })
}

fn parts(micros: u32) -> u32 {
    micros.min(u32::MAX >> PARTS_BITS) << PARTS_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);
    const NORMAL: Accrual = Accrual::Normal { deviation_min: MILLI, pause: Duration::ZERO };

    /// The natural logarithm of the tail of the standard normal, in f64: near its mean by the
    /// series of the error function, beyond by the continued fraction of Mills' ratio.
    fn ln_tail(deviations: f64) -> f64 {
        let density_ln = -0.5 * deviations * deviations - 0.5 * (2.0 * core::f64::consts::PI).ln();
        if deviations < 2.5 {
            let (mut term, mut sum) = (deviations, deviations);
            for n in 1..200 {
                term *= deviations * deviations / f64::from(2 * n + 1);
                sum += term;
            }
            return (0.5 - sum * density_ln.exp()).ln();
        }
        let fraction = (1..400).rev().fold(0.0, |below, n| f64::from(n) / (deviations + below));
        density_ln - (deviations + fraction).ln()
    }

    /// φ a number of deviations beyond the mean, by the code and exactly.
    fn both(deviations: f64) -> (f64, f64) {
        let (mean, deviation) = (Duration::from_secs(100), Duration::from_secs(10));
        let silence = mean.as_secs_f64() + deviation.as_secs_f64() * deviations;
        let level = NORMAL.level(mean, deviation, Duration::from_secs_f64(silence));
        (f64::from(level), -ln_tail(deviations) / core::f64::consts::LN_10)
    }

    #[test]
    fn the_reference_is_the_normal_distribution() {
        // Quantiles from any table of it.
        for (deviations, tail) in [(0.0, 0.5), (1.281_552, 0.1), (3.090_232, 1e-3)] {
            assert!((ln_tail(deviations).exp() / tail - 1.0).abs() < 1e-5, "{deviations}");
        }
        assert!((ln_tail(-1.281_552).exp() - 0.9).abs() < 1e-6);
        assert!((ln_tail(2.499_999) - ln_tail(2.500_001)).abs() < 1e-4, "both formulas agree");
    }

    #[test]
    fn the_normal_level_is_within_a_hundredth_of_the_exact_one() {
        let mut worst = 0.0f64;
        for step in -900..=3_000 {
            let (level, exact) = both(f64::from(step) / 100.0);
            worst = worst.max((level - exact).abs());
            assert!((level - exact).abs() < 0.01, "{step}: {level}, exactly {exact}");
        }
        assert!(worst > 0.001, "{worst}: as the documents say, not exact");
    }

    #[test]
    fn the_exponential_level_is_silence_by_mean_and_the_logarithm_of_ten() {
        let mean = Duration::from_millis(250);
        for silence in [0.0, 0.25, 4.6, 1_000.0] {
            let exact = silence / 0.25 / core::f64::consts::LN_10;
            let silence = Duration::from_secs_f64(silence);
            let level = Accrual::Exponential.level(mean, Duration::ZERO, silence);
            assert!((f64::from(level) - exact).abs() <= exact * 1e-6, "{level} {exact}");
        }
        let eight = Accrual::Exponential.level(MILLI * 100, MILLI, MILLI * 1_842);
        assert!((eight - 8.0).abs() < 0.001, "{eight}");
    }

    #[test]
    fn levels_grow_without_steps_while_nothing_comes() {
        let pause = Duration::from_millis(300);
        let paused = Accrual::Normal { deviation_min: MILLI * 10, pause };
        for accrual in [NORMAL, paused, Accrual::Exponential] {
            for deviation in [Duration::ZERO, MILLI * 3, MILLI * 80] {
                let mut before = accrual.level(MILLI * 100, deviation, Duration::ZERO);
                for micros in (0..1_200_000).step_by(37) {
                    let silence = Duration::from_micros(micros);
                    let level = accrual.level(MILLI * 100, deviation, silence);
                    assert!(level.is_finite() && level >= 0.0, "{level}");
                    let digit = before * 1e-6 + 1e-6;
                    assert!(level >= before - digit, "{accrual:?}: {before} then {level}");
                    let steepest = before.max(1.0) * 0.5;
                    assert!(level - before < steepest, "{accrual:?}: {before} then {level}");
                    before = level;
                }
            }
        }
    }

    #[test]
    fn no_input_makes_it_negative_or_no_number() {
        let extremes = [Duration::ZERO, Duration::from_nanos(1), MILLI, Duration::MAX];
        for mean in extremes {
            for deviation in extremes {
                for silence in extremes {
                    let longest = Accrual::Normal { deviation_min: silence, pause: mean };
                    for accrual in [NORMAL, longest, Accrual::Exponential] {
                        let level = accrual.level(mean, deviation, silence);
                        assert!(level >= 0.0 && level.is_finite(), "{accrual:?} {level}");
                        assert!(level.is_sign_positive());
                    }
                }
            }
        }
    }

    #[test]
    fn a_level_is_reached_where_it_says() {
        let paused = Accrual::Normal { deviation_min: MILLI * 10, pause: MILLI * 50 };
        let arrivals = Arrivals { mean: 200_000 * 8, deviation: 17_000 * 8, weight: 9 };
        let (mean, deviation) = (arrivals.mean(), arrivals.deviation());
        for accrual in [NORMAL, paused, Accrual::Exponential] {
            for level in [LEVEL_MIN, 1.0, 2.0, 8.0, 16.0, LEVEL_MAX] {
                let silence = Curve::of(accrual).silence(&arrivals, Reach::of(level));
                let silence = Duration::from_micros(silence);
                let reached = accrual.level(mean, deviation, silence);
                assert!(reached >= level && reached < level * 1.01 + 0.02, "{level}: {reached}");
            }
        }
        let [there, probes] = [Reach::of(PROBE_LEVEL), Reach::of_probes()];
        assert!(probes.normal.abs_diff(there.normal) <= 2, "{there:?}");
        assert!(probes.exponential.abs_diff(there.exponential) <= 1, "{there:?}");
    }

    #[test]
    fn helpers_agree_with_std() {
        for step in 1..20_000 {
            let number = f64::from(step).powi(3) * 1e-9;
            let close = |own: f32, exact: f64| {
                (f64::from(own) - exact).abs() <= 3e-7 * exact.abs().max(1.0)
            };
            assert!(close(square_root(number as f32), f64::from(number as f32).sqrt()), "{number}");
            assert!(close(log2(number as f32), f64::from(number as f32).log2()), "{number}");
            let power = -number as f32;
            assert!((f64::from(exp2(power)) - f64::from(power).exp2()).abs() < 1e-6, "{power}");
        }
        assert_eq!((log2(1.0), exp2(0.0), exp2(-1e9)), (0.0, 1.0, 0.0));
    }

    #[test]
    fn whole_roots_are_those_of_the_standard_library() {
        let mut random = crate::rng::Rng::new(9);
        let edges = [0, 1, 2, 3, 4, u64::MAX, u64::MAX - 1, 1 << 62];
        let some = core::iter::repeat_with(|| random.next_u64() >> random.below(64));
        for square in edges.into_iter().chain(some.take(10_000)) {
            assert_eq!(u64::from(whole_root(square)), square.isqrt(), "{square}");
        }
    }

    /// What the last samples are like, whatever was before.
    #[test]
    fn moments_follow_the_samples() {
        let mut arrivals = Arrivals::expected(100_000);
        assert_eq!((arrivals.mean(), arrivals.deviation()), (MILLI * 100, MILLI * 25));
        for turn in 0..400u32 {
            arrivals.sample(if turn % 2 == 0 { 90_000 } else { 110_000 });
        }
        assert!(arrivals.mean().abs_diff(MILLI * 100) < MILLI / 2, "{arrivals:?}");
        assert!(arrivals.deviation().abs_diff(MILLI * 10) < MILLI / 2, "{arrivals:?}");
        (0..600).for_each(|_| arrivals.sample(40_000));
        assert!(arrivals.mean().abs_diff(MILLI * 40) < Duration::from_micros(20), "{arrivals:?}");
        assert!(arrivals.deviation() < MILLI, "{arrivals:?}");
    }

    /// Against a window of f64: sequences without a pattern, means within a tenth of a deviation.
    #[test]
    fn moments_are_those_of_a_window_in_floats() {
        let mut random = crate::rng::Rng::new(5);
        let mut arrivals = Arrivals::expected(60_000_000);
        let (mut mean, mut variance) = (0.0f64, 0.0f64);
        for turn in 0..5_000 {
            let gap = random.below(480_000_000) as u32;
            arrivals.sample(gap);
            let weight = 1.0 / f64::from((turn + 1).min(64));
            let off = f64::from(gap) / 1e6 - mean;
            mean += off * weight;
            variance = (1.0 - weight) * (variance + weight * off * off);
        }
        assert!((arrivals.mean().as_secs_f64() - mean).abs() < 1e-3, "{arrivals:?} {mean}");
        let deviation = arrivals.deviation().as_secs_f64();
        assert!((deviation - variance.sqrt()).abs() < 1e-3, "{arrivals:?} {variance}");
    }
}
