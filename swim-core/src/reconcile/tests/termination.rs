//! Whatever two tables hold and however small the datagrams, they become equal.

use std::thread;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::harness::{End, Pair, Record, Side, random_ids, shuffle, unmixed};
use crate::member::{NodeId, Status};
use crate::rng::Rng;
use crate::storage::{Fixed, Growable, Storage};

/// Metadata of a `Small` table's rows, at most.
const SMALL_METADATA: usize = 8;

type Small = Fixed<2_100, SMALL_METADATA>;

#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    members: usize,
    /// How many of a thousand members the two know differently.
    different: usize,
    /// How many of a thousand are crowded into one place.
    crowded: usize,
    /// How many of a thousand have metadata that is long.
    long: usize,
    /// Longest datagrams.
    near_len: usize,
    far_len: usize,
    /// Of a thousand packets.
    lost: usize,
    /// Whether suspects are dead by the next session.
    condemned: bool,
}

/// Nobody crowded, nothing long, nothing lost, and no suspicion outlives a session.
fn case(members_max: usize) -> impl Strategy<Value = Case> {
    let members = prop_oneof![0usize..40, 0..300usize.min(members_max), 0..members_max];
    let len = || prop_oneof![Just(127usize), 127usize..300, 127usize..=1_400];
    (any::<u64>(), members, permille(), len(), len()).prop_map(
        |(seed, members, different, near_len, far_len)| {
            let (crowded, long, lost, condemned) = (0, 0, 0, true);
            Case { seed, members, different, crowded, long, near_len, far_len, lost, condemned }
        },
    )
}

fn permille() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0usize), 0usize..50, 0usize..=1_000]
}

/// What the two know of all members.
fn records(case: &Case, rng: &mut Rng) -> Vec<(Option<Record>, Option<Record>)> {
    let chance = |permille: usize, rng: &mut Rng| rng.below(1_000) < permille;
    let mut ids = random_ids(case.members + 2, rng);
    let crowd = rng.next_u64() >> 1;
    for (place, id) in ids.iter_mut().enumerate().skip(2) {
        if chance(case.crowded, rng) {
            *id = unmixed(crowd + place as u64);
        }
    }
    let pairs = ids.into_iter().enumerate().map(|(place, id)| {
        let record = record(id, chance(case.long, rng), rng);
        match place >= 2 && chance(case.different, rng) {
            true => differing(record, rng),
            false => (Some(record.clone()), Some(record)),
        }
    });
    let mut pairs: Vec<_> = pairs.collect();
    shuffle(&mut pairs[2..], rng);
    pairs
}

fn record(id: NodeId, long: bool, rng: &mut Rng) -> Record {
    let len = if long { rng.below(120) } else { rng.below(SMALL_METADATA + 1) };
    let metadata = (0..len).map(|_| rng.next_u32() as u8).collect();
    Record { incarnation: rng.below(4) as u32, metadata, ..Record::new(id) }
}

fn differing(record: Record, rng: &mut Rng) -> (Option<Record>, Option<Record>) {
    let mut other = record.clone();
    match rng.below(6) {
        0 => return if rng.below(2) == 0 { (Some(record), None) } else { (None, Some(record)) },
        1 => other.incarnation += 1 + rng.below(2) as u32,
        2 => other.boot = other.boot.wrapping_add(1 + rng.below(9) as u16),
        ended => {
            other.status = [Status::Suspect, Status::Dead, Status::Left][ended - 3];
            other.introduced = ended == 3 || rng.below(2) == 0;
            // Sometimes it is long over.
            other.incarnation = (other.incarnation + rng.below(3) as u32).saturating_sub(1);
        }
    }
    match rng.below(2) {
        0 => (Some(record), Some(other)),
        _ => (Some(other), Some(record)),
    }
}

fn two_tables<S: Storage, T: Storage>(case: &Case, near: S, far: T) -> (Pair<S, T>, Rng) {
    let mut rng = Rng::new(case.seed);
    let records = records(case, &mut rng);
    // The first two are the sides themselves.
    let me = |place: usize| Record { metadata: Vec::new(), ..records[place].0.clone().unwrap() };
    let mut near = Side::new(near, &me(0), case.near_len);
    let mut far = Side::new(far, &me(1), case.far_len);
    near.know(&me(1));
    far.know(&me(0));
    for (here, there) in records.iter().skip(2) {
        here.iter().for_each(|record| near.know(record));
        there.iter().for_each(|record| far.know(record));
    }
    (Pair::new(near, far), rng)
}

/// What it took.
#[derive(Clone, Copy, Debug, Default)]
struct Toll {
    /// What packets could make up for.
    differences: usize,
    sessions: usize,
    /// The most sessions in a row that brought nothing, though no packet was lost for good.
    in_vain: usize,
    bytes: usize,
    /// Bytes of the records that had to cross over.
    ideal_bytes: usize,
}

