//! Packets: forged ones, and what can be asked of those that were sent.

use std::time::Duration;

use swim_core::wire::{Ack, Header, Message, Nack, Packet, PacketWriter, Page, Ping, PingRequest};
use swim_core::wire::{Pull, Update, View};
use swim_core::{
    Card, Channel, Claim, Incarnation, Instant, NodeId, Patience, Status, Voice, Voices,
};

pub const A: u16 = 1;
pub const B: u16 = 2;
pub const C: u16 = 3;
pub const D: u16 = 4;
pub const E: u16 = 5;
pub const F: u16 = 6;
/// Somebody whom no node knows.
pub const STRANGER: u16 = 999;

pub fn id(member: u16) -> NodeId {
    NodeId::new(member.into())
}

pub fn at(incarnation: u32) -> Incarnation {
    Incarnation::new(incarnation)
}

pub fn millis(from: Instant, to: Instant) -> u128 {
    let passed = to.since(from);
    assert_eq!(passed.subsec_micros() % 1_000, 0, "{passed:?} is not whole milliseconds");
    passed.as_millis()
}

/// Whether two pings, or requests, are of one probe: only the two lowest bits tell them apart.
pub fn is_one_probe(number: u32, other: u32) -> bool {
    (number ^ other) < 4
}

pub fn alive(member: u16, incarnation: u32) -> Update<'static, u16> {
    alive_with(member, incarnation, b"")
}

pub fn alive_with(member: u16, incarnation: u32, metadata: &[u8]) -> Update<'_, u16> {
    let card = Card {
        incarnation: at(incarnation),
        boot: member,
        patience: Patience::NONE,
        address: member,
        metadata,
    };
    Update::alive(id(member), card)
}

pub fn suspect(member: u16, incarnation: u32, accuser: u16) -> Update<'static, u16> {
    let voices = Voices::one(Voice::from(id(accuser)));
    claim(member, Claim { incarnation: at(incarnation), status: Status::Suspect, voices })
}

pub fn dead(member: u16, incarnation: u32) -> Update<'static, u16> {
    claim(member, Claim::new(at(incarnation), Status::Dead))
}

pub fn left(member: u16, incarnation: u32) -> Update<'static, u16> {
    claim(member, Claim::new(at(incarnation), Status::Left))
}

/// A suspicion with all these voices.
pub fn accused(member: u16, incarnation: u32, accusers: &[u16]) -> Update<'static, u16> {
    let voices = voices(accusers);
    claim(member, Claim { incarnation: at(incarnation), status: Status::Suspect, voices })
}

/// A death declared by these judges.
pub fn condemned(member: u16, incarnation: u32, judges: &[u16]) -> Update<'static, u16> {
    let voices = voices(judges);
    claim(member, Claim { incarnation: at(incarnation), status: Status::Dead, voices })
}

/// Somebody alive who asks for patience.
pub fn patient(member: u16, incarnation: u32, wanted: Duration) -> Update<'static, u16> {
    let card = Card {
        incarnation: at(incarnation),
        boot: member,
        patience: Patience::covering(wanted),
        address: member,
        metadata: b"",
    };
    Update::alive(id(member), card)
}

pub fn voices(members: &[u16]) -> Voices {
    let mut voices = Voices::NONE;
    members.iter().for_each(|&member| voices.insert(Voice::from(id(member))));
    voices
}

fn claim(member: u16, claim: Claim) -> Update<'static, u16> {
    Update::claim(id(member), claim)
}

pub fn ping(number: u32, target: u16) -> Option<Message<u16>> {
    Some(Message::Ping(Ping { number, target: id(target), belief: None, digest: None }))
}

pub fn ack(number: u32) -> Option<Message<u16>> {
    Some(Message::Ack(Ack { number, stranger: false, view: View::Unsaid }))
}

pub fn nack(number: u32) -> Option<Message<u16>> {
    Some(Message::Nack(Nack { number, refused: false }))
}

/// The nack of a relay that was refused.
pub fn refused(number: u32) -> Option<Message<u16>> {
    Some(Message::Nack(Nack { number, refused: true }))
}

/// A request that wants a nack after `nack_after_ms`.
pub fn request(number: u32, target: u16, nack_after_ms: u32) -> Option<Message<u16>> {
    let (target, address) = (id(target), target);
    let request = PingRequest { number, target, address, belief: None, nack_after_ms };
    Some(Message::PingRequest(request))
}

pub fn last_page(number: u32) -> Option<Message<u16>> {
    Some(Message::Page(Page { number, next: 0 }))
}

/// Writes a packet as `header`'s sender would.
pub fn forge(
    header: &Header,
    message: Option<Message<u16>>,
    updates: &[Update<'_, u16>],
) -> Vec<u8> {
    let mut buffer = vec![0; 65_507];
    let mut writer = PacketWriter::new(&mut buffer, header).expect("room for a header");
    assert!(message.is_none_or(|message| writer.message(&message)));
    assert!(updates.iter().all(|update| writer.update(update)));
    let len = writer.finish();
    buffer.truncate(len);
    buffer
}

/// The same, as long as a datagram may be.
pub fn forge_long(header: &Header, message: Option<Message<u16>>) -> Vec<u8> {
    let mut buffer = vec![0; 1_400];
    let mut writer = PacketWriter::new(&mut buffer, header).expect("room for a header");
    assert!(message.is_none_or(|message| writer.message(&message)));
    writer.pad(1_400);
    let len = writer.finish();
    buffer.truncate(len);
    buffer
}

/// A packet that a node sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Instant,
    pub from: u16,
    pub to: u16,
    pub channel: Channel,
    pub bytes: Vec<u8>,
}

impl Sent {
    pub fn packet(&self) -> Packet<'_, u16> {
        Packet::parse(&self.bytes).expect("nodes send packets")
    }

    pub fn message(&self) -> Option<Message<u16>> {
        self.packet().message
    }

    pub fn updates(&self) -> Vec<Update<'_, u16>> {
        self.packet().updates().collect()
    }

    /// What it says about `member`; at most once.
    pub fn about(&self, member: u16) -> Option<Update<'_, u16>> {
        let updates = self.updates();
        let mut found = updates.into_iter().filter(|update| update.id == id(member));
        let update = found.next();
        assert_eq!(found.count(), 0, "a packet repeats itself: {self:?}");
        update
    }

    pub fn ping(&self) -> Option<Ping> {
        self.message().and_then(|message| match message {
            Message::Ping(ping) => Some(ping),
            _ => None,
        })
    }

    pub fn ack(&self) -> Option<Ack> {
        self.message().and_then(|message| match message {
            Message::Ack(ack) => Some(ack),
            _ => None,
        })
    }

    pub fn nack(&self) -> Option<Nack> {
        self.message().and_then(|message| match message {
            Message::Nack(nack) => Some(nack),
            _ => None,
        })
    }

    pub fn request(&self) -> Option<PingRequest<u16>> {
        self.message().and_then(|message| match message {
            Message::PingRequest(request) => Some(request),
            _ => None,
        })
    }

    pub fn pull(&self) -> Option<Pull> {
        self.message().and_then(|message| match message {
            Message::Pull(pull) => Some(pull),
            _ => None,
        })
    }

    pub fn page(&self) -> Option<Page> {
        self.message().and_then(|message| match message {
            Message::Page(page) => Some(page),
            _ => None,
        })
    }

    /// Whether it is a datagram without a message.
    pub fn is_gossip(&self) -> bool {
        self.message().is_none()
    }
}
