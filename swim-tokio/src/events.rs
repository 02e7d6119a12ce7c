//! What subscribers are told.

use std::net::SocketAddr;
use std::sync::Arc;

use swim_core::Event;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::shared::Shared;
use crate::view::MemberInfo;

/// One thing a subscriber is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Update {
    /// Something happened, in the order in which this member learned of it.
    Event {
        /// What happened.
        event: Event<SocketAddr>,
        /// The member it is about, as it was at that moment. `None` if it is about nobody, or
        /// about somebody who was forgotten meanwhile.
        member: Option<MemberInfo>,
    },
    /// This subscriber was too slow for its buffer: the oldest events are lost to it, and only to
    /// it. What follows is newer than the snapshot or already part of it.
    Lagged {
        /// How many events it missed.
        missed: u64,
        /// All members as they are now, instead of the missed events.
        members: Vec<MemberInfo>,
    },
}

/// The updates of one member, from the moment of [`Swim::events`](crate::Swim::events) on.
///
/// Each `Events` has a place of its own in a shared buffer of
/// [`Options::updates_max`](crate::Options::updates_max); being slow costs nobody else anything.
#[derive(Debug)]
pub struct Events {
    pub(crate) updates: broadcast::Receiver<Occurrence>,
    pub(crate) shared: Arc<Shared>,
}

impl Events {
    /// The next update. `None` once the runner has ended and everything was read. Cancel safe.
    pub async fn next(&mut self) -> Option<Update> {
        match self.updates.recv().await {
            Ok(Occurrence { event, member }) => Some(Update::Event { event, member }),
            Err(RecvError::Lagged(missed)) => {
                Some(Update::Lagged { missed, members: self.shared.view.members() })
            }
            Err(RecvError::Closed) => None,
        }
    }
}

/// What is buffered once for all subscribers.
#[derive(Clone, Debug)]
pub(crate) struct Occurrence {
    pub event: Event<SocketAddr>,
    pub member: Option<MemberInfo>,
}
