//! What goes into a node, recorded and replayed (feature `trace`).
//!
//! A [`Node`](crate::Node) is a function of its inputs: time and chance are arguments. So whoever
//! writes down every call can do them again, and gets the same packets, byte for byte.
//! [`Traced`] is a node that does, into a [`Trace`]; a [`Reader`] gives the entries back, one by
//! one, and a [`Replay`] lives through them and compares what comes out.
//!
//! ```
//! use std::io::Cursor;
//! use std::sync::{Arc, Mutex};
//! use swim_core::storage::Growable;
//! use swim_core::trace::{AddressKind, Reader, Recording, Replay, Terms, Trace, Traced};
//! use swim_core::{Config, Identity, Instant, NodeId};
//!
//! # #[derive(Clone, Default)]
//! # struct Memory(Arc<Mutex<Vec<u8>>>);
//! # impl std::io::Write for Memory {
//! #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
//! #         self.0.lock().unwrap().extend(bytes);
//! #         Ok(bytes.len())
//! #     }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # let file = Memory::default();
//! let trace = Trace::new(file.clone(), AddressKind::Other, 1 << 20)?;
//! let (start, later) = (Instant::ZERO, Instant::from_secs(5));
//! let recording = Some(Recording::new(trace, 0));
//! let identity = Identity::new(NodeId::new(1), 1u16);
//! let table = Growable::new(8, 0);
//! let mut node = Traced::new(identity, Config::lan(), table, 42, start, recording)?;
//! node.join(2, start)?;
//! node.handle_timeout(later);
//! while node.poll_transmit(later, &mut [0; 1_400]).is_some() {}
//!
//! let mut reader = Reader::new(Cursor::new(file.0.lock().unwrap().clone()))?;
//! let terms = Terms { storage: Growable::new, keys: Vec::new(), allow: |_| None };
//! let mut replay = Replay::<u16, Growable>::new(terms);
//! while let Some(entry) = reader.next()? {
//!     replay.step(&entry)?;
//! }
//! assert!(replay.counts().packets > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Story`] replays too, and tells besides what became of one member: who said what when, and
//! why it was suspected, refuted, declared dead.
//!
//! # The format
//!
//! Eight bytes `swimtrac`, then entries, each after its length as a little-endian `u32`, at most
//! 128 KiB, in postcard's encoding. The first one is (format, release, [`AddressKind`]); a trace is
//! replayed by the release that wrote it, since another may decide differently. All others are
//! (number of the node, moment by the node's clock, what happened):
//!
//! - **birth**: identity, settings, the size of the table, the seed;
//! - **input**: a method of [`Node`](crate::Node) that changes it, with its arguments. Packets are
//!   there as they came, sealed or not;
//! - **sent**: what [`poll_transmit`](crate::Node::poll_transmit) gave: to whom, by which way, how
//!   long, and a hash of the bytes;
//! - **told**: what [`poll_event`](crate::Node::poll_event) gave;
//! - **clock**: what the clock shows that all nodes share, where each has one of its own;
//! - **ended**, **full**.
//!
//! A file that ends within an entry, as that of a process that was killed, is read up to there.
//! Nothing is checked but that the same comes out: a length that was damaged looks like such an
//! end, so keep traces where bits stay what they are. A trace has a greatest length. When that is
//! reached, or writing fails, it stops for good, since a replay with a gap would differ from there
//! on; [`Trace::progress`] tells, and counts what is lost.
//!
//! **No key is ever in a trace**, but its id: whoever replays packets that are sealed has to have
//! the keys ([`Terms::keys`]). What came in clear is there to read, and so is the seed, from which
//! all that a node draws at random follows: a trace is nothing for strangers.

mod format;
mod inquiry;
mod letter;
mod record;
mod recorder;
mod replay;
mod story;
mod traced;

#[cfg(feature = "sim")]
pub(crate) use format::beginning;
pub use format::{AddressKind, ReadError, Reader};
pub use inquiry::Inquiry;
pub use record::Entry;
pub use recorder::{Progress, Recording, Stopped, Trace};
pub use replay::{Counts, NODES_MAX, Outcome, Replay, ReplayError, Terms, Written};
pub use story::{Cause, Heard, Line, Seen, Story, Turn};
pub use traced::Traced;
