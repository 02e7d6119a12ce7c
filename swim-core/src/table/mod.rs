//! The members: one row each, and the views of the rows.
//!
//! Nothing is kept twice. What is to be gossiped, told, probed or timed out are lists of row
//! numbers; the facts stand in the rows and are read when they are needed, so news always goes
//! out in its latest version. No operation walks the table.
//!
//! Nearly all members are alive, and all who ought to know do. Of these there is an entry of 36
//! bytes, and their places in index and roster. Whoever is suspect or gone, news, or flapping, has
//! a case file besides, and only case files are queued for gossip, for events and for deadlines.

mod attached;
mod case;
mod choice;
mod news;
mod pending;
mod places;
mod queue;
mod ranges;
mod ranks;
mod roster;
mod row;
mod timers;

pub use news::News;
pub use row::{Row, RowMut};

use core::cmp::Ordering;
use core::time::Duration;

use crate::address::Address;
use crate::judge::{Card, ClaimVerdict};
use crate::member::{Incarnation, NodeId, Patience, Status};
use crate::rng::Rng;
use crate::storage::{Index, List, Number, Storage};
use crate::time::Instant;
use crate::wire::Update;

use attached::Attached;
use case::Cases;
use news::NewsQueue;
use places::NONE;
use queue::GossipQueue;
use ranks::Ranks;
use roster::Roster;
use row::Entry;
use timers::Timers;

/// The number of the row that describes the node itself.
pub const ME: u32 = 0;

/// Tombstones looked at for one to evict; those the application has not heard of are kept.
const EVICTION_TRIES_MAX: usize = 8;

/// What is told to be left of a sleep that should be over: the shortest that can be told.
const SLEEP_LEFT_MIN: Duration = Duration::from_millis(100);

/// All members this node knows.
pub struct Table<A, S: Storage> {
    storage: S,
    me: Entry<A>,
    /// Row `n` stands at `n - 1`.
    others: S::List<Slot<A>>,
    /// The first vacant row.
    vacant: u32,
    attached: Attached<S>,
    index: S::Index,
    roster: Roster<S>,
    ranks: Ranks<S>,
    cases: Cases<S>,
    gossip: GossipQueue<S>,
    timers: Timers<S>,
    news: NewsQueue<S>,
    /// The moment as of which others are told how long somebody will be silent yet.
    told_at: Instant,
}

