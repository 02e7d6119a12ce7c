//! Doing again what a trace tells.

use core::fmt;
use std::collections::BTreeMap;
use std::string::{String, ToString};
use std::vec::Vec;

use crate::address::Address;
use crate::allow::AddressPredicate;
use crate::error::NewError;
use crate::event::Event;
use crate::node::{Identity, Node};
use crate::outbox::{Channel, STREAM_PACKET_LEN_MAX, Transmit};
use crate::seal::{Key, KeyError, KeyRing};
use crate::snapshot::Acquaintances;
use crate::storage::Storage;
use crate::time::Instant;
use crate::wire::KeyId;

use super::record::{Birth, Entry, Input, Record, Sent};

/// Nodes of one trace; a trace that tells of more is not replayed, for each takes some 20 KB of
/// memory.
pub const NODES_MAX: usize = 1 << 14;

/// What a trace does not tell.
pub struct Terms<A, S> {
    /// Makes a table for so many members, with so much metadata for each.
    pub storage: fn(usize, usize) -> S,
    /// The keys, in any order; those of other nodes do no harm.
    pub keys: Vec<Key>,
    /// The predicate that was [allowed](super::Traced::allow) under a name.
    pub allow: fn(&str) -> Option<AddressPredicate<A>>,
}

/// What became of one entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome<'r, A> {
    /// It was done; there is nothing to compare, or there was nothing to take.
    Done,
    /// The same packet was written again.
    Sent(Transmit<A>, &'r [u8]),
    /// The application would have been told the same.
    Told(Event<A>),
    /// The trace was full; what followed is not in it.
    Full,
}

/// How much was replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that change a node, births included.
    pub inputs: u64,
    /// Packets, each compared.
    pub packets: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Events, each compared.
    pub events: u64,
}

/// The nodes of a trace, living again what they lived through.
pub struct Replay<A: Address, S: Storage> {
    terms: Terms<A, S>,
    nodes: BTreeMap<u32, Node<A, S>>,
    buffer: Vec<u8>,
    counts: Counts,
    clock: Option<Instant>,
    last_input: &'static str,
}

impl<A: Address, S: Storage> Replay<A, S> {
    /// Nobody is born yet.
    pub fn new(terms: Terms<A, S>) -> Self {
        Self {
            terms,
            nodes: BTreeMap::new(),
            buffer: vec![0; usize::from(STREAM_PACKET_LEN_MAX)],
            counts: Counts::default(),
            clock: None,
            last_input: "nothing",
        }
    }

    /// Does what an entry tells, and compares what comes out.
    ///
    /// # Errors
    ///
    /// Something else came out, or it cannot be done. Whatever follows would differ too.
    pub fn step(&mut self, entry: &Entry<'_, A>) -> Result<Outcome<'_, A>, ReplayError<A>> {
        let Entry { node, now, record } = entry;
        match record {
            Record::Clock => self.clock = Some(*now),
            Record::Born(birth) => self.bear(*node, birth, *now)?,
            Record::Input(input) => self.put_in(*node, input, *now)?,
            Record::Sent(room, sent) => return self.send(*node, (*room, *sent), *now),
            Record::Told(event) => return self.tell(*node, event),
            Record::Ended => drop(self.nodes.remove(node)),
            Record::Full => return Ok(Outcome::Full),
        }
        Ok(Outcome::Done)
    }

    /// A node as it is by now, if it lives.
    pub fn node(&self, number: u32) -> Option<&Node<A, S>> {
        self.nodes.get(&number)
    }

    /// All nodes that live by now, with their numbers.
    pub fn nodes(&self) -> impl Iterator<Item = (u32, &Node<A, S>)> {
        self.nodes.iter().map(|(number, node)| (*number, node))
    }

    /// How much was replayed so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// When an entry happened by the clock that all nodes share; by its node's where there is none.
    pub fn time_of(&self, entry: &Entry<'_, A>) -> Instant {
        self.clock.unwrap_or(entry.now)
    }

    /// What the last input was, in a word or two.
    pub const fn last_input(&self) -> &'static str {
        self.last_input
    }

    fn bear(
        &mut self,
        number: u32,
        birth: &Birth<'_, A>,
        now: Instant,
    ) -> Result<(), ReplayError<A>> {
        self.note_input("birth");
        if self.nodes.len() >= NODES_MAX {
            return Err(ReplayError::TooManyNodes);
        }
        let identity = Identity {
            id: birth.id,
            address: birth.address.address(),
            metadata: birth.metadata,
            incarnation: birth.incarnation,
            patience: birth.patience,
        };
        let [members_max, metadata_len_max] = [birth.members_max, birth.metadata_len_max]
            .map(|max| usize::try_from(max).unwrap_or(usize::MAX));
        let storage = (self.terms.storage)(members_max, metadata_len_max);
        let node = Node::new(identity, birth.config, storage, birth.seed, now);
        self.nodes.insert(number, node.map_err(ReplayError::NotBorn)?);
        Ok(())
    }

