//! Who is missing: the dead that may live, and acquaintances of an earlier life.

use crate::address::Address;
use crate::judge::Claim;
use crate::member::{NodeId, Status};
#[cfg(feature = "alloc")]
use crate::snapshot::Acquaintances;
use crate::snapshot::SnapshotRecord;
use crate::storage::{Counter, Storage};
use crate::table::Change;
use crate::time::Instant;
use crate::wire::{Belief, Message, Ping, Update};

use super::{Node, Standing, count};

/// Acquaintances looked at in one call of [`Node::remember_some`]; the others have their turn in
/// the next.
#[cfg(feature = "alloc")]
pub(crate) const REMEMBERED_PER_CALL_MAX: usize = 64;

/// Whom a healing attempt can go to.
const KINDS: usize = 3;

impl<A: Address, S: Storage> Node<A, S> {
    /// Whether it knows nobody who lives.
    pub fn is_alone(&self) -> bool {
        self.table.live_count() == 1
    }

    /// What a restart needs, in small records that serde can encode: first the node itself, then
    /// everybody it holds for living, then those it looks for. Nothing is allocated; any number of
    /// members passes through one small buffer.
    ///
    /// In the next life the record `Me` goes into the [`Identity`](super::Identity), and members go
    /// to [`remember`](Self::remember): whoever of them still lives is found, without any seed.
    ///
    /// ```
    /// use swim_core::storage::Fixed;
    /// use swim_core::{Config, Identity, Instant, Node, NodeId};
    /// use swim_core::{SNAPSHOT_RECORD_LEN_MAX, SnapshotRecord};
    ///
    /// type Board = Node<u16, Fixed<32, 16>>;
    ///
    /// /// Writes the snapshot of a node, record after record.
    /// fn save(node: &Board, file: &mut Vec<u8>) -> Result<(), postcard::Error> {
    ///     let mut buffer = [0; SNAPSHOT_RECORD_LEN_MAX];
    ///     for record in node.snapshot() {
    ///         file.extend_from_slice(postcard::to_slice(&record, &mut buffer)?);
    ///     }
    ///     Ok(())
    /// }
    ///
    /// /// A node that begins where an earlier life ended.
    /// fn restore(mut file: &[u8], address: u16, seed: u64, now: Instant) -> Option<Board> {
    ///     let (first, rest) = postcard::take_from_bytes(file).ok()?;
    ///     let SnapshotRecord::<u16>::Me { id, incarnation, patience } = first else {
    ///         return None;
    ///     };
    ///     let incarnation = incarnation.next();
    ///     let identity = Identity { incarnation, patience, ..Identity::new(id, address) };
    ///     let mut node = Node::new(identity, Config::radio(), Fixed::new(), seed, now).ok()?;
    ///     file = rest;
    ///     while let Ok((record, rest)) = postcard::take_from_bytes(file) {
    ///         if let SnapshotRecord::Member { id, address } = record {
    ///             // Where there are more than it takes: hand in others while it `is_alone`.
    ///             let _ = node.remember(id, address, now);
    ///         }
    ///         file = rest;
    ///     }
    ///     Some(node)
    /// }
    ///
    /// let identity = Identity::new(NodeId::new(7), 1);
    /// let mut node: Board =
    ///     Node::new(identity, Config::radio(), Fixed::new(), 41, Instant::ZERO)?;
    /// assert!(node.remember(NodeId::new(8), 2, Instant::ZERO));
    /// let mut file = Vec::new();
    /// save(&node, &mut file)?;
    ///
    /// let again = restore(&file, 1, 42, Instant::ZERO).expect("it was written a line ago");
    /// assert_eq!((again.id(), again.incarnation().number()), (NodeId::new(7), 1));
    /// assert_eq!(again.snapshot().count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn snapshot(&self) -> impl Iterator<Item = SnapshotRecord<A>> {
        let me = SnapshotRecord::Me {
            id: self.id(),
            incarnation: self.incarnation(),
            patience: self.patience(),
        };
        let living = self.table.iter().skip(1).filter(|row| row.is_live());
        let living = living.filter_map(|row| Some((row.id(), row.address()?)));
        let missing = self.departed.iter().map(|missing| (missing.id, missing.address));
        let members = living.chain(missing);
        let members = members.map(|(id, address)| SnapshotRecord::Member { id, address });
        core::iter::once(me).chain(members)
    }

    /// Looks for an acquaintance of an earlier life: it is pinged soon and now and then, until it
    /// is heard of, or for [`Config::departed_time`](crate::Config::departed_time).
    ///
    /// Returns false when there is nothing to do, because it is known to live or to have left, or
    /// is this node itself, or no member may be there; and when there is no room, because
    /// [`DEPARTED_MAX`](crate::DEPARTED_MAX) others are dead or have yet to be tried. So hand it in
    /// again later, at least while this node [is alone](Self::is_alone).
    #[must_use = "false when it is not looked for"]
    pub fn remember(&mut self, id: NodeId, address: A, now: Instant) -> bool {
        let now = self.advance(now);
        if !self.is_worth_remembering(id, address) {
            return false;
        }
        if !self.allowed.admits(&address) {
            count(&mut self.stats.ignored_forbidden);
            return false;
        }
        let first = self.departed.is_empty();
        let remembered = self.departed.remember(id, address, now);
        if remembered && first {
            self.hurry_to_heal();
        }
        remembered
    }

    /// Looks for as many acquaintances of an earlier life as there is room for; to be called after
    /// every input, at no cost once there are none left. Those found are taken out, as are those
    /// being tried unless this node is alone, and after
    /// [`Config::departed_time`](crate::Config::departed_time) all.
    #[cfg(feature = "alloc")]
    pub fn remember_some(&mut self, acquaintances: &mut Acquaintances<A>, now: Instant) {
        let now = self.advance(now);
        if !self.is_alone() {
            acquaintances.expire(self.config.departed_time(), now);
        }
        for _ in 0..acquaintances.len().min(REMEMBERED_PER_CALL_MAX) {
            if !self.departed.has_room() {
                return;
            }
            let Some((id, address)) = acquaintances.pop() else { return };
            let remembered = self.remember(id, address, now);
            if remembered && self.is_alone() {
                acquaintances.push(id, address);
            }
        }
    }

    fn is_worth_remembering(&self, id: NodeId, address: A) -> bool {
        let row = self.table.member(id);
        let is_settled = row.is_some_and(|row| row.is_live() || row.status() == Status::Left);
        !is_settled && id != self.id() && address != self.address()
    }

    /// Keeps whoever died to be looked for, and lets go of whoever is back or has left.
    pub(super) fn note_departure(&mut self, change: &Change) {
        let Some(row) = self.table.row(change.row) else { return };
        match (change.after, row.address()) {
            (Status::Dead, Some(address)) => {
                let Claim { incarnation, .. } = row.claim();
                if !self.departed.note(row.id(), address, incarnation, self.now) {
                    count(&mut self.stats.departed_full);
                }
            }
            (Status::Dead, None) => {}
            _ => self.departed.remove(row.id()),
        }
    }

    /// This node has nobody: it may not wait for its next attempt.
    pub(super) fn hurry_to_heal(&mut self) {
        let soon = self.rng.up_to(self.config.join_retry_min());
        self.heal.hurry(self.departed.len_max(), self.now.after(soon));
    }

    /// Only where somebody can be missed.
    pub(super) fn heal_deadline(&self) -> Option<Instant> {
        let possible = !self.config.heal_interval().is_zero()
            && (self.table.has_tombstones() || !self.seeds.is_empty() || !self.departed.is_empty());
        possible.then(|| self.heal.deadline())
    }

    /// Tries somebody who is missing here, if it is time.
    pub(super) fn heal_if_due(&mut self) {
        let due = self.heal_deadline().is_some_and(|due| due <= self.now);
        if !due || !self.outbox.has_room_for(1) {
            return;
        }
        let expired = self.departed.expire(self.config.departed_time(), self.now);
        self.stats.departed_expired.add(expired);
        self.schedule_heal();
        // A remembered dead, a row that is still here, or a seed, as chance decides.
        let first = self.rng.below(KINDS);
        for kind in (first..KINDS).chain(0..first) {
            let tried = match kind {
                0 => self.seek_departed(),
                1 => self.seek_tombstone(),
                _ => self.seek_seed(),
            };
            if tried {
                return;
            }
        }
    }

    fn schedule_heal(&mut self) {
        if self.heal.take_urgent() || self.is_alone() {
            let pauses = (self.config.join_retry_min(), self.config.join_retry_max());
            self.heal.wait_in_need(pauses, &mut self.rng, self.now);
        } else {
            let interval = self.config.heal_interval_at(self.table.live_count());
            self.heal.wait(interval, &mut self.rng, self.now);
        }
    }

    fn seek_departed(&mut self) -> bool {
        let Some(missing) = self.departed.next(self.now) else { return false };
        let died = |incarnation| Belief { incarnation, status: Status::Dead };
        self.seek(missing.id, missing.address, missing.incarnation.map(died));
        true
    }

    fn seek_tombstone(&mut self) -> bool {
        let dead = self.table.pick_tombstone(&mut self.rng, |row| row.status() == Status::Dead);
        let Some(row) = dead.and_then(|row| self.table.row(row)) else { return false };
        let Some(address) = row.address() else { return false };
        let (id, Claim { incarnation, status, .. }) = (row.id(), row.claim());
        self.seek(id, address, Some(Belief { incarnation, status }));
        true
    }

    /// A seed whose member is gone.
    fn seek_seed(&mut self) -> bool {
        let table = &self.table;
        let is_gone = |id| table.member(id).is_none_or(|row| !row.status().is_live());
        self.seeds.revisit(is_gone, self.now)
    }

    /// Looks for somebody who is gone here where somebody's table has it, which is too far ahead to
    /// be believed: nobody need be where it was here, and only itself can say so. Returns whether
    /// this is such a case.
    pub(super) fn seek_where_told(&mut self, told: &Update<'_, A>) -> bool {
        let gone = self.table.member(told.id).filter(|row| !row.is_live());
        let Some((row, card)) = gone.zip(told.card) else { return false };
        let Claim { incarnation, status, .. } = row.claim();
        if self.standing == Standing::Alive && self.refutation.take_answer(self.now) {
            self.seek(told.id, card.address, Some(Belief { incarnation, status }));
        }
        true
    }

    /// Pings somebody with what is believed of it, under every detector: whoever lives there
    /// refutes that in its ack. It may know as little of this node, which introduces itself.
    fn seek(&mut self, target: NodeId, address: A, belief: Option<Belief>) {
        count(&mut self.stats.heals);
        let number = self.draw_number();
        self.heal.asked(number);
        let ping = Ping { number, target, belief, digest: self.digest(number) };
        self.introduce(address, Some(Message::Ping(ping)));
    }

    /// Whether this ack answers a healing attempt.
    pub(super) fn is_healed_by(&mut self, number: u32, sender: NodeId) -> bool {
        let answered = self.heal.answered(number);
        if answered {
            count(&mut self.stats.heals_answered);
            self.departed.remove(sender);
        }
        answered && self.standing == Standing::Alive
    }
}
