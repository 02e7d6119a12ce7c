//! What stands between label and sender of a sealed packet.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::error::ParseError;
use super::header::{Header, split_preamble};

/// Which key sealed a packet: the same for a key wherever it is, and of no use to guess the key.
/// Shown as eight hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId(pub u32);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Where version, flags and label end.
pub const PREAMBLE_LEN: usize = 6;
/// Bytes between label and sender.
pub const ENVELOPE_LEN: usize = 16;
/// Bytes at the end of a sealed packet that prove who wrote it: Poly1305's.
pub const TAG_LEN: usize = 16;
/// By how much a sealed packet is longer than the same in clear.
pub const SEAL_LEN: usize = ENVELOPE_LEN + TAG_LEN;

/// By which key a packet is sealed, and what makes its nonce one of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The key.
    pub key: KeyId,
    /// Drawn by the sender when it started; 48 bits.
    pub salt: u64,
    /// 32 bits of seconds, then 16 that count within one; never twice with one salt.
    pub moment: u64,
}

impl Envelope {
    /// Reads an envelope off the front of what follows a label.
    pub(super) fn split_first(bytes: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let (&[a, b, c, d, ref rest @ ..], bytes) =
            bytes.split_first_chunk::<ENVELOPE_LEN>().ok_or(ParseError::TooShort)?;
        let &[s0, s1, s2, s3, s4, s5, m0, m1, m2, m3, m4, m5] = rest;
        let envelope = Self {
            key: KeyId(u32::from_le_bytes([a, b, c, d])),
            salt: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, 0, 0]),
            moment: u64::from_le_bytes([m0, m1, m2, m3, m4, m5, 0, 0]),
        };
        Ok((envelope, bytes))
    }

    /// The envelope of a packet of which at least the beginning is there; `None` if it is in clear.
    pub fn of_packet(beginning: &[u8]) -> Option<Self> {
        let (_, is_sealed, rest) = split_preamble(beginning).ok()?;
        let envelope = is_sealed.then(|| Self::split_first(rest))?;
        envelope.ok().map(|(envelope, _)| envelope)
    }

    /// Key id, salt and moment, in this order.
    fn to_bytes(self) -> [u8; ENVELOPE_LEN] {
        let [a, b, c, d] = self.key.0.to_le_bytes();
        let [s0, s1, s2, s3, s4, s5, ..] = self.salt.to_le_bytes();
        let [m0, m1, m2, m3, m4, m5, ..] = self.moment.to_le_bytes();
        [a, b, c, d, s0, s1, s2, s3, s4, s5, m0, m1, m2, m3, m4, m5]
    }

    /// Puts the envelope into a packet that begins [`ENVELOPE_LEN`] bytes behind the front of
    /// `bytes`. `None` if it is too short to be a packet.
    pub fn put_in(self, bytes: &mut [u8]) -> Option<()> {
        bytes.get(ENVELOPE_LEN..ENVELOPE_LEN.checked_add(PREAMBLE_LEN)?)?;
        bytes.copy_within(ENVELOPE_LEN..ENVELOPE_LEN.checked_add(PREAMBLE_LEN)?, 0);
        *bytes.get_mut(1)? |= SEALED;
        *bytes.get_mut(PREAMBLE_LEN..)?.first_chunk_mut()? = self.to_bytes();
        Some(())
    }

    /// Takes the envelope out of a packet that has been opened: the packet as it was.
    pub fn take_out(bytes: &mut [u8]) -> Option<&mut [u8]> {
        bytes.get(..ENVELOPE_LEN.checked_add(PREAMBLE_LEN)?)?;
        bytes.copy_within(..PREAMBLE_LEN, ENVELOPE_LEN);
        let packet = bytes.get_mut(ENVELOPE_LEN..)?;
        *packet.get_mut(1)? &= !SEALED;
        Some(packet)
    }
}

/// What can be seen of a packet without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover<'a> {
    /// It is not sealed. What it begins with.
    Open(Header),
    /// It is sealed.
    Sealed {
        /// How.
        envelope: Envelope,
        /// Who says to have written it; all of this stands in clear.
        header: Header,
        /// The rest: the frames, encrypted, then the tag.
        sealed: &'a [u8],
    },
}

impl<'a> Cover<'a> {
    /// Reads what is in clear.
    ///
    /// # Errors
    ///
    /// It is cut short or does not decode, or it is another version.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (label, is_sealed, rest) = split_preamble(bytes)?;
        if !is_sealed {
            return Ok(Self::Open(Header::split_speaker(label, rest)?.0));
        }
        let (envelope, rest) = Envelope::split_first(rest)?;
        let (header, sealed) = Header::split_speaker(label, rest)?;
        Ok(Self::Sealed { envelope, header, sealed })
    }
}

/// Flag: what follows the label is an envelope, and what follows the header is sealed.
pub(super) const SEALED: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_put_in_read_and_taken_out() {
        let packet = [1, 4, 9, 9, 9, 9, 5, 5, 5];
        let mut bytes = [0; ENVELOPE_LEN].to_vec();
        bytes.extend(packet);
        let envelope = Envelope { key: KeyId(7), salt: 0xffee_ddcc_bbaa, moment: 0x1122_3344_5566 };
        envelope.put_in(&mut bytes).unwrap();
        assert_eq!(bytes[..PREAMBLE_LEN], [1, 4 | SEALED, 9, 9, 9, 9]);
        let (read, rest) = Envelope::split_first(&bytes[PREAMBLE_LEN..]).unwrap();
        assert_eq!((read, rest), (envelope, &[5, 5, 5][..]));
        assert_eq!(Envelope::take_out(&mut bytes).unwrap(), packet);
    }

    #[test]
    fn what_is_too_short_is_left_alone() {
        let envelope = Envelope { key: KeyId(7), salt: 1, moment: 2 };
        let mut bytes = [3; ENVELOPE_LEN + PREAMBLE_LEN - 1];
        assert_eq!(envelope.put_in(&mut bytes), None);
        assert_eq!(Envelope::take_out(&mut bytes), None);
        assert_eq!(bytes, [3; ENVELOPE_LEN + PREAMBLE_LEN - 1]);
        assert_eq!(Envelope::split_first(&bytes[..15]), Err(ParseError::TooShort));
    }
}
