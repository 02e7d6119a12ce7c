//! Ranges of mixed ids that anti-entropy compares: halves of halves of the whole.

/// One of 2^depth equal parts of all mixed ids, numbered as the nodes of a binary heap: 1 is
/// everything, the halves of `n` are `2 n` and `2 n + 1`. So a range is one small number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}
