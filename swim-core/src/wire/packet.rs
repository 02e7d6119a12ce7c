//! Whole packets: parsed once, written frame by frame.

use crate::address::Address;

use super::error::ParseError;
use super::frame::Frame;
use super::header::Header;
use super::message::Message;
use super::update::Update;

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
            if Update::<A>::check(frame)? {
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

    /// The updates it carries, in order.
    pub fn updates(&self) -> impl Iterator<Item = Update<'a, A>> + use<'a, A> {
        let mut rest = self.frames;
        core::iter::from_fn(move || {
            let (frame, tail) = Frame::split_first(rest)?;
            rest = tail;
            Some(Update::read(frame).ok().flatten())
        })
        .flatten()
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
        let fits = match (Update::<A>::read(frame)?, Message::<A>::read(frame)?) {
            (Some(update), _) => writer.update(&update),
            (None, Some(message)) => writer.message(&message),
            (None, None) => true,
        };
        if !fits {
            return Err(ParseError::TooShort);
        }
    }
    Ok(writer.finish())
}
