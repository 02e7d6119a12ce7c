//! What a packet says of one member, read by somebody who has the keys.

use std::vec::Vec;

use crate::address::Address;
use crate::judge::Claim;
use crate::member::NodeId;
use crate::seal::{Key, KeyRing, Nonces, Sealer, Sealing};
use crate::time::Instant;
use crate::wire::{Cover, Message, Packet};

/// What a packet says, as far as it concerns the member.
#[derive(Clone, Copy, Debug)]
pub struct Letter<A> {
    pub sender: NodeId,
    pub message: Option<Message<A>>,
    /// What it claims of the member.
    pub claim: Option<Claim>,
}

/// Opens packets of any time and of any node.
pub struct Opener {
    keys: Vec<Key>,
    opened: Vec<u8>,
}

impl Opener {
    pub const fn new(keys: Vec<Key>) -> Self {
        Self { keys, opened: Vec::new() }
    }

    /// What `packet` says of `member`; `None` if nobody can read it.
    pub fn read<A: Address>(&mut self, member: NodeId, packet: &[u8]) -> Option<Letter<A>> {
        let packet = Packet::<A>::parse(self.open(packet)).ok()?;
        let about = packet.updates().filter(|update| update.id == member).last();
        Some(Letter {
            sender: packet.header.sender,
            message: packet.message,
            claim: about.map(|update| update.claim),
        })
    }

    fn open(&mut self, packet: &[u8]) -> &[u8] {
        self.opened.clear();
        self.opened.extend_from_slice(packet);
        let Ok(Cover::Sealed { envelope, .. }) = Cover::read(packet) else { return &self.opened };
        let Some(key) = self.keys.iter().find(|key| key.id() == envelope.key) else {
            return &self.opened;
        };
        // A sealer that begins with this packet finds none too old.
        let (mut sealer, nonces) = (Sealer::new(), Nonces { salt: 0, seconds: 0 });
        sealer.equip(KeyRing::new(key.clone()), Sealing::Accept, nonces, Instant::ZERO);
        match sealer.open(&mut self.opened, Instant::ZERO) {
            Ok(opened) => opened.packet,
            Err(_) => &[],
        }
    }
}
