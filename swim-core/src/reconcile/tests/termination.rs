//! Whatever two tables hold and however small the datagrams, they become equal.

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
pub struct Case {
    pub seed: u64,
    pub members: usize,
    /// How many of a thousand members the two know differently.
    pub different: usize,
    /// How many of a thousand are crowded into one place.
    pub crowded: usize,
    /// How many of a thousand have metadata that is long.
    pub long: usize,
    /// Longest datagrams.
    pub near_len: usize,
    pub far_len: usize,
    /// Of a thousand packets.
    pub lost: usize,
}

fn case() -> impl Strategy<Value = Case> {
    let members = prop_oneof![0usize..40, 0usize..300, 300usize..2_000];
    let permille = || prop_oneof![Just(0usize), 0usize..50, 0usize..=1_000];
    let len = || prop_oneof![Just(127usize), 127usize..300, 127usize..=1_400];
    let lost = prop_oneof![Just(0usize), 0usize..=500];
    let shares = (permille(), permille(), permille());
    (any::<u64>(), members, shares, len(), len(), lost).prop_map(
        |(seed, members, (different, crowded, long), near_len, far_len, lost)| Case {
            seed,
            members,
            different,
            crowded,
            long,
            near_len,
            far_len,
            lost,
        },
    )
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
pub struct Toll {
    pub differences: usize,
    pub sessions: usize,
    pub useless: usize,
    pub bytes: usize,
    pub ideal: usize,
    pub looked_at: usize,
}

fn reconcile<S: Storage, T: Storage>(case: &Case, near: S, far: T) -> Result<Toll, TestCaseError> {
    let (mut pair, mut rng) = two_tables(case, near, far);
    let ideal = pair.ideal_bytes();
    let mut unresolved = pair.unresolved().len();
    let mut toll = Toll { differences: unresolved, ideal, ..Toll::default() };
    while unresolved > 0 {
        let end = pair.session(rng.next_u32(), || rng.below(1_000) < case.lost);
        let left = pair.unresolved().len();
        prop_assert!(left <= unresolved, "{left} of {unresolved}");
        toll.useless += usize::from(left == unresolved && end != End::Lost);
        unresolved = left;
        toll.sessions = pair.traffic.sessions;
        toll.bytes = pair.traffic.bytes;
        if toll.useless == 50 {
            for id in pair.unresolved().into_iter().take(6) {
                let show = |row: Option<(crate::judge::Claim, u16, u32, usize, bool)>| format!("{row:?}");
                println!("worst {id} {} | {}", show(pair.near.table.member(id).map(|row| (row.claim, row.boot(), row.words().incarnation.number(), row.words().metadata.len(), row.introduction().is_some()))),
                  show(pair.far.table.member(id).map(|row| (row.claim, row.boot(), row.words().incarnation.number(), row.words().metadata.len(), row.introduction().is_some()))));
            }
        }
        prop_assert!(toll.useless < 50 && toll.sessions < 5_000, "{unresolved} {toll:?}");
    }
    toll.looked_at = pair.near.rows_looked_at_most.max(pair.far.rows_looked_at_most);
    Ok(toll)
}

#[test]
fn survey() {
    let mut rng = Rng::new(std::env::var("SEED").map_or(1, |seed| seed.parse().unwrap()));
    let runs = std::env::var("RUNS").map_or(300, |runs| runs.parse().unwrap());
    let mut tolls = Vec::new();
    for _ in 0..runs {
        let pick = |from: usize, to: usize, rng: &mut Rng| from + rng.below(to - from);
        let share = |rng: &mut Rng| match rng.below(3) {
            0 => 0,
            1 => rng.below(50),
            _ => rng.below(1_000),
        };
        let len = |rng: &mut Rng| if rng.below(2) == 0 { 127 } else { pick(127, 1_401, rng) };
        let members_max = [40, 300, 2_000][rng.below(3)];
        let case = Case {
            seed: rng.next_u64(),
            members: rng.below(members_max),
            different: share(&mut rng),
            crowded: share(&mut rng),
            long: share(&mut rng),
            near_len: len(&mut rng),
            far_len: len(&mut rng),
            lost: if rng.below(2) == 0 { 0 } else { rng.below(500) },
        };
        let toll = match rng.below(3) {
            0 => reconcile(&case, Growable::new(8_000, 256), Growable::new(8_000, 256)),
            1 => reconcile(&case, Growable::new(8_000, 256), Small::new()),
            _ => reconcile(&case, Small::new(), Growable::new(8_000, 256)),
        };
        match toll {
            Ok(toll) => tolls.push((toll, case)),
            Err(error) => println!("worst {error:?} {case:?}"),
        }
    }
    let mut by = |name: &str, key: &dyn Fn(&Toll, &Case) -> f64| {
        tolls.sort_by(|a, b| key(&b.0, &b.1).total_cmp(&key(&a.0, &a.1)));
        for (toll, case) in tolls.iter().take(4) {
            println!("worst {name} {:.2} {toll:?} {case:?}", key(toll, case));
        }
    };
    by("useless", &|toll, _| toll.useless as f64);
    by("sessions", &|toll, _| toll.sessions as f64);
    by("lossless sessions per 10", &|toll, case| {
        if case.lost > 0 { 0.0 } else { toll.sessions as f64 / (1.0 + toll.differences as f64 / 10.0) }
    });
    by("lossless bytes", &|toll, case| {
        if case.lost > 0 { 0.0 } else { toll.bytes as f64 / (600.0 + toll.ideal as f64) }
    });
    by("lossy bytes", &|toll, _| toll.bytes as f64 / (600.0 + toll.ideal as f64));
    by("looked at", &|toll, _| toll.looked_at as f64);
    by("looked at uncrowded", &|toll, case| {
        if case.crowded > 0 { 0.0 } else { toll.looked_at as f64 }
    });
}
