//! Cookies: proof that whoever asks receives what is sent to the address it asks from.
//!
//! No page, no step of a reconciliation goes out without one, so nobody can make this node send
//! tables to a third party. There is no table of who has which: a cookie is a keyed
//! hash of the address (the idea of RFC 6013 and of DTLS, RFC 6347 section 4.2.1).

// SipHash-2-4 is all that is needed, and deprecated only as a hasher for maps of `std`.
use core::hash::Hasher;
#[expect(deprecated)]
use core::hash::SipHasher;
use core::time::Duration;

use crate::address::{ADDRESS_LEN_MAX, Address};
use crate::time::{Instant, micros};

/// How long cookies stay the same; those of the time before are still accepted. So none is good for
/// longer than a sealed packet that was recorded.
const EPOCH_TIME: Duration = Duration::from_secs(60);

/// The secret that cookies are made with.
#[derive(Clone, Copy)]
pub struct Cookies {
    secret: (u64, u64),
}

impl Cookies {
    pub const fn new(secret: (u64, u64)) -> Self {
        Self { secret }
    }

    /// The cookie of `address`; never 0.
    pub fn bake<A: Address>(self, address: A, now: Instant) -> u32 {
        self.bake_in(epoch(now), address)
    }

    /// Whether this is a cookie of `address`, at most two minutes old.
    pub fn is_valid<A: Address>(self, address: A, cookie: u32, now: Instant) -> bool {
        let now = epoch(now);
        [now, now.wrapping_sub(1)].iter().any(|&epoch| cookie == self.bake_in(epoch, address))
    }

    /// Another number for each, which only who has the secret can know.
    pub fn hide(self, number: u32) -> u32 {
        let mut hasher = self.hasher();
        hasher.write(&number.to_le_bytes());
        hasher.finish() as u32
    }

    /// The lowest bit is that of the epoch; the next one is set, so that 0 is no cookie.
    fn bake_in<A: Address>(self, epoch: u64, address: A) -> u32 {
        let mut hasher = self.hasher();
        let mut buffer = [0; ADDRESS_LEN_MAX];
        // Every address that can be told to others fits.
        let bytes = postcard::to_slice(&address, &mut buffer).map_or(&[][..], |bytes| bytes);
        hasher.write(&epoch.to_le_bytes());
        hasher.write(bytes);
        (hasher.finish() as u32 & !0b11) | 0b10 | (epoch as u32 & 1)
    }

    #[expect(deprecated)]
    fn hasher(self) -> SipHasher {
        SipHasher::new_with_keys(self.secret.0, self.secret.1)
    }
}

fn epoch(now: Instant) -> u64 {
    now.as_micros().checked_div(micros(EPOCH_TIME)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_good_for_its_address_and_two_minutes_at_most() {
        let cookies = Cookies::new((1, 2));
        let at = Instant::from_secs;
        let cookie = cookies.bake(7u16, at(1_000));
        assert!(cookies.is_valid(7u16, cookie, at(1_000)));
        assert!(!cookies.is_valid(8u16, cookie, at(1_000)));
        assert!(!cookies.is_valid(7u16, 0, at(1_000)));
        assert_eq!(cookies.bake(7u16, at(1_019)), cookie);
        assert_ne!(cookies.bake(7u16, at(1_020)), cookie);
        assert!(cookies.is_valid(7u16, cookie, at(1_079)));
        assert!(!cookies.is_valid(7u16, cookie, at(1_080)));
        assert!(!Cookies::new((1, 3)).is_valid(7u16, cookie, at(1_000)));
    }
}
