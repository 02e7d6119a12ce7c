//! The members: one row each, and the views of the rows.
//!
//! Nothing is kept twice. What is to be gossiped, told, probed or timed out are lists of row
//! numbers; the facts stand in the rows and are read when they are needed, so news always goes
//! out in its latest version. No operation walks the table.

mod choice;
mod news;
mod places;
mod queue;
mod ranges;
mod ranks;
mod roster;
mod row;
mod timers;

pub use news::News;
pub use row::Row;

use crate::address::Address;
use crate::judge::{Card, ClaimVerdict};
use crate::member::{Incarnation, NodeId, Patience, Status};
use crate::rng::Rng;
use crate::storage::{Index, List, Metadata, Storage};
use crate::time::Instant;
use crate::wire::Update;

use news::NewsQueue;
use queue::GossipQueue;
use ranks::Ranks;
use roster::Roster;
use timers::Timers;

/// The number of the row that describes the node itself.
pub const ME: u32 = 0;

/// Tombstones looked at for one to evict; those the application has not heard of are kept.
const EVICTION_TRIES_MAX: usize = 8;

/// A row of storage `S`.
type RowOf<A, S> = Row<A, <S as Storage>::Metadata>;

/// All members this node knows.
pub struct Table<A, S: Storage> {
    storage: S,
    me: RowOf<A, S>,
    /// Row `n` stands at `n - 1`; `None` where a member was forgotten.
    others: S::List<Option<RowOf<A, S>>>,
    vacant: S::List<u32>,
    index: S::Index,
    roster: Roster<S>,
    ranks: Ranks<S>,
    gossip: GossipQueue<S>,
    timers: Timers<S>,
    news: NewsQueue<S>,
}

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was known already, or something newer.
    Known,
    /// A suspicion of somebody who is not in the table.
    Stranger,
    /// A new member for whom there is no room.
    NoRoom,
    /// It changed a row.
    Changed(Change),
}

/// How an update changed a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which row.
    pub row: u32,
    /// Its status before; `None` for a new row.
    pub before: Option<Status>,
    /// Its status now.
    pub after: Status,
    /// What happened to the claim.
    pub claim: ClaimVerdict,
    /// How many voices it had before.
    pub voices_before: usize,
    /// Its metadata is too long for this table and was left out.
    pub metadata_cut: bool,
    /// A tombstone had to go to make room.
    pub evicted: bool,
}

impl<A: Address, S: Storage> Table<A, S> {
    /// A table that holds the node itself. `None` when the storage has room for nobody or its
    /// metadata does not fit.
    pub fn new(storage: S, id: NodeId, card: &Card<'_, A>, now: Instant) -> Option<Self> {
        let mut table = Self {
            me: Row::new(id, card.address, now),
            others: storage.list(),
            vacant: storage.list(),
            index: storage.index(),
            roster: Roster::new(&storage),
            ranks: Ranks::new(&storage),
            gossip: GossipQueue::new(&storage),
            timers: Timers::new(&storage),
            news: NewsQueue::new(&storage),
            storage,
        };
        let fits = table.grow_views()
            && table.me.set_card(card, table.storage.metadata_len_max())
            && table.index.insert(id.mixed(), ME, |_| id.mixed());
        table.me.claim.incarnation = card.incarnation;
        table.ranks.add(id.mixed(), table.me.hash());
        fits.then_some(table)
    }

    /// The node's own row.
    pub fn me(&self) -> &RowOf<A, S> {
        &self.me
    }

    /// Says of the node itself that it is alive, or has left, at `incarnation`.
    pub fn reincarnate(&mut self, incarnation: Incarnation, status: Status, now: Instant) {
        self.change_me(|me| me.reincarnate(incarnation, status, now));
        self.gossip.push(ME);
    }

    /// Changes the node's own metadata; follow with [`reincarnate`](Self::reincarnate).
    pub fn set_my_metadata(&mut self, metadata: &[u8]) {
        self.me.set_metadata(metadata, self.storage.metadata_len_max());
    }

    /// Changes how long the node asks the others to wait for it; follow with
    /// [`reincarnate`](Self::reincarnate).
    pub fn set_my_patience(&mut self, patience: Patience) {
        self.me.set_patience(patience);
    }

    /// Changes the node's own address; follow with [`reincarnate`](Self::reincarnate).
    pub fn set_my_address(&mut self, address: A) {
        self.me.set_address(address);
    }

    /// The row with this number.
    pub fn row(&self, row: u32) -> Option<&RowOf<A, S>> {
        row_in(&self.me, &self.others, row)
    }

