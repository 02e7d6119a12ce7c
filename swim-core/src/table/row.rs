//! One member, as the table keeps it.

use core::cmp::Ordering;

use crate::address::Address;
use crate::flap::Conduct;
use crate::judge::{Card, Claim, ClaimVerdict, Verdict, judge};
use crate::member::{Incarnation, Member, NodeId, Patience, Status, mix};
use crate::storage::Metadata;
use crate::time::Instant;
use crate::wire::{PacketWriter, Update};

use super::news::Told;

/// A row: what is believed of one member.
#[derive(Debug)]
pub struct Row<A, M> {
    pub id: NodeId,
    /// Its status, at which incarnation, and who accuses it.
    pub claim: Claim,
    /// Since when it has this status here.
    pub since: Instant,
    pub told: Told,
    /// Whether it has ever said anything of itself here; if not, only the news of its end came.
    introduced: bool,
    /// At which incarnation it last said something of itself.
    card_incarnation: Incarnation,
    boot: u16,
    /// How long it asks to be waited for.
    patience: Patience,
    /// What was done to find out whether it lives, while it is suspect.
    pub trial: Trial,
    /// How it has behaved, under a flap policy.
    pub conduct: Conduct,
    /// Where it listens; before it is introduced, where the news came from.
    address: A,
    metadata: M,
    /// Its metadata is longer than this table holds, so its card cannot be passed on.
    metadata_cut: bool,
}

/// What was done to find out whether a suspect lives. Begins anew with every suspicion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// Pings of the verification sent so far (R8).
    pub pings: u8,
    /// This node could not reach it itself.
    pub accused_here: bool,
    /// Its time began anew because this node stood still; once is enough.
    pub renewed: bool,
    /// Its host has refused a packet that this node sent for somebody else.
    pub refused_here: bool,
    /// It has answered since it became suspect, at `Row::since`: nobody else's voice counts.
    pub reprieved: bool,
}

impl<A: Copy + Ord, M: Metadata> Row<A, M> {
    /// The row of a member that is not introduced yet, of whom somebody at `informant` told.
    pub fn new(id: NodeId, informant: A, now: Instant) -> Self {
        Self {
            id,
            claim: Claim::default(),
            since: now,
            told: Told::default(),
            introduced: false,
            card_incarnation: Incarnation::default(),
            boot: 0,
            patience: Patience::NONE,
            trial: Trial::default(),
            conduct: Conduct::default(),
            address: informant,
            metadata: M::default(),
            metadata_cut: false,
        }
    }

    /// What the member says of itself, if it is introduced.
    pub fn card(&self) -> Option<Card<'_, A>> {
        self.introduced.then(|| self.words())
    }

    /// The same for a row that is certainly introduced: the node's own.
    pub fn words(&self) -> Card<'_, A> {
        Card {
            incarnation: self.card_incarnation,
            boot: self.boot,
            patience: self.patience,
            address: self.address,
            metadata: self.metadata.as_slice(),
        }
    }

    /// Where the member listens.
    pub fn address(&self) -> Option<A> {
        self.introduced.then_some(self.address)
    }

    /// Whether it counts among the living: alive or suspect, and reachable.
    pub fn is_live(&self) -> bool {
        self.introduced && self.claim.status.is_live()
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

    /// Its suspicion begins anew: `reprieved` because it was heard from, or else because nobody
    /// could have been heard meanwhile.
    pub fn restart_suspicion(&mut self, reprieved: bool, now: Instant) {
        self.since = now;
        self.trial.pings = 0;
        self.trial.reprieved |= reprieved;
        self.trial.renewed = !reprieved;
    }

    /// How long it asks to be waited for.
    pub fn patience(&self) -> Patience {
        self.patience
    }

    /// Takes over how long to ask the others to wait.
    pub fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// Which life of its process this is; 0 before it is introduced.
    pub fn boot(&self) -> u16 {
        self.boot
    }

    /// The update that passes on what is known: the claim, or claim and card while it is alive.
    pub fn update(&self) -> Option<Update<'_, A>> {
        match self.claim.status {
            Status::Alive => self.introduction(),
            _ => Some(Update::claim(self.id, self.claim)),
        }
    }

    /// The update that passes on the card alone, for somebody who may not know the member.
    pub fn introduction(&self) -> Option<Update<'_, A>> {
        let card = self.card().filter(|_| !self.metadata_cut)?;
        Some(Update::alive(self.id, card))
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
        let claim = Update::<A>::claim(self.id, self.claim);
        card.is_none_or(|card| writer.update(&card))
            && (self.claim.status == Status::Alive || writer.update(&claim))
    }

    /// What an update would change. Metadata this table had to cut is not compared.
    pub fn judge(&self, told: &Update<'_, A>) -> Verdict {
        let known = self.card();
        let told_card = match (told.card, known) {
            (Some(card), Some(known)) if self.metadata_cut => {
                let cut = Card { metadata: known.metadata, ..card };
                let newer = card.incarnation.order(known.incarnation) == Ordering::Greater;
                Some(if newer { card } else { cut })
            }
            (card, _) => card,
        };
        judge((&self.claim, known.as_ref()), (&told.claim, told_card.as_ref()))
    }

    /// Carries out what was judged of the claim.
    pub fn follow(&mut self, verdict: ClaimVerdict, told: &Claim, now: Instant) {
        match verdict {
            ClaimVerdict::Keep => {}
            ClaimVerdict::Unite(voices) => self.claim.voices = voices,
            ClaimVerdict::Replace => {
                // A suspicion of a later incarnation is another suspicion.
                if told.status != self.claim.status || told.status == Status::Suspect {
                    self.since = now;
                    self.trial = Trial::default();
                }
                self.claim = *told;
            }
        }
    }

    /// Takes over a card. Returns false when its metadata does not fit and was left out.
    pub fn set_card(&mut self, card: &Card<'_, A>, metadata_len_max: usize) -> bool {
        let Card { incarnation, boot, patience, address, metadata } = *card;
        // Applications do not hear of patience.
        let same = self.card().is_some_and(|known| {
            known.content_order(&Card { patience: known.patience, ..*card }) == Ordering::Equal
        });
        (self.introduced, self.card_incarnation) = (true, incarnation);
        if !same {
            self.told.note_update();
        }
        (self.boot, self.patience, self.address) = (boot, patience, address);
        self.set_metadata(metadata, metadata_len_max)
    }

    /// Takes over metadata. Returns false when it does not fit and was left out.
    pub fn set_metadata(&mut self, metadata: &[u8], metadata_len_max: usize) -> bool {
        self.metadata_cut = !self.metadata.replace(metadata, metadata_len_max);
        if self.metadata_cut {
            self.metadata = M::default();
        }
        !self.metadata_cut
    }

    /// Takes over an address.
    pub fn set_address(&mut self, address: A) {
        self.address = address;
    }

    /// Says the same again at a later incarnation, alive or leaving.
    pub fn reincarnate(&mut self, incarnation: Incarnation, status: Status, now: Instant) {
        if self.claim.status != status {
            self.since = now;
        }
        self.claim = Claim::new(incarnation, status);
        self.card_incarnation = incarnation;
    }

    /// The row as applications see it.
    pub fn member(&self) -> Member<'_, A> {
        Member {
            id: self.id,
            address: self.address(),
            status: self.claim.status,
            incarnation: self.claim.incarnation,
            boot: self.boot(),
            metadata: self.metadata.as_slice(),
            since: self.since,
            held_out: self.conduct.is_held_out(),
        }
    }
}
