//! When packets were sealed, by a time that the members share.

use core::time::Duration;

use crate::time::Instant;

/// How old a sealed packet may be. It is shorter than dead members are remembered
/// ([`Config::tombstone_time`](crate::Config::tombstone_time)), so nobody brings one back with a
/// packet of its lifetime; and longer than a queue or a paused process holds packets.
pub const REPLAY_WINDOW: Duration = Duration::from_secs(120);

/// Where the seconds end: in the year 2097, if they are those of Unix. Whoever is told of a later
/// time does not believe it, and nobody tells one: so there are always moments left.
const SECONDS_MAX: u32 = 0xf000_0000;

/// How long a packet of this node may be on its way until its refusal arrives.
const ECHO_MAX: Duration = Duration::from_secs(5);

const SALT_BITS: u64 = (1 << 48) - 1;

/// What the nonces of one life of a process begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonces {
    /// Another one for every run of the same member, best random from the system; a board without
    /// such a generator counts its starts. The lower 48 bits count. Of two runs with the same salt
    /// and the same id whoever listens can learn what both sent.
    pub salt: u64,
    /// The time in seconds since 1970, as far as it is known, or else 0: it is taken over from the
    /// others, if theirs is later. A cluster none of whose members knows it takes packets that were
    /// recorded before all of them were restarted for new.
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
        let seconds = if nonces.seconds < SECONDS_MAX { nonces.seconds } else { SECONDS_MAX };
        Self { salt: nonces.salt & SALT_BITS, last: 0, seconds, at: now }
    }

    /// Salt and moment of the next packet: never the same twice.
    pub fn next(&mut self, now: Instant) -> (u64, u64) {
        let of_now = moment(self.seconds(now));
        self.last = match self.last.saturating_add(1).max(of_now) {
            moment if seconds(moment) <= SECONDS_MAX => moment,
            _ => {
                self.salt = self.salt.wrapping_add(1) & SALT_BITS;
                of_now
            }
        };
        (self.salt, self.last)
    }

    /// Takes over the time of a packet that nobody has forged, if it is later. Returns whether the
    /// packet is new enough.
    pub fn hear(&mut self, moment: u64, now: Instant) -> bool {
        let (told, known) = (seconds(moment), self.seconds(now));
        if told > SECONDS_MAX {
            return false;
        }
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
        let mut seen = std::collections::HashSet::new();
        for number in 0..300_000 {
            let now = START.after(Duration::from_micros(number * 10));
            let (salt, moment) = moments.next(now);
            assert!(seconds(moment) <= SECONDS_MAX);
            assert!(seen.insert((salt, moment)), "{number}: {salt} {moment}");
        }
        assert!(moments.salt > 7, "a salt had to be used up for that");
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
    fn the_end_of_time_cannot_be_told() {
        let mut moments = moments(0);
        assert!(!moments.hear(u64::MAX >> 16, START));
        assert_eq!(moments.seconds(START), 0);
        assert!(moments.hear(moment(SECONDS_MAX), START));
        let later = START.after(Duration::from_secs(1_000));
        assert_eq!(moments.seconds(later), SECONDS_MAX);
        assert!(moments.hear(moments.last, later) || moments.last == 0);
        let (_, own) = moments.next(later);
        assert!(moments.hear(own, later), "what is written here is read elsewhere");
    }

    /// A board that counts its starts: salt 7 in one life, 8 in the next.
    #[test]
    fn a_life_at_the_end_of_time_leaves_the_next_salt_alone() {
        let mut seen = std::collections::HashSet::new();
        for salt in [7, 8] {
            let mut moments = Moments::new(Nonces { salt, seconds: 0 }, START);
            assert!(moments.hear(moment(SECONDS_MAX), START));
            for number in 0..70_000u32 {
                let nonce = moments.next(START);
                assert!(seen.insert(nonce), "salt {salt}, packet {number}: {nonce:?} again");
            }
        }
    }
}
