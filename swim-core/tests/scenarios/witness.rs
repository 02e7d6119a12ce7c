//! What the tests of the Witness detector share: settings under which its times are round, and a
//! few questions.

use std::time::Duration;

use swim_core::wire::Header;
use swim_core::{Config, Detector, Lifeguard};

use crate::harness::*;

/// The baselines, which must not care for any of it.
pub const BASELINES: [Detector; 3] = [
    Detector::Swim,
    Detector::Lifeguard(Lifeguard::Paper),
    Detector::Lifeguard(Lifeguard::Memberlist),
];

/// Servers under Witness: answers are waited for 200 ms whatever is measured, so the floor of a
/// suspicion is the tolerance itself, 2.5 s. No table exchange, no healing.
pub fn witness() -> Config {
    let least = Config::lan().probe_timeout_min;
    Config {
        detector: Detector::Witness,
        probe_timeout: least,
        heal_interval: Duration::ZERO,
        ..quiet()
    }
}

/// The same with a probe an hour: only suspicions and gossip move.
pub fn idle() -> Config {
    Config { probe_interval: Duration::from_secs(3_600), ..witness() }
}

/// `count` members that are not `A`.
pub fn others(count: u16) -> Vec<u16> {
    (B..B + count).collect()
}

/// `A` and `count` - 1 more.
pub fn first(count: u16) -> Vec<u16> {
    (A..A + count).collect()
}

/// The next first ping of a probe that `A` sends.
pub fn next_probe(world: &mut World) -> Sent {
    world.next(|sent| sent.from == A && sent.ping().is_some_and(|ping| ping.number & 3 == 0))
}

/// Waits for the next stage of a probe: its requests.
pub fn next_stage(world: &mut World) -> Vec<Sent> {
    world.sent();
    world.next(|sent| sent.request().is_some());
    world.sent().into_iter().filter(|sent| sent.request().is_some()).collect()
}

/// Lets everybody nack who was asked.
pub fn nack_all(world: &mut World, requests: &[Sent]) {
    for request in requests {
        world.tell(A, request.to, nack(request.request().unwrap().number), &[]).unwrap();
    }
}

/// Hands `node` a packet without content that a stranger sent in `round`.
pub fn tell_round(world: &mut World, node: u16, round: u16) {
    let header = Header { round, ..world.header(STRANGER) };
    world.hand(node, STRANGER, &forge(&header, None, &[])).unwrap();
}

/// The number of the verification that is running, from its next ping to `member`.
pub fn next_verification(world: &mut World, member: u16) -> Sent {
    world.next(|sent| sent.to == member && sent.ping().is_some())
}
