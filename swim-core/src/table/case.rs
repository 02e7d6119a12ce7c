//! Case files: what only some rows need, kept beside the table.

use crate::flap::Conduct;
use crate::judge::Voices;
use crate::storage::{List, Number, Storage};

use super::news::Told;
use super::places::NONE;

/// What is kept of a member about whom there is something to do: it is suspect or gone, it is news
/// to somebody, or it flaps. Everybody else is alive, and all who ought to know do.
#[derive(Debug)]
pub struct Case {
    pub conduct: Conduct,
    /// Who accuses it.
    pub voices: Voices,
    pub told: Told,
    pub trial: Trial,
    /// It has said that it will be silent until its deadline.
    pub asleep: bool,
    /// It is in use.
    open: bool,
}

/// What was done to find out whether a suspect lives. Begins anew with every suspicion.
///
/// A byte: four bits count the pings, the others are flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trial(u8);

const PINGS: u8 = 0b1111;
const ACCUSED_HERE: u8 = 1 << 4;
const RENEWED: u8 = 1 << 5;
const REFUSED_HERE: u8 = 1 << 6;
const REPRIEVED: u8 = 1 << 7;

impl Trial {
    /// Pings of the verification sent so far (R8).
    pub const fn pings(self) -> u8 {
        self.0 & PINGS
    }

    /// This node could not reach it itself.
    pub const fn accused_here(self) -> bool {
        self.0 & ACCUSED_HERE != 0
    }

    /// Its time began anew because this node stood still; once is enough.
    pub const fn renewed(self) -> bool {
        self.0 & RENEWED != 0
    }

    /// Its host has refused a packet that this node sent for somebody else.
    pub const fn refused_here(self) -> bool {
        self.0 & REFUSED_HERE != 0
    }

    /// It has answered since it became suspect, at `Row::since`: nobody else's voice counts.
    pub const fn reprieved(self) -> bool {
        self.0 & REPRIEVED != 0
    }

    /// Another ping was sent.
    pub const fn note_ping(&mut self) {
        if self.pings() < PINGS {
            self.0 = self.0.saturating_add(1);
        }
    }

    /// This node could not reach it.
    pub const fn note_accusation(&mut self) {
        self.0 |= ACCUSED_HERE;
    }

    /// Its host refused a packet.
    pub const fn note_refusal(&mut self) {
        self.0 |= REFUSED_HERE;
    }

    /// Its time begins anew: `reprieved` because it was heard from, or else because nobody could
    /// have been heard meanwhile.
    pub const fn restart(&mut self, reprieved: bool) {
        self.0 &= !(PINGS | RENEWED);
        self.0 |= if reprieved { REPRIEVED } else { RENEWED };
    }
}

impl Case {
    fn new(told: Told) -> Self {
        let (conduct, voices, trial) = (Conduct::default(), Voices::NONE, Trial::default());
        Self { conduct, voices, told, trial, asleep: false, open: false }
    }

    /// Whether it says no more than that the application was `told` so.
    pub fn is_empty(&self, told: Told) -> bool {
        self.told == told
            && self.voices == Voices::NONE
            && self.trial == Trial::default()
            && !self.asleep
            && self.conduct.is_clean()
    }
}

/// The case files, numbered. Where they are pooled, the numbers of those closed are used again;
/// otherwise a case has the number of its row.
pub struct Cases<S: Storage> {
    cases: S::List<Case>,
    /// Of a pool, the case of each row.
    of_rows: S::Links<S::Number>,
    /// Of a pool, the row of each case; of a vacant one, the next vacant one.
    rows: S::Links<S::Number>,
    /// The first vacant one.
    vacant: u32,
    open: usize,
}

/// So many closed files are kept to be used again. After a storm, when all are closed, there may be
/// as many as members, and their memory goes back.
const CLOSED_MAX: usize = 256;

impl<S: Storage> Cases<S> {
    pub fn new(storage: &S) -> Self {
        let (of_rows, rows) = (storage.links(), storage.links());
        Self { cases: storage.list(), of_rows, rows, vacant: NONE, open: 0 }
    }

    /// Makes room for one more row number.
    pub fn grow(&mut self) -> bool {
        !S::CASES_POOLED || self.of_rows.push(S::Number::new(NONE)).is_ok()
    }

    /// How many there have ever been at once.
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    pub fn get(&self, case: u32) -> Option<&Case> {
        self.cases.as_slice().get(case as usize)
    }

    pub fn get_mut(&mut self, case: u32) -> Option<&mut Case> {
        self.cases.as_mut_slice().get_mut(case as usize)
    }

    /// The case of a row, if it has one.
    pub fn find(&self, row: u32) -> Option<u32> {
        if S::CASES_POOLED {
            self.of_rows.as_slice().get(row as usize).map(|case| case.get()).filter(|&c| c != NONE)
        } else {
            self.get(row).filter(|case| case.open).map(|_| row)
        }
    }

    /// The row a case belongs to.
    pub fn row(&self, case: u32) -> Option<u32> {
        if S::CASES_POOLED {
            self.rows.as_slice().get(case as usize).map(|row| row.get())
        } else {
            Some(case)
        }
    }

    /// Opens a case for a row of which the application was `told`. There is room for one each.
    pub fn open(&mut self, row: u32, told: Told) -> Option<u32> {
        let number = if S::CASES_POOLED { self.draw(row)? } else { row };
        while self.cases.len() <= number as usize {
            self.cases.push(Case::new(Told::default())).ok()?;
        }
        *self.get_mut(number)? = Case { open: true, ..Case::new(told) };
        self.open = self.open.saturating_add(1);
        Some(number)
    }

    /// Closes a case.
    pub fn close(&mut self, number: u32) {
        let Some(case) = self.get_mut(number) else { return };
        *case = Case::new(Told::default());
        self.open = self.open.saturating_sub(1);
        if S::CASES_POOLED {
            self.give_back(number);
        }
    }

    /// Whether all are closed, and too many to be kept.
    pub fn are_spent(&self) -> bool {
        self.open == 0 && self.cases.len() > CLOSED_MAX
    }

    /// There are none any more.
    pub fn reset(&mut self) {
        self.cases.reset();
        self.rows.reset();
        self.vacant = NONE;
    }

    /// A number out of the pool, for a row.
    fn draw(&mut self, row: u32) -> Option<u32> {
        let number = match self.row(self.vacant) {
            Some(next) => core::mem::replace(&mut self.vacant, next),
            None => {
                self.rows.push(S::Number::new(row)).ok()?;
                u32::try_from(self.rows.len()).ok()?.checked_sub(1)?
            }
        };
        self.link(number, row);
        *self.of_rows.as_mut_slice().get_mut(row as usize)? = S::Number::new(number);
        Some(number)
    }

    fn give_back(&mut self, number: u32) {
        let row = self.row(number).unwrap_or(NONE);
        if let Some(case) = self.of_rows.as_mut_slice().get_mut(row as usize) {
            *case = S::Number::new(NONE);
        }
        self.link(number, self.vacant);
        self.vacant = number;
    }

    /// Notes whose a case is, or which vacant one comes after it.
    fn link(&mut self, case: u32, row: u32) {
        if let Some(there) = self.rows.as_mut_slice().get_mut(case as usize) {
            *there = S::Number::new(row);
        }
    }
}
