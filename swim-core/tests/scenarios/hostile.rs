//! Bytes nobody should send and calls nobody should make.

use proptest::prelude::*;
use proptest::test_runner::{FailurePersistence, FileFailurePersistence};
use swim_core::wire::{
    Busy, Cookie, Digest, Header, Join, Message, Nack, Page, Ping, Pull, Sync, SyncReply, VERSION,
    Welcome,
};
use swim_core::{
    Config, Detector, Event, Identity, Instant, KeyId, Lifeguard, Member, Rejected, Stats,
};

use crate::cases::cases;
use crate::harness::*;

/// Where failures are kept to be tried first the next time.
fn remembered() -> Option<Box<dyn FailurePersistence>> {
    const FILE: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../proptest-regressions/scenarios.txt");
    Some(Box::new(FileFailurePersistence::Direct(FILE)))
}

/// What a rejected packet must leave alone.
fn state(world: &World) -> (Vec<String>, u32, Option<Instant>, u8) {
    let node = world.node(A);
    let rows = node.members().iter().map(|row: &Member<'_, u16>| format!("{row:?}")).collect();
    (rows, node.incarnation(), node.poll_timeout(), node.health_score())
}

fn rejections(stats: &Stats) -> u64 {
    stats.rejected_malformed
        + stats.rejected_version
        + stats.rejected_unknown_key
        + stats.rejected_label
        + stats.rejected_own_id
}

/// Hands in bytes. If they are rejected, that is counted once and nothing else has changed.
fn reject(world: &mut World, bytes: &[u8]) -> Result<(), Rejected> {
    let (before, counted) = (state(world), rejections(&world.stats(A)));
    world.sent();
    let outcome = world.hand(A, B, bytes);
    if outcome.is_err() {
        assert_eq!(state(world), before, "{bytes:x?}");
        assert_eq!(rejections(&world.stats(A)), counted + 1);
        assert!(world.sent().is_empty() || outcome == Err(Rejected::OtherCluster));
    } else {
        assert_eq!(rejections(&world.stats(A)), counted);
    }
    outcome
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(10_000),
        failure_persistence: remembered(),
        ..ProptestConfig::default()
    })]

    /// Scenario 63 (DecodeCompound)
    #[test]
    fn any_bytes_are_rejected_counted_and_change_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut world = alone_with(still(), &[B, C]);
        // Bytes at random do not carry the version, flags and label.
        prop_assert!(reject(&mut world, &bytes).is_err());
    }

    /// Scenario 63 (DecodeCompound): behind a valid header.
    #[test]
    fn any_frames_behind_a_valid_header_are_rejected_or_harmless(
        frames in prop::collection::vec(any::<u8>(), 0..100),
        kinds in prop::collection::vec((0u8..40, 0usize..20), 0..6),
    ) {
        let mut world = alone_with(still(), &[B, C]);
        let mut bytes = forge(&world.header(B), None, &[]);
        let mut rest = &frames[..];
        for (kind, len) in kinds {
            let (body, tail) = rest.split_at(len.min(rest.len()));
            bytes.extend([body.len() as u8, kind]);
            bytes.extend(body);
            rest = tail;
        }
        let _ = reject(&mut world, &bytes);
        world.run(10);
        prop_assert!(world.node(A).members().len() <= 16);
    }

    /// Scenario 63 (DecodeCompound): a valid packet with bytes changed and the end cut off.
    #[test]
    fn a_damaged_packet_is_rejected_whole_or_harmless(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        keep in any::<prop::sample::Index>(),
        kind in 0usize..6,
    ) {
        let mut world = alone_with(still(), &[B, C]);
        let message = [ping(1, A), ack(2), nack(3), request(4, C, 5), last_page(6), None][kind];
        let updates = [suspect(C, 0, D), alive_with(D, 1, b"metadata"), left(B, 0)];
        let mut bytes = forge(&world.header(B), message, &updates);
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(keep.index(bytes.len()) + 1);
        let _ = reject(&mut world, &bytes);
        world.run(10);
        prop_assert!(world.node(A).members().len() <= 16);
    }
}

