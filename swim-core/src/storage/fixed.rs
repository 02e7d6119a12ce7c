//! A table in arrays: no allocator, the whole size known at compile time.

use heapless::LenType;

use super::{Board, Index, List, Metadata, Storage};

/// Cells of a table: with more than 128 rows they take in more than 16 each, one by one.
const CELLS_MAX: usize = 8;

/// Room for `MEMBERS` members, the node itself included, with up to `METADATA` bytes each: no more
/// than 65 534, or it does not compile.
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
    type List<T> = heapless::Vec<T, MEMBERS, u16>;
    type Cells<T> = heapless::Vec<T, CELLS_MAX, u8>;
    type Links<T> = heapless::Vec<T, 0, u8>;
    type Number = u16;
    type Metadata = heapless::Vec<u8, METADATA, u16>;
    type Index = SortedIndex<MEMBERS>;
    type Bounds = Board;

    const CASES_POOLED: bool = false;

    fn members_max(&self) -> usize {
        MEMBERS
    }

    fn metadata_len_max(&self) -> usize {
        METADATA
    }

    fn list<T>(&self) -> Self::List<T> {
        heapless::Vec::new()
    }

    fn cells<T>(&self) -> Self::Cells<T> {
        heapless::Vec::new()
    }

    fn links<T>(&self) -> Self::Links<T> {
        heapless::Vec::new()
    }

    fn index(&self) -> Self::Index {
        SortedIndex { rows: heapless::Vec::new() }
    }

    fn bounds(&self) -> Board {
        Board
    }
}

impl<T, L: LenType, const MAX: usize> List<T> for heapless::Vec<T, MAX, L> {
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

    fn len_max(&self) -> usize {
        MAX
    }
}

impl<L: LenType, const MAX: usize> Metadata for heapless::Vec<u8, MAX, L> {
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

/// Row numbers in a sorted array: lookup O(log N), insertion moves at most 2 bytes a row.
#[derive(Debug)]
pub struct SortedIndex<const MEMBERS: usize> {
    rows: heapless::Vec<u16, MEMBERS, u16>,
}

impl<const MEMBERS: usize> Index for SortedIndex<MEMBERS> {
    fn find(&self, key: u64, key_of: impl Fn(u32) -> u64) -> Option<u32> {
        let place = self.rows.binary_search_by_key(&key, |&row| key_of(row.into())).ok()?;
        self.rows.get(place).map(|&row| row.into())
    }

    fn insert(&mut self, key: u64, row: u32, key_of: impl Fn(u32) -> u64) -> bool {
        match self.rows.binary_search_by_key(&key, |&row| key_of(row.into())) {
            Ok(_) => false,
            Err(place) => u16::try_from(row).is_ok_and(|row| self.rows.insert(place, row).is_ok()),
        }
    }

    fn remove(&mut self, key: u64, key_of: impl Fn(u32) -> u64) {
        if let Ok(place) = self.rows.binary_search_by_key(&key, |&row| key_of(row.into())) {
            self.rows.remove(place);
        }
    }

    fn from(&self, key: u64, key_of: impl Fn(u32) -> u64) -> impl Iterator<Item = u32> {
        let start = self.rows.partition_point(|&row| key_of(row.into()) < key);
        self.rows.get(start..).unwrap_or_default().iter().map(|&row| row.into())
    }
}
