//! Joining: seeds asked again and again, less and less often, until one of them says welcome.

use core::time::Duration;

use crate::member::NodeId;
use crate::rng::Rng;
use crate::storage::{Bounds, List};
use crate::time::{Instant, Micros, times};
use crate::wire::Refusal;

/// Attempts, after the first, before the pauses between them grow. Of a thousand nodes that join at
/// once while a third of all packets is lost, one needs as many; nobody's view is complete before.
const EAGER_ATTEMPTS: u8 = 8;

/// The seeds of a node.
pub struct Seeds<A, B: Bounds> {
    seeds: B::Seeds<Seed<A>>,
}

#[derive(Debug)]
pub struct Seed<A> {
    address: A,
    /// The number that answers have to repeat.
    number: u32,
    /// When it is asked next; `None` once it has admitted this node.
    next_at: Option<Instant>,
    pause: Micros,
    /// Attempts left at the shortest pause.
    eager: u8,
    /// Whether an answer is awaited.
    asked: bool,
    /// It has admitted this node before, and is tried once only.
    revisited: bool,
    answer: Option<Answer>,
    /// Whether the application has yet to hear of the answer.
    untold: bool,
}

/// What a seed said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Admitted { by: NodeId },
    Refused(Refusal),
}

/// The pauses between two attempts: the first, and the longest.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    pub least: Duration,
    pub most: Duration,
}

impl<A: Copy + PartialEq, B: Bounds> Seeds<A, B> {
    pub fn new(bounds: &B) -> Self {
        Self { seeds: bounds.seeds() }
    }

    /// Asks `address` from `now` on, anew if it is known already. When there are too many, one that
    /// has admitted this node goes; false when none has.
    pub fn add(&mut self, address: A, number: u32, retry: Retry, now: Instant) -> bool {
        let seed = Seed {
            address,
            number,
            next_at: Some(now),
            pause: Micros::of(retry.least),
            eager: EAGER_ATTEMPTS,
            asked: false,
            revisited: false,
            answer: None,
            untold: false,
        };
        let place =
            self.seeds.as_slice().iter().position(|known| known.address == address).or_else(|| {
                let full = self.seeds.is_full();
                self.seeds.as_slice().iter().position(|known| full && known.next_at.is_none())
            });
        match place.and_then(|place| self.seeds.as_mut_slice().get_mut(place)) {
            Some(known) => {
                *known = seed;
                true
            }
            None => self.seeds.push(seed).is_ok(),
        }
    }

    /// Forgets `address`; false when it is no seed.
    pub fn remove(&mut self, address: A) -> bool {
        let before = self.seeds.len();
        self.seeds.retain(|seed| seed.address != address);
        self.seeds.len() < before
    }

    /// Asks all seeds again, as after a start: this node has nobody left.
    pub fn restart(&mut self, retry: Retry, now: Instant) {
        for seed in self.seeds.as_mut_slice().iter_mut() {
            if seed.next_at.is_none() {
                (seed.pause, seed.eager) = (Micros::of(retry.least), EAGER_ATTEMPTS);
                seed.answer = None;
            }
            seed.revisited = false;
            let soon = now.after(retry.least);
            seed.next_at = Some(seed.next_at.unwrap_or(soon).clamp(now, soon));
        }
    }

    /// Asks a seed again that admitted this node once and whose member is gone since, as `is_gone`
    /// says. Returns false when there is none.
    pub fn revisit(&mut self, is_gone: impl Fn(NodeId) -> bool, now: Instant) -> bool {
        let lost = |seed: &&mut Seed<A>| {
            let gone = match seed.answer {
                Some(Answer::Admitted { by }) => is_gone(by),
                // It was asked once more, and said no or nothing.
                Some(Answer::Refused(_)) | None => true,
            };
            seed.next_at.is_none() && gone
        };
        let Some(seed) = self.seeds.as_mut_slice().iter_mut().find(lost) else { return false };
        seed.next_at = Some(now);
        seed.revisited = true;
        true
    }

    /// A seed that is to be asked at `now`, with the number to ask with.
    pub fn pop_due(&mut self, retry: Retry, rng: &mut Rng, now: Instant) -> Option<(A, u32)> {
        let due = |seed: &&mut Seed<A>| seed.next_at.is_some_and(|at| at <= now);
        let seed = self.seeds.as_mut_slice().iter_mut().find(due)?;
        seed.asked = true;
        seed.next_at = (!seed.revisited).then(|| now.after(rng.jittered(seed.pause.duration())));
        match seed.eager.checked_sub(1) {
            Some(left) => seed.eager = left,
            None => {
                let doubled = times(seed.pause.duration(), 2);
                seed.pause = Micros::of(doubled.min(retry.most));
            }
        }
        Some((seed.address, seed.number))
    }

    /// Whether a seed was asked with this number, and has not admitted this node yet.
    pub fn is_asked(&self, number: u32) -> bool {
        self.seeds.as_slice().iter().any(|seed| seed.number == number && seed.asked)
    }

    /// Whether a seed there was asked, and has not admitted this node yet.
    pub fn is_asked_at(&self, address: A) -> bool {
        self.seeds.as_slice().iter().any(|seed| seed.address == address && seed.asked)
    }

    /// An answer came. Returns whether it was asked for.
    pub fn answered(&mut self, number: u32, answer: Answer) -> bool {
        let asked = |seed: &&mut Seed<A>| seed.number == number && seed.asked;
        let Some(seed) = self.seeds.as_mut_slice().iter_mut().find(asked) else { return false };
        seed.untold |= seed.answer != Some(answer);
        seed.answer = Some(answer);
        if matches!(answer, Answer::Admitted { .. }) {
            seed.next_at = None;
            seed.asked = false;
        }
        true
    }

