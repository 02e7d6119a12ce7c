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
//!
//! Whatever comes in is recorded before anybody looks at it, also what strangers send: who floods
//! a member fills its trace.

use std::fs;
use std::io::{self, Write};
use std::mem;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use swim_core::Key;
use swim_core::storage::Growable;
use swim_core::trace::{AddressKind, Terms, Trace};
use tokio::task;

use crate::allow::AllowList;
use crate::private_file;

/// Bytes that wait for the disk; the trace ends when there are more.
const WAITING_LEN_MAX: usize = 4 << 20;
/// So many are handed to the disk without waiting for more.
const CHUNK_LEN: usize = 64 << 10;
/// How long fewer wait for more.
const CHUNK_INTERVAL: Duration = Duration::from_millis(100);
/// How long the end of a trace waits for the disk; what is not written then is lost.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What replaying the trace of a member takes besides the file: the keys it had, if it had any.
pub fn terms(keys: Vec<Key>) -> Terms<SocketAddr, Growable> {
    let allow = |name: &str| AllowList::named(name)?.predicate();
    Terms { storage: Growable::new, keys, allow }
}

/// A trace that a thread of its own writes.
#[derive(Debug)]
pub(crate) struct TraceFile {
    trace: Trace,
    file: NewFile,
}

impl TraceFile {
    /// Makes a new file of at most `len_max` bytes, for this user's eyes alone. Until it is
    /// [kept](Self::keep) it goes when this is dropped.
    pub fn create(path: &Path, len_max: u64) -> io::Result<Self> {
        let to_disk = private_file::create(path)?;
        let file = NewFile { path: path.into(), is_kept: false };
        let waiting = Arc::<Waiting>::default();
        let trace = Trace::new(Entries(Arc::clone(&waiting)), AddressKind::Socket, len_max)?;
        thread::Builder::new()
            .name("swim-trace".into())
            .spawn(move || write_all(to_disk, &waiting))?;
        Ok(Self { trace, file })
    }

    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    pub fn keep(mut self) -> Self {
        self.file.is_kept = true;
        self
    }

    /// Ends the trace, and waits until all of it is written, for [`CLOSE_TIMEOUT`] at most.
    pub async fn close(self) {
        let _ = task::spawn_blocking(move || drop(self)).await;
    }
}

/// What could not be written is told by the progress of the trace.
impl Drop for TraceFile {
    fn drop(&mut self) {
        let _ = self.trace.close();
    }
}

/// A file that is removed again if nothing will be in it.
#[derive(Debug)]
struct NewFile {
    path: PathBuf,
    is_kept: bool,
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What waits for the disk, between the member and the thread that writes.
#[derive(Default)]
struct Waiting {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    entries: Vec<u8>,
    /// The disk has some of them.
    is_writing: bool,
    /// Nothing follows.
    is_over: bool,
    /// What became of the disk, if something did.
    failure: Option<io::ErrorKind>,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be written next; nothing once all is over.
    fn take(&self) -> Option<Vec<u8>> {
        let is_idle = |state: &mut State| state.entries.is_empty() && !state.is_over;
        let state = self.changed.wait_while(self.lock(), is_idle);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let is_small = |state: &mut State| state.entries.len() < CHUNK_LEN && !state.is_over;
        let state = self.changed.wait_timeout_while(state, CHUNK_INTERVAL, is_small);
        let (mut state, _) = state.unwrap_or_else(PoisonError::into_inner);
        let entries = mem::take(&mut state.entries);
        state.is_writing = !entries.is_empty();
        state.is_writing.then_some(entries)
    }

    fn written(&self, written: io::Result<()>) {
        let mut state = self.lock();
        state.is_writing = false;
        state.failure = written.err().map(|error| error.kind());
        self.changed.notify_all();
    }

