//! One member, as the table keeps it.

use core::cmp::Ordering;
use core::time::Duration;

use crate::address::Address;
use crate::judge::{Card, Claim, ClaimVerdict, Verdict, Voices, judge};
use crate::member::{Incarnation, Member, NodeId, Patience, Status, mix};
use crate::time::Instant;
use crate::wire::{PacketWriter, Update};

use super::case::{Case, Trial};
use super::news::Told;

/// What is kept of every member: 36 bytes with an IPv4 address.
#[derive(Debug)]
pub struct Entry<A> {
    pub id: NodeId,
    /// Since when it has this status here.
    since: Instant,
    /// At which incarnation that was said.
    incarnation: Incarnation,
    /// At which incarnation it last said something of itself.
    card_incarnation: Incarnation,
    /// Where it listens; before it is introduced, where the news came from.
    address: A,
    pub boot: u16,
    /// How long it asks to be waited for.
    patience: Patience,
    pub status: Status,
    words: Words,
}

/// What is known of what a member says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Words {
    /// Nothing: only the news of its end came.
    None,
    /// All of it.
    Whole,
    /// All but its metadata, which is longer than this table holds, so it cannot be passed on.
    Cut,
}

impl<A: Copy> Entry<A> {
    /// A member that is not introduced yet, of whom somebody at `informant` told.
    pub fn new(id: NodeId, informant: A, now: Instant) -> Self {
        Self {
            id,
            since: now,
            incarnation: Incarnation::default(),
            card_incarnation: Incarnation::default(),
            address: informant,
            boot: 0,
            patience: Patience::NONE,
            status: Status::Alive,
            words: Words::None,
        }
    }

    /// What the application was told of it while it has no case file.
    pub fn told(&self) -> Told {
        match self.words {
            Words::None => Told::default(),
            Words::Whole | Words::Cut => Told::all(self.status, self.boot),
        }
    }

    /// Whether it counts among the living: alive or suspect, and reachable.
    pub fn is_live(&self) -> bool {
        self.words != Words::None && self.status.is_live()
    }

    /// What the member last said of itself, in 64 bits: two tables that hash its row alike have the
    /// same of it. Only the member itself changes that, always at another incarnation or boot.
    pub fn hash(&self) -> u64 {
        // Odd factors, so that no two incarnations and boots are confused before they are mixed.
        const OF_INCARNATION: u64 = 0x9e37_79b9_7f4a_7c15;
        const OF_BOOT: u64 = 0xd6e8_feb8_6659_fd93;
        let incarnation = u64::from(self.card_incarnation.number()).wrapping_mul(OF_INCARNATION);
        let boot = u64::from(self.boot).wrapping_mul(OF_BOOT);
        mix(self.id.mixed() ^ incarnation ^ boot)
    }

    /// Takes over a card; `whole` unless its metadata had to be left out.
    pub fn set_card(&mut self, card: &Card<'_, A>, whole: bool) {
        (self.card_incarnation, self.boot) = (card.incarnation, card.boot);
        (self.patience, self.address) = (card.patience, card.address);
        self.words = if whole { Words::Whole } else { Words::Cut };
    }

    /// Takes over how long to ask the others to wait.
    pub fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// Takes over an address.
    pub fn set_address(&mut self, address: A) {
        self.address = address;
    }

    /// Says the same again at a later incarnation, alive or leaving.
    pub fn reincarnate(&mut self, incarnation: Incarnation, status: Status, now: Instant) {
        if self.status != status {
            self.since = now;
        }
        (self.incarnation, self.status) = (incarnation, status);
        self.card_incarnation = incarnation;
    }
}

/// A row, to read: what is believed of one member.
#[derive(Debug)]
pub struct Row<'a, A> {
    pub(super) entry: &'a Entry<A>,
    pub(super) case: Option<&'a Case>,
    pub(super) metadata: &'a [u8],
    /// For how long it will be silent yet, of somebody asleep.
    pub(super) sleep_left: Duration,
}

impl<A> Clone for Row<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Row<'_, A> {}

impl<'a, A: Copy + Ord> Row<'a, A> {
    /// Whose row it is.
    pub fn id(&self) -> NodeId {
        self.entry.id
    }

    pub fn status(&self) -> Status {
        self.entry.status
    }

    /// At which incarnation it has its status.
    pub fn incarnation(&self) -> Incarnation {
        self.entry.incarnation
    }

    /// Since when it has its status here.
    pub fn since(&self) -> Instant {
        self.entry.since
    }

    /// Its status, at which incarnation, and who accuses it.
    pub fn claim(&self) -> Claim {
        let Entry { incarnation, status, .. } = *self.entry;
        Claim { incarnation, status, voices: self.voices() }
    }

    /// Who accuses it.
    pub fn voices(&self) -> Voices {
        self.case.map_or(Voices::NONE, |case| case.voices)
    }

    /// What was done to find out whether it lives.
    pub fn trial(&self) -> Trial {
        self.case.map(|case| case.trial).unwrap_or_default()
    }

    /// Whether it flaps and is held out.
    pub fn is_held_out(&self) -> bool {
        self.case.is_some_and(|case| case.conduct.is_held_out())
    }

    /// Whether it has said that it will be silent, and the time has not come yet.
    pub fn is_asleep(&self) -> bool {
        self.case.is_some_and(|case| case.asleep)
    }

    /// Whether the application has something to hear about it.
    pub fn is_untold(&self) -> bool {
        let told = self.case.map_or_else(|| self.entry.told(), |case| case.told);
        told.differs(self.status(), self.boot(), self.is_held_out())
    }

