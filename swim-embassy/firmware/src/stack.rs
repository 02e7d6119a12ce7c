//! How much of the stack was ever used: `cortex-m-rt` paints it before the program starts.

use cortex_m_rt::STACK_PAINT_VALUE;

unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
}

/// What there is, and the most that was used, in bytes. Tasks and interrupts share one stack.
pub struct Depth {
    pub size: usize,
    pub used: usize,
}

/// Takes a while: reads the stack from its far end up to the first word without paint.
pub fn depth() -> Depth {
    let (start, end) = (&raw const _stack_start, &raw const _stack_end);
    let size = start as usize - end as usize;
    let words = size / size_of::<u32>();
    // SAFETY: the linker keeps all of this for the stack, and these words are aligned. Below the
    // stack pointer nobody writes but interrupts, and they leave behind what they wrote.
    let is_paint = |at: &usize| unsafe { end.add(*at).read_volatile() } == STACK_PAINT_VALUE;
    let unused = (0..words).take_while(is_paint).count();
    Depth { size, used: size - unused * size_of::<u32>() }
}
