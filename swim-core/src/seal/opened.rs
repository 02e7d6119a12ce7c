//! What became of a packet that came in.

use crate::wire::{Header, KeyId, ParseError};

/// A packet as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<'b> {
    pub packet: &'b [u8],
    /// The key it was sealed with; `None` if it came in clear.
    pub key: Option<KeyId>,
}

/// Why a packet could not be opened, or may not be as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "crypto"), expect(dead_code, reason = "only keys can tell"))]
pub enum Unopened {
    /// What stands in clear does not parse.
    Malformed(ParseError),
    /// It is not sealed, and here all must be. What it begins with, which anybody can write.
    Unsealed(Header),
    /// It is sealed by a key that is not here. What stands in clear, which anybody can write.
    UnknownKey(KeyId, Header),
    /// It was not written by anybody who has that key, or not as it is now.
    Forged,
    /// It was written too long ago, by whoever it says.
    Stale(Header),
}

impl From<ParseError> for Unopened {
    fn from(error: ParseError) -> Self {
        Self::Malformed(error)
    }
}
