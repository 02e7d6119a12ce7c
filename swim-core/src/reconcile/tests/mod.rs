//! Reconciliation proved on two tables.

mod costs;
mod harness;
mod hostile;
mod termination;
