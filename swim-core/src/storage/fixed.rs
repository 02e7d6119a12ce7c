//! A table in arrays: no allocator, the whole size known at compile time.

use super::{Index, List, Metadata, Storage};

/// Room for `MEMBERS` members, the node itself included, with up to `METADATA` bytes each.
///
/// ```
/// use swim_core::storage::{Fixed, Storage};
/// assert_eq!(Fixed::<32, 16>::new().members_max(), 32);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fixed<const MEMBERS: usize, const METADATA: usize>;

impl<const MEMBERS: usize, const METADATA: usize> Fixed<MEMBERS, METADATA> {
    /// The marker that asks for this much room.
    pub const fn new() -> Self {
        Self
    }
}

impl<const MEMBERS: usize, const METADATA: usize> Storage for Fixed<MEMBERS, METADATA> {
    type List<T> = heapless::Vec<T, MEMBERS>;
    type Metadata = heapless::Vec<u8, METADATA>;
    type Index = SortedIndex<MEMBERS>;

    fn members_max(&self) -> usize {
        MEMBERS
    }

    fn metadata_len_max(&self) -> usize {
        METADATA
    }

    fn list<T>(&self) -> Self::List<T> {
        heapless::Vec::new()
    }

    fn index(&self) -> Self::Index {
        SortedIndex { rows: heapless::Vec::new() }
    }
}

impl<T, const MAX: usize> List<T> for heapless::Vec<T, MAX> {
    fn as_slice(&self) -> &[T] {
        self
    }

    fn as_mut_slice(&mut self) -> &mut [T] {
        self
    }

    fn push(&mut self, item: T) -> Result<(), T> {
        heapless::Vec::push(self, item)
    }

    fn pop(&mut self) -> Option<T> {
        heapless::Vec::pop(self)
    }

    fn reset(&mut self) {
        self.clear();
    }
}

impl<const MAX: usize> Metadata for heapless::Vec<u8, MAX> {
    fn as_slice(&self) -> &[u8] {
        self
    }

    fn replace(&mut self, bytes: &[u8], len_max: usize) -> bool {
        if bytes.len() > len_max.min(MAX) {
            return false;
        }
        self.clear();
        self.extend_from_slice(bytes).is_ok()
    }
}

/// Row numbers in a sorted array: lookup O(log N), insertion moves at most 4 bytes a row.
#[derive(Debug)]
pub struct SortedIndex<const MEMBERS: usize> {
    rows: heapless::Vec<u32, MEMBERS>,
}

impl<const MEMBERS: usize> Index for SortedIndex<MEMBERS> {
    fn find(&self, key: u64, key_of: impl Fn(u32) -> u64) -> Option<u32> {
        let place = self.rows.binary_search_by_key(&key, |&row| key_of(row)).ok()?;
        self.rows.get(place).copied()
    }

    fn insert(&mut self, key: u64, row: u32, key_of: impl Fn(u32) -> u64) -> bool {
        match self.rows.binary_search_by_key(&key, |&row| key_of(row)) {
            Ok(_) => false,
            Err(place) => self.rows.insert(place, row).is_ok(),
        }
    }

    fn remove(&mut self, key: u64, key_of: impl Fn(u32) -> u64) {
        if let Ok(place) = self.rows.binary_search_by_key(&key, |&row| key_of(row)) {
            self.rows.remove(place);
        }
    }

    fn from(&self, key: u64, key_of: impl Fn(u32) -> u64) -> impl Iterator<Item = u32> {
        let start = self.rows.partition_point(|&row| key_of(row) < key);
        self.rows.get(start..).unwrap_or_default().iter().copied()
    }
}