/// Scenario 54 (VerifyProtocol), with one version byte instead of a vector.
#[test]
fn another_wire_version_is_rejected_and_counted() {
    let mut world = alone_with(still(), &[B]);
    let mut bytes = forge(&world.header(B), ping(1, A), &[]);
    for version in (0..=u8::MAX).filter(|&version| version != VERSION) {
        bytes[0] = version;
        assert!(reject(&mut world, &bytes).is_err());
    }
    assert_eq!(world.stats(A).rejected_version, 255);
}

/// Scenario 54: what a later release adds is skipped.
#[test]
fn frames_of_unknown_kind_and_surplus_bytes_are_skipped() {
    let mut world = alone_with(still(), &[B]);
    let mut bytes = forge(&world.header(B), None, &[]);
    bytes.extend([3, 200, 1, 2, 3]);
    // A ping with two bytes more than this release knows.
    let ping = forge(&world.header(B), ping(7, A), &[]);
    let mut frame = ping[bytes.len() - 5..].to_vec();
    frame[0] += 2;
    frame.extend([8, 9]);
    bytes.extend(frame);
    world.hand(A, B, &bytes).unwrap();
    assert_eq!(world.sent()[0].ack().unwrap().number, 7);
}

#[test]
fn a_sealed_packet_is_rejected_by_who_has_no_key() {
    let mut world = alone_with(still(), &[B]);
    let mut bytes = forge(&world.header(B), ping(1, A), &[]);
    bytes[1] |= 1;
    // Key id, salt and moment.
    bytes.splice(6..6, [7; 16]);
    let key = KeyId(0x0707_0707);
    assert_eq!(world.hand(A, B, &bytes), Err(Rejected::UnknownKey(key)));
    assert_eq!(world.events(A), [Event::UnknownKey { key_id: key, from: B }]);
    assert_eq!(world.stats(A).rejected_unknown_key, 1);
}

/// Scenario 62 (HandleCompoundPing): a packet carries one message; three pings are three packets.
#[test]
fn three_pings_are_three_acks_and_two_in_one_packet_are_none() {
    let mut world = alone_with(still(), &[B]);
    for number in [1, 2, 3] {
        world.tell(A, B, ping(number, A), &[]).unwrap();
    }
    let acks: Vec<_> = world.sent().iter().map(|sent| sent.ack().unwrap().number).collect();
    assert_eq!(acks, [1, 2, 3]);
    let one = forge(&world.header(B), ping(1, A), &[]);
    let header_len = forge(&world.header(B), None, &[]).len();
    let two = [&one[..], &one[header_len..]].concat();
    assert!(reject(&mut world, &two).is_err());
    assert_eq!(world.stats(A).rejected_malformed, 1);
}

/// Scenario 64 (ReadRemoteState_Limits)
#[test]
fn lengths_beyond_the_end_are_rejected() {
    let mut world = alone_with(still(), &[B]);
    let header = forge(&world.header(B), None, &[]);
    let frames: [&[u8]; 6] = [
        &[5, 32],
        &[0xff, 0x7f, 32, 1],
        &[0xff, 0xff, 0x7f, 32],
        &[0x80, 0x00, 32],
        // An Alive whose metadata claims 2^32 bytes, and voices that claim as many.
        &[11, 32, 3, 0, 1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0],
        &[7, 33, 3, 0, 0xff, 0xff, 0xff, 0xff, 0x0f],
    ];
    for frame in frames {
        let bytes = [&header[..], frame].concat();
        assert!(reject(&mut world, &bytes).is_err(), "{frame:x?}");
    }
    assert!(reject(&mut world, &[]).is_err());
    assert_eq!(world.stats(A).rejected_malformed, 7);
}

