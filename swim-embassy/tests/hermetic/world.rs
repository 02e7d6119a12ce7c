//! Boards on one Ethernet, in virtual time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use embassy_net::{ConfigV4, Ipv4Cidr, Stack, StackResources, StaticConfigV4};
use embassy_net_driver_channel::State;
use embassy_net_driver_channel::driver::{HardwareAddress, LinkState};
use swim_embassy::swim_core::{Event, Identity, NodeId, Status};
use swim_embassy::{Endpoint, Lagged, Options, Resources, Swim};

use crate::clock;
use crate::executor::Executor;
use crate::hub::{Hub, MTU};
use crate::random::Random;

pub const PORT: u16 = 7946;
pub const MEMBERS: usize = 32;
pub const METADATA: usize = 16;

pub type Handle = Swim<'static, MEMBERS, METADATA>;

pub struct World {
    executor: Executor,
    pub hub: Hub,
    random: Random,
    /// Boards that stand still, and until when.
    halted: BTreeMap<u8, u64>,
}

/// One board that runs a member.
pub struct Board {
    pub number: u8,
    pub swim: Handle,
    told: Rc<RefCell<Vec<Told>>>,
}

pub type Told = (Duration, Result<Event<Endpoint>, Lagged>);

impl World {
    pub fn new(seed: u64) -> Self {
        clock::reset();
        Self {
            executor: Executor::default(),
            hub: Hub::new(seed),
            random: Random(!seed),
            halted: BTreeMap::new(),
        }
    }

    /// A board whose member knows nobody.
    pub fn board(&mut self, number: u8, options: Options) -> Board {
        self.board_with_metadata(number, options, b"")
    }

    pub fn board_with_metadata(&mut self, number: u8, options: Options, metadata: &[u8]) -> Board {
        let stack = self.stack(number);
        let resources = Box::leak(Box::new(Resources::<MEMBERS, METADATA>::new()));
        let identity = Identity { metadata, ..Identity::new(id(number), endpoint(number)) };
        let (swim, runner) =
            swim_embassy::new(stack, resources, identity, options, self.random.next()).unwrap();
        self.executor.spawn(number, async move { runner.run().await });
        let told = Rc::new(RefCell::new(Vec::new()));
        let (mut events, log) = (swim.events().unwrap(), Rc::clone(&told));
        self.executor.spawn(number, async move {
            loop {
                let event = events.next().await;
                log.borrow_mut().push((now(), event));
            }
        });
        Board { number, swim, told }
    }

    /// `count` boards numbered from 1 on; the others join through the first.
    pub fn cluster(&mut self, count: u8, options: Options) -> Vec<Board> {
        let boards: Vec<Board> = (1..=count).map(|number| self.board(number, options)).collect();
        for board in &boards[1..] {
            board.swim.join(endpoint(1)).unwrap();
        }
        boards
    }

    /// A board that runs embassy-net and nothing else.
    pub fn stack(&mut self, number: u8) -> Stack<'static> {
        let state = Box::leak(Box::new(State::<MTU, 4, 4>::new()));
        let address = HardwareAddress::Ethernet([2, 0, 0, 0, 0, number]);
        let (mut driver, device) = embassy_net_driver_channel::new(state, address);
        driver.set_link_state(LinkState::Up);
        let mut config = embassy_net::Config::default();
        config.ipv4 = Self::address(number);
        let resources = Box::leak(Box::new(StackResources::<2>::new()));
        let (stack, mut runner) = embassy_net::new(device, config, resources, self.random.next());
        self.executor.spawn(number, async move { runner.run().await });
        self.hub.plug(number, driver);
        stack
    }

    pub fn address(number: u8) -> ConfigV4 {
        ConfigV4::Static(StaticConfigV4 {
            address: Ipv4Cidr::new(ip(number), 24),
            gateway: None,
            dns_servers: Default::default(),
        })
    }

    pub fn spawn(&mut self, board: u8, future: impl Future<Output = ()> + 'static) {
        self.executor.spawn(board, future);
    }

    /// A board dies: nothing comes from it any more, not even answers to ARP.
    pub fn kill(&mut self, board: &Board) {
        self.hub.unplug(board.number);
        self.executor.kill(board.number);
    }

    /// A debugger halts a board for so long; its clock runs on.
    pub fn halt(&mut self, board: &Board, pause: Duration) {
        self.halted.insert(board.number, clock::now() + pause.as_micros() as u64);
    }

    pub fn run_for(&mut self, span: Duration) {
        let end = clock::now() + span.as_micros() as u64;
        loop {
            let halted = |board| self.halted.get(&board).is_some_and(|&until| clock::now() < until);
            self.executor.run(|board| !halted(board));
            self.hub.collect();
            let thaw = self.halted.values().copied().filter(|&until| until > clock::now()).min();
            let next = [clock::next_alarm(), self.hub.next_arrival(), thaw];
            let next = next.into_iter().flatten().min().unwrap_or(u64::MAX).max(clock::now());
            if next > end {
                return clock::advance(end);
            }
            clock::advance(next);
            self.hub.deliver();
        }
    }

    /// Runs until `is_so`, which must be the case within `limit`; returns how long it took.
    pub fn run_until(&mut self, limit: Duration, is_so: impl Fn() -> bool) -> Duration {
        let start = now();
        while !is_so() {
            assert!(now() - start < limit, "not so within {limit:?}");
            self.run_for(Duration::from_millis(10));
        }
        now() - start
    }
}

impl Board {
    /// What it was told so far, with times.
    pub fn told(&self) -> Vec<Told> {
        self.told.borrow().clone()
    }

    pub fn was_told(&self, event: Event<Endpoint>) -> bool {
        self.told.borrow().iter().any(|(_, told)| *told == Ok(event))
    }

    /// The numbers of the boards it holds for living, itself included, in order.
    pub fn living(&self) -> Vec<u8> {
        let living = self.swim.members().filter(|member| member.status.is_live());
        let mut living: Vec<u8> = living.map(|member| member.id.number() as u8).collect();
        living.sort_unstable();
        living
    }

    pub fn status(&self, number: u8) -> Option<Status> {
        self.swim.member(id(number)).map(|member| member.status)
    }
}

/// The virtual time.
pub fn now() -> Duration {
    Duration::from_micros(clock::now())
}

pub fn id(number: u8) -> NodeId {
    NodeId::new(number.into())
}

pub fn ip(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, number)
}

pub fn endpoint(number: u8) -> Endpoint {
    Endpoint::new(ip(number), PORT)
}

pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
