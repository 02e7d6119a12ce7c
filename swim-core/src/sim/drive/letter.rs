//! Packets made from bytes: most of them plausible, so that they get past the first checks.

use core::time::Duration;

use crate::member::{Incarnation, NodeId, Patience, Status, Voice};
use crate::storage::Storage;
use crate::wire::{
    Ack, Belief, Busy, Cookie, Digest, Entry, Header, Join, Message, Nack, PacketWriter, Page,
    Parts, Ping, PingRequest, Pull, Range, Refusal, Refuse, Sync, SyncReply, Update, Values, View,
    Welcome,
};
use crate::{Card, Claim, Label, Node, Voices};

use super::Bytes;
use super::memory::Memory;

/// Longer than a datagram of any preset. What does not fit is left out.
const LETTER_LEN_MAX: usize = 2_048;
const UPDATES_MAX: usize = 6;
const ENTRIES_MAX: usize = 4;
const VALUES_MAX: usize = 32;
const METADATA_LEN_MAX: usize = 20;

/// What a writer of packets knows of the node they go to.
pub(super) struct World<'w, S: Storage> {
    pub node: &'w Node<u16, S>,
    pub memory: &'w Memory,
    /// How many ids there are, from 1 on.
    pub people: usize,
}

impl<S: Storage> World<'_, S> {
    /// A packet of `sender` with a message that the bytes choose.
    pub fn letter(&self, bytes: &mut Bytes<'_>, sender: NodeId) -> Vec<u8> {
        let message = self.message(bytes);
        self.packet(bytes, sender, message)
    }

    /// A packet of `sender` with this message, and updates and entries that the bytes choose.
    pub fn packet(
        &self,
        bytes: &mut Bytes<'_>,
        sender: NodeId,
        message: Option<Message<u16>>,
    ) -> Vec<u8> {
        let label = if bytes.byte() == u8::MAX { Label::new("another") } else { Label::default() };
        let incarnation = self.incarnation(bytes, sender);
        let header = Header { label, sender, incarnation, round: bytes.byte().into() };
        let mut buffer = vec![0; LETTER_LEN_MAX];
        let mut writer = PacketWriter::new(&mut buffer, &header).expect("room for the header");
        if let Some(message) = message {
            writer.message(&message);
        }
        for _ in 0..bytes.below(UPDATES_MAX + 1) {
            self.update(bytes, sender, &mut writer);
        }
        let compares = matches!(message, Some(Message::Sync(_) | Message::SyncReply(_)));
        for _ in 0..if compares { bytes.below(ENTRIES_MAX + 1) } else { 0 } {
            self.entry(bytes, &mut writer);
        }
        if matches!(message, Some(Message::Join(_))) {
            writer.pad(256);
        }
        let len = writer.finish();
        buffer.truncate(len);
        buffer
    }

    /// Somebody.
    pub fn person(&self, bytes: &mut Bytes<'_>) -> NodeId {
        match bytes.byte() {
            byte @ 0..=223 => NodeId::new(1 + u64::from(byte) % self.people as u64),
            224..=247 => self.node.id(),
            _ => NodeId::new(bytes.long()),
        }
    }

    fn message(&self, bytes: &mut Bytes<'_>) -> Option<Message<u16>> {
        let kind = bytes.below(14);
        let number = self.number(bytes);
        Some(match kind {
            0 => Message::Ping(self.ping(bytes, number)),
            1 => Message::Ack(self.ack(bytes, number)),
            2 => Message::PingRequest(self.ping_request(bytes, number)),
            3 => Message::Nack(Nack { number, refused: bytes.flip() }),
            4 => Message::Join(Join { number }),
            5 => Message::Welcome(self.welcome(bytes, number)),
            6 => Message::Refuse(refuse(bytes, number)),
            7 => Message::Pull(self.pull(bytes, number)),
            8 => Message::Page(Page { number, next: bytes.long() }),
            9 => Message::Sync(self.sync(bytes, number)),
            10 => Message::SyncReply(sync_reply(bytes, number)),
            11 => Message::Cookie(Cookie { number, cookie: bytes.byte().into() }),
            12 => Message::Busy(Busy { number }),
            _ => return None,
        })
    }

    /// What might answer `question`, with the right number.
    pub fn answer(&self, bytes: &mut Bytes<'_>, question: &Message<u16>) -> Option<Message<u16>> {
        let choice = bytes.below(3);
        Some(match (question, choice) {
            (Message::Ping(Ping { number, .. }), _) => Message::Ack(self.ack(bytes, *number)),
            (Message::PingRequest(PingRequest { number, .. }), 0) => {
                Message::Ack(self.ack(bytes, *number))
            }
            (Message::PingRequest(PingRequest { number, .. }), _) => {
                Message::Nack(Nack { number: *number, refused: bytes.flip() })
            }
            (Message::Join(Join { number }), 0) => Message::Refuse(refuse(bytes, *number)),
            (Message::Join(Join { number }), _) => Message::Welcome(self.welcome(bytes, *number)),
            (Message::Pull(Pull { number, .. }), 0) => {
                Message::Page(Page { number: *number, next: bytes.long() })
            }
            (Message::Sync(Sync { number, .. }), 0) => {
                Message::SyncReply(sync_reply(bytes, *number))
            }
            (Message::Pull(Pull { number, .. }) | Message::Sync(Sync { number, .. }), 1) => {
                Message::Cookie(Cookie { number: *number, cookie: bytes.byte().into() })
            }
            (Message::Pull(Pull { number, .. }) | Message::Sync(Sync { number, .. }), _) => {
                Message::Busy(Busy { number: *number })
            }
            (Message::SyncReply(SyncReply { number, .. }), _) => {
                Message::Sync(self.sync(bytes, *number))
            }
            (Message::Page(Page { number, .. }) | Message::Cookie(Cookie { number, .. }), _) => {
                Message::Pull(self.pull(bytes, *number))
            }
            (Message::Ack(_) | Message::Nack(_) | Message::Welcome(_), _)
            | (Message::Refuse(_) | Message::Busy(_), _) => return None,
        })
    }

    fn number(&self, bytes: &mut Bytes<'_>) -> u32 {
        let byte = bytes.byte();
        self.memory.number(byte.into()).unwrap_or_else(|| byte.into())
    }

    /// One near that at which somebody is known, or one of those that mean trouble.
    fn incarnation(&self, bytes: &mut Bytes<'_>, id: NodeId) -> Incarnation {
        const SKEW_MAX: u32 = 1 << 28;
        let known = self.node.member(id).map_or(0, |member| member.incarnation.number());
        Incarnation::new(match bytes.byte() {
            0..=127 => known,
            128..=191 => known.wrapping_add(1),
            byte @ 192..=223 => known.wrapping_add(byte.into()).wrapping_sub(200),
            224..=235 => known.wrapping_add(SKEW_MAX),
            236..=239 => known.wrapping_add(SKEW_MAX + 1),
            240..=243 => known.wrapping_add(1 << 31),
            byte => u32::MAX - u32::from(byte - 244),
        })
    }

    fn belief(&self, bytes: &mut Bytes<'_>, id: NodeId) -> Option<Belief> {
        let status = status(bytes);
        bytes.flip().then(|| Belief { incarnation: self.incarnation(bytes, id), status })
    }

    fn ping(&self, bytes: &mut Bytes<'_>, number: u32) -> Ping {
        let target = if bytes.byte() < 224 { self.node.id() } else { self.person(bytes) };
        let belief = self.belief(bytes, target);
        Ping { number, target, belief, digest: bytes.flip().then(|| digest(bytes)) }
    }

    fn ack(&self, bytes: &mut Bytes<'_>, number: u32) -> Ack {
        let stranger = bytes.flip();
        let view = match bytes.below(3) {
            0 => View::Unsaid,
            1 => View::Equal,
            _ => View::Differs { digest: digest(bytes), cookie: bytes.byte().into() },
        };
        Ack { number, stranger, view }
    }

    fn ping_request(&self, bytes: &mut Bytes<'_>, number: u32) -> PingRequest<u16> {
        let target = self.person(bytes);
        let (address, belief) = (bytes.byte().into(), self.belief(bytes, target));
        PingRequest { number, target, address, belief, nack_after_ms: bytes.word().into() }
    }

    fn welcome(&self, bytes: &mut Bytes<'_>, number: u32) -> Welcome {
        Welcome { number, members: members(bytes), cookie: bytes.byte().into() }
    }

    fn pull(&self, bytes: &mut Bytes<'_>, number: u32) -> Pull {
        let (from, last) = (bytes.long(), bytes.long());
        Pull { number, cookie: self.cookie(bytes), from, last, len_max: len_max(bytes) }
    }

    fn sync(&self, bytes: &mut Bytes<'_>, number: u32) -> Sync {
        let (cookie, hop) = (self.cookie(bytes), bytes.byte() % 16);
        Sync { number, cookie, hop, len_max: len_max(bytes) }
    }

    fn cookie(&self, bytes: &mut Bytes<'_>) -> u32 {
        if bytes.byte() < 192 { self.memory.cookie() } else { bytes.byte().into() }
    }

    fn update(&self, bytes: &mut Bytes<'_>, sender: NodeId, writer: &mut PacketWriter<'_>) {
        let id = if bytes.byte() < 64 { sender } else { self.person(bytes) };
        let (incarnation, status) = (self.incarnation(bytes, id), status(bytes));
        if status != Status::Alive {
            let voices = (0..bytes.below(6)).map(|_| Voices::one(Voice::from(self.person(bytes))));
            let voices = voices.fold(Voices::NONE, |all, voice| all.union(&voice));
            writer.update(&Update::<u16>::claim(id, Claim { incarnation, status, voices }));
            return;
        }
        let address = if bytes.byte() < 224 { id.number() as u16 } else { bytes.byte().into() };
        let patience = Patience::covering(Duration::from_millis(bytes.byte() as u64 * 500));
        let asleep = Duration::from_secs(bytes.byte().saturating_sub(200).into());
        let (boot, metadata_len) = (bytes.byte() as u16 % 4, bytes.below(METADATA_LEN_MAX + 1));
        let metadata = bytes.take(metadata_len);
        let card = Card { incarnation, boot, patience, address, metadata };
        writer.update(&Update::alive(id, card).asleep(asleep));
    }

    fn entry(&self, bytes: &mut Bytes<'_>, writer: &mut PacketWriter<'_>) {
        let range = self.range(bytes);
        let kind = bytes.below(4);
        let halvings = bytes.below(1 + Parts::HALVINGS_MAX as usize);
        let bits =
            (1 << (1u64 << halvings)) | u64::from(bytes.byte()) & ((1 << (1 << halvings)) - 1);
        let count = if kind == 0 { 1 << halvings } else { bytes.below(1 + VALUES_MAX) };
        let values = self.values(bytes, count);
        let values = Values::new(&values);
        match kind {
            0 if range.depth() as usize + halvings > Range::DEPTH_MAX as usize => false,
            0 => writer.entry(Entry::Fingerprints(range, values)),
            1 => writer.entry(Entry::Hashes(range, values)),
            2 => writer.entry(Entry::Wanted(range, values)),
            _ => Parts::new(range, bits).is_some_and(|parts| writer.entry(Entry::Differing(parts))),
        };
    }

    fn range(&self, bytes: &mut Bytes<'_>) -> Range {
        let byte = bytes.byte();
        let known = self.memory.range(byte.into()).unwrap_or(Range::ALL);
        match byte {
            0..=63 => Range::ALL,
            64..=159 => known,
            160..=223 => known.part(usize::from(byte) % 4, 2).unwrap_or(known),
            _ => Range::new(bytes.long()).unwrap_or(Range::ALL),
        }
    }

    /// Those the node has said, as far as there are any, with some changes.
    fn values(&self, bytes: &mut Bytes<'_>, count: usize) -> Vec<[u8; 4]> {
        let skipped = bytes.below(4);
        let said = self.memory.values().iter().copied().skip(skipped);
        let mut values: Vec<_> = said.chain(core::iter::repeat([0; 4])).take(count).collect();
        if let Some(value) = values.get_mut(bytes.below(count)) {
            *value = [bytes.byte(); 4];
        }
        values
    }
}

