//! Two that seal and open packets, whatever their keys, and whatever happens on the way.

use core::time::Duration;

use crate::seal::{Opened, Sealer, Unopened};
use crate::time::Instant;
use crate::wire::{Cover, Header, KeyId, PacketWriter, SEAL_LEN};
use crate::{
    Incarnation, KEYS_MAX, KeyError, KeyRing, Label, NodeId, Nonces, REPLAY_WINDOW, Sealing,
};

use super::Bytes;
use super::envelope::{KEYS, key, sealed as sealed_by};

/// Moves of one program; the rest is left out.
const MOVES_MAX: usize = 64;
/// The longest packet that is sealed, in bytes without its header.
const FRAMES_LEN_MAX: usize = 255;

/// Bytes as packets of anybody; as packets that are sealed, changed on their way and repeated
/// later; and as changes of the keys of both sides.
///
/// # Panics
///
/// When something opens that was not sealed so, or something does not open that should.
pub fn sealed(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mut pair = Pair::new(&mut bytes);
    let mut moves = 0..MOVES_MAX;
    while !bytes.is_empty() && moves.next().is_some() {
        match bytes.byte() % 8 {
            0 => pair.babble(&mut bytes),
            1..=3 => pair.post(&mut bytes),
            4 => pair.repeat(),
            5 => pair.now = pair.now.after(Duration::from_secs(bytes.byte().into())),
            6 => pair.writer.change(&mut bytes),
            _ => pair.reader.change(&mut bytes),
        }
    }
}

/// A writer and a reader, and what happens between them.
struct Pair {
    writer: Side,
    reader: Side,
    now: Instant,
    /// The last packet that was read, when, and what it said.
    last: Option<(Vec<u8>, Vec<u8>, Instant)>,
    last_nonce: Option<(u64, u64)>,
}

impl Pair {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let now = Instant::from_secs(1_000);
        let seconds = bytes.choose(&[1_700_000_000, 0]);
        Self {
            writer: Side::new(Nonces { salt: 1, seconds }, Sealing::Send, now),
            reader: Side::new(Nonces { salt: 2, seconds }, Sealing::Require, now),
            now,
            last: None,
            last_nonce: None,
        }
    }

    /// Bytes of anybody do no harm. Some may open: a fuzzer sees the tags that bytes are compared
    /// with, and learns to write them; so they go to a reader of their own.
    fn babble(&mut self, bytes: &mut Bytes<'_>) {
        let len = bytes.byte().into();
        let mut babble = bytes.take(len).to_vec();
        let mut reader = Side::new(Nonces { salt: 3, seconds: 0 }, Sealing::Require, self.now);
        let _ = reader.sealer.open(&mut babble, self.now);
    }

    /// A packet is sealed, and opens as it was; changed on the way it does not.
    fn post(&mut self, bytes: &mut Bytes<'_>) {
        let packet = packet(bytes);
        let sealed =
            sealed_by(&mut self.writer.sealer, &packet, self.now).expect("it has a header");
        assert_eq!(sealed.len(), packet.len() + SEAL_LEN);
        self.nonce_is_new(&sealed);
        let mut changed = sealed.clone();
        change(bytes, &mut changed);
        if changed != sealed {
            assert!(self.open(&changed).is_err(), "{changed:02x?} of {sealed:02x?}");
        }
        match self.open(&sealed) {
            Ok(opened) => {
                assert_eq!(opened, packet);
                assert!(self.reader.has(self.writer.primary()));
                self.last = Some((sealed, packet, self.now));
            }
            Err(Unopened::UnknownKey(key, _)) => {
                assert_eq!(key, self.writer.primary());
                assert!(!self.reader.has(key));
            }
            Err(unopened) => panic!("{unopened:?} where the reader has {:?}", self.reader.keys),
        }
    }

    /// The last packet comes again: it says the same, or it is too old.
    fn repeat(&mut self) {
        let Some((sealed, packet, at)) = self.last.clone() else { return };
        let age = self.now.since(at);
        match self.open(&sealed) {
            Ok(opened) => {
                assert_eq!(opened, packet);
                // Whole seconds are compared.
                assert!(age <= REPLAY_WINDOW + Duration::from_secs(1), "{age:?}");
            }
            Err(Unopened::Stale(_)) => assert!(age > REPLAY_WINDOW - Duration::from_secs(1)),
            Err(Unopened::UnknownKey(key, _)) => assert!(!self.reader.has(key)),
            Err(unopened) => panic!("{unopened:?} after {age:?}"),
        }
    }

    fn nonce_is_new(&mut self, sealed: &[u8]) {
        let Ok(Cover::Sealed { envelope, .. }) = Cover::read(sealed) else {
            panic!("it is sealed")
        };
        let nonce = Some((envelope.salt, envelope.moment));
        assert!(nonce > self.last_nonce, "{nonce:?} after {:?}", self.last_nonce);
        self.last_nonce = nonce;
    }

    fn open(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Unopened> {
        let mut buffer = bytes.to_vec();
        match self.reader.sealer.open(&mut buffer, self.now) {
            Ok(Opened { packet, key }) => {
                assert!(key.is_some());
                Ok(packet.to_vec())
            }
            Err(unopened) => {
                let is_stale = matches!(unopened, Unopened::Stale(_));
                assert!(is_stale || buffer == bytes, "{unopened:?} changed {bytes:02x?}");
                Err(unopened)
            }
        }
    }
}

