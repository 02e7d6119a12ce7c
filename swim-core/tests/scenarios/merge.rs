//! What is believed: how updates change the view, and what is passed on.

use swim_core::{Event, Status};

use crate::harness::*;

/// Scenario 21 (AliveNode_NewNode)
#[test]
fn an_unknown_living_member_is_told_passed_on_and_timed() {
    let mut world = world(still());
    world.start(A);
    world.run(70);
    world.gossip(A, &[alive(B, 0)]);
    assert_eq!(world.events(A), [Event::MemberJoined(id(B))]);
    assert_eq!(world.node(A).member(B).unwrap().since, world.now);
    assert_eq!(world.ask(A).updates(), [alive(B, 0)]);
}

/// Scenario 22 (AliveNode_SuspectNode)
#[test]
fn only_a_higher_incarnation_clears_a_suspicion_and_it_is_no_join() {
    let mut world = alone_with(still(), &[B, C, D]);
    world.gossip(A, &[suspect(B, 1, C)]);
    assert_eq!(world.events(A), [Event::MemberSuspected(id(B))]);
    world.gossip(A, &[alive(B, 1)]);
    assert_eq!(world.known(A, B), Some((Status::Suspect, 1)));
    assert_eq!(world.ask(A).updates(), [suspect(B, 1, C)]);
    world.gossip(A, &[alive(B, 2)]);
    assert_eq!(world.known(A, B), Some((Status::Alive, 2)));
    assert_eq!(world.events(A), [Event::MemberRecovered(id(B))]);
    assert_eq!(world.ask(A).updates(), [alive(B, 2)]);
    assert_eq!(world.stats(A).recovered, 1);
}

/// Scenario 23 (AliveNode_Idempotent)
#[test]
fn the_same_alive_twice_is_one_event_and_one_broadcast() {
    let mut world = world(still());
    world.start(A);
    world.gossip(A, &[alive(B, 3)]);
    // Spend the transmissions of the first: a second broadcast would start anew.
    for _ in 0..4 {
        assert_eq!(world.ask(A).updates(), [alive(B, 3)]);
    }
    world.gossip(A, &[alive(B, 3)]);
    assert_eq!(world.ask(A).updates(), []);
    assert_eq!(world.events(A), [Event::MemberJoined(id(B))]);
    assert_eq!(world.stats(A).updates_applied, 1);
}

/// Scenario 24 (AliveNode_ChangeMeta)
#[test]
fn new_metadata_is_an_update_and_visible_when_it_is_told() {
    let mut world = alone_with(still(), &[B]);
    world.gossip(A, &[alive_with(B, 2, b"new")]);
    assert_eq!(world.events(A), [Event::MemberUpdated(id(B))]);
    assert_eq!(world.node(A).member(B).unwrap().metadata, b"new");
    assert_eq!(world.ask(A).updates(), [alive_with(B, 2, b"new")]);
}

/// Scenario 25 (AliveNode_Refute)
#[test]
fn words_put_into_its_mouth_are_outranked_with_its_own() {
    let mut world = world(still());
    world.start(A);
    world.act(A, |twin, now| twin.set_metadata(b"mine", now)).unwrap();
    let forged = alive_with(A, 2, b"forged");
    world.gossip(A, &[forged]);
    assert_eq!((world.node(A).me().metadata, world.node(A).incarnation()), (&b"mine"[..], 3));
    let told = world.ask(A);
    let mine = told.about(A).unwrap();
    assert_eq!((mine.claim.incarnation, mine.card.unwrap().metadata), (at(3), &b"mine"[..]));
    assert_eq!(told.updates().len(), 1);
    assert_eq!(world.events(A), []);
}

/// Scenario 25: its own words coming back are no accusation.
#[test]
fn an_echo_of_its_own_words_is_not_refuted() {
    let mut world = world(still());
    world.start(A);
    world.act(A, |twin, now| twin.set_metadata(b"mine", now)).unwrap();
    let echo = world.ask(A);
    world.gossip(A, &[echo.about(A).unwrap()]);
    assert_eq!((world.node(A).incarnation(), world.stats(A).refutations), (1, 0));
}

