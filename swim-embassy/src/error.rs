//! What can go wrong, per operation.

use core::fmt;
use core::time::Duration;

/// A member could not be made: the caller's fault; nothing was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewError {
    /// The node cannot be made of these settings.
    Node(swim_core::NewError),
    /// Nobody can be reached at the member's own address: see [`Endpoint::is_usable`].
    ///
    /// [`Endpoint::is_usable`]: crate::Endpoint::is_usable
    Endpoint,
    /// `datagram_len_max` of the configuration is above what [`Resources`](crate::Resources) has
    /// room for.
    Datagram {
        /// The setting, in bytes.
        len_max: u16,
        /// The room, in bytes.
        room: usize,
    },
    /// `flush_timeout` is out of bounds: see
    /// [`Options::flush_timeout`](crate::Options::flush_timeout).
    FlushTimeout {
        /// The setting.
        timeout: Duration,
    },
}

impl fmt::Display for NewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(error) => error.fmt(f),
            Self::Endpoint => f.write_str("nobody can be reached at this member's own address"),
            Self::Datagram { len_max, room } => {
                write!(f, "datagrams of {len_max} bytes where there is room for {room}")
            }
            Self::FlushTimeout { timeout } => {
                write!(f, "a datagram cannot wait for {timeout:?}: 1 ms to 200 ms")
            }
        }
    }
}

impl core::error::Error for NewError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Node(error) => Some(error),
            Self::Endpoint | Self::Datagram { .. } | Self::FlushTimeout { .. } => None,
        }
    }
}

/// A join could not be started: the caller's fault; the seeds are as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// Nobody can be reached at the seed's address: see [`Endpoint::is_usable`].
    ///
    /// [`Endpoint::is_usable`]: crate::Endpoint::is_usable
    Endpoint,
    /// The node refuses.
    Node(swim_core::JoinError),
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint => f.write_str("nobody can be reached at the seed's address"),
            Self::Node(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for JoinError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Endpoint => None,
            Self::Node(error) => Some(error),
        }
    }
}

/// There are [`SUBSCRIBERS_MAX`](crate::SUBSCRIBERS_MAX) subscribers already: the caller's fault;
/// nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySubscribers;

impl fmt::Display for TooManySubscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many subscribers to events")
    }
}

impl core::error::Error for TooManySubscribers {}
