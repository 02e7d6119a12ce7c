//! Time for embassy: a clock of one microsecond, and one timer that rings for the next waker. There
//! is no tick, so an idle board sleeps.

use core::cell::RefCell;
use core::task::Waker;

use critical_section::Mutex;
use embassy_time_driver::{Driver, TICK_HZ};
use embassy_time_queue_utils::Queue;

use crate::board::{CLOCK_HZ, fpga, timer};

const COUNTER: usize = 0x18;
const PRESCALE: usize = 0x1c;

const CONTROL: usize = 0x0;
const VALUE: usize = 0x4;
const RELOAD: usize = 0x8;
const INTERRUPT_CLEAR: usize = 0xc;
const ENABLE_AND_INTERRUPT: u32 = 1 | 1 << 3;

const CYCLES_PER_TICK: u32 = CLOCK_HZ / TICK_HZ as u32;
/// Between two looks at the clock: less than the counter takes to wrap (71 minutes), and than the
/// timer can count (171 s).
const SLEEP_MAX: u64 = 60 * TICK_HZ;

embassy_time_driver::time_driver_impl!(static DRIVER: TimeDriver = TimeDriver::new());

/// Starts the clock. Until then it stands still.
pub fn start() {
    fpga(PRESCALE).write(CYCLES_PER_TICK - 1);
    on_interrupt();
}

pub fn on_interrupt() {
    timer(INTERRUPT_CLEAR).write(1);
    DRIVER.with(State::ring);
}

struct TimeDriver {
    state: Mutex<RefCell<State>>,
}

impl TimeDriver {
    const fn new() -> Self {
        let clock = Clock { wraps: 0, last: 0 };
        Self { state: Mutex::new(RefCell::new(State { clock, queue: Queue::new() })) }
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        critical_section::with(|token| f(&mut self.state.borrow_ref_mut(token)))
    }
}

impl Driver for TimeDriver {
    fn now(&self) -> u64 {
        self.with(|state| state.clock.now())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        self.with(|state| {
            if state.queue.schedule_wake(at, waker) {
                state.ring();
            }
        });
    }
}

struct State {
    clock: Clock,
    queue: Queue,
}

impl State {
    /// Wakes whose time has come, and sets the timer for the next.
    fn ring(&mut self) {
        let now = self.clock.now();
        let next = self.queue.next_expiration(now);
        let sleep = next.saturating_sub(now).clamp(1, SLEEP_MAX);
        let cycles = sleep as u32 * CYCLES_PER_TICK;
        timer(CONTROL).write(0);
        timer(VALUE).write(cycles);
        // It rings again and again, until it is set anew: with 0 it would not, and QEMU grumbles.
        timer(RELOAD).write(cycles);
        timer(CONTROL).write(ENABLE_AND_INTERRUPT);
    }
}

/// The counter of 32 bits, and how often it has wrapped.
struct Clock {
    wraps: u32,
    last: u32,
}

impl Clock {
    fn now(&mut self) -> u64 {
        let count = fpga(COUNTER).read();
        if count < self.last {
            self.wraps += 1;
        }
        self.last = count;
        u64::from(self.wraps) << 32 | u64::from(count)
    }
}
