//! Whole packets: parsed once, written frame by frame.

use serde::ser::SerializeTuple;
use serde::{Serialize, Serializer};

use crate::address::Address;

use super::entry::Entry;
use super::error::ParseError;
use super::frame::{Frame, write_frame};
use super::header::Header;
use super::kind;
use super::message::Message;
use super::update::Update;

/// All that stands behind the header of a hint: padding of no bytes.
const HINT_FRAME: [u8; HINT_FRAME_LEN] = [0, kind::PADDING];
/// How long that is.
pub(crate) const HINT_FRAME_LEN: usize = 2;

/// A packet that has been checked whole.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a, A> {
    /// Who speaks, in which cluster.
    pub header: Header,
    /// What it asks or answers, if anything.
    pub message: Option<Message<A>>,
    frames: &'a [u8],
}

impl<'a, A: Address> Packet<'a, A> {
    /// Checks `bytes` from the first to the last.
    ///
    /// # Errors
    ///
    /// The first thing found wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (header, frames) = Header::split_first(bytes)?;
        let mut message = None;
        let mut rest = frames;
        while !rest.is_empty() {
            let (frame, tail) = Frame::split_first(rest).ok_or(ParseError::Frame)?;
            rest = tail;
            if Update::<A>::check(frame)? || Entry::read(frame)?.is_some() {
                continue;
            }
            if let Some(found) = Message::read(frame)?
                && message.replace(found).is_some()
            {
                return Err(ParseError::TwoMessages);
            }
        }
        Ok(Self { header, message, frames })
    }

    /// Whether it is a hint: it says nothing, unlike a packet whose sender had nothing to say.
    pub(crate) fn is_hint(&self) -> bool {
        self.frames == HINT_FRAME
    }

    /// Whether it is a ping of a watch, and nothing else.
    pub(crate) fn is_bare_ping(&self) -> bool {
        self.message.is_some_and(|message| message.is_bare_ping())
            && self.updates().next().is_none()
    }

    /// The updates it carries, in order.
    pub fn updates(&self) -> impl Iterator<Item = Update<'a, A>> + use<'a, A> {
        self.frames().filter_map(|frame| Update::read(frame).ok().flatten())
    }

    /// The entries of a reconciliation it carries, in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a, A> {
        self.frames().filter_map(|frame| Entry::read(frame).ok().flatten())
    }

    fn frames(&self) -> impl Iterator<Item = Frame<'a>> + use<'a, A> {
        let mut rest = self.frames;
        core::iter::from_fn(move || {
            let (frame, tail) = Frame::split_first(rest)?;
            rest = tail;
            Some(frame)
        })
    }
}

/// Writes a packet into a buffer of the caller's.
#[derive(Debug)]
pub struct PacketWriter<'b> {
    buffer: &'b mut [u8],
    len: usize,
    /// Bytes at the end of the buffer kept free for now.
    reserved: usize,
}

impl<'b> PacketWriter<'b> {
    /// Starts a packet; `None` when not even the header fits.
    pub fn new(buffer: &'b mut [u8], header: &Header) -> Option<Self> {
        let len = header.write(buffer)?;
        Some(Self { buffer, len, reserved: 0 })
    }

    /// Appends a message. Returns false, and writes nothing, when it does not fit.
    pub fn message<A: Address>(&mut self, message: &Message<A>) -> bool {
        let written = self.room().and_then(|room| message.write(room));
        self.advance(written)
    }

    /// Appends an update. Returns false, and writes nothing, when it does not fit.
    pub fn update<A: Address>(&mut self, update: &Update<'_, A>) -> bool {
        let written = self.room().and_then(|room| update.write(room));
        self.advance(written)
    }

    /// Appends an entry. Returns false, and writes nothing, when it does not fit.
    pub fn entry(&mut self, entry: Entry<'_>) -> bool {
        let written = self.room().and_then(|room| entry.write(room));
        self.advance(written)
    }

