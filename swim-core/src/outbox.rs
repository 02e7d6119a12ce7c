//! What is to be sent: intents, not bytes. Packets are written when the driver asks for them.

use serde::{Deserialize, Serialize};

use crate::member::NodeId;
use crate::storage::{Bounds, Queue};
use crate::wire::Message;

/// The longest packet on a stream, in bytes without its length prefix: the longest datagram.
pub const STREAM_PACKET_LEN_MAX: u16 = 65_507;

/// How a packet travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// As one datagram.
    Datagram,
    /// Length-prefixed over a stream, for drivers that have streams; others ignore it.
    Stream,
}

/// A packet to be sent: it stands in the first `len` bytes of the buffer handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<A> {
    /// To whom.
    pub to: A,
    /// How.
    pub channel: Channel,
    /// How many bytes of the buffer.
    pub len: usize,
}

/// A packet that has yet to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent<A> {
    pub to: A,
    pub channel: Channel,
    pub message: Option<Message<A>>,
    /// Whose record goes first, if `is_about` anybody: less than an `Option` takes.
    about: NodeId,
    is_about: bool,
    /// The longest packet that the other side may be sent.
    pub len_max: u16,
    manner: Manner,
}

/// How a packet says what it has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Message, record, and as much news as fits.
    Full,
    /// Without news: somebody chose to whom it goes.
    Bare,
    /// The same, and nothing without this node's record.
    ForRival,
    /// The message is not said but answered: a pull, by a page.
    Answer,
    /// It says nothing: see `give_hint`.
    Hint,
}

impl<A> Intent<A> {
    /// A packet of any length, without a record in front.
    pub const fn new(to: A, channel: Channel, message: Option<Message<A>>) -> Self {
        let (about, is_about) = (NodeId::new(0), false);
        Self { to, channel, message, about, is_about, len_max: u16::MAX, manner: Manner::Full }
    }

    /// A packet that says nothing.
    pub fn hint(to: A, channel: Channel) -> Self {
        Self { manner: Manner::Hint, ..Self::new(to, channel, None) }
    }

    /// Whether it says nothing.
    pub fn is_hint(&self) -> bool {
        self.manner == Manner::Hint
    }

    /// With this member's record in front.
    #[must_use]
    pub fn about(self, about: Option<NodeId>) -> Self {
        Self { about: about.unwrap_or(self.about), is_about: about.is_some(), ..self }
    }

    /// Not saying its message, but answering it.
    #[must_use]
    pub fn answering(self) -> Self {
        Self { manner: Manner::Answer, ..self }
    }

    /// Whether its message is not said but answered.
    pub fn is_answer(&self) -> bool {
        self.manner == Manner::Answer
    }

    /// Without news.
    #[must_use]
    pub fn bare(self) -> Self {
        Self { manner: Manner::Bare, ..self }
    }

    /// Without news: it asks a rival for this node's id, or answers it.
    #[must_use]
    pub fn for_rival(self) -> Self {
        Self { manner: Manner::ForRival, ..self }
    }

    /// Whether it asks a rival, or answers it.
    pub fn is_for_rival(&self) -> bool {
        self.manner == Manner::ForRival
    }

    /// Whether it is without news.
    pub fn is_bare(&self) -> bool {
        matches!(self.manner, Manner::Bare | Manner::ForRival)
    }

    /// Whose record goes first.
    pub fn subject(&self) -> Option<NodeId> {
        self.is_about.then_some(self.about)
    }

    /// No longer than this.
    #[must_use]
    pub fn limited(self, len_max: u16) -> Self {
        Self { len_max, ..self }
    }
}

/// Packets to be sent, oldest first.
pub struct Outbox<A, B: Bounds> {
    waiting: B::Packets<Intent<A>>,
}

impl<A, B: Bounds> Outbox<A, B> {
    pub fn new(bounds: &B) -> Self {
        Self { waiting: bounds.packets() }
    }

    /// Queues a packet. Returns false, and drops it, when there is no room.
    #[must_use]
    pub fn push(&mut self, intent: Intent<A>) -> bool {
        self.waiting.push(intent).is_ok()
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<Intent<A>> {
        self.waiting.pop()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether there is room for so many, or for as many as there can be.
    pub fn has_room_for(&self, packets: usize) -> bool {
        let room = || self.waiting.len_max().saturating_sub(self.waiting.len());
        self.waiting.is_empty() || room() >= packets
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        while self.waiting.pop().is_some() {}
    }
}
