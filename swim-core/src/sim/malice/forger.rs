//! Packets that are well formed and not true.

use crate::Config;
use crate::config::Label;
use crate::judge::{Card, Claim, VOICES_MAX, Voices};
use crate::member::{Incarnation, NodeId, Patience, Status, Voice};
use crate::rng::Rng;
use crate::sim::scenario::{SimAddress, address};
use crate::wire::{
    Ack, Belief, Busy, Cookie, Digest, Header, Join, Message, Nack, PacketWriter, Page, Ping,
    PingRequest, Pull, Refusal, Refuse, SEAL_LEN, Sync, SyncReply, Update, View, Welcome,
};

use super::Contact;
use super::insider::Ahead;

/// Updates in a packet of anything.
const UPDATES_MAX: usize = 6;
/// Addresses from here on belong to nobody.
const NOBODYS_ADDRESSES: u32 = 1 << 20;
/// Ids from here on belong to nobody; those of the members are 56 bits long.
const GHOSTS: u64 = 1 << 60;
/// Ghosts that an outsider tells of in one packet.
const GHOSTS_IN_PACKET: usize = 12;
/// How many ghosts there are.
const GHOSTS_COUNT: usize = 1 << 8;

/// Writes what it likes about members it knows.
pub(super) struct Forger<'a> {
    pub rng: &'a mut Rng,
    contacts: &'a [Contact],
    label: Label,
    len_max: usize,
    skew_max: u32,
}

impl<'a> Forger<'a> {
    /// One that knows `contacts`, in a cluster with this configuration.
    pub fn new(rng: &'a mut Rng, contacts: &'a [Contact], config: &Config) -> Self {
        let len_max = usize::from(config.datagram_len_max).saturating_sub(SEAL_LEN);
        let (label, skew_max) = (config.label, config.incarnation_skew_max);
        Self { rng, contacts, label, len_max, skew_max }
    }

    /// A packet of any kind in the name of `speaker`, of a ghost or of somebody in another cluster.
    pub fn anything(&mut self, speaker: Contact) -> Vec<u8> {
        let mut speaker = speaker;
        if self.rng.below(8) == 0 {
            speaker = self.ghost(speaker.address);
        }
        speaker.incarnation = self.any_incarnation(speaker.incarnation);
        speaker.round = [0, 1, u16::MAX, self.rng.next_u32() as u16][self.rng.below(4)];
        let message = (self.rng.below(4) > 0).then(|| self.any_message(speaker));
        let updates = (0..self.rng.below(UPDATES_MAX + 1)).map(|_| self.any_update()).collect();
        let label = self.label;
        if self.rng.below(8) == 0 {
            self.label = Label(self.rng.next_u32());
        }
        let packet = self.packet(speaker, message, updates);
        self.label = label;
        packet
    }

    /// A packet of `speaker` with as many of `updates` as fit.
    pub fn packet(
        &self,
        speaker: Contact,
        message: Option<Message<SimAddress>>,
        updates: Vec<Update<'_, SimAddress>>,
    ) -> Vec<u8> {
        let mut packet = vec![0; self.len_max];
        let Contact { id: sender, incarnation, round, .. } = speaker;
        let header = Header { label: self.label, sender, incarnation, round };
        let Some(mut writer) = PacketWriter::new(&mut packet, &header) else { return Vec::new() };
        if let Some(message) = message {
            writer.message(&message);
        }
        for update in updates {
            writer.update(&update);
        }
        let len = writer.finish();
        packet.truncate(len);
        packet
    }

    /// A packet of `speaker` with a dozen members that do not exist.
    pub fn ghosts(&mut self, speaker: Contact) -> Vec<u8> {
        let ghost = |_| {
            let address = self.nobodys_address();
            alive(self.ghost(address))
        };
        let updates = (0..GHOSTS_IN_PACKET).map(ghost).collect();
        self.packet(speaker, None, updates)
    }

    /// Somebody who does not exist.
    pub fn ghost(&mut self, address: SimAddress) -> Contact {
        let id = NodeId::new(GHOSTS + self.rng.below(GHOSTS_COUNT) as u64);
        let (incarnation, boot) = (Incarnation::new(0), self.rng.next_u32() as u16);
        Contact { id, address, incarnation, boot, round: 0 }
    }

    /// So many of those it knows, or all of them.
    pub fn some_contacts(&mut self, count: usize) -> Vec<Contact> {
        let first = self.rng.below(self.contacts.len().max(1));
        let around = self.contacts.iter().cycle().skip(first);
        around.take(count.min(self.contacts.len())).copied().collect()
    }

