//! How much of the stack was ever used: `cortex-m-rt` paints it before the program starts, and
//! whoever uses it scratches the paint. Tasks and interrupts share one stack.

use core::sync::atomic::{AtomicUsize, Ordering};

use cortex_m::register::msp;
use cortex_m_rt::STACK_PAINT_VALUE;

/// Left alone below the stack pointer when painting: what the painting itself uses.
const MARGIN_WORDS: usize = 64;

/// Bytes used until the member was there, which is made in a large piece.
static STARTING: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
}

/// In bytes.
pub struct Depth {
    /// What there is.
    pub size: usize,
    /// The most that was used until [`started`] was called.
    pub starting: usize,
    /// The most that was used since.
    pub running: usize,
}

/// The start is over: paints again what is free.
pub fn started() {
    STARTING.store(used(), Ordering::Relaxed);
    critical_section::with(|_| {
        let end = end();
        let free = (msp::read() as usize).saturating_sub(end as usize) / size_of::<u32>();
        for at in 0..free.saturating_sub(MARGIN_WORDS) {
            // SAFETY: this is stack, nobody uses it below the stack pointer, and no interrupt
            // comes between.
            unsafe { end.add(at).write_volatile(STACK_PAINT_VALUE) };
        }
    });
}

/// Takes a while: reads the stack from its far end up to the first scratch.
pub fn depth() -> Depth {
    Depth { size: size(), starting: STARTING.load(Ordering::Relaxed), running: used() }
}

fn used() -> usize {
    // SAFETY: this is stack; whatever is written there meanwhile is a word all the same.
    let is_paint = |at: &usize| unsafe { end().add(*at).read_volatile() } == STACK_PAINT_VALUE;
    let words = size() / size_of::<u32>();
    size() - (0..words).take_while(is_paint).count() * size_of::<u32>()
}

fn size() -> usize {
    (&raw const _stack_start).addr() - end().addr()
}

/// The far end: stacks grow downwards.
fn end() -> *mut u32 {
    (&raw const _stack_end).cast_mut()
}
