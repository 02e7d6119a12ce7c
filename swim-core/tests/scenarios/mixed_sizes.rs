//! Nodes whose links carry datagrams of different sizes, in one cluster.

use std::time::Duration;

use swim_core::wire::{Cookie, Message, Pull, Sync};
use swim_core::{Channel, Config, DATAGRAM_LEN_MIN, Status};

use crate::harness::*;

type Mixed = World<64, 32>;

const SMALL_LEN: u16 = DATAGRAM_LEN_MIN as u16;
const METADATA: [u8; 24] = [7; 24];

/// The `large` have datagrams of 1 400 bytes, B of 127, and nothing longer reaches it. The large
/// know `common` members more and `theirs`, B knows `common` and `its_own`; all of them answer.
fn mixed(large: &[u16], common: u16, theirs: u16, its_own: u16) -> Mixed {
    let mut world = Mixed::empty(Config { anti_entropy: true, ..quiet() });
    large.iter().for_each(|&node| world.start(node));
    world.config.datagram_len_max = SMALL_LEN;
    world.start(B);
    world.acquaint(&[large, &[B]].concat());
    let (ours, theirs, its_own) = (100..100 + common, 200..200 + theirs, 300..300 + its_own);
    for member in ours.clone().chain(theirs.clone()).chain(its_own.clone()) {
        world.puppet(member);
    }
    for &node in large {
        know(&mut world, node, ours.clone().chain(theirs.clone()));
    }
    know(&mut world, B, ours.chain(its_own));
    world.lose(|sent| {
        let long = sent.bytes.len() > SMALL_LEN.into();
        long && sent.to == B && sent.channel == Channel::Datagram
    });
    world
}

fn know(world: &mut Mixed, node: u16, members: impl Iterator<Item = u16>) {
    for member in members {
        let row = alive_with(member, 1, &METADATA);
        world.tell(node, STRANGER, last_page(0), &[row]).expect("a page");
    }
    world.events(node);
}

fn sync(sent: &Sent) -> Option<Sync> {
    match sent.message() {
        Some(Message::Sync(sync)) => Some(sync),
        _ => None,
    }
}

/// Whether it starts a reconciliation.
fn is_first_step(sent: &Sent) -> bool {
    sync(sent).is_some_and(|sync| sync.hop == 0)
}

fn table(world: &Mixed, node: u16) -> Vec<(u64, u32, Status)> {
    let members = world.node(node).members();
    let rows = members.iter().map(|row| (row.id.number(), row.incarnation.number(), row.status));
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable_by_key(|row| row.0);
    rows
}

fn becomes_equal(world: &mut Mixed, large: &[u16], members: usize) -> Vec<Sent> {
    world.run(120_000);
    assert_eq!(table(world, B).len(), members);
    for &node in large {
        assert_eq!(table(world, node), table(world, B), "{node}");
    }
    world.sent()
}

fn longest(sent: &[Sent], wanted: impl Fn(&Sent) -> bool) -> usize {
    sent.iter().filter(|sent| wanted(sent)).map(|sent| sent.bytes.len()).max().expect("packets")
}

#[test]
fn a_node_with_small_datagrams_reconciles_with_large_ones() {
    let mut world = mixed(&[A, C], 30, 6, 6);
    world.lose(|sent| sent.to == B && is_first_step(sent));
    let sent = becomes_equal(&mut world, &[A, C], 45);
    assert!(sent.iter().any(|sent| sent.from == B && sync(sent).is_some_and(|sync| sync.hop > 0)));
}

/// The first step of the large one is short, for the table is; later ones would not be.
#[test]
fn a_node_with_large_datagrams_learns_how_long_its_steps_may_be() {
    let mut world = mixed(&[A, C], 15, 4, 4);
    world.lose(|sent| sent.from == B && is_first_step(sent));
    let sent = becomes_equal(&mut world, &[A, C], 26);
    let later = |sent: &Sent| sent.to == B && sync(sent).is_some_and(|sync| sync.hop > 0);
    let len = longest(&sent, later);
    assert!((100..=SMALL_LEN.into()).contains(&len), "{len}");
    assert!(world.stats(B).syncs_answered > 0);
}

/// What the large one would say first does not arrive, so the small one starts.
#[test]
fn a_first_step_that_is_too_long_is_made_up_for_by_the_small_one() {
    let mut world = mixed(&[A], 22, 5, 5);
    let until = world.now.after(Duration::from_secs(60));
    world.lose(move |sent| sent.from == B && is_first_step(sent) && sent.at < until);
    world.run(59_999);
    assert!(longest(&world.sent(), |sent| sent.to == B && is_first_step(sent)) > SMALL_LEN.into());
    assert_eq!((world.stats(B).syncs_answered, world.stats(A).syncs_answered), (0, 0));
    assert_eq!([A, B].map(|node| table(&world, node).len()), [29, 29]);
    let sent = becomes_equal(&mut world, &[A], 34);
    assert!(sent.iter().any(|sent| sent.from == B && is_first_step(sent)));
    assert!(longest(&sent, |sent| sent.from == B) <= SMALL_LEN.into());
}

/// What `A` answers a stranger that has proved where it is.
fn answer(question: impl Fn(u32) -> Message<u16>) -> Sent {
    let mut world = alone_with(Config { anti_entropy: true, ..still() }, &[B, C, D, E, F]);
    world.sent();
    world.tell(A, STRANGER, Some(question(0)), &[]).expect("a question");
    let Some(Message::Cookie(Cookie { cookie, .. })) = world.sent()[0].message() else {
        panic!("no cookie")
    };
    world.now = world.now.after(Duration::from_millis(10));
    world.tell(A, STRANGER, Some(question(cookie)), &[]).expect("a question");
    let sent = world.sent();
    sent.into_iter().find(|sent| sent.to == STRANGER).expect("an answer")
}

#[test]
fn who_claims_to_take_next_to_nothing_is_answered_in_127_bytes() {
    for len_max in [0, 30, 126, 127] {
        let pull =
            |cookie| Message::Pull(Pull { number: 8, cookie, from: 0, last: u64::MAX, len_max });
        let page = answer(pull);
        assert!(page.page().is_some() && page.updates().len() >= 4, "{page:?}");
        assert!(page.bytes.len() <= DATAGRAM_LEN_MIN);
        let sync = |cookie| Message::Sync(Sync { number: 8, cookie, hop: 0, len_max });
        let reply = answer(sync);
        let Some(Message::SyncReply(said)) = reply.message() else { panic!("{reply:?}") };
        assert_eq!((said.number, said.hop, said.members, said.len_max), (8, 1, 6, 1_400));
    }
}