    /// An answer that the application has not heard of.
    pub fn pop_news(&mut self) -> Option<(A, Answer)> {
        let seed = self.seeds.as_mut_slice().iter_mut().find(|seed| seed.untold)?;
        seed.untold = false;
        Some((seed.address, seed.answer?))
    }

    pub fn is_empty(&self) -> bool {
        self.seeds.is_empty()
    }

    pub fn has_news(&self) -> bool {
        self.seeds.as_slice().iter().any(|seed| seed.untold)
    }

    /// When the next seed is asked.
    pub fn deadline(&self) -> Option<Instant> {
        self.seeds.as_slice().iter().filter_map(|seed| seed.next_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{SEEDS_MAX, Server};

    const RETRY: Retry = Retry { least: Duration::from_secs(1), most: Duration::from_secs(8) };
    const BY: Answer = Answer::Admitted { by: NodeId::new(5) };

    #[test]
    fn a_silent_seed_is_asked_for_ever_at_growing_jittered_pauses() {
        let mut seeds = Seeds::new(&Server);
        let mut rng = Rng::new(1);
        assert!(seeds.add(3u16, 77, RETRY, Instant::ZERO));
        let mut now = Instant::ZERO;
        let eager = std::iter::repeat_n(1, usize::from(EAGER_ATTEMPTS));
        for pause in eager.chain([1, 2, 4, 8, 8, 8]) {
            assert_eq!(seeds.pop_due(RETRY, &mut rng, now), Some((3, 77)));
            assert_eq!(seeds.pop_due(RETRY, &mut rng, now), None);
            let next = seeds.deadline().unwrap();
            let waited = next.since(now).as_millis();
            assert!((pause * 500..pause * 1_500).contains(&waited), "{waited}");
            now = next;
        }
    }

    #[test]
    fn an_answer_is_told_once_and_a_welcome_ends_the_asking() {
        let mut seeds = Seeds::new(&Server);
        seeds.add(3u16, 77, RETRY, Instant::ZERO);
        let refused = Answer::Refused(Refusal::OtherCluster);
        assert!(!seeds.answered(78, BY), "nobody asked with this number");
        assert!(!seeds.answered(77, BY), "nor has it been asked yet");
        assert_eq!(seeds.pop_due(RETRY, &mut Rng::new(1), Instant::ZERO), Some((3, 77)));
        assert!(seeds.answered(77, refused) && seeds.answered(77, refused));
        assert_eq!(seeds.pop_news(), Some((3, refused)));
        assert_eq!(seeds.pop_news(), None);
        assert!(seeds.deadline().is_some());
        assert!(seeds.answered(77, BY));
        assert_eq!((seeds.pop_news(), seeds.deadline()), (Some((3, BY)), None));
        assert!(!seeds.answered(77, BY), "a late second answer");
        seeds.restart(RETRY, Instant::ZERO);
        assert!(seeds.deadline().is_some());
    }

    #[test]
    fn a_seed_whose_member_is_gone_is_asked_again() {
        let mut seeds = Seeds::new(&Server);
        seeds.add(3u16, 77, RETRY, Instant::ZERO);
        assert!(!seeds.revisit(|_| true, Instant::ZERO), "it is being asked already");
        assert!(seeds.pop_due(RETRY, &mut Rng::new(1), Instant::ZERO).is_some());
        assert!(seeds.answered(77, BY));
        assert!(!seeds.revisit(|by| by != NodeId::new(5), Instant::ZERO));
        assert!(seeds.revisit(|by| by == NodeId::new(5), Instant::ZERO));
        assert_eq!(seeds.deadline(), Some(Instant::ZERO));
        assert_eq!(seeds.pop_due(RETRY, &mut Rng::new(1), Instant::ZERO), Some((3, 77)));
        assert_eq!(seeds.deadline(), None, "once");
        assert!(seeds.answered(77, BY));
    }

    #[test]
    fn a_seed_that_refuses_when_it_is_asked_again_is_not_given_up() {
        let mut seeds = Seeds::new(&Server);
        seeds.add(3u16, 77, RETRY, Instant::ZERO);
        assert!(seeds.pop_due(RETRY, &mut Rng::new(1), Instant::ZERO).is_some());
        assert!(seeds.answered(77, BY));
        assert!(seeds.revisit(|_| true, Instant::ZERO));
        assert!(seeds.pop_due(RETRY, &mut Rng::new(1), Instant::ZERO).is_some());
        assert!(seeds.answered(77, Answer::Refused(Refusal::Leaving)));
        assert!(seeds.deadline().is_some() || seeds.revisit(|_| true, Instant::ZERO));
    }

    #[test]
    fn seeds_are_bounded_and_can_be_forgotten() {
        let mut seeds = Seeds::new(&Server);
        assert!((0..SEEDS_MAX as u16).all(|seed| seeds.add(seed, 0, RETRY, Instant::ZERO)));
        assert!(!seeds.add(99, 0, RETRY, Instant::ZERO));
        assert!(seeds.add(1, 7, RETRY, Instant::ZERO), "known already");
        let asked = || seeds.pop_due(RETRY, &mut Rng::new(1), Instant::ZERO);
        assert_eq!(std::iter::from_fn(asked).count(), SEEDS_MAX);
        assert!(seeds.answered(7, BY));
        assert!(seeds.add(99, 0, RETRY, Instant::ZERO), "in the place of the one that answered");
        assert!(!seeds.add(98, 0, RETRY, Instant::ZERO));
        assert!(seeds.remove(99) && !seeds.remove(99));
    }
}
