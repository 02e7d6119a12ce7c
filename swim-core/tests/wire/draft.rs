//! Packets as values, before they are written.

use std::time::Duration;

use swim_core::wire::{
    Entry, Header, Message, Packet, PacketWriter, ParseError, Parts, Range, Update, Values, rewrite,
};
use swim_core::{
    Address, Card, Claim, Incarnation, Label, NodeId, Patience, Status, Voice, Voices,
};

/// Longer than any packet of these tests.
const BUFFER_LEN: usize = 1 << 16;

/// A packet as values.
#[derive(Clone, Debug)]
pub struct Draft<A> {
    pub header: Header,
    pub message: Option<Message<A>>,
    pub statements: Vec<Statement>,
    pub facts: Vec<Fact<A>>,
    /// Filled up to so many bytes, if it is shorter.
    pub len_min: usize,
}

/// An entry that owns its values.
#[derive(Clone, Debug)]
pub enum Statement {
    Fingerprints(Range, Vec<[u8; 4]>),
    Hashes(Range, Vec<[u8; 4]>),
    Wanted(Range, Vec<[u8; 4]>),
    Differing(Parts),
}

/// An update that owns its metadata.
#[derive(Clone, Debug)]
pub struct Fact<A> {
    pub id: NodeId,
    pub claim: Claim,
    pub said: Option<Words<A>>,
}

/// What a member says of itself.
#[derive(Clone, Debug)]
pub struct Words<A> {
    pub boot: u16,
    pub patience: Patience,
    pub address: A,
    pub metadata: Vec<u8>,
    pub asleep: Duration,
}

impl<A> Draft<A> {
    pub fn new(header: Header) -> Self {
        Self { header, message: None, statements: Vec::new(), facts: Vec::new(), len_min: 0 }
    }

    pub fn says(self, message: Message<A>) -> Self {
        Self { message: Some(message), ..self }
    }

    pub fn compares(self, statements: Vec<Statement>) -> Self {
        Self { statements, ..self }
    }

    pub fn tells(self, facts: Vec<Fact<A>>) -> Self {
        Self { facts, ..self }
    }

    pub fn padded(self, len_min: usize) -> Self {
        Self { len_min, ..self }
    }
}

impl<A: Address> Draft<A> {
    pub fn updates(&self) -> Vec<Update<'_, A>> {
        self.facts.iter().map(Fact::update).collect()
    }

    pub fn entries(&self) -> Vec<Entry<'_>> {
        self.statements.iter().map(Statement::entry).collect()
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut buffer = vec![0; BUFFER_LEN];
        let (len, complete) = self.write(&mut buffer).expect("room for the header");
        assert!(complete, "room for everything");
        buffer.truncate(len);
        buffer
    }

    /// Writes as much as fits. Returns the length, and whether that was everything.
    pub fn write(&self, buffer: &mut [u8]) -> Option<(usize, bool)> {
        let mut writer = PacketWriter::new(buffer, &self.header)?;
        let complete = self.write_body(&mut writer);
        if self.len_min > 0 {
            writer.pad(self.len_min);
        }
        Some((writer.finish(), complete))
    }

    fn write_body(&self, writer: &mut PacketWriter<'_>) -> bool {
        // How far a page goes is known when its rows are written.
        let (last, first): (Vec<_>, Vec<_>) =
            self.message.iter().partition(|message| matches!(message, Message::Page(_)));
        first.iter().all(|message| writer.message(message))
            && self.entries().into_iter().all(|entry| writer.entry(entry))
            && self.updates().iter().all(|update| writer.update(update))
            && last.iter().all(|message| writer.message(message))
    }

    pub fn is_read_from(&self, bytes: &[u8]) -> bool {
        Packet::<A>::parse(bytes).is_ok_and(|packet| {
            packet.header == self.header
                && packet.message == self.message
                && packet.entries().eq(self.entries())
                && packet.updates().eq(self.updates())
        })
    }
}

impl Statement {
    pub fn entry(&self) -> Entry<'_> {
        match self {
            Self::Fingerprints(range, values) => Entry::Fingerprints(*range, Values::new(values)),
            Self::Hashes(range, values) => Entry::Hashes(*range, Values::new(values)),
            Self::Wanted(range, values) => Entry::Wanted(*range, Values::new(values)),
            Self::Differing(parts) => Entry::Differing(*parts),
        }
    }
}

