//! What can go wrong, per operation.

use core::fmt;
use core::time::Duration;

use crate::config::ConfigError;
use crate::wire::{KeyId, ParseError};

/// A node could not be made: the caller's fault; nothing was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewError {
    /// A field of the configuration is out of range.
    Config(ConfigError),
    /// The node's own metadata is too long.
    Metadata(MetadataTooLong),
    /// The node's own address cannot be told to others.
    Address(BadAddress),
    /// The storage has no room even for the node itself.
    Storage,
}

impl fmt::Display for NewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Metadata(error) => error.fmt(f),
            Self::Address(error) => error.fmt(f),
            Self::Storage => f.write_str("the storage has no room for the node itself"),
        }
    }
}

impl core::error::Error for NewError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Metadata(error) => Some(error),
            Self::Address(error) => Some(error),
            Self::Storage => None,
        }
    }
}

/// A packet was rejected: its sender's fault. It was counted, and changed nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejected {
    /// It does not parse.
    Malformed(ParseError),
    /// It is not sealed, and must be.
    Unsealed,
    /// It is sealed by a key that this node does not have.
    UnknownKey(KeyId),
    /// It is sealed by a key that this node has, but not as it is now: forged or damaged.
    Forged,
    /// It was sealed too long ago: a recording, or its sender's clock stood still.
    Stale,
    /// It belongs to a cluster with another label. If it was a join, a refusal is sent back.
    OtherCluster,
    /// No member may be where it came from: see [`Node::allow`](crate::Node::allow).
    Forbidden,
    /// Its sender claims this node's own id: an echo, or an id used twice. If it was a join of
    /// another process, a refusal is sent back.
    OwnId,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => error.fmt(f),
            Self::Unsealed => f.write_str("the packet is not sealed"),
            Self::UnknownKey(key) => write!(f, "the packet is sealed by the unknown key {key}"),
            Self::Forged => f.write_str("the packet is forged or damaged"),
            Self::Stale => f.write_str("the packet was sealed too long ago"),
            Self::OtherCluster => f.write_str("the packet belongs to another cluster"),
            Self::Forbidden => f.write_str("no member may be where the packet came from"),
            Self::OwnId => f.write_str("the sender claims this node's own id"),
        }
    }
}

impl core::error::Error for Rejected {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Malformed(error) => Some(error),
            _ => None,
        }
    }
}

/// A join could not be started: the caller's fault; the seeds are as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// As many seeds are being asked as can be: [`SEEDS_MAX`](crate::SEEDS_MAX), or
    /// [`Bounds::seeds`](crate::storage::Bounds::seeds).
    TooManySeeds,
    /// The seed is the node's own address.
    OwnAddress,
    /// No member may be there: see [`Node::allow`](crate::Node::allow).
    Forbidden,
    /// The node is leaving, has left, or was silenced: call `rejoin` first.
    NotAlive,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManySeeds => "too many seeds",
            Self::Forbidden => "no member may be where the seed is",
            Self::OwnAddress => "the seed is this node's own address",
            Self::NotAlive => {
                "this node has left its cluster, is leaving it, or lost its id to another"
            }
        })
    }
}

impl core::error::Error for JoinError {}

/// A sleep could not be announced: the caller's fault; the node is as awake as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SleepError {
    /// Of no length.
    Zero,
    /// Nobody would wait so long.
    TooLong {
        /// The longest silence that the configuration grants.
        sleep_max: Duration,
    },
    /// The node is leaving, has left, or was silenced.
    NotAlive,
}

impl fmt::Display for SleepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("a sleep of no length is none"),
            Self::TooLong { sleep_max } => {
                write!(f, "nobody waits longer for a sleeper than {} s", sleep_max.as_secs())
            }
            Self::NotAlive => f.write_str("this node takes no part in its cluster"),
        }
    }
}

impl core::error::Error for SleepError {}

/// A member could not be watched: the caller's fault; those watched are watched as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchError {
    /// As many are watched as can be: [`WATCHED_MAX`](crate::WATCHED_MAX), or
    /// [`Bounds::watched`](crate::storage::Bounds::watched).
    TooMany,
    /// It is this node.
    Oneself,
    /// The interval is not from [`WATCH_INTERVAL_MIN`](crate::WATCH_INTERVAL_MIN) to
    /// [`WATCH_INTERVAL_MAX`](crate::WATCH_INTERVAL_MAX), nor zero.
    Interval,
    /// The level is not from 0.5 to 64.
    Level,
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooMany => "as many members are watched as can be",
            Self::Oneself => "a node does not watch itself",
            Self::Interval => "a watch pings every 10 ms to 60 s, or not at all",
            Self::Level => "a level is from 0.5 to 64",
        })
    }
}

impl core::error::Error for WatchError {}

/// Metadata is longer than this node can hold or fit into one datagram: the caller's fault; the
/// metadata is what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataTooLong {
    /// How long it is, in bytes.
    pub len: usize,
    /// How long it may be.
    pub len_max: usize,
}

impl fmt::Display for MetadataTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metadata of {} bytes where {} are allowed", self.len, self.len_max)
    }
}

impl core::error::Error for MetadataTooLong {}

/// An address does not fit into [`ADDRESS_LEN_MAX`](crate::ADDRESS_LEN_MAX) bytes, or cannot be
/// decoded again: the caller's fault; the address is what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAddress;

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address cannot be encoded for others to read")
    }
}

impl core::error::Error for BadAddress {}
