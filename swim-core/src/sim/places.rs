//! Who stands where: a number for every id.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;

use crate::member::NodeId;

/// Numbers by id. It is only looked up in, so the order inside is nobody's business.
#[derive(Debug, Default)]
pub(super) struct Places {
    places: HashMap<NodeId, usize, BuildHasherDefault<Mixing>>,
}

impl Places {
    /// The place of `id`, if it has one.
    pub fn get(&self, id: NodeId) -> Option<usize> {
        self.places.get(&id).copied()
    }

    /// The place of `id`; `next` if it had none.
    pub fn get_or_insert(&mut self, id: NodeId, next: usize) -> usize {
        *self.places.entry(id).or_insert(next)
    }
}

/// Hashes one number, by chance like any other: ids are not chosen to collide here.
#[derive(Debug, Default)]
struct Mixing(u64);

impl Hasher for Mixing {
    fn write_u64(&mut self, number: u64) {
        self.0 = NodeId::new(self.0 ^ number).mixed();
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_its_place() {
        let mut places = Places::default();
        for number in 0..1_000 {
            assert_eq!(
                places.get_or_insert(NodeId::new(number << 20), number as usize),
                number as usize
            );
        }
        assert_eq!(places.get_or_insert(NodeId::new(7 << 20), 1_000), 7);
        assert_eq!(places.get(NodeId::new(999 << 20)), Some(999));
        assert_eq!(places.get(NodeId::new(1)), None);
    }
}
