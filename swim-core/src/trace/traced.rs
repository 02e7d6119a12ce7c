//! A node all of whose inputs are recorded.

use core::ops::Deref;
use core::time::Duration;
use std::boxed::Box;
use std::vec::Vec;

use crate::address::Address;
use crate::allow::AddressPredicate;
use crate::config::Config;
use crate::error::{
    BadAddress, JoinError, MetadataTooLong, NewError, Rejected, SleepError, WatchError,
};
use crate::event::Event;
use crate::member::NodeId;
use crate::node::{Identity, Node, REMEMBERED_PER_CALL_MAX};
use crate::outbox::{Channel, Transmit};
use crate::seal::{KeyRing, Nonces, Sealing};
use crate::snapshot::Acquaintances;
use crate::storage::Storage;
use crate::time::Instant;
use crate::watch::Watch;

use super::record::{Birth, Input, Place, Record, Sent};
use super::recorder::Recording;

/// More metadata than any node takes: what is refused is no longer in the trace.
const METADATA_RECORDED_MAX: usize = 1 << 16;

/// A [`Node`] that writes down whatever is done to it, if there is a [`Recording`] to write to;
/// otherwise that costs a look at an `Option`.
///
/// All that changes a node is a method here, under the same name; what only reads comes by
/// [`Deref`]. So nothing can be done to it that is not in the trace.
#[derive(Debug)]
pub struct Traced<A: Address, S: Storage> {
    node: Node<A, S>,
    recording: Option<Recording>,
}

impl<A: Address, S: Storage> Traced<A, S> {
    /// As [`Node::new`].
    ///
    /// # Errors
    ///
    /// As [`Node::new`]; nothing is recorded then.
    pub fn new(
        identity: Identity<'_, A>,
        config: Config,
        storage: S,
        seed: u64,
        now: Instant,
        mut recording: Option<Recording>,
    ) -> Result<Self, NewError> {
        let birth = Birth {
            id: identity.id,
            address: Place::of(identity.address),
            metadata: identity.metadata,
            incarnation: identity.incarnation,
            patience: identity.patience,
            config,
            members_max: storage.members_max() as u64,
            metadata_len_max: storage.metadata_len_max() as u64,
            seed,
        };
        let node = Node::new(identity, config, storage, seed, now)?;
        if let Some(recording) = &mut recording {
            recording.write(Some(now), Record::Born(Box::new(birth)));
        }
        Ok(Self { node, recording })
    }

    /// As [`Node::handle_datagram`].
    ///
    /// # Errors
    ///
    /// As [`Node::handle_datagram`].
    pub fn handle_datagram(
        &mut self,
        from: A,
        datagram: &mut [u8],
        now: Instant,
    ) -> Result<(), Rejected> {
        self.record_packet(from, Channel::Datagram, datagram, now);
        self.node.handle_datagram(from, datagram, now)
    }

    /// As [`Node::handle_stream`].
    ///
    /// # Errors
    ///
    /// As [`Node::handle_stream`].
    pub fn handle_stream(
        &mut self,
        from: A,
        packet: &mut [u8],
        now: Instant,
    ) -> Result<(), Rejected> {
        self.record_packet(from, Channel::Stream, packet, now);
        self.node.handle_stream(from, packet, now)
    }

