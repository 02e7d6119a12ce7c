//! Entries of a reconciliation: what one side says about a range of its table.

use serde::{Deserialize, Serialize};

use crate::range::{Parts, Range};

use super::error::ParseError;
use super::frame::{Frame, write_frame};
use super::kind;
use super::update::Bytes;

/// The most values in one entry.
pub const ENTRY_VALUES_MAX: usize = 32;

/// What one side says about the live members in a range of mixed ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Fingerprints of equal parts of the range, lowest first; 2^n of them.
    Fingerprints(Range, Values<'a>),
    /// The hashes of all rows in the range, lowest id first.
    Hashes(Range, Values<'a>),
    /// Hashes of rows in the range that the writer would like to have.
    Wanted(Range, Values<'a>),
    /// Parts of a range that differ, of which there was no room to say more.
    Differing(Parts),
}

/// Numbers of four bytes each, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values<'a>(&'a [[u8; 4]]);

impl<'a> Values<'a> {
    /// The numbers in these bytes.
    pub const fn new(bytes: &'a [[u8; 4]]) -> Self {
        Self(bytes)
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The numbers.
    pub fn iter(self) -> impl Iterator<Item = u32> + use<'a> {
        self.0.iter().map(|bytes| u32::from_le_bytes(*bytes))
    }
}

#[derive(Serialize, Deserialize)]
struct Body<'a> {
    range: u64,
    #[serde(borrow)]
    values: Bytes<'a>,
}

#[derive(Serialize, Deserialize)]
struct DifferingBody {
    range: u64,
    /// A bit for each part and a 1 above them.
    parts: u64,
}

impl<'a> Entry<'a> {
    /// The entry in `frame`; `None` when the frame is something else.
    pub(super) fn read(frame: Frame<'a>) -> Result<Option<Self>, ParseError> {
        let malformed = ParseError::Body { kind: frame.kind };
        if frame.kind == kind::DIFFERING {
            let DifferingBody { range, parts } = frame.read()?;
            let parts = Range::new(range).and_then(|range| Parts::new(range, parts));
            return Ok(Some(Self::Differing(parts.ok_or(malformed)?)));
        }
        if !matches!(frame.kind, kind::FINGERPRINTS | kind::HASHES | kind::WANTED) {
            return Ok(None);
        }
        let Body { range, values } = frame.read()?;
        let range = Range::new(range).ok_or(malformed)?;
        let (values, []) = values.0.as_chunks() else { return Err(malformed) };
        let deepest = Range::DEPTH_MAX.saturating_sub(range.depth());
        let possible = match frame.kind {
            kind::FINGERPRINTS => values.len().is_power_of_two() && values.len().ilog2() <= deepest,
            _ => true,
        };
        if values.len() > ENTRY_VALUES_MAX || !possible {
            return Err(malformed);
        }
        let values = Values(values);
        Ok(Some(match frame.kind {
            kind::FINGERPRINTS => Self::Fingerprints(range, values),
            kind::HASHES => Self::Hashes(range, values),
            _ => Self::Wanted(range, values),
        }))
    }

    /// Writes the entry as a frame; `None` when it does not fit.
    pub(super) fn write(self, buffer: &mut [u8]) -> Option<usize> {
        let (kind, range, Values(values)) = match self {
            Self::Fingerprints(range, values) => (kind::FINGERPRINTS, range, values),
            Self::Hashes(range, values) => (kind::HASHES, range, values),
            Self::Wanted(range, values) => (kind::WANTED, range, values),
            Self::Differing(parts) => {
                let body = DifferingBody { range: parts.range().number(), parts: parts.bits() };
                return write_frame(buffer, kind::DIFFERING, &body);
            }
        };
        write_frame(
            buffer,
            kind,
            &Body { range: range.number(), values: Bytes(values.as_flattened()) },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_differ_are_a_range_and_its_bits() {
        let mut parts = Parts::only(Range::new(0b100_0001).unwrap());
        assert!(parts.join(Range::new(0b100_0100).unwrap()));
        let mut buffer = [0; 32];
        let len = Entry::Differing(parts).write(&mut buffer).unwrap();
        // Parts 1 and 4 of the eight in range 8, and a bit above them.
        assert_eq!(buffer[..len], [3, 27, 8, 0b1001_0010, 0b10]);
        let (frame, _) = Frame::split_first(&buffer[..len]).unwrap();
        assert_eq!(Entry::read(frame), Ok(Some(Entry::Differing(parts))));
        for bad in [&[2, 27, 0, 3][..], &[2, 27, 1, 1], &[2, 27, 1, 0b1000], &[1, 27, 1]] {
            let (frame, _) = Frame::split_first(bad).unwrap();
            assert_eq!(Entry::read(frame), Err(ParseError::Body { kind: 27 }), "{bad:?}");
        }
    }
}
