//! What subscribers are told.

use core::fmt;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::pubsub::{PubSubChannel, Subscriber, WaitResult};
use swim_core::Event;

use crate::endpoint::Endpoint;

/// Events kept for whoever is late. Beyond this the oldest are lost to it.
pub const EVENTS_MAX: usize = 16;

/// How many can listen to events at a time.
pub const SUBSCRIBERS_MAX: usize = 4;

/// Events are published without waiting, which takes no place.
const PUBLISHERS_MAX: usize = 0;

pub type EventChannel =
    PubSubChannel<NoopRawMutex, Event<Endpoint>, EVENTS_MAX, SUBSCRIBERS_MAX, PUBLISHERS_MAX>;

pub type EventSubscriber<'d> =
    Subscriber<'d, NoopRawMutex, Event<Endpoint>, EVENTS_MAX, SUBSCRIBERS_MAX, PUBLISHERS_MAX>;

/// The events of one member, from the moment of [`Swim::events`](crate::Swim::events) on.
///
/// Being slow costs nobody else anything. Dropping it frees its place.
pub struct Events<'d>(pub(crate) EventSubscriber<'d>);

impl Events<'_> {
    /// The next event. Cancel safe.
    ///
    /// # Errors
    ///
    /// This subscriber was too slow and has missed events; the next call goes on after them.
    pub async fn next(&mut self) -> Result<Event<Endpoint>, Lagged> {
        match self.0.next_message().await {
            WaitResult::Message(event) => Ok(event),
            WaitResult::Lagged(missed) => Err(Lagged(missed)),
        }
    }

    /// The next event if there is one already.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn try_next(&mut self) -> Result<Option<Event<Endpoint>>, Lagged> {
        match self.0.try_next_message() {
            Some(WaitResult::Message(event)) => Ok(Some(event)),
            Some(WaitResult::Lagged(missed)) => Err(Lagged(missed)),
            None => Ok(None),
        }
    }
}

impl fmt::Debug for Events<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

/// So many events were missed by a slow subscriber. [`Swim::members`](crate::Swim::members) says
/// how things stand now; the events that follow are newer, or already part of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged(pub u64);

impl fmt::Display for Lagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events missed", self.0)
    }
}

impl core::error::Error for Lagged {}
