//! What a trace consists of: one entry for every call on a node.

use core::time::Duration;
use std::boxed::Box;
use std::vec::Vec;

use serde::{Deserialize, Serialize, Serializer};

use crate::address::Address;
use crate::config::Config;
use crate::event::Event;
use crate::member::{Incarnation, NodeId, fnv1a};
use crate::outbox::{Channel, Transmit};
use crate::seal::{Nonces, Sealing};
use crate::time::Instant;
use crate::watch::Watch;
use crate::wire::KeyId;

/// One call on a node, or what the recorder itself has to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "A: Address")]
pub struct Entry<'a, A> {
    pub(super) node: u32,
    /// By the clock of that node.
    pub(super) now: Instant,
    #[serde(borrow)]
    pub(super) record: Record<'a, A>,
}

impl<A> Entry<'_, A> {
    /// The number of the node it is about.
    pub const fn node(&self) -> u32 {
        self.node
    }

    /// When it happened, by the clock of that node.
    pub const fn now(&self) -> Instant {
        self.now
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "A: Address")]
pub(super) enum Record<'a, A> {
    /// What the clock shows that all nodes of this trace share, where they have clocks of their
    /// own too.
    Clock,
    /// A node begins, or begins anew.
    #[serde(borrow)]
    Born(Box<Birth<'a, A>>),
    /// Something goes in.
    #[serde(borrow)]
    Input(Input<'a, A>),
    /// What came out of `poll_transmit` with a buffer of so many bytes.
    Sent(u32, Option<Sent<A>>),
    /// What came out of `poll_event`.
    Told(Option<Event<A>>),
    /// The process of this node is over.
    Ended,
    /// The trace has reached its greatest length; what followed is not in it.
    Full,
}

/// What a node is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "A: Address")]
pub(super) struct Birth<'a, A> {
    pub id: NodeId,
    pub address: Place<A>,
    #[serde(serialize_with = "as_bytes")]
    pub metadata: &'a [u8],
    pub incarnation: Incarnation,
    pub patience: Duration,
    pub config: Config,
    pub members_max: u64,
    pub metadata_len_max: u64,
    pub seed: u64,
}

/// A call that changes a node, apart from the two that take its outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "A: Address")]
pub(super) enum Input<'a, A> {
    Packet {
        from: Place<A>,
        channel: Channel,
        #[serde(serialize_with = "as_bytes")]
        bytes: &'a [u8],
    },
    Timeout,
    Unreachable(Place<A>),
    Refusal {
        address: Place<A>,
        #[serde(serialize_with = "as_bytes")]
        quoted: &'a [u8],
    },
    Join(Place<A>),
    CancelJoin(Place<A>),
    Leave,
    Rejoin,
    SetMetadata(#[serde(serialize_with = "as_bytes")] &'a [u8]),
    SetAddress(Place<A>),
    Sleep(Duration),
    Wake,
    Watch(NodeId, Watch),
    Unwatch(NodeId),
    Remember(NodeId, Place<A>),
    /// Those who were looked at, and since when the node looks for them.
    RememberSome {
        members: Vec<(NodeId, Place<A>)>,
        since: Instant,
    },
    /// By what the driver calls its predicate.
    Allow(&'a str),
    /// The ids of the keys, the primary one first; the keys themselves are nowhere in a trace.
    Seal {
        keys: Vec<KeyId>,
        sealing: Sealing,
        nonces: Nonces,
    },
    /// The keys that there are after a change.
    Keys(Vec<KeyId>),
    SetSealing(Sealing),
    #[cfg(feature = "sim")]
    Forget(NodeId),
    #[cfg(feature = "sim")]
    ExpireSuspicions,
}

impl<A> Input<'_, A> {
    /// What it is, in a word or two.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Packet { channel: Channel::Datagram, .. } => "datagram",
            Self::Packet { channel: Channel::Stream, .. } => "packet of a stream",
            Self::Timeout => "timeout",
            Self::Unreachable(_) => "unreachable address",
            Self::Refusal { .. } => "refusal",
            Self::Join(_) => "join",
            Self::CancelJoin(_) => "join cancelled",
            Self::Leave => "leave",
            Self::Rejoin => "rejoin",
            Self::SetMetadata(_) => "metadata",
            Self::SetAddress(_) => "address",
            Self::Sleep(_) => "sleep",
            Self::Wake => "wake",
            Self::Watch(..) => "watch",
            Self::Unwatch(_) => "unwatch",
            Self::Remember(..) | Self::RememberSome { .. } => "acquaintance",
            Self::Allow(_) => "allowed addresses",
            Self::Seal { .. } | Self::Keys(_) | Self::SetSealing(_) => "keys",
            #[cfg(feature = "sim")]
            Self::Forget(_) => "forgotten row",
            #[cfg(feature = "sim")]
            Self::ExpireSuspicions => "suspicions alone",
        }
    }
}

/// A packet that was written.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "A: Address")]
pub(super) struct Sent<A> {
    pub to: Place<A>,
    pub channel: Channel,
    pub len: u32,
    pub hash: u64,
}

impl<A: Address> Sent<A> {
    pub fn new(transmit: &Transmit<A>, buffer: &[u8]) -> Self {
        let bytes = buffer.get(..transmit.len).unwrap_or_default();
        Self {
            to: Place::of(transmit.to),
            channel: transmit.channel,
            len: transmit.len as u32,
            hash: fnv1a(bytes),
        }
    }
}

/// An address with what its encoding leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "A: Address")]
pub(super) struct Place<A> {
    address: A,
    scope: u32,
}

impl<A: Address> Place<A> {
    pub fn of(address: A) -> Self {
        Self { address, scope: address.scope() }
    }

    pub fn address(&self) -> A {
        self.address.within_scope(self.scope)
    }
}

/// As one run instead of byte by byte.
fn as_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}
