//! What must hold of all packets.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::FileFailurePersistence;
use swim_core::wire::{
    Ack, Belief, Busy, Cookie, Digest, ENTRY_VALUES_MAX, Header, Join, Message, Nack, Packet,
    PacketWriter, Page, ParseError, Ping, PingRequest, Pull, Refusal, Refuse, Sync, SyncReply,
    View, Welcome,
};
use swim_core::{Address, Claim, Incarnation, Label, NodeId, Status};

use super::cases::cases;
use super::cut::{Cut, HEADER_FIXED_LEN, ROUND_LEN, longer_varints};
use super::draft::{
    Draft, Fact, Statement, Words, differing, fingerprints, hashes, header, patience_of, rewritten,
    tenths_of, voices, wanted,
};

/// The kinds of the specification.
const MESSAGE_KINDS: RangeInclusive<u8> = 1..=13;
const PADDING_KIND: u8 = 16;
const ENTRY_KINDS: RangeInclusive<u8> = 24..=27;
const UPDATE_KINDS: RangeInclusive<u8> = 32..=36;

fn id() -> impl Strategy<Value = NodeId> {
    prop_oneof![0..300u64, 0..1u64 << 56, any::<u64>()].prop_map(NodeId::new)
}

fn incarnation() -> impl Strategy<Value = Incarnation> {
    prop_oneof![0..300u32, any::<u32>()].prop_map(Incarnation::new)
}

fn status() -> impl Strategy<Value = Status> {
    prop::sample::select(vec![Status::Alive, Status::Suspect, Status::Dead, Status::Left])
}

/// Scope and flow of an IPv6 address do not travel.
fn socket_address() -> impl Strategy<Value = SocketAddr> + Clone {
    prop_oneof![
        (any::<Ipv4Addr>(), any::<u16>()).prop_map(SocketAddr::from),
        (any::<Ipv6Addr>(), any::<u16>()).prop_map(SocketAddr::from),
    ]
    .boxed()
}

fn any_header() -> impl Strategy<Value = Header> {
    (".{0,8}", id(), incarnation(), any::<u16>()).prop_map(|(name, sender, incarnation, round)| {
        Header { label: Label::new(&name), sender, incarnation, round }
    })
}

fn belief() -> impl Strategy<Value = Option<Belief>> {
    prop::option::of(
        (incarnation(), status()).prop_map(|(incarnation, status)| Belief { incarnation, status }),
    )
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop::sample::select(vec![
        Refusal::OtherCluster,
        Refusal::IdInUse,
        Refusal::Leaving,
        Refusal::TableFull,
    ])
}

fn digest() -> impl Strategy<Value = Digest> {
    (prop_oneof![1..300u32, 1..=u32::MAX], any::<u32>())
        .prop_map(|(members, fingerprint)| Digest { members, fingerprint })
}

fn view() -> impl Strategy<Value = View> {
    prop_oneof![
        Just(View::Unsaid),
        Just(View::Equal),
        (digest(), any::<u32>()).prop_map(|(digest, cookie)| View::Differs { digest, cookie }),
    ]
}

fn message<A: Address>(
    address: impl Strategy<Value = A> + 'static,
) -> impl Strategy<Value = Message<A>> {
    prop_oneof![probe_message(address), join_message(), anti_entropy_message()]
}

fn probe_message<A: Address>(
    address: impl Strategy<Value = A> + 'static,
) -> impl Strategy<Value = Message<A>> {
    let number = any::<u32>;
    prop_oneof![
        (number(), id(), belief(), prop::option::of(digest())).prop_map(
            |(number, target, belief, digest)| {
                Message::Ping(Ping { number, target, belief, digest })
            }
        ),
        (number(), any::<bool>(), view()).prop_map(|(number, stranger, view)| Message::Ack(Ack {
            number,
            stranger,
            view
        })),
        (number(), id(), address, belief(), any::<u32>()).prop_map(
            |(number, target, address, belief, nack_after_ms)| {
                let request = PingRequest { number, target, address, belief, nack_after_ms };
                Message::PingRequest(request)
            }
        ),
        (number(), any::<bool>())
            .prop_map(|(number, refused)| Message::Nack(Nack { number, refused })),
    ]
}

fn join_message<A: Address>() -> impl Strategy<Value = Message<A>> {
    let number = any::<u32>;
    prop_oneof![
        number().prop_map(|number| Message::Join(Join { number })),
        (number(), any::<u32>(), any::<u32>()).prop_map(|(number, members, cookie)| {
            Message::Welcome(Welcome { number, members, cookie })
        }),
        (number(), refusal())
            .prop_map(|(number, reason)| Message::Refuse(Refuse { number, reason })),
    ]
}