    /// The number of the row of `id`.
    pub fn find(&self, id: NodeId) -> Option<u32> {
        self.index.find(id.mixed(), |row| self.key(row))
    }

    /// The row of `id`.
    pub fn member(&self, id: NodeId) -> Option<&RowOf<A, S>> {
        self.row(self.find(id)?)
    }

    /// All rows: the node itself, then the living, then the tombstones.
    pub fn iter(&self) -> impl Iterator<Item = &RowOf<A, S>> {
        core::iter::once(&ME).chain(self.roster.all()).filter_map(|&row| self.row(row))
    }

    /// The rows whose mixed ids are at least `key`, ascending.
    pub fn from(&self, key: u64) -> impl Iterator<Item = &RowOf<A, S>> {
        self.index.from(key, |row| self.key(row)).filter_map(|row| self.row(row))
    }

    /// How many members are alive or suspect, the node itself included, whatever it says of itself.
    pub fn live_count(&self) -> usize {
        self.roster.live().len().saturating_add(1)
    }

    /// Whether a new member would find a place without pushing anybody out.
    pub fn has_room(&self) -> bool {
        !self.vacant.is_empty() || self.others.len().saturating_add(1) < self.storage.members_max()
    }

    /// The longest metadata a row can hold, in bytes.
    pub fn metadata_len_max(&self) -> usize {
        self.storage.metadata_len_max()
    }

    /// Judges an update about another member, whose row is `found`, told by somebody at
    /// `informant`, and does what follows: row, views, news.
    pub fn apply(
        &mut self,
        found: Option<u32>,
        update: &Update<'_, A>,
        informant: A,
        now: Instant,
    ) -> Applied {
        let suspicion = update.claim.status == Status::Suspect;
        match found {
            Some(row) if suspicion && self.is_faceless(row) => Applied::Stranger,
            Some(row) => self.apply_to(row, update, now),
            None if suspicion => Applied::Stranger,
            None => self.apply_new(update, informant, now),
        }
    }

    /// Whether anybody is remembered who is not live.
    pub fn has_tombstones(&self) -> bool {
        !self.roster.tombstones().is_empty()
    }

    /// The next member to probe: each once per round, in an order drawn anew each round.
    pub fn next_probe(&mut self, rng: &mut Rng) -> Option<u32> {
        self.roster.next_probe(rng)
    }

    /// Changes what is noted about a row besides what was said of it.
    pub fn note<R>(&mut self, row: u32, change: impl FnOnce(&mut RowOf<A, S>) -> R) -> Option<R> {
        let found = self.slot(row).and_then(Option::as_mut)?;
        let before = found.hash();
        let answer = change(found);
        self.refresh(row, before);
        Some(answer)
    }

    /// Sets the deadline of a row.
    pub fn set_deadline(&mut self, row: u32, at: Instant) {
        self.timers.set(row, at);
    }

    /// Removes the deadline of a row.
    pub fn clear_deadline(&mut self, row: u32) {
        self.timers.clear(row);
    }

    /// The earliest deadline of any row.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Takes off a row whose deadline has come.
    pub fn pop_due(&mut self, now: Instant) -> Option<u32> {
        self.timers.pop_due(now)
    }

    /// Forgets a row. Returns false, and keeps it, while the application has not heard of its end.
    pub fn forget(&mut self, row: u32) -> bool {
        let Some(id) = self.row(row).map(|found| found.id) else { return true };
        if row == ME || self.news.contains(row) || self.vacant.push(row).is_err() {
            return false;
        }
        // While the row can still tell its key.
        let others = &self.others;
        self.index.remove(id.mixed(), |row| key_in(&self.me, others, row));
        let hash = self.row(row).map_or(0, RowOf::<A, S>::hash);
        self.set_live(row, id, false, hash, hash);
        self.roster.remove(row);
        self.gossip.remove(row);
        self.timers.clear(row);
        if let Some(slot) = self.slot(row) {
            *slot = None;
        }
        true
    }

    /// Queues a row for gossip as the latest news.
    pub fn queue_gossip(&mut self, row: u32) {
        self.gossip.push(row);
    }

    /// Gives up all news.
    pub fn drop_gossip(&mut self) {
        while let Some(row) = self.gossip.first() {
            self.gossip.remove(row);
        }
    }

    /// How many rows wait to be gossiped.
    pub fn gossip_len(&self) -> usize {
        self.gossip.len()
    }

    /// Whether a row waits to be gossiped.
    pub fn is_gossiped(&self, row: u32) -> bool {
        self.gossip.contains(row)
    }

