//! Writes down what a member keeps across restarts, off the protocol's path.

use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use swim_core::NodeId;
use tokio::sync::watch;
use tokio::task::{self, JoinSet};
use tokio::time;

use crate::options::{BindError, Options};
use crate::shared::{Node, Shared};
use crate::state::{Damage, State, StateFile, StateTrouble};

/// Nothing is written more often; what changes meanwhile is written once, as it is then.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// Pause after a write that failed.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// Whose state cannot be kept.
const NOBODY: &str = "without a name or an id, every run is another member";

/// Where a member keeps its state, and what its former life has left there.
#[derive(Debug)]
pub(crate) struct Kept {
    directory: PathBuf,
    file: StateFile,
    found: Option<Result<State, Damage>>,
}

impl Kept {
    /// Looks into the directory of the options; `None` if there is none.
    pub async fn read(options: &Options, id: NodeId) -> Result<Option<Self>, BindError> {
        let Some(directory) = options.state_dir.clone() else { return Ok(None) };
        let read = match options.has_lasting_id() {
            true => Self::read_in(directory.clone(), id).await,
            false => Err(io::Error::new(io::ErrorKind::InvalidInput, NOBODY)),
        };
        read.map(Some).map_err(|source| BindError::State { directory, source })
    }

    async fn read_in(directory: PathBuf, id: NodeId) -> io::Result<Self> {
        blocking(move || {
            let file = StateFile::in_directory(&directory, id)?;
            let found = file.read()?;
            Ok(Self { directory, file, found })
        })
        .await
    }

    /// What the former life kept, if anything of use.
    pub fn state(&self) -> Option<State> {
        self.found.and_then(Result::ok)
    }

    /// What is to be told of it.
    pub fn trouble(&self) -> Option<StateTrouble> {
        let damage = self.found?.err()?;
        Some(StateTrouble::Ignored { path: self.file.path.clone(), reason: damage.to_string() })
    }
}

/// The latest state on its way to the file. Dropping it leaves the file as it is.
#[derive(Debug)]
pub(crate) struct Keeper {
    latest: watch::Sender<Latest>,
    seen: State,
    task: JoinSet<()>,
}

#[derive(Clone, Copy, Debug)]
struct Latest {
    state: State,
    /// Nothing follows: no need to wait for more.
    is_last: bool,
}

impl Keeper {
    /// Writes what `node` begins with, before anybody hears of it, and so finds out whether this
    /// works.
    pub async fn begin(kept: Kept, node: &Node, shared: Arc<Shared>) -> Result<Self, BindError> {
        let seen = state_of(node);
        let Kept { directory, file, .. } = kept;
        let written = write(&file, seen).await;
        written.map_err(|source| BindError::State { directory, source })?;
        let (latest, states) = watch::channel(Latest { state: seen, is_last: false });
        let mut task = JoinSet::new();
        task.spawn(write_latest(states, file, shared));
        Ok(Self { latest, seen, task })
    }

    /// To be called whenever the node may have changed; usually nothing happens.
    pub fn look(&mut self, node: &Node) {
        let state = state_of(node);
        if state != self.seen {
            self.seen = state;
            self.latest.send_modify(|latest| latest.state = state);
        }
    }

    /// Writes what is not written yet, and waits for it.
    pub async fn close(mut self) {
        self.latest.send_modify(|latest| latest.is_last = true);
        while self.task.join_next().await.is_some() {}
    }
}

fn state_of(node: &Node) -> State {
    State { incarnation: node.incarnation(), patience: node.patience() }
}

async fn write_latest(mut latest: watch::Receiver<Latest>, file: StateFile, shared: Arc<Shared>) {
    let mut written = latest.borrow().state;
    let mut is_failing = false;
    loop {
        let news = latest.wait_for(|latest| latest.is_last || latest.state != written).await;
        let Ok(Latest { state, is_last }) = news.map(|latest| *latest) else { return };
        if state != written {
            match write(&file, state).await {
                Ok(()) => {
                    written = state;
                    shared.counters.states_written.add();
                    if mem::take(&mut is_failing) {
                        shared.set_state_trouble(None);
                    }
                }
                Err(error) => {
                    is_failing = true;
                    shared.counters.state_errors.add();
                    let (path, reason) = (file.path.clone(), error.to_string());
                    shared.set_state_trouble(Some(StateTrouble::NotWritten { path, reason }));
                }
            }
        }
        if is_last {
            return;
        }
        let pause = if is_failing { RETRY_INTERVAL } else { WRITE_INTERVAL };
        // Over early when nothing more will come.
        let _ = time::timeout(pause, latest.wait_for(|latest| latest.is_last)).await;
    }
}

async fn write(file: &StateFile, state: State) -> io::Result<()> {
    let file = file.clone();
    blocking(move || file.write(state)).await
}

/// A disk may take its time; the protocol shall not wait for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    // An error of its own only when the runtime shuts down under it.
    task::spawn_blocking(work).await.map_err(io::Error::other)?
}
