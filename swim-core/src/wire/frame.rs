//! Frames: `length varint | kind u8 | body`.

use serde::{Deserialize, Serialize};

use super::error::ParseError;

/// The longest body: two bytes of varint.
pub const BODY_LEN_MAX: usize = (1 << 14) - 1;
/// Bodies up to this length have a one-byte length.
const SHORT_LEN_MAX: usize = 127;

/// One frame, cut out of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    pub kind: u8,
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Takes the first frame off `bytes`; `None` when it is cut short.
    pub fn split_first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (len, rest) = split_length(bytes)?;
        let (&kind, rest) = rest.split_first()?;
        let (body, rest) = rest.split_at_checked(len)?;
        Some((Self { kind, body }, rest))
    }

    /// Decodes the body, ignoring what a later release may have appended.
    pub fn read<T: Deserialize<'a>>(self) -> Result<T, ParseError> {
        match postcard::take_from_bytes(self.body) {
            Ok((body, _surplus)) => Ok(body),
            Err(_) => Err(ParseError::Body { kind: self.kind }),
        }
    }
}

fn split_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [low @ 0..=0x7f, rest @ ..] => Some((usize::from(*low), rest)),
        [low, high @ 1..=0x7f, rest @ ..] => {
            Some((usize::from(*low & 0x7f) | usize::from(*high) << 7, rest))
        }
        _ => None,
    }
}

/// Writes a frame to the front of `buffer`. Returns its length, or `None` when it does not fit.
pub fn write_frame(buffer: &mut [u8], kind: u8, body: &impl Serialize) -> Option<usize> {
    let len = postcard::to_slice(body, buffer.get_mut(2..)?).ok()?.len();
    close_frame(buffer, kind, len)
}

/// Puts length and kind before a body of which so many bytes stand behind two others.
fn close_frame(buffer: &mut [u8], kind: u8, len: usize) -> Option<usize> {
    if len <= SHORT_LEN_MAX {
        *buffer.first_mut()? = len as u8;
        *buffer.get_mut(1)? = kind;
        return len.checked_add(2);
    }
    let frame_len = len.checked_add(3).filter(|&end| end <= buffer.len() && len <= BODY_LEN_MAX)?;
    buffer.copy_within(2..frame_len.saturating_sub(1), 3);
    let [low, high, place_of_kind, ..] = buffer else { return None };
    (*low, *high, *place_of_kind) = (len as u8 | 0x80, (len >> 7) as u8, kind);
    Some(frame_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_lengths_survive() {
        let mut buffer = [0u8; 600];
        for len in [0usize, 1, 60, 126, 127, 128, 129, 500] {
            let body = vec![7u8; len];
            // A string of bytes in postcard has its own length in front: one byte up to 127.
            let written = write_frame(&mut buffer, 9, &body).unwrap();
            let (frame, rest) = Frame::split_first(&buffer[..written]).unwrap();
            assert_eq!((frame.kind, rest.len()), (9, 0));
            assert_eq!(postcard::from_bytes::<Vec<u8>>(frame.body).unwrap(), body);
            assert!(Frame::split_first(&buffer[..written - 1]).is_none());
            assert!(write_frame(&mut buffer[..written - 1], 9, &body).is_none());
        }
    }

    #[test]
    fn a_length_has_one_encoding() {
        assert!(Frame::split_first(&[0x80, 0x00, 1]).is_none());
        assert!(Frame::split_first(&[0x80, 0x80, 0x01, 1]).is_none());
        assert!(Frame::split_first(&[]).is_none());
    }
}