    /// Nothing follows: waits until all is written.
    fn end(&self, timeout: Duration) -> io::Result<()> {
        let mut state = self.lock();
        state.is_over = true;
        self.changed.notify_all();
        let is_unwritten = |state: &mut State| {
            state.failure.is_none() && (state.is_writing || !state.entries.is_empty())
        };
        let state = self.changed.wait_timeout_while(state, timeout, is_unwritten);
        let (state, waited) = state.unwrap_or_else(PoisonError::into_inner);
        match state.failure {
            Some(failure) => Err(failure.into()),
            None if waited.timed_out() => Err(io::ErrorKind::TimedOut.into()),
            None => Ok(()),
        }
    }
}

/// The side of the member.
struct Entries(Arc<Waiting>);

impl Write for Entries {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        if let Some(failure) = state.failure {
            return Err(failure.into());
        }
        let len_before = state.entries.len();
        if len_before + entry.len() > WAITING_LEN_MAX {
            return Err(io::ErrorKind::TimedOut.into());
        }
        state.entries.extend_from_slice(entry);
        if len_before == 0 || state.entries.len() >= CHUNK_LEN {
            self.0.changed.notify_all();
        }
        Ok(entry.len())
    }

    /// Once, at the end.
    fn flush(&mut self) -> io::Result<()> {
        self.0.end(CLOSE_TIMEOUT)
    }
}

/// Writes what comes until nothing comes any more, or the disk refuses.
fn write_all(mut file: impl Write, waiting: &Waiting) {
    while let Some(entries) = waiting.take() {
        let written = file.write_all(&entries);
        let is_over = written.is_err();
        waiting.written(written);
        if is_over {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use swim_core::trace::Stopped;

    use super::*;

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn kind<T>(refused: io::Result<T>) -> Option<io::ErrorKind> {
        refused.err().map(|error| error.kind())
    }

    #[test]
    fn a_disk_that_is_too_slow_is_not_waited_for() {
        let mut entries = Entries(Arc::default());
        assert_eq!(entries.write(&vec![7; WAITING_LEN_MAX]).ok(), Some(WAITING_LEN_MAX));
        assert_eq!(kind(entries.write(&[7])), Some(io::ErrorKind::TimedOut));
        assert_eq!(entries.0.take().map(|chunk| chunk.len()), Some(WAITING_LEN_MAX));
        assert_eq!(entries.write(&[7]).ok(), Some(1));
    }

    #[test]
    fn what_the_disk_said_is_passed_on() {
        let waiting = Arc::<Waiting>::default();
        let mut entries = Entries(Arc::clone(&waiting));
        assert_eq!(entries.write(&[7]).ok(), Some(1));
        write_all(Full, &waiting);
        assert_eq!(kind(entries.write(&[7])), Some(io::ErrorKind::StorageFull));
    }

    #[test]
    fn what_the_disk_said_last_is_told_too() {
        let waiting = Arc::<Waiting>::default();
        let trace =
            Trace::new(Entries(Arc::clone(&waiting)), AddressKind::Socket, 1 << 20).unwrap();
        let writer = thread::spawn(move || write_all(Full, &waiting));
        assert_eq!(kind(trace.close()), Some(io::ErrorKind::StorageFull));
        assert_eq!(trace.progress().stopped, Some(Stopped::Failed(io::ErrorKind::StorageFull)));
        writer.join().unwrap();
    }

    #[test]
    fn a_disk_that_hangs_is_not_waited_for_without_end() {
        let mut entries = Entries(Arc::default());
        assert_eq!(entries.write(&[7]).ok(), Some(1));
        let ended = entries.0.end(Duration::from_millis(1));
        assert_eq!(kind(ended), Some(io::ErrorKind::TimedOut));
    }

    #[test]
    fn all_is_written_though_nothing_follows() {
        let waiting = Arc::<Waiting>::default();
        let mut entries = Entries(Arc::clone(&waiting));
        entries.write_all(b"last").unwrap();
        assert_eq!(waiting.take().as_deref(), Some(&b"last"[..]), "without another");
        waiting.written(Ok(()));
        entries.write_all(b" words").unwrap();
        let writer = thread::spawn(move || {
            let mut file = Vec::new();
            write_all(&mut file, &waiting);
            file
        });
        entries.flush().unwrap();
        assert_eq!(writer.join().unwrap(), b" words");
    }

    #[test]
    fn a_file_of_which_nothing_came_goes() {
        let path = std::env::temp_dir().join(format!("swim-unused-{}.trace", std::process::id()));
        drop(TraceFile::create(&path, 1 << 20).unwrap());
        assert!(!path.exists());
        let kept = TraceFile::create(&path, 1 << 20).unwrap().keep();
        drop(kept);
        assert!(path.exists());
        fs::remove_file(path).unwrap();
    }
}
