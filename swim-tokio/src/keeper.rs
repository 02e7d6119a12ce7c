//! Writes down what a member keeps across restarts, off the protocol's path, and looks for those it
//! knew in its former life.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use swim_core::{Acquaintances, Event, Instant, NodeId, SnapshotRecord};
use tokio::sync::watch;
use tokio::task::{self, JoinSet};
use tokio::time;

use crate::options::{BindError, Options};
use crate::shared::{Node, Shared};
use crate::state::{Damage, MEMBERS_KEPT_MAX, Me, State, StateFile, StateTrouble};

/// What each member kept adds to the time between two writes: the file of many is long.
const WRITE_INTERVAL_PER_MEMBER: Duration = Duration::from_micros(50);
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
    interval: Duration,
}

impl Kept {
    /// Looks into the directory of the options; `None` if there is none.
    pub async fn read(options: &Options, id: NodeId) -> Result<Option<Self>, BindError> {
        let Some(directory) = options.state_dir.clone() else { return Ok(None) };
        let read = match options.has_lasting_id() {
            true => Self::read_in(directory.clone(), id, options.state_interval).await,
            false => Err(io::Error::new(io::ErrorKind::InvalidInput, NOBODY)),
        };
        read.map(Some).map_err(|source| BindError::State { directory, source })
    }

    async fn read_in(directory: PathBuf, id: NodeId, interval: Duration) -> io::Result<Self> {
        blocking(move || {
            let file = StateFile::in_directory(&directory, id)?;
            let found = file.read()?;
            Ok(Self { directory, file, found, interval })
        })
        .await
    }

    /// What the former life kept of itself, if anything of use.
    pub fn me(&self) -> Option<Me> {
        self.state().map(|state| state.me)
    }

    /// What is to be told of it.
    pub fn trouble(&self) -> Option<StateTrouble> {
        let damage = self.found.as_ref()?.as_ref().err()?;
        let (path, moved_to) = (self.file.path.clone(), self.file.damaged());
        Some(StateTrouble::Ignored { path, moved_to, reason: damage.to_string() })
    }

    fn state(&self) -> Option<&State> {
        self.found.as_ref()?.as_ref().ok()
    }
}

/// The latest state on its way to the file. Dropping it leaves the file as it is.
#[derive(Debug)]
pub(crate) struct Keeper {
    latest: watch::Sender<Latest>,
    /// What the latest state says of the member itself.
    me: Me,
    /// Whom the former life knew and nobody has found yet. They stay in the file.
    former: Acquaintances<SocketAddr>,
    /// Whether the latest state may be wrong about the others.
    has_changed: bool,
    interval: Duration,
    /// When the state is next looked at.
    next_at: Instant,
    task: JoinSet<()>,
}

#[derive(Clone, Debug)]
struct Latest {
    state: Arc<State>,
    /// How many states there were before.
    number: u64,
    /// Nothing follows: no need to wait for more.
    is_last: bool,
}

impl Keeper {
    /// Writes what `node` begins with, before anybody hears of it, and so finds out whether this
    /// works. The order in which it looks for former members follows from `seed`.
    pub async fn begin(
        kept: Kept,
        node: &Node,
        (seed, now): (u64, Instant),
        shared: Arc<Shared>,
    ) -> Result<Self, BindError> {
        let members = kept.state().map(|state| state.members.clone()).unwrap_or_default();
        let former = Acquaintances::new(members, seed, now);
        let Kept { directory, file, interval, .. } = kept;
        let state = Arc::new(state_of(node, &former));
        let written = write(&file, Arc::clone(&state)).await;
        written.map_err(|source| BindError::State { directory, source })?;
        let me = state.me;
        let (latest, states) = watch::channel(Latest { state, number: 0, is_last: false });
        let mut task = JoinSet::new();
        task.spawn(write_latest(states, file, shared));
        let (has_changed, next_at) = (false, now);
        Ok(Self { latest, me, former, has_changed, interval, next_at, task })
    }

    /// Who is there, or where, may be another than before.
    pub fn hear(&mut self, event: &Event<SocketAddr>) {
        self.has_changed |= matches!(
            event,
            Event::MemberJoined(_)
                | Event::MemberDead(_)
                | Event::MemberLeft(_)
                | Event::MemberRestarted(_)
                | Event::MemberUpdated(_)
        );
    }

    /// To be called whenever the node may have changed; usually nothing happens.
    pub fn look(&mut self, node: &mut Node, now: Instant) {
        if !self.former.is_empty() {
            node.remember_some(&mut self.former, now);
            self.has_changed |= self.former.is_empty();
        }
        self.has_changed |= me_of(node) != self.me;
        if self.deadline().is_some_and(|due| due <= now) {
            let members = self.take(node);
            let members = u32::try_from(members).unwrap_or(u32::MAX);
            let interval = self.interval + WRITE_INTERVAL_PER_MEMBER.saturating_mul(members);
            self.next_at = now.after(interval);
        }
    }

    /// When [`look`](Self::look) has to be called at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.has_changed.then_some(self.next_at)
    }

    /// Writes what is not written yet, and waits for it.
    pub async fn close(mut self, node: &Node) {
        if self.has_changed || me_of(node) != self.me {
            self.take(node);
        }
        self.latest.send_modify(|latest| latest.is_last = true);
        while self.task.join_next().await.is_some() {}
    }

    /// Hands the state of `node` over to be written. Returns how many members it has.
    fn take(&mut self, node: &Node) -> usize {
        let state = Arc::new(state_of(node, &self.former));
        let members = state.members.len();
        (self.me, self.has_changed) = (state.me, false);
        self.latest.send_modify(|latest| {
            latest.state = state;
            latest.number = latest.number.wrapping_add(1);
        });
        members
    }
}

fn me_of(node: &Node) -> Me {
    Me { incarnation: node.incarnation(), patience: node.patience() }
}

/// Those who live come first, so that they are kept when there are too many.
fn state_of(node: &Node, former: &Acquaintances<SocketAddr>) -> State {
    let known = node.snapshot().filter_map(|record| match record {
        SnapshotRecord::Me { .. } => None,
        SnapshotRecord::Member { id, address } => Some((id, address)),
    });
    State { me: me_of(node), members: known.chain(former.iter()).take(MEMBERS_KEPT_MAX).collect() }
}

async fn write_latest(mut latest: watch::Receiver<Latest>, file: StateFile, shared: Arc<Shared>) {
    let mut written = latest.borrow().number;
    let mut is_failing = false;
    loop {
        let news = latest.wait_for(|latest| latest.is_last || latest.number != written).await;
        let Ok(Latest { state, number, is_last }) = news.map(|latest| latest.clone()) else {
            return;
        };
        if number != written {
            match write(&file, state).await {
                Ok(()) => {
                    written = number;
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
        if is_failing {
            // Over early when nothing more will come.
            let _ = time::timeout(RETRY_INTERVAL, latest.wait_for(|latest| latest.is_last)).await;
        }
    }
}

async fn write(file: &StateFile, state: Arc<State>) -> io::Result<()> {
    let file = file.clone();
    blocking(move || file.write(&state)).await
}

/// A disk may take its time; the protocol shall not wait for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    // An error of its own only when the runtime shuts down under it.
    task::spawn_blocking(work).await.map_err(io::Error::other)?
}
