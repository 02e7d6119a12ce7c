//! The metadata of the rows, which nobody pays for who has none.

use crate::storage::{List, Metadata, Storage};

/// For each row what its application attached, up to the last that has anything attached.
pub struct Attached<S: Storage> {
    places: S::List<S::Metadata>,
}

impl<S: Storage> Attached<S> {
    pub fn new(storage: &S) -> Self {
        Self { places: storage.list() }
    }

    /// The bytes attached to `row`.
    pub fn get(&self, row: u32) -> &[u8] {
        self.places.as_slice().get(row as usize).map(Metadata::as_slice).unwrap_or_default()
    }

    /// Attaches `bytes` to `row`; false, and nothing is attached, when they do not fit.
    pub fn set(&mut self, row: u32, bytes: &[u8], len_max: usize) -> bool {
        let place = row as usize;
        while !bytes.is_empty() && self.places.len() <= place {
            if self.places.push(S::Metadata::default()).is_err() {
                return false;
            }
        }
        let Some(metadata) = self.places.as_mut_slice().get_mut(place) else {
            return bytes.is_empty();
        };
        let fits = metadata.replace(bytes, len_max);
        if !fits {
            *metadata = S::Metadata::default();
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Fixed;

    #[test]
    fn places_are_made_for_those_who_have_something_attached() {
        let mut attached = Attached::<Fixed<8, 4>>::new(&Fixed::new());
        assert!(attached.set(7, b"", 4));
        assert_eq!(attached.places.len(), 0);
        assert!(attached.set(2, b"abcd", 4));
        assert_eq!(attached.places.len(), 3);
        assert!(!attached.set(2, b"abcde", 4));
        assert_eq!((attached.get(2), attached.get(7)), (&b""[..], &b""[..]));
    }
}
