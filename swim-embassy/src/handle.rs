//! The handle.

use core::fmt;

use heapless::Vec;
use swim_core::{Incarnation, Instant, Member, MetadataTooLong, NodeId, Standing, Stats, Status};

use crate::clock;
use crate::counters::Counters;
use crate::endpoint::Endpoint;
use crate::error::{JoinError, TooManySubscribers};
use crate::events::Events;
use crate::shared::Shared;

/// A member of a cluster: a handle to be copied to whoever wants one.
///
/// All calls are answered at once, except for those that are `async`.
#[derive(Clone, Copy)]
pub struct Swim<'d, const MEMBERS: usize, const METADATA: usize> {
    pub(crate) shared: &'d Shared<MEMBERS, METADATA>,
}

impl<'d, const MEMBERS: usize, const METADATA: usize> Swim<'d, MEMBERS, METADATA> {
    /// This member's id.
    pub fn id(self) -> NodeId {
        self.shared.with(|node| node.id())
    }

    /// This member as the others see it.
    pub fn me(self) -> MemberInfo<METADATA> {
        self.shared.with(|node| MemberInfo::of(node.me()))
    }

    /// The member with this id, living or not.
    pub fn member(self, id: NodeId) -> Option<MemberInfo<METADATA>> {
        self.shared.with(|node| node.member(id).map(MemberInfo::of))
    }

    /// Everybody this member knows, itself included: the living, and those who died or left and
    /// are still remembered.
    pub fn members(self) -> Members<'d, MEMBERS, METADATA> {
        Members { shared: self.shared, last: None }
    }

    /// How many members are alive or suspect, this one included.
    pub fn live_count(self) -> usize {
        self.shared.with(|node| node.live_count())
    }

    /// Where this member stands in its own life.
    pub fn standing(self) -> Standing {
        self.shared.with(|node| node.standing())
    }

    /// What happens from now on.
    ///
    /// # Errors
    ///
    /// [`SUBSCRIBERS_MAX`](crate::SUBSCRIBERS_MAX) listen already.
    pub fn events(self) -> Result<Events<'d>, TooManySubscribers> {
        self.shared.events.subscriber().map(Events).map_err(|_| TooManySubscribers)
    }

    /// Asks `seed` to be admitted to its cluster, again and again until it answers: see
    /// [`Event::Joined`](swim_core::Event::Joined). One seed is enough; it is told once.
    ///
    /// # Errors
    ///
    /// Nobody can be reached there, it is this member's own address, there are too many seeds, or
    /// this member has left: the caller's fault; nothing changed.
    pub fn join(self, seed: Endpoint) -> Result<(), JoinError> {
        if !seed.is_usable() {
            return Err(JoinError::Endpoint);
        }
        self.shared.command(|node| node.join(seed, clock::now())).map_err(JoinError::Node)
    }

    /// Stops asking `seed`, and forgets it. Returns false when it was not a seed.
    #[must_use = "false when it was not a seed"]
    pub fn cancel_join(self, seed: Endpoint) -> bool {
        self.shared.command(|node| node.cancel_join(seed))
    }

    /// Says goodbye, so that the others hold this member as left, not dead. Returns when enough of
    /// them have been told, or `leave_timeout` is over; at once when this member has left already.
    /// Dropping the future changes nothing.
    ///
    /// The runner runs on, and tells whoever asks that this member has left.
    pub async fn leave(self) {
        self.shared.command(|node| node.leave(clock::now()));
        self.shared.until(|node| node.standing() != Standing::Leaving).await;
    }

    /// Comes back after leaving, or after losing the id to another member that is gone now.
    pub fn rejoin(self) {
        self.shared.command(|node| node.rejoin(clock::now()));
    }

    /// Replaces this member's metadata and lets the others know.
    ///
    /// # Errors
    ///
    /// It is longer than `METADATA` or than fits into a datagram: the caller's fault; the metadata
    /// is what it was.
    pub fn set_metadata(self, metadata: &[u8]) -> Result<(), MetadataTooLong> {
        self.shared.command(|node| node.set_metadata(metadata, clock::now()))
    }

    /// What the protocol has done so far.
    pub fn stats(self) -> Stats {
        self.shared.with(|node| *node.stats())
    }

    /// What the socket went through so far.
    pub fn counters(self) -> Counters {
        self.shared.counters()
    }
}

impl<const MEMBERS: usize, const METADATA: usize> fmt::Debug for Swim<'_, MEMBERS, METADATA> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.with(|node| f.debug_struct("Swim").field("node", node).finish())
    }
}

/// One member, copied out of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberInfo<const METADATA: usize> {
    /// Who it is.
    pub id: NodeId,
    /// Where it listens. `None` for a member known only by the news of its death;
    /// [`Endpoint::UNREACHABLE`] for one with an IPv6 address.
    pub address: Option<Endpoint>,
    /// What is believed of it.
    pub status: Status,
    /// At which incarnation that was said.
    pub incarnation: Incarnation,
    /// Which life of its process this is: another number after every restart.
    pub boot: u16,
    /// What its application attached to it; empty by default, and where it is too long for this
    /// table.
    pub metadata: Vec<u8, METADATA>,
    /// Since when it has had this status: [`Member::since`].
    pub since: Instant,
    /// Whether it flaps and is held out: [`Member::held_out`].
    pub held_out: bool,
}

impl<const METADATA: usize> MemberInfo<METADATA> {
    /// Whether to use it: alive or suspect, and not held out.
    pub const fn is_in(&self) -> bool {
        self.status.is_live() && !self.held_out
    }

    fn of(member: Member<'_, Endpoint>) -> Self {
        let Member { id, address, status, incarnation, boot, metadata, since, held_out } = member;
        let metadata = Vec::from_slice(metadata).unwrap_or_default();
        Self { id, address, status, incarnation, boot, metadata, since, held_out }
    }
}

/// The members, copied out one at a time. Whoever comes or goes meanwhile may be among them or
/// not.
#[derive(Clone)]
pub struct Members<'d, const MEMBERS: usize, const METADATA: usize> {
    shared: &'d Shared<MEMBERS, METADATA>,
    last: Option<NodeId>,
}

impl<const MEMBERS: usize, const METADATA: usize> Iterator for Members<'_, MEMBERS, METADATA> {
    type Item = MemberInfo<METADATA>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self
            .shared
            .with(|node| node.members_after(self.last).next().map(MemberInfo::<METADATA>::of))?;
        self.last = Some(next.id);
        Some(next)
    }
}

impl<const MEMBERS: usize, const METADATA: usize> fmt::Debug for Members<'_, MEMBERS, METADATA> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").field("last", &self.last).finish_non_exhaustive()
    }
}
