//! The handle.

use core::fmt;
use core::net::Ipv4Addr;

use embassy_futures::select::select;
use heapless::Vec;
use swim_core::{
    BadAddress, Incarnation, Instant, Member, MetadataTooLong, NodeId, SleepError, Standing, Stats,
    Status, Watch, WatchError,
};

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
    pub(crate) shared: Shared<'d, MEMBERS, METADATA>,
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

    /// Whether the cluster is larger than `MEMBERS`, or has members that IPv4 does not reach, so
    /// that this member knows a part of it only: see [`Node::is_leaf`](swim_core::Node::is_leaf).
    pub fn is_leaf(self) -> bool {
        self.shared.with(|node| node.is_leaf())
    }

    /// Whether nobody has been heard for so long that this member must be cut off, or the last.
    pub fn is_isolated(self) -> bool {
        self.shared.with(|node| node.is_isolated())
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
        self.shared.notices.events.subscriber().map(Events).map_err(|_| TooManySubscribers)
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

    /// Says goodbye, so that the others hold this member as left, not dead. Returns when the
    /// goodbye has been sent as often as any news, or `leave_timeout` is over; at once when this
    /// member has left already. Nobody acknowledges it: datagrams may be lost, and one to a
    /// neighbour that does not answer counts as sent. While the link is down it waits.
    ///
    /// Dropping the future changes nothing. It takes a runner that runs; that goes on afterwards,
    /// and tells whoever asks that this member has left.
    pub async fn leave(self) {
        self.shared.command(|node| node.leave(clock::now()));
        self.shared.until(|node| node.standing() != Standing::Leaving).await;
    }

    /// Comes back after leaving, or after losing the id to another member that is gone now.
    pub fn rejoin(self) {
        self.shared.command(|node| node.rejoin(clock::now()));
    }

    /// Tells the others that this member will be silent until then, so that nobody suspects it.
    /// Returns when the announcement has been sent as often as any news, or `leave_timeout` is
    /// over: now the board may sleep, with everything off but the clock behind embassy-time. Nobody
    /// acknowledges it: datagrams may be lost, and one to a neighbour that does not answer counts
    /// as sent. While the link is down it waits; a board whose link stays down is missed as any
    /// other. Whoever is not back `sleep_margin` after the announced time is probed as anybody
    /// else.
    ///
    /// Left running, this member sends nothing of its own accord until then, but answers. Dropping
    /// the future changes nothing.
    ///
    /// # Errors
    ///
    /// It is longer than `sleep_max`, or over already, or this member has left: the caller's fault;
    /// nothing changed.
    pub async fn sleep_until(self, at: embassy_time::Instant) -> Result<(), SleepError> {
        let (now, until) = (clock::now(), clock::instant(at));
        let sleeps = self.shared.sleeps();
        self.shared.command(|node| node.sleep(until.since(now), now))?;
        let asleep = self
            .shared
            .until(|node| self.shared.sleeps() != sleeps || node.standing() != Standing::Alive);
        // Woken before it slept, it is not waited for any longer than it would have slept.
        select(asleep, clock::sleep_until(Some(until))).await;
        Ok(())
    }

    /// Ends a sleep before its time, or takes back its announcement.
    pub fn wake(self) {
        self.shared.command(|node| node.wake(clock::now()));
    }

    /// Watches a member: pings it at regular intervals of its own, makes of its silence a
    /// [level of suspicion](Self::suspicion_level), and keeps it in the table even if the cluster
    /// is larger than that. `watch` is a [`Watch`], or just the interval, which is zero if it is to
    /// be kept only: see [`Node::watch`](swim_core::Node::watch).
    ///
    /// # Errors
    ///
    /// Settings out of range, this member itself, or
    /// [`Board::WATCHED_MAX`](swim_core::storage::Board::WATCHED_MAX) are watched already: the
    /// caller's fault; they still are.
    pub fn watch(self, id: NodeId, watch: impl Into<Watch>) -> Result<(), WatchError> {
        self.shared.command(|node| node.watch(id, watch, clock::now()))
    }

    /// How far the silence of a watched member goes beyond what its answers are like: φ, see
    /// [`Node::suspicion_level`](swim_core::Node::suspicion_level). `None` of a member that is not
    /// watched, has not answered yet, or is not to answer.
    pub fn suspicion_level(self, id: NodeId) -> Option<f32> {
        self.shared.with(|node| node.suspicion_level(id, clock::now()))
    }

    /// Watches a member no longer. Returns whether it was watched.
    pub fn unwatch(self, id: NodeId) -> bool {
        self.shared.command(|node| node.unwatch(id))
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

    /// Replaces the address at which the others reach this member, after DHCP has given another,
    /// and lets them know. The port stays.
    ///
    /// # Errors
    ///
    /// Nobody can be reached there: the caller's fault; the address is what it was.
    pub fn set_ip(self, ip: Ipv4Addr) -> Result<(), BadAddress> {
        self.shared.command(|node| {
            let address = Endpoint::new(ip, node.address().port());
            if !address.is_usable() {
                return Err(BadAddress);
            }
            node.set_address(address, clock::now())
        })
    }

    /// What the protocol has done so far.
    pub fn stats(self) -> Stats<u32> {
        self.shared.with(|node| *node.stats())
    }

    /// What the socket went through so far.
    pub fn counters(self) -> Counters {
        self.shared.counters()
    }
}

impl<const MEMBERS: usize, const METADATA: usize> fmt::Debug for Swim<'_, MEMBERS, METADATA> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id();
        f.debug_struct("Swim").field("id", &id).finish_non_exhaustive()
    }
}

/// One member, copied out of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberInfo<const METADATA: usize> {
    /// Who it is.
    pub id: NodeId,
    /// Where it listens. `None` for a member known only by the news of its death.
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
    /// Whether it is asleep as announced: [`Member::asleep`].
    pub asleep: bool,
}

impl<const METADATA: usize> MemberInfo<METADATA> {
    /// Whether to use it: alive or suspect, and not held out.
    pub const fn is_in(&self) -> bool {
        self.status.is_live() && !self.held_out
    }

    fn of(member: Member<'_, Endpoint>) -> Self {
        Self {
            id: member.id,
            address: member.address,
            status: member.status,
            incarnation: member.incarnation,
            boot: member.boot,
            metadata: Vec::from_slice(member.metadata).unwrap_or_default(),
            since: member.since,
            held_out: member.held_out,
            asleep: member.asleep,
        }
    }
}

/// The members, copied out one at a time. Whoever comes or goes meanwhile may be among them or
/// not.
#[derive(Clone)]
pub struct Members<'d, const MEMBERS: usize, const METADATA: usize> {
    shared: Shared<'d, MEMBERS, METADATA>,
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
