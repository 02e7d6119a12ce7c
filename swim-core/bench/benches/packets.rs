//! What one input costs at 100 to 100 000 members: this crate, foca and kinship, doing the same
//! work in the same run.
//!
//! ```text
//! cargo bench --bench packets                 everything: some minutes
//! cargo bench --bench packets -- --quick      fewer rounds, up to 10 000 members
//! ```
//!
//! None encrypts; all have LAN timings and IPv4 addresses. Identities are their own: ids of 56 bits
//! here, the bare address in foca, names of seven letters in kinship. Their turns alternate, so
//! that a busy machine hits all of them.

mod peers;

use peers::work::{Case, Seen, Work};

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
const SIZES_QUICK: usize = 3;
const TURNS: usize = 15;
const TURNS_QUICK: usize = 5;

const HEADER: &str = "\
one call                        members |  swim ns    foca ns kinship ns |  foca x kinsh x | \
allocs   foca  kinsh";

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (sizes, turns) =
        if quick { (&SIZES[..SIZES_QUICK], TURNS_QUICK) } else { (&SIZES[..], TURNS) };
    println!("{HEADER}");
    for &members in sizes {
        let mut works: Vec<_> =
            peers::all(members).into_iter().map(|peer| Work::new(peer, members)).collect();
        for case in Case::ALL {
            report(case, members, &measure(case, &mut works, turns));
        }
    }
    println!(
        "\nMedians over calls; x: times the cost of swim; allocs: mean number of allocations in a \
         call.\nAbsolute times are those of a shared machine: only the ratios count."
    );
}

/// What is seen of each peer in one case; nothing of those who sit it out.
fn measure(case: Case, works: &mut [Work], turns: usize) -> Vec<Option<Seen>> {
    let mut seen: Vec<_> = works.iter_mut().map(|work| work.enter(case)).collect();
    for _ in 0..turns {
        for (work, seen) in works.iter_mut().zip(&mut seen) {
            if let Some(seen) = seen {
                work.turn(case, seen);
            }
        }
    }
    seen
}

fn report(case: Case, members: usize, seen: &[Option<Seen>]) {
    let [Some(swim), foca, kinship] = seen else { panic!("swim takes part in everything") };
    let nanos = swim.median_nanos();
    let times = |peer: &Option<Seen>| column(peer, |peer| peer.median_nanos() / nanos, 1);
    let median = |peer: &Option<Seen>| column(peer, Seen::median_nanos, 0);
    let allocations = |peer: &Option<Seen>| column(peer, Seen::allocations_per_call, 1);
    println!(
        "{:<31} {members:>7} | {nanos:>8.0} {:>10} {:>10} | {:>7} {:>7} | {:>6} {:>6} {:>6}",
        case.name(),
        median(foca),
        median(kinship),
        times(foca),
        times(kinship),
        swim.allocations,
        allocations(foca),
        allocations(kinship),
    );
    assert_eq!(swim.allocations, 0, "swim allocated");
}

/// A dash where a peer sat out.
fn column(peer: &Option<Seen>, number: impl Fn(&Seen) -> f64, decimals: usize) -> String {
    peer.as_ref().map_or("-".to_owned(), |peer| format!("{:.decimals$}", number(peer)))
}
