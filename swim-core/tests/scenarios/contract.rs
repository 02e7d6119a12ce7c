//! What a driver can rely on: deadlines, buffers, bounds, errors.

use std::time::Duration;

use swim_core::wire::Refusal;
use swim_core::{Config, ConfigError, Event, Identity, Instant, MetadataTooLong, NewError, Status};

use crate::harness::*;

/// The harness checks after every timer of every test that nothing stays overdue; this test that
/// it also holds after packets and commands.
#[test]
fn after_draining_the_deadline_is_not_in_the_past() {
    let mut world = cluster(Config::lan(), &[A, B, C]);
    for round in 0..200u16 {
        world.run(137);
        match round % 5 {
            0 => world.gossip(A, &[suspect(B, world.node(B).incarnation(), 200 + round)]),
            1 => world.act(B, |twin, now| twin.set_metadata(&round.to_le_bytes(), now)).unwrap(),
            2 => world.gossip(C, &[alive(D, round.into())]),
            3 => world.join(C, A),
            _ => world.gossip(B, &[suspect(D, 1_000, 200), dead(D, 1_000)]),
        }
        for node in [A, B, C] {
            assert!(world.node(node).poll_timeout().unwrap() >= world.now);
        }
    }
    world.act(A, |twin, now| twin.leave(now));
    world.run(20_000);
    world.act(A, |twin, now| twin.rejoin(now));
    assert!(world.node(A).poll_timeout().unwrap() >= world.now);
}

#[test]
fn a_voice_that_shortens_a_suspicion_into_the_past_makes_it_due_now() {
    let mut world = alone_with(still(), &[B, C, D, E]);
    world.gossip(A, &[suspect(B, 0, C)]);
    world.run(20 * 3_600_000);
    world.gossip(A, &[suspect(B, 0, D)]);
    world.gossip(A, &[suspect(B, 0, E)]);
    assert!(world.node(A).poll_timeout().unwrap() >= world.now);
}

#[test]
fn a_timeout_handled_early_changes_nothing() {
    let mut world = cluster(Config::lan(), &[A, B]);
    world.gossip(A, &[alive(C, 0)]);
    for _ in 0..50 {
        let due = world.node(A).poll_timeout().unwrap();
        let early = Instant::from_micros(due.as_micros() - 1);
        let stats = world.stats(A);
        world.sent();
        world.act(A, |twin, _| twin.handle_timeout(early));
        assert!(world.sent().is_empty());
        assert_eq!((world.stats(A), world.node(A).poll_timeout()), (stats, Some(due)));
        world.run_to(due);
    }
}

#[test]
fn waiting_output_makes_the_deadline_immediate() {
    let now = Instant::from_secs(5);
    let mut twin = Twin::<4, 0>::new(Identity::new(id(A), A), still(), 1, now).unwrap();
    let rest = twin.poll_timeout().unwrap();
    assert!(rest > now);
    let header = world(still()).header(B);
    twin.handle_datagram(B, &forge(&header, ping(1, A), &[]), now).unwrap();
    assert_eq!(twin.poll_timeout(), Some(now), "an ack waits");
    let mut buffer = [0; 1_400];
    assert!(twin.poll_transmit(now, &mut buffer).is_some());
    assert_eq!(twin.poll_timeout(), Some(rest));
    twin.handle_datagram(B, &forge(&header, None, &[alive(B, 0)]), now).unwrap();
    assert_eq!(twin.poll_timeout(), Some(now), "an event waits");
    assert_eq!(twin.poll_event(), Some(Event::MemberJoined(id(B))));
    assert_eq!(twin.poll_event(), None);
    assert_eq!(twin.poll_timeout(), Some(rest));
}

#[test]
fn a_packet_that_does_not_fit_the_buffer_is_dropped_and_counted() {
    let now = Instant::from_secs(5);
    let mut twin = Twin::<4, 0>::new(Identity::new(id(A), A), still(), 1, now).unwrap();
    let header = world(still()).header(B);
    for len in 0..12 {
        twin.handle_datagram(B, &forge(&header, ping(1, A), &[]), now).unwrap();
        let mut buffer = vec![0; len];
        assert_eq!(twin.poll_transmit(now, &mut buffer), None, "{len}");
        assert_eq!(twin.stats().unwritable, len as u64 + 1);
        assert!(twin.poll_timeout().unwrap() > now);
    }
    twin.handle_datagram(B, &forge(&header, ping(1, A), &[]), now).unwrap();
    assert!(twin.poll_transmit(now, &mut [0; 127]).is_some());
}

#[test]
fn a_driver_that_does_not_drain_loses_the_newest_packets_and_they_are_counted() {
    let now = Instant::from_secs(5);
    let mut twin = Twin::<4, 0>::new(Identity::new(id(A), A), still(), 1, now).unwrap();
    let header = world(still()).header(B);
    for number in 0..60 {
        twin.handle_datagram(B, &forge(&header, ping(number, A), &[]), now).unwrap();
    }
    let (packets, _) = twin.drain(now);
    assert_eq!((packets.len(), twin.stats().outbox_full), (48, 12));
}

