//! The thirteen messages. A packet carries at most one.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::member::{Incarnation, NodeId, Status};

use super::digest::Digest;
use super::error::ParseError;
use super::frame::{Frame, write_frame};
use super::kind;

/// What a packet asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<A> {
    /// Are you there?
    Ping(Ping),
    /// I am, or the member you asked me about is.
    Ack(Ack),
    /// Ping somebody for me.
    PingRequest(PingRequest<A>),
    /// I could not reach the member you asked me about.
    Nack(Nack),
    /// Let me into your cluster; my own update follows.
    Join(Join),
    /// You are in; updates about you and some members follow.
    Welcome(Welcome),
    /// You are not.
    Refuse(Refuse),
    /// Send me your table from this point on.
    Pull(Pull),
    /// Here is some of it; the updates that follow are the rows.
    Page(Page),
    /// This is what I say about some ranges of my table; entries and rows follow.
    Sync(Sync),
    /// And this is what I say about them; entries and rows follow.
    SyncReply(SyncReply),
    /// Ask again with this cookie.
    Cookie(Cookie),
    /// Ask somebody else; updates about some members follow.
    Busy(Busy),
}

/// What the sender of a ping believes of its target: the buddy system of Lifeguard IV-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Belief {
    /// The incarnation it knows.
    pub incarnation: Incarnation,
    /// The status it holds it to have.
    pub status: Status,
}

/// SWIM's ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Random; the ack repeats it.
    #[serde(with = "super::number")]
    pub number: u32,
    /// Who is meant. Anybody else at this address keeps silent.
    pub target: NodeId,
    /// What the sender holds of the target, if it says so.
    #[serde(with = "super::belief")]
    pub belief: Option<Belief>,
    /// What the sender's table amounts to; nothing if it holds only part of the cluster.
    #[serde(with = "super::digest")]
    pub digest: Option<Digest>,
}

/// SWIM's ack, direct or passed on by a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The number of the ping or of the request.
    #[serde(with = "super::number")]
    pub number: u32,
    /// Whether the pinged member does not know the pinging one, or only an earlier incarnation.
    pub stranger: bool,
    /// How the digest of the ping compares.
    pub view: View,
}

/// What an ack says about the digest of the ping, after the updates of the ping were applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    /// Nothing: there was none, or the pinged member holds only part of the cluster.
    Unsaid,
    /// The tables are equal.
    Equal,
    /// They differ.
    Differs {
        /// What the pinged member's table amounts to; the half is that of the ping's number.
        digest: Digest,
        /// What proves to the pinged member that its answers arrive where its questions come from.
        #[serde(with = "super::number")]
        cookie: u32,
    },
}

/// SWIM's ping-req.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingRequest<A> {
    /// Random; ack and nack repeat it.
    #[serde(with = "super::number")]
    pub number: u32,
    /// Whom to ping.
    pub target: NodeId,
    /// Where.
    pub address: A,
    /// What the requester holds of the target, to be passed on.
    #[serde(with = "super::belief")]
    pub belief: Option<Belief>,
    /// After how many milliseconds without an ack a nack is wanted, or later if the relay is used
    /// to slower answers; 0: never.
    pub nack_after_ms: u32,
}

/// Lifeguard's nack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nack {
    /// The number of the request.
    #[serde(with = "super::number")]
    pub number: u32,
    /// Whether the target's host said that nothing listens there (R11).
    pub refused: bool,
}

/// A request to be admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Random; the answer repeats it.
    #[serde(with = "super::number")]
    pub number: u32,
}

/// The answer to a join that succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The number of the join.
    #[serde(with = "super::number")]
    pub number: u32,
    /// Live members in the sender's table.
    pub members: u32,
    /// To be repeated by whoever pulls the sender's table.
    #[serde(with = "super::number")]
    pub cookie: u32,
}

/// The answer to a join that fails. It carries the refusing cluster's own label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refuse {
    /// The number of the join.
    #[serde(with = "super::number")]
    pub number: u32,
    /// Why.
    pub reason: Refusal,
}

/// Why a join is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refusal {
    /// The seed belongs to a cluster with another label.
    OtherCluster,
    /// The seed itself has the joiner's id.
    IdInUse,
    /// The seed is leaving or has left its cluster.
    Leaving,
    /// The seed's table has no room for another living member.
    TableFull,
    /// The joiner claims an incarnation beyond the skew limit.
    Implausible,
    /// A reason that this release does not know.
    #[serde(other)]
    Other,
}

impl core::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherCluster => "the seed belongs to another cluster",
            Self::IdInUse => "the seed has the same id",
            Self::Leaving => "the seed is leaving its cluster",
            Self::TableFull => "the seed's table is full",
            Self::Implausible => "the joiner's incarnation is beyond the seed's skew limit",
            Self::Other => "the seed refuses for a reason unknown to this release",
        })
    }
}

/// A request for a page of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
// Packets wait in an outbox: it has no room for padding.
#[repr(Rust, packed(4))]
pub struct Pull {
    /// Random, one for each slice of the table; the page repeats it.
    #[serde(with = "super::number")]
    pub number: u32,
    /// The cookie the other side gave out; 0 if there is none yet.
    #[serde(with = "super::number")]
    pub cookie: u32,
    /// The smallest mixed id wanted.
    #[serde(with = "postcard::fixint::le")]
    pub from: u64,
    /// The largest mixed id wanted.
    #[serde(with = "postcard::fixint::le")]
    pub last: u64,
    /// The largest answer that arrives, in bytes.
    pub len_max: u16,
}

