//! What the simulated tests share.

pub mod cases;
pub mod either;
pub mod schedule;
