//! The node: owns the parts and is the only one that knows them all.

mod answer;
mod command;
mod crowding;
mod guard;
mod healing;
mod input;
#[cfg(feature = "crypto")]
mod keys;
mod output;
mod probing;
mod refuting;
mod rivalry;
mod sealing;
mod sleeping;
mod suspicion;
mod syncing;
mod timeout;
mod watching;

#[cfg(feature = "trace")]
pub(crate) use healing::REMEMBERED_PER_CALL_MAX;

use core::fmt;
use core::time::Duration;

use crate::address::{Address, as_read};
use crate::allow::Allow;
use crate::bound::Assumptions;
use crate::config::{Config, Settings};
use crate::cookie::Cookies;
use crate::departed::Departed;
use crate::error::{BadAddress, MetadataTooLong, NewError};
use crate::gossip::GossipTick;
use crate::heal::Heal;
use crate::judge::Card;
use crate::leaf::Leaf;
use crate::lockout::Lockout;
use crate::member::{Incarnation, Member, NodeId, Patience, Status};
use crate::newcomers::Newcomers;
use crate::outbox::{Channel, Intent, Outbox};
use crate::probe::Prober;
use crate::quota::Quota;
use crate::reconcile::Agenda;
use crate::refutation::Refutation;
use crate::relay::Relays;
use crate::rival::Challenge;
use crate::rng::Rng;
use crate::round_trip::TIMEOUT_MEDIANS;
use crate::seal::Sealer;
use crate::seeds::{Retry, Seeds};
use crate::senses::Senses;
use crate::slumber::Slumber;
use crate::stall::STALL_MIN;
use crate::stats::Stats;
use crate::storage::{Bounds, Counter, Storage};
use crate::sync::{HOPS_MAX, Pauses, Sync};
use crate::table::Table;
use crate::time::{Instant, part};
use crate::watch::Watches;
use crate::wire::Message;

/// Who a node is: what it tells the others about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a, A> {
    /// Its name, which no other living node may have.
    pub id: NodeId,
    /// Where the others reach it.
    pub address: A,
    /// Bytes for the application's own use, which all members get to see. May be empty.
    pub metadata: &'a [u8],
    /// The incarnation to start at; 0 unless an earlier one was kept. A node that starts too low
    /// is told so by the first member it meets and outranks its former self.
    pub incarnation: Incarnation,
    /// How long the others are to wait for it beyond what they wait for anybody: what
    /// [`Node::patience`] said in an earlier life. Usually zero.
    pub patience: Duration,
}

impl<A> Identity<'_, A> {
    /// A node without metadata, at incarnation 0.
    pub const fn new(id: NodeId, address: A) -> Self {
        Self {
            id,
            address,
            metadata: &[],
            incarnation: Incarnation::new(0),
            patience: Duration::ZERO,
        }
    }
}

/// Where a node stands in its own life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It takes part.
    Alive,
    /// It is saying goodbye.
    Leaving,
    /// It has said goodbye. It still tells so to whoever asks.
    Departed,
    /// It lost its id to another living node and keeps silent.
    Silenced,
}

/// Pages and reconciliations a node answers at once before `pages_per_second_max` holds.
const PAGES_BURST_MAX: u16 = 50;

/// Further steps that a reconciliation takes at most: as many as there are [hops](HOPS_MAX), every
/// other one an answer.
const STEPS_PER_PAGE: u16 = HOPS_MAX as u16 / 2;

