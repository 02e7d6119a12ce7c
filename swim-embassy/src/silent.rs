//! Who did not answer when asked for its hardware address.

use core::net::Ipv4Addr;
use core::time::Duration;

use heapless::Vec;
use swim_core::Instant;

/// How many silent neighbours are remembered at a time. The next takes the place of the one to
/// which nothing was to be sent for longest.
pub const SILENT_MAX: usize = 8;

/// smoltcp asks for one hardware address a second, whichever sockets want how many.
const QUESTION_INTERVAL: Duration = Duration::from_secs(1);

/// How long a neighbour is waited for by those who have been asked in vain more often.
const TURN_TIME: Duration = Duration::from_secs(2);

/// Neighbours that have not answered yet. As there is but one question a second, those who have let
/// more of them go unanswered leave it to the others: a dead neighbour, to whom something is to be
/// sent all the time, would otherwise take it from the living again and again.
///
/// While nobody else wants the question nobody is kept from asking, however often in vain: on a
/// network that loses packets the living too need several.
pub struct Silent {
    neighbours: Vec<Neighbour, SILENT_MAX>,
    /// When the next question can be asked, as far as known: nobody tells of a question that was
    /// answered, so a neighbour wanted within a second of that is blamed without having been asked.
    /// It costs it a turn, and its failures are forgotten once it is heard.
    question_at: Instant,
}

#[derive(Clone, Copy)]
struct Neighbour {
    ip: Ipv4Addr,
    /// When something was last to be sent to it.
    wanted_at: Instant,
    /// Questions it did not answer.
    failures: u8,
}

impl Silent {
    pub const fn new() -> Self {
        Self { neighbours: Vec::new(), question_at: Instant::ZERO }
    }

    /// Something is to be sent to `ip`. Returns whether it should leave the question to another.
    pub fn yields(&mut self, ip: Ipv4Addr, now: Instant) -> bool {
        let Some(place) = self.place(ip) else { return false };
        let Some(neighbour) = self.neighbours.get_mut(place) else { return false };
        neighbour.wanted_at = now;
        let failures = neighbour.failures;
        self.neighbours
            .iter()
            .any(|other| other.failures < failures && now.since(other.wanted_at) < TURN_TIME)
    }

    /// A datagram to `ip` did not get out since `sent_at`. It is only to blame if it was asked:
    /// another question in vain less than a second before means that it was not.
    pub fn unanswered(&mut self, ip: Ipv4Addr, sent_at: Instant) {
        let was_asked = sent_at >= self.question_at;
        if was_asked {
            self.question_at = sent_at.after(QUESTION_INTERVAL);
        }
        let before = self.forget(ip).or_else(|| self.make_room()).unwrap_or_default();
        let failures = before.saturating_add(was_asked.into());
        // There is room now.
        let _ = self.neighbours.push(Neighbour { ip, wanted_at: sent_at, failures });
    }

    /// `ip` was heard, or a datagram went out to it.
    pub fn answered(&mut self, ip: Ipv4Addr) {
        self.forget(ip);
    }

    /// Returns how many questions it did not answer.
    fn forget(&mut self, ip: Ipv4Addr) -> Option<u8> {
        let place = self.place(ip)?;
        Some(self.neighbours.swap_remove(place).failures)
    }

    /// Returns what was held against whoever had to go. It is held against the newcomer: it may be
    /// the same as went before, and of more dead neighbours than there is room for none would ever
    /// leave the question to the living.
    fn make_room(&mut self) -> Option<u8> {
        if !self.neighbours.is_full() {
            return None;
        }
        let oldest = self.neighbours.iter().min_by_key(|neighbour| neighbour.wanted_at)?.ip;
        self.forget(oldest)
    }

    fn place(&self, ip: Ipv4Addr) -> Option<usize> {
        self.neighbours.iter().position(|neighbour| neighbour.ip == ip)
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
    fn who_is_silent_for_longer_leaves_the_question_to_the_other() {
        let mut silent = Silent::new();
        silent.unanswered(ip(1), at(0));
        assert!(!silent.yields(ip(1), at(1_000)), "nobody else wants it");
        silent.unanswered(ip(1), at(1_000));
        silent.unanswered(ip(2), at(2_000));
        assert!(silent.yields(ip(1), at(3_000)));
        assert!(!silent.yields(ip(2), at(3_000)));
        assert!(!silent.yields(ip(3), at(3_000)), "it has not been silent");
        assert!(!silent.yields(ip(1), at(5_000)), "the other does not want it any more");
        silent.answered(ip(1));
        assert!(!silent.yields(ip(1), at(3_000)));
    }

    #[test]
    fn who_was_not_asked_is_not_to_blame() {
        let mut silent = Silent::new();
        silent.unanswered(ip(1), at(0));
        silent.unanswered(ip(2), at(999));
        assert!(silent.yields(ip(1), at(1_000)));
        assert!(!silent.yields(ip(2), at(1_000)));
    }

    #[test]
    fn of_too_many_the_one_wanted_least_recently_is_forgotten() {
        let mut silent = Silent::new();
        for number in 0..SILENT_MAX as u8 {
            silent.unanswered(ip(number), at(1_000 * u64::from(number)));
        }
        silent.yields(ip(0), at(90_000));
        silent.unanswered(ip(99), at(100_000));
        assert_eq!(silent.neighbours.len(), SILENT_MAX);
        assert!(silent.place(ip(0)).is_some() && silent.place(ip(1)).is_none());
    }
    #[test]
    fn too_many_dead_leave_the_question_to_a_living_one() {
        let mut silent = Silent::new();
        let living = ip(200);
        silent.unanswered(living, at(0));
        let dead = (1..=SILENT_MAX as u8 + 1).cycle();
        let mut asked = 0;
        for (number, second) in dead.zip(1..600) {
            // The living one lost its first answer, and is wanted every second, behind two others.
            for (number, millis) in [(number, 0), (number % 9 + 1, 400)] {
                let now = at(second * 1_000 + millis);
                if !silent.yields(ip(number), now) {
                    silent.unanswered(ip(number), now);
                }
            }
            asked += u32::from(!silent.yields(living, at(second * 1_000 + 800)));
        }
        assert!(asked > 100, "asked {asked} times in 600 s");
    }
}
