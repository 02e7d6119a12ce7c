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
