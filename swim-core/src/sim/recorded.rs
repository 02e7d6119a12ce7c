//! A trace of a cluster that somebody else makes: an experiment, for one.

use std::cell::Cell;

use crate::trace::Trace;

thread_local! {
    static NEXT: Cell<Option<Trace>> = const { Cell::new(None) };
}

/// Runs `run`; the first [`Cluster`](super::Cluster) that is made meanwhile on this thread is
/// [recorded](super::Cluster::record). Later ones are not: their nodes have the same numbers.
///
/// Says besides whether there was one.
pub fn recorded<R>(trace: Trace, run: impl FnOnce() -> R) -> (R, bool) {
    let outer = NEXT.replace(Some(trace));
    let done = run();
    let was_taken = NEXT.replace(outer).is_none();
    (done, was_taken)
}

/// The trace that waits for the next cluster of this thread.
pub(super) fn next() -> Option<Trace> {
    NEXT.take()
}
