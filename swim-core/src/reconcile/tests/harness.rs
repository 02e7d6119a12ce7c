//! Two tables, the packets between them, and what must become of them.

use core::cmp::Ordering;
use core::net::{Ipv4Addr, SocketAddrV4};
use std::collections::BTreeSet;

use crate::address::Address;
use crate::config::Label;
use crate::judge::{Card, Claim, ClaimVerdict, Voices};
use crate::member::{Incarnation, NodeId, Patience, Status, Voice, mix};
use crate::reconcile::{Agenda, ROWS_LOOKED_AT_MAX};
use crate::rng::Rng;
use crate::storage::Storage;
use crate::sync::{HOPS_MAX, TRIES_MAX};
use crate::table::{Row, Table};
use crate::time::Instant;
use crate::wire::{Header, Message, Packet, PacketWriter, Sync, SyncReply, Update};

pub type Ip = SocketAddrV4;

const NOW: Instant = Instant::from_secs(1);

/// A cookie as long as any.
const COOKIE: u32 = 0x1234_5678;

/// What one side knows of a member before it meets the other.
#[derive(Clone, Debug)]
pub struct Record {
    pub id: NodeId,
    pub incarnation: u32,
    pub boot: u16,
    pub status: Status,
    pub metadata: Vec<u8>,
    /// Whether more is known than how it ended.
    pub introduced: bool,
}

impl Record {
    pub fn new(id: NodeId) -> Self {
        let boot = mix(id.number()) as u16;
        let (status, metadata) = (Status::Alive, Vec::new());
        Self { id, incarnation: 0, boot, status, metadata, introduced: true }
    }

    pub fn card(&self) -> Card<'_, Ip> {
        Card {
            incarnation: Incarnation::new(self.incarnation),
            boot: self.boot,
            patience: Patience::NONE,
            address: address_of(self.id),
            metadata: &self.metadata,
        }
    }
}

fn address_of(id: NodeId) -> Ip {
    SocketAddrV4::new(Ipv4Addr::from(mix(id.number()) as u32), 7_946)
}

/// `count` different random 56-bit ids.
pub fn random_ids(count: usize, rng: &mut Rng) -> Vec<NodeId> {
    let mut ids = BTreeSet::new();
    while ids.len() < count {
        ids.insert(NodeId::from_random(rng.next_u64()));
    }
    let mut ids: Vec<_> = ids.into_iter().collect();
    shuffle(&mut ids, rng);
    ids
}

pub fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for place in (1..items.len()).rev() {
        items.swap(place, rng.below(place + 1));
    }
}

/// The id that is mixed to this: the inverse of `mix`.
pub fn unmixed(key: u64) -> NodeId {
    let mut z = key;
    z ^= (z >> 31) ^ (z >> 62);
    z = z.wrapping_mul(0x3196_42b2_d24d_8ec3);
    z ^= (z >> 27) ^ (z >> 54);
    z = z.wrapping_mul(0x96de_1b17_3f11_9089);
    z ^= (z >> 30) ^ (z >> 60);
    NodeId::new(z.wrapping_sub(0x9e37_79b9_7f4a_7c15))
}

#[test]
fn unmixed_ids_are_mixed_again() {
    for key in [0, 1, 77, u64::MAX, 0x8000_0000_0000_0000] {
        assert_eq!(unmixed(key).mixed(), key);
    }
}

/// One of the two.
pub struct Side<S: Storage> {
    pub table: Table<Ip, S>,
    agenda: Agenda<S>,
    /// The longest datagram it sends and takes.
    pub len_max: usize,
    /// The most rows it has looked at for one packet.
    pub rows_looked_at_most: usize,
}

impl<S: Storage> Agenda<S> {
    pub fn rows_looked_at(&self) -> usize {
        ROWS_LOOKED_AT_MAX - self.budget
    }
}

impl<S: Storage> Side<S> {
    pub fn new(storage: S, me: &Record, len_max: usize) -> Self {
        let agenda = Agenda::new(&storage);
        let table = Table::new(storage, me.id, &me.card(), NOW).expect("room for one");
        Self { table, agenda, len_max, rows_looked_at_most: 0 }
    }

    /// Makes it know what `record` says.
    pub fn know(&mut self, record: &Record) {
        if record.id == self.table.me().id() {
            return;
        }
        if record.introduced {
            self.apply(&Update::alive(record.id, record.card()));
        }
        if record.status != Status::Alive {
            let claim = Claim::new(Incarnation::new(record.incarnation), record.status);
            self.apply(&Update::claim(record.id, claim));
        }
        while self.table.poll_news().is_some() {}
    }

