//! Who did not answer when asked for its hardware address.

use core::net::Ipv4Addr;
use core::time::Duration;

use heapless::Vec;
use swim_core::Instant;

/// How many silent neighbours are remembered at a time. Of more, the one whose pause ends first is
/// forgotten.
pub const SILENT_MAX: usize = 8;

/// smoltcp asks for one hardware address a second, whichever sockets want how many: before that is
/// over there is nothing to be gained by trying again.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Half of it is the longest by which the return of a dead neighbour goes unnoticed that does not
/// speak first.
const PAUSE_MAX: Duration = Duration::from_secs(16);

/// Neighbours on the link that do not answer. Nothing is sent to them for a while, or they would
/// take the interface's one question a second from those who live.
pub struct Silent {
    neighbours: Vec<Neighbour, SILENT_MAX>,
    /// When the next question can be asked, as far as known.
    question_at: Instant,
}

#[derive(Clone, Copy)]
struct Neighbour {
    ip: Ipv4Addr,
    pause: Duration,
    until: Instant,
}

impl Silent {
    pub const fn new() -> Self {
        Self { neighbours: Vec::new(), question_at: Instant::ZERO }
    }

    /// Whether nothing should be sent to `ip` now.
    pub fn is_paused(&self, ip: Ipv4Addr, now: Instant) -> bool {
        self.neighbours.iter().any(|neighbour| neighbour.ip == ip && now < neighbour.until)
    }

    /// A datagram to `ip` did not get out since `sent_at`. It is only to blame if it was asked:
    /// another question less than a second before means that it was not.
    pub fn unanswered(&mut self, ip: Ipv4Addr, sent_at: Instant) {
        if sent_at < self.question_at {
            return;
        }
        self.question_at = sent_at.after(PAUSE_MIN);
        let before = self.forget(ip);
        let pause = before.map_or(PAUSE_MIN, |pause| pause.saturating_mul(2).min(PAUSE_MAX));
        if self.neighbours.is_full() {
            self.forget_soonest();
        }
        let until = sent_at.after(pause);
        // There is room now.
        let _ = self.neighbours.push(Neighbour { ip, pause, until });
    }

    /// `ip` was heard, or a datagram went out to it.
    pub fn answered(&mut self, ip: Ipv4Addr) {
        self.forget(ip);
    }

    fn forget(&mut self, ip: Ipv4Addr) -> Option<Duration> {
        let place = self.neighbours.iter().position(|neighbour| neighbour.ip == ip)?;
        Some(self.neighbours.swap_remove(place).pause)
    }

    fn forget_soonest(&mut self) {
        if let Some(neighbour) = self.neighbours.iter().min_by_key(|neighbour| neighbour.until) {
            self.forget(neighbour.ip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, number)
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn the_pause_doubles_up_to_a_bound_and_ends_with_the_first_word() {
        let mut silent = Silent::new();
        let mut now = at(0);
        for pause in [1, 2, 4, 8, 16, 16] {
            silent.unanswered(ip(1), now);
            let end = now.after(Duration::from_secs(pause));
            assert!(silent.is_paused(ip(1), end.before(Duration::from_millis(1))));
            assert!(!silent.is_paused(ip(1), end) && !silent.is_paused(ip(2), now));
            now = end;
        }
        silent.unanswered(ip(1), now);
        silent.answered(ip(1));
        assert!(!silent.is_paused(ip(1), now));
    }

    #[test]
    fn who_was_not_asked_is_not_to_blame() {
        let mut silent = Silent::new();
        silent.unanswered(ip(1), at(0));
        silent.unanswered(ip(2), at(999));
        assert!(!silent.is_paused(ip(2), at(1_000)));
        silent.unanswered(ip(2), at(1_000));
        assert!(silent.is_paused(ip(2), at(1_001)));
    }

    #[test]
    fn of_too_many_the_one_whose_pause_ends_first_is_forgotten() {
        let mut silent = Silent::new();
        let mut now = at(0);
        // Silent five times in a row, so that its pause is the longest.
        for number in [0; 5].into_iter().chain(1..=SILENT_MAX as u8) {
            silent.unanswered(ip(number), now);
            now = now.after(PAUSE_MIN);
        }
        assert_eq!(silent.neighbours.len(), SILENT_MAX);
        assert!(silent.is_paused(ip(0), now));
        assert!(silent.neighbours.iter().all(|neighbour| neighbour.ip != ip(1)));
    }
}
