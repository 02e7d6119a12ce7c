//! The keys a member has.

use core::fmt;

use crate::wire::KeyId;

use super::Key;

/// How many keys a ring holds: the one in use, the next, and two that lag behind.
pub const KEYS_MAX: usize = 4;

/// The keys a member has: it seals with the primary one and opens what any of them sealed.
///
/// To give a running cluster another key: add the new one on every member, then use it on every
/// member, then remove the old one from every member. At each moment all can read all.
///
/// ```
/// use swim_core::{Key, KeyError, KeyRing};
///
/// let (old, new) = (Key::new([7; 32]), Key::new([8; 32]));
/// let (old_id, new_id) = (old.id(), new.id());
/// let mut keys = KeyRing::new(old);
/// keys.add(new)?;
/// keys.use_key(new_id)?;
/// keys.remove(old_id)?;
/// assert_eq!(keys.primary(), new_id);
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyRing {
    primary: Key,
    /// In places of their own: a key is overwritten where it stood, and none is moved.
    others: [Option<Key>; KEYS_MAX - 1],
}

impl KeyRing {
    /// A ring of one key.
    pub const fn new(primary: Key) -> Self {
        Self { primary, others: [const { None }; KEYS_MAX - 1] }
    }

    /// Accepts what `key` sealed, from now on. A key that is there already is not added again.
    ///
    /// # Errors
    ///
    /// The ring is full, or another key has the same id: the caller's fault; the ring is what it
    /// was.
    pub fn add(&mut self, key: Key) -> Result<(), KeyError> {
        match self.find(key.id()) {
            Some(known) if *known == key => Ok(()),
            Some(_) => Err(KeyError::SameId(key.id())),
            None => {
                let free = self.others.iter_mut().find(|place| place.is_none());
                *free.ok_or(KeyError::Full)? = Some(key);
                Ok(())
            }
        }
    }

    /// Seals with this key from now on, and goes on opening what the last one sealed.
    ///
    /// # Errors
    ///
    /// It is not in the ring: the caller's fault; the ring is what it was.
    pub fn use_key(&mut self, id: KeyId) -> Result<(), KeyError> {
        if id == self.primary() {
            return Ok(());
        }
        let mut others = self.others.iter_mut().flatten();
        let key = others.find(|key| key.id() == id).ok_or(KeyError::Unknown(id))?;
        core::mem::swap(key, &mut self.primary);
        Ok(())
    }

    /// No longer opens what this key sealed. Its bytes are overwritten.
    ///
    /// # Errors
    ///
    /// It is the primary one, or not in the ring: the caller's fault; the ring is what it was.
    pub fn remove(&mut self, id: KeyId) -> Result<(), KeyError> {
        if id == self.primary() {
            return Err(KeyError::Primary(id));
        }
        let is_it = |place: &&mut Option<Key>| place.as_ref().is_some_and(|key| key.id() == id);
        *self.others.iter_mut().find(is_it).ok_or(KeyError::Unknown(id))? = None;
        Ok(())
    }

    /// The key it seals with.
    pub const fn primary(&self) -> KeyId {
        self.primary.id()
    }

    /// All keys, the primary one first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys().map(Key::id)
    }

    pub(super) const fn primary_key(&self) -> &Key {
        &self.primary
    }

    pub(super) fn find(&self, id: KeyId) -> Option<&Key> {
        self.keys().find(|key| key.id() == id)
    }

    /// The keys themselves, the primary one first.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        core::iter::once(&self.primary).chain(self.others.iter().flatten())
    }
}

/// A ring could not be changed: the caller's fault; the ring is what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// It holds [`KEYS_MAX`] keys.
    Full,
    /// There is no such key in it.
    Unknown(KeyId),
    /// The primary key cannot be removed: use another one first.
    Primary(KeyId),
    /// Another key in it has the same id, by chance: make another one.
    SameId(KeyId),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(f, "a ring holds {KEYS_MAX} keys"),
            Self::Unknown(id) => write!(f, "there is no key {id} in the ring"),
            Self::Primary(id) => write!(f, "the key {id} is in use"),
            Self::SameId(id) => write!(f, "another key in the ring has the id {id}, too"),
        }
    }
}

impl core::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::new([byte; 32])
    }

    fn id(byte: u8) -> KeyId {
        key(byte).id()
    }

    #[test]
    fn keys_are_added_used_and_removed() {
        let mut ring = KeyRing::new(key(1));
        assert_eq!(ring.remove(id(1)), Err(KeyError::Primary(id(1))));
        assert_eq!(ring.use_key(id(2)), Err(KeyError::Unknown(id(2))));
        ring.add(key(2)).unwrap();
        ring.add(key(2)).unwrap();
        ring.add(key(1)).unwrap();
        assert!(ring.ids().eq([id(1), id(2)]));
        ring.use_key(id(2)).unwrap();
        assert!(ring.ids().eq([id(2), id(1)]));
        ring.remove(id(1)).unwrap();
        assert_eq!(ring.remove(id(1)), Err(KeyError::Unknown(id(1))));
        assert!(ring.ids().eq([id(2)]));
    }

    #[test]
    fn a_full_ring_takes_no_more() {
        let mut ring = KeyRing::new(key(1));
        for byte in 2..=KEYS_MAX as u8 {
            ring.add(key(byte)).unwrap();
        }
        assert_eq!(ring.add(key(99)), Err(KeyError::Full));
        assert_eq!(ring.ids().count(), KEYS_MAX);
    }
}