    /// As [`Node::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        self.record(Some(now), || Input::Timeout);
        self.node.handle_timeout(now);
    }

    /// As [`Node::handle_unreachable`].
    pub fn handle_unreachable(&mut self, address: A, now: Instant) {
        self.record(Some(now), || Input::Unreachable(Place::of(address)));
        self.node.handle_unreachable(address, now);
    }

    /// As [`Node::handle_refusal`].
    pub fn handle_refusal(&mut self, address: A, quoted: &[u8], now: Instant) -> bool {
        self.record(Some(now), || Input::Refusal { address: Place::of(address), quoted });
        self.node.handle_refusal(address, quoted, now)
    }

    /// As [`Node::join`].
    ///
    /// # Errors
    ///
    /// As [`Node::join`].
    pub fn join(&mut self, seed: A, now: Instant) -> Result<(), JoinError> {
        self.record(Some(now), || Input::Join(Place::of(seed)));
        self.node.join(seed, now)
    }

    /// As [`Node::cancel_join`].
    #[must_use = "false when it was not a seed"]
    pub fn cancel_join(&mut self, seed: A) -> bool {
        self.record(None, || Input::CancelJoin(Place::of(seed)));
        self.node.cancel_join(seed)
    }

    /// As [`Node::leave`].
    pub fn leave(&mut self, now: Instant) {
        self.record(Some(now), || Input::Leave);
        self.node.leave(now);
    }

    /// As [`Node::rejoin`].
    pub fn rejoin(&mut self, now: Instant) {
        self.record(Some(now), || Input::Rejoin);
        self.node.rejoin(now);
    }

    /// As [`Node::set_metadata`].
    ///
    /// # Errors
    ///
    /// As [`Node::set_metadata`].
    pub fn set_metadata(&mut self, metadata: &[u8], now: Instant) -> Result<(), MetadataTooLong> {
        let recorded = metadata.get(..METADATA_RECORDED_MAX).unwrap_or(metadata);
        self.record(Some(now), || Input::SetMetadata(recorded));
        self.node.set_metadata(metadata, now)
    }

    /// As [`Node::set_address`].
    ///
    /// # Errors
    ///
    /// As [`Node::set_address`].
    pub fn set_address(&mut self, address: A, now: Instant) -> Result<(), BadAddress> {
        self.record(Some(now), || Input::SetAddress(Place::of(address)));
        self.node.set_address(address, now)
    }

    /// As [`Node::sleep`].
    ///
    /// # Errors
    ///
    /// As [`Node::sleep`].
    pub fn sleep(&mut self, duration: Duration, now: Instant) -> Result<(), SleepError> {
        self.record(Some(now), || Input::Sleep(duration));
        self.node.sleep(duration, now)
    }

    /// As [`Node::wake`].
    pub fn wake(&mut self, now: Instant) {
        self.record(Some(now), || Input::Wake);
        self.node.wake(now);
    }

    /// As [`Node::watch`].
    ///
    /// # Errors
    ///
    /// As [`Node::watch`].
    pub fn watch(
        &mut self,
        id: NodeId,
        watch: impl Into<Watch>,
        now: Instant,
    ) -> Result<(), WatchError> {
        let watch = watch.into();
        self.record(Some(now), || Input::Watch(id, watch));
        self.node.watch(id, watch, now)
    }

    /// As [`Node::unwatch`].
    pub fn unwatch(&mut self, id: NodeId) -> bool {
        self.record(None, || Input::Unwatch(id));
        self.node.unwatch(id)
    }

    /// As [`Node::remember`].
    #[must_use = "false when it is not looked for"]
    pub fn remember(&mut self, id: NodeId, address: A, now: Instant) -> bool {
        self.record(Some(now), || Input::Remember(id, Place::of(address)));
        self.node.remember(id, address, now)
    }

    /// As [`Node::remember_some`].
    pub fn remember_some(&mut self, acquaintances: &mut Acquaintances<A>, now: Instant) {
        let Some(recording) = &mut self.recording else {
            return self.node.remember_some(acquaintances, now);
        };
        let (since, taken) = (acquaintances.since(), acquaintances.taken());
        let next = acquaintances.iter().take(REMEMBERED_PER_CALL_MAX);
        let mut members: Vec<_> = next.map(|(id, address)| (id, Place::of(address))).collect();
        self.node.remember_some(acquaintances, now);
        // What was not looked at made no difference.
        members.truncate(acquaintances.taken().saturating_sub(taken));
        recording.write(Some(now), Record::Input(Input::RememberSome { members, since }));
    }

    /// As [`Node::allow`]. Predicates cannot be written down: `name` is, and whoever replays the
    /// trace makes a predicate of it that says the same.
    pub fn allow(&mut self, predicate: AddressPredicate<A>, name: &str) {
        self.record(None, || Input::Allow(name));
        self.node.allow(predicate);
    }

    /// As [`Node::seal`]. The ids of the keys are recorded, the keys are not.
    ///
    /// # Errors
    ///
    /// As [`Node::seal`].
    pub fn seal(
        &mut self,
        keys: KeyRing,
        sealing: Sealing,
        nonces: Nonces,
        now: Instant,
    ) -> Result<(), MetadataTooLong> {
        self.record(Some(now), || Input::Seal { keys: keys.ids().collect(), sealing, nonces });
        self.node.seal(keys, sealing, nonces, now)
    }

    /// Changes the keys the node has; `None` if it has none. As [`Node::keys_mut`], for as long as
    /// `change` takes.
    pub fn change_keys<R>(&mut self, change: impl FnOnce(&mut KeyRing) -> R) -> Option<R> {
        let keys = self.node.keys_mut()?;
        let changed = change(keys);
        if let Some(recording) = &mut self.recording {
            let ids = keys.ids().collect();
            recording.write(None, Record::<A>::Input(Input::Keys(ids)));
        }
        Some(changed)
    }

    /// As [`Node::set_sealing`].
    ///
    /// # Errors
    ///
    /// As [`Node::set_sealing`].
    pub fn set_sealing(&mut self, sealing: Sealing) -> Result<bool, MetadataTooLong> {
        self.record(None, || Input::SetSealing(sealing));
        self.node.set_sealing(sealing)
    }

    /// As [`Node::forget`].
    #[cfg(feature = "sim")]
    pub fn forget(&mut self, id: NodeId) -> bool {
        self.record(None, || Input::Forget(id));
        self.node.forget(id)
    }

    /// As `Node::expire_suspicions`.
    #[cfg(feature = "sim")]
    pub(crate) fn expire_suspicions(&mut self, now: Instant) {
        self.record(Some(now), || Input::ExpireSuspicions);
        self.node.expire_suspicions(now);
    }

    /// As [`Node::poll_transmit`].
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit<A>> {
        let transmit = self.node.poll_transmit(now, buffer);
        if let Some(recording) = &mut self.recording {
            let room = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
            let sent = transmit.map(|transmit| Sent::new(&transmit, buffer));
            recording.write(Some(now), Record::Sent(room, sent));
        }
        transmit
    }

    /// As [`Node::poll_event`].
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event<A>> {
        let event = self.node.poll_event();
        if let Some(recording) = &mut self.recording {
            recording.write(None, Record::Told(event));
        }
        event
    }

    /// Writes down that the process of this node is over.
    pub fn end(mut self) {
        if let Some(recording) = &mut self.recording {
            recording.write::<A>(None, Record::Ended);
        }
    }

    /// Records before the call is made, since packets are opened in place.
    fn record_packet(&mut self, from: A, channel: Channel, bytes: &[u8], now: Instant) {
        self.record(Some(now), || Input::Packet { from: Place::of(from), channel, bytes });
    }

    fn record<'i>(&mut self, now: Option<Instant>, input: impl FnOnce() -> Input<'i, A>)
    where
        A: 'i,
    {
        if let Some(recording) = &mut self.recording {
            recording.write(now, Record::Input(input()));
        }
    }
}

impl<A: Address, S: Storage> Deref for Traced<A, S> {
    type Target = Node<A, S>;

    fn deref(&self) -> &Node<A, S> {
        &self.node
    }
}
