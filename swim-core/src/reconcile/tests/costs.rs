//! What a few differences in a large table cost, in both directions together.

use super::harness::{End, Pair, Record, Side, random_ids};
use crate::rng::Rng;
use crate::storage::Growable;

const MEMBERS: usize = 10_000;

type Two = Pair<Growable, Growable>;

/// Two tables of so many members, all alike but for `differences` of them: by thirds missing here,
/// missing there, and newer on one side.
fn two_tables(seed: u64, differences: usize, len_max: usize) -> Two {
    let mut rng = Rng::new(seed);
    let records: Vec<_> = random_ids(MEMBERS, &mut rng).into_iter().map(Record::new).collect();
    let side = |me: usize| {
        let mut side = Side::new(Growable::new(20_000, 16), &records[me], len_max);
        for (place, record) in records.iter().enumerate() {
            // The first two are the sides themselves.
            let differs = (2..2 + differences).contains(&place);
            match (place as u64 + seed) % 3 {
                kind if differs && kind == me as u64 => {}
                2 if differs && (place / 3) % 2 == me => {
                    side.know(&Record { incarnation: 1, ..record.clone() });
                }
                _ => side.know(record),
            }
        }
        side
    };
    Pair::new(side(0), side(1))
}

/// Bytes, packets and the most sessions it takes to make up for so many differences.
fn mean_bytes(differences: usize, len_max: usize, runs: u64) -> usize {
    let (mut bytes, mut packets, mut sessions_max) = (0, 0, 0);
    for seed in 0..runs {
        let mut pair = two_tables(seed, differences, len_max);
        assert_eq!(pair.unresolved().len(), differences);
        for number in 0.. {
            if pair.is_equal() {
                break;
            }
            assert!(number < 50, "no end");
            assert_ne!(pair.session(number + seed as u32, || false), End::Lost);
        }
        assert_eq!(pair.unresolved(), []);
        bytes += pair.traffic.bytes;
        packets += pair.traffic.packets;
        sessions_max = sessions_max.max(pair.traffic.sessions);
    }
    let runs = runs as usize;
    println!(
        "{differences} differences in {MEMBERS} rows, {len_max}-byte datagrams: {} bytes, \
         {:.1} packets, at most {sessions_max} sessions (mean of {runs})",
        bytes / runs,
        packets as f64 / runs as f64,
    );
    bytes / runs
}

#[test]
fn one_difference_in_ten_thousand_rows_costs_half_a_kilobyte() {
    assert!(mean_bytes(1, 1_400, 30) <= 500);
}

#[test]
fn one_difference_costs_half_a_kilobyte_in_small_datagrams() {
    assert!(mean_bytes(1, 127, 30) <= 500);
}

#[test]
fn twenty_differences_in_ten_thousand_rows_cost_four_and_a_half_kilobytes() {
    assert!(mean_bytes(20, 1_400, 20) <= 4_500);
}

#[test]
fn twenty_differences_cost_four_and_a_half_kilobytes_in_small_datagrams() {
    assert!(mean_bytes(20, 127, 20) <= 4_500);
}

#[test]
fn the_more_differences_the_fewer_bytes_for_each() {
    let most = [(5, 1_400, 300), (100, 1_400, 130), (1_000, 1_400, 85)];
    let most_in_small = [(5, 127, 300), (100, 127, 200), (1_000, 127, 150)];
    for (differences, len_max, each) in most.into_iter().chain(most_in_small) {
        assert!(mean_bytes(differences, len_max, 3) <= differences * each);
    }
}

#[test]
fn equal_tables_have_nothing_to_say() {
    let mut pair = two_tables(0, 0, 1_400);
    assert!(pair.is_equal());
    // Should a digest be wrong all the same, it costs one question and an empty answer.
    assert_eq!(pair.session(0, || false), End::Finished);
    assert_eq!(pair.traffic.packets, 2);
    assert!(pair.traffic.bytes < 200);
}
