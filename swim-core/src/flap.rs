//! Members that come and go all the time, or hear one packet of five: the flap policy.
//!
//! A fast detector buries such a member and welcomes it back again and again, and each time every
//! application moves its work. The policy stands above the detector and changes nothing in it: the
//! member is probed, suspected and refutes as ever, but once it has collected too many points it is
//! held out of the application's view, until it has behaved for longer and longer. Each node
//! judges for itself by what everybody is told, so all come to much the same view.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::member::Status;
use crate::time::{Instant, part, times};

/// When a member is held out, and for how long. Route flap damping (RFC 2439) for members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlapPolicy {
    /// A member with this many points is held out; it comes back with half of them or fewer. A
    /// suspicion is one point, a death three more. 1 to 100.
    pub points_max: u8,
    /// Half of the points are forgotten in this time. 1 s to 1 day.
    pub half_life: Duration,
    /// How long a member is held out at least, the first time; twice as long each further time. 1 s
    /// to 1 day.
    pub penalty: Duration,
    /// The longest time, besides what the points take to decay: no more than about two half-lives.
    /// Also the time of good conduct after which the next is a first time again. `penalty` to 1
    /// day.
    pub penalty_max: Duration,
}

impl FlapPolicy {
    /// Six points within about a minute, one minute to one hour.
    pub const fn new() -> Self {
        Self {
            points_max: 6,
            half_life: Duration::from_secs(60),
            penalty: Duration::from_secs(60),
            penalty_max: Duration::from_secs(3_600),
        }
    }
}

impl Default for FlapPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// Points are counted in these parts of one, so that they can decay.
const PARTS: u16 = 256;
/// A doubled penalty is at its maximum long before.
const OFFENCES_MAX: u8 = 16;
const HELD_OUT: u8 = 1 << 7;

/// What is remembered of a member's conduct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Every case file has one.
#[repr(Rust, packed)]
pub struct Conduct {
    /// In parts of a point, as of `noted_at`.
    points: u16,
    /// Terms so far, [`OFFENCES_MAX`] at most, and a bit for whether one is being served.
    record: u8,
    /// Seconds of the node's time, which may wrap.
    noted_at: u32,
    release_at: u32,
}

impl Conduct {
    /// Whether the member is held out.
    pub const fn is_held_out(self) -> bool {
        self.record & HELD_OUT != 0
    }

    /// Whether nothing is held against the member: as if it were new.
    pub const fn is_clean(self) -> bool {
        self.points == 0 && self.record == 0
    }

    /// Notes that a member that was `before` is `after` now.
    pub fn note(&mut self, before: Status, after: Status, policy: &FlapPolicy, now: Instant) {
        let points = match (before, after) {
            (Status::Alive, Status::Suspect) => 1,
            (Status::Suspect, Status::Dead) => 3,
            (Status::Alive, Status::Dead) => 4,
            _ => return,
        };
        self.decay(policy, now);
        self.points = self.points.saturating_add(PARTS.saturating_mul(points));
        let limit = u16::from(policy.points_max).saturating_mul(PARTS);
        self.points = self.points.min(limit.saturating_mul(2));
        if self.points >= limit && !self.is_held_out() {
            self.hold_out(policy, now);
        }
    }

    /// Lets the member in again if its time is over and it has behaved; else says when to look
    /// again. `None` when it is in.
    pub fn review(&mut self, policy: &FlapPolicy, now: Instant) -> Option<Instant> {
        if !self.is_held_out() {
            return None;
        }
        self.decay(policy, now);
        let left = self.release_at.wrapping_sub(seconds(now));
        let limit = u16::from(policy.points_max).saturating_mul(PARTS);
        if is_future(left) {
            return Some(now.after(Duration::from_secs(left.into())));
        }
        if self.points > limit / 2 {
            return Some(now.after(part(policy.half_life, 2)));
        }
        self.record &= !HELD_OUT;
        None
    }

    fn hold_out(&mut self, policy: &FlapPolicy, now: Instant) {
        let calm = u64::from(seconds(now).wrapping_sub(self.release_at));
        let before = self.record & !HELD_OUT;
        let before = if Duration::from_secs(calm) > policy.penalty_max { 0 } else { before };
        let doubled = times(policy.penalty, 1 << before.min(OFFENCES_MAX));
        let penalty = doubled.min(policy.penalty_max).as_secs();
        self.record = before.saturating_add(1).min(OFFENCES_MAX) | HELD_OUT;
        self.release_at = seconds(now).wrapping_add(u32::try_from(penalty).unwrap_or(u32::MAX));
    }