    fn apply(&mut self, update: &Update<'_, Ip>) {
        let from = address_of(update.id);
        self.table.apply(self.table.find(update.id), update, from, NOW);
    }

    /// Every suspicion ends in death, as it does when nobody refutes.
    pub fn condemn_suspects(&mut self) {
        let suspect = |row: &Row<'_, Ip>| row.status() == Status::Suspect;
        let suspects = self.table.iter().filter(suspect).map(|row| (row.id(), row.claim()));
        for (id, claim) in suspects.collect::<Vec<_>>() {
            self.apply(&Update::claim(id, Claim { status: Status::Dead, ..claim }));
        }
    }

    fn header(&self) -> Header {
        let me = self.table.me();
        let (sender, incarnation) = (me.id(), me.incarnation());
        Header { label: Label::default(), sender, incarnation, round: 0 }
    }

    fn write(&mut self, message: Message<Ip>, number: u32, len_max: usize) -> Vec<u8> {
        let mut buffer = vec![0; len_max];
        let mut writer = PacketWriter::new(&mut buffer, &self.header()).expect("room");
        assert!(writer.message(&message));
        self.agenda.write(number, &self.table, &mut writer).expect("its own agenda");
        self.rows_looked_at_most = self.rows_looked_at_most.max(self.agenda.rows_looked_at());
        let len = writer.finish();
        buffer.truncate(len);
        buffer
    }

    /// What a node does with the rows of such a packet, and what it makes of the entries.
    fn hear(&mut self, number: u32, packet: &Packet<'_, Ip>) {
        for update in packet.updates() {
            self.take(update, packet.header.sender);
        }
        self.agenda.hear(number, &self.table, packet);
        self.rows_looked_at_most = self.rows_looked_at_most.max(self.agenda.rows_looked_at());
        while self.table.poll_news().is_some() {}
    }

    fn take(&mut self, mut update: Update<'_, Ip>, sender: NodeId) {
        let me = self.table.me();
        if update.id == me.id() {
            if me.judge(&update).claim != ClaimVerdict::Keep {
                let next = update.claim.incarnation.next();
                self.table.reincarnate(next, Status::Alive, NOW);
            }
            return;
        }
        let told = update.claim.status;
        if !told.is_live() {
            let Some(row) = self.table.member(update.id) else { return };
            if told == Status::Dead && row.status().is_live() {
                let voices = Voices::one(Voice::from(sender));
                update.claim = Claim { status: Status::Suspect, voices, ..update.claim };
            }
        }
        self.apply(&update);
    }

    /// Whether a datagram can bring this row to the other side.
    fn can_tell(&self, id: NodeId, message: Message<Ip>, len_max: usize) -> bool {
        let row = self.table.member(id).expect("its row");
        let Some(update) = row.introduction() else { return false };
        let mut buffer = vec![0; len_max];
        let mut writer = PacketWriter::new(&mut buffer, &self.header()).expect("room");
        writer.message(&message) && writer.update(&update)
    }
}

/// What went over the network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    pub bytes: usize,
    pub packets: usize,
    pub sessions: usize,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing was left to say.
    Finished,
    /// After so many hops as are allowed.
    Stopped,
    /// Time and again no answer came.
    Lost,
}

/// Two tables, one of which starts.
pub struct Pair<S: Storage, T: Storage> {
    pub near: Side<S>,
    pub far: Side<T>,
    pub traffic: Traffic,
}

impl<S: Storage, T: Storage> Pair<S, T> {
    pub fn new(near: Side<S>, far: Side<T>) -> Self {
        Self { near, far, traffic: Traffic::default() }
    }

    pub fn is_equal(&self) -> bool {
        self.near.table.tally_all() == self.far.table.tally_all()
    }

    /// One session from the whole table on. What gets no answer is asked again, as often as a node
    /// does.
    pub fn session(&mut self, number: u32, mut lost: impl FnMut() -> bool) -> End {
        self.traffic.sessions += 1;
        self.near.agenda.open(number);
        let (mut hop, mut tries) = (0, 0);
        while tries < TRIES_MAX {
            tries += 1;
            if !self.step(number, hop, &mut lost) {
                continue;
            }
            if self.near.agenda.is_empty() {
                return End::Finished;
            }
            if hop + 1 >= HOPS_MAX {
                return End::Stopped;
            }
            (hop, tries) = (hop + 2, 0);
        }
        End::Lost
    }

