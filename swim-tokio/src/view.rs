//! The members as handles see them: a copy beside the protocol, so that nobody waits for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use swim_core::{Incarnation, Instant, Member, NodeId, Status};

use crate::shared::Node;

/// One member, as this member last heard of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberInfo {
    /// Who it is.
    pub id: NodeId,
    /// Where it listens. `None` for a member known only by the news of its death.
    pub address: Option<SocketAddr>,
    /// What is believed of it.
    pub status: Status,
    /// At which incarnation that was said. The last to be refreshed: see
    /// [`Swim::members`](crate::Swim::members).
    pub incarnation: Incarnation,
    /// Which life of its process this is: another number after every restart.
    pub boot: u16,
    /// What its application attached to it; empty by default.
    pub metadata: Arc<[u8]>,
    /// Whether it flaps and is held out: not to be used although it may be alive. Only under a
    /// [`FlapPolicy`](crate::FlapPolicy).
    pub held_out: bool,
    /// Whether it has said that it would be silent for a while, and is not due back yet. It counts
    /// among the living.
    pub asleep: bool,
}

impl From<Member<'_, SocketAddr>> for MemberInfo {
    fn from(member: Member<'_, SocketAddr>) -> Self {
        Self {
            id: member.id,
            address: member.address,
            status: member.status,
            incarnation: member.incarnation,
            boot: member.boot,
            metadata: member.metadata.into(),
            held_out: member.held_out,
            asleep: member.asleep,
        }
    }
}

impl MemberInfo {
    /// Whether to use it: alive or suspect, and not held out.
    pub const fn is_in(&self) -> bool {
        self.status.is_live() && !self.held_out
    }

    /// The same comparison as `==`, without copying the metadata first.
    fn tells(&self, member: &Member<'_, SocketAddr>) -> bool {
        self.address == member.address
            && self.status == member.status
            && self.incarnation == member.incarnation
            && self.boot == member.boot
            && *self.metadata == *member.metadata
            && self.held_out == member.held_out
            && self.asleep == member.asleep
    }
}

/// Rows copied under one lock, and rows compared in one turn of the runner: neither the protocol
/// nor a reader ever waits longer than this takes, well below a millisecond.
const PAGE_LEN: usize = 512;

/// What handles read. Written by the runner alone.
#[derive(Debug, Default)]
pub(crate) struct View {
    rows: RwLock<BTreeMap<NodeId, MemberInfo>>,
    live_count: AtomicUsize,
    health_score: AtomicU8,
    is_isolated: AtomicBool,
}

impl View {
    pub fn members(&self) -> Vec<MemberInfo> {
        let mut members = Vec::new();
        let mut start = Bound::Unbounded;
        loop {
            let rows = self.read();
            let before = members.len();
            let page = rows.range((start, Bound::Unbounded)).take(PAGE_LEN);
            members.extend(page.map(|(_, member)| member.clone()));
            match members.last() {
                Some(last) if members.len() > before => start = Bound::Excluded(last.id),
                _ => return members,
            }
        }
    }

    pub fn member(&self, id: NodeId) -> Option<MemberInfo> {
        self.read().get(&id).cloned()
    }

    pub fn live_count(&self) -> usize {
        self.live_count.load(Ordering::Relaxed)
    }

    pub fn health_score(&self) -> u8 {
        self.health_score.load(Ordering::Relaxed)
    }

    pub fn is_isolated(&self) -> bool {
        self.is_isolated.load(Ordering::Relaxed)
    }

    // Nothing panics while it holds the lock, so a poisoned one would still guard whole rows.
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<NodeId, MemberInfo>> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<NodeId, MemberInfo>> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shortest time between two comparisons of the whole table.
const COMPARISON_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// And the share of it each member adds: a comparison costs well below a microsecond a row.
const COMPARISON_INTERVAL_PER_MEMBER: Duration = Duration::from_micros(100);

/// Keeps a [`View`] up to date, from the side of the runner.
///
/// Events name the rows they are about, and those are copied at once. Some changes are no events:
/// an incarnation that rose without a suspicion, a tombstone forgotten, what becomes of a member
/// that is held out. After such changes, which the node's counters tell, the whole table is
/// compared, a page in each turn of the runner, and not more often than once a second.
#[derive(Debug)]
pub(crate) struct Mirror {
    compared_at: Instant,
    compared: Changes,
    /// What is left to do of the latest comparison.
    left: Option<Left>,
}

/// Where a comparison stands: behind which member it goes on.
#[derive(Clone, Copy, Debug)]
enum Left {
    /// Rows of the node are looked for in the view; then those of the view.
    OfNode(Option<NodeId>),
    /// Rows of the view are looked for in the node.
    OfView(Option<NodeId>),
}

/// The counters that move whenever a row changes without an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Changes {
    incarnation: Incarnation,
    applied: u64,
    forgotten: u64,
}