pub fn fingerprints(range: u64, values: &[u32]) -> Statement {
    Statement::Fingerprints(range_of(range), bytes_of(values))
}

pub fn hashes(range: u64, values: &[u32]) -> Statement {
    Statement::Hashes(range_of(range), bytes_of(values))
}

pub fn wanted(range: u64, values: &[u32]) -> Statement {
    Statement::Wanted(range_of(range), bytes_of(values))
}

/// The parts of a range that `bits` name, with a 1 above them all.
pub fn differing(range: u64, bits: u64) -> Statement {
    Statement::Differing(Parts::new(range_of(range), bits).expect("parts of the range"))
}

fn range_of(number: u64) -> Range {
    Range::new(number).expect("the number of a range")
}

fn bytes_of(values: &[u32]) -> Vec<[u8; 4]> {
    values.iter().map(|value| value.to_le_bytes()).collect()
}

impl<A: Address> Fact<A> {
    fn update(&self) -> Update<'_, A> {
        match &self.said {
            None => Update::claim(self.id, self.claim),
            Some(Words { boot, patience, address, metadata, asleep }) => {
                let incarnation = self.claim.incarnation;
                let (boot, patience, address) = (*boot, *patience, *address);
                let card = Card { incarnation, boot, patience, address, metadata };
                Update::alive(self.id, card).asleep(*asleep)
            }
        }
    }
}

impl<A> Fact<A> {
    /// The same member, asking the others to wait for so many tenths of a second.
    pub fn patient(mut self, tenths: u16) -> Self {
        let words = self.said.as_mut().expect("an Alive");
        words.patience = patience_of(tenths);
        self
    }

    /// The same member, silent for so many tenths of a second.
    pub fn asleep(mut self, tenths: u32) -> Self {
        let words = self.said.as_mut().expect("an Alive");
        words.asleep = tenths_of(tenths);
        self
    }
}

pub fn alive<A>(id: NodeId, incarnation: u32, boot: u16, address: A, metadata: &[u8]) -> Fact<A> {
    let claim = Claim::new(Incarnation::new(incarnation), Status::Alive);
    let (patience, metadata, asleep) = (Patience::NONE, metadata.to_vec(), Duration::ZERO);
    let said = Words { boot, patience, address, metadata, asleep };
    Fact { id, claim, said: Some(said) }
}

pub fn claim<A>(id: NodeId, incarnation: u32, status: Status, accusers: &[NodeId]) -> Fact<A> {
    let voices = voices(accusers);
    let incarnation = Incarnation::new(incarnation);
    Fact { id, claim: Claim { incarnation, status, voices }, said: None }
}

pub fn patience_of(tenths: u16) -> Patience {
    Patience::covering(tenths_of(tenths.into()))
}

pub fn tenths_of(tenths: u32) -> Duration {
    Duration::from_millis(u64::from(tenths) * 100)
}

pub fn voices(accusers: &[NodeId]) -> Voices {
    accusers.iter().fold(Voices::NONE, |voices, id| voices.union(&Voices::one(Voice::from(*id))))
}

/// What `rewrite` makes of a packet.
pub fn rewritten<A: Address>(bytes: &[u8]) -> Result<Vec<u8>, ParseError> {
    let mut buffer = vec![0; BUFFER_LEN];
    let len = rewrite::<A>(bytes, &mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}

/// The header of the vectors.
pub fn header() -> Header {
    Header {
        label: Label::new("prod"),
        sender: NodeId::from_name("db-1"),
        incarnation: Incarnation::new(3),
        round: 0,
    }
}

/// The header of the vectors with radio addresses.
pub fn radio_header() -> Header {
    Header {
        label: Label::new(""),
        sender: NodeId::new(5),
        incarnation: Incarnation::new(0),
        round: 0x1234,
    }
}

/// The longest header there is.
pub fn longest_header() -> Header {
    Header {
        label: Label::new("prod"),
        sender: NodeId::new(u64::MAX),
        incarnation: Incarnation::new(u32::MAX),
        round: u16::MAX,
    }
}