/// Scenario 27 (DeadNodeLeft): with a higher incarnation, since merging is a lattice.
#[test]
fn who_left_returns_at_another_address_without_delay() {
    let mut world = alone_with(still(), &[B]);
    world.gossip(A, &[left(B, 5)]);
    assert_eq!(world.events(A), [Event::MemberLeft(id(B))]);
    let mut elsewhere = alive(B, 1);
    elsewhere.card.as_mut().unwrap().address = 77;
    world.gossip(A, &[elsewhere]);
    assert_eq!(world.known(A, B), Some((Status::Left, 5)), "not at a lower incarnation");
    let mut elsewhere = alive(B, 6);
    elsewhere.card.as_mut().unwrap().address = 77;
    world.gossip(A, &[elsewhere]);
    assert_eq!(world.known(A, B), Some((Status::Alive, 6)));
    assert_eq!(world.node(A).member(B).unwrap().address, Some(77));
    assert_eq!(world.events(A), [Event::MemberJoined(id(B))]);
}

/// Scenario 28 (SuspectNode_NoNode)
#[test]
fn a_suspicion_of_somebody_unknown_is_ignored() {
    let mut world = world(still());
    world.start(A);
    world.gossip(A, &[suspect(B, 4, C)]);
    assert_eq!((world.node(A).members().len(), world.stats(A).ignored_strangers), (1, 1));
    assert_eq!((world.events(A), world.ask(A).updates()), (vec![], vec![]));
}

/// Scenario 28 (DeadNode_NoNode): remembered, so that a late Alive does not revive the dead, but
/// not told.
#[test]
fn the_end_of_somebody_unknown_is_remembered_and_not_told() {
    for end in [dead(B, 4), left(B, 4)] {
        let mut world = world(still());
        world.start(A);
        world.gossip(A, &[end]);
        assert_eq!(world.known(A, B), Some((end.claim.status, 4)));
        assert_eq!(
            (world.node(A).member(B).unwrap().address, world.node(A).live_count()),
            (None, 1)
        );
        world.gossip(A, &[suspect(B, 9, C), alive(B, 4)]);
        assert_eq!(world.known(A, B), Some((end.claim.status, 4)));
        assert_eq!(world.events(A), []);
        world.gossip(A, &[alive(B, 5)]);
        assert_eq!(world.events(A), [Event::MemberJoined(id(B))]);
    }
}

/// Scenario 29 (SuspectNode)
#[test]
fn a_suspicion_is_passed_on_and_after_its_time_replaced_by_the_death() {
    let mut world = alone_with(still(), &[B]);
    world.gossip(A, &[suspect(B, 0, C)]);
    let suspected = world.node(A).member(B).unwrap().since;
    assert_eq!(world.ask(A).updates(), [suspect(B, 0, C)]);
    let died = world.until(A, Event::MemberDead(id(B)));
    // Four probe intervals; nobody is there to confirm.
    assert_eq!(died.since(suspected).as_secs(), 4 * 3_600);
    assert_eq!(world.node(A).member(B).unwrap().since, died);
    assert_eq!(world.ask(A).updates(), [dead(B, 0)]);
    assert_eq!((world.stats(A).deaths_declared, world.stats(A).died), (1, 1));
}

/// Scenario 30 (SuspectNode_DoubleSuspect)
#[test]
fn the_same_accuser_twice_changes_nothing() {
    let mut world = alone_with(still(), &[B, C, D, E]);
    world.gossip(A, &[suspect(B, 0, C)]);
    for _ in 0..4 {
        assert_eq!(world.ask(A).updates().len(), 1);
    }
    let (since, due) = (world.node(A).member(B).unwrap().since, world.node(A).poll_timeout());
    world.run(10);
    world.gossip(A, &[suspect(B, 0, C)]);
    assert_eq!(world.ask(A).updates(), []);
    assert_eq!(
        (world.node(A).member(B).unwrap().since, world.node(A).poll_timeout()),
        (since, due)
    );
}