    /// What the member says of itself, if it is introduced.
    pub fn card(&self) -> Option<Card<'a, A>> {
        self.is_introduced().then(|| self.words())
    }

    /// The same for a row that is certainly introduced: the node's own.
    pub fn words(&self) -> Card<'a, A> {
        let Entry { card_incarnation: incarnation, boot, patience, address, .. } = *self.entry;
        Card { incarnation, boot, patience, address, metadata: self.metadata }
    }

    /// Where the member listens.
    pub fn address(&self) -> Option<A> {
        self.is_introduced().then_some(self.entry.address)
    }

    /// Whether it counts among the living: alive or suspect, and reachable.
    pub fn is_live(&self) -> bool {
        self.entry.is_live()
    }

    /// Whether it is alive, and all who ought to know do.
    pub fn is_settled(&self) -> bool {
        self.is_live() && self.status() == Status::Alive && self.case.is_none()
    }

    /// What the member last said of itself, in 64 bits.
    pub fn hash(&self) -> u64 {
        self.entry.hash()
    }

    /// How long it asks to be waited for.
    pub fn patience(&self) -> Patience {
        self.entry.patience
    }

    /// Which life of its process this is; 0 before it is introduced.
    pub fn boot(&self) -> u16 {
        self.entry.boot
    }

    /// The update that passes on what is known: the claim, or claim and card while it is alive.
    pub fn update(&self) -> Option<Update<'a, A>> {
        match self.status() {
            Status::Alive => self.introduction(),
            _ => Some(Update::claim(self.id(), self.claim())),
        }
    }

    /// The update that passes on the card alone, for somebody who may not know the member.
    pub fn introduction(&self) -> Option<Update<'a, A>> {
        let alive = Update::alive(self.id(), self.words());
        (self.entry.words == Words::Whole).then(|| alive.asleep(self.sleep_left))
    }

    /// Writes all that is known of it: of the living the card, then the suspicion if there is one;
    /// of the others their end alone, since the card would bring them back to life. A row whose
    /// metadata this table had to cut cannot be told and counts as told. False when there is no
    /// room.
    pub fn tell(&self, writer: &mut PacketWriter<'_>) -> bool
    where
        A: Address,
    {
        let card = self.introduction().filter(|_| self.is_live());
        let claim = Update::<A>::claim(self.id(), self.claim());
        card.is_none_or(|card| writer.update(&card))
            && (self.status() == Status::Alive || writer.update(&claim))
    }

    /// Whether an update says what the member is known to say of itself, word for word, as nearly
    /// all do. A shorter way to what [`judge`](Self::judge) finds.
    pub fn has_heard(&self, told: &Update<'_, A>) -> bool {
        let heard = |card: &Card<'_, A>| {
            self.incarnation() == card.incarnation && self.card().as_ref() == Some(card)
        };
        told.claim.status == Status::Alive && told.card.as_ref().is_some_and(heard)
    }

    /// What an update would change. Metadata this table had to cut is not compared.
    pub fn judge(&self, told: &Update<'_, A>) -> Verdict {
        let known = self.card();
        let told_card = match (told.card, known) {
            (Some(card), Some(known)) if self.entry.words == Words::Cut => {
                let cut = Card { metadata: known.metadata, ..card };
                let newer = card.incarnation.order(known.incarnation) == Ordering::Greater;
                Some(if newer { card } else { cut })
            }
            (card, _) => card,
        };
        judge((&self.claim(), known.as_ref()), (&told.claim, told_card.as_ref()))
    }

    /// The row as applications see it.
    pub fn member(&self) -> Member<'a, A> {
        Member {
            id: self.id(),
            address: self.address(),
            status: self.status(),
            incarnation: self.incarnation(),
            boot: self.boot(),
            metadata: self.metadata,
            since: self.since(),
            held_out: self.is_held_out(),
            asleep: self.is_asleep(),
        }
    }

    fn is_introduced(&self) -> bool {
        self.entry.words != Words::None
    }
}

/// A row, to change, with a case file open for it.
#[derive(Debug)]
pub struct RowMut<'a, A> {
    pub entry: &'a mut Entry<A>,
    pub case: &'a mut Case,
}

impl<A> RowMut<'_, A> {
    /// Carries out what was judged of the claim.
    pub fn follow(&mut self, verdict: ClaimVerdict, told: &Claim, now: Instant) {
        match verdict {
            ClaimVerdict::Keep => {}
            ClaimVerdict::Unite(voices) => self.case.voices = voices,
            ClaimVerdict::Replace => {
                // A suspicion of a later incarnation is another suspicion.
                if told.status != self.entry.status || told.status == Status::Suspect {
                    self.entry.since = now;
                    self.case.trial = Trial::default();
                }
                self.set_claim(told);
            }
        }
    }

    /// Takes over a claim.
    pub fn set_claim(&mut self, claim: &Claim) {
        let Claim { incarnation, status, voices } = *claim;
        (self.entry.incarnation, self.entry.status) = (incarnation, status);
        self.case.voices = voices;
        self.wake();
    }

    /// It is not asleep, or no longer.
    pub fn wake(&mut self) {
        if core::mem::take(&mut self.case.asleep) {
            self.case.told.note_update();
        }
    }

    /// Its suspicion begins anew: `reprieved` because it was heard from, or else because nobody
    /// could have been heard meanwhile.
    pub fn restart_suspicion(&mut self, reprieved: bool, now: Instant) {
        self.entry.since = now;
        self.case.trial.restart(reprieved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::SocketAddrV4;

    #[test]
    fn rows_are_small() {
        assert_eq!(size_of::<Option<Entry<SocketAddrV4>>>(), 36);
    }
}
