//! Any bytes as what was recorded of a node.

use std::io::Read;

use crate::seal::{KEY_LEN, Key};
use crate::storage::Growable;
use crate::trace::{AddressKind, Reader, Replay, Terms, beginning};

/// Any bytes, read as the entries of a trace and replayed as far as they make sense: whatever they
/// say, nothing panics, and nothing takes more memory than a table of a few rows.
///
/// # Panics
///
/// When a rule does not hold.
pub fn trace(bytes: &[u8]) {
    let beginning = beginning(AddressKind::Other);
    let mut reader =
        Reader::new(beginning.as_slice().chain(bytes)).expect("it begins as a trace does");
    let mut replay = Replay::<u16, Growable>::new(Terms {
        storage: |members, metadata| Growable::new(members.min(64), metadata.min(64)),
        keys: vec![Key::new([1; KEY_LEN])],
        allow: |name| (name == "even").then(|| Box::new(is_even) as _),
    });
    while let Ok(Some(entry)) = reader.next::<u16>() {
        if replay.step(&entry).is_err() {
            break;
        }
    }
}

fn is_even(address: &u16) -> bool {
    address.is_multiple_of(2)
}
