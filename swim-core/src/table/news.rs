//! What the application has yet to hear: the rows that differ from what it was last told.

use crate::member::Status;
use crate::storage::{List, Number, Storage};

use super::places::NONE;

/// One thing to tell about a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Joined,
    Suspected,
    Recovered,
    Dead,
    HeldOut,
    Readmitted,
    Left,
    Restarted,
    Updated,
}

/// What the application was last told about a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Every case file has one.
#[repr(packed)]
pub struct Told {
    status: Option<Status>,
    boot: u16,
    /// [`HELD_OUT`], [`UPDATED`].
    marks: u8,
}

/// It was told that the member is held out.
const HELD_OUT: u8 = 1;
/// Address or metadata have changed since.
const UPDATED: u8 = 2;

impl Told {
    /// All there is to tell about a row with this status and boot that is not held out.
    pub const fn all(status: Status, boot: u16) -> Self {
        Self { status: Some(status), boot, marks: 0 }
    }

    /// Notes that address or metadata changed.
    pub fn note_update(&mut self) {
        self.marks |= UPDATED;
    }

    /// Whether there is something to tell about a row that has now this status and boot, and is
    /// held out or not.
    pub fn differs(self, status: Status, boot: u16, held_out: bool) -> bool {
        let mut copy = self;
        copy.tell(status, boot, held_out).is_some()
    }

    /// The next thing to tell, noted as told. Repeat until there is nothing more.
    pub fn tell(&mut self, status: Status, boot: u16, held_out: bool) -> Option<News> {
        let known_live = self.status.is_some_and(Status::is_live);
        if status.is_live() && (held_out || self.is_held_out()) {
            return self.tell_held_out(known_live, held_out);
        }
        self.marks &= !HELD_OUT;
        match self.status {
            Some(told) if told.is_live() && status.is_live() => {
                self.tell_living(told, status, boot)
            }
            // The application never knew it while it lived.
            None if !status.is_live() => None,
            Some(told) if told == status => None,
            _ => {
                let arrival = status.is_live();
                self.status = Some(if arrival { Status::Alive } else { status });
                self.restart(boot);
                Some(match status {
                    Status::Dead => News::Dead,
                    Status::Left => News::Left,
                    Status::Alive | Status::Suspect => News::Joined,
                })
            }
        }
    }

    /// Of a member that is held out nothing is told but that, and nothing at all if it was dead.
    fn tell_held_out(&mut self, known_live: bool, held_out: bool) -> Option<News> {
        let changed = known_live && self.is_held_out() != held_out;
        self.marks &= !HELD_OUT;
        if held_out && known_live {
            self.marks |= HELD_OUT;
        }
        match (changed, held_out) {
            (true, true) => Some(News::HeldOut),
            (true, false) => Some(News::Readmitted),
            (false, _) => None,
        }
    }

    fn tell_living(&mut self, told: Status, status: Status, boot: u16) -> Option<News> {
        if boot != self.boot {
            self.restart(boot);
            return Some(News::Restarted);
        }
        if self.marks & UPDATED != 0 {
            self.marks &= !UPDATED;
            return Some(News::Updated);
        }
        self.status = Some(status);
        match (told, status) {
            (Status::Alive, Status::Suspect) => Some(News::Suspected),
            (Status::Suspect, Status::Alive) => Some(News::Recovered),
            _ => None,
        }
    }

    /// This boot is told, and with it all that was news of another.
    fn restart(&mut self, boot: u16) {
        self.boot = boot;
        self.marks &= !UPDATED;
    }

    const fn is_held_out(self) -> bool {
        self.marks & HELD_OUT != 0
    }
}

/// Cases waiting to be told about, first come first served; none waits twice.
pub struct NewsQueue<S: Storage> {
    after: S::List<S::Number>,
    first: u32,
    last: u32,
}

/// A case that does not wait.
const UNQUEUED: u32 = NONE - 1;

impl<S: Storage> NewsQueue<S> {
    pub fn new(storage: &S) -> Self {
        Self { after: storage.list(), first: NONE, last: NONE }
    }

    /// Makes room for one more case.
    pub fn grow(&mut self) -> bool {
        self.after.push(S::Number::new(UNQUEUED)).is_ok()
    }