    /// Offers the rows to gossip to `write`, which says whether the update found room. Stops after
    /// `misfits_max` that did not. Each row goes out at most `transmits_max` times altogether.
    pub fn piggyback(
        &mut self,
        transmits_max: u8,
        misfits_max: usize,
        mut write: impl FnMut(&RowOf<A, S>) -> bool,
    ) {
        let mut misfits = 0usize;
        let mut cursor = self.gossip.first();
        while let Some(row) = cursor {
            cursor = self.gossip.after(row);
            if self.row(row).is_none_or(&mut write) {
                self.gossip.mark_sent(row);
            } else {
                misfits = misfits.saturating_add(1);
                if misfits >= misfits_max {
                    break;
                }
            }
        }
        self.gossip.settle(transmits_max);
    }

    /// The next thing to tell the application.
    pub fn poll_news(&mut self) -> Option<(NodeId, News)> {
        while let Some(number) = self.news.first() {
            let told = self.slot(number).and_then(Option::as_mut).and_then(|row| {
                let (boot, held_out) = (row.boot(), row.conduct.is_held_out());
                let news = row.told.tell(row.claim.status, boot, held_out)?;
                Some((row.id, news))
            });
            match told {
                Some(news) => return Some(news),
                None => self.news.pop(),
            }
        }
        None
    }

    /// Whether the application has something to hear.
    pub fn has_news(&self) -> bool {
        self.news.first().is_some()
    }

    fn apply_to(&mut self, number: u32, update: &Update<'_, A>, now: Instant) -> Applied {
        let metadata_len_max = self.storage.metadata_len_max();
        let Some(row) = self.slot(number).and_then(Option::as_mut) else { return Applied::Known };
        let (before, voices_before) = (row.claim.status, row.claim.voices.count());
        let hash_before = row.hash();
        let verdict = row.judge(update);
        if verdict.claim == ClaimVerdict::Keep && !verdict.card_replaced {
            return Applied::Known;
        }
        row.follow(verdict.claim, &update.claim, now);
        let card = update.card.as_ref().filter(|_| verdict.card_replaced);
        let metadata_cut = card.is_some_and(|card| !row.set_card(card, metadata_len_max));
        let after = row.claim.status;
        let change = Change {
            row: number,
            before: Some(before),
            after,
            claim: verdict.claim,
            voices_before,
            metadata_cut,
            evicted: false,
        };
        self.refresh(number, hash_before);
        Applied::Changed(change)
    }

    /// Whether nothing but the end of this member is known.
    fn is_faceless(&self, row: u32) -> bool {
        self.row(row).is_none_or(|row| row.address().is_none())
    }

    /// Adds a row, of a living member or of one known only by the news of its end.
    fn apply_new(&mut self, update: &Update<'_, A>, informant: A, now: Instant) -> Applied {
        let live = update.claim.status.is_live();
        let fresh = Row::new(update.id, informant, now);
        let Some((row, evicted)) = self.insert(fresh, live) else {
            return Applied::NoRoom;
        };
        // A fresh row stands at incarnation 0, Alive: anything may be said of it.
        if let Some(fresh) = self.slot(row).and_then(Option::as_mut) {
            fresh.claim = update.claim;
        }
        let metadata_len_max = self.storage.metadata_len_max();
        let metadata_cut = match (&update.card, self.slot(row).and_then(Option::as_mut)) {
            (Some(card), Some(fresh)) => !fresh.set_card(card, metadata_len_max),
            _ => false,
        };
        // It was not counted yet, so it does not matter what it hashed to.
        self.refresh(row, 0);
        let (after, claim) = (update.claim.status, ClaimVerdict::Replace);
        let (before, voices_before) = (None, 0);
        let change = Change { row, before, after, claim, voices_before, metadata_cut, evicted };
        Applied::Changed(change)
    }

    /// Finds a place for a new row; the living may push a tombstone out, which is told beside.
    fn insert(&mut self, fresh: RowOf<A, S>, live: bool) -> Option<(u32, bool)> {
        let (row, evicted) = match self.vacancy() {
            Some(row) => (row, false),
            None if live && self.evict() => (self.vacancy()?, true),
            None => return None,
        };
        let id = fresh.id;
        *self.slot(row)? = Some(fresh);
        let others = &self.others;
        let fits = self.index.insert(id.mixed(), row, |row| key_in(&self.me, others, row))
            && self.roster.insert(row);
        if !fits {
            *self.slot(row)? = None;
            // The number came from `vacant` or from a list that is as long: there is room.
            let _ = self.vacant.push(row);
            return None;
        }
        self.spread_ranks();
        Some((row, evicted))
    }

