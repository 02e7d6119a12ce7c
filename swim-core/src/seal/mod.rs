//! Sealing: packets that only those can read and write who have the key.
//!
//! A packet is sealed whole, in place, by XChaCha20-Poly1305 (RFC 8439; draft-irtf-cfrg-xchacha):
//! what follows its header is encrypted, header and label are authenticated. The nonce is sender,
//! salt and moment (see `WIRE.md`), so no two packets have the same: ids tell members apart, the
//! salt tells the lives of one member apart, the moment the packets of one life. The seconds in it
//! follow a time that all members share, which makes old packets known as such without any clock
//! being set.
//!
//! Without the feature `crypto` packets are read and written as they are, and of a sealed one is
//! said which key it wants.

#[cfg(feature = "crypto")]
mod key;
#[cfg(feature = "crypto")]
mod moment;
mod opened;
#[cfg(feature = "crypto")]
mod ring;
#[cfg_attr(feature = "crypto", path = "sealer.rs")]
#[cfg_attr(not(feature = "crypto"), path = "open.rs")]
mod sealer;

#[cfg(feature = "crypto")]
pub use key::{KEY_LEN, Key};
#[cfg(feature = "crypto")]
pub use moment::{Nonces, REPLAY_WINDOW};
pub use opened::{Opened, Unopened};
#[cfg(feature = "crypto")]
pub use ring::{KEYS_MAX, KeyError, KeyRing};
pub use sealer::Sealer;
#[cfg(feature = "crypto")]
pub use sealer::Sealing;
