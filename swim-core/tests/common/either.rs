//! A storage that is one of two, so that a cluster can have nodes with unlike tables.

use std::time::Duration;

use swim_core::storage::{Bounds, Index, List, Metadata, Queue, Storage};

/// Either of two storages.
#[derive(Clone, Copy, Debug)]
pub enum Either<L, R> {
    Left(L),
    Right(R),
}

impl<L: Storage, R: Storage> Storage for Either<L, R> {
    type List<T> = EitherList<L::List<T>, R::List<T>>;
    type Cells<T> = EitherList<L::Cells<T>, R::Cells<T>>;
    type Links<T> = EitherList<L::Links<T>, R::Links<T>>;
    type Number = u32;
    type Metadata = EitherMetadata<L::Metadata, R::Metadata>;
    type Index = EitherIndex<L::Index, R::Index>;
    type Bounds = Either<L::Bounds, R::Bounds>;

    const CASES_POOLED: bool = L::CASES_POOLED && R::CASES_POOLED;

    fn members_max(&self) -> usize {
        match self {
            Self::Left(left) => left.members_max(),
            Self::Right(right) => right.members_max(),
        }
    }

    fn metadata_len_max(&self) -> usize {
        match self {
            Self::Left(left) => left.metadata_len_max(),
            Self::Right(right) => right.metadata_len_max(),
        }
    }

    fn list<T>(&self) -> Self::List<T> {
        match self {
            Self::Left(left) => EitherList::Left(left.list()),
            Self::Right(right) => EitherList::Right(right.list()),
        }
    }

    fn cells<T>(&self) -> Self::Cells<T> {
        match self {
            Self::Left(left) => EitherList::Left(left.cells()),
            Self::Right(right) => EitherList::Right(right.cells()),
        }
    }

    fn links<T>(&self) -> Self::Links<T> {
        match self {
            Self::Left(left) => EitherList::Left(left.links()),
            Self::Right(right) => EitherList::Right(right.links()),
        }
    }

    fn index(&self) -> Self::Index {
        match self {
            Self::Left(left) => EitherIndex::Left(left.index()),
            Self::Right(right) => EitherIndex::Right(right.index()),
        }
    }

    fn bounds(&self) -> Self::Bounds {
        match self {
            Self::Left(left) => Either::Left(left.bounds()),
            Self::Right(right) => Either::Right(right.bounds()),
        }
    }
}

impl<L: Bounds, R: Bounds> Bounds for Either<L, R> {
    type Packets<T> = EitherQueue<L::Packets<T>, R::Packets<T>>;
    type Probes<T> = EitherList<L::Probes<T>, R::Probes<T>>;
    type Relays<T> = EitherList<L::Relays<T>, R::Relays<T>>;
    type Departed<T> = EitherList<L::Departed<T>, R::Departed<T>>;
    type Seeds<T> = EitherList<L::Seeds<T>, R::Seeds<T>>;
    type Sessions<T> = EitherList<L::Sessions<T>, R::Sessions<T>>;
    type Watched<T> = EitherList<L::Watched<T>, R::Watched<T>>;
    type Counter = u64;
    type Span = Duration;

    fn packets<T>(&self) -> Self::Packets<T> {
        match self {
            Self::Left(left) => EitherQueue::Left(left.packets()),
            Self::Right(right) => EitherQueue::Right(right.packets()),
        }
    }

    fn probes<T>(&self) -> Self::Probes<T> {
        match self {
            Self::Left(left) => EitherList::Left(left.probes()),
            Self::Right(right) => EitherList::Right(right.probes()),
        }
    }

    fn relays<T>(&self) -> Self::Relays<T> {
        match self {
            Self::Left(left) => EitherList::Left(left.relays()),
            Self::Right(right) => EitherList::Right(right.relays()),
        }
    }

    fn departed<T>(&self) -> Self::Departed<T> {
        match self {
            Self::Left(left) => EitherList::Left(left.departed()),
            Self::Right(right) => EitherList::Right(right.departed()),
        }
    }

    fn seeds<T>(&self) -> Self::Seeds<T> {
        match self {
            Self::Left(left) => EitherList::Left(left.seeds()),
            Self::Right(right) => EitherList::Right(right.seeds()),
        }
    }

