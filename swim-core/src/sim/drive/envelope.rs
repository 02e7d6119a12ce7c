//! The keys of a program, and packets sealed by somebody who has them.

use crate::member::NodeId;
use crate::seal::Sealer;
use crate::storage::Storage;
use crate::time::Instant;
use crate::wire::{ENVELOPE_LEN, SEAL_LEN};
use crate::{KEY_LEN, KEYS_MAX, Key, KeyRing, Node, Nonces, Sealing};

/// The keys there are; a program names them by their place.
pub(super) const KEYS: usize = 6;

/// The key at a place.
pub(super) fn key(place: usize) -> Key {
    Key::new([0xa0 + (place % KEYS) as u8; KEY_LEN])
}

/// Gives a node the first key.
pub(super) fn equip<S: Storage>(node: &mut Node<u16, S>, sealing: Sealing, now: Instant) {
    let (keys, nonces) = (KeyRing::new(key(0)), nonces(node.id()));
    node.seal(keys, sealing, nonces, now).expect("there is no metadata yet");
}

/// Somebody who has the first keys, as many as a ring holds, and accepts packets in clear too.
pub(super) fn insider(now: Instant) -> Sealer {
    let mut sealer = Sealer::new();
    let nonces = nonces(NodeId::new(0));
    let mut keys = KeyRing::new(key(0));
    (1..KEYS_MAX).for_each(|place| keys.add(key(place)).expect("there is room"));
    sealer.equip(keys, Sealing::Send, nonces, now);
    sealer
}

/// A packet, sealed. `None` if it is too short to be one.
pub(super) fn sealed(sealer: &mut Sealer, packet: &[u8], now: Instant) -> Option<Vec<u8>> {
    let mut buffer = vec![0; packet.len() + SEAL_LEN];
    buffer[ENVELOPE_LEN..][..packet.len()].copy_from_slice(packet);
    let len = sealer.seal(&mut buffer, packet.len(), now)?;
    buffer.truncate(len);
    Some(buffer)
}

/// Those of a process that knows what time it is.
fn nonces(id: NodeId) -> Nonces {
    Nonces { salt: id.number(), seconds: 1_700_000_000 }
}
