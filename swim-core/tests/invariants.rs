//! What must hold of any schedule, whatever happens in it. The oracle of the simulator checks its
//! own rules after every step besides.
#![cfg(feature = "sim")]

#[path = "common/cases.rs"]
mod cases;
#[path = "common/schedule.rs"]
mod schedule;

use std::collections::BTreeMap;
use std::time::Duration;

use cases::cases;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use swim_core::sim::{Act, Cluster, Failure, Heard, Link, Scenario, Told};
use swim_core::storage::{Fixed, Growable, Storage};
use swim_core::wire::{Header, PacketWriter, Update};
use swim_core::{
    Card, Claim, Config, DEPARTED_MAX, Detector, Identity, Incarnation, Instant, Label, Member,
    Node, NodeId, Patience, Status, Voice, Voices,
};

const SECOND: Duration = Duration::from_secs(1);

/// Everything there is.
fn any_act() -> impl Strategy<Value = Act> {
    let node = any::<u8>();
    prop_oneof![
        16 => schedule::act(),
        1 => node.prop_map(Act::Kill),
        1 => (node, 0..400u16).prop_map(|(node, millis)| Act::Starve(node, millis)),
        1 => (node, -20_000..60_000i32).prop_map(|(node, millis)| Act::JumpClock(node, millis)),
        1 => (node, node).prop_map(|(node, seconds)| Act::Sleep(node, seconds)),
        1 => node.prop_map(Act::Wake),
        1 => (node, node).prop_map(|(node, other)| Act::Forget(node, other)),
        1 => node.prop_map(Act::Lose),
    ]
}

/// A schedule for a few nodes.
#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    count: usize,
    acts: Vec<Act>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let acts = prop::collection::vec(any_act(), 0..24);
    (any::<u64>(), 3..8usize, acts).prop_map(|(seed, count, acts)| Plan { seed, count, acts })
}

impl Plan {
    fn scenario<S>(&self, storage: fn(usize) -> S) -> Scenario<S> {
        let scenario = Scenario::new("--test invariants", self.seed, storage);
        // The dead are remembered until the end, or a part could forget the others.
        let config = Config { tombstone_time: 3_600 * SECOND, ..Config::local() };
        Scenario { config, drift_ppm_max: 200, ..scenario }
    }

    fn cluster<S: Storage>(&self, scenario: Scenario<S>) -> Cluster<S> {
        let mut cluster = Cluster::new(scenario);
        cluster.add_many(self.count);
        cluster.join_all(0);
        cluster
    }

    /// All of it, and the quiet after it. Looks at the cluster at least once a second.
    fn carry_out<S: Storage>(
        &self,
        storage: fn(usize) -> S,
        mut look: impl FnMut(&Cluster<S>) -> Result<(), Failure>,
    ) -> Result<Cluster<S>, Failure> {
        let mut cluster = self.cluster(self.scenario(storage));
        self.acts.iter().try_for_each(|act| perform(&mut cluster, *act, &mut look))?;
        cluster.come_to_rest()?;
        look(&cluster)?;
        Ok(cluster)
    }
}

/// One act. Looks at the cluster after it, and once a second while it waits.
fn perform<S: Storage>(
    cluster: &mut Cluster<S>,
    act: Act,
    look: &mut impl FnMut(&Cluster<S>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Act::Wait(millis) = act else {
        cluster.perform(act)?;
        return look(cluster);
    };
    let mut left = Duration::from_millis(millis.into());
    while !left.is_zero() {
        let step = left.min(SECOND);
        cluster.run_for(step)?;
        look(cluster)?;
        left -= step;
    }
    Ok(())
}

fn roomy(_node: usize) -> Growable {
    Growable::new(64, 16)
}

fn narrow(_node: usize) -> Fixed<8, 8> {
    Fixed::new()
}

/// Rows of a table that is too small for the cluster.
const TIGHT: usize = 4;

fn tight(_node: usize) -> Fixed<TIGHT, 8> {
    Fixed::new()
}

fn tight_on_the_heap(_node: usize) -> Growable {
    Growable::new(TIGHT, 8)
}

fn settings(default: u32) -> ProptestConfig {
    ProptestConfig {
        cases: cases(default),
        max_shrink_iters: 2_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../proptest-regressions/invariants.txt"
        )))),
        ..ProptestConfig::default()
    }
}

