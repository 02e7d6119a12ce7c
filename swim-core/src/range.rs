//! Ranges of mixed ids that anti-entropy compares: halves of halves of the whole.

/// One of 2^depth equal parts of all mixed ids, numbered as the nodes of a binary heap: 1 is
/// everything, the halves of `n` are `2 n` and `2 n + 1`. So a range is one small number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// An agenda is full of them.
#[repr(Rust, packed)]
pub struct Range(u64);

impl Range {
    /// All mixed ids.
    pub const ALL: Self = Self(1);

    /// The deepest range: two neighbouring ids.
    pub const DEPTH_MAX: u32 = 63;

    /// The range with this number; `None` for 0, which is none.
    pub const fn new(number: u64) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// How often everything was halved to get here.
    pub const fn depth(self) -> u32 {
        match self.0.checked_ilog2() {
            Some(depth) => depth,
            None => 0,
        }
    }

    /// The smallest mixed id in it.
    pub fn first(self) -> u64 {
        // The leading 1 is shifted out.
        self.0.checked_shl(u64::BITS.saturating_sub(self.depth())).unwrap_or(0)
    }

    /// The largest mixed id in it.
    pub fn last(self) -> u64 {
        self.first() | u64::MAX.checked_shr(self.depth()).unwrap_or(0)
    }

    /// The `index`-th of `2^halvings` equal parts; `None` when they would be too narrow, or are
    /// fewer.
    pub fn part(self, index: usize, halvings: u32) -> Option<Self> {
        let deep = self.depth().saturating_add(halvings) > Self::DEPTH_MAX;
        let index = u64::try_from(index).ok()?;
        let first = self.0.checked_shl(halvings)?;
        let beyond = index.checked_shr(halvings)? > 0;
        (!deep && !beyond).then_some(Self(first | index))
    }
}

/// Some of the 2^n equal parts of a range, 32 at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    range: Range,
    /// A bit for each part, the first being the lowest, and a 1 above them all.
    bits: u64,
}

impl Parts {
    /// How often a range can be halved for them.
    pub const HALVINGS_MAX: u32 = 5;

    /// The parts of `range` that `bits` name; `None` when that makes no sense.
    pub const fn new(range: Range, bits: u64) -> Option<Self> {
        let Some(count) = bits.checked_ilog2() else { return None };
        let possible = count.is_power_of_two() && count.trailing_zeros() <= Self::HALVINGS_MAX;
        let deepest = Range::DEPTH_MAX.saturating_sub(range.depth());
        if !possible || count.trailing_zeros() > deepest {
            return None;
        }
        Some(Self { range, bits })
    }

    /// The whole range as its only part.
    pub const fn only(range: Range) -> Self {
        Self { range, bits: 0b11 }
    }

    /// The range they are parts of.
    pub const fn range(self) -> Range {
        self.range
    }

    /// Their bits, with a 1 above them all.
    pub const fn bits(self) -> u64 {
        self.bits
    }

    /// Adds `part` if it is as narrow as the others and near enough to them.
    pub fn join(&mut self, part: Range) -> bool {
        let narrow = self.range.depth().saturating_add(self.halvings()) == part.depth();
        let apart = part.0.checked_shr(self.halvings()).unwrap_or(0) ^ self.range.0;
        let climb = u64::BITS.saturating_sub(apart.leading_zeros());
        if !narrow || self.halvings().saturating_add(climb) > Self::HALVINGS_MAX {
            return false;
        }
        (0..climb).for_each(|_| self.climb());
        let place = part.0 & self.count().saturating_sub(1);
        self.bits |= 1u64.checked_shl(place as u32).unwrap_or(0);
        true
    }

    /// The parts, lowest first.
    pub fn iter(self) -> impl Iterator<Item = Range> {
        let (count, halvings) = (self.count() as usize, self.halvings());
        let is_there =
            move |place: &usize| self.bits.checked_shr(*place as u32).unwrap_or(0) & 1 > 0;
        (0..count).filter(is_there).filter_map(move |place| self.range.part(place, halvings))
    }

    /// The same parts as parts of twice the range.
    fn climb(&mut self) {
        let count = self.count();
        let above = if self.range.0 & 1 == 0 { 0 } else { count };
        let shifted = |bits: u64, by: u64| bits.checked_shl(by as u32).unwrap_or(0);
        let bits = shifted(self.bits ^ shifted(1, count), above);
        self.bits = bits | shifted(1, count.saturating_mul(2));
        self.range = Range(self.range.0 / 2);
    }

    fn count(self) -> u64 {
        u64::from(self.bits.max(1).ilog2())
    }

    fn halvings(self) -> u32 {
        self.count().trailing_zeros()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_their_range_without_gap_or_overlap() {
        for range in [Range::ALL, Range(2), Range(3), Range(0b1_0110), Range((1 << 58) | 5)] {
            let mut next = Some(range.first());
            for index in 0..8 {
                let part = range.part(index, 3).unwrap();
                assert_eq!(Some(part.first()), next);
                assert_eq!(part.depth(), range.depth() + 3);
                next = part.last().checked_add(1);
            }
            assert_eq!(next, range.last().checked_add(1));
            assert_eq!(range.part(8, 3), None);
        }
    }

    #[test]
    fn the_whole_and_the_narrowest_are_what_they_should_be() {
        assert_eq!((Range::ALL.first(), Range::ALL.last()), (0, u64::MAX));
        assert_eq!(Range::ALL.part(0, 0), Some(Range::ALL));
        let narrowest = Range::new(u64::MAX).unwrap();
        assert_eq!((narrowest.first(), narrowest.last()), (u64::MAX - 1, u64::MAX));
        assert_eq!(narrowest.part(0, 1), None);
        assert_eq!(Range::new(0), None);
    }

    #[test]
    fn parts_near_each_other_join_and_come_back_as_they_were() {
        let numbers = [0b1_0010, 0b1_0011, 0b1_0110, 0b1_1111];
        let mut parts = Parts::only(Range(numbers[0]));
        assert_eq!(parts.iter().collect::<Vec<_>>(), [Range(numbers[0])]);
        for (place, &number) in numbers.iter().enumerate().skip(1) {
            assert!(parts.join(Range(number)));
            let there: Vec<_> = parts.iter().map(Range::number).collect();
            assert_eq!(there, numbers[..=place]);
        }
        assert_eq!((parts.range(), parts.bits() >> 16), (Range::ALL, 1));
        assert!(!parts.join(Range(0b10_0000)), "narrower");
        assert!(!parts.join(Range(0b1000)), "wider");
        assert_eq!(Parts::new(parts.range(), parts.bits()), Some(parts));

        let mut far = Parts::only(Range(0b100_0000));
        assert!(far.join(Range(0b101_1111)) && !far.join(Range(0b110_0000)));
        assert_eq!((far.range(), far.bits()), (Range(2), (1 << 32) | (1 << 31) | 1));
    }

    #[test]
    fn impossible_parts_are_none() {
        for bits in [0, 1, 0b1000, 1 << 33, 1 << 63] {
            assert_eq!(Parts::new(Range::ALL, bits), None, "{bits:b}");
        }
        let narrowest = Range::new(u64::MAX).unwrap();
        assert_eq!(Parts::new(narrowest, 0b100), None);
        assert_eq!(Parts::new(narrowest, 0b11), Some(Parts::only(narrowest)));
    }
}
