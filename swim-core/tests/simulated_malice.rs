//! What the hostile can do to a cluster: those without the key, and members with a fault. The
//! oracle of the simulator checks its rules after every step.
#![cfg(feature = "sim")]

use std::time::Duration;

use swim_core::sim::{
    Absences, Ahead, Checks, Cluster, Failure, Fault, Insider, Intrusion, Outsider, Scenario,
    Source, seeds,
};
use swim_core::storage::Growable;
use swim_core::Stats;

type Outcome = Result<(), Failure>;

const SECOND: Duration = Duration::from_secs(1);
/// How often views are looked at for who is missing.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// The member with a fault.
const FAULTY: usize = 0;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn storage(_node: usize) -> Growable {
    Growable::new(256, 0)
}

fn settled(name: &'static str, seed: u64, count: usize) -> Result<Cluster<Growable>, Failure> {
    let mut cluster = Cluster::new(Scenario { checks: Checks::Light, ..Scenario::new(name, seed, storage) });
    cluster.add_many(count);
    cluster.introduce_all();
    cluster.run_for(seconds(10))?;
    Ok(cluster)
}

/// Lets time pass and looks who is missing from the views of others.
fn watch(cluster: &mut Cluster<Growable>, absences: &mut Absences, duration: Duration) -> Outcome {
    let end = cluster.now().after(duration);
    while cluster.now() < end {
        cluster.run_for(LOOK_INTERVAL)?;
        absences.look(cluster, &[FAULTY]);
    }
    Ok(())
}

fn explore(name: &'static str, seed: u64, count: usize, fault: Fault, pps: u32, loss: u16, secs: u64) -> Outcome {
    let started = std::time::Instant::now();
    let mut cluster = settled(name, seed, count)?;
    cluster.network.link = cluster.network.link.losing(loss);
    let mut absences = Absences::default();
    absences.look(&cluster, &[FAULTY]);
    cluster.corrupt(FAULTY, Insider { fault, packets_per_second: pps });
    let outcome = watch(&mut cluster, &mut absences, seconds(secs));
    cluster.stop_malice();
    let limit = seconds(400);
    let recovered = match &outcome { Ok(()) => cluster.run_until(limit, Cluster::views_agree)?, Err(_) => None };
    let total = |f: fn(&Stats) -> u64| cluster.total(f);
    println!(
        "{fault:?} n={count} pps={pps} loss={loss} seed={seed}: longest {:?}, {} absences, recovered {recovered:?}; suspected {} died {} refutations {} skew {} heard deaths {} sent {} B/node/s {} took {:?} {}",
        absences.longest(), absences.count(),
        total(|s| s.suspected), total(|s| s.died), total(|s| s.refutations), total(|s| s.rejected_skew),
        cluster.report().counts.deaths, cluster.report().counts.sent, cluster.report().counts.bytes_sent / count as u64 / cluster.now().as_micros().div_ceil(1_000_000), started.elapsed(),
        outcome.err().map_or(String::new(), |f| f.to_string().lines().take(2).collect::<Vec<_>>().join(" | "))
    );
    Ok(())
}

#[test]
fn explore_all() -> Outcome {
    let n = std::env::var("N").ok().and_then(|v| v.parse().ok()).unwrap_or(16);
    let pps = std::env::var("PPS").ok().and_then(|v| v.parse().ok()).unwrap_or(20);
    let secs = std::env::var("SECS").ok().and_then(|v| v.parse().ok()).unwrap_or(60);
    let loss = std::env::var("LOSS").ok().and_then(|v| v.parse().ok()).unwrap_or(0);
    let faults = [
        Fault::FutureDate(Ahead::By(1)), Fault::FutureDate(Ahead::Guard), Fault::FutureDate(Ahead::Max),
        Fault::Accuse(Ahead::By(0)), Fault::Accuse(Ahead::By(1)), Fault::Accuse(Ahead::Guard), Fault::Accuse(Ahead::Max),
        Fault::Impersonate { victim: 1 }, Fault::Misplace, Fault::AckAll, Fault::NackAll, Fault::Ghosts,
    ];
    let only = std::env::var("ONLY").ok();
    for fault in faults {
        if only.as_ref().is_some_and(|only| !format!("{fault:?}").contains(only.as_str())) { continue; }
        for seed in seeds(1..2) {
            explore("explore", seed, n, fault, pps, loss, secs)?;
        }
    }
    Ok(())
}

#[test]
fn explore_outsiders() -> Outcome {
    for intrusion in [Intrusion::Noise, Intrusion::Forge, Intrusion::Replay { after: SECOND }, Intrusion::Mangle] {
        for source in [Source::Own, Source::Anybody, Source::Original] {
            let mut cluster = settled("outsiders", 1, 8)?;
            let mut absences = Absences::default();
            absences.look(&cluster, &[]);
            cluster.let_loose(Outsider::new(intrusion, source, 1000));
            let outcome = watch(&mut cluster, &mut absences, seconds(20));
            cluster.stop_malice();
            let recovered = match &outcome { Ok(()) => cluster.run_until(seconds(600), Cluster::views_agree)?, Err(_) => None };
            let total = |f: fn(&Stats) -> u64| cluster.total(f);
            println!("{intrusion:?} {source:?}: longest {:?} absences {} recovered {recovered:?} suspected {} died {} refutations {} rejected {} loot {:?} {}",
               absences.longest(), absences.count(), total(|s| s.suspected), total(|s| s.died), total(|s| s.refutations), cluster.report().counts.rejected, cluster.loot(),
        outcome.err().map_or(String::new(), |f| f.to_string().lines().take(2).collect::<Vec<_>>().join(" | ")));
        }
    }
    Ok(())
}