impl Changes {
    fn of(node: &Node) -> Self {
        let stats = node.stats();
        Self {
            incarnation: node.incarnation(),
            applied: stats.updates_applied,
            forgotten: stats.reaped.saturating_add(stats.evicted),
        }
    }
}

impl Mirror {
    pub fn new(node: &Node, view: &View, now: Instant) -> Self {
        let mirror = Self { compared_at: now, compared: Changes::of(node), left: None };
        mirror.refresh(node, view);
        mirror
    }

    /// Copies the row of `id`, about which there was an event.
    pub fn copy(&self, id: NodeId, node: &Node, view: &View) -> Option<MemberInfo> {
        let member = node.member(id).map(MemberInfo::from);
        match &member {
            Some(member) => view.write().insert(id, member.clone()),
            None => view.write().remove(&id),
        };
        member
    }

    /// Copies what is said of the node itself.
    pub fn refresh(&self, node: &Node, view: &View) {
        view.live_count.store(node.live_count(), Ordering::Relaxed);
        view.health_score.store(node.health_score(), Ordering::Relaxed);
        view.is_isolated.store(node.is_isolated(), Ordering::Relaxed);
        let me = node.me();
        if !view.read().get(&me.id).is_some_and(|known| known.tells(&me)) {
            view.write().insert(me.id, me.into());
        }
    }

    /// Compares one page of rows, if a comparison is due or under way.
    pub fn compare(&mut self, node: &Node, view: &View, now: Instant) {
        if self.left.is_none() && self.comparison_due(node, view).is_some_and(|due| due <= now) {
            self.compared_at = now;
            self.compared = Changes::of(node);
            self.left = Some(Left::OfNode(None));
        }
        self.left = match self.left {
            None => None,
            Some(Left::OfNode(after)) => {
                let next = copy_news(after, node, view).map(|last| Left::OfNode(Some(last)));
                Some(next.unwrap_or(Left::OfView(None)))
            }
            Some(Left::OfView(after)) => {
                drop_gone(after, node, view).map(|last| Left::OfView(Some(last)))
            }
        };
    }

    /// When [`compare`](Self::compare) has to be called at the latest.
    pub fn comparison_due(&self, node: &Node, view: &View) -> Option<Instant> {
        if self.left.is_some() {
            return Some(self.compared_at);
        }
        if Changes::of(node) == self.compared {
            return None;
        }
        let members = u32::try_from(view.read().len()).unwrap_or(u32::MAX);
        let interval = COMPARISON_INTERVAL_PER_MEMBER.saturating_mul(members);
        Some(self.compared_at.after(interval.max(COMPARISON_INTERVAL_MIN)))
    }
}

/// Compares a page under the reading lock, which readers share, and writes only what differs.
/// Returns the last member of the page; `None` if there was none.
fn copy_news(after: Option<NodeId>, node: &Node, view: &View) -> Option<NodeId> {
    let (mut news, mut last) = (Vec::new(), None);
    let rows = view.read();
    for member in node.members_after(after).take(PAGE_LEN) {
        last = Some(member.id);
        if !rows.get(&member.id).is_some_and(|known| known.tells(&member)) {
            news.push(MemberInfo::from(member));
        }
    }
    drop(rows);
    if !news.is_empty() {
        view.write().extend(news.into_iter().map(|member| (member.id, member)));
    }
    last
}

