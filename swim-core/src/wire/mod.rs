//! What packets look like. No state here: bytes in, values out, and back.
//!
//! A packet is a header, at most one message, and updates about members:
//!
//! ```text
//! version u8 | flags u8 | label u32 | sender varint | incarnation varint | round u16 | frame | ...
//! ```
//!
//! and a frame is `length varint | kind u8 | body`, the length being that of the body. Bodies are
//! in [postcard](https://postcard.jamesmunns.com/wire-format) encoding. Frames of unknown kind are
//! skipped and surplus bytes at the end of a body ignored, so later releases can add both.
//! `WIRE.md` beside the sources has every field and golden vectors.
//!
//! A packet is checked whole by [`Packet::parse`]; after that, reading it cannot fail.

mod belief;
mod digest;
mod entry;
mod envelope;
mod error;
mod frame;
mod header;
mod message;
mod number;
mod packet;
mod update;

pub use digest::{Digest, Half};
pub use entry::{ENTRY_VALUES_MAX, Entry, Values};
pub use envelope::{Cover, ENVELOPE_LEN, Envelope, KeyId, PREAMBLE_LEN, SEAL_LEN, TAG_LEN};
pub use error::ParseError;
pub use header::{Header, VERSION};
pub use message::{
    Ack, Belief, Busy, Cookie, Join, Message, Nack, Page, Ping, PingRequest, Pull, Refusal, Refuse,
    Sync, SyncReply, View, Welcome,
};
pub(crate) use packet::HINT_FRAME_LEN;
pub use packet::{Packet, PacketWriter, rewrite};
pub use update::Update;

pub use crate::range::{Parts, Range};

/// The kind bytes of frames. Append only.
mod kind {
    pub const PING: u8 = 1;
    pub const ACK: u8 = 2;
    pub const PING_REQUEST: u8 = 3;
    pub const NACK: u8 = 4;
    pub const JOIN: u8 = 5;
    pub const WELCOME: u8 = 6;
    pub const REFUSE: u8 = 7;
    pub const PULL: u8 = 8;
    pub const PAGE: u8 = 9;
    pub const SYNC: u8 = 10;
    pub const SYNC_REPLY: u8 = 11;
    pub const COOKIE: u8 = 12;
    pub const BUSY: u8 = 13;

    pub const PADDING: u8 = 16;

    pub const FINGERPRINTS: u8 = 24;
    pub const HASHES: u8 = 25;
    pub const WANTED: u8 = 26;
    pub const DIFFERING: u8 = 27;

    pub const ALIVE: u8 = 32;
    pub const SUSPECT: u8 = 33;
    pub const DEAD: u8 = 34;
    pub const LEFT: u8 = 35;
    pub const ASLEEP: u8 = 36;
}