    /// A row number that is not in use.
    fn vacancy(&mut self) -> Option<u32> {
        if let Some(row) = self.vacant.pop() {
            return Some(row);
        }
        let row = u32::try_from(self.others.len().saturating_add(1)).ok()?;
        if (row as usize) < self.storage.members_max() && self.others.push(None).is_ok() {
            return self.grow_views().then_some(row);
        }
        None
    }

    fn grow_views(&mut self) -> bool {
        self.roster.grow() && self.gossip.grow() && self.timers.grow() && self.news.grow()
    }

    /// Forgets one tombstone to make room.
    fn evict(&mut self) -> bool {
        let tombstones = self.roster.tombstones().len().min(EVICTION_TRIES_MAX);
        (0..tombstones).any(|nth| {
            let row = self.roster.tombstones().get(nth).copied();
            row.is_some_and(|row| self.forget(row))
        })
    }

    /// Changes the node's own row, which is in no view but the order of the living.
    fn change_me(&mut self, change: impl FnOnce(&mut RowOf<A, S>)) {
        let (key, was_live, before) = (self.me.id.mixed(), self.me.is_live(), self.me.hash());
        change(&mut self.me);
        let (is_live, after) = (self.me.is_live(), self.me.hash());
        match (was_live, is_live) {
            (true, true) => self.ranks.replace(key, before, after),
            (true, false) => self.ranks.remove(key, before),
            (false, true) => self.ranks.add(key, after),
            (false, false) => {}
        }
    }

    /// Brings the views in line with a row that changed and hashed to `hash_before`.
    fn refresh(&mut self, number: u32, hash_before: u64) {
        let Some(row) = self.row(number) else { return };
        let (live, hash) = (row.is_live(), row.hash());
        let held_out = row.conduct.is_held_out();
        let news = row.told.differs(row.claim.status, row.boot(), held_out);
        let id = row.id;
        self.set_live(number, id, live, hash_before, hash);
        if news {
            self.news.push(number);
        }
    }

    fn slot(&mut self, row: u32) -> Option<&mut Option<RowOf<A, S>>> {
        self.others.as_mut_slice().get_mut(row.checked_sub(1)? as usize)
    }

    fn key(&self, row: u32) -> u64 {
        key_in(&self.me, &self.others, row)
    }
}

/// The mixed id of a row: a function of the rows alone, so that the index can be changed meanwhile.
fn key_in<A: Copy + Ord, M: Metadata>(
    me: &Row<A, M>,
    others: &impl List<Option<Row<A, M>>>,
    row: u32,
) -> u64 {
    row_in(me, others, row).unwrap_or(me).id.mixed()
}

