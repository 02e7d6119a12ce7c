//! What the simulated tests share.

pub mod either;
pub mod schedule;
