//! Addresses of two bytes and datagrams of 127, as on a radio: a cluster of boards with
//! tables in fixed arrays, on a radio that delays and loses. Everything follows from the seed.

use std::collections::BTreeMap;
use std::time::Duration;

use swim_core::storage::Fixed;
use swim_core::{Channel, Config, DATAGRAM_LEN_MIN, Event, Identity, Instant, Node, NodeId};

type Board = Node<u16, Fixed<32, 16>>;

const BOARDS: u16 = 24;
const LATENCY_MS: u64 = 500;
const MINUTE: u64 = 60;
/// Nobody waits longer for anything, in seconds.
const LIMIT: u64 = 10 * MINUTE;

/// Boards by their address, and the datagrams on their way by the moment at which they arrive.
struct Air {
    boards: BTreeMap<u16, Board>,
    flights: BTreeMap<(Instant, u64), Flight>,
    loss_permille: u64,
    now: Instant,
    /// The state of the generator that everything by chance is drawn from.
    chance: u64,
    sent: u64,
    longest: usize,
    heard: Vec<(u16, Event<u16>)>,
}

struct Flight {
    from: u16,
    to: u16,
    bytes: Vec<u8>,
}

impl Air {
    fn new(seed: u64, loss_permille: u64) -> Self {
        Self {
            boards: BTreeMap::new(),
            flights: BTreeMap::new(),
            loss_permille,
            now: Instant::from_secs(1),
            chance: seed,
            sent: 0,
            longest: 0,
            heard: Vec::new(),
        }
    }

    /// A board that is to be known to others by its short address, as ids chosen by hand are.
    fn start(&mut self, address: u16) {
        let identity = Identity::new(id(address), address);
        let seed = self.draw(u64::MAX);
        let board = Node::new(identity, Config::radio(), Fixed::new(), seed, self.now);
        self.boards.insert(address, board.expect("valid settings"));
    }

    fn command<R>(&mut self, address: u16, verb: impl FnOnce(&mut Board, Instant) -> R) -> R {
        let answer = verb(self.boards.get_mut(&address).expect("it runs"), self.now);
        self.drain(address);
        answer
    }

    fn join(&mut self, address: u16, seed: u16) {
        self.command(address, |board, now| board.join(seed, now)).expect("room for a seed");
    }

    /// Lets time pass until something `is_so`, looked at every second. Returns the seconds it took.
    fn run_until(&mut self, is_so: impl Fn(&Self) -> bool) -> Option<u64> {
        (0..LIMIT).find(|_| {
            let reached = is_so(self);
            if !reached {
                self.run(1);
            }
            reached
        })
    }

    fn run(&mut self, seconds: u64) {
        let end = self.now.after(Duration::from_secs(seconds));
        loop {
            let arrival = self.flights.keys().next().map(|&(at, _)| at);
            let deadline =
                |(&address, board): (&u16, &Board)| Some((board.poll_timeout()?, address));
            let due = self.boards.iter().filter_map(deadline).min();
            match (arrival, due) {
                // Packets are read before timers fire.
                (Some(at), due) if at <= end && due.is_none_or(|(due, _)| at <= due) => {
                    self.now = self.now.max(at);
                    self.land();
                }
                (_, Some((at, address))) if at <= end => {
                    self.now = self.now.max(at);
                    self.command(address, |board, now| board.handle_timeout(now));
                }
                _ => break,
            }
        }
        self.now = end;
    }

    /// Hands in the next datagram.
    fn land(&mut self) {
        let Some((_, Flight { from, to, mut bytes })) = self.flights.pop_first() else { return };
        if self.boards.contains_key(&to) {
            let taken = self.command(to, |board, now| board.handle_datagram(from, &mut bytes, now));
            assert!(taken.is_ok(), "{from} to {to}: {taken:?}");
        }
    }