/// A broken rule as a test tells it.
fn told<T>(outcome: Result<T, Failure>) -> Result<T, TestCaseError> {
    outcome.map_err(|failure| TestCaseError::fail(failure.to_string()))
}

proptest! {
    #![proptest_config(settings(200))]

    #[test]
    fn views_are_equal_after_quiet_whatever_happened(plan in plan()) {
        told(plan.carry_out(narrow, |_| Ok(())))?;
    }

    /// News of a member that lives (`MemberUpdated`) may come twice, and say the same; nothing else
    /// may.
    #[test]
    fn what_an_application_is_told_of_a_member_is_a_story(plan in plan()) {
        let mut cluster = plan.cluster(plan.scenario(roomy));
        let mut stories = Stories::default();
        for &act in &plan.acts {
            // Rows that vanish by decree are not told of.
            if matches!(act, Act::Forget(..)) {
                continue;
            }
            told(cluster.perform(act))?;
            stories.hear(cluster.take_heard())?;
            stories.end_with(act, plan.count);
        }
        told(cluster.come_to_rest())?;
        stories.hear(cluster.take_heard())?;
        stories.agree_with(&cluster)?;
    }

    #[test]
    fn the_same_schedule_gives_the_same_bytes(plan in plan()) {
        let trace = || plan.carry_out(roomy, |_| Ok(())).map(|cluster| cluster.trace_hash());
        prop_assert_eq!(told(trace())?, told(trace())?);
    }

    #[test]
    fn a_node_sends_so_many_bytes_a_second_at_most(plan in plan()) {
        let (mut before, mut since) = (vec![0; plan.count], Instant::ZERO);
        told(plan.carry_out(roomy, |cluster| {
            let sent = |node| cluster.load(node).bytes_out;
            let sent: Vec<u64> = (0..cluster.len()).map(sent).collect();
            let most = sent.iter().zip(&before).map(|(sent, before)| sent - before).max();
            let seconds = cluster.now().since(since).as_millis().div_ceil(1_000).max(1) as u64;
            (before, since) = (sent, cluster.now());
            cluster.expect("the budget is kept", most <= Some(BYTES_PER_SECOND_MAX * seconds))
        }))?;
    }

    #[test]
    fn memory_is_bounded_whatever_happens(plan in plan()) {
        told(plan.carry_out(narrow, |cluster| memory_is_bounded(cluster, 8)))?;
    }

    /// Then views cannot be equal.
    #[test]
    fn memory_is_bounded_where_members_are_more_than_rows(plan in plan()) {
        let plan = Plan { count: plan.count + TIGHT, ..plan };
        told(plan.overfill(tight))?;
        told(plan.overfill(tight_on_the_heap))?;
    }
}

impl Plan {
    fn overfill<S: Storage>(&self, storage: fn(usize) -> S) -> Result<(), Failure> {
        // Not everybody who knows a member hears that it has moved.
        let scenario = Scenario { false_deaths_forbidden: false, ..self.scenario(storage) };
        let mut cluster = self.cluster(scenario);
        cluster.run_for(5 * SECOND)?;
        let look = &mut |cluster: &Cluster<S>| memory_is_bounded(cluster, TIGHT);
        self.acts.iter().try_for_each(|act| perform(&mut cluster, *act, look))
    }
}

fn memory_is_bounded<S: Storage>(cluster: &Cluster<S>, rows_max: usize) -> Result<(), Failure> {
    for node in (0..cluster.len()).filter_map(|node| cluster.node(node)) {
        cluster.expect("no more rows than fit", node.members().count() <= rows_max)?;
        let kept = node.snapshot().count();
        cluster.expect("no more are looked for", kept <= rows_max + DEPARTED_MAX)?;
        cluster.expect("nothing is dropped", node.stats().widened().outbox_full == 0)?;
    }
    Ok(())
}

/// What one of seven nodes may send in a second; of 4 000 schedules the worst came to 23 205.
const BYTES_PER_SECOND_MAX: u64 = 50_000;