    /// Halves the points for every half-life passed, and takes off a line's worth of the rest.
    fn decay(&mut self, policy: &FlapPolicy, now: Instant) {
        let now = seconds(now);
        let passed = u64::from(now.wrapping_sub(self.noted_at));
        self.noted_at = now;
        let half_life = policy.half_life.as_secs().max(1);
        let halvings = passed.checked_div(half_life).unwrap_or(0);
        let halved = u64::from(self.points >> halvings.min(15));
        let rest = passed.checked_rem(half_life).unwrap_or(0);
        let lost = halved.saturating_mul(rest).checked_div(half_life.saturating_mul(2));
        self.points = u16::try_from(halved.saturating_sub(lost.unwrap_or(0))).unwrap_or(u16::MAX);
    }
}

fn seconds(now: Instant) -> u32 {
    (now.as_micros() / 1_000_000) as u32
}

const fn is_future(left: u32) -> bool {
    left != 0 && left <= u32::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: FlapPolicy = FlapPolicy::new();

    /// Dies and returns every `period` seconds for `cycles`, from `start` on.
    fn flap(conduct: &mut Conduct, start: u64, period: u64, cycles: u64) -> u64 {
        for cycle in 0..cycles {
            let now = Instant::from_secs(start + cycle * period);
            conduct.note(Status::Alive, Status::Suspect, &POLICY, now);
            conduct.note(Status::Suspect, Status::Dead, &POLICY, now);
            conduct.note(Status::Dead, Status::Alive, &POLICY, now);
        }
        start + cycles * period
    }

    /// The second at which it is let in again, behaving from `start` on.
    fn released(conduct: &mut Conduct, start: u64) -> u64 {
        let mut at = Instant::from_secs(start);
        while let Some(later) = conduct.review(&POLICY, at) {
            assert!(later > at);
            at = later;
        }
        at.as_micros() / 1_000_000
    }

    #[test]
    fn one_death_or_a_suspicion_now_and_then_is_forgiven() {
        let mut conduct = Conduct::default();
        flap(&mut conduct, 1_000, 120, 20);
        assert!(!conduct.is_held_out());
        for minute in 0..60 {
            let now = Instant::from_secs(9_000 + minute * 30);
            conduct.note(Status::Alive, Status::Suspect, &POLICY, now);
            conduct.note(Status::Suspect, Status::Alive, &POLICY, now);
        }
        assert!(!conduct.is_held_out());
    }

    #[test]
    fn who_dies_every_forty_seconds_is_held_out_until_it_behaves() {
        let mut conduct = Conduct::default();
        let end = flap(&mut conduct, 1_000, 40, 3);
        assert!(conduct.is_held_out());
        let end = flap(&mut conduct, end, 40, 50);
        assert!(conduct.review(&POLICY, Instant::from_secs(end)).is_some(), "still at it");
        let free = released(&mut conduct, end);
        assert!((30..200).contains(&(free - end)), "{}", free - end);
    }

    #[test]
    fn penalties_double_up_to_their_maximum_and_good_conduct_is_rewarded() {
        let mut conduct = Conduct::default();
        let (mut now, mut terms) = (1_000, Vec::new());
        for _ in 0..8 {
            now = flap(&mut conduct, now, 1, 2);
            assert!(conduct.is_held_out());
            let free = released(&mut conduct, now);
            terms.push(free - now);
            now = free + 60;
        }
        assert!(terms.windows(2).all(|pair| pair[0] <= pair[1]), "{terms:?}");
        assert!(*terms.last().unwrap() >= 3_590 && terms[1] < 200, "{terms:?}");
        now = flap(&mut conduct, now + 4_000, 1, 2);
        assert!(released(&mut conduct, now) - now < 200, "a first time again");
    }

    #[test]
    fn many_suspicions_are_as_bad_as_a_death() {
        let mut conduct = Conduct::default();
        for second in 0..40 {
            let now = Instant::from_secs(500 + second * 4);
            conduct.note(Status::Alive, Status::Suspect, &POLICY, now);
        }
        assert!(conduct.is_held_out());
    }
}
