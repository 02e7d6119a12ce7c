//! A table of one kind with the bounds of another.

use super::{Bounds, Storage};

/// The table of `S`, with other [`Bounds`]: a server without an allocator, or a board that has a
/// heap.
///
/// ```
/// use swim_core::storage::{Fixed, Server, Storage, WithBounds};
/// let storage = WithBounds::new(Fixed::<256, 32>::new(), Server);
/// assert_eq!((storage.members_max(), storage.bounds()), (256, Server));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WithBounds<S, B> {
    storage: S,
    bounds: B,
}

impl<S, B> WithBounds<S, B> {
    /// A table as of `storage`, everything else within `bounds`.
    pub const fn new(storage: S, bounds: B) -> Self {
        Self { storage, bounds }
    }
}

impl<S: Storage, B: Bounds + Copy> Storage for WithBounds<S, B> {
    type List<T> = S::List<T>;
    type Cells<T> = S::Cells<T>;
    type Links<T> = S::Links<T>;
    type Number = S::Number;
    type Metadata = S::Metadata;
    type Index = S::Index;
    type Bounds = B;

    const CASES_POOLED: bool = S::CASES_POOLED;

    fn members_max(&self) -> usize {
        self.storage.members_max()
    }

    fn metadata_len_max(&self) -> usize {
        self.storage.metadata_len_max()
    }

    fn list<T>(&self) -> Self::List<T> {
        self.storage.list()
    }

    fn cells<T>(&self) -> Self::Cells<T> {
        self.storage.cells()
    }

    fn links<T>(&self) -> Self::Links<T> {
        self.storage.links()
    }

    fn index(&self) -> Self::Index {
        self.storage.index()
    }

    fn bounds(&self) -> B {
        self.bounds
    }
}
