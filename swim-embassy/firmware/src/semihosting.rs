//! What a program may ask of the debugger, or of QEMU in its place: its command line, and an end.

use cortex_m_semihosting::{nr, syscall1};

/// Longer command lines are not read.
pub const COMMAND_LINE_LEN_MAX: usize = 384;
const EXIT_EXTENDED: usize = 0x20;
/// `ADP_Stopped_ApplicationExit`: what follows is the exit code.
const APPLICATION_EXIT: usize = 0x2_0026;

/// The command line without its first word, the name of the program; empty when there is none.
pub fn command_line(buffer: &'static mut [u8; COMMAND_LINE_LEN_MAX]) -> &'static str {
    let mut block = [buffer.as_mut_ptr() as usize, buffer.len()];
    // SAFETY: the block is a buffer and its length, and both outlive the call.
    let failed = unsafe { syscall1(nr::GET_CMDLINE, &raw mut block as usize) } != 0;
    let line = buffer.get(..block[1]).filter(|_| !failed).unwrap_or_default();
    let line = core::str::from_utf8(line).unwrap_or_default().trim_end_matches('\0');
    line.split_once(' ').map_or("", |(_program, arguments)| arguments)
}

/// Seconds since 1970, as the host knows them.
pub fn time() -> u32 {
    // SAFETY: this call takes nothing.
    unsafe { syscall1(nr::TIME, 0) as u32 }
}

/// Ends the program, in QEMU the process too, with `code`. Without a debugger there is nowhere to
/// go: the processor faults, and stays there.
pub fn exit(code: u8) -> ! {
    let block = [APPLICATION_EXIT, code.into()];
    loop {
        // SAFETY: the block is the reason and the code.
        unsafe { syscall1(EXIT_EXTENDED, &raw const block as usize) };
    }
}
