//! What handles and runner have in common.

use core::cell::{Cell, RefCell};

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_sync::watch::Watch;
use embassy_time::{Duration, Timer};
use swim_core::Event;
use swim_core::storage::Fixed;

use crate::counters::{Counters, count};
use crate::endpoint::Endpoint;
use crate::events::EventChannel;

pub type Node<const MEMBERS: usize, const METADATA: usize> =
    swim_core::Node<Endpoint, Fixed<MEMBERS, METADATA>>;

/// Tasks that are woken at once when what they wait for in [`leave`](crate::Swim::leave) or
/// [`sleep_until`](crate::Swim::sleep_until) is so. Beyond this they look from time to time.
pub const WAITERS_MAX: usize = 4;

/// How often a task looks for which there is no place among the [`WAITERS_MAX`].
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The node, and who wants to know of it. Borrows never last across an `await`, and no code of the
/// application runs inside of one, so they cannot collide.
pub struct Shared<'d, const MEMBERS: usize, const METADATA: usize> {
    pub node: &'d RefCell<Node<MEMBERS, METADATA>>,
    pub notices: &'d Notices,
}

impl<const MEMBERS: usize, const METADATA: usize> Clone for Shared<'_, MEMBERS, METADATA> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<const MEMBERS: usize, const METADATA: usize> Copy for Shared<'_, MEMBERS, METADATA> {}

/// What passes between runner and handles besides the node.
pub struct Notices {
    counters: Cell<Counters>,
    /// How often the node has fallen asleep.
    sleeps: Cell<u32>,
    pub events: EventChannel,
    /// A handle has changed something, and the node has output.
    pub touched: Signal<NoopRawMutex, ()>,
    changes: Watch<NoopRawMutex, (), WAITERS_MAX>,
}

impl Notices {
    pub fn new() -> Self {
        Self {
            counters: Cell::default(),
            sleeps: Cell::default(),
            events: EventChannel::new(),
            touched: Signal::new(),
            changes: Watch::new(),
        }
    }
}

impl<const MEMBERS: usize, const METADATA: usize> Shared<'_, MEMBERS, METADATA> {
    pub fn with<R>(&self, read: impl FnOnce(&Node<MEMBERS, METADATA>) -> R) -> R {
        read(&self.node.borrow())
    }

    /// An input of the runner, which drains the node itself.
    pub fn with_mut<R>(&self, change: impl FnOnce(&mut Node<MEMBERS, METADATA>) -> R) -> R {
        change(&mut self.node.borrow_mut())
    }

    /// A command of a handle: the runner is woken to drain the node.
    pub fn command<R>(&self, change: impl FnOnce(&mut Node<MEMBERS, METADATA>) -> R) -> R {
        let result = self.with_mut(change);
        self.notices.touched.signal(());
        self.notices.changes.sender().send(());
        result
    }

    /// Tells subscribers, and wakes whoever waits for a change.
    pub fn tell(&self, event: Event<Endpoint>) {
        if event == Event::Asleep {
            self.notices.sleeps.update(|sleeps| sleeps.wrapping_add(1));
        }
        self.notices.events.immediate_publisher().publish_immediate(event);
        self.notices.changes.sender().send(());
    }

    /// Waits until the node is as `is_so` wants it, which is asked after every event and command.
    pub async fn until(&self, is_so: impl Fn(&Node<MEMBERS, METADATA>) -> bool) {
        let mut changes = self.notices.changes.receiver();
        while !self.with(&is_so) {
            match &mut changes {
                Some(changes) => changes.changed().await,
                None => Timer::after(LOOK_INTERVAL).await,
            }
        }
    }

    pub fn sleeps(&self) -> u32 {
        self.notices.sleeps.get()
    }

    pub fn counters(&self) -> Counters {
        self.notices.counters.get()
    }

    pub fn count(&self, counter: impl FnOnce(&mut Counters) -> &mut u32) {
        let mut counters = self.notices.counters.get();
        count(counter(&mut counters));
        self.notices.counters.set(counters);
    }
}
