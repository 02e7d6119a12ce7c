//! What handles and runner have in common.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_sync::waitqueue::MultiWakerRegistration;
use swim_core::Event;
use swim_core::storage::Fixed;

use crate::counters::{Counters, count};
use crate::endpoint::Endpoint;
use crate::events::EventChannel;

pub type Node<const MEMBERS: usize, const METADATA: usize> =
    swim_core::Node<Endpoint, Fixed<MEMBERS, METADATA>>;

/// Tasks that can wait for the node's standing to change without waking each other in vain.
const WAITERS_MAX: usize = 4;

/// The node, and who wants to know of it. Borrows never last across an `await`, and no code of the
/// application runs inside of one, so they cannot collide.
pub struct Shared<const MEMBERS: usize, const METADATA: usize> {
    node: RefCell<Node<MEMBERS, METADATA>>,
    counters: Cell<Counters>,
    /// How often the node has fallen asleep.
    sleeps: Cell<u32>,
    pub events: EventChannel,
    /// A handle has changed something, and the node has output.
    pub touched: Signal<NoopRawMutex, ()>,
    waiters: RefCell<MultiWakerRegistration<WAITERS_MAX>>,
}

impl<const MEMBERS: usize, const METADATA: usize> Shared<MEMBERS, METADATA> {
    pub fn new(node: Node<MEMBERS, METADATA>) -> Self {
        Self {
            node: RefCell::new(node),
            counters: Cell::default(),
            sleeps: Cell::default(),
            events: EventChannel::new(),
            touched: Signal::new(),
            waiters: RefCell::new(MultiWakerRegistration::new()),
        }
    }

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
        self.touched.signal(());
        self.waiters.borrow_mut().wake();
        result
    }

    /// Tells subscribers, and wakes whoever waits for a change.
    pub fn tell(&self, event: Event<Endpoint>) {
        if event == Event::Asleep {
            self.sleeps.update(|sleeps| sleeps.wrapping_add(1));
        }
        self.events.immediate_publisher().publish_immediate(event);
        self.waiters.borrow_mut().wake();
    }

    /// Waits until the node is as `is_so` wants it, which is asked after every event and command.
    pub async fn until(&self, is_so: impl Fn(&Node<MEMBERS, METADATA>) -> bool) {
        poll_fn(|cx| {
            if self.with(&is_so) {
                return Poll::Ready(());
            }
            self.waiters.borrow_mut().register(cx.waker());
            Poll::Pending
        })
        .await;
    }

    pub fn sleeps(&self) -> u32 {
        self.sleeps.get()
    }

    pub fn counters(&self) -> Counters {
        self.counters.get()
    }

    pub fn count(&self, counter: impl FnOnce(&mut Counters) -> &mut u32) {
        let mut counters = self.counters.get();
        count(counter(&mut counters));
        self.counters.set(counters);
    }
}
