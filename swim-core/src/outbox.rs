//! What is to be sent: intents, not bytes. Packets are written when the driver asks for them.

use crate::member::NodeId;
use crate::wire::Message;

/// How many packets can wait. A driver that drains after every input never has more than a probe
/// round, a gossip round and a few answers waiting; beyond this the newest is dropped and counted.
pub const OUTBOX_LEN_MAX: usize = 48;

/// The longest packet on a stream, in bytes without its length prefix: the longest datagram.
pub const STREAM_PACKET_LEN_MAX: u16 = 65_507;

/// How a packet travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Whose record goes first, if any.
    pub about: Option<NodeId>,
    /// The longest packet that the other side may be sent.
    pub len_max: u16,
    /// The message is not said but answered: a pull, by a page.
    pub answer: bool,
}

impl<A> Intent<A> {
    /// A packet of any length, without a record in front.
    pub const fn new(to: A, channel: Channel, message: Option<Message<A>>) -> Self {
        Self { to, channel, message, about: None, len_max: u16::MAX, answer: false }
    }

    /// With this member's record in front.
    #[must_use]
    pub fn about(self, about: Option<NodeId>) -> Self {
        Self { about, ..self }
    }

    /// No longer than this.
    #[must_use]
    pub fn limited(self, len_max: u16) -> Self {
        Self { len_max, ..self }
    }
}

/// Packets to be sent, oldest first.
#[derive(Debug)]
pub struct Outbox<A> {
    waiting: heapless::Deque<Intent<A>, OUTBOX_LEN_MAX>,
}

impl<A> Outbox<A> {
    pub const fn new() -> Self {
        Self { waiting: heapless::Deque::new() }
    }

    /// Queues a packet. Returns false, and drops it, when there is no room.
    #[must_use]
    pub fn push(&mut self, intent: Intent<A>) -> bool {
        self.waiting.push_back(intent).is_ok()
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<Intent<A>> {
        self.waiting.pop_front()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }
}
