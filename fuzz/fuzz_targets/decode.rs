//! Any bytes: parsing never panics, and what parses survives being written and parsed again.
#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use swim_core::Address;
use swim_core::wire::{Packet, rewrite};

/// Longer than any input of the fuzzer, and writing makes nothing longer.
const BUFFER_LEN: usize = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    survives_rewriting::<SocketAddr>(bytes);
    survives_rewriting::<u16>(bytes);
});

fn survives_rewriting<A: Address>(bytes: &[u8]) {
    let Ok(packet) = Packet::<A>::parse(bytes) else { return };
    let mut first = [0; BUFFER_LEN];
    let first = rewritten::<A>(bytes, &mut first);
    let again = Packet::<A>::parse(first).expect("what was written parses");
    assert_eq!(packet.header, again.header);
    assert_eq!(packet.message, again.message);
    assert!(packet.updates().eq(again.updates()), "{packet:?} became {again:?}");
    assert!(packet.entries().eq(again.entries()), "{packet:?} became {again:?}");

    // Written once, a packet has its one spelling: writing it again changes nothing.
    let mut second = [0; BUFFER_LEN];
    assert_eq!(rewritten::<A>(first, &mut second), first);
}

fn rewritten<'b, A: Address>(bytes: &[u8], buffer: &'b mut [u8]) -> &'b [u8] {
    let len = rewrite::<A>(bytes, buffer).expect("what parses can be written");
    &buffer[..len]
}
