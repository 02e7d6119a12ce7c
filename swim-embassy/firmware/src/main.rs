//! A member of a swim cluster on a microcontroller: what it hears it prints on the serial line, and
//! there it can be asked and told. One image serves all boards; who a board is comes with the
//! command line.

#![no_std]
#![no_main]

mod arguments;
mod board;
mod console;
mod lan9118;
mod member;
mod register;
mod report;
mod semihosting;
mod stack;
mod time_driver;
mod uart;

use core::fmt::Display;
use core::panic::PanicInfo;

use cortex_m_rt::{ExceptionFrame, exception};
use embassy_executor::Spawner;
use embassy_time::{Duration, Timer};
use static_cell::ConstStaticCell;

use arguments::Arguments;
use lan9118::Lan9118;
use semihosting::{COMMAND_LINE_LEN_MAX, exit};
use uart::say;

const EXIT_ARGUMENTS: u8 = 2;
const EXIT_NETWORK: u8 = 3;
const EXIT_LIFE_OVER: u8 = 4;
const EXIT_PANIC: u8 = 102;
const EXIT_FAULT: u8 = 103;

#[cortex_m_rt::entry]
fn main() -> ! {
    static NETWORK: ConstStaticCell<Lan9118> = ConstStaticCell::new(Lan9118::new());
    let network = NETWORK.take();
    let has_network = network.start();
    let spawner = board::start();
    if !has_network {
        fail(EXIT_NETWORK, "the network chip does not answer");
    }
    spawner.spawn(live(network).expect("it runs once"));
    loop {
        cortex_m::asm::wfi();
    }
}

#[embassy_executor::task]
async fn live(network: &'static mut Lan9118) {
    let arguments = arguments();
    // SAFETY: this is a task of embassy's executor.
    let spawner = unsafe { Spawner::for_current_executor() }.await;
    let network = member::start_stack(network, &arguments, spawner);
    let swim = match member::start(network, &arguments, spawner) {
        Ok(swim) => swim,
        Err(error) => fail(EXIT_ARGUMENTS, error),
    };
    stack::started();
    spawner.spawn(die(arguments.life).expect("it runs once"));
    console::serve(swim, network).await;
}

fn arguments() -> Arguments {
    static LINE: ConstStaticCell<[u8; COMMAND_LINE_LEN_MAX]> =
        ConstStaticCell::new([0; COMMAND_LINE_LEN_MAX]);
    match Arguments::parse(semihosting::command_line(LINE.take())) {
        Ok(arguments) => arguments,
        Err(word) => fail(EXIT_ARGUMENTS, format_args!("not understood: {word}")),
    }
}

/// Nobody may be left to end this board.
#[embassy_executor::task]
async fn die(life: Option<Duration>) {
    let Some(life) = life else { return };
    Timer::after(life).await;
    fail(EXIT_LIFE_OVER, "its life is over");
}

fn fail(code: u8, reason: impl Display) -> ! {
    say!("failed code={code} reason={reason}");
    exit(code)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    say!("fault at={:#010x} called_from={:#010x}", frame.pc(), frame.lr());
    exit(EXIT_FAULT)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("panic {info}");
    exit(EXIT_PANIC)
}