#[test]
fn a_packet_with_one_bad_frame_is_rejected_whole() {
    let mut world = alone_with(still(), &[B, C]);
    let mut bytes = forge(&world.header(B), ping(1, A), &[dead(C, 0)]);
    bytes.extend([9, 34, 1]);
    assert!(reject(&mut world, &bytes).is_err());
    assert_eq!(world.known(A, C).unwrap().0, swim_core::Status::Alive);
}

#[test]
fn answers_nobody_asked_for_change_nothing() {
    let mut world = alone_with(still(), &[B]);
    let before = state(&world);
    let welcome = Message::Welcome(Welcome { number: 1, members: 9, cookie: 0 });
    let refuse = swim_core::wire::Refuse { number: 1, reason: swim_core::Refusal::IdInUse };
    let page = Message::Page(Page { number: 1, next: 5 });
    for message in [welcome, Message::Refuse(refuse), page] {
        world.tell(A, B, Some(message), &[]).unwrap();
    }
    world.tell(A, B, ack(1), &[]).unwrap();
    world.tell(A, B, nack(1), &[]).unwrap();
    assert_eq!((state(&world), world.events(A), world.sent().len()), (before, vec![], 0));
    assert_eq!(world.stats(A).acks_unasked, 2);
}

const DETECTORS: [Detector; 4] = [
    Detector::Swim,
    Detector::Lifeguard(Lifeguard::Paper),
    Detector::Lifeguard(Lifeguard::Memberlist),
    Detector::Witness,
];

/// One call, out of anything a driver or a network could do.
#[derive(Clone, Debug)]
enum Call {
    Timeout,
    Unreachable(u16),
    Join(u16),
    CancelJoin(u16),
    Leave,
    Rejoin,
    Metadata(Vec<u8>),
    Address(u16),
    Told {
        from: u16,
        round: u16,
        message: Option<Message<u16>>,
        updates: Vec<(u8, u16, u32)>,
        stream: bool,
    },
    Transmit(usize),
    Event,
    Drain,
}

fn member() -> impl Strategy<Value = u16> {
    1u16..24
}

fn incarnation() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..5, Just(u32::MAX), any::<u32>()]
}

fn message() -> impl Strategy<Value = Option<Message<u16>>> {
    (0u8..13, 0u32..4, any::<u32>(), member(), any::<u64>()).prop_map(
        |(kind, small, random, member, from)| {
            let number = if small == 0 { random } else { small };
            match kind {
                0 => {
                    let digest = Some(Digest { members: random, fingerprint: number });
                    Some(Message::Ping(Ping { number, target: id(member), belief: None, digest }))
                }
                1 => ack(number),
                2 => Some(Message::Nack(Nack { number, refused: random % 2 == 0 })),
                3 => request(number, member, random),
                4 => Some(Message::Join(Join { number })),
                5 => Some(Message::Welcome(Welcome { number, members: random, cookie: number })),
                6 => {
                    let (last, len_max) = (u64::MAX, random as u16);
                    Some(Message::Pull(Pull { number, cookie: random, from, last, len_max }))
                }
                7 => Some(Message::Page(Page { number, next: from })),
                8 => {
                    let (hop, len_max) = (from as u8, random as u16);
                    Some(Message::Sync(Sync { number, cookie: random, hop, len_max }))
                }
                9 => {
                    let (hop, len_max) = (from as u8, random as u16);
                    Some(Message::SyncReply(SyncReply { number, hop, members: random, len_max }))
                }
                10 => Some(Message::Cookie(Cookie { number, cookie: random })),
                11 => Some(Message::Busy(Busy { number })),
                _ => None,
            }
        },
    )
}

fn call() -> impl Strategy<Value = Call> {
    let updates = prop::collection::vec((0u8..4, member(), incarnation()), 0..4);
    prop_oneof![
        3 => Just(Call::Timeout),
        1 => (0u16..24).prop_map(Call::Join),
        1 => (0u16..24).prop_map(Call::CancelJoin),
        1 => Just(Call::Leave),
        1 => Just(Call::Rejoin),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Call::Metadata),
        1 => member().prop_map(Call::Address),
        8 => (member(), any::<u16>(), message(), updates, any::<bool>()).prop_map(
            |(from, round, message, updates, stream)| {
                Call::Told { from, round, message, updates, stream }
            }
        ),
        2 => member().prop_map(Call::Unreachable),
        2 => (0usize..200).prop_map(Call::Transmit),
        1 => Just(Call::Event),
        3 => Just(Call::Drain),
    ]
}