/// A page of the table: live rows by ascending mixed id, none left out from the pull's `from` up
/// to `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
// Packets wait in an outbox: it has no room for padding.
#[repr(Rust, packed(4))]
pub struct Page {
    /// The number of the pull.
    #[serde(with = "super::number")]
    pub number: u32,
    /// Where the next page starts; 0 when this is the last.
    #[serde(with = "postcard::fixint::le")]
    pub next: u64,
}

/// A step of a reconciliation by the side that started it. Entries and updates follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// Random, one for the whole reconciliation; says which [`Half`](super::Half) is compared.
    #[serde(with = "super::number")]
    pub number: u32,
    /// The cookie the other side gave out; 0 if there is none yet.
    #[serde(with = "super::number")]
    pub cookie: u32,
    /// Steps of both sides before this one.
    pub hop: u8,
    /// The largest answer that arrives, in bytes.
    pub len_max: u16,
}

/// A step of a reconciliation by the other side. Entries and updates follow; nothing follows when
/// there is nothing left to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReply {
    /// The number of the step it answers.
    #[serde(with = "super::number")]
    pub number: u32,
    /// Steps of both sides before this one.
    pub hop: u8,
    /// Live members in the sender's table.
    pub members: u32,
    /// The largest next step that arrives, in bytes.
    pub len_max: u16,
}

/// The answer to a pull or a first step that has to prove where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie {
    /// The number of the request.
    #[serde(with = "super::number")]
    pub number: u32,
    /// To be repeated.
    #[serde(with = "super::number")]
    pub cookie: u32,
}

/// The answer of somebody who has too much to do, or only part of the cluster in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busy {
    /// The number of the request.
    #[serde(with = "super::number")]
    pub number: u32,
}

impl<A: Address> Message<A> {
    /// Whether the updates beside it are rows of the sender's table, not news.
    pub(crate) const fn brings_copies(&self) -> bool {
        matches!(
            self,
            Self::Page(_) | Self::Welcome(_) | Self::Sync(_) | Self::SyncReply(_) | Self::Busy(_)
        )
    }

    /// Whether what stands beside it about the reader is what its sender believes: a correction.
    pub(crate) const fn corrects(&self) -> bool {
        matches!(self, Self::Ack(_) | Self::Welcome(_))
    }

    /// Whether it is a ping like those of a watch, which say nothing of what is believed.
    pub(crate) fn is_bare_ping(&self) -> bool {
        matches!(self, Self::Ping(ping) if ping.belief.is_none() && ping.digest.is_none())
    }

    /// The message in `frame`; `None` when the frame is something else.
    pub(super) fn read(frame: Frame<'_>) -> Result<Option<Self>, ParseError> {
        Ok(Some(match frame.kind {
            kind::PING => Self::Ping(frame.read()?),
            kind::ACK => Self::Ack(frame.read()?),
            kind::PING_REQUEST => Self::PingRequest(frame.read()?),
            kind::NACK => Self::Nack(frame.read()?),
            kind::JOIN => Self::Join(frame.read()?),
            kind::WELCOME => Self::Welcome(frame.read()?),
            kind::REFUSE => Self::Refuse(frame.read()?),
            kind::PULL => Self::Pull(frame.read()?),
            kind::PAGE => Self::Page(frame.read()?),
            kind::SYNC => Self::Sync(frame.read()?),
            kind::SYNC_REPLY => Self::SyncReply(frame.read()?),
            kind::COOKIE => Self::Cookie(frame.read()?),
            kind::BUSY => Self::Busy(frame.read()?),
            _ => return Ok(None),
        }))
    }

    /// Writes the message as a frame; `None` when it does not fit.
    pub(super) fn write(&self, buffer: &mut [u8]) -> Option<usize> {
        match self {
            Self::Ping(ping) => write_frame(buffer, kind::PING, ping),
            Self::Ack(ack) => write_frame(buffer, kind::ACK, ack),
            Self::PingRequest(request) => write_frame(buffer, kind::PING_REQUEST, request),
            Self::Nack(nack) => write_frame(buffer, kind::NACK, nack),
            Self::Join(join) => write_frame(buffer, kind::JOIN, join),
            Self::Welcome(welcome) => write_frame(buffer, kind::WELCOME, welcome),
            Self::Refuse(refuse) => write_frame(buffer, kind::REFUSE, refuse),
            Self::Pull(pull) => write_frame(buffer, kind::PULL, pull),
            Self::Page(page) => write_frame(buffer, kind::PAGE, page),
            Self::Sync(sync) => write_frame(buffer, kind::SYNC, sync),
            Self::SyncReply(reply) => write_frame(buffer, kind::SYNC_REPLY, reply),
            Self::Cookie(cookie) => write_frame(buffer, kind::COOKIE, cookie),
            Self::Busy(busy) => write_frame(buffer, kind::BUSY, busy),
        }
    }
}