/// A row, as a function of the rows alone.
fn row_in<'t, A, M>(
    me: &'t Row<A, M>,
    others: &'t impl List<Option<Row<A, M>>>,
    row: u32,
) -> Option<&'t Row<A, M>> {
    match row.checked_sub(1) {
        None => Some(me),
        Some(place) => others.as_slice().get(place as usize)?.as_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Claim;
    use crate::storage::Fixed;

    type Small = Table<u16, Fixed<6, 4>>;

    fn card(address: u16, incarnation: u32) -> Card<'static, u16> {
        Card {
            incarnation: Incarnation::new(incarnation),
            boot: 1,
            patience: Patience::NONE,
            address,
            metadata: b"",
        }
    }

    fn table() -> Small {
        Table::new(Fixed::new(), NodeId::new(0), &card(0, 0), Instant::ZERO).unwrap()
    }

    fn alive(table: &mut Small, id: u64) -> Applied {
        let update = Update::alive(NodeId::new(id), card(id as u16, 0));
        table.apply(table.find(update.id), &update, 0, Instant::ZERO)
    }

    fn end(table: &mut Small, id: u64, status: Status) -> Applied {
        let update = Update::claim(NodeId::new(id), Claim::new(Incarnation::new(0), status));
        table.apply(table.find(update.id), &update, 0, Instant::ZERO)
    }

    fn drain(table: &mut Small) -> Vec<(u64, News)> {
        core::iter::from_fn(|| table.poll_news().map(|(id, news)| (id.number(), news))).collect()
    }

    #[test]
    fn a_full_table_gives_up_tombstones_but_not_the_living() {
        let mut table = table();
        assert!((1..=5).all(|id| matches!(alive(&mut table, id), Applied::Changed(_))));
        assert_eq!(alive(&mut table, 6), Applied::NoRoom);
        end(&mut table, 3, Status::Dead);
        assert_eq!(alive(&mut table, 6), Applied::NoRoom, "nobody has heard of the death yet");
        drain(&mut table);
        assert!(matches!(alive(&mut table, 6), Applied::Changed(Change { evicted: true, .. })));
        assert!(table.find(NodeId::new(3)).is_none());
        assert_eq!(table.live_count(), 6);
        let ids: Vec<u64> = table.from(0).map(|row| row.id.number()).collect();
        assert_eq!(ids.len(), 6);
    }

    #[test]
    fn news_of_an_end_is_kept_even_of_a_stranger_but_a_suspicion_is_not() {
        let mut table = table();
        assert_eq!(end(&mut table, 7, Status::Suspect), Applied::Stranger);
        assert!(matches!(end(&mut table, 7, Status::Dead), Applied::Changed(_)));
        assert_eq!(end(&mut table, 7, Status::Suspect), Applied::Stranger);
        assert_eq!((table.live_count(), drain(&mut table)), (1, vec![]));
        alive(&mut table, 7);
        assert_eq!(table.live_count(), 1, "the end came first, the words are older");
    }

    #[test]
    fn news_coalesces_per_member() {
        let mut table = table();
        alive(&mut table, 1);
        alive(&mut table, 2);
        end(&mut table, 1, Status::Suspect);
        let joined = [(1, News::Joined), (1, News::Suspected), (2, News::Joined)];
        assert_eq!(drain(&mut table), joined);
        assert!(!table.has_news());
        end(&mut table, 1, Status::Left);
        assert_eq!(drain(&mut table), [(1, News::Left)]);
    }

    #[test]
    fn picks_are_different_and_find_everybody_in_a_small_table() {
        let mut table = table();
        let mut rng = Rng::new(2);
        (1..=5).for_each(|id| assert_ne!(alive(&mut table, id), Applied::NoRoom));
        for _ in 0..100 {
            let mut picked = table.pick::<8>(8, false, &mut rng, |row| row.id != NodeId::new(4));
            picked.sort_unstable();
            assert_eq!(picked.len(), 4);
            assert!(picked.windows(2).all(|pair| pair[0] < pair[1]));
        }
        assert_eq!(table.pick::<2>(8, false, &mut rng, |_| true).len(), 2);
    }

    #[test]
    fn tombstones_never_stand_in_the_way_of_the_living() {
        let mut rng = Rng::new(3);
        let mut table = Table::<u16, Fixed<512, 0>>::new(
            Fixed::new(),
            NodeId::new(0),
            &card(0, 0),
            Instant::ZERO,
        )
        .unwrap();
        for id in 1..=500u64 {
            let update = Update::alive(NodeId::new(id), card(id as u16, 0));
            table.apply(None, &update, 0, Instant::ZERO);
            if id > 5 {
                let left = Claim::new(Incarnation::new(0), Status::Left);
                let found = table.find(NodeId::new(id));
                table.apply(found, &Update::claim(NodeId::new(id), left), 0, Instant::ZERO);
            }
        }
        for _ in 0..1_000 {
            let picked = table.pick::<3>(3, true, &mut rng, |row| row.claim.status.is_live());
            assert!(!picked.is_empty());
        }
        let mut faceless = Update::claim(NodeId::new(501), Claim::default());
        faceless.claim.status = Status::Dead;
        table.apply(None, &faceless, 0, Instant::ZERO);
        let dead = table.pick::<3>(3, true, &mut rng, |row| row.claim.status == Status::Dead);
        assert!(dead.is_empty(), "nobody can be reached there");
    }

    #[test]
    fn metadata_too_long_for_the_row_is_left_out_and_not_passed_on() {
        let mut table = table();
        let long = Card { metadata: b"12345", ..card(1, 0) };
        let update = Update::alive(NodeId::new(1), long);
        let applied = table.apply(table.find(update.id), &update, 0, Instant::ZERO);
        assert!(matches!(applied, Applied::Changed(Change { metadata_cut: true, .. })));
        assert_eq!(
            table.apply(table.find(update.id), &update, 0, Instant::ZERO),
            Applied::Known,
            "the same once more"
        );
        assert_eq!(table.member(NodeId::new(1)).and_then(|row| row.update()), None);
    }

    #[test]
    fn forgetting_frees_the_row_for_somebody_else() {
        let mut table = table();
        for round in 0..100 {
            assert!(
                (1..=5).all(|id| matches!(alive(&mut table, round * 5 + id), Applied::Changed(_)))
            );
            for id in 1..=5 {
                assert_ne!(end(&mut table, round * 5 + id, Status::Left), Applied::Known);
            }
            drain(&mut table);
            for id in 1..=5 {
                let row = table.find(NodeId::new(round * 5 + id)).unwrap();
                assert!(table.forget(row));
            }
            assert_eq!((table.from(0).count(), table.gossip_len()), (1, 0));
        }
    }
}
