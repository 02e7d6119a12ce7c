//! Any bytes as a schedule for a cluster.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| swim_core::sim::drive::cluster(bytes));
