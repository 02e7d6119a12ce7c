//! When packets were sealed, by a time that the members share.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// How old a sealed packet may be. It is shorter than dead members are remembered
/// ([`Config::tombstone_time`](crate::Config::tombstone_time)), so nobody brings one back with a
/// packet of its lifetime; and longer than a queue or a paused process holds packets.
pub const REPLAY_WINDOW: Duration = Duration::from_secs(120);

/// Where the shared time stands still: in the year 2097, if it is that of Unix. Of moments there
/// are 2^44 more, whatever anybody says: 6 000 days of packets at 32 000 a second.
const SECONDS_MAX: u32 = 0xf000_0000;

/// How long a packet of this node may be on its way until its refusal arrives.
const ECHO_MAX: Duration = Duration::from_secs(5);

/// The last moment there is.
const MOMENT_MAX: u64 = (1 << 48) - 1;
const SALT_BITS: u64 = (1 << 48) - 1;

/// What the nonces of one life of a process begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nonces {
    /// Another one for every run of the same member, best random from the system; a board without
    /// such a generator counts its starts. The lower 48 bits count. Of two runs with the same salt
    /// and the same id whoever listens can learn what both sent.
    pub salt: u64,
    /// The time in seconds since 1970, as far as it is known, or else 0, which is also what
    /// 0xf0000000 and more count as. A later one is taken over from whoever has the key. So a node
    /// that began without the time takes recordings for new until it hears a packet of today; and
    /// a cluster whose clocks were all wrong, or unknown, takes for new what was recorded before
    /// all of it was restarted, and a recording of a later time leads its time astray again. Keys
    /// that were changed in between make such recordings worthless.
    pub seconds: u32,
}

/// The moments of packets, those written here and those of others.
///
/// A moment is 32 bits of seconds and 16 that count within one. The seconds run by this node's own
/// time, and jump to whatever later ones are heard: so all are about as late as the latest.
#[derive(Debug)]
pub struct Moments {
    salt: u64,
    /// The last moment written.
    last: u64,
    /// What it was by the shared time...
    seconds: u32,
    /// ...at this moment of the node's.
    at: Instant,
}

impl Moments {
    pub const fn new(nonces: Nonces, now: Instant) -> Self {
        let seconds = if nonces.seconds < SECONDS_MAX { nonces.seconds } else { 0 };
        Self { salt: nonces.salt & SALT_BITS, last: 0, seconds, at: now }
    }

    /// Salt and moment of the next packet: never the same twice. `None` when there is no moment
    /// left.
    pub fn next(&mut self, now: Instant) -> Option<(u64, u64)> {
        let next = self.last.saturating_add(1).max(moment(self.seconds(now)));
        if next > MOMENT_MAX {
            return None;
        }
        self.last = next;
        Some((self.salt, self.last))
    }

    /// Takes over the time of a packet that nobody has forged, if it is later. Returns whether the
    /// packet is new enough.
    pub fn hear(&mut self, moment: u64, now: Instant) -> bool {
        // Whoever writes for long where time stands still comes to later moments.
        let (told, known) = (seconds(moment).min(SECONDS_MAX), self.seconds(now));
        if told > known {
            (self.seconds, self.at) = (told, now);
        }
        u64::from(known.saturating_sub(told)) <= REPLAY_WINDOW.as_secs()
    }

    /// Whether salt and moment are those of a packet of this life, and of its last seconds.
    pub fn is_own(&self, salt: u64, moment: u64, now: Instant) -> bool {
        let age = u64::from(self.seconds(now).saturating_sub(seconds(moment)));
        salt == self.salt && moment <= self.last && age <= ECHO_MAX.as_secs()
    }

    fn seconds(&self, now: Instant) -> u32 {
        let passed = u32::try_from(now.since(self.at).as_secs()).unwrap_or(u32::MAX);
        self.seconds.saturating_add(passed).min(SECONDS_MAX)
    }
}

const fn moment(seconds: u32) -> u64 {
    (seconds as u64) << 16
}

const fn seconds(moment: u64) -> u32 {
    (moment >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_secs(50);

    fn moments(seconds: u32) -> Moments {
        Moments::new(Nonces { salt: 7, seconds }, START)
    }

    #[test]
    fn no_nonce_comes_twice() {
        let mut moments = moments(SECONDS_MAX - 2);
        let mut last = 0;
        for number in 0..300_000 {
            let now = START.after(Duration::from_micros(number * 10));
            let (salt, moment) = moments.next(now).unwrap();
            assert!(salt == 7 && moment > last, "{number}: {salt} {moment} after {last}");
            last = moment;
        }
        assert!(seconds(last) > SECONDS_MAX, "those of the last second are used up");
        assert!(self::moments(0).hear(last, START), "and still read elsewhere");
    }

    #[test]
    fn when_all_moments_are_used_up_nothing_is_sealed() {
        let mut moments = moments(SECONDS_MAX - 2);
        moments.last = MOMENT_MAX - 1;
        assert_eq!(moments.next(START), Some((7, MOMENT_MAX)));
        assert_eq!((moments.next(START), moments.next(START)), (None, None));
    }

    #[test]
    fn the_time_of_others_is_taken_over_if_it_is_later() {
        let mut moments = moments(0);
        assert!(moments.hear(moment(1_000), START));
        assert_eq!(moments.seconds(START.after(Duration::from_secs(5))), 1_005);
        assert!(moments.hear(moment(900), START));
        assert_eq!(moments.seconds(START), 1_000);
        assert!(!moments.hear(moment(1_000 - 121), START), "too old");
        assert!(moments.hear(moment(1_000 - 120), START));
    }

    #[test]
    fn whoever_is_told_of_the_end_of_time_can_still_write_and_read() {
        let mut moments = moments(0);
        assert!(moments.hear(MOMENT_MAX, START));
        let later = START.after(Duration::from_secs(1_000));
        assert_eq!(moments.seconds(later), SECONDS_MAX);
        let (_, own) = moments.next(later).unwrap();
        assert_eq!(own, moment(SECONDS_MAX));
        assert!(moments.hear(own, later), "what is written here is read elsewhere");
        assert!(moments.hear(own + (1 << 40), later));
    }

    #[test]
    fn a_clock_that_shows_the_end_of_time_is_as_good_as_none() {
        for seconds in [SECONDS_MAX, u32::MAX] {
            assert_eq!(moments(seconds).seconds(START), 0);
        }
        assert_eq!(moments(SECONDS_MAX - 1).seconds(START), SECONDS_MAX - 1);
    }

    /// A board that counts its starts: salt 7 in one life, 8 in the next.
    #[test]
    fn a_life_at_the_end_of_time_leaves_the_next_salt_alone() {
        let mut seen = std::collections::HashSet::new();
        for salt in [7, 8] {
            let mut moments = Moments::new(Nonces { salt, seconds: 0 }, START);
            assert!(moments.hear(moment(SECONDS_MAX), START));
            for number in 0..70_000u32 {
                let nonce = moments.next(START).unwrap();
                assert!(seen.insert(nonce), "salt {salt}, packet {number}: {nonce:?} again");
            }
        }
    }
}
