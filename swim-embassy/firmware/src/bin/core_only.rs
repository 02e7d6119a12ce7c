//! The smallest program with all of `swim-core` in it, to be linked and weighed, not run: a node
//! whose every verb is called, with inputs the compiler knows nothing about.

#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;
use core::time::Duration;

// Brings critical sections.
use cortex_m as _;
use static_cell::StaticCell;
use swim_core::storage::Fixed;
use swim_core::{Config, Identity, Instant, NewError, Node, NodeId};

type Small = Node<u16, Fixed<32, 0>>;

const DATAGRAM_LEN_MAX: usize = 127;

#[cortex_m_rt::entry]
fn main() -> ! {
    static NODE: StaticCell<Small> = StaticCell::new();
    if let Ok(node) = make() {
        let node = NODE.init(node);
        loop {
            input(node);
            output(node);
            command(node);
            keys(node);
            question(node);
        }
    }
    loop {
        cortex_m::asm::wfi();
    }
}

/// Any configuration: no rule of any detector can be left out.
#[inline(never)]
fn make() -> Result<Small, NewError> {
    let identity = Identity::new(id(), black_box(1));
    Node::new(identity, black_box(Config::radio()), Fixed::new(), black_box(1), now())
}

fn input(node: &mut Small) {
    let mut datagram = black_box([0; DATAGRAM_LEN_MAX]);
    match black_box(0) {
        0 => drop(black_box(node.handle_datagram(address(), &mut datagram, now()))),
        1 => node.handle_timeout(now()),
        _ => node.handle_unreachable(address(), now()),
    }
}

fn output(node: &mut Small) {
    let mut buffer = [0; DATAGRAM_LEN_MAX];
    black_box(node.poll_transmit(now(), &mut buffer));
    black_box(&buffer);
    black_box(node.poll_event());
    black_box(node.poll_timeout());
}

fn command(node: &mut Small) {
    match black_box(0) {
        0 => drop(black_box(node.join(address(), now()))),
        1 => drop(black_box(node.cancel_join(address()))),
        2 => node.leave(now()),
        3 => node.rejoin(now()),
        4 => drop(black_box(node.set_metadata(black_box(&[]), now()))),
        5 => drop(black_box(node.set_address(address(), now()))),
        6 => drop(black_box(node.sleep(black_box(Duration::ZERO), now()))),
        7 => node.wake(now()),
        8 => drop(black_box(node.watch(id(), black_box(Duration::ZERO), now()))),
        9 => drop(black_box(node.unwatch(id()))),
        _ => drop(black_box(node.remember(id(), address(), now()))),
    }
}

/// Keys nobody can know before.
#[cfg(feature = "crypto")]
fn keys(node: &mut Small) {
    use swim_core::{Key, KeyRing, Nonces, Sealing};

    let key = || Key::new(black_box([1; 32]));
    let nonces = Nonces { salt: black_box(1), seconds: black_box(0) };
    _ = black_box(node.seal(KeyRing::new(key()), black_box(Sealing::Require), nonces, now()));
    _ = black_box(node.set_sealing(black_box(Sealing::Send)));
    if let Some(keys) = node.keys_mut() {
        _ = black_box((keys.add(key()), keys.use_key(key().id()), keys.remove(key().id())));
    }
}

#[cfg(not(feature = "crypto"))]
fn keys(_: &mut Small) {}

fn question(node: &Small) {
    black_box(node.me());
    black_box(node.member(id()));
    node.members_after(black_box(None)).for_each(|member| _ = black_box(member));
    node.snapshot().for_each(|record| _ = black_box(record));
    black_box(node.suspicion_level(id(), now()));
    black_box((node.live_count(), node.standing(), node.patience(), node.health_score()));
    black_box((node.is_alone(), node.is_leaf(), node.is_isolated(), node.stats()));
}

fn id() -> NodeId {
    NodeId::new(black_box(1))
}

fn address() -> u16 {
    black_box(1)
}

fn now() -> Instant {
    Instant::from_micros(black_box(0))
}

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    loop {}
}
