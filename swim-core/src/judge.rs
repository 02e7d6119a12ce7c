//! What to believe: the pure merge of what is known about a member with what is told.
//!
//! SWIM section 4.2 orders messages by incarnation and, within one, Alive < Suspect < Dead. Here
//! a record has two independent parts, each a join-semilattice, and their product is one too:
//!
//! - the **claim**: (incarnation, status), greater wins; two suspicions, or two deaths, of one
//!   incarnation unite their voices, of which the [`VOICES_MAX`] smallest are kept (a cut that stays associative);
//! - the **card**: what the member says of itself at an incarnation (boot, patience, address, metadata),
//!   greater incarnation wins, the greater content at equal incarnation.
//!
//! So records may arrive in any order, any number of times: every member ends with the same view.

use core::cmp::Ordering;

use crate::member::{Incarnation, Patience, Status, Voice};

/// How many accusers of one suspicion are remembered and passed on.
pub const VOICES_MAX: usize = 4;

/// The accusers of one suspicion: sorted, distinct, at most [`VOICES_MAX`]; of more, the smallest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Voices {
    sorted: [Voice; VOICES_MAX],
    len: u8,
}

impl Voices {
    /// No accuser.
    pub const NONE: Self = Self { sorted: [Voice(0); VOICES_MAX], len: 0 };

    /// The single accuser `voice`.
    pub fn one(voice: Voice) -> Self {
        let mut voices = Self::NONE;
        voices.insert(voice);
        voices
    }

    /// The accusers, ascending.
    pub fn as_slice(&self) -> &[Voice] {
        self.sorted.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// How many accusers there are.
    pub fn count(&self) -> usize {
        usize::from(self.len)
    }

    /// Adds `voice` unless it is there already or greater than [`VOICES_MAX`] others.
    pub fn insert(&mut self, voice: Voice) {
        let Err(place) = self.as_slice().binary_search(&voice) else { return };
        let len = self.count().saturating_add(1).min(VOICES_MAX);
        let mut displaced = voice;
        for slot in self.sorted.get_mut(place..len).unwrap_or_default() {
            core::mem::swap(slot, &mut displaced);
        }
        self.len = len as u8;
    }

    /// Both sets together, cut to the smallest [`VOICES_MAX`].
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        for voice in other.as_slice() {
            self.insert(*voice);
        }
        self
    }
}

/// That a member has a status at an incarnation, and who says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// The incarnation spoken of.
    pub incarnation: Incarnation,
    /// The status claimed.
    pub status: Status,
    /// Who suspects it; of a death, who found nothing listening at its address, if that is how it
    /// was declared. Otherwise empty.
    pub voices: Voices,
}

impl Claim {
    /// A claim without accusers.
    pub const fn new(incarnation: Incarnation, status: Status) -> Self {
        Self { incarnation, status, voices: Voices::NONE }
    }

    /// The order of precedence: incarnation, then status.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.incarnation.order(other.incarnation).then(self.status.cmp(&other.status))
    }
}

/// What a member says of itself at one incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card<'a, A> {
    /// The incarnation at which it said so.
    pub incarnation: Incarnation,
    /// Which life of its process is speaking.
    pub boot: u16,
    /// How long it asks the others to wait for it.
    pub patience: Patience,
    /// Where it listens.
    pub address: A,
    /// What its application attached.
    pub metadata: &'a [u8],
}

impl<A: Ord> Card<'_, A> {
    /// The order of precedence: incarnation, then content, so that of two different contents at
    /// one incarnation everybody keeps the same.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.incarnation.order(other.incarnation).then_with(|| self.content_order(other))
    }

    /// The order of the contents alone; equal means the same words.
    pub fn content_order(&self, other: &Self) -> Ordering {
        let own = (self.boot, self.patience, &self.address, self.metadata);
        own.cmp(&(other.boot, other.patience, &other.address, other.metadata))
    }
}

/// What to do with the claim that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimVerdict {
    /// Nothing new.
    Keep,
    /// The same suspicion with more accusers: these are all of them.
    Unite(Voices),
    /// The told claim takes precedence.
    Replace,
}

/// What a record changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What happens to the claim.
    pub claim: ClaimVerdict,
    /// Whether the told card takes the place of the known one.
    pub card_replaced: bool,
}