    /// A question and its answer. Returns whether both arrived.
    fn step(&mut self, number: u32, hop: u8, lost: &mut impl FnMut() -> bool) -> bool {
        let question = self.near.write(self.sync(number, hop), number, self.near.len_max);
        if !self.travels(&question, self.near.len_max, lost) {
            return false;
        }
        self.far.hear(number, &Packet::parse(&question).expect("a packet"));
        let len_max = self.answer_len_max();
        let answer = self.far.write(self.reply(number, hop + 1), number, len_max);
        if !self.travels(&answer, len_max, lost) {
            return false;
        }
        self.near.hear(number, &Packet::parse(&answer).expect("a packet"));
        true
    }

    fn travels(&mut self, bytes: &[u8], len_max: usize, lost: &mut impl FnMut() -> bool) -> bool {
        assert!(bytes.len() <= len_max);
        self.traffic.packets += 1;
        self.traffic.bytes += bytes.len();
        !lost()
    }

    fn answer_len_max(&self) -> usize {
        self.near.len_max.min(self.far.len_max)
    }

    fn sync(&self, number: u32, hop: u8) -> Message<Ip> {
        let len_max = self.near.len_max as u16;
        Message::Sync(Sync { number, cookie: COOKIE, hop, len_max })
    }

    fn reply(&self, number: u32, hop: u8) -> Message<Ip> {
        let members = self.far.table.tally_all().count as u32;
        let len_max = self.far.len_max as u16;
        Message::SyncReply(SyncReply { number, hop, members, len_max })
    }

    /// The members about whom the two differ in a way that packets between them can mend. They
    /// cannot
    ///
    /// - when the row in question was cut, or is longer than any datagram: somebody else has to
    ///   tell it;
    /// - when one knows of a death and the other has become suspicious therefore: the member itself
    ///   or its deadline decides.
    pub fn unresolved(&self) -> Vec<NodeId> {
        let ids = self.near.table.iter().map(|row| row.id());
        let ids: BTreeSet<_> = ids.chain(self.far.table.iter().map(|row| row.id())).collect();
        ids.into_iter().filter(|&id| self.is_unresolved(id)).collect()
    }

    fn is_unresolved(&self, id: NodeId) -> bool {
        let (near, far) = (self.near.table.member(id), self.far.table.member(id));
        let near_live = near.filter(|row| row.is_live());
        let far_live = far.filter(|row| row.is_live());
        let near_tells = || self.near.can_tell(id, self.sync(0, 0), self.near.len_max);
        let far_tells = || self.far.can_tell(id, self.reply(0, 0), self.answer_len_max());
        match (near_live, far_live) {
            (None, None) => false,
            (Some(near), Some(far)) if near.hash() == far.hash() => false,
            (Some(near), Some(far)) => match near.words().precedence(&far.words()) {
                Ordering::Greater => near_tells(),
                _ => far_tells(),
            },
            (Some(near), None) => near_tells() && far.is_none_or(|far| !is_disputed(near, far)),
            (None, Some(far)) => far_tells() && near.is_none_or(|near| !is_disputed(far, near)),
        }
    }

    /// Bytes of the records that have to cross over, each once, without anything around them.
    pub fn ideal_bytes(&self) -> usize {
        let unresolved = self.unresolved();
        let len = |update: Option<Update<'_, Ip>>| update.map_or(0, |update| encoded_len(&update));
        let lens = unresolved.into_iter().map(|id| {
            let (near, far) = (self.near.table.member(id), self.far.table.member(id));
            len(near.and_then(|row| row.update())).max(len(far.and_then(|row| row.update())))
        });
        lens.sum()
    }
}

/// Whether this is the suspicion that follows from that death.
fn is_disputed(live: Row<'_, Ip>, dead: Row<'_, Ip>) -> bool {
    let ended = dead.status() == Status::Dead && live.status() == Status::Suspect;
    ended && live.words().incarnation.ahead_of(dead.claim().incarnation) == 0
}

pub fn encoded_len<A: Address>(update: &Update<'_, A>) -> usize {
    let mut buffer = [0; 2_000];
    let header = Header {
        label: Label::default(),
        sender: NodeId::new(0),
        incarnation: Incarnation::new(0),
        round: 0,
    };
    let mut writer = PacketWriter::new(&mut buffer, &header).expect("room");
    let before = writer.room_len();
    assert!(writer.update(update));
    before - writer.room_len()
}