    fn put_in(
        &mut self,
        number: u32,
        input: &Input<'_, A>,
        now: Instant,
    ) -> Result<(), ReplayError<A>> {
        self.note_input(input.name());
        let node = self.nodes.get_mut(&number).ok_or(ReplayError::Unborn(number))?;
        match input {
            Input::Packet { .. }
            | Input::Timeout
            | Input::Unreachable(_)
            | Input::Refusal { .. } => {
                handle(node, input, now);
            }
            Input::Allow(name) => {
                let predicate = (self.terms.allow)(name);
                node.allow(predicate.ok_or_else(|| ReplayError::Unnamed((*name).to_string()))?);
            }
            Input::Seal { keys, sealing, nonces } => {
                // As all that can fail: it failed then, too.
                let _ = node.seal(ring(&self.terms.keys, keys)?, *sealing, *nonces, now);
            }
            Input::Keys(keys) => {
                let ring = ring(&self.terms.keys, keys)?;
                node.keys_mut().into_iter().for_each(|keys| *keys = ring.clone());
            }
            _ => command(node, input, now),
        }
        Ok(())
    }

    fn send(
        &mut self,
        number: u32,
        (room, expected): (u32, Option<Sent<A>>),
        now: Instant,
    ) -> Result<Outcome<'_, A>, ReplayError<A>> {
        let node = self.nodes.get_mut(&number).ok_or(ReplayError::Unborn(number))?;
        let len = self.buffer.len().min(room as usize);
        let buffer = self.buffer.get_mut(..len).unwrap_or_default();
        let transmit = node.poll_transmit(now, buffer);
        let got = transmit.map(|transmit| Sent::new(&transmit, buffer));
        if got != expected {
            let [expected, got] = [expected, got].map(|sent| sent.map(Written::from));
            return Err(ReplayError::Packet { expected, got });
        }
        let Some(transmit) = transmit else { return Ok(Outcome::Done) };
        self.counts.packets = self.counts.packets.saturating_add(1);
        self.counts.bytes = self.counts.bytes.saturating_add(transmit.len as u64);
        Ok(Outcome::Sent(transmit, buffer.get(..transmit.len).unwrap_or_default()))
    }

    fn tell(
        &mut self,
        number: u32,
        expected: &Option<Event<A>>,
    ) -> Result<Outcome<'_, A>, ReplayError<A>> {
        let node = self.nodes.get_mut(&number).ok_or(ReplayError::Unborn(number))?;
        let got = node.poll_event();
        if got.map(as_written) != expected.map(Some) {
            return Err(ReplayError::Event { expected: *expected, got });
        }
        let Some(event) = got else { return Ok(Outcome::Done) };
        self.counts.events = self.counts.events.saturating_add(1);
        Ok(Outcome::Told(event))
    }

    fn note_input(&mut self, name: &'static str) {
        self.counts.inputs = self.counts.inputs.saturating_add(1);
        self.last_input = name;
    }
}

fn handle<A: Address, S: Storage>(node: &mut Node<A, S>, input: &Input<'_, A>, now: Instant) {
    match input {
        Input::Packet { from, channel, bytes } => {
            let mut bytes = bytes.to_vec();
            // What was rejected then is rejected again.
            let _ = match channel {
                Channel::Datagram => node.handle_datagram(from.address(), &mut bytes, now),
                Channel::Stream => node.handle_stream(from.address(), &mut bytes, now),
            };
        }
        Input::Unreachable(address) => node.handle_unreachable(address.address(), now),
        Input::Refusal { address, quoted } => {
            node.handle_refusal(address.address(), quoted, now);
        }
        _ => node.handle_timeout(now),
    }
}

