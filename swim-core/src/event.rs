//! What the application is told.

use serde::{Deserialize, Serialize};

use crate::member::NodeId;
use crate::wire::{KeyId, Refusal};

/// Something the application may want to know. Look the member up for the details: events carry
/// only what the table does not.
///
/// Events about one member coalesce: whoever polls late hears the latest state, not every step,
/// and nothing is ever dropped for want of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event<A> {
    /// A seed admitted this node to its cluster.
    Joined {
        /// The seed, as it was given to `join`.
        seed: A,
        /// The member that answered there.
        by: NodeId,
    },
    /// A seed refuses this node. The core goes on asking, less and less often.
    JoinRefused {
        /// The seed, as it was given to `join`.
        seed: A,
        /// Why.
        reason: Refusal,
    },
    /// A member is there that was not: new, returned from the dead, or returned after leaving.
    MemberJoined(NodeId),
    /// A member is suspected of having failed.
    MemberSuspected(NodeId),
    /// A suspected member refuted the suspicion.
    MemberRecovered(NodeId),
    /// A member was declared dead. If it is held out by then, its return is not told before it is
    /// readmitted, as [`MemberJoined`](Self::MemberJoined).
    MemberDead(NodeId),
    /// A living member flaps: it is held out until it has behaved for a while. Only under a
    /// [`FlapPolicy`](crate::FlapPolicy). Suspicions and refutations of it are no longer told.
    MemberHeldOut(NodeId),
    /// A member that was held out is in again.
    MemberReadmitted(NodeId),
    /// A member said goodbye.
    MemberLeft(NodeId),
    /// A member's process was restarted before anybody missed it.
    MemberRestarted(NodeId),
    /// A member changed its metadata or address, or fell asleep, or is awake again or overdue: see
    /// [`Member::asleep`](crate::Member::asleep).
    MemberUpdated(NodeId),
    /// Another living node uses this node's id. Both work out the same winner: who has had the id
    /// for long keeps it. Told again at most every five minutes to who keeps it. The loser falls
    /// silent. It asks the winner every [`heal_interval`](crate::Config::heal_interval) whether it
    /// is still there; when three questions in a row were not answered it says that it has won
    /// after all and stands up again, as if told to [`rejoin`](crate::Node::rejoin).
    Conflict {
        /// Where the other one listens.
        rival: A,
        /// Whether this node keeps the id.
        won: bool,
    },
    /// Somebody sealed a packet with a key that this node does not have: this node, or the other
    /// one, has missed a change of keys, or one of them has keys and the other has none. Told at
    /// most once in ten seconds of each key, and of four keys in that time. Anybody can send such
    /// a packet, and use these four up; but unless it can forge addresses not the four more that
    /// are for packets in the name of a known member from where that is, or from a seed that was
    /// asked.
    UnknownKey {
        /// The key that is missing here.
        key_id: KeyId,
        /// Where the packet came from.
        from: A,
    },
    /// Somebody does not take the packets of this node as they are: it answered one by a sealed one
    /// that says nothing, which this node can open, while this node sends in clear or seals with
    /// another key. Told at most once in ten seconds.
    NotUnderstood {
        /// The key the other one uses.
        key_id: KeyId,
        /// Where the answer came from.
        from: A,
    },
    /// Somebody sends in clear to this node, which takes sealed packets only: a known member of
    /// this cluster, or somebody who asks to join it, as far as a packet in clear can be believed.
    /// Told at most once in ten seconds.
    Unsealed {
        /// Where the packet came from.
        from: A,
    },
    /// The table is full and a new member could not be kept: this node is a
    /// [leaf](crate::Node::is_leaf) from now on. Said once.
    TableFull,
    /// A member that was not [watched](crate::Node::watch) had to make room for another in the
    /// table of a leaf. Nothing is said of whether it lives.
    MemberForgotten(NodeId),
    /// The level of suspicion of a [watched](crate::Node::watch) member has passed that of the
    /// watch. What the cluster holds of it is told by [`MemberSuspected`](Self::MemberSuspected)
    /// and [`MemberDead`](Self::MemberDead), sooner or later than this.
    SuspicionRaised(NodeId),
    /// A watched member, told of by [`SuspicionRaised`](Self::SuspicionRaised), has answered again,
    /// or is watched in another way. Told too when it is back after it was dead or asleep.
    SuspicionLowered(NodeId),
    /// The announcement of [`sleep`](crate::Node::sleep) has been sent as often as any news is, or
    /// nobody was there to hear it, or `leave_timeout` is over: the driver may stop calling until
    /// the end of the sleep. Also told if that came first. Not told of a sleep that was ended by
    /// `wake` or `leave` before.
    Asleep,
    /// The goodbye has been sent as often as any news is, or nobody was left to hear it, or
    /// `leave_timeout` is over: the process may end now.
    Departed,
}

impl<A> Event<A> {
    /// The member it is about, if it is about one other than this node; the admitting one of
    /// [`Joined`](Self::Joined).
    pub const fn member(&self) -> Option<NodeId> {
        match self {
            Self::Joined { by: id, .. }
            | Self::MemberJoined(id)
            | Self::MemberSuspected(id)
            | Self::MemberRecovered(id)
            | Self::MemberDead(id)
            | Self::MemberHeldOut(id)
            | Self::MemberReadmitted(id)
            | Self::MemberLeft(id)
            | Self::MemberRestarted(id)
            | Self::MemberUpdated(id)
            | Self::MemberForgotten(id)
            | Self::SuspicionRaised(id)
            | Self::SuspicionLowered(id) => Some(*id),
            Self::JoinRefused { .. }
            | Self::Conflict { .. }
            | Self::UnknownKey { .. }
            | Self::NotUnderstood { .. }
            | Self::Unsealed { .. }
            | Self::TableFull
            | Self::Asleep
            | Self::Departed => None,
        }
    }
}
