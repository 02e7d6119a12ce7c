//! Sealed packets, sealed here once more by what the specification says.

use std::net::SocketAddr;

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use swim_core::storage::Growable;
use swim_core::wire::Packet;
use swim_core::{
    Config, Identity, Instant, Key, KeyId, KeyRing, Label, Node, NodeId, Nonces, Rejected, Sealing,
};

use super::specification::{hex, table_rows, text_of, vectors};
use super::vectors::v4;

const SALT: u64 = 0x1122_3344_5566;
/// Version, flags, label.
const PREAMBLE_LEN: usize = 6;
/// Key id, salt, moment.
const ENVELOPE_LEN: usize = 16;
const TAG_LEN: usize = 16;

fn key() -> [u8; 32] {
    core::array::from_fn(|byte| byte as u8)
}

fn key_id() -> u32 {
    let nothing = InOutBuf::from(&mut [][..]);
    let tag = cipher().encrypt_inout_detached(&[255; 24].into(), b"key id", nothing);
    u32::from_le_bytes(*tag.unwrap().first_chunk().unwrap())
}

fn cipher() -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&key().into())
}

/// How many bytes sender, incarnation and round take.
fn speaker_len(bytes: &[u8]) -> usize {
    let mut len = 0;
    for _ in 0..2 {
        len += bytes[len..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    }
    len + 2
}

fn sender(bytes: &[u8]) -> u64 {
    let digits = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap();
    bytes[..=digits].iter().rev().fold(0, |id, byte| id << 7 | u64::from(byte & 0x7f))
}

fn nonce(sender: u64, envelope: &[u8]) -> [u8; 24] {
    let nonce = [&sender.to_le_bytes()[..], &envelope[4..], &[0; 4]].concat();
    nonce.try_into().unwrap()
}

fn sealed(plain: &[u8], moment: u64) -> Vec<u8> {
    let (preamble, rest) = plain.split_at(PREAMBLE_LEN);
    let (speaker, frames) = rest.split_at(speaker_len(rest));
    let (salt, moment) = (SALT.to_le_bytes(), moment.to_le_bytes());
    let envelope = [&key_id().to_le_bytes()[..], &salt[..6], &moment[..6]].concat();
    let mut clear = [preamble, &envelope, speaker].concat();
    clear[1] |= 1;
    let mut frames = frames.to_vec();
    let nonce = nonce(sender(speaker), &envelope).into();
    let tag =
        cipher().encrypt_inout_detached(&nonce, &clear, frames.as_mut_slice().into()).unwrap();
    [&clear[..], &frames, &tag].concat()
}

fn opened(sealed: &[u8]) -> Option<Vec<u8>> {
    let (preamble, rest) = sealed.split_at(PREAMBLE_LEN);
    let (envelope, rest) = rest.split_at(ENVELOPE_LEN);
    let (speaker, rest) = rest.split_at(speaker_len(rest));
    let (frames, tag) = rest.split_at(rest.len() - TAG_LEN);
    let mut frames = frames.to_vec();
    let nonce = nonce(sender(speaker), envelope).into();
    let clear = &sealed[..sealed.len() - rest.len()];
    let tag = tag.try_into().unwrap();
    cipher().decrypt_inout_detached(&nonce, clear, frames.as_mut_slice().into(), &tag).ok()?;
    let mut plain = [preamble, speaker, &frames].concat();
    plain[1] &= !1;
    Some(plain)
}

fn node(byte: u8) -> Node<SocketAddr, Growable> {
    let identity = Identity::new(NodeId::from_name("reader"), v4());
    let config = Config { label: Label::new("prod"), ..Config::lan() };
    let mut node = Node::new(identity, config, Growable::default(), 1, Instant::ZERO).unwrap();
    let keys = KeyRing::new(Key::new(key().map(|key| key ^ byte)));
    let nonces = Nonces { salt: SALT, seconds: 0x6553_f100 };
    node.seal(keys, Sealing::Require, nonces, Instant::ZERO).unwrap();
    node
}

#[test]
fn sealed_vectors_are_what_the_specification_says() {
    let golden = vectors("### Packets");
    let rows = table_rows("### Sealed packets");
    assert_eq!(rows.len(), 3);
    for row in rows {
        let moment = u64::from_str_radix(row[1].trim_start_matches("0x"), 16).unwrap();
        let bytes = sealed(&golden[row[0]], moment);
        assert_eq!(hex(&bytes), row[2], "{}", row[0]);
        assert_eq!(node(0).handle_datagram(v4(), &mut bytes.clone(), Instant::ZERO), Ok(()));
        let unknown = Err(Rejected::UnknownKey(KeyId(key_id())));
        assert_eq!(node(1).handle_datagram(v4(), &mut bytes.clone(), Instant::ZERO), unknown);
    }
    assert_eq!(Key::new(key()).id(), KeyId(key_id()));
    let told = text_of("### Sealed packets");
    assert!(told.contains(&format!("{:#x}", key_id())), "the id is {:#x}", key_id());
}

#[test]
fn what_a_node_seals_can_be_opened_by_what_the_specification_says() {
    let mut node = node(0);
    let seed = SocketAddr::from(([192, 0, 2, 8], 7_946));
    node.join(seed, Instant::ZERO).unwrap();
    node.handle_timeout(Instant::ZERO);
    let mut buffer = [0; 1_400];
    let join = node.poll_transmit(Instant::ZERO, &mut buffer).unwrap();
    let plain = opened(&buffer[..join.len]).expect("it opens");
    assert_eq!(plain.len() + ENVELOPE_LEN + TAG_LEN, join.len);
    let packet = Packet::<SocketAddr>::parse(&plain).expect("it parses");
    assert_eq!(packet.header.sender, node.id());
    assert_eq!(packet.updates().count(), 1);
}