fn anti_entropy_message<A: Address>() -> impl Strategy<Value = Message<A>> {
    let number = any::<u32>;
    prop_oneof![
        (number(), any::<u32>(), any::<u64>(), any::<u64>(), any::<u16>()).prop_map(
            |(number, cookie, from, last, len_max)| {
                Message::Pull(Pull { number, cookie, from, last, len_max })
            }
        ),
        (number(), any::<u64>()).prop_map(|(number, next)| Message::Page(Page { number, next })),
        (number(), any::<u32>(), any::<u8>(), any::<u16>()).prop_map(
            |(number, cookie, hop, len_max)| {
                Message::Sync(Sync { number, cookie, hop, len_max })
            }
        ),
        (number(), any::<u8>(), any::<u32>(), any::<u16>()).prop_map(
            |(number, hop, members, len_max)| {
                Message::SyncReply(SyncReply { number, hop, members, len_max })
            }
        ),
        (number(), any::<u32>())
            .prop_map(|(number, cookie)| Message::Cookie(Cookie { number, cookie })),
        number().prop_map(|number| Message::Busy(Busy { number })),
    ]
}

fn range() -> impl Strategy<Value = u64> {
    prop_oneof![1..300u64, 1..1u64 << 24, 1..=u64::MAX]
}

fn statement() -> impl Strategy<Value = Statement> {
    let values = || vec(any::<u32>(), 0..=ENTRY_VALUES_MAX);
    prop_oneof![
        (range(), vec(any::<u32>(), ENTRY_VALUES_MAX), 0..=5u32).prop_map(
            |(range, values, halvings)| {
                let deepest = range.leading_zeros();
                fingerprints(range, &values[..1 << halvings.min(deepest)])
            }
        ),
        (range(), values()).prop_map(|(range, values)| hashes(range, &values)),
        (range(), values()).prop_map(|(range, values)| wanted(range, &values)),
        (range(), any::<u32>(), 0..=5u32).prop_map(|(range, parts, halvings)| {
            let above = 1u64 << (1 << halvings.min(range.leading_zeros()));
            differing(range, above | u64::from(parts) & (above - 1))
        }),
    ]
}

fn fact<A: Address>(address: impl Strategy<Value = A>) -> impl Strategy<Value = Fact<A>> {
    // Long metadata now and then, for lengths of two bytes.
    let metadata = prop_oneof![9 => vec(any::<u8>(), 0..24), 1 => vec(any::<u8>(), 100..400)];
    let patience = any::<u16>().prop_map(patience_of);
    let asleep = prop_oneof![3 => Just(0), 1 => 1..1u32 << 28].prop_map(tenths_of);
    let said = (any::<u16>(), patience, address, metadata, asleep).prop_map(
        |(boot, patience, address, metadata, asleep)| Words {
            boot,
            patience,
            address,
            metadata,
            asleep,
        },
    );
    (id(), incarnation(), status(), vec(id(), 0..7), said).prop_map(
        |(id, incarnation, status, accusers, said)| {
            let mut claim = Claim::new(incarnation, status);
            if matches!(status, Status::Suspect | Status::Dead) {
                claim.voices = voices(&accusers);
            }
            Fact { id, claim, said: (status == Status::Alive).then_some(said) }
        },
    )
}

fn draft<A: Address>(
    address: impl Strategy<Value = A> + Clone + 'static,
) -> impl Strategy<Value = Draft<A>> {
    let message = prop::option::weighted(0.8, message(address.clone()));
    (any_header(), message, vec(statement(), 0..4), vec(fact(address), 0..6)).prop_map(
        |(header, message, statements, facts)| Draft {
            message,
            ..Draft::new(header).compares(statements).tells(facts)
        },
    )
}

fn known_kind() -> impl Strategy<Value = u8> {
    prop_oneof![MESSAGE_KINDS, ENTRY_KINDS, UPDATE_KINDS, Just(PADDING_KIND)]
}

fn unknown_kind() -> impl Strategy<Value = u8> {
    any::<u8>().prop_filter("a kind of this release", |kind| {
        *kind != PADDING_KIND
            && [MESSAGE_KINDS, ENTRY_KINDS, UPDATE_KINDS].iter().all(|kinds| !kinds.contains(kind))
    })
}

fn survives<A: Address>(draft: &Draft<A>) -> Result<(), TestCaseError> {
    let bytes = draft.bytes();
    prop_assert!(draft.is_read_from(&bytes), "{:?}", Packet::<A>::parse(&bytes));
    prop_assert_eq!(Cut::new(&bytes).bytes(), bytes.clone());
    prop_assert_eq!(rewritten::<A>(&bytes), Ok(bytes));
    Ok(())
}

