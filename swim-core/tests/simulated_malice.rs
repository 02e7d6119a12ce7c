//! What the hostile can do to a cluster: those without the key, and members with a fault. The
//! oracle of the simulator checks its rules after every step.
#![cfg(feature = "sim")]

use std::collections::BTreeSet;
use std::time::Duration;

use swim_core::sim::{
    Absences, Ahead, Checks, Cluster, Failure, Fault, Heard, Insider, Intrusion, Link, Outsider,
    Scenario, Source, seeds,
};
use swim_core::storage::Growable;
use swim_core::{Config, Event, KEY_LEN, Key, KeyRing, Sealing, Standing};

type Outcome = Result<(), Failure>;
type Keys = fn(usize) -> (KeyRing, Sealing);

const SECOND: Duration = Duration::from_secs(1);
/// How often views are looked at for who is missing.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// What one refutation may take: nobody may be missing for longer.
const REFUTATION_MAX: Duration = Duration::from_secs(2);
/// The member with a fault.
const FAULTY: usize = 0;
/// Sealed, and in clear.
const KEYS: [Option<Keys>; 2] = [Some(sealed), None];
const SOURCES: [Source; 3] = [Source::Own, Source::Anybody, Source::Original];

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn storage(_node: usize) -> Growable {
    Growable::new(1_024, 0)
}

fn sealed(_node: usize) -> (KeyRing, Sealing) {
    (KeyRing::new(Key::new([7; KEY_LEN])), Sealing::Require)
}

fn scenario(name: &'static str, seed: u64) -> Scenario<Growable> {
    Scenario { checks: Checks::Light, ..Scenario::new(name, seed, storage) }
}

/// Nodes that know each other and have nothing to tell.
fn settled(scenario: Scenario<Growable>, count: usize) -> Result<Cluster<Growable>, Failure> {
    let mut cluster = Cluster::new(scenario);
    cluster.add_many(count);
    cluster.introduce_all();
    cluster.run_for(seconds(10))?;
    cluster.expect("it is settled", cluster.views_agree())?;
    Ok(cluster)
}

fn same_views(one: &Cluster<Growable>, other: &Cluster<Growable>) -> bool {
    (0..one.len()).all(|node| one.view(node) == other.view(node))
}

/// What applications were told, but not that somebody uses another key.
fn told_of_members(cluster: &Cluster<Growable>) -> Vec<Heard> {
    let is_about_keys =
        |heard: &&Heard| matches!(heard.event, Event::UnknownKey { .. } | Event::Unsealed { .. });
    cluster.heard().iter().filter(|heard| !is_about_keys(heard)).copied().collect()
}

/// Two runs of one seed, of which only the second is attacked, are the same to all members.
fn has_no_effect(name: &'static str, intrusion: Intrusion, packets_per_second: u32) -> Outcome {
    has_no_effect_for(name, (intrusion, packets_per_second), 5_000 / packets_per_second)
}

fn has_no_effect_for(
    name: &'static str,
    (intrusion, packets_per_second): (Intrusion, u32),
    seconds: u32,
) -> Outcome {
    for (seed, source) in seeds(1..3).flat_map(|seed| SOURCES.map(|source| (seed, source))) {
        let scenario = Scenario { keys: Some(sealed), ..scenario(name, seed) };
        let (mut calm, mut attacked) = (settled(scenario, 6)?, settled(scenario, 6)?);
        attacked.let_loose(Outsider::new(intrusion, source, packets_per_second));
        for _ in 0..seconds {
            calm.run_for(SECOND)?;
            attacked.run_for(SECOND)?;
            attacked.expect("all views are those of a calm run", same_views(&calm, &attacked))?;
        }
        let raised = attacked.total(|stats| stats.suspected + stats.refutations);
        attacked.expect("nobody was suspected", raised == 0)?;
        let same = told_of_members(&attacked) == told_of_members(&calm);
        attacked.expect("nobody was told anything of members", same)?;
        let delivered = attacked.report().counts.delivered - calm.report().counts.delivered;
        let sent = attacked.loot().packets_out;
        attacked.expect("the packets arrived", sent > 1_000 && delivered * 10 >= sent * 9)?;
        let loot = attacked.loot();
        attacked.expect("less came back than was sent", loot.bytes_in <= loot.bytes_out)?;
    }
    Ok(())
}

#[test]
fn noise_has_no_effect_on_a_sealed_cluster() -> Outcome {
    has_no_effect("noise_has_no_effect_on_a_sealed_cluster", Intrusion::Noise, 500)
}