/// Scenario 30: another accuser is news, as long as it shortens the suspicion.
#[test]
fn further_accusers_are_passed_on_up_to_those_that_count() {
    let mut world = alone_with(still(), &[B, C, D, E, F]);
    for (accuser, spread) in [(101, true), (102, true), (103, true), (104, false)] {
        world.gossip(A, &[suspect(B, 0, accuser)]);
        let passed_on: Vec<_> = (0..4).map(|_| world.ask(A).updates().len()).collect();
        assert_eq!(passed_on[0] == 1, spread, "{accuser}");
        while !world.ask(A).updates().is_empty() {}
    }
    assert_eq!(world.events(A), [Event::MemberSuspected(id(B))]);
}

/// Scenario 32 (SuspectNode_Refute, DeadNode_Refute)
#[test]
fn a_node_refutes_what_is_said_of_it_once_and_doubts_its_health() {
    for accusation in [suspect(A, 0, B), dead(A, 0), left(A, 0)] {
        let mut world = alone_with(still(), &[B]);
        world.gossip(A, &[accusation]);
        assert_eq!((world.node(A).incarnation(), world.node(A).health_score()), (1, 1));
        assert_eq!(world.known(A, A), Some((Status::Alive, 1)));
        let told = world.ask(A);
        assert_eq!(told.updates().len(), 1);
        assert_eq!(told.about(A).unwrap().claim.incarnation, at(1));
        world.gossip(A, &[accusation]);
        assert_eq!((world.node(A).incarnation(), world.stats(A).refutations), (1, 1));
        assert_eq!(world.events(A), []);
    }
}

/// Scenario 33 (DeadNode)
#[test]
fn a_death_is_one_event_and_one_broadcast() {
    let mut world = alone_with(still(), &[B, C]);
    world.gossip(A, &[dead(B, 0)]);
    assert_eq!(world.events(A), [Event::MemberDead(id(B))]);
    assert_eq!(world.ask(A).updates(), [dead(B, 0)]);
    assert_eq!((world.node(A).live_count(), world.stats(A).died), (2, 1));
}

/// Scenario 34 (DeadNode_Double): unlike memberlist, a higher incarnation is kept, or an Alive
/// between the two would revive the dead.
#[test]
fn a_repeated_death_is_no_second_event_and_keeps_the_highest_incarnation() {
    let mut world = alone_with(still(), &[B, C]);
    world.gossip(A, &[dead(B, 1)]);
    world.events(A);
    for _ in 0..4 {
        world.ask(A);
    }
    world.gossip(A, &[dead(B, 1)]);
    assert_eq!(world.ask(A).updates(), []);
    let since = world.node(A).member(B).unwrap().since;
    world.run(10);
    world.gossip(A, &[dead(B, 10)]);
    world.gossip(A, &[alive(B, 2)]);
    assert_eq!(world.known(A, B), Some((Status::Dead, 10)));
    assert_eq!(world.node(A).member(B).unwrap().since, since);
    assert_eq!((world.events(A), world.stats(A).died), (vec![], 1));
}

/// Scenario 35 (DeadNode_AliveReplay)
#[test]
fn an_alive_of_the_same_incarnation_does_not_revive_the_dead() {
    let mut world = alone_with(still(), &[B]);
    world.gossip(A, &[dead(B, 0)]);
    world.events(A);
    world.gossip(A, &[alive(B, 0)]);
    assert_eq!(world.known(A, B), Some((Status::Dead, 0)));
    assert_eq!(world.events(A), []);
}

