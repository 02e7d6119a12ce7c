//! The work: the same for every library.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use swim_bench::ALLOCATOR;

use super::{Datagram, Peer};

/// Updates in a full packet: what fits 1 400 bytes in the most spacious of the three encodings.
const UPDATES: usize = 50;
/// Members who ping, spread evenly over the table. There is never news about them, so their pings
/// go unremarked.
const SENDERS: usize = 16;
/// The turn of one peer ends after so many samples, or after [`TURN_TIME`].
const TURN_SAMPLES: u32 = 400;
const TURN_TIME: Duration = Duration::from_millis(25);
/// Far more acks than it takes to pass all news on.
const ACKS_MAX: usize = 1_000_000;

/// One kind of input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Ping,
    Known,
    Fresh,
    Idle,
    Probe,
    Backlog,
}

impl Case {
    /// The last one leaves news behind.
    pub const ALL: [Self; 6] =
        [Self::Ping, Self::Known, Self::Fresh, Self::Idle, Self::Probe, Self::Backlog];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ping => "bare ping in, ack out",
            Self::Known => "ping + 50 known updates, ack",
            Self::Fresh => "ping + 50 fresh updates, ack",
            Self::Idle => "gossip tick without news",
            Self::Probe => "probe tick, ping out",
            Self::Backlog => "50 fresh, all members queued",
        }
    }

    /// How many calls follow each other with nothing in between.
    fn calls_per_sample(self) -> u32 {
        match self {
            Self::Ping => 64,
            Self::Known => 4,
            // There are four gossip ticks between two probes.
            Self::Idle => 4,
            Self::Fresh | Self::Probe | Self::Backlog => 1,
        }
    }
}

/// A peer and what it is given.
pub struct Work {
    peer: Box<dyn Peer>,
    members: usize,
    pings: Vec<Datagram>,
    long_pings: Vec<Datagram>,
    known: Vec<Datagram>,
    fresh: Datagram,
    calls: usize,
    news: News,
}

impl Work {
    pub fn new(peer: Box<dyn Peer>, members: usize) -> Self {
        let senders = (0..SENDERS).map(|sender| sender * (members / SENDERS));
        let mut members_in_turn = News::new(members);
        let mut known_from = |sender| {
            let known = members_in_turn.next_about(UPDATES).into_iter();
            peer.ping_from(sender, &known.map(|(member, _)| (member, 0)).collect::<Vec<_>>())
        };
        let mut work = Self {
            known: senders.clone().map(&mut known_from).collect(),
            pings: senders.clone().map(|sender| peer.ping_from(sender, &[])).collect(),
            long_pings: senders.map(|sender| peer.long_ping_from(sender)).collect(),
            fresh: peer.ping_from(0, &[]),
            calls: 0,
            news: News::new(members),
            members,
            peer,
        };
        work.pass_news_on();
        work
    }

    /// Makes ready for a case, unless the peer sits it out.
    pub fn enter(&mut self, case: Case) -> Option<Seen> {
        if case == Case::Backlog {
            if self.members > self.peer.backlog_members_max() {
                return None;
            }
            for _ in 0..self.members.div_ceil(UPDATES) {
                self.sample(case);
            }
        }
        // Buffers grow to their size before anything counts.
        self.turn(case, &mut Seen::default());
        Some(Seen::default())
    }

    /// One turn of this peer, seen.
    pub fn turn(&mut self, case: Case, seen: &mut Seen) {
        let start = Instant::now();
        for _ in 0..TURN_SAMPLES {
            let (time, allocations) = self.sample(case);
            let calls = case.calls_per_sample();
            seen.nanos.push(time.as_nanos() as f64 / f64::from(calls));
            seen.calls += u64::from(calls);
            seen.allocations += allocations;
            if start.elapsed() > TURN_TIME {
                break;
            }
        }
    }

    /// Some calls in a row: how long they took and how often they allocated.
    fn sample(&mut self, case: Case) -> (Duration, u64) {
        self.prepare(case);
        let allocations = ALLOCATOR.allocations();
        let start = Instant::now();
        for _ in 0..case.calls_per_sample() {
            self.call(case);
        }
        let time = start.elapsed().saturating_sub(clock_cost());
        let allocations = ALLOCATOR.allocations() - allocations;
        self.settle(case);
        (time, allocations)
    }

    fn prepare(&mut self, case: Case) {
        match case {
            Case::Ping | Case::Known => {}
            Case::Fresh | Case::Backlog => {
                let news = self.news.next_about(UPDATES);
                self.fresh = self.peer.ping_from(0, &news);
            }
            Case::Idle => {
                self.peer.await_probe();
                self.peer.probe_tick();
                self.peer.answer_probe();
            }
            Case::Probe => self.peer.await_probe(),
        }
    }

    fn call(&mut self, case: Case) {
        self.calls += 1;
        match case {
            Case::Ping => self.peer.handle(&self.pings[self.calls % SENDERS]),
            Case::Known => self.peer.handle(&self.known[self.calls % SENDERS]),
            Case::Fresh | Case::Backlog => self.peer.handle(&self.fresh),
            Case::Idle => self.peer.gossip_tick(),
            Case::Probe => self.peer.probe_tick(),
        }
    }

    /// What the rest of the cluster does then.
    fn settle(&mut self, case: Case) {
        match case {
            Case::Ping | Case::Known | Case::Idle | Case::Backlog => {}
            Case::Fresh => {
                assert!(self.peer.has_news(), "the news was none");
                self.pass_news_on();
            }
            Case::Probe => self.peer.answer_probe(),
        }
    }

    fn pass_news_on(&mut self) {
        for ping in self.long_pings.iter().cycle().take(ACKS_MAX) {
            self.peer.handle(ping);
            if !self.peer.has_news() {
                return;
            }
        }
        panic!("there is no end of news");
    }
}

/// Goes round and round the members who do not ping, in an order no cache can follow.
struct News {
    place: usize,
    members: usize,
}

impl News {
    fn new(members: usize) -> Self {
        Self { place: 0, members }
    }

    /// The next `count` members, each at an incarnation it has not been told to have.
    fn next_about(&mut self, count: usize) -> Vec<(usize, u16)> {
        let mut news = Vec::with_capacity(count);
        while news.len() < count {
            let (member, turns) = self.turn();
            if !member.is_multiple_of(self.members / SENDERS) {
                news.push((member, turns + 1));
            }
        }
        news
    }

    fn turn(&mut self) -> (usize, u16) {
        // A prime, so that each turn meets everyone once.
        const STRIDE: usize = 1_299_709;
        let (turns, place) = (self.place / self.members, self.place % self.members);
        self.place += 1;
        (place * STRIDE % self.members, u16::try_from(turns).expect("fewer turns"))
    }
}

/// What was seen of one peer in one case.
#[derive(Default)]
pub struct Seen {
    nanos: Vec<f64>,
    calls: u64,
    pub allocations: u64,
}

impl Seen {
    pub fn median_nanos(&self) -> f64 {
        let mut nanos = self.nanos.clone();
        nanos.sort_by(f64::total_cmp);
        nanos[nanos.len() / 2]
    }

    pub fn allocations_per_call(&self) -> f64 {
        self.allocations as f64 / self.calls as f64
    }
}

/// What it costs to look at the clock: as much as some of the calls.
fn clock_cost() -> Duration {
    static COST: OnceLock<Duration> = OnceLock::new();
    *COST.get_or_init(|| {
        let mut costs: Vec<_> = (0..1_001).map(|_| black_box(Instant::now()).elapsed()).collect();
        costs.sort();
        costs[costs.len() / 2]
    })
}