    /// Fills the packet up to `len` bytes, if it is shorter and there is room.
    pub fn pad(&mut self, len: usize) {
        let missing = len.min(self.buffer.len()).saturating_sub(self.len);
        // Two bytes before up to 127 zeros, three before more: nothing takes one byte, or 130.
        let head = if missing > 129 { 3 } else { 2 };
        if let Some(zeros) = missing.checked_sub(head) {
            self.zeros(zeros);
        }
    }

    /// Makes the packet at least `len` bytes long, as far as there is room; up to two more where
    /// padding comes in no other length.
    pub(crate) fn lengthen(&mut self, len: usize) {
        match len.saturating_sub(self.len) {
            0 => {}
            1 => self.pad(len.saturating_add(1)),
            130 => self.pad(len.saturating_add(2)),
            _ => self.pad(len),
        }
    }

    /// How many bytes an update would take, as far as it fits; 0 if it does not.
    pub(crate) fn update_len<A: Address>(&mut self, update: &Update<'_, A>) -> usize {
        self.room().and_then(|room| update.write(room)).unwrap_or(0)
    }

    /// Makes a hint of a packet that holds nothing yet. False if there is no room.
    pub(crate) fn hint(&mut self) -> bool {
        self.zeros(0)
    }

    fn zeros(&mut self, count: usize) -> bool {
        let written = self.room().and_then(|room| write_frame(room, kind::PADDING, &Zeros(count)));
        self.advance(written)
    }

    /// Bytes of the whole packet, at most.
    pub fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that are left, without the reserved ones.
    pub fn room_len(&self) -> usize {
        self.buffer.len().saturating_sub(self.len).saturating_sub(self.reserved)
    }

    /// Keeps `len` bytes free for what must come last; `None` when there are not as many.
    pub fn reserve(&mut self, len: usize) -> Option<()> {
        self.buffer.len().checked_sub(self.len)?.checked_sub(len)?;
        self.reserved = len;
        Some(())
    }

    /// Makes the reserved bytes available.
    pub fn release(&mut self) {
        self.reserved = 0;
    }

    /// Ends the packet: its length in bytes.
    pub fn finish(self) -> usize {
        self.len
    }

    fn room(&mut self) -> Option<&mut [u8]> {
        let end = self.buffer.len().checked_sub(self.reserved)?;
        self.buffer.get_mut(self.len..end)
    }

    fn advance(&mut self, written: Option<usize>) -> bool {
        let Some(written) = written else { return false };
        self.len = self.len.saturating_add(written);
        true
    }
}

/// So many bytes of padding.
struct Zeros(usize);

impl Serialize for Zeros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A tuple has no length in front.
        let mut zeros = serializer.serialize_tuple(self.0)?;
        (0..self.0).try_for_each(|_| zeros.serialize_element(&0u8))?;
        zeros.end()
    }
}

/// Parses `packet` and writes it again. For packets of this release the bytes are the same; frames
/// it does not know are lost. Tests and fuzzers compare the two.
///
/// # Errors
///
/// As [`Packet::parse`]; [`ParseError::TooShort`] when `buffer` is shorter than the packet.
pub fn rewrite<A: Address>(packet: &[u8], buffer: &mut [u8]) -> Result<usize, ParseError> {
    let packet = Packet::<A>::parse(packet)?;
    let mut writer = PacketWriter::new(buffer, &packet.header).ok_or(ParseError::TooShort)?;
    let mut rest = packet.frames;
    while let Some((frame, tail)) = Frame::split_first(rest) {
        rest = tail;
        let fits = if let Some(update) = Update::<A>::read(frame)? {
            writer.update(&update)
        } else if let Some(entry) = Entry::read(frame)? {
            writer.entry(entry)
        } else if let Some(message) = Message::<A>::read(frame)? {
            writer.message(&message)
        } else {
            frame.kind != kind::PADDING || writer.zeros(frame.body.len())
        };
        if !fits {
            return Err(ParseError::TooShort);
        }
    }
    Ok(writer.finish())
}