    fn sessions<T>(&self) -> Self::Sessions<T> {
        match self {
            Self::Left(left) => EitherList::Left(left.sessions()),
            Self::Right(right) => EitherList::Right(right.sessions()),
        }
    }

    fn watched<T>(&self) -> Self::Watched<T> {
        match self {
            Self::Left(left) => EitherList::Left(left.watched()),
            Self::Right(right) => EitherList::Right(right.watched()),
        }
    }
}

#[derive(Debug)]
pub enum EitherList<L, R> {
    Left(L),
    Right(R),
}

impl<T, L: List<T>, R: List<T>> List<T> for EitherList<L, R> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::Left(left) => left.as_slice(),
            Self::Right(right) => right.as_slice(),
        }
    }

    fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::Left(left) => left.as_mut_slice(),
            Self::Right(right) => right.as_mut_slice(),
        }
    }

    fn push(&mut self, item: T) -> Result<(), T> {
        match self {
            Self::Left(left) => left.push(item),
            Self::Right(right) => right.push(item),
        }
    }

    fn pop(&mut self) -> Option<T> {
        match self {
            Self::Left(left) => left.pop(),
            Self::Right(right) => right.pop(),
        }
    }

    fn len_max(&self) -> usize {
        match self {
            Self::Left(left) => left.len_max(),
            Self::Right(right) => right.len_max(),
        }
    }
}

#[derive(Debug)]
pub enum EitherQueue<L, R> {
    Left(L),
    Right(R),
}

impl<T, L: Queue<T>, R: Queue<T>> Queue<T> for EitherQueue<L, R> {
    fn push(&mut self, item: T) -> Result<(), T> {
        match self {
            Self::Left(left) => left.push(item),
            Self::Right(right) => right.push(item),
        }
    }

    fn pop(&mut self) -> Option<T> {
        match self {
            Self::Left(left) => left.pop(),
            Self::Right(right) => right.pop(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Left(left) => left.len(),
            Self::Right(right) => right.len(),
        }
    }

    fn len_max(&self) -> usize {
        match self {
            Self::Left(left) => left.len_max(),
            Self::Right(right) => right.len_max(),
        }
    }
}

/// The metadata of a row that does not know whose it is: it is in the left kind of memory until
/// something does not fit there.
#[derive(Debug)]
pub enum EitherMetadata<L, R> {
    Left(L),
    Right(R),
}

impl<L: Metadata, R> Default for EitherMetadata<L, R> {
    fn default() -> Self {
        Self::Left(L::default())
    }
}

impl<L: Metadata, R: Metadata> Metadata for EitherMetadata<L, R> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Left(left) => left.as_slice(),
            Self::Right(right) => right.as_slice(),
        }
    }

    fn replace(&mut self, bytes: &[u8], len_max: usize) -> bool {
        match self {
            Self::Left(left) => {
                let mut right = R::default();
                let fits_left = left.replace(bytes, len_max);
                if !fits_left && right.replace(bytes, len_max) {
                    *self = Self::Right(right);
                    return true;
                }
                fits_left
            }
            Self::Right(right) => right.replace(bytes, len_max),
        }
    }
}

#[derive(Debug)]
pub enum EitherIndex<L, R> {
    Left(L),
    Right(R),
}

impl<L: Index, R: Index> Index for EitherIndex<L, R> {
    fn find(&self, key: u64, key_of: impl Fn(u32) -> u64) -> Option<u32> {
        match self {
            Self::Left(left) => left.find(key, key_of),
            Self::Right(right) => right.find(key, key_of),
        }
    }

    fn insert(&mut self, key: u64, row: u32, key_of: impl Fn(u32) -> u64) -> bool {
        match self {
            Self::Left(left) => left.insert(key, row, key_of),
            Self::Right(right) => right.insert(key, row, key_of),
        }
    }

    fn remove(&mut self, key: u64, key_of: impl Fn(u32) -> u64) {
        match self {
            Self::Left(left) => left.remove(key, key_of),
            Self::Right(right) => right.remove(key, key_of),
        }
    }

    fn from(&self, key: u64, key_of: impl Fn(u32) -> u64) -> impl Iterator<Item = u32> {
        let (left, right) = match self {
            Self::Left(left) => (Some(left.from(key, key_of)), None),
            Self::Right(right) => (None, Some(right.from(key, key_of))),
        };
        left.into_iter().flatten().chain(right.into_iter().flatten())
    }
}
