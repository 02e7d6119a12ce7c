//! The header: which protocol, which cluster, who speaks.

use crate::config::Label;
use crate::member::{Incarnation, NodeId};

use super::error::ParseError;

/// The wire version this release speaks.
pub const VERSION: u8 = 1;

/// Flag: what follows the label is sealed. Key id and nonce then stand between label and sender.
const SEALED: u8 = 1;

/// The first bytes of every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The cluster it is meant for.
    pub label: Label,
    /// Who wrote it.
    pub sender: NodeId,
    /// At which incarnation of itself.
    pub incarnation: Incarnation,
    /// The round of probes it is in (R1); 0 while it knows of none.
    pub round: u16,
}

impl Header {
    /// Reads the header off the front of `bytes`.
    pub(super) fn split_first(bytes: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let (&[version, flags, a, b, c, d], rest) =
            bytes.split_first_chunk().ok_or(ParseError::TooShort)?;
        if version != VERSION {
            return Err(ParseError::Version(version));
        }
        if flags & SEALED != 0 {
            return Err(ParseError::Sealed);
        }
        let ((sender, incarnation), rest) =
            postcard::take_from_bytes(rest).map_err(|_| ParseError::TooShort)?;
        let (&round, rest) = rest.split_first_chunk().ok_or(ParseError::TooShort)?;
        let label = Label(u32::from_le_bytes([a, b, c, d]));
        Ok((Self { label, sender, incarnation, round: u16::from_le_bytes(round) }, rest))
    }

    /// Writes the header to the front of `buffer`. Returns its length, or `None` if there is no
    /// room.
    pub(super) fn write(&self, buffer: &mut [u8]) -> Option<usize> {
        let [a, b, c, d] = self.label.0.to_le_bytes();
        let (fixed, rest) = buffer.split_first_chunk_mut()?;
        *fixed = [VERSION, 0, a, b, c, d];
        let speaker_len = postcard::to_slice(&(self.sender, self.incarnation), rest).ok()?.len();
        *rest.get_mut(speaker_len..)?.first_chunk_mut()? = self.round.to_le_bytes();
        speaker_len.checked_add(fixed.len())?.checked_add(size_of_val(&self.round))
    }
}