/// Judges a record against what is known; pure, and the join described in the module docs.
pub fn judge<A: Ord>(
    known: (&Claim, Option<&Card<'_, A>>),
    told: (&Claim, Option<&Card<'_, A>>),
) -> Verdict {
    Verdict { claim: judge_claim(known.0, told.0), card_replaced: judge_card(known.1, told.1) }
}

fn judge_claim(known: &Claim, told: &Claim) -> ClaimVerdict {
    match told.precedence(known) {
        Ordering::Greater => ClaimVerdict::Replace,
        Ordering::Less => ClaimVerdict::Keep,
        Ordering::Equal => match known.voices.union(&told.voices) {
            united if united == known.voices => ClaimVerdict::Keep,
            united => ClaimVerdict::Unite(united),
        },
    }
}

fn judge_card<A: Ord>(known: Option<&Card<'_, A>>, told: Option<&Card<'_, A>>) -> bool {
    match (known, told) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(known), Some(told)) => told.precedence(known) == Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Record = (Claim, Option<Card<'static, u16>>);

    fn join(known: Record, told: Record) -> Record {
        let verdict = judge((&known.0, known.1.as_ref()), (&told.0, told.1.as_ref()));
        let claim = match verdict.claim {
            ClaimVerdict::Keep => known.0,
            ClaimVerdict::Unite(voices) => Claim { voices, ..known.0 },
            ClaimVerdict::Replace => told.0,
        };
        (claim, if verdict.card_replaced { told.1 } else { known.1 })
    }

    /// Every record over 3 incarnations, 4 statuses, the subsets of 5 voices that can be held, and
    /// (for Alive) two boots, two addresses and two metadata.
    fn space(incarnations: [u32; 3]) -> Vec<Record> {
        let mut records = Vec::new();
        for incarnation in incarnations.map(Incarnation::new) {
            records.push((Claim::new(incarnation, Status::Left), None));
            for set in 0..32u32 {
                let mut claim = Claim::new(incarnation, Status::Suspect);
                for voice in (0..5).filter(|voice| set & (1 << voice) != 0) {
                    claim.voices.insert(Voice(voice));
                }
                records.push((claim, None));
            }
            for judge in 0..3 {
                let mut claim = Claim::new(incarnation, Status::Dead);
                claim.voices.insert(Voice(judge));
                records.push((claim, None));
            }
            for content in 0..8u16 {
                let metadata: &[u8] = if content & 4 == 0 { b"" } else { b"m" };
                let (boot, address) = (content & 1, content >> 1 & 1);
                let patience = Patience::NONE;
                let card = Card { incarnation, boot, patience, address, metadata };
                records.push((Claim::new(incarnation, Status::Alive), Some(card)));
            }
        }
        records
    }

    const AROUND_ZERO: [u32; 3] = [0, 1, 2];
    const AROUND_THE_WRAP: [u32; 3] = [u32::MAX, 0, 1];

    #[test]
    fn join_is_commutative_and_idempotent() {
        for space in [space(AROUND_ZERO), space(AROUND_THE_WRAP)] {
            for &a in &space {
                assert_eq!(join(a, a), a);
                for &b in &space {
                    assert_eq!(join(a, b), join(b, a), "{a:?} {b:?}");
                    assert_eq!(join(join(a, b), b), join(a, b), "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn join_is_associative() {
        for space in [space(AROUND_ZERO), space(AROUND_THE_WRAP)] {
            for &a in &space {
                for &b in &space {
                    for &c in &space {
                        assert_eq!(join(join(a, b), c), join(a, join(b, c)), "{a:?} {b:?} {c:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn alive_at_the_same_incarnation_does_not_clear_a_suspicion() {
        let suspect = (Claim::new(Incarnation::new(1), Status::Suspect), None);
        for (incarnation, cleared) in [(0, false), (1, false), (2, true)] {
            let incarnation = Incarnation::new(incarnation);
            let card = Card {
                incarnation,
                boot: 0,
                patience: Patience::NONE,
                address: 0u16,
                metadata: b"",
            };
            let joined = join(suspect, (Claim::new(incarnation, Status::Alive), Some(card)));
            assert_eq!(joined.0.status == Status::Alive, cleared);
        }
    }

    #[test]
    fn of_many_voices_the_smallest_are_kept() {
        let mut voices = Voices::NONE;
        for voice in [9, 3, 7, 3, 1, 8, 2] {
            voices.insert(Voice(voice));
        }
        assert_eq!(voices.as_slice(), [1, 2, 3, 7].map(Voice));
    }
}