#[test]
fn forged_packets_have_no_effect_on_a_sealed_cluster() -> Outcome {
    has_no_effect("forged_packets_have_no_effect_on_a_sealed_cluster", Intrusion::Forge, 500)
}

#[test]
fn mangled_packets_have_no_effect_on_a_sealed_cluster() -> Outcome {
    has_no_effect("mangled_packets_have_no_effect_on_a_sealed_cluster", Intrusion::Mangle, 500)
}

#[test]
fn replayed_packets_have_no_effect_on_a_sealed_cluster() -> Outcome {
    let replay = Intrusion::Replay { after: Duration::ZERO };
    has_no_effect("replayed_packets_have_no_effect_on_a_sealed_cluster", replay, 500)
}

#[test]
fn a_flood_has_no_effect_on_a_sealed_cluster() -> Outcome {
    has_no_effect("a_flood_has_no_effect_on_a_sealed_cluster", Intrusion::Forge, 2_500)
}

/// For longer than it takes to detect a failure.
#[test]
fn a_long_flood_has_no_effect_on_a_sealed_cluster() -> Outcome {
    let name = "a_long_flood_has_no_effect_on_a_sealed_cluster";
    has_no_effect_for(name, (Intrusion::Forge, 5_000), 15)
}

/// Somebody comes, somebody leaves and somebody dies while the outsider does what it can.
fn live_through(mut cluster: Cluster<Growable>) -> Result<Cluster<Growable>, Failure> {
    cluster.run_for(seconds(5))?;
    cluster.leave(1);
    let newcomer = cluster.fresh_id();
    let newcomer = cluster.add(newcomer);
    cluster.join(newcomer, 2);
    cluster.run_for(seconds(5))?;
    cluster.crash(1);
    cluster.crash(3);
    cluster.run_for(seconds(30))?;
    cluster.expect("all views are right", cluster.views_agree())?;
    Ok(cluster)
}

/// Also what was said of those who went, and by them before, cannot be brought back.
#[test]
fn a_sealed_cluster_lives_on_under_attack() -> Outcome {
    let name = "a_sealed_cluster_lives_on_under_attack";
    let replay = Intrusion::Replay { after: seconds(3) };
    for seed in seeds(1..4) {
        for intrusion in [Intrusion::Forge, replay, Intrusion::Mangle] {
            let scenario = Scenario { keys: Some(sealed), ..scenario(name, seed) };
            let calm = live_through(settled(scenario, 8)?)?;
            let mut attacked = settled(scenario, 8)?;
            attacked.let_loose(Outsider::new(intrusion, Source::Original, 500));
            let attacked = live_through(attacked)?;
            attacked.expect("all views are those of a calm run", same_views(&calm, &attacked))?;
            let ends = |cluster: &Cluster<Growable>| cluster.report().counts.deaths;
            attacked.expect("one died", ends(&attacked) == ends(&calm))?;
        }
    }
    Ok(())
}

#[test]
fn packets_from_long_ago_are_stale() -> Outcome {
    for seed in seeds(1..3) {
        let scenario = scenario("packets_from_long_ago_are_stale", seed);
        let mut cluster = settled(Scenario { keys: Some(sealed), ..scenario }, 6)?;
        let replay = Intrusion::Replay { after: seconds(130) };
        cluster.let_loose(Outsider::new(replay, Source::Original, 100));
        cluster.run_for(seconds(200))?;
        cluster.stop_malice();
        cluster.run_for(SECOND)?;
        let taken = cluster.total(|stats| stats.rejected_stale);
        cluster.expect("all of them are refused", taken == cluster.loot().packets_out)?;
        cluster.expect("and there were some", taken > 1_000)?;
        let raised = cluster.total(|stats| stats.suspected + stats.refutations);
        cluster.expect("nobody was suspected", raised == 0)?;
    }
    Ok(())
}

/// Without keys an outsider can say what it likes. It cannot stop a node, overfill a table (the
/// oracle looks), get back more than it sends, or keep anybody out for long once it is gone.
fn does_nothing_for_good(name: &'static str, intrusion: Intrusion, limit: Duration) -> Outcome {
    for (seed, source) in seeds(1..2).flat_map(|seed| SOURCES.map(|source| (seed, source))) {
        let mut cluster = settled(scenario(name, seed), 8)?;
        cluster.let_loose(Outsider::new(intrusion, source, 500));
        cluster.run_for(seconds(20))?;
        let loot = cluster.loot();
        cluster.expect("less came back than was sent", loot.bytes_in <= loot.bytes_out)?;
        cluster.stop_malice();
        let whole = cluster.run_until(limit, |cluster| {
            let mut absences = Absences::default();
            absences.look(cluster, &[]);
            absences.are_over()
        })?;
        cluster.expect("nobody is missing soon after", whole.is_some())?;
        // What was mangled of a card at its own incarnation, its digest does not show.
        let is_equal = match intrusion {
            Intrusion::Mangle => Cluster::views_complete,
            _ => Cluster::views_agree,
        };
        let equal = cluster.run_until(limit, is_equal)?;
        println!("{intrusion:?} {source:?}: nobody missing after {whole:?}, equal {equal:?} later");
        cluster.expect("all views are right again", equal.is_some())?;
    }
    Ok(())
}