#[test]
fn every_setting_out_of_range_is_named_with_its_rule() {
    let base = Config::lan();
    let ms = Duration::from_millis;
    let (hour, day) = (Duration::from_secs(3_600), Duration::from_secs(86_400));
    let long = |config: Config| Config { probe_interval: hour, ..config };
    let (less, more) = ("is less than its minimum", "is more than its maximum");
    let (short, longer) = ("is shorter than its minimum", "is longer than its maximum");
    let timeout = "must be above 0 and below probe_interval";
    let tick = ms(1);
    let cases = [
        ("probe_interval", short, Config { probe_interval: Duration::from_micros(999), ..base }),
        ("probe_interval", longer, Config { probe_interval: hour + tick, ..base }),
        ("probe_timeout", timeout, Config { probe_timeout: Duration::ZERO, ..base }),
        ("probe_timeout", timeout, Config { probe_timeout: base.probe_interval, ..base }),
        ("indirect_probes", more, Config { indirect_probes: 9, ..base }),
        ("suspicion_mult", less, Config { suspicion_mult: 0, ..base }),
        ("suspicion_mult", more, Config { suspicion_mult: 101, ..base }),
        ("suspicion_max_mult", less, Config { suspicion_max_mult: 0, ..base }),
        ("suspicion_max_mult", more, Config { suspicion_max_mult: 101, ..base }),
        ("gossip_interval", short, Config { gossip_interval: Duration::from_micros(999), ..base }),
        ("gossip_interval", longer, Config { gossip_interval: hour + tick, ..base }),
        ("gossip_nodes", less, Config { gossip_nodes: 0, ..base }),
        ("gossip_nodes", more, Config { gossip_nodes: 9, ..base }),
        ("gossip_to_dead_time", longer, Config { gossip_to_dead_time: day + tick, ..base }),
        ("retransmit_mult", less, Config { retransmit_mult: 0, ..base }),
        ("retransmit_mult", more, Config { retransmit_mult: 11, ..base }),
        ("sync_after", longer, Config { sync_after: hour + tick, ..base }),
        ("sync_pause_max", short, Config { sync_pause_max: Duration::ZERO, ..base }),
        ("sync_pause_max", longer, Config { sync_pause_max: day + tick, ..base }),
        ("sync_pause_min", short, Config { sync_pause_min: Duration::ZERO, ..base }),
        ("sync_pause_min", longer, Config { sync_pause_min: base.sync_pause_max + tick, ..base }),
        ("pages_per_second_max", "must be at least 1", Config { pages_per_second_max: 0, ..base }),
        ("sync_timeout", short, Config { sync_timeout: Duration::ZERO, ..base }),
        ("sync_timeout", longer, Config { sync_timeout: hour + tick, ..base }),
        ("tombstone_time", short, Config { tombstone_time: ms(999), ..base }),
        ("tombstone_time", longer, Config { tombstone_time: day * 30 + tick, ..base }),
        ("departed_time", short, Config { departed_time: ms(999), ..base }),
        ("departed_time", longer, Config { departed_time: day * 30 + tick, ..base }),
        ("join_retry_max", short, Config { join_retry_max: Duration::ZERO, ..base }),
        ("join_retry_max", longer, Config { join_retry_max: day + tick, ..base }),
        ("join_retry_min", short, Config { join_retry_min: Duration::ZERO, ..base }),
        ("join_retry_min", longer, Config { join_retry_min: base.join_retry_max + tick, ..base }),
        ("leave_timeout", short, Config { leave_timeout: Duration::ZERO, ..base }),
        ("leave_timeout", longer, Config { leave_timeout: hour + tick, ..base }),
        ("datagram_len_max", "must be from 127 to 65507", Config { datagram_len_max: 126, ..base }),
        (
            "datagram_len_max",
            "must be from 127 to 65507",
            Config { datagram_len_max: 65_508, ..base },
        ),
        (
            "incarnation_skew_max",
            "must be at least 1 and below 2^31",
            Config { incarnation_skew_max: 0, ..base },
        ),
        (
            "incarnation_skew_max",
            "must be at least 1 and below 2^31",
            Config { incarnation_skew_max: 1 << 31, ..base },
        ),
    ];
    for (field, rule, config) in cases {
        let error = ConfigError { field, rule };
        assert_eq!(config.validate(), Err(error));
        let made = Twin::<4, 4>::new(Identity::new(id(A), A), config, 1, Instant::ZERO);
        assert_eq!(made.err(), Some(NewError::Config(error)));
        assert_eq!(error.to_string(), format!("config: {field} {rule}"));
    }
    assert_eq!(long(base).validate(), Ok(()));
}

