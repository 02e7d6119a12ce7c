//! Writing a trace.

use core::fmt;
use std::boxed::Box;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use crate::address::Address;
use crate::time::Instant;

use super::format::{AddressKind, beginning, frame};
use super::record::{Entry, Record};

/// Bytes kept free for the entry that says that the trace is full.
const FULL_LEN_MAX: u64 = 32;

/// A trace being written, of one node or of several that take turns. Cheap to clone: it stays one
/// trace.
#[derive(Clone)]
pub struct Trace(Arc<Mutex<Recorder>>);

/// How far a trace has come: what was handed to the sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries written.
    pub entries: u64,
    /// Bytes written.
    pub len: u64,
    /// Entries that are not in the trace because it had stopped.
    pub entries_lost: u64,
    /// Why it has stopped, if it has.
    pub stopped: Option<Stopped>,
}

/// Why a trace goes no further. What there is of it stays of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// It has reached its greatest length.
    Full,
    /// It could not be written.
    Failed(ErrorKind),
    /// A call said more than an entry holds: 128 KiB.
    TooLong,
    /// It was [closed](Trace::close).
    Closed,
}

struct Recorder {
    /// `None` once the trace is closed.
    sink: Option<Box<dyn Write + Send>>,
    /// The entry being written.
    buffer: Vec<u8>,
    len_max: u64,
    clock: Option<Instant>,
    progress: Progress,
}

impl Trace {
    /// Begins a trace of at most `len_max` bytes. Every entry is one `write` to `sink`, so buffer
    /// it; whatever fails ends the trace and nothing else.
    ///
    /// # Errors
    ///
    /// What `sink` says to the first bytes.
    pub fn new(
        mut sink: impl Write + Send + 'static,
        addresses: AddressKind,
        len_max: u64,
    ) -> io::Result<Self> {
        let header = beginning(addresses);
        sink.write_all(&header)?;
        let progress = Progress { len: header.len() as u64, ..Progress::default() };
        let sink: Box<dyn Write + Send> = Box::new(sink);
        let (sink, buffer) = (Some(sink), Vec::new());
        Ok(Self(Arc::new(Mutex::new(Recorder { sink, buffer, len_max, clock: None, progress }))))
    }

    /// Says what the clock shows that all nodes of this trace share. Not needed where there is one
    /// node.
    pub fn set_clock<A: Address>(&self, now: Instant) {
        let mut recorder = self.lock();
        if recorder.clock.replace(now) != Some(now) {
            recorder.write(&Entry::<A> { node: 0, now, record: Record::Clock });
        }
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.lock().progress
    }

    /// Ends the trace, and drops the sink after a `flush`.
    ///
    /// # Errors
    ///
    /// What the sink says to that; [`progress`](Self::progress) tells it too.
    pub fn close(&self) -> io::Result<()> {
        let mut recorder = self.lock();
        recorder.progress.stopped.get_or_insert(Stopped::Closed);
        let sink = recorder.sink.take();
        // Nobody who writes or looks waits for the sink.
        drop(recorder);
        let flushed = sink.map_or(Ok(()), |mut sink| sink.flush());
        if let Err(error) = &flushed {
            self.lock().progress.stopped = Some(Stopped::Failed(error.kind()));
        }
        flushed
    }

    pub(super) fn write<A: Address>(&self, node: u32, now: Instant, record: Record<'_, A>) {
        self.lock().write(&Entry { node, now, record });
    }

    fn lock(&self) -> MutexGuard<'_, Recorder> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trace").field(&self.progress()).finish()
    }
}

impl Recorder {
    fn write<A: Address>(&mut self, entry: &Entry<'_, A>) {
        if self.progress.stopped.is_some() {
            self.progress.entries_lost = self.progress.entries_lost.saturating_add(1);
            return;
        }
        let Err(stopped) = self.try_write(entry) else { return };
        if stopped == Stopped::Full {
            let (node, now) = (entry.node, entry.now);
            // A reader that does not find it takes the end for the end.
            let _ = self.put(&Entry::<A> { node, now, record: Record::Full }, self.len_max);
        }
        self.progress.stopped = Some(stopped);
        self.progress.entries_lost = self.progress.entries_lost.saturating_add(1);
    }

    fn try_write<A: Address>(&mut self, entry: &Entry<'_, A>) -> Result<(), Stopped> {
        self.put(entry, self.len_max.saturating_sub(FULL_LEN_MAX))
    }

    fn put<A: Address>(&mut self, entry: &Entry<'_, A>, len_max: u64) -> Result<(), Stopped> {
        let bytes = frame(&mut self.buffer, entry).ok_or(Stopped::TooLong)?;
        let len = self.progress.len.saturating_add(bytes.len() as u64);
        if len > len_max {
            return Err(Stopped::Full);
        }
        let sink = self.sink.as_mut().ok_or(Stopped::Closed)?;
        sink.write_all(bytes).map_err(|error| Stopped::Failed(error.kind()))?;
        self.progress.len = len;
        self.progress.entries = self.progress.entries.saturating_add(1);
        Ok(())
    }
}

/// The part of a trace that one node writes.
#[derive(Clone, Debug)]
pub struct Recording {
    trace: Trace,
    node: u32,
    now: Instant,
}

impl Recording {
    /// The entries of the node with this number, which no other node of the trace has.
    pub const fn new(trace: Trace, node: u32) -> Self {
        Self { trace, node, now: Instant::ZERO }
    }

    /// Something that happens to the node at a moment of its own clock, or at the last one.
    pub(super) fn write<A: Address>(&mut self, now: Option<Instant>, record: Record<'_, A>) {
        self.now = now.unwrap_or(self.now);
        self.trace.write(self.node, self.now, record);
    }
}
