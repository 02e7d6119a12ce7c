//! One run, recorded.

use std::fs;
use std::io::{self, BufWriter};
use std::path::Path;

use swim_core::sim;
use swim_core::trace::{AddressKind, NODES_MAX, Progress, Stopped, Trace};
use swim_tokio::{private_file, swim_core};

use super::options::Options;
use crate::failure::Failure;

/// Whether the file can be made at all, before an hour is spent.
pub fn check(options: &Options) -> Result<(), Failure> {
    let Some(path) = &options.trace else { return Ok(()) };
    if path.exists() {
        return Err(Failure::Usage(format!("--trace {}: there is such a file", path.display())));
    }
    if options.nodes.iter().any(|&nodes| nodes > NODES_MAX as u64) {
        return Err(Failure::Usage(format!("--trace records {NODES_MAX} nodes at most")));
    }
    Ok(())
}

/// Records the first cluster that `run` makes into a new file, and says what became of it. Without
/// one there is no file.
///
/// # Errors
///
/// The file cannot be made or written, or there was no cluster.
pub fn recorded<R>(
    path: &Path,
    len_max: u64,
    run: impl FnOnce() -> Result<R, Failure>,
) -> Result<R, Failure> {
    let cannot = |error: io::Error| {
        Failure::Runtime(format!("cannot record into {}: {error}", path.display()))
    };
    let file = BufWriter::new(private_file::create(path).map_err(cannot)?);
    let trace = Trace::new(file, AddressKind::SocketV4, len_max).map_err(cannot)?;
    let (outcome, has_cluster) = sim::recorded(trace.clone(), run);
    let Progress { entries, len, stopped, .. } = trace.progress();
    trace.close().map_err(cannot)?;
    let full = match stopped {
        Some(Stopped::Full) => "; it is full, the rest of the run is not in it",
        Some(Stopped::Failed(kind)) => return Err(cannot(kind.into())),
        _ => "",
    };
    if !has_cluster {
        fs::remove_file(path).map_err(cannot)?;
        return Err(Failure::Usage("--trace: this experiment has no nodes to record".into()));
    }
    let path = path.display();
    eprintln!("the first run of nodes: {path}, {entries} entries, {len} bytes{full}");
    outcome
}
