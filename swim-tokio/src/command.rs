//! What handles ask of the runner.

use swim_core::Instant;
use tokio::sync::oneshot;

use crate::join::{Admissions, JoinFailure};
use crate::seed::Seed;
use crate::shared::Node;

/// Commands that wait for the runner; handles wait for room.
pub(crate) const COMMANDS_MAX: usize = 64;

pub(crate) enum Command {
    Join {
        seeds: Vec<Seed>,
        reply: oneshot::Sender<Admissions>,
    },
    KeepJoining {
        seeds: Vec<Seed>,
        reply: oneshot::Sender<Vec<(Seed, JoinFailure)>>,
    },
    /// Answered at once with the departure to wait for.
    Leave {
        reply: oneshot::Sender<u64>,
    },
    Rejoin {
        reply: oneshot::Sender<()>,
    },
    /// A call on the node that concerns nothing else; its outcome is sent once it shows.
    Call(Call),
    Shutdown,
}

pub(crate) type Call = Box<dyn FnOnce(&mut Node, Instant) -> Reply + Send>;
pub(crate) type Reply = Box<dyn FnOnce()>;
