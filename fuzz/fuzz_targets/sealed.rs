//! Any bytes against the keys, and any change to what is sealed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| swim_core::sim::drive::sealed(bytes));
