//! Prints what a member takes of the RAM of this target, in bytes, and ends.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

// Brings critical sections.
use cortex_m as _;
use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::hprintln;
use swim_core::Node;
use swim_core::storage::Fixed;
use swim_embassy::{Endpoint, Resources};

#[cortex_m_rt::entry]
fn main() -> ! {
    print::<8, 0>();
    print::<32, 0>();
    print::<128, 0>();
    print::<8, 16>();
    print::<32, 16>();
    print::<128, 16>();
    loop {
        debug::exit(EXIT_SUCCESS);
    }
}

/// The node; the node of a radio, with addresses of two bytes; all a member takes, with its buffers
/// for datagrams of 1 400 bytes and of 127.
fn print<const MEMBERS: usize, const METADATA: usize>() {
    let node = size_of::<Node<Endpoint, Fixed<MEMBERS, METADATA>>>();
    let radio = size_of::<Node<u16, Fixed<MEMBERS, METADATA>>>();
    let member = size_of::<Resources<MEMBERS, METADATA, 1_400>>();
    let small = size_of::<Resources<MEMBERS, METADATA, 127>>();
    hprintln!("{MEMBERS} {METADATA} {node} {radio} {member} {small}");
}

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    loop {
        debug::exit(EXIT_FAILURE);
    }
}
