//! The wire format against its specification: `WIRE.md` holds the vectors and the sizes, and these
//! tests read them from there. What must hold of all packets is checked with random ones.

mod cut;
mod draft;
mod hashes;
mod random;
mod sealed;
mod sizes;
mod specification;
mod vectors;

#[path = "../common/cases.rs"]
mod cases;
