//! An allocator that counts, for all benches: how often memory is taken, and how much is held.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[global_allocator]
pub static ALLOCATOR: Counting = Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counting what is asked of it. What it adds to a block it does not tell.
pub struct Counting;

impl Counting {
    /// How often memory was taken or a block moved.
    pub fn allocations(&self) -> u64 {
        ALLOCATIONS.load(Relaxed)
    }

    /// Bytes held at present.
    pub fn live(&self) -> u64 {
        LIVE.load(Relaxed)
    }

    /// The most bytes held since [`forget_peak`](Self::forget_peak).
    pub fn peak(&self) -> u64 {
        PEAK.load(Relaxed)
    }

    /// Takes what is held at present for the peak.
    pub fn forget_peak(&self) {
        PEAK.store(self.live(), Relaxed);
    }

    fn take(&self, bytes: usize) {
        let live = LIVE.fetch_add(bytes as u64, Relaxed) + bytes as u64;
        PEAK.fetch_max(live, Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        LIVE.fetch_sub(bytes as u64, Relaxed);
    }
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        self.take(layout.size());
        unsafe { System.alloc(layout) }
    }

    /// Counted as if the block were moved: at the peak both are held.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        self.take(size);
        self.give_back(layout.size());
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.give_back(layout.size());
        unsafe { System.dealloc(block, layout) }
    }
}