/// What each application has been told of each member.
#[derive(Default)]
struct Stories(BTreeMap<(usize, NodeId), Told>);

impl Stories {
    /// Each event follows from those before it.
    fn hear(&mut self, heard: Vec<Heard>) -> Result<(), TestCaseError> {
        for Heard { at, node, event } in heard {
            let Some(id) = event.member() else { continue };
            let story = self.0.entry((node, id)).or_default();
            let next = story.then(&event);
            prop_assert!(next.is_some(), "{at:?}: node {node} heard {event:?} after {story:?}");
            *story = next.unwrap_or_default();
        }
        Ok(())
    }

    /// An application that ends begins anew.
    fn end_with(&mut self, act: Act, count: usize) {
        if let Act::Crash(ended)
        | Act::Kill(ended)
        | Act::Restart(ended, _)
        | Act::RestartElsewhere(ended, _) = act
        {
            self.0.retain(|(node, _), _| *node != usize::from(ended) % count);
        }
    }

    /// Whoever has listened knows what there is to be seen.
    fn agree_with(&self, cluster: &Cluster<Growable>) -> Result<(), TestCaseError> {
        for ((node, id), story) in &self.0 {
            let Some(viewer) = cluster.node(*node) else { continue };
            let status = viewer.member(*id).map(|member| member.status);
            prop_assert!(story.agrees(status), "node {node} of {id}: {story:?}, it is {status:?}");
        }
        Ok(())
    }
}

/// Members of the tables that are compared.
const MEMBERS: u64 = 5;

/// Something that is said of a member, as numbers.
#[derive(Clone, Debug)]
struct Saying {
    id: u64,
    incarnation: u32,
    status: Status,
    boot: u16,
    address: u16,
    metadata: Vec<u8>,
    accuser: u64,
}

fn saying() -> impl Strategy<Value = Saying> {
    use Status::{Alive, Dead, Left, Suspect};
    let status = prop::sample::select(vec![Alive, Suspect, Dead, Left]);
    let words = (0..2u16, 10..12u16, prop::collection::vec(0..2u8, 0..2));
    (2..2 + MEMBERS, 0..4u32, status, words, 50..56u64).prop_map(
        |(id, incarnation, status, (boot, address, metadata), accuser)| Saying {
            id,
            incarnation,
            status,
            boot,
            address,
            metadata,
            accuser,
        },
    )
}

impl Saying {
    /// That somebody is there, as all tables know it before.
    fn first(id: u64) -> Self {
        let (status, address) = (Status::Alive, id as u16);
        Self { id, incarnation: 0, status, boot: 0, address, metadata: vec![], accuser: 0 }
    }

    fn update(&self) -> Update<'_, u16> {
        let (id, incarnation) = (NodeId::new(self.id), Incarnation::new(self.incarnation));
        let (boot, address, metadata) = (self.boot, self.address, &self.metadata);
        let patience = Patience::NONE;
        let card = Card { incarnation, boot, patience, address, metadata };
        match self.status {
            Status::Alive => Update::alive(id, card),
            Status::Suspect => {
                let voices = Voices::one(Voice::from(NodeId::new(self.accuser)));
                Update::claim(id, Claim { voices, ..Claim::new(incarnation, Status::Suspect) })
            }
            status => Update::claim(id, Claim::new(incarnation, status)),
        }
    }
}

/// A node that has heard of everybody, and then of `sayings`, at one moment.
fn node_that_heard(detector: Detector, seed: u64, sayings: &[Saying]) -> Node<u16, Growable> {
    let config = Config { detector, ..Config::lan() };
    let (identity, now) = (Identity::new(NodeId::new(1), 1), Instant::ZERO);
    let node = Node::new(identity, config, Growable::new(64, 16), seed, now);
    let mut node = node.expect("settings are valid");
    let everybody: Vec<_> = (2..2 + MEMBERS).map(Saying::first).collect();
    for saying in everybody.iter().chain(sayings) {
        let (label, sender) = (Label::default(), NodeId::new(99));
        let header = Header { label, sender, incarnation: Incarnation::new(0), round: 0 };
        let mut buffer = [0; 256];
        let mut writer = PacketWriter::new(&mut buffer, &header).expect("room for the header");
        assert!(writer.update(&saying.update()));
        let len = writer.finish();
        node.handle_datagram(99, &mut buffer[..len], now).expect("it is a packet");
    }
    node
}