fn has_only_whole_prefixes<A: Address>(draft: &Draft<A>) -> Result<(), TestCaseError> {
    let bytes = draft.bytes();
    let boundaries = Cut::new(&bytes).boundaries();
    for len in 0..=bytes.len() {
        let Ok(packet) = Packet::<A>::parse(&bytes[..len]) else {
            prop_assert!(!boundaries.contains(&len), "{} bytes are whole frames", len);
            continue;
        };
        prop_assert!(boundaries.contains(&len), "{} bytes cut a frame", len);
        prop_assert_eq!(packet.header, draft.header);
        prop_assert!(packet.message.is_none() || packet.message == draft.message);
        let updates: Vec<_> = packet.updates().collect();
        prop_assert!(draft.updates().starts_with(&updates));
        let entries: Vec<_> = packet.entries().collect();
        prop_assert!(draft.entries().starts_with(&entries));
    }
    Ok(())
}

/// Whatever the room, what is written are the first frames, and nothing beyond them.
fn is_written_frame_by_frame<A: Address>(draft: &Draft<A>) -> Result<(), TestCaseError> {
    let bytes = draft.bytes();
    let boundaries = Cut::new(&bytes).boundaries();
    for room in 0..=bytes.len() {
        let mut buffer = vec![0xa5; room];
        let fitting = boundaries.range(..=room).next_back().copied();
        match draft.write(&mut buffer) {
            None => prop_assert_eq!(fitting, None),
            Some((len, complete)) => {
                prop_assert_eq!(Some(len), fitting);
                prop_assert_eq!(complete, len == bytes.len());
                prop_assert_eq!(&buffer[..len], &bytes[..len]);
            }
        }
    }
    Ok(())
}

