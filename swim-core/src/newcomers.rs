//! How many members may enter the table out of packets that nobody vouches for.

use crate::quota::Quota;
use crate::time::Instant;

/// New members taken out of one packet that nobody vouches for.
pub const NEWCOMERS_PER_PACKET_MAX: u8 = 64;

/// Counts those who enter.
#[derive(Debug)]
pub struct Newcomers {
    quota: Quota,
    /// Of whom nothing is known but the end: they take no place of the living.
    ended: Quota,
    /// How many more may enter out of this packet.
    left: u8,
    /// The packet is an answer to a question of this node's.
    is_asked: bool,
}

impl Newcomers {
    pub const fn new(per_second_max: u16) -> Self {
        let quota = Quota::new(per_second_max, per_second_max);
        Self { quota, ended: quota, left: 0, is_asked: false }
    }

    /// A packet came.
    pub fn begin_packet(&mut self, is_asked: bool) {
        (self.left, self.is_asked) = (NEWCOMERS_PER_PACKET_MAX, is_asked);
    }

    /// Whether this packet is an answer, of which as many are taken as it brings.
    pub const fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Whether one more may enter, who is live or not.
    pub fn take(&mut self, is_live: bool, now: Instant) -> bool {
        let quota = if is_live { &mut self.quota } else { &mut self.ended };
        let may_enter = self.left > 0 && quota.take(now);
        self.left = self.left.saturating_sub(may_enter.into());
        may_enter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_out_of_one_packet_and_in_one_second() {
        let mut newcomers = Newcomers::new(100);
        let now = Instant::from_secs(1);
        let mut packet = |now| {
            newcomers.begin_packet(false);
            (0..1_000).filter(|_| newcomers.take(true, now)).count()
        };
        assert_eq!([packet(now), packet(now), packet(now)], [64, 36, 0]);
        assert_eq!(packet(Instant::from_secs(2)), 64);
    }

    #[test]
    fn the_ended_take_no_place_of_the_living() {
        let mut newcomers = Newcomers::new(10);
        let now = Instant::from_secs(1);
        newcomers.begin_packet(false);
        assert_eq!((0..20).filter(|_| newcomers.take(false, now)).count(), 10);
        assert_eq!((0..20).filter(|_| newcomers.take(true, now)).count(), 10);
    }

    #[test]
    fn none_a_second_is_none() {
        let mut newcomers = Newcomers::new(0);
        newcomers.begin_packet(false);
        assert!(!newcomers.take(true, Instant::from_secs(1)));
    }
}