/// Somebody with keys, and the ids of the keys that should be in the ring, primary first.
struct Side {
    sealer: Sealer,
    keys: Vec<KeyId>,
}

impl Side {
    fn new(nonces: Nonces, sealing: Sealing, now: Instant) -> Self {
        let mut sealer = Sealer::new();
        sealer.equip(KeyRing::new(key(0)), sealing, nonces, now);
        Self { sealer, keys: vec![key(0).id()] }
    }

    fn primary(&self) -> KeyId {
        self.keys[0]
    }

    fn has(&self, key: KeyId) -> bool {
        self.keys.contains(&key)
    }

    /// A key is added, used, or removed.
    fn change(&mut self, bytes: &mut Bytes<'_>) {
        let (verb, key) = (bytes.below(3), key(bytes.below(KEYS)));
        let (id, primary) = (key.id(), self.primary());
        let place = self.keys.iter().position(|known| *known == id);
        let ring = self.sealer.ring_mut().expect("it has keys");
        match verb {
            0 => {
                let fits = place.is_some() || self.keys.len() < KEYS_MAX;
                assert_eq!(ring.add(key), if fits { Ok(()) } else { Err(KeyError::Full) });
                if fits && place.is_none() {
                    self.keys.push(id);
                }
            }
            1 => {
                let known = place.map(|_| ()).ok_or(KeyError::Unknown(id));
                assert_eq!(ring.use_key(id), known);
                self.keys.swap(0, place.unwrap_or(0));
            }
            _ if id == primary => assert_eq!(ring.remove(id), Err(KeyError::Primary(id))),
            _ => {
                let known = place.map(|_| ()).ok_or(KeyError::Unknown(id));
                assert_eq!(ring.remove(id), known);
                self.keys.retain(|known| *known != id);
            }
        }
        let (mut held, mut meant): (Vec<_>, Vec<_>) = (ring.ids().collect(), self.keys.clone());
        assert_eq!(held[0], meant[0]);
        held.sort_unstable();
        meant.sort_unstable();
        assert_eq!(held, meant);
    }
}

/// A header, and any bytes where frames should be.
fn packet(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let (label, sender) = (Label::default(), NodeId::new(bytes.long()));
    let incarnation = Incarnation::new(bytes.long() as u32);
    let header = Header { label, sender, incarnation, round: bytes.byte().into() };
    let mut packet = vec![0; header.encoded_len()];
    PacketWriter::new(&mut packet, &header).expect("room for the header");
    let len = bytes.below(FRAMES_LEN_MAX + 1);
    packet.extend(bytes.take(len));
    packet
}

/// Changes a byte, cuts the end off, or adds something; or does nothing.
fn change(bytes: &mut Bytes<'_>, sealed: &mut Vec<u8>) {
    let (how, place, byte) = (bytes.byte(), usize::from(bytes.word()) % sealed.len(), bytes.byte());
    match how % 4 {
        0 | 1 => sealed[place] ^= byte,
        2 => sealed.truncate(place),
        _ => sealed.extend(bytes.take(byte.into())),
    }
}