/// A member of a cluster, as a state machine. See the [crate documentation](crate) for the loop
/// that drives it.
///
/// Methods fall into four kinds: inputs (`handle_*`), commands (plain verbs), outputs (`poll_*`,
/// to be drained after every input and command), and getters.
pub struct Node<A: Address, S: Storage> {
    config: Settings<<S::Bounds as Bounds>::Span>,
    table: Table<A, S>,
    rng: Rng,
    now: Instant,
    standing: Standing,
    leave_until: Instant,
    /// Whether the application has yet to hear that the node departed.
    departure_untold: bool,
    slumber: Slumber,
    leaf: Leaf,
    watches: Watches<S::Bounds>,
    senses: Senses,
    prober: Prober<S::Bounds>,
    relays: Relays<A, Channel, S::Bounds>,
    gossip: GossipTick,
    sync: Sync<A, S::Bounds>,
    agenda: Agenda<S>,
    sealer: Sealer,
    lockout: Lockout<A>,
    cookies: Cookies,
    pages: Quota,
    /// Of reconciliations beyond the first, which `pages` counts.
    steps: Quota,
    seeds: Seeds<A, S::Bounds>,
    heal: Heal,
    departed: Departed<A, S::Bounds>,
    allowed: Allow<A>,
    newcomers: Newcomers,
    refutation: Refutation,
    challenge: Challenge<A>,
    outbox: Outbox<A, S::Bounds>,
    stats: Stats<<S::Bounds as Bounds>::Counter>,
}

impl<A: Address, S: Storage> Node<A, S> {
    /// A node that knows only itself. Everything random follows from `seed`: give every process
    /// run another one, or the others cannot tell two runs apart.
    ///
    /// # Errors
    ///
    /// A setting out of range, metadata too long, an address that cannot be told to others, a
    /// storage without room: the caller's fault.
    pub fn new(
        identity: Identity<'_, A>,
        config: Config,
        storage: S,
        seed: u64,
        now: Instant,
    ) -> Result<Self, NewError> {
        config.validate().map_err(NewError::Config)?;
        let mut rng = Rng::new(seed);
        let cookies = Cookies::new((rng.next_u64(), rng.next_u64()));
        let Identity { id, address, metadata, incarnation, patience } = identity;
        let len_max = metadata_len_max(storage.metadata_len_max(), config.datagram_len_max.into());
        if metadata.len() > len_max {
            return Err(NewError::Metadata(MetadataTooLong { len: metadata.len(), len_max }));
        }
        let address = as_read(address).ok_or(NewError::Address(BadAddress))?;
        let patience = Patience::covering(patience.min(config.patience_max));
        let card = Card { incarnation, boot: rng.next_u32() as u16, patience, address, metadata };
        let (agenda, bounds) = (Agenda::new(&storage), storage.bounds());
        let table = Table::new(storage, id, &card, now).ok_or(NewError::Storage)?;
        Ok(Self {
            table,
            now,
            standing: Standing::Alive,
            leave_until: now,
            departure_untold: false,
            slumber: Slumber::new(),
            leaf: Leaf::new(now.after(config.probe_interval)),
            watches: Watches::new(&bounds),
            senses: Senses::new(config.detector.rules().health_max, patience, now),
            prober: Prober::new(
                now.after(rng.up_to(config.probe_interval)),
                rng.next_u64(),
                &bounds,
            ),
            relays: Relays::new(&bounds),
            gossip: GossipTick::new(now.after(rng.up_to(config.gossip_interval))),
            sync: Sync::new(now, config.sync_pause_min, &bounds),
            agenda,
            sealer: Sealer::new(),
            lockout: Lockout::new(),
            cookies,
            pages: Quota::new(config.pages_per_second_max, PAGES_BURST_MAX),
            steps: Quota::new(
                config.pages_per_second_max.saturating_mul(STEPS_PER_PAGE),
                PAGES_BURST_MAX.saturating_mul(STEPS_PER_PAGE),
            ),
            seeds: Seeds::new(&bounds),
            heal: Heal::new(now.after(config.heal_interval)),
            departed: Departed::new(id, &bounds),
            allowed: Allow::everybody(),
            newcomers: Newcomers::new(config.newcomers_per_second_max),
            refutation: Refutation::new(),
            challenge: Challenge::new(),
            outbox: Outbox::new(&bounds),
            stats: Stats::default(),
            config: Settings::of(&config),
            rng,
        })
    }

