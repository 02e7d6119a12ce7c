//! Any bytes as what a node kept for its next life.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| swim_core::sim::drive::snapshot(bytes));
