//! Whole boards without hardware: embassy-net on an Ethernet of the test's own, in virtual time.

mod clock;
mod cluster;
mod dead_neighbour;
mod events;
mod executor;
mod halt;
mod hostile;
mod hub;
mod leave;
mod random;
mod sealed;
mod server;
mod sleep;
mod world;
