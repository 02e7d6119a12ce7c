//! What became of a packet that came in.

use crate::config::Label;
use crate::wire::{KeyId, ParseError};

/// A packet as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<'b> {
    pub packet: &'b [u8],
    pub is_sealed: bool,
}

/// Why a packet could not be opened, or may not be as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "crypto"), expect(dead_code, reason = "only keys can tell"))]
pub enum Unopened {
    /// What stands in clear does not parse.
    Malformed(ParseError),
    /// It is not sealed, and here all must be. Of which cluster it says to be.
    Unsealed(Label),
    /// It is sealed by a key that is not here. Of which cluster it says to be.
    UnknownKey(KeyId, Label),
    /// It was not written by anybody who has that key, or not as it is now.
    Forged,
    /// It was written too long ago. Of which cluster it is.
    Stale(Label),
}

impl From<ParseError> for Unopened {
    fn from(error: ParseError) -> Self {
        Self::Malformed(error)
    }
}