#[test]
fn in_clear_noise_does_nothing_for_good() -> Outcome {
    does_nothing_for_good("in_clear_noise_does_nothing_for_good", Intrusion::Noise, SECOND)
}

#[test]
fn in_clear_replayed_packets_do_nothing_for_good() -> Outcome {
    let replay = Intrusion::Replay { after: SECOND };
    does_nothing_for_good("in_clear_replayed_packets_do_nothing_for_good", replay, SECOND)
}

#[test]
#[ignore = "takes a minute"]
fn in_clear_mangled_packets_do_nothing_for_good() -> Outcome {
    let name = "in_clear_mangled_packets_do_nothing_for_good";
    does_nothing_for_good(name, Intrusion::Mangle, seconds(600))
}

#[test]
fn in_clear_forged_packets_do_nothing_for_good() -> Outcome {
    let name = "in_clear_forged_packets_do_nothing_for_good";
    does_nothing_for_good(name, Intrusion::Forge, seconds(300))
}

/// Lets time pass and looks who is missing from the views of others.
fn watch(cluster: &mut Cluster<Growable>, absences: &mut Absences, duration: Duration) -> Outcome {
    absences.look(cluster, &[FAULTY]);
    let end = cluster.now().after(duration);
    while cluster.now() < end {
        cluster.run_for(LOOK_INTERVAL)?;
        absences.look(cluster, &[FAULTY]);
    }
    Ok(())
}

const WAN: Link = Link {
    latency_min: Duration::from_millis(20),
    latency_max: Duration::from_millis(60),
    ..Link::lan()
};

/// An ICMP message that nothing listens at an address is not sealed: whoever can forge addresses
/// can send it to everybody. A member may be taken for dead because of it, until it hears that.
#[test]
fn forged_unreachable_notices_evict_nobody_for_longer_than_a_refutation() -> Outcome {
    const VICTIM: usize = 1;
    let name = "forged_unreachable_notices_evict_nobody_for_longer_than_a_refutation";
    let wan = (WAN, Config::wan(), Duration::from_millis(10));
    for (link, config, period) in [wan, (Link::lan(), Config::lan(), Duration::from_micros(500))] {
        let scenario = Scenario { keys: Some(sealed), link, config, ..scenario(name, 1) };
        let scenario = Scenario { false_deaths_forbidden: false, ..scenario };
        let mut cluster = settled(scenario, 8)?;
        let address = cluster.address(VICTIM);
        let (mut absences, end) = (Absences::default(), cluster.now().after(seconds(20)));
        absences.look(&cluster, &[]);
        while cluster.now() < end {
            for node in (0..8).filter(|&node| node != VICTIM) {
                cluster.command(node, |node, now| node.handle_unreachable(address, now));
            }
            cluster.run_for(period)?;
            absences.look(&cluster, &[]);
        }
        println!("every {period:?}: {} times up to {:?}", absences.count(), absences.longest());
        cluster.expect("nobody is missing for long", absences.longest() <= REFUTATION_MAX)?;
        let recovered = cluster.run_until(seconds(30), Cluster::views_agree)?;
        cluster.expect("all views agree when it has stopped", recovered.is_some())?;
    }
    Ok(())
}

/// What a member with a fault may cost.
#[derive(Clone, Copy)]
struct Trial {
    name: &'static str,
    fault: Fault,
    members: usize,
    packets_per_second: u32,
    /// How long it goes on.
    duration: Duration,
    /// How long others may be missing from the views of others.
    absence_max: Duration,
    /// How long after it all views agree again.
    recovery_max: Duration,
}

impl Trial {
    const fn new(name: &'static str, fault: Fault) -> Self {
        Self {
            name,
            fault,
            members: 16,
            packets_per_second: 20,
            duration: seconds(15),
            absence_max: REFUTATION_MAX,
            recovery_max: seconds(10),
        }
    }

