//! How fast time passes in the simulator, and how much memory one of its nodes takes.
//!
//! ```text
//! cargo bench --manifest-path swim-core/bench/Cargo.toml --bench simulator                128 to 4 096 nodes
//! cargo bench --manifest-path swim-core/bench/Cargo.toml --bench simulator -- --quick     128 and 1 000
//! cargo bench --manifest-path swim-core/bench/Cargo.toml --bench simulator -- 10000       so many
//! ```
//!
//! Settled clusters in which nothing happens but what keeps them so. The hash is that of every
//! packet and event: equal on every machine, and before and after a change that only makes it
//! faster.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use swim_core::sim::{Checks, Cluster, Link, Scenario};
use swim_core::storage::Growable;

const SIZES: [usize; 3] = [128, 1_000, 4_096];
const SIZES_QUICK: usize = 2;
/// Simulated before it is measured: table exchanges become rare.
const WARM_UP: Duration = Duration::from_secs(120);
/// Measured in steps of this, until [`WALL_TIME_MIN`] has passed.
const STEP: Duration = Duration::from_secs(10);
const WALL_TIME_MIN: Duration = Duration::from_secs(3);
const SEED: u64 = 1;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let asked: Vec<usize> = arguments.iter().filter_map(|size| size.parse().ok()).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let sizes = match (asked.is_empty(), quick) {
        (false, _) => &asked[..],
        (true, true) => &SIZES[..SIZES_QUICK],
        (true, false) => &SIZES,
    };
    println!("  nodes | simulated s / s | ns / input | bytes / node | bytes / row | hash at 120 s");
    for &nodes in sizes {
        report(nodes);
    }
}

fn report(nodes: usize) {
    let before = ALLOCATED.load(Relaxed);
    let mut cluster = settled(nodes);
    let (hash, inputs) = (cluster.trace_hash(), cluster.report().counts.inputs);
    let (wall, mut simulated) = (Instant::now(), Duration::ZERO);
    while wall.elapsed() < WALL_TIME_MIN {
        cluster.run_for(STEP).expect("no rule is broken");
        cluster.take_heard();
        simulated += STEP;
    }
    let wall = wall.elapsed().as_secs_f64();
    let inputs = cluster.report().counts.inputs - inputs;
    let bytes = ALLOCATED.load(Relaxed) - before;
    println!(
        "{nodes:>7} | {:>15.0} | {:>10.0} | {:>12} | {:>11} | {hash:016x}",
        simulated.as_secs_f64() / wall,
        wall * 1e9 / inputs as f64,
        bytes / nodes,
        bytes / nodes / nodes,
    );
}

fn settled(nodes: usize) -> Cluster<Growable> {
    let scenario = Scenario::new("bench", SEED, |_| Growable::new(1 << 17, 0));
    let scenario = Scenario { checks: Checks::Light, link: Link::lan().losing(10), ..scenario };
    let mut cluster = Cluster::new(scenario);
    cluster.add_many(nodes);
    cluster.introduce_all();
    cluster.run_for(WARM_UP).expect("no rule is broken");
    cluster.take_heard();
    cluster
}

#[global_allocator]
static ALLOCATOR: Weighing = Weighing;
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, weighing what is held.
struct Weighing;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Weighing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATED.fetch_add(size, Relaxed);
        ALLOCATED.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(block, layout) }
    }
}