    /// This node's id.
    pub fn id(&self) -> NodeId {
        self.table.me().id()
    }

    /// Where the others reach this node.
    pub fn address(&self) -> A {
        self.my_card().address
    }

    /// This node's incarnation.
    pub fn incarnation(&self) -> Incarnation {
        self.table.me().incarnation()
    }

    /// Where this node stands in its own life.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// This node as the others see it.
    pub fn me(&self) -> Member<'_, A> {
        self.table.me().member()
    }

    /// Everybody this node knows: first itself, then the living, then those who died or left and
    /// are still remembered.
    pub fn members(&self) -> impl Iterator<Item = Member<'_, A>> {
        self.table.iter().map(|row| row.member())
    }

    /// Everybody this node knows, from behind `after` on, in an order that lasts while members come
    /// and go: to look at a large table piece by piece.
    pub fn members_after(&self, after: Option<NodeId>) -> impl Iterator<Item = Member<'_, A>> {
        let first = after.map_or(Some(0), |id| id.mixed().checked_add(1));
        first.into_iter().flat_map(|key| self.table.from(key)).map(|row| row.member())
    }

    /// The member with this id, living or not.
    pub fn member(&self, id: NodeId) -> Option<Member<'_, A>> {
        self.table.member(id).map(|row| row.member())
    }

    /// How many members are alive or suspect, this node included.
    pub fn live_count(&self) -> usize {
        self.table.live_count()
    }

    /// Whether this node probes everybody in every probe interval: see
    /// [`Config::direct_below`].
    pub fn is_direct(&self) -> bool {
        self.prober.heartbeats.is_direct() && self.config.direct_below > 0
    }

    /// The longest time from the crash of any of the members this node knows until all others know
    /// of it, by [`Config::detection_bound`]: with as many members as it knows, half of the median
    /// round trip it has measured as the longest way of a packet, the longest patience anybody has
    /// asked for, and otherwise what [`Assumptions`] take for granted. Where some of the members
    /// are much farther away than most, give [`Config::detection_bound`] their delay. Looks at
    /// every member.
    ///
    /// `None` where [`Config::detection_bound`] is, and of a [leaf](Self::is_leaf), which does not
    /// know the cluster.
    pub fn detection_bound(&self) -> Option<Duration> {
        if self.is_leaf() {
            return None;
        }
        let round_trip = part(self.answer_timeout(), TIMEOUT_MEDIANS);
        let asked_for = self.table.iter().map(|row| row.patience().duration()).max();
        let assumed = Assumptions {
            delay_max: part(round_trip, 2),
            patience: asked_for.unwrap_or_default(),
            ..Assumptions::default()
        };
        let bound = self.config().detection_bound(self.live_count(), &assumed)?;
        Some(bound.all())
    }

    /// How long this node asks the others to wait for it, because it has stood still before. Worth
    /// keeping across restarts: see [`Identity::patience`].
    pub fn patience(&self) -> Duration {
        self.senses.stall.patience().duration()
    }

    /// Lifeguard's local health: 0 is healthy.
    pub fn health_score(&self) -> u8 {
        self.senses.health.score()
    }

    /// What this node has done so far.
    pub fn stats(&self) -> &Stats<<S::Bounds as Bounds>::Counter> {
        &self.stats
    }

    /// The settings it runs with. On a board durations above 35 minutes are kept to 10 ms.
    pub fn config(&self) -> Config {
        self.config.config()
    }

    /// Takes over the time of an input: never backwards. Gossip ticks without news pass unused.
    fn advance(&mut self, now: Instant) -> Instant {
        self.wake_if_over(now);
        if now.since(self.now) > STALL_MIN {
            self.notice_stall(now);
        }
        self.now = self.now.max(now);
        if self.table.gossip_len() == 0 {
            self.gossip.skip(self.config.gossip_interval(), self.now);
        }
        self.now
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn send(&mut self, to: A, channel: Channel, message: Message<A>) {
        self.post(Intent::new(to, channel, Some(message)));
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn post(&mut self, intent: Intent<A>) {
        if !self.outbox.push(intent) {
            count(&mut self.stats.outbox_full);
        }
    }

    /// What an answer has to repeat. Whoever has seen some cannot work out the others, as it could
    /// from what the generator gives.
    fn draw_number(&mut self) -> u32 {
        self.cookies.hide(self.rng.next_u32())
    }

    /// The longest metadata this node can have beside so many bytes that sealing takes.
    fn metadata_len_max(&self, sealing_len: usize) -> usize {
        let of_datagram = usize::from(self.config.datagram_len_max).saturating_sub(sealing_len);
        metadata_len_max(self.table.metadata_len_max(), of_datagram)
    }

    fn my_card(&self) -> Card<'_, A> {
        self.table.me().words()
    }

    /// What identifies this life of the node among rivals for its id.
    fn my_identity(&self) -> (u16, A) {
        let card = self.my_card();
        (card.boot, card.address)
    }

    /// Says at an incarnation above `told` that it is alive, or that it has left.
    fn outrank(&mut self, told: Incarnation) {
        let incarnation = self.incarnation();
        let base = if told.ahead_of(incarnation) > 0 { told } else { incarnation };
        let status = match self.standing {
            Standing::Alive | Standing::Silenced => Status::Alive,
            Standing::Leaving | Standing::Departed => Status::Left,
        };
        self.table.reincarnate(base.next(), status, self.now);
    }

    fn retry(&self) -> Retry {
        Retry { least: self.config.join_retry_min(), most: self.config.join_retry_max() }
    }

    fn pauses(&self) -> Pauses {
        Pauses {
            timeout: self.senses.round_trips.timeout(self.config.sync_timeout_range()),
            least: self.config.sync_pause_min(),
            most: self.config.sync_pause_max(),
        }
    }

    /// How long an answer may take before it no longer matters.
    fn answer_wait(&self) -> Duration {
        self.config.probe_interval()
    }
}