/// The place of a row.
#[derive(Debug)]
enum Slot<A> {
    Taken(Entry<A>),
    /// Its member was forgotten. `next` is another vacant row.
    Vacant {
        next: u32,
    },
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
            me: Entry::new(id, card.address, now),
            others: storage.list(),
            vacant: NONE,
            attached: Attached::new(&storage),
            index: storage.index(),
            roster: Roster::new(&storage),
            ranks: Ranks::new(&storage),
            cases: Cases::new(&storage),
            gossip: GossipQueue::new(&storage),
            timers: Timers::new(&storage),
            news: NewsQueue::new(&storage),
            told_at: now,
            storage,
        };
        let fits = table.roster.grow()
            && table.cases.grow()
            && table.attached.set(ME, card.metadata, table.storage.metadata_len_max())
            && table.index.insert(id.mixed(), ME, |_| id.mixed());
        table.me.set_card(card, fits);
        table.me.reincarnate(card.incarnation, Status::Alive, now);
        table.ranks.add(id.mixed(), table.me.hash());
        fits.then_some(table)
    }

    /// The node's own row.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub fn me(&self) -> Row<'_, A> {
        self.read(ME, &self.me)
    }

    /// Says of the node itself that it is alive, or has left, at `incarnation`.
    pub fn reincarnate(&mut self, incarnation: Incarnation, status: Status, now: Instant) {
        self.change_me(|me| me.reincarnate(incarnation, status, now));
        self.queue_gossip(ME);
    }

    /// Changes the node's own metadata; follow with [`reincarnate`](Self::reincarnate).
    pub fn set_my_metadata(&mut self, metadata: &[u8]) {
        self.attached.set(ME, metadata, self.storage.metadata_len_max());
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
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub fn row(&self, row: u32) -> Option<Row<'_, A>> {
        Some(self.read(row, self.entry(row)?))
    }

    /// The number of the row of `id`.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub fn find(&self, id: NodeId) -> Option<u32> {
        self.index.find(id.mixed(), |row| self.key(row))
    }

    /// The row of `id`.
    pub fn member(&self, id: NodeId) -> Option<Row<'_, A>> {
        self.row(self.find(id)?)
    }

    /// All rows: the node itself, then the living, then the tombstones.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_, A>> {
        let others = self.roster.all().iter().map(|row| row.get());
        core::iter::once(ME).chain(others).filter_map(|row| self.row(row))
    }

    /// The rows whose mixed ids are at least `key`, ascending.
    pub fn from(&self, key: u64) -> impl Iterator<Item = Row<'_, A>> {
        self.index.from(key, |row| self.key(row)).filter_map(|row| self.row(row))
    }

    /// How many members are alive or suspect, the node itself included, whatever it says of itself.
    pub fn live_count(&self) -> usize {
        self.roster.live().len().saturating_add(1)
    }

    /// How many members the table can hold, the node itself included.
    pub fn members_max(&self) -> usize {
        self.storage.members_max()
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

    /// Forgets a row. Returns false, and keeps it, while the application has not heard of its end.
    pub fn forget(&mut self, row: u32) -> bool {
        let Some(entry) = self.entry(row) else { return true };
        let (id, case, hash) = (entry.id, self.cases.find(row), entry.hash());
        if row == ME || case.is_some_and(|case| self.news.contains(case)) {
            return false;
        }
        // While the row can still tell its key.
        let others = &self.others;
        self.index.remove(id.mixed(), |row| key_in(&self.me, others, row));
        self.set_live(row, id, false, hash, hash);
        self.roster.remove(row);
        self.attached.set(row, b"", 0);
        if let Some(case) = case {
            self.drop_case(case);
        }
        self.vacate(row);
        true
    }

    fn apply_to(&mut self, number: u32, update: &Update<'_, A>, now: Instant) -> Applied {
        let Some(row) = self.row(number) else { return Applied::Known };
        if row.has_heard(update) {
            return Applied::Known;
        }
        let verdict = row.judge(update);
        if verdict.claim == ClaimVerdict::Keep && !verdict.card_replaced {
            return Applied::Known;
        }
        let (before, voices_before) = (row.status(), row.voices().count());
        let hash_before = row.hash();
        self.edit(number, |row| {
            row.follow(verdict.claim, &update.claim, now);
            if verdict.card_replaced {
                // In other words it may be another life, which knows nothing of a sleep.
                row.wake();
            }
        });
        let card = update.card.as_ref().filter(|_| verdict.card_replaced);
        let metadata_cut = card.is_some_and(|card| !self.set_card(number, card));
        let change = Change {
            row: number,
            before: Some(before),
            after: self.entry(number).map_or(before, |entry| entry.status),
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
        let fresh = Entry::new(update.id, informant, now);
        let Some((row, evicted)) = self.insert(fresh, live) else {
            return Applied::NoRoom;
        };
        // A fresh row stands at incarnation 0, Alive: anything may be said of it.
        self.edit(row, |fresh| fresh.set_claim(&update.claim));
        let metadata_cut = update.card.is_some_and(|card| !self.set_card(row, &card));
        // It was not counted yet, so it does not matter what it hashed to.
        self.refresh(row, 0);
        let (after, claim) = (update.claim.status, ClaimVerdict::Replace);
        let (before, voices_before) = (None, 0);
        let change = Change { row, before, after, claim, voices_before, metadata_cut, evicted };
        Applied::Changed(change)
    }

    /// Takes over a card. Returns false when its metadata does not fit and was left out.
    fn set_card(&mut self, number: u32, card: &Card<'_, A>) -> bool {
        // Applications do not hear of patience.
        let same = self.row(number).and_then(|row| row.card()).is_some_and(|known| {
            known.content_order(&Card { patience: known.patience, ..*card }) == Ordering::Equal
        });
        let whole = self.attached.set(number, card.metadata, self.storage.metadata_len_max());
        self.edit(number, |row| {
            row.entry.set_card(card, whole);
            if !same {
                row.case.told.note_update();
            }
        });
        whole
    }

    /// Finds a place for a new row; the living may push a tombstone out, which is told beside.
    fn insert(&mut self, fresh: Entry<A>, live: bool) -> Option<(u32, bool)> {
        let (row, evicted) = match self.vacancy() {
            Some(row) => (row, false),
            None if live && self.evict() => (self.vacancy()?, true),
            None => return None,
        };
        let id = fresh.id;
        *self.slot(row)? = Slot::Taken(fresh);
        let others = &self.others;
        let fits = self.index.insert(id.mixed(), row, |row| key_in(&self.me, others, row))
            && self.roster.insert(row);
        if !fits {
            self.vacate(row);
            return None;
        }
        self.spread_ranks();
        Some((row, evicted))
    }

    /// A row number that is not in use.
    fn vacancy(&mut self) -> Option<u32> {
        let row = self.vacant;
        if let Some(&mut Slot::Vacant { next }) = self.slot(row) {
            self.vacant = next;
            return Some(row);
        }
        let row = u32::try_from(self.others.len().saturating_add(1)).ok()?;
        let room = (row as usize) < self.storage.members_max();
        let grown = room && self.others.push(Slot::Vacant { next: NONE }).is_ok();
        (grown && self.roster.grow() && self.cases.grow()).then_some(row)
    }

    /// Leaves a row number to whoever comes next.
    fn vacate(&mut self, row: u32) {
        let next = self.vacant;
        if let Some(slot) = self.slot(row) {
            *slot = Slot::Vacant { next };
            self.vacant = row;
        }
    }

    /// Forgets one tombstone to make room.
    fn evict(&mut self) -> bool {
        let tombstones = self.roster.tombstones().len().min(EVICTION_TRIES_MAX);
        (0..tombstones).any(|nth| {
            let row = self.roster.tombstones().get(nth).map(|row| row.get());
            row.is_some_and(|row| self.forget(row))
        })
    }

    /// Changes the node's own row, which is in no view but the order of the living.
    fn change_me(&mut self, change: impl FnOnce(&mut Entry<A>)) {
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
        let (id, live, hash, untold) = (row.id(), row.is_live(), row.hash(), row.is_untold());
        self.set_live(number, id, live, hash_before, hash);
        if untold && let Some(case) = self.open_case(number) {
            self.news.push(case);
        }
        self.close_if_empty(number);
    }

    fn read<'a>(&'a self, row: u32, entry: &'a Entry<A>) -> Row<'a, A> {
        let number = self.cases.find(row);
        let case = number.and_then(|case| self.cases.get(case));
        let sleeper = number.filter(|_| case.is_some_and(|case| case.asleep));
        let sleep_left = sleeper.map_or(Duration::ZERO, |case| self.sleep_left(case));
        Row { entry, case, metadata: self.attached.get(row), sleep_left }
    }

    /// For how long others are told that somebody will be silent yet. Who is late is not told to be
    /// awake before it is missed here.
    #[cold]
    fn sleep_left(&self, case: u32) -> Duration {
        let awake_at = self.timers.deadline(case).unwrap_or(self.told_at);
        awake_at.since(self.told_at).max(SLEEP_LEFT_MIN)
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn entry(&self, row: u32) -> Option<&Entry<A>> {
        entry_in(&self.me, &self.others, row)
    }

    fn slot(&mut self, row: u32) -> Option<&mut Slot<A>> {
        self.others.as_mut_slice().get_mut(row.checked_sub(1)? as usize)
    }

    fn key(&self, row: u32) -> u64 {
        key_in(&self.me, &self.others, row)
    }
}

/// The entry of another member's row.
#[cfg_attr(target_pointer_width = "32", inline(never))]
fn taken<A>(others: &mut impl List<Slot<A>>, row: u32) -> Option<&mut Entry<A>> {
    match others.as_mut_slice().get_mut(row.checked_sub(1)? as usize)? {
        Slot::Taken(entry) => Some(entry),
        Slot::Vacant { .. } => None,
    }
}

/// The mixed id of a row: a function of the rows alone, so that the index can be changed meanwhile.
fn key_in<A>(me: &Entry<A>, others: &impl List<Slot<A>>, row: u32) -> u64 {
    entry_in(me, others, row).unwrap_or(me).id.mixed()
}

/// The entry of a row, as a function of the entries alone.
fn entry_in<'t, A>(
    me: &'t Entry<A>,
    others: &'t impl List<Slot<A>>,
    row: u32,
) -> Option<&'t Entry<A>> {
    let Some(place) = row.checked_sub(1) else { return Some(me) };
    match others.as_slice().get(place as usize)? {
        Slot::Taken(entry) => Some(entry),
        Slot::Vacant { .. } => None,
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
        let ids: Vec<u64> = table.from(0).map(|row| row.id().number()).collect();
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
            let mut picked = table.pick::<8>(8, false, &mut rng, |row| row.id() != NodeId::new(4));
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
            let picked = table.pick::<3>(3, true, &mut rng, |row| row.status().is_live());
            assert!(!picked.is_empty());
        }
        let mut faceless = Update::claim(NodeId::new(501), Claim::default());
        faceless.claim.status = Status::Dead;
        table.apply(None, &faceless, 0, Instant::ZERO);
        let dead = table.pick::<3>(3, true, &mut rng, |row| row.status() == Status::Dead);
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
