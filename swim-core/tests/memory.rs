//! What a node in static memory takes, held to it: whoever adds a field sees what it costs.

use serde::{Deserialize, Serialize};
use swim_core::storage::Fixed;
use swim_core::{Address, Node};

/// Where a board listens, in six bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Endpoint {
    ip: [u8; 4],
    port: u16,
}

impl Address for Endpoint {}

/// Bytes of a node with a table of so many rows, each with so much metadata.
fn size<A: Address, const MEMBERS: usize, const METADATA: usize>() -> usize {
    size_of::<Node<A, Fixed<MEMBERS, METADATA>>>()
}

/// On 64 bits, with room for keys; a microcontroller pads less.
#[test]
fn nodes_without_a_heap_take_no_more_than_this() {
    let sizes = [
        ("radio, 8 rows", size::<u16, 8, 0>(), 4_336),
        ("radio, 32 rows", size::<u16, 32, 0>(), 6_808),
        ("radio, 128 rows", size::<u16, 128, 0>(), 16_696),
        ("radio, 8 rows, metadata", size::<u16, 8, 16>(), 4_464),
        ("radio, 32 rows, metadata", size::<u16, 32, 16>(), 7_320),
        ("radio, 128 rows, metadata", size::<u16, 128, 16>(), 18_744),
        ("IPv4, 8 rows", size::<Endpoint, 8, 0>(), 4_552),
        ("IPv4, 32 rows", size::<Endpoint, 32, 0>(), 7_120),
        ("IPv4, 128 rows", size::<Endpoint, 128, 0>(), 17_392),
        ("IPv4, 8 rows, metadata", size::<Endpoint, 8, 16>(), 4_680),
        ("IPv4, 32 rows, metadata", size::<Endpoint, 32, 16>(), 7_632),
        ("IPv4, 128 rows, metadata", size::<Endpoint, 128, 16>(), 19_440),
    ];
    sizes.iter().for_each(|(node, size, _)| println!("{node}: {size} bytes"));
    for (node, size, most) in sizes {
        assert!(size <= most, "{node}: {size} bytes, more than {most}");
    }
}
