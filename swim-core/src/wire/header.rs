//! The header: which protocol, which cluster, who speaks.

use crate::config::Label;
use crate::member::{Incarnation, NodeId};

use super::envelope::SEALED;
use super::error::ParseError;

/// The wire version this release speaks.
pub const VERSION: u8 = 1;

/// The longest header: version, flags, label, sender, incarnation, round.
const HEADER_LEN_MAX: usize = 6 + 10 + 5 + 2;

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
        let (label, is_sealed, rest) = split_preamble(bytes)?;
        if is_sealed {
            return Err(ParseError::Sealed);
        }
        Self::split_speaker(label, rest)
    }

    pub(super) fn split_speaker(label: Label, bytes: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let ((sender, incarnation), rest) =
            postcard::take_from_bytes(bytes).map_err(|_| ParseError::TooShort)?;
        let (&round, rest) = rest.split_first_chunk().ok_or(ParseError::TooShort)?;
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

    /// How many bytes it takes.
    pub fn encoded_len(&self) -> usize {
        self.write(&mut [0; HEADER_LEN_MAX]).unwrap_or(HEADER_LEN_MAX)
    }
}

/// Reads version, flags and label. Returns the label, and whether what follows is sealed.
pub(super) fn split_preamble(bytes: &[u8]) -> Result<(Label, bool, &[u8]), ParseError> {
    let (&[version, flags, a, b, c, d], rest) =
        bytes.split_first_chunk().ok_or(ParseError::TooShort)?;
    if version != VERSION {
        return Err(ParseError::Version(version));
    }
    Ok((Label(u32::from_le_bytes([a, b, c, d])), flags & SEALED != 0, rest))
}