    /// There are no cases any more.
    pub fn reset(&mut self) {
        self.after.reset();
    }

    /// The case that has waited longest.
    pub fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// Whether `case` waits.
    pub fn contains(&self, case: u32) -> bool {
        self.after.as_slice().get(case as usize).is_some_and(|after| after.get() != UNQUEUED)
    }

    /// Lets `case` wait, unless it does already.
    pub fn push(&mut self, case: u32) {
        if self.contains(case) {
            return;
        }
        match self.last {
            NONE => self.first = case,
            last => self.set(last, case),
        }
        self.set(case, NONE);
        self.last = case;
    }

    /// Takes off the case that has waited longest.
    pub fn pop(&mut self) {
        let Some(case) = self.first() else { return };
        self.first = self.after.as_slice().get(case as usize).map_or(NONE, |after| after.get());
        if self.first == NONE {
            self.last = NONE;
        }
        self.set(case, UNQUEUED);
    }

    fn set(&mut self, case: u32, after: u32) {
        if let Some(slot) = self.after.as_mut_slice().get_mut(case as usize) {
            *slot = S::Number::new(after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Fixed;

    fn all(told: &mut Told, status: Status, boot: u16) -> Vec<News> {
        core::iter::from_fn(|| told.tell(status, boot, false)).collect()
    }

    #[test]
    fn steps_nobody_polled_in_between_coalesce() {
        let mut told = Told::default();
        assert_eq!(all(&mut told, Status::Suspect, 1), [News::Joined, News::Suspected]);
        assert_eq!(all(&mut told, Status::Suspect, 1), []);
        assert_eq!(all(&mut told, Status::Alive, 1), [News::Recovered]);
        assert_eq!(all(&mut told, Status::Dead, 1), [News::Dead]);
        assert_eq!(all(&mut told, Status::Left, 1), [News::Left]);
        assert_eq!(all(&mut told, Status::Alive, 2), [News::Joined]);
    }

    #[test]
    fn a_restart_nobody_missed_is_told_and_an_update_too() {
        let mut told = Told::default();
        all(&mut told, Status::Alive, 1);
        assert_eq!(all(&mut told, Status::Alive, 2), [News::Restarted]);
        told.note_update();
        assert!(told.differs(Status::Alive, 2, false));
        assert_eq!(all(&mut told, Status::Alive, 2), [News::Updated]);
        assert!(!told.differs(Status::Alive, 2, false));
    }

    #[test]
    fn the_death_of_somebody_never_met_is_no_news() {
        assert_eq!(all(&mut Told::default(), Status::Dead, 0), []);
    }

    #[test]
    fn cases_wait_in_order_and_only_once() {
        let mut queue = NewsQueue::new(&Fixed::<8, 0>::new());
        (0..8).for_each(|_| assert!(queue.grow()));
        [3, 1, 3, 5].into_iter().for_each(|case| queue.push(case));
        let mut seen = Vec::new();
        while let Some(case) = queue.first() {
            seen.push(case);
            queue.pop();
        }
        assert_eq!(seen, [3, 1, 5]);
        queue.push(3);
        assert_eq!(queue.first(), Some(3));
    }

    #[test]
    fn of_a_member_that_is_held_out_nothing_else_is_told() {
        let mut told = Told::default();
        assert_eq!(told.tell(Status::Alive, 1, false), Some(News::Joined));
        assert_eq!(told.tell(Status::Suspect, 1, true), Some(News::HeldOut));
        assert_eq!(told.tell(Status::Alive, 1, true), None);
        assert_eq!(told.tell(Status::Alive, 1, false), Some(News::Readmitted));
        assert_eq!(told.tell(Status::Alive, 1, false), None);

        assert_eq!(told.tell(Status::Suspect, 1, true), Some(News::HeldOut));
        assert_eq!(told.tell(Status::Dead, 1, true), Some(News::Dead));
        assert_eq!(told.tell(Status::Alive, 1, true), None, "back, and held out");
        assert_eq!(told.tell(Status::Dead, 1, true), None);
        assert_eq!(told.tell(Status::Alive, 1, false), Some(News::Joined));
    }
}
