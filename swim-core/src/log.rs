//! Logarithms in integers: the same bits on every target, no float unit needed.

/// log2(10) is irrational; its inverse in 32 fractional bits.
const LOG10_OF_2_Q32: u64 = 1_292_913_986;
/// ln(2) in 32 fractional bits.
const LN_OF_2_Q32: u64 = 2_977_044_472;
/// What truncation in [`log2_q32`] can lose at most, with a margin.
const ROUNDING_Q32: u64 = 1 << 8;

/// log2(`n`) with 32 fractional bits, of which the upper 26 are exact. `n` = 0 counts as 1.
pub const fn log2_q32(n: u32) -> u64 {
    let n = if n == 0 { 1 } else { n };
    let whole = n.ilog2();
    // The mantissa in [1, 2) with 31 fractional bits; squaring it yields one bit of the log.
    let mut mantissa = (n as u64) << 31u32.saturating_sub(whole);
    let mut fraction = 0u64;
    let mut bit = 31u32;
    loop {
        mantissa = mantissa.wrapping_mul(mantissa) >> 31;
        if mantissa >> 32 != 0 {
            mantissa >>= 1;
            fraction |= 1 << bit;
        }
        if bit == 0 {
            return ((whole as u64) << 32) | fraction;
        }
        bit = bit.saturating_sub(1);
    }
}

/// log10(`n`) in thousandths, truncated, as memberlist computes its suspicion timeouts.
pub const fn log10_milli(n: u32) -> u32 {
    let log10_q32 = scale_q32(log2_q32(n).saturating_add(ROUNDING_Q32), LOG10_OF_2_Q32);
    (log10_q32.saturating_mul(1_000) >> 32) as u32
}

/// The smallest whole number not below log10(`n`).
pub const fn log10_ceil(n: u32) -> u32 {
    let mut power = 1u32;
    let mut exponent = 0u32;
    while power < n {
        power = power.saturating_mul(10);
        exponent = exponent.saturating_add(1);
        if power == u32::MAX {
            break;
        }
    }
    exponent
}

/// The smallest whole number not below ln(`n`).
pub const fn ln_ceil(n: u32) -> u32 {
    if n <= 1 {
        return 0;
    }
    let ln_q32 = scale_q32(log2_q32(n), LN_OF_2_Q32);
    ((ln_q32 >> 32) as u32).saturating_add(1)
}

/// `a` * `b`, both with 32 fractional bits, the whole part of `a` below 32 and `b` below 1.
const fn scale_q32(a: u64, b: u64) -> u64 {
    let whole = (a >> 32).saturating_mul(b);
    let fraction = (a & 0xffff_ffff).saturating_mul(b) >> 32;
    whole.saturating_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log2_agrees_with_floats() {
        for n in (1..100_000u32).chain([u32::MAX, u32::MAX / 3]) {
            let exact = f64::from(n).log2();
            let ours = log2_q32(n) as f64 / 4_294_967_296.0;
            assert!((exact - ours).abs() < 3e-8, "{n}: {exact} {ours}");
        }
    }

    #[test]
    fn log10_milli_truncates_and_is_exact_at_powers() {
        for (n, milli) in [(0, 0), (1, 0), (2, 301), (10, 1_000), (32, 1_505), (99, 1_995)] {
            assert_eq!(log10_milli(n), milli, "{n}");
        }
        assert_eq!(log10_milli(1_000), 3_000);
        assert_eq!(log10_milli(1_000_000_000), 9_000);
    }

    #[test]
    fn ceilings_agree_with_floats() {
        for n in 1..200_000u32 {
            assert_eq!(log10_ceil(n), f64::from(n).log10().ceil() as u32, "{n}");
            assert_eq!(ln_ceil(n), f64::from(n).ln().ceil() as u32, "{n}");
        }
        assert_eq!(log10_ceil(u32::MAX), 10);
    }
}