/// Results are dropped: they are what they were.
fn command<A: Address, S: Storage>(node: &mut Node<A, S>, input: &Input<'_, A>, now: Instant) {
    match input {
        Input::Join(seed) => drop(node.join(seed.address(), now)),
        Input::CancelJoin(seed) => drop(node.cancel_join(seed.address())),
        Input::Leave => node.leave(now),
        Input::Rejoin => node.rejoin(now),
        Input::SetMetadata(metadata) => drop(node.set_metadata(metadata, now)),
        Input::SetAddress(address) => drop(node.set_address(address.address(), now)),
        Input::Sleep(duration) => drop(node.sleep(*duration, now)),
        Input::Wake => node.wake(now),
        Input::Watch(id, watch) => drop(node.watch(*id, *watch, now)),
        Input::Unwatch(id) => drop(node.unwatch(*id)),
        Input::Remember(id, address) => drop(node.remember(*id, address.address(), now)),
        Input::RememberSome { members, since } => {
            let members = members.iter().map(|(id, address)| (*id, address.address()));
            node.remember_some(&mut Acquaintances::resumed(members, *since), now);
        }
        Input::SetSealing(sealing) => drop(node.set_sealing(*sealing)),
        #[cfg(feature = "sim")]
        Input::Forget(id) => drop(node.forget(*id)),
        #[cfg(feature = "sim")]
        Input::ExpireSuspicions => node.expire_suspicions(now),
        Input::Packet { .. }
        | Input::Timeout
        | Input::Unreachable(_)
        | Input::Refusal { .. }
        | Input::Allow(_)
        | Input::Seal { .. }
        | Input::Keys(_) => {}
    }
}

/// The ring of these keys, the first of them in use.
fn ring<A>(keys: &[Key], ids: &[KeyId]) -> Result<KeyRing, ReplayError<A>> {
    let key = |id: &KeyId| {
        let key = keys.iter().find(|key| key.id() == *id);
        key.cloned().ok_or(ReplayError::KeyMissing(*id))
    };
    let (primary, others) = ids.split_first().ok_or(ReplayError::NoKeys)?;
    let mut ring = KeyRing::new(key(primary)?);
    for other in others {
        ring.add(key(other)?).map_err(ReplayError::Ring)?;
    }
    Ok(ring)
}

/// An event with its addresses as an entry has them.
fn as_written<A: Address>(event: Event<A>) -> Option<Event<A>> {
    let bytes = postcard::to_extend(&event, Vec::new()).ok()?;
    postcard::from_bytes(&bytes).ok()
}

/// A packet, as far as a trace tells of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Written<A> {
    /// To whom.
    pub to: A,
    /// By which way.
    pub channel: Channel,
    /// How long.
    pub len: u32,
    /// A hash of its bytes (FNV-1a).
    pub hash: u64,
}

impl<A: Address> From<Sent<A>> for Written<A> {
    fn from(sent: Sent<A>) -> Self {
        let Sent { to, channel, len, hash } = sent;
        Self { to: to.address(), channel, len, hash }
    }
}

/// A replay is not what the trace tells, or cannot be.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ReplayError<A> {
    /// Another packet was written, or none, or one too many.
    Packet {
        /// What the trace tells.
        expected: Option<Written<A>>,
        /// What was written now.
        got: Option<Written<A>>,
    },
    /// The application would be told something else.
    Event {
        /// What the trace tells.
        expected: Option<Event<A>>,
        /// What it would be told now.
        got: Option<Event<A>>,
    },
    /// Packets are sealed by a key that is not here.
    KeyMissing(KeyId),
    /// The keys make no ring.
    Ring(KeyError),
    /// A node is sealed without any key: the trace is damaged.
    NoKeys,
    /// Something happens to a node with this number before it is born: the trace is damaged.
    Unborn(u32),
    /// A node cannot be made of what the trace tells.
    NotBorn(NewError),
    /// Nobody knows the predicate of this name.
    Unnamed(String),
    /// There are more nodes than [`NODES_MAX`].
    TooManyNodes,
}

impl<A: Address> fmt::Display for ReplayError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packet { expected, got } => {
                write!(f, "another packet: expected {}, got {}", shown(expected), shown(got))
            }
            Self::Event { expected, got } => {
                write!(f, "another event: expected {expected:?}, got {got:?}")
            }
            Self::KeyMissing(id) => write!(f, "packets are sealed by key {id}, which is not here"),
            Self::Ring(error) => error.fmt(f),
            Self::NoKeys => f.write_str("damaged: a node is sealed without a key"),
            Self::Unborn(node) => write!(f, "damaged: node {node} acts before it is born"),
            Self::NotBorn(error) => write!(f, "no node can be made: {error}"),
            Self::Unnamed(name) => write!(f, "there is no predicate of the name {name}"),
            Self::TooManyNodes => write!(f, "more than {NODES_MAX} nodes"),
        }
    }
}

impl<A: Address> core::error::Error for ReplayError<A> {}

fn shown<A: Address>(packet: &Option<Written<A>>) -> String {
    let Some(Written { to, channel, len, hash }) = packet else { return "none".to_string() };
    std::format!("{len} bytes to {to:?} ({channel:?}, hash {hash:016x})")
}
