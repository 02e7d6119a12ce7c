//! What can be wrong with bytes.

use core::fmt;

/// Why bytes are not a packet: the sender's fault, or the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// The header is cut short or does not decode.
    TooShort,
    /// Another wire version than [`VERSION`](super::VERSION).
    Version(u8),
    /// The packet is sealed and there is no key to open it.
    Sealed,
    /// A frame runs beyond the end of the packet.
    Frame,
    /// The body of a frame does not decode.
    Body {
        /// The kind byte of the frame.
        kind: u8,
    },
    /// A second message where at most one is allowed.
    TwoMessages,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => f.write_str("the header is cut short or does not decode"),
            Self::Version(version) => write!(f, "wire version {version} is not spoken here"),
            Self::Sealed => f.write_str("the packet is sealed"),
            Self::Frame => f.write_str("a frame runs beyond the end of the packet"),
            Self::Body { kind } => write!(f, "a frame of kind {kind} does not decode"),
            Self::TwoMessages => f.write_str("more than one message"),
        }
    }
}

impl core::error::Error for ParseError {}