#[test]
fn metadata_too_long_is_refused_with_the_limit_and_changes_nothing() {
    let now = Instant::from_secs(5);
    let too_long = MetadataTooLong { len: 33, len_max: 32 };
    let identity = Identity { metadata: &[1; 33], ..Identity::new(id(A), A) };
    let made = Twin::<16, 32>::new(identity, still(), 1, now);
    assert_eq!(made.err(), Some(NewError::Metadata(too_long)));
    let identity = Identity { metadata: &[1; 32], ..Identity::new(id(A), A) };
    let mut twin = Twin::<16, 32>::new(identity, still(), 1, now).unwrap();
    assert_eq!(twin.set_metadata(&[2; 33], now), Err(too_long));
    assert_eq!((twin.me().metadata, twin.incarnation()), (&[1; 32][..], 0));
    // What would not fit a datagram beside header and address is refused as well.
    let config = Config { datagram_len_max: 127, ..still() };
    let identity = Identity { metadata: &[1; 42], ..Identity::new(id(A), A) };
    let made = Twin::<16, 64>::new(identity, config, 1, now);
    assert_eq!(made.err(), Some(NewError::Metadata(MetadataTooLong { len: 42, len_max: 40 })));
}

#[test]
fn a_storage_without_room_for_the_node_itself_makes_no_node() {
    let made = Twin::<0, 0>::new(Identity::new(id(A), A), still(), 1, Instant::ZERO);
    assert_eq!(made.err(), Some(NewError::Storage));
}

#[test]
fn a_node_with_room_for_nobody_else_answers_and_says_that_it_is_full() {
    let mut world: World<1, 0> = World::empty(quiet());
    world.start(A);
    world.start(B);
    world.join(B, A);
    world.run(0);
    assert_eq!(world.events(A), [Event::TableFull]);
    let refused = Event::JoinRefused { seed: A, reason: Refusal::TableFull };
    assert_eq!(world.events(B), [refused]);
    assert_eq!(world.ask(A).ack().map(|ack| ack.stranger), Some(true));
    world.run(60_000);
    assert_eq!((world.node(A).members().len(), world.node(B).members().len()), (1, 1));
    assert_eq!(world.events(A), []);
}

#[test]
fn a_full_table_gives_up_tombstones_first_and_then_refuses() {
    let mut world: World<4, 0> = World::empty(still());
    world.start(A);
    world.introduce(A, &[B, C, D]);
    world.gossip(A, &[dead(B, 0)]);
    world.gossip(A, &[alive(E, 0)]);
    assert_eq!((world.known(A, B), world.known(A, E)), (None, Some((Status::Alive, 0))));
    assert_eq!((world.stats(A).evicted, world.stats(A).table_full), (1, 0));
    assert_eq!(world.events(A), [Event::MemberDead(id(B)), Event::MemberJoined(id(E))]);
    world.gossip(A, &[alive(F, 0)]);
    assert_eq!(world.events(A), [Event::TableFull]);
    world.gossip(A, &[alive(F, 0), alive(77, 0), alive(78, 0)]);
    assert_eq!((world.events(A), world.stats(A).table_full), (vec![], 4), "said once");
    let mut known: Vec<_> = world.node(A).members().iter().map(|row| row.id).collect();
    known.sort();
    assert_eq!(known, [A, C, D, E].map(id));
}

/// `TableFull` is about a new member, and the dead are none.
#[test]
fn the_end_of_a_stranger_does_not_fill_a_table() {
    let mut world: World<3, 0> = World::empty(still());
    world.start(A);
    world.introduce(A, &[B, C]);
    world.gossip(A, &[dead(78, 0), left(79, 0)]);
    assert_eq!((world.events(A), world.stats(A).table_full), (vec![], 0));
}

/// A leaf is a full citizen: whoever joins through it learns of others, who take it in.
#[test]
fn a_leaf_admits_a_joiner_for_whom_it_has_no_room() {
    let mut world: World<3, 0> = World::empty(quiet());
    world.start(A);
    world.introduce(A, &[C, D]);
    world.puppet(C);
    world.puppet(D);
    world.start(B);
    world.join(B, A);
    world.run(0);
    assert!(world.node(A).is_leaf());
    assert_eq!(world.known(A, B), None);
    let joined = Event::Joined { seed: A, by: id(A) };
    assert_eq!(world.events(B)[0], joined);
    assert_eq!(world.status(B, A), Some(Status::Alive));
    assert!([C, D].iter().any(|&other| world.status(B, other) == Some(Status::Alive)));
}

#[test]
fn a_clock_that_stands_still_or_steps_back_breaks_nothing() {
    let mut world = cluster(quiet(), &[A, B]);
    world.run(5_000);
    let due = world.node(A).poll_timeout();
    for now in [Instant::ZERO, Instant::from_secs(1), world.now, world.now] {
        world.act(A, |twin, _| twin.handle_timeout(now));
        assert_eq!(world.node(A).poll_timeout(), due);
    }
    world.run(5_000);
    assert_eq!(world.status(A, B), Some(Status::Alive));
}