    fn drain(&mut self, address: u16) {
        let Some(board) = self.boards.get_mut(&address) else { return };
        let mut buffer = [0; 200];
        let (mut flights, now) = (Vec::new(), self.now);
        while let Some(transmit) = board.poll_transmit(now, &mut buffer) {
            assert!(transmit.len <= DATAGRAM_LEN_MIN, "{} bytes", transmit.len);
            if transmit.channel == Channel::Datagram {
                let bytes = buffer[..transmit.len].to_vec();
                flights.push(Flight { from: address, to: transmit.to, bytes });
            }
        }
        self.heard.extend(core::iter::from_fn(|| board.poll_event()).map(|event| (address, event)));
        for flight in flights {
            self.sent += 1;
            self.longest = self.longest.max(flight.bytes.len());
            if self.draw(1_000) >= self.loss_permille {
                let latency = Duration::from_millis(10 + self.draw(LATENCY_MS));
                self.flights.insert((now.after(latency), self.sent), flight);
            }
        }
    }

    /// SplitMix64.
    fn draw(&mut self, bound: u64) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// Whether every board knows all that run, each at its present life, with its metadata, and
    /// nobody else for living.
    fn is_one(&self) -> bool {
        let words = |board: &Board| {
            let me = board.me();
            (me.id, (me.incarnation, me.boot, me.address, me.metadata.to_vec()))
        };
        let truth: BTreeMap<_, _> = self.boards.values().map(words).collect();
        self.boards.values().all(|board| {
            let live = board.members().filter(|member| member.status.is_live());
            let known: BTreeMap<_, _> = live
                .map(|m| (m.id, (m.incarnation, m.boot, m.address, m.metadata.to_vec())))
                .collect();
            known == truth
        })
    }

    fn told(&self, event: Event<u16>) -> usize {
        self.heard.iter().filter(|(_, heard)| *heard == event).count()
    }
}

/// Small ids: one byte on the air.
fn id(address: u16) -> NodeId {
    NodeId::new(address.into())
}

/// Strangers meet, metadata changes, a board dies, one leaves, one restarts at once, one is back.
fn live(seed: u64, loss_permille: u64) -> (Air, [u64; 6]) {
    let mut air = Air::new(seed, loss_permille);
    (1..=BOARDS).for_each(|address| air.start(address));
    (2..=BOARDS).for_each(|address| air.join(address, 1));
    let mut took = [0; 6];
    let mut settle = |air: &mut Air, step: usize| {
        took[step] = air
            .run_until(Air::is_one)
            .unwrap_or_else(|| panic!("seed {seed}, {loss_permille} permille lost, step {step}"));
        air.run(2 * MINUTE);
    };
    settle(&mut air, 0);
    for address in [3, 7] {
        let metadata = [address as u8; 16];
        air.command(address, |board, now| board.set_metadata(&metadata, now)).expect("it fits");
    }
    settle(&mut air, 1);
    air.boards.remove(&5);
    settle(&mut air, 2);
    assert_eq!(air.told(Event::MemberDead(id(5))), usize::from(BOARDS) - 1);
    air.command(9, |board, now| board.leave(now));
    air.run_until(|air| air.told(Event::Departed) == 1).expect("it departs");
    air.boards.remove(&9);
    settle(&mut air, 3);
    assert!(air.told(Event::MemberLeft(id(9))) > 0);
    air.start(11);
    air.join(11, 2);
    settle(&mut air, 4);
    air.start(5);
    air.join(5, 2);
    settle(&mut air, 5);
    (air, took)
}

#[test]
fn boards_with_short_addresses_are_one_cluster_in_127_bytes() {
    for loss_permille in [0, 200, 300] {
        for seed in 1..6 {
            let (air, took) = live(seed, loss_permille);
            let deaths = |(_, event): &&(u16, Event<u16>)| matches!(event, Event::MemberDead(_));
            let about = air.heard.iter().filter(deaths).filter_map(|(_, event)| event.member());
            let falsely = about.filter(|&dead| dead != id(5) && dead != id(9)).count();
            println!(
                "seed {seed}, {loss_permille} permille lost: {took:?} s, {} B at most, {} sent",
                air.longest, air.sent
            );
            assert_eq!(falsely, 0, "seed {seed}, {loss_permille} permille lost");
            assert!(air.longest > 100, "room is used: {}", air.longest);
        }
    }
}

#[test]
fn equal_seeds_give_equal_courses() {
    let course = |seed| {
        let (air, took) = live(seed, 200);
        (air.sent, air.heard, took)
    };
    assert_eq!(course(1), course(1));
    assert_ne!(course(1).0, course(2).0);
}