/// Lets the two have sessions until there is nothing left that packets can make up for.
fn reconcile<S: Storage, T: Storage>(
    case: &Case,
    sessions_max: usize,
    (near, far): (S, T),
) -> Result<Toll, TestCaseError> {
    let (mut pair, mut rng) = two_tables(case, near, far);
    let mut before = pair.unresolved().len();
    let mut toll = Toll { differences: before, ideal_bytes: pair.ideal_bytes(), ..Toll::default() };
    let mut in_vain = 0;
    while before > 0 {
        let end = pair.session(rng.next_u32(), || rng.below(1_000) < case.lost);
        let after = pair.unresolved().len();
        prop_assert!(after <= before, "{after} differences instead of {before}");
        in_vain = if after < before || end == End::Lost { 0 } else { in_vain + 1 };
        toll.in_vain = toll.in_vain.max(in_vain);
        (toll.sessions, toll.bytes) = (pair.traffic.sessions, pair.traffic.bytes);
        prop_assert!(toll.sessions <= sessions_max, "{after} differences left after {toll:?}");
        if case.condemned {
            pair.near.condemn_suspects();
            pair.far.condemn_suspects();
        }
        before = pair.unresolved().len();
    }
    prop_assert!(case.long > 0 || !case.condemned || pair.is_equal());
    Ok(toll)
}

/// Every pair of storages in turn. Tables in arrays are too large for the stack of a test.
fn reconcile_stored(case: &Case, sessions_max: usize) -> Result<Toll, TestCaseError> {
    let large = || Growable::new(8_000, 256);
    let run = || match case.seed % 4 {
        0 => reconcile(case, sessions_max, (Small::new(), large())),
        1 => reconcile(case, sessions_max, (large(), Small::new())),
        2 => reconcile(case, sessions_max, (Small::new(), Small::new())),
        _ => reconcile(case, sessions_max, (large(), large())),
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(1 << 26).spawn_scoped(scope, run);
        thread.expect("a thread").join().expect("no panic")
    })
}

/// Cases in which sessions once came to nothing for ever.
#[test]
fn nothing_is_stuck_any_more() {
    let case = |seed, members, different, near_len, far_len| {
        let (crowded, long, lost, condemned) = (0, 0, 0, false);
        Case { seed, members, different, crowded, long, near_len, far_len, lost, condemned }
    };
    let cases = [
        // Records of deaths that the other side doubts took all the room.
        case(2_319_970_242_063_485_518, 450, 924, 622, 127),
        Case { condemned: true, ..case(1_465_548_926_782_364_456, 1_968, 494, 819, 127) },
        // A correction always came before the one long row that was lacking.
        Case { long: 757, ..case(8_486_412_848_358_920_387, 38, 428, 163, 127) },
        // A long row in doubt left no room to ask for another.
        Case { long: 38, ..case(14_923_459_619_627_563_252, 274, 20, 218, 127) },
        // Rows that nobody can tell were asked for again and again.
        Case { long: 724, ..case(5_958_608_673_846_092_293, 689, 937, 1_212, 1_213) },
    ];
    for case in cases {
        reconcile_stored(&case, 200).unwrap();
    }
}

/// The cases that `PROPTEST_CASES` asks for, in the environment, or else `default`.
fn cases(default: u32) -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    asked.unwrap_or(default)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(96),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            concat!(env!("CARGO_MANIFEST_DIR"), "/../proptest-regressions/reconcile.txt"),
        ))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_session_brings_two_tables_nearer_until_they_are_equal(
        case in case(2_000),
        crowded in permille(),
    ) {
        let case = Case { crowded, ..case };
        let toll = reconcile_stored(&case, 2_000)?;
        prop_assert_eq!(toll.in_vain, 0);
        prop_assert!(toll.sessions <= 4 + toll.differences / 4, "{:?}", toll);
        // A session costs its way down to the first difference, whatever it brings; and whoever
        // can take little hears much that it has no room to answer.
        let multiple = if case.near_len == case.far_len { 20 } else { 60 };
        prop_assert!(toll.bytes <= multiple * (600 + toll.ideal_bytes), "{:?}", toll);
    }

    #[test]
    fn tables_become_equal_however_many_packets_are_lost(
        case in case(1_000),
        lost in 0usize..=500,
    ) {
        let case = Case { lost, ..case };
        let toll = reconcile_stored(&case, 2_000)?;
        prop_assert_eq!(toll.in_vain, 0);
        prop_assert!(toll.sessions <= 20 + toll.differences, "{:?}", toll);
    }

    #[test]
    fn what_cannot_be_made_up_for_does_not_hold_up_the_rest(
        case in case(300),
        long in permille(),
        lost in prop_oneof![Just(0usize), 0usize..200],
        condemned: bool,
    ) {
        reconcile_stored(&Case { long, lost, condemned, ..case }, 1_000)?;
    }
}