    fn run(self, scenario: Scenario<Growable>) -> Outcome {
        let mut cluster = settled(scenario, self.members)?;
        let Self { fault, packets_per_second, .. } = self;
        cluster.corrupt(FAULTY, Insider { fault, packets_per_second });
        let mut absences = Absences::default();
        watch(&mut cluster, &mut absences, self.duration)?;
        cluster.stop_malice();
        let recovered = cluster.run_until(self.recovery_max, Cluster::views_agree)?;
        let (count, longest) = (absences.count(), absences.longest());
        println!("{fault:?}: missing {count} times, up to {longest:?}; well after {recovered:?}");
        cluster.expect("nobody is missing for long", longest <= self.absence_max)?;
        cluster.expect("all views agree when it has stopped", recovered.is_some())
    }

    fn run_in_clear_and_sealed(self) -> Outcome {
        for seed in seeds(1..3) {
            let scenario = scenario(self.name, seed);
            self.run(scenario)?;
            self.run(Scenario { keys: Some(sealed), ..scenario })?;
        }
        Ok(())
    }
}

const AHEAD: [Ahead; 5] = [Ahead::By(0), Ahead::By(1), Ahead::Guard, Ahead::Max, Ahead::Mixed];

#[test]
fn incarnations_from_the_future_evict_nobody() -> Outcome {
    let name = "incarnations_from_the_future_evict_nobody";
    for ahead in AHEAD {
        Trial::new(name, Fault::FutureDate(ahead)).run_in_clear_and_sealed()?;
    }
    Ok(())
}

#[test]
fn whoever_accuses_everybody_evicts_nobody_for_longer_than_a_refutation() -> Outcome {
    let name = "whoever_accuses_everybody_evicts_nobody_for_longer_than_a_refutation";
    for ahead in AHEAD {
        Trial::new(name, Fault::Accuse(ahead)).run_in_clear_and_sealed()?;
    }
    Ok(())
}

/// Whoever says that it has had an id for long and answers for it keeps it from its owner if its
/// boot and address are greater, but nobody misses the id; the owner stands up again once the other
/// is gone.
#[test]
fn an_impersonator_evicts_nobody() -> Outcome {
    const VICTIM: usize = 1;
    let name = "an_impersonator_evicts_nobody";
    for (seed, keys) in seeds(1..3).flat_map(|seed| KEYS.map(|keys| (seed, keys))) {
        let mut cluster = settled(Scenario { keys, ..scenario(name, seed) }, 16)?;
        let fault = Fault::Impersonate { victim: VICTIM };
        cluster.corrupt(FAULTY, Insider { fault, packets_per_second: 20 });
        let (mut absences, mut silent) = (Absences::default(), BTreeSet::new());
        for _ in 0..15 {
            watch(&mut cluster, &mut absences, SECOND)?;
            silent.extend((0..16).filter(|&node| is_silenced(&cluster, node)));
        }
        let conflicts = cluster.total(|stats| stats.conflicts);
        println!("sealed {}: silenced {silent:?}, {conflicts} conflicts", keys.is_some());
        silent.remove(&VICTIM);
        cluster.expect("nobody else falls silent", silent.is_empty())?;
        cluster.expect("nobody is missing for long", absences.longest() <= REFUTATION_MAX)?;
        cluster.stop_malice();
        let recovered = cluster.run_until(seconds(60), |cluster| {
            !is_silenced(cluster, VICTIM) && cluster.views_agree()
        })?;
        println!("well after {recovered:?}");
        cluster.expect("all views agree when it has stopped", recovered.is_some())?;
    }
    Ok(())
}

fn is_silenced(cluster: &Cluster<Growable>, node: usize) -> bool {
    cluster.node(node).is_some_and(|node| node.standing() == Standing::Silenced)
}

#[test]
fn wrong_addresses_are_put_right() -> Outcome {
    // Whoever is looked for at a wrong address hears neither pings nor accusations there.
    let trial = Trial::new("wrong_addresses_are_put_right", Fault::Misplace);
    Trial { absence_max: seconds(10), recovery_max: seconds(60), ..trial }.run_in_clear_and_sealed()
}

#[test]
fn ghosts_leave_again() -> Outcome {
    let name = "ghosts_leave_again";
    // Full tables have no room for those who were turned out.
    let trial = Trial { absence_max: seconds(30), ..Trial::new(name, Fault::Ghosts) };
    let trial = Trial { recovery_max: seconds(900), ..trial };
    seeds(1..2).try_for_each(|seed| trial.run(scenario(name, seed)))
}

