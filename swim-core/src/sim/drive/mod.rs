//! Whatever bytes say, done to the library: what the fuzz targets run, and what the tests replay of
//! their corpus.
//!
//! Each of the [`TARGETS`] takes any bytes as a program. Programs are made so that nearly all bytes
//! mean something, and so that a byte more or less changes little of the rest. What must hold is
//! checked after each step; a rule that does not hold panics, which is what a fuzzer looks for.

// As tests do.
#![allow(clippy::expect_used, clippy::panic)]

mod bytes;
mod decode;
mod envelope;
mod letter;
mod memory;
mod peer;
mod sealed;
mod snapshot;
mod solo;
mod together;
mod trace;
mod watch;

pub use decode::decode;
pub use sealed::sealed;
pub use snapshot::snapshot;
pub use solo::node;
pub use together::cluster;
pub use trace::trace;

use bytes::Bytes;

/// Something to run with any bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the fuzz target, and of the directory of its corpus.
    pub name: &'static str,
    /// Does what the bytes say.
    ///
    /// # Panics
    ///
    /// When a rule does not hold: the library's fault.
    pub run: fn(&[u8]),
}

/// All there are.
pub const TARGETS: &[Target] = &[
    Target { name: "decode", run: decode },
    Target { name: "node", run: node },
    Target { name: "cluster", run: cluster },
    Target { name: "sealed", run: sealed },
    Target { name: "snapshot", run: snapshot },
    Target { name: "trace", run: trace },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn no_program_drawn_at_random_breaks_a_rule() {
        for Target { name, run } in TARGETS {
            let mut rng = Rng::new(name.len() as u64);
            for _ in 0..if *name == "cluster" { 10 } else { 100 } {
                let len = rng.below(400);
                let program: Vec<u8> = (0..len).map(|_| rng.next_u32() as u8).collect();
                run(&program);
            }
        }
    }
}
