//! Whom to choose: by chance, or by the place in the order of mixed ids.

use crate::address::Address;
use crate::member::{NodeId, Status, Voice};
use crate::rng::Rng;
use crate::storage::{Index, Number, Storage};

use super::{ME, Row, Table, entry_in};

/// Draws of [`Table::pick`] for each row wanted before it makes do with fewer.
const DRAWS_PER_PICK_MAX: usize = 8;

/// Up to this many rows `pick` looks at all of them, so that it finds whoever there is.
const PICK_EXACT_MAX: usize = 32;

/// Rows looked at within one cell of the order before it counts as crowded.
const CELL_WALK_MAX: usize = 256;

impl<A: Address, S: Storage> Table<A, S> {
    /// Up to `N` different rows chosen at random among those who are not asleep and that `fits`
    /// accepts; tombstones have their chance too if `tombstones`, but never in the way of the
    /// living. In a small table
    /// everybody who fits is found, in a large one those whom a bounded search finds.
    pub fn pick<const N: usize>(
        &self,
        wanted: usize,
        tombstones: bool,
        rng: &mut Rng,
        fits: impl Fn(&Row<'_, A>) -> bool,
    ) -> heapless::Vec<u32, N> {
        let mut picked = heapless::Vec::new();
        self.pick_into(&mut picked, wanted.min(N), tombstones, rng, &fits);
        picked
    }

    /// The same for every `N` and every `fits`: there is one of it.
    fn pick_into(
        &self,
        picked: &mut heapless::VecView<u32>,
        wanted: usize,
        tombstones: bool,
        rng: &mut Rng,
        fits: &dyn Fn(&Row<'_, A>) -> bool,
    ) {
        let live = self.roster.live();
        let rows = if tombstones { self.roster.all() } else { live };
        let mut consider = |row: Option<&S::Number>| -> bool {
            let Some(row) = row.map(|row| row.get()) else { return false };
            let fits = self.row(row).is_some_and(|found| {
                found.address().is_some() && !found.is_asleep() && fits(&found)
            });
            // There is room: as many are wanted as fit, or fewer.
            fits && picked.len() < wanted && !picked.contains(&row) && picked.push(row).is_ok()
        };
        let mut missing = wanted;
        if rows.len() > PICK_EXACT_MAX {
            for _ in 0..wanted.saturating_mul(DRAWS_PER_PICK_MAX) {
                let drawn = consider(rows.get(rng.below(rows.len())))
                    || (missing > 0 && consider(live.get(rng.below(live.len()))));
                missing = missing.saturating_sub(usize::from(drawn));
            }
        }
        if missing > 0 {
            // From a random place on, by a random stride: all of a small table.
            let (start, stride) = (rng.below(rows.len()), coprime_stride(rows.len(), rng));
            for step in 0..rows.len().min(PICK_EXACT_MAX) {
                let place = start.wrapping_add(step.wrapping_mul(stride));
                consider(rows.get(place.checked_rem(rows.len()).unwrap_or(0)));
            }
        }
    }

    /// A living member at random about whom there is nothing to do, and that `fits`; if a few draws
    /// find one.
    pub fn pick_calm(&self, rng: &mut Rng, fits: impl Fn(NodeId) -> bool) -> Option<(u32, NodeId)> {
        let live = self.roster.live();
        (0..DRAWS_PER_PICK_MAX).find_map(|_| {
            let row = live.get(rng.below(live.len()))?.get();
            let found = self.entry(row).filter(|found| fits(found.id))?;
            if !self.is_calm(row) {
                return None;
            }
            Some((row, found.id))
        })
    }

    /// Whether a member is alive, and neither news to anybody nor held out. That it sleeps is no
    /// reason to wait: nobody may be awake to hear so.
    fn is_calm(&self, row: u32) -> bool {
        let Some(member) = self.row(row) else { return false };
        let alive = member.status() == Status::Alive && !member.is_held_out();
        let queued =
            |case| self.news.contains(case) || (self.gossip.contains(case) && !member.is_asleep());
        alive && !self.cases.find(row).is_some_and(queued)
    }

    /// A tombstone that `fits`, if a few random draws find one.
    pub fn pick_tombstone(&self, rng: &mut Rng, fits: impl Fn(&Row<'_, A>) -> bool) -> Option<u32> {
        let tombstones = self.roster.tombstones();
        (0..DRAWS_PER_PICK_MAX).find_map(|_| {
            let row = tombstones.get(rng.below(tombstones.len()))?.get();
            self.row(row).is_some_and(|found| fits(&found)).then_some(row)
        })
    }

    /// The live row that stands `steps` places after the node itself in the order of mixed ids, the
    /// first following the last.
    pub fn nth_after_me(&self, steps: usize) -> Option<u32> {
        let my_key = self.me.id.mixed();
        let (first_key, before) = self.ranks.before(my_key);
        let beside = self.live_from(first_key).take_while(|&row| row != ME).count();
        let my_rank = before.count.saturating_add(beside);
        let rank = my_rank.saturating_add(steps).checked_rem(self.live_count())?;
        let (first_key, skipped) = self.ranks.find(rank);
        self.live_from(first_key).nth(skipped).filter(|&row| row != ME)
    }

    /// The row of an accuser.
    pub fn member_by_voice(&self, voice: Voice) -> Option<Row<'_, A>> {
        let first = self.from(u64::from(voice.0) << 32).next()?;
        (Voice::from(first.id()) == voice).then_some(first)
    }

    /// Keeps roster and ranks in step with a row whose hash was `before`.
    pub(super) fn set_live(&mut self, row: u32, id: NodeId, live: bool, before: u64, after: u64) {
        let key = id.mixed();
        match (self.roster.set_live(row, live), live) {
            (true, true) => self.ranks.add(key, after),
            (true, false) => self.ranks.remove(key, before),
            (false, true) if before != after => self.ranks.replace(key, before, after),
            (false, _) => {}
        }
    }

    /// Live rows whose mixed ids are at least `key`, ascending, at most [`CELL_WALK_MAX`] rows far:
    /// ids chosen to crowd one place find their targets at random.
    fn live_from(&self, key: u64) -> impl Iterator<Item = u32> {
        let live = |&row: &u32| row == ME || self.roster.is_live(row);
        self.index.from(key, |row| self.key(row)).take(CELL_WALK_MAX).filter(live)
    }

    /// After a row was added to the index: more cells if they have become crowded.
    pub(super) fn spread_ranks(&mut self) {
        if !self.ranks.grow(self.roster.all().len().saturating_add(1)) {
            return;
        }
        if self.me.is_live() {
            self.ranks.add(self.me.id.mixed(), self.me.hash());
        }
        for row in self.roster.live() {
            let Some(found) = entry_in(&self.me, &self.others, row.get()) else { continue };
            self.ranks.add(found.id.mixed(), found.hash());
        }
    }
}

/// A step that visits all of `len` places before it repeats one.
fn coprime_stride(len: usize, rng: &mut Rng) -> usize {
    const STRIDES: [usize; 5] = [1, 37, 41, 43, 47];
    // Primes above `PICK_EXACT_MAX` divide no shorter length.
    STRIDES.get(rng.below(STRIDES.len())).copied().filter(|_| len > 1).unwrap_or(1)
}
