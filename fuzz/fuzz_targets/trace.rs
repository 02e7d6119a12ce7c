//! Any bytes as what was recorded of a node.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| swim_core::sim::drive::trace(bytes));