impl<A: Address, S: Storage> fmt::Debug for Node<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("me", &self.me())
            .field("standing", &self.standing)
            .field("live_count", &self.live_count())
            .finish_non_exhaustive()
    }
}

/// Metadata must fit the rows, and beside header, message and address into one datagram.
fn metadata_len_max(of_storage: usize, datagram_len_max: usize) -> usize {
    const OVERHEAD_LEN_MAX: usize = 87;
    of_storage.min(datagram_len_max.saturating_sub(OVERHEAD_LEN_MAX))
}

/// One more of something.
fn count(counter: &mut impl Counter) {
    counter.add(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Transmit;
    use crate::storage::Fixed;
    use crate::wire::{Header, Packet, PacketWriter, Pull, Update};
    use crate::{Event, Label};

    type Small = Node<u16, Fixed<16, 128>>;

    const OTHER: NodeId = NodeId::new(2);

    fn node(config: Config) -> Small {
        let identity = Identity::new(NodeId::new(1), 1);
        Node::new(identity, config, Fixed::new(), 7, Instant::ZERO).unwrap()
    }

    fn still() -> Config {
        Config { heal_interval: Duration::ZERO, ..Config::lan() }
    }

    fn alive(id: NodeId, metadata: &[u8]) -> Update<'_, u16> {
        let (incarnation, address) = (Incarnation::new(0), id.number() as u16);
        Update::alive(
            id,
            Card { incarnation, boot: 0, patience: Patience::NONE, address, metadata },
        )
    }

    /// A packet of `OTHER`.
    fn packet(message: Option<Message<u16>>, updates: &[Update<'_, u16>]) -> Vec<u8> {
        let mut buffer = vec![0; 1_400];
        let header = Header {
            label: Label::default(),
            sender: OTHER,
            incarnation: Incarnation::new(0),
            round: 0,
        };
        let mut writer = PacketWriter::new(&mut buffer, &header).unwrap();
        assert!(message.is_none_or(|message| writer.message(&message)));
        assert!(updates.iter().all(|update| writer.update(update)));
        let len = writer.finish();
        buffer.truncate(len);
        buffer
    }

    /// A pull by `OTHER`, whom the node has given a cookie.
    fn pull(node: &Small, from: u64) -> Message<u16> {
        let cookie = node.cookies.bake(2u16, Instant::ZERO);
        Message::Pull(Pull { number: 9, cookie, from, last: u64::MAX, len_max: 1_400 })
    }

    fn sent(node: &mut Small, now: Instant) -> Vec<(Transmit<u16>, Vec<u8>)> {
        let mut buffer = [0; 1_400];
        core::iter::from_fn(|| {
            let transmit = node.poll_transmit(now, &mut buffer)?;
            Some((transmit, buffer[..transmit.len].to_vec()))
        })
        .collect()
    }

    fn told(node: &mut Small) -> Vec<Event<u16>> {
        core::iter::from_fn(|| node.poll_event()).collect()
    }

    #[test]
    fn the_end_of_a_member_is_kept_until_the_application_has_heard_of_it() {
        let mut node = node(still());
        node.handle_datagram(2, &mut packet(None, &[alive(OTHER, b"")]), Instant::ZERO).unwrap();
        told(&mut node);
        let left = Update::claim(OTHER, crate::Claim::new(Incarnation::new(0), Status::Left));
        node.handle_datagram(2, &mut packet(None, &[left]), Instant::ZERO).unwrap();
        let reaped = Instant::ZERO.after(node.config().tombstone_time);
        node.handle_timeout(reaped);
        assert!(node.member(OTHER).is_some());
        assert_eq!(told(&mut node), [Event::MemberLeft(OTHER)]);
        node.handle_timeout(reaped.after(Duration::from_secs(1)));
        assert!(node.member(OTHER).is_none());
    }

    #[test]
    fn news_nobody_can_hear_wakes_nobody() {
        let mut node = node(still());
        node.set_metadata(b"news", Instant::ZERO).unwrap();
        let mut now = Instant::ZERO;
        let mut wakes = 0;
        while now < Instant::from_secs(60) {
            node.handle_timeout(now);
            assert!(sent(&mut node, now).is_empty());
            now = node.poll_timeout().unwrap_or(Instant::MAX);
            wakes += 1;
        }
        // Probes and table exchanges have their turns; five gossip ticks a second would be 300.
        assert!(wakes < 250, "{wakes}");
    }

    #[test]
    fn a_row_too_long_for_any_page_is_left_out_and_the_others_follow() {
        let mut node = node(Config { datagram_len_max: 127, ..still() });
        let long = [7; 120];
        let rows: Vec<_> =
            (2..9).map(|id| alive(NodeId::new(id), if id == 5 { &long } else { b"" })).collect();
        node.handle_datagram(2, &mut packet(None, &rows), Instant::ZERO).unwrap();
        let (mut from, mut heard) = (0, Vec::new());
        for _ in 0..20 {
            let pull = pull(&node, from);
            node.handle_datagram(2, &mut packet(Some(pull), &[]), Instant::ZERO).unwrap();
            let (transmit, bytes) = sent(&mut node, Instant::ZERO).pop().unwrap();
            assert!(transmit.len <= 127);
            let page = Packet::<u16>::parse(&bytes).unwrap();
            heard.extend(page.updates().map(|update| update.id.number()));
            let Some(Message::Page(mark)) = page.message else { panic!("no page") };
            from = mark.next;
            if from == 0 {
                break;
            }
        }
        heard.sort_unstable();
        assert_eq!((from, heard), (0, vec![1, 2, 3, 4, 6, 7, 8]));
    }

    #[test]
    fn a_page_does_not_bring_the_dead_back_to_life() {
        let mut node = node(still());
        let [suspect, dead] = [Status::Suspect, Status::Dead]
            .map(|status| Update::claim(OTHER, crate::Claim::new(Incarnation::new(0), status)));
        let mut accused = packet(None, &[alive(OTHER, b""), suspect]);
        node.handle_datagram(2, &mut accused, Instant::ZERO).unwrap();
        let later = Instant::ZERO.after(node.config().pause_tolerance);
        node.handle_datagram(2, &mut packet(None, &[dead]), later).unwrap();
        let mut pull = packet(Some(pull(&node, 0)), &[]);
        node.handle_datagram(2, &mut pull, Instant::ZERO).unwrap();
        let (_, bytes) = sent(&mut node, Instant::ZERO).pop().unwrap();
        let page = Packet::<u16>::parse(&bytes).unwrap();
        assert!(matches!(page.message, Some(Message::Page(_))));
        assert!(page.updates().all(|update| update.id != OTHER));
    }

    #[test]
    fn every_byte_is_counted() {
        let mut node = node(still());
        let mut introduction = packet(None, &[alive(OTHER, b"")]);
        node.handle_datagram(2, &mut introduction, Instant::ZERO).unwrap();
        let (mut packets, mut bytes, mut now) = (0, 0, Instant::ZERO);
        while now < Instant::from_secs(30) {
            node.handle_timeout(now);
            for (transmit, _) in sent(&mut node, now) {
                (packets, bytes) = (packets + 1, bytes + transmit.len as u32);
            }
            now = node.poll_timeout().unwrap();
            while !told(&mut node).is_empty() {}
        }
        assert!(packets > 5);
        assert_eq!((node.stats().packets_sent, node.stats().bytes_sent), (packets, bytes));
        assert_eq!(node.stats().bytes_received, introduction.len() as u32);
    }

    /// One broken switch must not speak with several voices.
    #[test]
    fn relays_are_asked_first_where_neither_this_node_nor_the_target_is() {
        use core::net::{Ipv4Addr, SocketAddrV4};

        let address =
            |subnet: u8, host: u8| SocketAddrV4::new(Ipv4Addr::new(10, 0, subnet, host), 7_946);
        let identity = Identity::new(NodeId::new(1), address(0, 1));
        let mut node: Node<_, Fixed<16, 0>> =
            Node::new(identity, still(), Fixed::new(), 7, Instant::ZERO).unwrap();
        let mut buffer = vec![0; 1_400];
        for host in 2..=13u8 {
            let (incarnation, patience) = (Incarnation::new(0), Patience::NONE);
            let address = address(host % 3, host);
            let card = Card { incarnation, boot: 0, patience, address, metadata: b"" };
            let (label, sender) = (Label::default(), OTHER);
            let header = Header { label, sender, incarnation, round: 0 };
            let mut writer = PacketWriter::new(&mut buffer, &header).unwrap();
            assert!(writer.update(&Update::alive(NodeId::new(host.into()), card)));
            let len = writer.finish();
            node.handle_datagram(address, &mut buffer[..len], Instant::ZERO).unwrap();
        }
        let (mut now, mut asked) = (Instant::ZERO, 0);
        while now < Instant::from_secs(10) {
            node.handle_timeout(now);
            while let Some(transmit) = node.poll_transmit(now, &mut buffer) {
                let packet = Packet::<SocketAddrV4>::parse(&buffer[..transmit.len]).unwrap();
                let Some(Message::PingRequest(request)) = packet.message else { continue };
                let near = [node.address().part(), request.address.part()];
                // Of four in each part, three are enough for the first stage.
                if request.number & 3 == 1 {
                    assert!(!near.contains(&transmit.to.part()), "{request:?}");
                    asked += 1;
                }
            }
            while node.poll_event().is_some() {}
            now = node.poll_timeout().unwrap();
        }
        assert!(asked >= 9, "{asked}");
    }
}
