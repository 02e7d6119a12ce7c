//! How a trace is written to a file, and read from one.

use core::fmt;
use std::io::{self, ErrorKind, Read};
use std::string::{String, ToString};
use std::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::address::Address;

use super::record::Entry;

/// What every trace begins with.
const MAGIC: [u8; 8] = *b"swimtrac";
/// The version of what follows.
const FORMAT: u8 = 1;
/// The longest entry, in bytes: the longest packet and what is said about it, twice.
const ENTRY_LEN_MAX: usize = 1 << 17;
/// Bytes before each entry: how long it is.
const LEN_LEN: usize = 4;
/// The release that writes and reads.
const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// How the addresses of a trace are encoded: those of a reader have to be of the same type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AddressKind {
    /// As [`SocketAddr`](core::net::SocketAddr): those of agents.
    Socket,
    /// As [`SocketAddrV4`](core::net::SocketAddrV4): those of the simulator.
    SocketV4,
    /// As a type of the driver's own.
    Other,
}

#[derive(Serialize, Deserialize)]
struct Header<'a> {
    format: u8,
    release: &'a str,
    addresses: AddressKind,
}

/// The beginning of a trace.
pub(crate) fn beginning(addresses: AddressKind) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    let header = Header { format: FORMAT, release: RELEASE, addresses };
    let framed = frame(&mut Vec::new(), &header).map(<[u8]>::to_vec);
    bytes.extend(framed.unwrap_or_default());
    bytes
}

/// An entry with its length, written into `buffer` over whatever was there. `None` if it is longer
/// than any entry may be.
pub(super) fn frame<'b>(buffer: &'b mut Vec<u8>, entry: &impl Serialize) -> Option<&'b [u8]> {
    buffer.clear();
    buffer.extend([0; LEN_LEN]);
    *buffer = postcard::to_extend(entry, core::mem::take(buffer)).ok()?;
    let len = buffer.len().checked_sub(LEN_LEN).filter(|len| *len <= ENTRY_LEN_MAX)?;
    *buffer.first_chunk_mut()? = (len as u32).to_le_bytes();
    Some(buffer)
}

/// Reads a trace entry by entry, in memory for one.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    buffer: Vec<u8>,
    addresses: AddressKind,
    entries: u64,
    is_cut: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the beginning.
    ///
    /// # Errors
    ///
    /// It is none of a trace, or of one that another release has written.
    pub fn new(mut source: R) -> Result<Self, ReadError> {
        let mut magic = [0; MAGIC.len()];
        source.read_exact(&mut magic).map_err(ReadError::beginning)?;
        if magic != MAGIC {
            return Err(ReadError::NotATrace);
        }
        let mut reader = Self {
            source,
            buffer: Vec::new(),
            addresses: AddressKind::Other,
            entries: 0,
            is_cut: false,
        };
        if !reader.fill()? {
            return Err(ReadError::NotATrace);
        }
        reader.addresses = checked(&reader.buffer)?;
        Ok(reader)
    }

    /// What [`next`](Self::next) has to be called with.
    pub const fn addresses(&self) -> AddressKind {
        self.addresses
    }

    /// How many entries were read.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Whether the trace ends within an entry, as one of a process that was killed.
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The next entry; `None` at the end, and where the trace is cut off.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is none.
    // An entry lies in the reader's memory, so it cannot be an iterator.
    #[expect(clippy::should_implement_trait)]
    pub fn next<A: Address>(&mut self) -> Result<Option<Entry<'_, A>>, ReadError> {
        if self.is_cut || !self.fill()? {
            return Ok(None);
        }
        self.entries = self.entries.saturating_add(1);
        let entry = postcard::from_bytes(&self.buffer);
        entry.map(Some).map_err(|_| ReadError::Malformed { entry: self.entries })
    }

    /// Reads what follows, as long as it says it is. Returns false at the end.
    fn fill(&mut self) -> Result<bool, ReadError> {
        let mut len = [0; LEN_LEN];
        match read_whole(&mut self.source, &mut len)? {
            0 => return Ok(false),
            LEN_LEN => {}
            _ => return Ok(self.cut()),
        }
        let len = u32::from_le_bytes(len) as usize;
        if len > ENTRY_LEN_MAX {
            return Err(ReadError::Malformed { entry: self.entries.saturating_add(1) });
        }
        self.buffer.resize(len, 0);
        let read = read_whole(&mut self.source, &mut self.buffer)?;
        Ok(read == len || self.cut())
    }

    fn cut(&mut self) -> bool {
        self.is_cut = true;
        false
    }
}

/// Reads as much as there is, at most all of `buffer`. Returns how many bytes that were.
fn read_whole(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(len) => read = read.saturating_add(len),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

fn checked(bytes: &[u8]) -> Result<AddressKind, ReadError> {
    match bytes.first() {
        Some(&FORMAT) => {}
        Some(&other) => return Err(ReadError::OtherFormat(other)),
        None => return Err(ReadError::NotATrace),
    }
    let header: Header<'_> = postcard::from_bytes(bytes).map_err(|_| ReadError::NotATrace)?;
    match header.release {
        RELEASE => Ok(header.addresses),
        other => Err(ReadError::OtherRelease(other.to_string())),
    }
}

/// A trace cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// What the system says.
    Io(io::Error),
    /// It is something else.
    NotATrace,
    /// It is written in another way than this release knows.
    OtherFormat(u8),
    /// Another release of this library has written it. Releases may decide differently, so the one
    /// that wrote a trace has to replay it.
    OtherRelease(String),
    /// An entry is none.
    Malformed {
        /// Which one, counted from 1.
        entry: u64,
    },
}

impl ReadError {
    fn beginning(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::NotATrace,
            _ => Self::Io(error),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NotATrace => f.write_str("this is no trace"),
            Self::OtherFormat(format) => write!(f, "a trace of format {format}, not {FORMAT}"),
            Self::OtherRelease(release) => {
                write!(f, "a trace of release {release}, which this one, {RELEASE}, cannot replay")
            }
            Self::Malformed { entry } => write!(f, "entry {entry} is damaged"),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
