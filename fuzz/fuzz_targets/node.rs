//! Any bytes as inputs of one node.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| swim_core::sim::drive::node(bytes));