fn status(bytes: &mut Bytes<'_>) -> Status {
    bytes.choose(&[
        Status::Alive,
        Status::Alive,
        Status::Alive,
        Status::Suspect,
        Status::Suspect,
        Status::Dead,
        Status::Dead,
        Status::Left,
    ])
}

fn digest(bytes: &mut Bytes<'_>) -> Digest {
    Digest { members: members(bytes).max(1), fingerprint: bytes.byte().into() }
}

fn members(bytes: &mut Bytes<'_>) -> u32 {
    match bytes.byte() {
        u8::MAX => u32::MAX,
        byte @ 224.. => u32::from(byte) << 8,
        byte => byte.into(),
    }
}

fn len_max(bytes: &mut Bytes<'_>) -> u16 {
    bytes.choose(&[1_400, 127, 128, 512, 65_535, 0])
}

fn refuse(bytes: &mut Bytes<'_>, number: u32) -> Refuse {
    let reasons = [
        Refusal::OtherCluster,
        Refusal::IdInUse,
        Refusal::Leaving,
        Refusal::TableFull,
        Refusal::Implausible,
        Refusal::Other,
    ];
    Refuse { number, reason: bytes.choose(&reasons) }
}

fn sync_reply(bytes: &mut Bytes<'_>, number: u32) -> SyncReply {
    let hop = bytes.byte() % 16;
    SyncReply { number, hop, members: members(bytes), len_max: len_max(bytes) }
}
