//! Who cannot be understood: what is said to them, and what the application is told of them.

use core::time::Duration;

use crate::event::Event;
use crate::quota::Quota;
use crate::time::Instant;
use crate::wire::KeyId;

/// Empty packets a second that tell others what time it is, or which key is used: so many to each
/// kind of [`Sender`], so that nobody takes away what belongs to another.
const HINTS_PER_SECOND_MAX: u16 = 10;

/// How long the application is not told the same again.
const PAUSE: Duration = Duration::from_secs(10);

/// Keys that have a pause of their own. While there are so many, no other one is told of.
const KEYS_TOLD_MAX: usize = 4;

/// How far apart the application is told of different keys.
const KEY_PAUSE: Duration = Duration::from_secs(1);

/// Who sent a packet that was refused, as far as that can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Somebody who has the key, sometime.
    Keyholder,
    /// It says to be a member, and comes from where that is; or from a seed that was asked. Only
    /// who can forge addresses can pretend that.
    Familiar,
    /// Anybody.
    Stranger,
}

/// What is kept of the packets that could not be opened.
pub struct Lockout<A> {
    keyholders: Quota,
    familiar: Lane<A>,
    strangers: Lane<A>,
    not_understood: Once<(KeyId, A)>,
    unsealed: Once<A>,
}

impl<A: Copy> Lockout<A> {
    pub const fn new() -> Self {
        Self {
            keyholders: Quota::new(HINTS_PER_SECOND_MAX, HINTS_PER_SECOND_MAX),
            familiar: Lane::new(),
            strangers: Lane::new(),
            not_understood: Once::new(),
            unsealed: Once::new(),
        }
    }

    /// Somebody uses a key that is not here.
    pub fn note_key(&mut self, key: KeyId, from: A, sender: Sender, now: Instant) {
        let lane = match sender {
            Sender::Familiar | Sender::Keyholder => &mut self.familiar,
            Sender::Stranger => &mut self.strangers,
        };
        lane.note(key, from, now);
    }

    /// Somebody who uses this key does not understand this node.
    pub fn note_misunderstanding(&mut self, key: KeyId, from: A, now: Instant) {
        self.not_understood.note((key, from), now);
    }

    /// Somebody who should know better sends in clear.
    pub fn note_unsealed(&mut self, from: A, now: Instant) {
        self.unsealed.note(from, now);
    }

    /// Takes one hint to such a sender, if there is one.
    pub fn take_hint(&mut self, sender: Sender, now: Instant) -> bool {
        let hints = match sender {
            Sender::Keyholder => &mut self.keyholders,
            Sender::Familiar => &mut self.familiar.hints,
            Sender::Stranger => &mut self.strangers.hints,
        };
        hints.take(now)
    }

    pub fn pop_news(&mut self) -> Option<Event<A>> {
        let unknown = self.familiar.untold.take().or_else(|| self.strangers.untold.take());
        if let Some((key_id, from)) = unknown {
            return Some(Event::UnknownKey { key_id, from });
        }
        if let Some((key_id, from)) = self.not_understood.untold.take() {
            return Some(Event::NotUnderstood { key_id, from });
        }
        self.unsealed.untold.take().map(|from| Event::Unsealed { from })
    }

    pub const fn has_news(&self) -> bool {
        self.familiar.untold.is_some()
            || self.strangers.untold.is_some()
            || self.not_understood.untold.is_some()
            || self.unsealed.untold.is_some()
    }
}

/// Senders who do not take room from others.
struct Lane<A> {
    hints: Quota,
    /// Keys that were told of, and the second up to which they are not told of again.
    told: [(KeyId, u32); KEYS_TOLD_MAX],
    quiet_until: Instant,
    untold: Option<(KeyId, A)>,
}

impl<A> Lane<A> {
    const fn new() -> Self {
        Self {
            hints: Quota::new(HINTS_PER_SECOND_MAX, HINTS_PER_SECOND_MAX),
            told: [(KeyId(0), 0); KEYS_TOLD_MAX],
            quiet_until: Instant::ZERO,
            untold: None,
        }
    }