/// Reading never panics; what is read has one spelling, which is read as the same.
fn has_a_normal_form<A: Address>(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(packet) = Packet::<A>::parse(bytes) else { return Ok(()) };
    let normal = rewritten::<A>(bytes).expect("what is read can be written");
    let again = Packet::<A>::parse(&normal).expect("what is written can be read");
    prop_assert_eq!((again.header, again.message), (packet.header, packet.message));
    prop_assert!(again.updates().eq(packet.updates()));
    prop_assert!(again.entries().eq(packet.entries()));
    prop_assert_eq!(rewritten::<A>(&normal), Ok(normal));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(512),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            concat!(env!("CARGO_MANIFEST_DIR"), "/../proptest-regressions/wire.txt"),
        ))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_written_is_read_as_the_same(
        internet in draft(socket_address()),
        radio in draft(any::<u16>()),
    ) {
        survives(&internet)?;
        survives(&radio)?;
    }

    #[test]
    fn a_packet_cut_short_is_refused_or_read_as_its_first_frames(
        internet in draft(socket_address()),
        radio in draft(any::<u16>()),
    ) {
        has_only_whole_prefixes(&internet)?;
        has_only_whole_prefixes(&radio)?;
    }

    #[test]
    fn a_buffer_takes_the_frames_that_fit_and_no_half_frame(
        internet in draft(socket_address()),
        radio in draft(any::<u16>()),
    ) {
        is_written_frame_by_frame(&internet)?;
        is_written_frame_by_frame(&radio)?;
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        has_a_normal_form::<SocketAddr>(&bytes)?;
        has_a_normal_form::<u16>(&bytes)?;
    }

    /// Random bytes hardly ever get past the header; these do.
    #[test]
    fn any_frames_are_read_or_refused(
        header in any_header(),
        frames in vec((known_kind(), vec(any::<u8>(), 0..40)), 0..6),
    ) {
        let header = Draft::<u16>::new(header).bytes();
        let bytes = Cut { header, frames }.bytes();
        has_a_normal_form::<SocketAddr>(&bytes)?;
        has_a_normal_form::<u16>(&bytes)?;
    }

    #[test]
    fn a_damaged_packet_is_read_or_refused(
        draft in draft(socket_address()),
        damage in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = draft.bytes();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        has_a_normal_form::<SocketAddr>(&bytes)?;
        has_a_normal_form::<u16>(&bytes)?;
    }

    #[test]
    fn frames_of_unknown_kind_are_skipped(
        draft in draft(socket_address()),
        unknown in vec((any::<Index>(), unknown_kind(), vec(any::<u8>(), 0..200)), 1..4),
    ) {
        let mut cut = Cut::new(&draft.bytes());
        for (place, kind, body) in unknown {
            cut.insert(place, kind, body);
        }
        prop_assert!(draft.is_read_from(&cut.bytes()));
        prop_assert_eq!(rewritten::<SocketAddr>(&cut.bytes()), Ok(draft.bytes()));
    }

    #[test]
    fn surplus_bytes_of_a_body_are_ignored(
        draft in draft(socket_address()),
        surplus in vec(vec(any::<u8>(), 0..130), 11),
    ) {
        let mut cut = Cut::new(&draft.bytes());
        for ((_, body), surplus) in cut.frames.iter_mut().zip(surplus) {
            body.extend(surplus);
        }
        prop_assert!(draft.is_read_from(&cut.bytes()));
        prop_assert_eq!(rewritten::<SocketAddr>(&cut.bytes()), Ok(draft.bytes()));
    }

    #[test]
    fn longer_spellings_are_read_as_the_same(
        header in any_header(),
        (number, target, belief) in (any::<u32>(), id(), belief()),
        (range, value) in (range(), any::<u32>()),
        (gone, incarnation) in (id(), incarnation()),
        lens in vec(0..=10usize, 8),
    ) {
        let ping = Message::Ping(Ping { number, target, belief, digest: None });
        let left = Fact { id: gone, claim: Claim::new(incarnation, Status::Left), said: None };
        let draft = Draft::<u16>::new(header).says(ping).tells(vec![left]);
        let draft = draft.compares(vec![wanted(range, &[value])]);
        let bytes = draft.bytes();
        let mut cut = Cut::new(&bytes);
        let speaker_end = cut.header.len() - ROUND_LEN;
        let speaker = &cut.header[HEADER_FIXED_LEN..speaker_end];
        let speaker = longer_varints(speaker, &[lens[0], lens[1].min(5)]);
        cut.header.splice(HEADER_FIXED_LEN..speaker_end, speaker);
        let [asked, stated, told] = [0, 1, 2].map(|frame| &cut.frames[frame].1);
        let number_len = size_of_val(&number);
        let (number, rest) = asked.split_at(number_len);
        let asked = [number, &longer_varints(rest, &[lens[2], lens[3], lens[6].min(5)])].concat();
        let (numbers, value) = stated.split_at(stated.len() - size_of_val(&value));
        let stated = [&longer_varints(numbers, &[lens[7], lens[6].min(5)]), value].concat();
        let told = longer_varints(told, &[lens[4], lens[5].min(5)]);
        for (frame, body) in cut.frames.iter_mut().zip([asked, stated, told]) {
            frame.1 = body;
        }
        prop_assert!(draft.is_read_from(&cut.bytes()));
        prop_assert_eq!(rewritten::<u16>(&cut.bytes()), Ok(bytes));
    }

    #[test]
    fn a_message_may_stand_anywhere_but_not_beside_another(
        draft in draft(socket_address()),
        first in (any::<Index>(), message(socket_address())),
        second in (any::<Index>(), message(socket_address())),
    ) {
        let header = draft.header;
        let mut cut = Cut::new(&Draft { message: None, ..draft.clone() }.bytes());
        let mut insert = |(place, message)| {
            let alone = Draft::new(header).says(message);
            let (kind, body) = Cut::new(&alone.bytes()).frames.remove(0);
            cut.insert(place, kind, body);
            cut.bytes()
        };
        let one = Draft { message: Some(first.1), ..draft.clone() };
        let bytes = insert(first);
        prop_assert!(one.is_read_from(&bytes));
        prop_assert_eq!(rewritten::<SocketAddr>(&bytes), Ok(bytes));
        let refused = Packet::<SocketAddr>::parse(&insert(second)).err();
        prop_assert_eq!(refused, Some(ParseError::TwoMessages));
    }

    /// Padding may stand anywhere and hold anything; it is kept, as zeros.
    #[test]
    fn padding_says_nothing(
        draft in draft(socket_address()),
        padding in vec((any::<Index>(), vec(any::<u8>(), 0..200)), 1..4),
    ) {
        let mut cut = Cut::new(&draft.bytes());
        let mut zeros = cut.clone();
        for (place, body) in padding {
            zeros.insert(place, PADDING_KIND, vec![0; body.len()]);
            cut.insert(place, PADDING_KIND, body);
        }
        prop_assert!(draft.is_read_from(&cut.bytes()));
        prop_assert_eq!(rewritten::<SocketAddr>(&cut.bytes()), Ok(zeros.bytes()));
    }
}

/// A frame has two bytes at least, and none has 130.
#[test]
fn a_padded_packet_is_as_long_as_it_should_be_or_a_byte_shorter() {
    let bare = Draft::<u16>::new(header()).bytes().len();
    for room in bare..400 {
        for len_min in 0..300 {
            let mut buffer = vec![0xa5; room];
            let mut writer = PacketWriter::new(&mut buffer, &header()).expect("room");
            writer.pad(len_min);
            let len = writer.finish();
            let wanted = len_min.min(room).max(bare);
            assert!(len == wanted || len + 1 == wanted, "{len} of {len_min}, room {room}");
            assert!(Packet::<u16>::parse(&buffer[..len]).is_ok());
        }
    }
}
