//! The board `mps2-an385`: what is where, and whose interrupt is which.
//!
//! Moving to another board begins here; see the README.

use cortex_m::Peripherals;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;
use embassy_executor::{InterruptExecutor, SendSpawner};

use crate::register::Register;
use crate::{lan9118, time_driver, uart};

/// Of the processor and of its timers.
pub const CLOCK_HZ: u32 = 25_000_000;

const UART_BASE: usize = 0x4000_4000;
const TIMER_BASE: usize = 0x4000_0000;
const FPGA_BASE: usize = 0x4002_8000;
const NETWORK_BASE: usize = 0x4020_0000;
/// What each of them has for itself at least.
const DEVICE_LEN: usize = 0x1000;

/// Half of the levels, so that devices can interrupt tasks; a smaller number goes first.
const EXECUTOR_PRIORITY: u8 = 0x80;

static EXECUTOR: InterruptExecutor = InterruptExecutor::new();

/// The interrupts in use. What has none of its own runs the executor.
#[derive(Clone, Copy)]
#[repr(u16)]
enum Interrupt {
    UartReceived = 0,
    Timer = 8,
    Network = 13,
    Executor = 31,
}

// SAFETY: the numbers are distinct and those of the board.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

/// Starts the devices and the executor, which runs tasks inside of an interrupt: thread mode is
/// left to sleep in. (The thread-mode executor sleeps by `wfe`, which QEMU takes for a busy wait.)
pub fn start() -> SendSpawner {
    uart::start();
    time_driver::start();
    let mut nvic = Peripherals::take().expect("taken here only").NVIC;
    // SAFETY: no critical section of this program relies on priorities.
    unsafe { nvic.set_priority(Interrupt::Executor, EXECUTOR_PRIORITY) };
    let spawner = EXECUTOR.start(Interrupt::Executor);
    for interrupt in [Interrupt::UartReceived, Interrupt::Timer, Interrupt::Network] {
        // SAFETY: as above, and the handlers are ready: all they touch is static.
        unsafe { NVIC::unmask(interrupt) };
    }
    spawner
}

/// A register of the serial line.
pub const fn uart(offset: usize) -> Register {
    // SAFETY: the CMSDK UART is there.
    unsafe { Register::new(UART_BASE + within_device(offset)) }
}

/// A register of the timer that rings.
pub const fn timer(offset: usize) -> Register {
    // SAFETY: the CMSDK timer 0 is there.
    unsafe { Register::new(TIMER_BASE + within_device(offset)) }
}

/// A register of the board's own logic, which holds the clock.
pub const fn fpga(offset: usize) -> Register {
    // SAFETY: FPGAIO is there.
    unsafe { Register::new(FPGA_BASE + within_device(offset)) }
}

/// A register of the network chip.
pub const fn network(offset: usize) -> Register {
    // SAFETY: the LAN9118 is there.
    unsafe { Register::new(NETWORK_BASE + within_device(offset)) }
}

/// The offset of a register of 32 bits in a device: what lies beyond may be memory.
const fn within_device(offset: usize) -> usize {
    assert!(offset < DEVICE_LEN && offset.is_multiple_of(4));
    offset
}

#[exception]
unsafe fn DefaultHandler(irqn: i16) {
    const UART_RECEIVED: i16 = Interrupt::UartReceived as i16;
    const TIMER: i16 = Interrupt::Timer as i16;
    const NETWORK: i16 = Interrupt::Network as i16;
    const EXECUTOR_RUNS: i16 = Interrupt::Executor as i16;
    match irqn {
        UART_RECEIVED => uart::on_interrupt(),
        TIMER => time_driver::on_interrupt(),
        NETWORK => lan9118::on_interrupt(),
        // SAFETY: this interrupt is enabled by `EXECUTOR.start`, and nobody else calls this.
        EXECUTOR_RUNS => unsafe { EXECUTOR.on_interrupt() },
        other => panic!("interrupt {other} belongs to nobody"),
    }
}
