//! One key.

use core::fmt;

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::wire::{KeyId, TAG_LEN};

/// Bytes of a key.
pub const KEY_LEN: usize = 32;

/// Bytes of a nonce.
pub(super) const NONCE_LEN: usize = 24;

/// A nonce that no packet has: its moment would be after the last there is.
const ID_NONCE: [u8; NONCE_LEN] = [0xff; NONCE_LEN];

/// A secret that all members of a cluster share. Its bytes are overwritten when it is dropped and
/// never shown.
///
/// Make it of 32 bytes that nobody can guess: from the system's generator, not from a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    bytes: [u8; KEY_LEN],
    id: KeyId,
}

impl Key {
    /// The key with these bytes. Overwrite yours when you need them no more. Any bytes make a key,
    /// also 32 zeros: whether they are secret is for the caller to know.
    pub fn new(mut bytes: [u8; KEY_LEN]) -> Self {
        let mut key = Self { bytes, id: KeyId(0) };
        bytes.zeroize();
        // What authenticates nothing at all differs from key to key and gives none away.
        if let Some([a, b, c, d, ..]) = key.seal(&ID_NONCE, b"key id", &mut []) {
            key.id = KeyId(u32::from_le_bytes([a, b, c, d]));
        }
        key
    }

    /// What names it in packets and messages: the first four bytes, little-endian, of the tag of
    /// nothing with the associated data `key id` under the nonce of 24 bytes 255.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Encrypts `text` in place. Returns the tag. `None` only if it is longer than any packet.
    pub(super) fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        clear: &[u8],
        text: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        let text = InOutBuf::from(text);
        let tag = self.cipher().encrypt_inout_detached(&XNonce::from(*nonce), clear, text);
        tag.ok().map(Into::into)
    }

    /// Decrypts `text` in place; it stays what it is if the tag does not fit it. Returns whether it
    /// does.
    pub(super) fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        clear: &[u8],
        text: &mut [u8],
        tag: [u8; TAG_LEN],
    ) -> bool {
        let (nonce, tag) = (XNonce::from(*nonce), tag.into());
        self.cipher().decrypt_inout_detached(&nonce, clear, text.into(), &tag).is_ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&self.bytes).into())
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl ZeroizeOnDrop for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_last() {
        assert_eq!(Key::new([7; KEY_LEN]).id(), Key::new([7; KEY_LEN]).id());
        assert_ne!(Key::new([7; KEY_LEN]).id(), Key::new([8; KEY_LEN]).id());
    }

    #[test]
    fn a_key_is_not_shown() {
        let shown = format!("{:?}", Key::new([0x5a; KEY_LEN]));
        assert_eq!(shown, format!("Key({})", Key::new([0x5a; KEY_LEN]).id()));
        assert!(!shown.contains("5a5a") && !shown.contains("90, 90"));
    }

    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    #[test]
    fn the_cipher_is_that_of_the_draft() {
        let bytes = core::array::from_fn(|byte| 0x80 + byte as u8);
        let nonce = core::array::from_fn(|byte| 0x40 + byte as u8);
        let clear = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let mut text = *b"Ladies and Gentlemen of the class of '99: If I could offer you only \
            one tip for the future, sunscreen would be it.";
        let plain = text;
        let key = Key::new(bytes);
        let tag = key.seal(&nonce, &clear, &mut text).unwrap();
        assert_eq!(text[..4], [0xbd, 0x6d, 0x17, 0x9d]);
        assert_eq!(
            tag,
            [
                0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79, 0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a,
                0xcf, 0x49
            ]
        );
        let sealed = text;
        assert!(!key.open(&nonce, &clear[1..], &mut text, tag), "other associated data");
        assert_eq!(text, sealed, "what cannot be opened stays as it is");
        assert!(key.open(&nonce, &clear, &mut text, tag));
        assert_eq!(text, plain);
    }
}
