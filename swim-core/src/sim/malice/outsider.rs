//! Somebody without the key.

use core::time::Duration;

use crate::Channel;
use crate::rng::Rng;
use crate::sim::cluster::Cluster;
use crate::sim::queue::{Flight, FlightId, What};
use crate::sim::scenario::SimAddress;
use crate::storage::Storage;
use crate::time::Instant;

use super::forger::Forger;
use super::{CAPTURED_MAX, Contact};

/// Bytes of a packet of noise, at most.
const NOISE_LEN_MAX: usize = 1_400;
/// Of how many packets from its own address one comes over a stream.
const STREAMS_ONE_IN: usize = 8;
/// Bits that are flipped in one packet, at most.
const FLIPS_MAX: usize = 8;

/// Somebody who can send datagrams to the members, under any address, and has no key. It knows who
/// is a member, where, at which incarnation, and the label of the cluster; whether it sees packets
/// follows from what it does.
#[derive(Clone, Copy, Debug)]
pub struct Outsider {
    /// What it sends.
    pub intrusion: Intrusion,
    /// Where its packets seem to come from.
    pub source: Source,
    /// How many it sends a second, in all.
    pub packets_per_second: u32,
    /// Its own address, once it is let loose.
    pub(super) address: Option<SimAddress>,
}

/// What an outsider sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intrusion {
    /// Bytes that mean nothing, some of them behind the header of a packet.
    Noise,
    /// Well-formed packets of every kind, in the name of any member or of nobody, with updates
    /// about anybody and nobody.
    Forge,
    /// Packets of the members, seen on the path and sent again whole, to whom they were meant for
    /// or to anybody else, no earlier than `after` they were first sent.
    Replay {
        /// How old they are, at least.
        after: Duration,
    },
    /// Packets of the members, seen on the path, cut short, lengthened, with some bits flipped.
    Mangle,
    /// Packets in the name of any member, each with a dozen members that do not exist, at addresses
    /// where nobody is.
    Ghosts,
}

impl Intrusion {
    pub(super) fn needs_copies(self) -> bool {
        matches!(self, Self::Replay { .. } | Self::Mangle)
    }
}

/// Where the packets of an outsider seem to come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From its own address.
    Own,
    /// From the address of any member.
    Anybody,
    /// From where a copied packet came from, or from the address of the member in whose name a
    /// packet is forged.
    Original,
}

impl Outsider {
    /// One that sends so many packets a second.
    pub const fn new(intrusion: Intrusion, source: Source, packets_per_second: u32) -> Self {
        Self { intrusion, source, packets_per_second, address: None }
    }
}

/// A copy of a packet.
#[derive(Clone, Debug)]
pub(super) struct Captured {
    at: Instant,
    from: SimAddress,
    to: SimAddress,
    bytes: Vec<u8>,
}

/// A packet that is ready to be sent.
struct Prepared {
    /// Where it would come from if it were true.
    from: SimAddress,
    to: SimAddress,
    bytes: Vec<u8>,
}

impl<S: Storage> Cluster<S> {
    /// Lets those on the path have a copy of a packet from one member to another.
    pub(in crate::sim) fn tap(&mut self, id: FlightId) {
        let Flight { from, to, ref bytes, .. } = *self.queue.flight(id);
        if !self.malice.is_on_path() || self.listener(to).is_none() {
            return;
        }
        let copy = Captured { at: self.now, from, to, bytes: bytes.clone() };
        let captured = &mut self.malice.captured;
        if captured.len() < CAPTURED_MAX {
            captured.push(copy);
        } else {
            captured[self.malice.rng.below(CAPTURED_MAX)] = copy;
        }
    }

    /// Sends one packet of an outsider.
    pub(super) fn intrude(&mut self, outsider: &Outsider) {
        let contacts = self.contacts();
        let Some(Prepared { from, to, bytes }) = self.prepare(outsider.intrusion, &contacts) else {
            return;
        };
        let rng = &mut self.malice.rng;
        let own = outsider.address.unwrap_or(from);
        let source = match outsider.source {
            Source::Own => own,
            Source::Anybody => any(rng, &contacts).map_or(own, |contact| contact.address),
            Source::Original => from,
        };
        // Who names a false address cannot open a connection.
        let is_stream = source == own && rng.below(STREAMS_ONE_IN) == 0;
        let channel = if is_stream { Channel::Stream } else { Channel::Datagram };
        let latency = self.network.link.latency(rng);
        self.loot.packets_out += 1;
        self.loot.bytes_out += bytes.len() as u64;
        let flight = self.queue.board(source, to, (channel, &bytes));
        self.queue.push(self.now.after(latency), What::Arrival(flight));
    }

    fn prepare(&mut self, intrusion: Intrusion, contacts: &[Contact]) -> Option<Prepared> {
        let rng = &mut self.malice.rng;
        let Contact { address: to, .. } = any(rng, contacts)?;
        match intrusion {
            Intrusion::Noise => {
                let label = self.scenario.config.label;
                Some(Prepared { from: to, to, bytes: noise(rng, label.0) })
            }
            Intrusion::Forge => {
                let speaker = any(rng, contacts)?;
                let mut forger = Forger::new(rng, contacts, &self.scenario.config);
                Some(Prepared { from: speaker.address, to, bytes: forger.anything(speaker) })
            }
            Intrusion::Ghosts => {
                let speaker = any(rng, contacts)?;
                let mut forger = Forger::new(rng, contacts, &self.scenario.config);
                Some(Prepared { from: speaker.address, to, bytes: forger.ghosts(speaker) })
            }
            Intrusion::Replay { after } => {
                let copy = pick(rng, &self.malice.captured)?;
                if self.now.since(copy.at) < after {
                    return None;
                }
                let to = if rng.below(2) == 0 { copy.to } else { to };
                Some(Prepared { from: copy.from, to, bytes: copy.bytes.clone() })
            }
            Intrusion::Mangle => {
                let copy = pick(rng, &self.malice.captured)?;
                let (from, to, mut bytes) = (copy.from, copy.to, copy.bytes.clone());
                mangle(rng, &mut bytes);
                Some(Prepared { from, to, bytes })
            }
        }
    }
}

fn any(rng: &mut Rng, contacts: &[Contact]) -> Option<Contact> {
    pick(rng, contacts).copied()
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> Option<&'a T> {
    if from.is_empty() { None } else { from.get(rng.below(from.len())) }
}

/// Random bytes, every other time behind a version, any flags and the right label.
fn noise(rng: &mut Rng, label: u32) -> Vec<u8> {
    let len = rng.below(NOISE_LEN_MAX + 1);
    let mut bytes: Vec<u8> = (0..len).map(|_| rng.next_u32() as u8).collect();
    if let Some((head, _)) = bytes.split_first_chunk_mut()
        && rng.below(2) == 0
    {
        let [a, b, c, d] = label.to_le_bytes();
        *head = [crate::wire::VERSION, rng.below(4) as u8, a, b, c, d];
    }
    bytes
}

/// Changes `bytes` in some way.
fn mangle(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let what = rng.below(4);
    if what == 0 {
        bytes.truncate(rng.below(bytes.len().max(1)));
    }
    if what == 1 {
        bytes.extend((0..=rng.below(64)).map(|_| rng.next_u32() as u8));
    }
    if what >= 2 && !bytes.is_empty() {
        for _ in 0..=rng.below(FLIPS_MAX) {
            let at = rng.below(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
        }
    }
}
