//! What goes into a member, recorded into a file ([`Options::trace`](crate::Options::trace)), and
//! what it takes to replay it.
//!
//! [`swim_core::trace`] says what is in such a file. Replayed, it gives the same packets, byte for
//! byte, and so tells why the member believed what it did; `swim replay` does that.
//!
//! ```no_run
//! use std::fs::File;
//! use std::io::BufReader;
//! use std::net::SocketAddr;
//!
//! use swim_core::trace::{Reader, Replay};
//! # use swim_tokio::swim_core;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut entries = Reader::new(BufReader::new(File::open("db-1.trace")?))?;
//! let mut replay = Replay::new(swim_tokio::trace::terms(Vec::new()));
//! while let Some(entry) = entries.next::<SocketAddr>()? {
//!     replay.step(&entry)?;
//! }
//! println!("{:?}", replay.counts());
//! # Ok(())
//! # }
//! ```
//!
//! The file is written by a thread of its own, so the protocol never waits for a disk. When the
//! disk is too slow for 4 MiB, or full, or the file has reached its
//! [greatest length](crate::Options::trace_len_max), the trace ends there, and the member goes on:
//! [`Swim::trace_progress`](crate::Swim::trace_progress) tells. A process that is killed leaves a
//! file that lacks the last tenth of a second.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use swim_core::Key;
use swim_core::storage::Growable;
use swim_core::trace::{AddressKind, Terms, Trace};
use tokio::task;

use crate::allow::AllowList;

/// Bytes handed to the disk at once.
const CHUNK_LEN: usize = 64 << 10;
/// Chunks that wait for the disk; the trace ends when there are more.
const CHUNKS_MAX: usize = 64;
/// After this even a small chunk is handed on, as soon as something follows.
const CHUNK_INTERVAL: Duration = Duration::from_millis(100);

/// What replaying the trace of a member takes besides the file: the keys it had, if it had any.
pub fn terms(keys: Vec<Key>) -> Terms<SocketAddr, Growable> {
    let allow = |name: &str| AllowList::named(name)?.predicate();
    Terms { storage: Growable::new, keys, allow }
}

/// A trace with the thread that writes it.
#[derive(Debug)]
pub(crate) struct TraceFile {
    trace: Trace,
    writer: Option<JoinHandle<()>>,
}

impl TraceFile {
    /// Makes a new file of at most `len_max` bytes, for this user's eyes alone.
    pub fn create(path: &Path, len_max: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        let (chunks, waiting) = sync_channel(CHUNKS_MAX);
        let failure = Arc::<Failure>::default();
        let chunks = Chunks { chunk: Vec::new(), since: Instant::now(), chunks, failure };
        let failure = Arc::clone(&chunks.failure);
        let writer = thread::Builder::new()
            .name("swim-trace".into())
            .spawn(move || write_all(file, waiting, &failure))?;
        let trace = Trace::new(chunks, AddressKind::Socket, len_max)?;
        Ok(Self { trace, writer: Some(writer) })
    }

    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Ends the trace, and waits until all of it is written.
    pub async fn close(mut self) {
        // What could not be written is told by the progress of the trace.
        let _ = self.trace.close();
        if let Some(writer) = self.writer.take() {
            let _ = task::spawn_blocking(|| writer.join()).await;
        }
    }
}

/// Nobody waits for the disk then, but what there is will be written.
impl Drop for TraceFile {
    fn drop(&mut self) {
        let _ = self.trace.close();
    }
}

/// What became of the disk, if something did.
type Failure = Mutex<Option<io::ErrorKind>>;

/// Gathers entries and hands them on, whole ones only.
struct Chunks {
    chunk: Vec<u8>,
    since: Instant,
    chunks: SyncSender<Vec<u8>>,
    failure: Arc<Failure>,
}

impl Write for Chunks {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        if self.chunk.is_empty() {
            self.since = Instant::now();
        }
        self.chunk.extend_from_slice(entry);
        if self.chunk.len() >= CHUNK_LEN || self.since.elapsed() >= CHUNK_INTERVAL {
            self.flush()?;
        }
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.chunks.try_send(std::mem::take(&mut self.chunk)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(io::ErrorKind::TimedOut.into()),
            Err(TrySendError::Disconnected(_)) => {
                let failure = *self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                Err(failure.unwrap_or(io::ErrorKind::BrokenPipe).into())
            }
        }
    }
}

/// Writes what comes until nothing comes any more, or the disk refuses.
fn write_all(mut file: File, chunks: Receiver<Vec<u8>>, failure: &Failure) {
    for chunk in chunks {
        if let Err(error) = file.write_all(&chunk) {
            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.kind());
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(chunks: SyncSender<Vec<u8>>) -> Chunks {
        let (chunk, since) = (Vec::new(), Instant::now());
        Chunks { chunk, since, chunks, failure: Arc::default() }
    }

    #[test]
    fn a_disk_that_is_too_slow_is_not_waited_for() {
        let (sender, waiting) = sync_channel(1);
        let mut chunks = chunks(sender);
        let entry = vec![0; CHUNK_LEN];
        assert_eq!(chunks.write(&entry).ok(), Some(CHUNK_LEN));
        let refused = chunks.write(&entry).map_err(|error| error.kind());
        assert_eq!(refused, Err(io::ErrorKind::TimedOut));
        assert_eq!(waiting.recv().map(|chunk| chunk.len()), Ok(CHUNK_LEN));
    }

    #[test]
    fn what_the_disk_said_is_passed_on() {
        let (sender, waiting) = sync_channel(1);
        let mut chunks = chunks(sender);
        drop(waiting);
        *chunks.failure.lock().unwrap() = Some(io::ErrorKind::StorageFull);
        chunks.chunk.push(0);
        let refused = chunks.flush().map_err(|error| error.kind());
        assert_eq!(refused, Err(io::ErrorKind::StorageFull));
    }
}