    fn note(&mut self, key: KeyId, from: A, now: Instant) {
        let is_told = self.told.iter().any(|&(told, until)| told == key && second(now) < until);
        if is_told || now < self.quiet_until || self.untold.is_some() {
            return;
        }
        let free = self.told.iter_mut().find(|(_, until)| *until <= second(now));
        let Some(free) = free else { return };
        *free = (key, second(now.after(PAUSE)));
        self.quiet_until = now.after(KEY_PAUSE);
        self.untold = Some((key, from));
    }
}

fn second(now: Instant) -> u32 {
    u32::try_from(now.since(Instant::ZERO).as_secs()).unwrap_or(u32::MAX)
}

/// Something that is told once in a while.
struct Once<T> {
    quiet_until: Instant,
    untold: Option<T>,
}

impl<T> Once<T> {
    const fn new() -> Self {
        Self { quiet_until: Instant::ZERO, untold: None }
    }

    fn note(&mut self, news: T, now: Instant) {
        if now >= self.quiet_until {
            self.untold = Some(news);
            self.quiet_until = now.after(PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Sender::{Familiar, Keyholder, Stranger};

    fn keys_told(lockout: &mut Lockout<u16>) -> Vec<(u32, u16)> {
        std::iter::from_fn(|| lockout.pop_news())
            .map(|event| match event {
                Event::UnknownKey { key_id, from } => (key_id.0, from),
                event => panic!("{event:?}"),
            })
            .collect()
    }

    #[test]
    fn a_key_is_told_of_once_in_ten_seconds_and_does_not_hide_another() {
        let mut lockout = Lockout::new();
        let at = |seconds: u64| Instant::from_secs(100 + seconds);
        let mut told = Vec::new();
        for second in 0..20 {
            for key in [7, 8] {
                lockout.note_key(KeyId(key), 1u16, Stranger, at(second));
            }
            told.extend(keys_told(&mut lockout).into_iter().map(|(key, _)| (second, key)));
        }
        assert_eq!(told, [(0, 7), (1, 8), (10, 7), (11, 8)]);
    }

    #[test]
    fn invented_keys_leave_room_to_who_is_known() {
        let mut lockout = Lockout::new();
        let start = Instant::from_secs(100);
        let (mut invented, mut known) = (0, 0);
        for tenth in 0..200 {
            let now = start.after(Duration::from_millis(100) * tenth);
            lockout.note_key(KeyId(1_000 + tenth), 66u16, Stranger, now);
            lockout.note_key(KeyId(5), 2, Familiar, now);
            for (_, from) in keys_told(&mut lockout) {
                *if from == 66 { &mut invented } else { &mut known } += 1;
            }
        }
        assert_eq!((invented, known), (2 * KEYS_TOLD_MAX, 2));
    }

    #[test]
    fn hints_of_one_kind_leave_those_of_the_others() {
        let mut lockout = Lockout::<u16>::new();
        let now = Instant::from_secs(100);
        for sender in [Stranger, Familiar, Keyholder] {
            let taken = (0..100).filter(|_| lockout.take_hint(sender, now)).count();
            assert_eq!(taken, usize::from(HINTS_PER_SECOND_MAX), "{sender:?}");
        }
    }

    #[test]
    fn nothing_else_is_told_more_than_once_in_ten_seconds() {
        let mut lockout = Lockout::new();
        let mut told = Vec::new();
        for second in 0..12 {
            let now = Instant::from_secs(100 + second);
            lockout.note_misunderstanding(KeyId(5), 2u16, now);
            lockout.note_unsealed(3, now);
            assert_eq!(lockout.has_news(), second % 10 == 0);
            told.extend(std::iter::from_fn(|| lockout.pop_news()));
        }
        let pair =
            [Event::NotUnderstood { key_id: KeyId(5), from: 2 }, Event::Unsealed { from: 3 }];
        assert_eq!(told, [pair, pair].concat());
    }
}
