//! What handles ask of the runner.

use swim_core::{MetadataTooLong, Stats};
use tokio::sync::oneshot;

use crate::join::{Admissions, JoinFailure};
use crate::seed::Seed;

/// Commands that wait for the runner; handles wait for room.
pub(crate) const COMMANDS_MAX: usize = 64;

#[derive(Debug)]
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
    SetMetadata {
        metadata: Vec<u8>,
        reply: oneshot::Sender<Result<(), MetadataTooLong>>,
    },
    Stats {
        reply: oneshot::Sender<Stats>,
    },
    Shutdown,
}
