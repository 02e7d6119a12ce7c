//! The virtual clock behind embassy-time: one per thread, so that tests do not share it.

use std::cell::{Cell, RefCell};
use std::task::Waker;

use embassy_time_driver::Driver;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
    static ALARMS: RefCell<Vec<(u64, Waker)>> = const { RefCell::new(Vec::new()) };
}

/// Begins anew.
pub fn reset() {
    NOW.set(0);
    ALARMS.with_borrow_mut(Vec::clear);
}

/// Microseconds since the last reset.
pub fn now() -> u64 {
    NOW.get()
}

/// When the next alarm is due.
pub fn next_alarm() -> Option<u64> {
    ALARMS.with_borrow(|alarms| alarms.iter().map(|&(at, _)| at).min())
}

/// Moves on to `moment` and wakes whoever wanted to be woken by then.
pub fn advance(moment: u64) {
    assert!(moment >= now());
    NOW.set(moment);
    let due = ALARMS.with_borrow_mut(|alarms| {
        let (due, later) = alarms.drain(..).partition(|&(at, _)| at <= moment);
        *alarms = later;
        due
    });
    let due: Vec<(u64, Waker)> = due;
    due.into_iter().for_each(|(_, waker)| waker.wake());
}

struct VirtualClock;

impl Driver for VirtualClock {
    fn now(&self) -> u64 {
        now()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        ALARMS.with_borrow_mut(|alarms| {
            match alarms.iter_mut().find(|(_, other)| other.will_wake(waker)) {
                Some((earlier, _)) => *earlier = at.min(*earlier),
                None => alarms.push((at, waker.clone())),
            }
        });
    }
}

embassy_time_driver::time_driver_impl!(static CLOCK: VirtualClock = VirtualClock);
