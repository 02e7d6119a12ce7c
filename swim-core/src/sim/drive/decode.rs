//! Any bytes as a packet: parsing never panics, and what parses survives being written.

use core::net::SocketAddr;

use crate::Address;
use crate::wire::{Packet, rewrite};

/// Any bytes, read as a packet with socket addresses, and as one with radio addresses.
///
/// # Panics
///
/// When what parses does not survive being written and parsed again.
pub fn decode(bytes: &[u8]) {
    survives_rewriting::<SocketAddr>(bytes);
    survives_rewriting::<u16>(bytes);
}

fn survives_rewriting<A: Address>(bytes: &[u8]) {
    let Ok(packet) = Packet::<A>::parse(bytes) else { return };
    let first = rewritten::<A>(bytes);
    let again = Packet::<A>::parse(&first).expect("what was written parses");
    assert_eq!(packet.header, again.header);
    assert_eq!(packet.message, again.message);
    assert!(packet.updates().eq(again.updates()), "{packet:?} became {again:?}");
    assert!(packet.entries().eq(again.entries()), "{packet:?} became {again:?}");

    // Written once, a packet has its one spelling: writing it again changes nothing.
    assert_eq!(rewritten::<A>(&first), first);
}

/// What `rewrite` makes of a packet that parses. Writing makes nothing longer.
pub(super) fn rewritten<A: Address>(bytes: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; bytes.len()];
    let len = rewrite::<A>(bytes, &mut buffer).expect("what parses can be written");
    buffer.truncate(len);
    buffer
}