    /// A member as it is not yet.
    pub fn moved_ahead(&mut self, member: Contact, ahead: Ahead) -> Contact {
        let known = member.incarnation.number();
        let number = match ahead {
            Ahead::By(by) => known.wrapping_add(by),
            Ahead::Guard => known.wrapping_add(self.skew_max),
            Ahead::Max => u32::MAX,
            Ahead::Mixed => {
                let any = [Ahead::By(0), Ahead::By(1), Ahead::Guard, Ahead::Max];
                let ahead = any[self.rng.below(any.len())];
                return self.moved_ahead(member, ahead);
            }
        };
        Contact { incarnation: Incarnation::new(number), ..member }
    }

    /// An address at which nobody listens.
    pub fn nobodys_address(&mut self) -> SimAddress {
        address(NOBODYS_ADDRESSES + self.rng.below(GHOSTS_COUNT) as u32)
    }

    /// A suspicion, or a death, in which up to four members agree.
    pub fn accusation(
        &mut self,
        of: NodeId,
        incarnation: Incarnation,
    ) -> Update<'static, SimAddress> {
        let status = if self.rng.below(2) == 0 { Status::Suspect } else { Status::Dead };
        let mut voices = Voices::NONE;
        for _ in 0..=self.rng.below(VOICES_MAX) {
            voices.insert(Voice::from(self.anybody().id));
        }
        Update::claim(of, Claim { incarnation, status, voices })
    }

    /// A digest of a table that nobody has.
    pub fn digest(&mut self) -> Digest {
        let members = self.contacts.len() as u32 + 1 + self.rng.below(2) as u32;
        Digest { members, fingerprint: self.rng.next_u32() }
    }

    fn anybody(&mut self) -> Contact {
        match self.contacts {
            [] => self.ghost(address(0)),
            contacts => contacts[self.rng.below(contacts.len())],
        }
    }

    /// As known, a little ahead of it, just within and beyond the skew guard, or anything.
    pub fn any_incarnation(&mut self, known: Incarnation) -> Incarnation {
        let ahead = |by: u32| Incarnation::new(known.number().wrapping_add(by));
        match self.rng.below(8) {
            0 | 1 => known,
            2 => known.next(),
            3 => ahead(self.skew_max),
            4 => ahead(self.skew_max.wrapping_add(1)),
            5 => Incarnation::new(u32::MAX),
            6 => ahead(self.rng.below(16) as u32),
            _ => Incarnation::new(self.rng.next_u32()),
        }
    }

    fn any_update(&mut self) -> Update<'static, SimAddress> {
        let mut subject = self.anybody();
        if self.rng.below(4) == 0 {
            let address = self.nobodys_address();
            subject = self.ghost(address);
        }
        let incarnation = self.any_incarnation(subject.incarnation);
        match self.rng.below(4) {
            0 => {
                let (boot, patience) = (self.rng.next_u32() as u16, Patience::NONE);
                let address = match self.rng.below(2) {
                    0 => subject.address,
                    _ => self.nobodys_address(),
                };
                let card = Card { incarnation, boot, patience, address, metadata: &[] };
                Update::alive(subject.id, card)
            }
            1 => Update::claim(subject.id, Claim::new(incarnation, Status::Left)),
            _ => self.accusation(subject.id, incarnation),
        }
    }

    fn any_message(&mut self, speaker: Contact) -> Message<SimAddress> {
        let (number, cookie) = (self.rng.next_u32(), self.rng.next_u32());
        let (target, len_max) = (self.anybody(), u16::MAX);
        let status = [Status::Alive, Status::Suspect, Status::Dead, Status::Left];
        let status = status[self.rng.below(status.len())];
        let belief = Some(Belief { incarnation: self.any_incarnation(target.incarnation), status });
        let digest = Some(self.digest());
        match self.rng.below(13) {
            0 => Message::Ping(Ping { number, target: target.id, belief, digest }),
            1 => Message::Ack(Ack { number, stranger: true, view: View::Equal }),
            2 => Message::PingRequest(PingRequest {
                number,
                target: target.id,
                address: if self.rng.below(2) == 0 { target.address } else { speaker.address },
                belief,
                nack_after_ms: 1,
            }),
            3 => Message::Nack(Nack { number, refused: true }),
            4 => Message::Join(Join { number }),
            5 => Message::Welcome(Welcome { number, members: 1 << 16, cookie }),
            6 => Message::Refuse(Refuse { number, reason: Refusal::IdInUse }),
            7 => Message::Pull(Pull { number, cookie, from: 0, last: u64::MAX, len_max }),
            8 => Message::Page(Page { number, next: 0 }),
            9 => Message::Sync(Sync { number, cookie, hop: 0, len_max }),
            10 => Message::SyncReply(SyncReply { number, hop: 1, members: 1 << 16, len_max }),
            11 => Message::Cookie(Cookie { number, cookie }),
            _ => Message::Busy(Busy { number }),
        }
    }
}

/// What a member says of itself.
pub(super) fn alive(member: Contact) -> Update<'static, SimAddress> {
    let Contact { id, address, incarnation, boot, .. } = member;
    let patience = Patience::NONE;
    Update::alive(id, Card { incarnation, boot, patience, address, metadata: &[] })
}
