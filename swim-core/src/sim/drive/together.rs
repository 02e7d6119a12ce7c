//! A schedule for a few nodes, read from bytes.

use core::time::Duration;

use crate::sim::{Act, Cluster, Failure, Link, Scenario};
use crate::storage::{Fixed, Growable, Storage};
use crate::{Config, KEY_LEN, Key, KeyRing, Sealing};

use super::Bytes;

/// Acts of one schedule; more are left out.
const ACTS_MAX: usize = 48;

/// Who reads later than this measures round trips of seconds, and takes minutes to forget them.
const STARVATION_MILLIS_MAX: u16 = 400;

/// Bytes as a schedule of what happens to a cluster of three to six nodes, with the oracle of the
/// simulator after each step; then all views must come to agree.
///
/// # Panics
///
/// When a rule does not hold.
pub fn cluster(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let (count, settings) = (3 + bytes.below(4), bytes.byte());
    let seed = bytes.word().into();
    let acts = acts(&mut bytes);
    let outcome = match settings & 1 == 0 {
        true => run(scenario(settings, seed, |_| Growable::new(16, 16)), count, &acts),
        false => run(scenario(settings, seed, |_| Fixed::<8, 8>::new()), count, &acts),
    };
    if let Err(failure) = outcome {
        panic!("{failure}\n{count} nodes, settings {settings:#04x}, seed {seed}: {acts:?}");
    }
}

fn run<S: Storage>(scenario: Scenario<S>, count: usize, acts: &[Act]) -> Result<(), Failure> {
    let mut cluster = Cluster::new(scenario);
    cluster.add_many(count);
    cluster.join_all(0);
    acts.iter().try_for_each(|act| cluster.perform(*act))?;
    cluster.come_to_rest()
}

fn scenario<S>(settings: u8, seed: u64, storage: fn(usize) -> S) -> Scenario<S> {
    let is_set = |bit: u8| settings >> bit & 1 == 1;
    let link =
        if is_set(1) { Link::lan().reordering(Duration::from_millis(300)) } else { Link::lan() };
    let config = if is_set(2) { Config::lan_fast() } else { Config::local() };
    // The dead are remembered until the end, or half of a cluster could forget the other.
    let tombstone_time = Duration::from_secs(3_600);
    let config = Config { tombstone_time, ..config };
    let drift_ppm_max = if is_set(3) { 500 } else { 0 };
    let keys = is_set(4).then_some(sealed as fn(usize) -> _);
    let scenario = Scenario::new("fuzz target cluster", seed, storage);
    Scenario { link, config, drift_ppm_max, keys, ..scenario }
}

fn sealed(_node: usize) -> (KeyRing, Sealing) {
    (KeyRing::new(Key::new([1; KEY_LEN])), Sealing::Require)
}

fn acts(bytes: &mut Bytes<'_>) -> Vec<Act> {
    let mut acts = Vec::new();
    while !bytes.is_empty() && acts.len() < ACTS_MAX {
        acts.push(act(bytes));
    }
    acts
}

/// The next act; waiting comes most often.
fn act(bytes: &mut Bytes<'_>) -> Act {
    let (kind, node) = (bytes.byte(), bytes.byte());
    match kind % 32 {
        0 => Act::Crash(node),
        1 => Act::Kill(node),
        2 | 3 => Act::Restart(node, bytes.byte()),
        4 => Act::RestartElsewhere(node, bytes.byte()),
        5 => Act::Relocate(node),
        6 | 7 => Act::Freeze(node, bytes.word() % 30_000),
        8 => Act::Starve(node, bytes.word() % STARVATION_MILLIS_MAX),
        9 => Act::JumpClock(node, i32::from(bytes.word().cast_signed())),
        10 => Act::Leave(node),
        11 | 12 => Act::Rejoin(node),
        13 => Act::Sleep(node, bytes.byte()),
        14 => Act::Wake(node),
        15 | 16 => Act::SetMetadata(node, bytes.byte()),
        17 => Act::Forget(node, bytes.byte()),
        18 | 19 => Act::Block(node, bytes.byte()),
        20 => Act::Partition(node),
        21 | 22 => Act::Heal,
        23 => Act::Lose(node),
        // From 10 ms to 10 s, finer where it is short.
        24.. => Act::Wait(10 * (1 + u16::from(node) * u16::from(node) / 65)),
    }
}
