//! Registers of devices.

/// A device register of 32 bits.
#[derive(Clone, Copy)]
pub struct Register(usize);

impl Register {
    /// The register at `address`.
    ///
    /// # Safety
    ///
    /// A register of 32 bits is there, on this board, and reading or writing it does nothing to
    /// the memory of this program.
    pub const unsafe fn new(address: usize) -> Self {
        Self(address)
    }

    pub fn read(self) -> u32 {
        // SAFETY: promised to `new`.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    pub fn write(self, value: u32) {
        // SAFETY: promised to `new`.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }
}