fn drop_gone(after: Option<NodeId>, node: &Node, view: &View) -> Option<NodeId> {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let rows = view.read();
    let page = || rows.range((start, Bound::Unbounded)).take(PAGE_LEN).map(|(id, _)| *id);
    let last = page().last();
    let gone: Vec<NodeId> = page().filter(|id| node.member(*id).is_none()).collect();
    drop(rows);
    if !gone.is_empty() {
        let mut rows = view.write();
        gone.iter().for_each(|id| drop(rows.remove(id)));
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use swim_core::storage::Growable;
    use swim_core::wire::{Header, PacketWriter, Update};
    use swim_core::{Card, Config, Identity, Label, Patience};

    const STRANGERS: u64 = 3 * PAGE_LEN as u64;

    fn address(number: u64) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], number as u16))
    }

    fn node() -> Node {
        let identity = Identity::new(NodeId::new(0), address(0));
        let config = Config { newcomers_per_second_max: u16::MAX, ..Config::lan() };
        Node::new(identity, config, Growable::default(), 1, Instant::ZERO, None).unwrap()
    }

    /// Lets `node` hear that members 1 to `count` are alive at `incarnation`; its events are read.
    fn introduce(node: &mut Node, count: u64, incarnation: u32, now: Instant) {
        let incarnation = Incarnation::new(incarnation);
        for number in 1..=count {
            let id = NodeId::new(number);
            let header = Header { label: Label::new(""), sender: id, incarnation, round: 0 };
            let mut packet = [0; 128];
            let mut writer = PacketWriter::new(&mut packet, &header).unwrap();
            let card = Card {
                incarnation,
                boot: 7,
                patience: Patience::NONE,
                address: address(number),
                metadata: b"m",
            };
            assert!(writer.update(&Update::alive(id, card)));
            let len = writer.finish();
            node.handle_datagram(address(number), &mut packet[..len], now).unwrap();
            while node.poll_transmit(now, &mut [0; 1_400]).is_some() {}
        }
        while node.poll_event().is_some() {}
    }

    /// Turns of the runner until the comparison is over. Returns how many rows the view had after
    /// each.
    fn compare_all(mirror: &mut Mirror, node: &Node, view: &View, now: Instant) -> Vec<usize> {
        let mut sizes = Vec::new();
        loop {
            mirror.compare(node, view, now);
            sizes.push(view.read().len());
            if mirror.comparison_due(node, view).is_none_or(|due| due > now) {
                return sizes;
            }
        }
    }

    #[test]
    fn no_turn_compares_more_than_a_page() {
        let (mut node, view) = (node(), View::default());
        let mut mirror = Mirror::new(&node, &view, Instant::ZERO);
        introduce(&mut node, STRANGERS, 0, Instant::ZERO);
        let sizes = compare_all(&mut mirror, &node, &view, Instant::from_secs(1));
        assert!(sizes.windows(2).all(|pair| pair[1] - pair[0] <= PAGE_LEN), "{sizes:?}");
        assert_eq!(sizes.last(), Some(&(STRANGERS as usize + 1)));
        assert_eq!(mirror.comparison_due(&node, &view), None);
    }

    #[test]
    fn what_the_node_forgot_is_gone_from_a_view_of_many_pages() {
        let (mut node, view) = (node(), View::default());
        let mut mirror = Mirror::new(&node, &view, Instant::ZERO);
        introduce(&mut node, 1, 0, Instant::ZERO);
        let known = MemberInfo::from(node.me());
        let forgotten = (10..10 + STRANGERS).map(NodeId::new);
        view.write().extend(forgotten.map(|id| (id, MemberInfo { id, ..known.clone() })));
        compare_all(&mut mirror, &node, &view, Instant::from_secs(1));
        let members: Vec<u64> = view.members().iter().map(|member| member.id.number()).collect();
        assert_eq!(members, [0, 1]);
    }

    #[test]
    fn a_view_of_many_pages_holds_everybody_once_and_in_order() {
        let mut node = node();
        introduce(&mut node, STRANGERS, 0, Instant::ZERO);
        let view = View::default();
        let mut mirror = Mirror::new(&node, &view, Instant::ZERO);
        introduce(&mut node, 1, 1, Instant::ZERO);
        compare_all(&mut mirror, &node, &view, Instant::from_secs(1));
        let members: Vec<u64> = view.members().iter().map(|member| member.id.number()).collect();
        assert_eq!(members, (0..=STRANGERS).collect::<Vec<_>>());
        assert_eq!(view.live_count() as u64, STRANGERS + 1);
    }

    #[test]
    fn what_no_event_tells_shows_with_the_next_comparison() {
        let (mut node, view) = (node(), View::default());
        introduce(&mut node, 1, 0, Instant::ZERO);
        let mut mirror = Mirror::new(&node, &view, Instant::ZERO);
        mirror.copy(NodeId::new(1), &node, &view);
        assert_eq!(mirror.comparison_due(&node, &view), None, "nothing has changed since");

        introduce(&mut node, 1, 5, Instant::from_millis(10));
        let seen = || view.member(NodeId::new(1)).unwrap().incarnation.number();
        let due = mirror.comparison_due(&node, &view).unwrap();
        mirror.compare(&node, &view, Instant::from_millis(10));
        assert_eq!((due, seen()), (Instant::from_secs(1), 0));
        compare_all(&mut mirror, &node, &view, due);
        assert_eq!(seen(), 5);
        assert_eq!(mirror.comparison_due(&node, &view), None);
    }

    #[test]
    fn large_tables_are_compared_less_often() {
        let (mut node, view) = (node(), View::default());
        let mut mirror = Mirror::new(&node, &view, Instant::ZERO);
        introduce(&mut node, 4 * 10_000, 0, Instant::ZERO);
        compare_all(&mut mirror, &node, &view, Instant::from_secs(1));
        introduce(&mut node, 1, 1, Instant::from_secs(1));
        let due = mirror.comparison_due(&node, &view).unwrap();
        assert_eq!(due, Instant::from_secs(5).after(Duration::from_micros(100)));
    }
}
