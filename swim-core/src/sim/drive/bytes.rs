//! A program that is read byte by byte.

use crate::member::mix;

/// What is left of the program. Past its end there are zeros.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// True for one byte of two.
    pub fn flip(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number below `bound`, of which there are at most 256.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    /// One of `choices`.
    pub fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// A number of 64 bits of one byte: 0, the greatest, or one that looks drawn.
    pub fn long(&mut self) -> u64 {
        match self.byte() {
            0 => 0,
            u8::MAX => u64::MAX,
            byte => mix(byte.into()),
        }
    }

    /// The next `len` bytes, or as many as there are.
    pub fn take(&mut self, len: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_the_end_there_are_zeros() {
        let mut bytes = Bytes::new(&[1, 2, 3]);
        assert_eq!((bytes.byte(), bytes.word(), bytes.word()), (1, 0x0302, 0));
        assert!(bytes.is_empty() && bytes.take(2).is_empty());
        assert_eq!(bytes.below(7), 0);
    }
}