/// Scenario 36 (MergeState)
#[test]
fn a_table_received_is_merged_and_who_is_dead_there_becomes_suspect_here() {
    let mut world = alone_with(still(), &[B, C, D]);
    world.gossip(A, &[suspect(B, 1, C)]);
    world.events(A);
    let rows = [alive(B, 2), suspect(C, 0, E), dead(D, 0), alive(E, 1), dead(F, 3)];
    world.tell(A, STRANGER, last_page(9), &rows).unwrap();
    assert_eq!(world.known(A, B), Some((Status::Alive, 2)));
    assert_eq!(world.known(A, C), Some((Status::Suspect, 0)));
    assert_eq!(world.known(A, D), Some((Status::Suspect, 0)), "it can refute");
    assert_eq!(world.known(A, E), Some((Status::Alive, 1)));
    assert_eq!(world.known(A, F), None, "the end of somebody unknown");
    let events = world.events(A);
    let joins = events.iter().filter(|event| matches!(event, Event::MemberJoined(_))).count();
    assert_eq!((joins, events.len()), (1, 4), "{events:?}");
    assert!(events.contains(&Event::MemberJoined(id(E))));
}

/// Scenario 36: who left has left, wherever that is learned.
#[test]
fn a_table_received_brings_departures_as_they_are() {
    let mut world = alone_with(still(), &[B]);
    world.tell(A, STRANGER, last_page(9), &[left(B, 0)]).unwrap();
    assert_eq!(world.events(A), [Event::MemberLeft(id(B))]);
}

#[test]
fn a_suspicion_of_a_later_incarnation_runs_anew() {
    let mut world = alone_with(still(), &[B]);
    world.gossip(A, &[suspect(B, 0, C)]);
    world.run(3 * 3_600_000);
    let start = world.now;
    world.gossip(A, &[suspect(B, 1, C)]);
    let died = world.until(A, Event::MemberDead(id(B)));
    assert_eq!(died.since(start).as_secs(), 4 * 3_600);
    assert_eq!(world.known(A, B), Some((Status::Dead, 1)));
}

#[test]
fn of_two_contents_at_one_incarnation_everybody_keeps_the_same() {
    let contents = [alive_with(B, 3, b"one"), alive_with(B, 3, b"two")];
    for order in [[0, 1], [1, 0]] {
        let mut world = alone_with(still(), &[B]);
        order.iter().for_each(|&n| world.gossip(A, &[contents[n]]));
        assert_eq!(world.node(A).member(B).unwrap().metadata, b"two");
    }
}

#[test]
fn left_outranks_dead_and_nothing_outranks_left() {
    for order in [[dead(B, 1), left(B, 1)], [left(B, 1), dead(B, 1)]] {
        let mut world = alone_with(still(), &[B]);
        order.iter().for_each(|&update| world.gossip(A, &[update]));
        world.gossip(A, &[alive(B, 1), suspect(B, 1, C)]);
        assert_eq!(world.known(A, B), Some((Status::Left, 1)));
    }
}

#[test]
fn metadata_longer_than_the_table_holds_is_left_out_and_not_passed_on() {
    let mut world: World<16, 4> = World::empty(still());
    world.start(A);
    world.gossip(A, &[alive_with(B, 1, b"too long")]);
    assert_eq!(world.events(A), [Event::MemberJoined(id(B))]);
    assert_eq!(world.node(A).member(B).unwrap().metadata, b"");
    assert_eq!((world.stats(A).metadata_too_long, world.ask(A).updates()), (1, vec![]));
    world.gossip(A, &[alive_with(B, 1, b"too long")]);
    assert_eq!(world.stats(A).metadata_too_long, 1, "not compared");
    world.gossip(A, &[alive_with(B, 2, b"fits")]);
    assert_eq!(world.node(A).member(B).unwrap().metadata, b"fits");
    assert_eq!(world.ask(A).updates(), [alive_with(B, 2, b"fits")]);
}

#[test]
fn tombstones_crumble_after_their_time() {
    let mut world = alone_with(quiet(), &[B, C]);
    world.puppet(B);
    world.gossip(A, &[dead(C, 0)]);
    world.run(599_999);
    assert_eq!(world.known(A, C), Some((Status::Dead, 0)));
    world.run(1);
    assert_eq!((world.known(A, C), world.stats(A).reaped), (None, 1));
}
