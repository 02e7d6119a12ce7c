//! The serial line: lines out, and lines in.

use core::fmt::{self, Write};

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use heapless::String;

use crate::board::{CLOCK_HZ, uart};

const DATA: usize = 0x0;
const STATE: usize = 0x4;
const CONTROL: usize = 0x8;
const INTERRUPT_CLEAR: usize = 0xc;
const BAUD_DIVISOR: usize = 0x10;

const STATE_SEND_FULL: u32 = 1;
const STATE_RECEIVE_FULL: u32 = 1 << 1;
/// Sending, receiving, and an interrupt for each byte received.
const CONTROL_ALL: u32 = 1 | 1 << 1 | 1 << 3;
const RECEIVED: u32 = 1 << 1;

const BAUD: u32 = 115_200;
/// Bytes typed ahead; more are lost.
const TYPED_MAX: usize = 128;
/// The longest line read; of longer ones the rest is lost.
pub const LINE_LEN_MAX: usize = 64;

static TYPED: Pipe<CriticalSectionRawMutex, TYPED_MAX> = Pipe::new();

pub fn start() {
    uart(BAUD_DIVISOR).write(CLOCK_HZ / BAUD);
    uart(CONTROL).write(CONTROL_ALL);
}

pub fn on_interrupt() {
    uart(INTERRUPT_CLEAR).write(RECEIVED);
    while uart(STATE).read() & STATE_RECEIVE_FULL != 0 {
        let byte = uart(DATA).read() as u8;
        // Whoever types faster than the board reads loses what he typed.
        let _ = TYPED.try_write(&[byte]);
    }
}

/// The next line that was typed, without its end.
pub async fn line() -> String<LINE_LEN_MAX> {
    let mut line = String::new();
    loop {
        let mut byte = [0];
        TYPED.read(&mut byte).await;
        match char::from(byte[0]) {
            '\r' | '\n' if line.is_empty() => {}
            '\r' | '\n' => return line,
            other => drop(line.push(other)),
        }
    }
}

/// Prints one line, waiting until the last byte is on its way.
macro_rules! say {
    ($($part:tt)*) => { $crate::uart::print_line(format_args!($($part)*)) };
}
pub(crate) use say;

pub fn print_line(line: fmt::Arguments<'_>) {
    // Writing to the line cannot fail.
    let _ = writeln!(Line, "{line}");
}

struct Line;

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while uart(STATE).read() & STATE_SEND_FULL != 0 {}
            uart(DATA).write(byte.into());
        }
        Ok(())
    }
}