/// Moves the clock: not at all, back, a little, to the deadline, or late by an hour.
fn tick(clock: u8, now: Instant, due: Option<Instant>) -> Instant {
    let micros = now.as_micros();
    match clock % 6 {
        0 => now,
        1 => Instant::from_micros(micros.saturating_sub(5_000_000)),
        2 => Instant::from_micros(micros + 10_000),
        3 => Instant::from_micros(micros + 1_000_000),
        4 => due.unwrap_or(now).max(now),
        _ => Instant::from_micros(micros + 3_600_000_000),
    }
}

fn make(twin: &mut Twin<16, 32>, call: &Call, now: Instant) {
    match call {
        Call::Timeout => twin.handle_timeout(now),
        Call::Unreachable(address) => twin.handle_unreachable(*address, now),
        Call::Join(seed) => drop(twin.join(*seed, now)),
        Call::CancelJoin(seed) => drop(twin.cancel_join(*seed)),
        Call::Leave => twin.leave(now),
        Call::Rejoin => twin.rejoin(now),
        Call::Metadata(metadata) => drop(twin.set_metadata(metadata, now)),
        Call::Address(address) => twin.set_address(*address, now),
        Call::Told { from, round, message, updates, stream } => {
            let updates: Vec<_> = updates
                .iter()
                .map(|&(kind, member, incarnation)| match kind {
                    0 => alive(member, incarnation),
                    1 => suspect(member, incarnation, *from),
                    2 => dead(member, incarnation),
                    _ => left(member, incarnation),
                })
                .collect();
            let header = Header { round: *round, ..world(Config::lan()).header(*from) };
            let bytes = forge(&header, *message, &updates);
            let _ = match stream {
                true => twin.handle_stream(*from, &bytes, now),
                false => twin.handle_datagram(*from, &bytes, now),
            };
        }
        Call::Transmit(len) => drop(twin.poll_transmit(now, &mut vec![0; *len])),
        Call::Event => drop(twin.poll_event()),
        Call::Drain => drop(twin.drain(now)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(1_000),
        failure_persistence: remembered(),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_order_of_calls_at_any_time_leaves_a_node_sane(
        detector in prop::sample::select(DETECTORS.to_vec()),
        calls in prop::collection::vec((call(), any::<u8>()), 1..150),
    ) {
        let mut now = Instant::from_secs(10_000);
        let identity = Identity::new(id(A), A);
        let config = Config { detector, ..Config::lan() };
        let mut twin = Twin::<16, 32>::new(identity, config, 5, now).unwrap();
        let mut incarnation = at(0);
        for (call, clock) in &calls {
            now = tick(*clock, now, twin.poll_timeout());
            make(&mut twin, call, now);
            let members = twin.members();
            prop_assert!(members.len() <= 16);
            let live = members.iter().filter(|row| row.status.is_live()).count();
            let me = usize::from(!twin.me().status.is_live());
            prop_assert_eq!(twin.live_count(), live + me);
            prop_assert_eq!(members[0].id, id(A));
            let mut ids: Vec<_> = members.iter().map(|row| row.id).collect();
            ids.sort();
            ids.dedup();
            prop_assert_eq!(ids.len(), members.len());
            let next = at(twin.incarnation());
            prop_assert!(next.order(incarnation).is_ge(), "{:?} after {:?}", next, incarnation);
            incarnation = next;
        }
        twin.drain(now);
        prop_assert!(twin.poll_transmit(now, &mut [0; 1_400]).is_none());
        prop_assert!(twin.poll_event().is_none());
    }
}