/// Relays that do not exist witness nothing, so that failure detection is slower for a while.
#[test]
fn ghosts_hide_no_crash() -> Outcome {
    const NOTICED_MAX: Duration = seconds(45);
    for (seed, keys) in seeds(1..4).flat_map(|seed| KEYS.map(|keys| (seed, keys))) {
        let scenario = Scenario { keys, ..scenario("ghosts_hide_no_crash", seed) };
        let mut cluster = settled(scenario, 16)?;
        match keys {
            None => _ = cluster.let_loose(Outsider::new(Intrusion::Ghosts, Source::Original, 20)),
            Some(_) => {
                let insider = Insider { fault: Fault::Ghosts, packets_per_second: 20 };
                cluster.corrupt(FAULTY, insider);
            }
        }
        cluster.run_for(seconds(15))?;
        cluster.crash(7);
        let noticed = cluster.run_until(NOTICED_MAX, |cluster| is_gone(cluster, 7))?;
        println!("sealed {}: noticed after {noticed:?}", keys.is_some());
        cluster.expect("the crash is noticed", noticed.is_some())?;
        let ghosts = cluster.node(1).map_or(0, |node| node.members().count());
        cluster.expect("there were ghosts", ghosts > 2 * 16)?;
    }
    Ok(())
}

/// Whether nobody but the member with a fault holds a member for living.
fn is_gone(cluster: &Cluster<Growable>, node: usize) -> bool {
    let mut statuses = cluster.statuses(node).filter(|&(viewer, _)| viewer != FAULTY);
    statuses.all(|(_, status)| status.is_none_or(|status| !status.is_live()))
}

/// A crash is noticed although one member answers whatever is asked of it, and nobody is taken for
/// dead although it says that of everybody.
#[test]
fn wrong_answers_hide_no_crash_and_make_none() -> Outcome {
    let name = "wrong_answers_hide_no_crash_and_make_none";
    for (seed, fault) in
        seeds(1..4).flat_map(|seed| [(seed, Fault::AckAll), (seed, Fault::NackAll)])
    {
        let mut cluster = settled(scenario(name, seed), 16)?;
        cluster.corrupt(FAULTY, Insider { fault, packets_per_second: 1 });
        cluster.crash(7);
        let noticed = cluster.run_until(seconds(300), |cluster| is_gone(cluster, 7))?;
        cluster.expect("the crash is noticed", noticed.is_some())?;
        // Only where direct pings are lost is anybody else asked.
        cluster.network.link = Link::lan().losing(200);
        let mut absences = Absences::default();
        watch(&mut cluster, &mut absences, seconds(120))?;
        cluster.expect("nobody is missing for long", absences.longest() <= REFUTATION_MAX)?;
    }
    Ok(())
}

/// One of 64 members sends deaths and suspicions of all others, at the largest incarnations the
/// format can carry, at the largest that get through, and at those and the current ones by turns.
fn accuse_64(trial: Trial, arms: &[Ahead]) -> Outcome {
    for (&ahead, keys) in arms.iter().flat_map(|ahead| KEYS.map(|keys| (ahead, keys))) {
        let trial = Trial { fault: Fault::Accuse(ahead), members: 64, ..trial };
        trial.run(Scenario { keys, ..scenario(trial.name, 1) })?;
    }
    Ok(())
}

#[test]
fn one_of_64_evicts_nobody_for_longer_than_a_refutation() -> Outcome {
    let name = "one_of_64_evicts_nobody_for_longer_than_a_refutation";
    let trial = Trial::new(name, Fault::Accuse(Ahead::Mixed));
    let trial = Trial { packets_per_second: 5, duration: seconds(8), ..trial };
    accuse_64(trial, &[Ahead::Max, Ahead::Guard, Ahead::Mixed])
}

#[test]
#[ignore = "takes minutes"]
fn one_of_64_evicts_nobody_in_ten_minutes() -> Outcome {
    let name = "one_of_64_evicts_nobody_in_ten_minutes";
    let trial = Trial::new(name, Fault::Accuse(Ahead::Mixed));
    let trial = Trial { packets_per_second: 5, duration: seconds(600), ..trial };
    accuse_64(trial, &[Ahead::Guard, Ahead::Mixed])
}

#[test]
#[ignore = "takes a minute"]
fn one_of_64_evicts_nobody_at_a_hundred_packets_a_second() -> Outcome {
    let name = "one_of_64_evicts_nobody_at_a_hundred_packets_a_second";
    let trial = Trial::new(name, Fault::Accuse(Ahead::Mixed));
    accuse_64(Trial { packets_per_second: 100, ..trial }, &AHEAD)
}