/// All of a table that is said of members, in the order of ids.
fn table(node: &Node<u16, Growable>) -> Vec<(Member<'_, u16>, Option<u16>)> {
    let mut rows: Vec<_> = node.members().skip(1).map(|row| (row, row.address)).collect();
    rows.sort_unstable_by_key(|(row, _)| row.id);
    rows
}

proptest! {
    #![proptest_config(settings(500))]

    /// A table is a product of semilattices: only the set of what was heard counts. With witnesses
    /// that is so of all but deaths: one of which nobody was suspected before is doubted.
    #[test]
    fn two_orders_and_repetitions_of_what_is_said_give_equal_tables(
        sayings in prop::collection::vec(saying(), 0..24),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..48),
    ) {
        let said_again = order.iter().filter(|_| !sayings.is_empty()).map(|i| i.get(&sayings));
        let shuffled: Vec<_> = said_again.chain(sayings.iter().rev()).cloned().collect();
        for detector in [Detector::Swim, Detector::Witness] {
            let counts = |saying: &&Saying| {
                detector == Detector::Swim || saying.status != Status::Dead
            };
            let heard = |seed, sayings: &[Saying]| {
                let sayings: Vec<_> = sayings.iter().filter(counts).cloned().collect();
                node_that_heard(detector, seed, &sayings)
            };
            let (one, other) = (heard(1, &sayings), heard(2, &shuffled));
            prop_assert_eq!(table(&one), table(&other));
            let again = heard(3, &[sayings.as_slice(), &sayings].concat());
            prop_assert_eq!(table(&one), table(&again));
        }
    }

    /// Three members that run, hear and are heard, whatever happens to the others.
    #[test]
    fn a_member_that_answers_is_never_dead_everywhere(
        plan in plan(),
        loss_permille in 0..200u16,
    ) {
        let acts = plan.acts.iter().filter_map(|act| spare(*act, plan.count)).collect();
        let plan = Plan { count: WELL + plan.count, acts, ..plan };
        let mut cluster = plan.cluster(plan.scenario(roomy));
        let met = told(cluster.run_until(60 * SECOND, Cluster::views_complete))?;
        prop_assert!(met.is_some());
        cluster.network.link = Link::lan().losing(loss_permille);
        let look = &mut |cluster: &Cluster<_>| {
            let any_forsaken = (0..WELL).any(|node| is_forsaken(cluster, node));
            cluster.expect("somebody knows that each lives", !any_forsaken)
        };
        for act in plan.acts.iter().flat_map(|act| [*act, Act::Wait(1_000)]) {
            told(perform(&mut cluster, act, look))?;
        }
    }
}

/// How many members nothing happens to.
const WELL: usize = 3;

/// The same act, happening to one of the others; `None` if it concerns everybody.
fn spare(act: Act, count: usize) -> Option<Act> {
    let other = |node: u8| (WELL + usize::from(node) % count) as u8;
    Some(match act {
        Act::Crash(node) => Act::Crash(other(node)),
        Act::Kill(node) => Act::Kill(other(node)),
        Act::Restart(node, seed) => Act::Restart(other(node), seed),
        Act::Freeze(node, millis) => Act::Freeze(other(node), millis),
        Act::Leave(node) => Act::Leave(other(node)),
        Act::Rejoin(node) => Act::Rejoin(other(node)),
        Act::SetMetadata(node, byte) => Act::SetMetadata(node, byte),
        Act::Wait(millis) => Act::Wait(millis),
        _ => return None,
    })
}

/// Whether all others that nothing happens to hold a member for dead.
fn is_forsaken(cluster: &Cluster<Growable>, node: usize) -> bool {
    (0..WELL)
        .filter(|&other| other != node)
        .all(|other| cluster.status(other, node).is_none_or(|status| !status.is_live()))
}
