//! Updates: one record about one member, in as few bytes as it takes.

use core::fmt;
use core::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::address::Address;
use crate::judge::{Card, Claim, VOICES_MAX, Voices};
use crate::member::{Incarnation, NodeId, Patience, Status, Voice};
use crate::time::micros;

use super::error::ParseError;
use super::frame::{Frame, write_frame};
use super::kind;

/// What is said about a member. On the wire an Alive carries claim and card, everything else the
/// claim alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a, A> {
    /// Whom it is about.
    pub id: NodeId,
    /// Its status at an incarnation.
    pub claim: Claim,
    /// What it says of itself; there if and only if the status is Alive.
    pub card: Option<Card<'a, A>>,
    /// For how long it will be silent on purpose; zero of everybody who is awake.
    pub asleep: Duration,
}

impl<'a, A: Copy> Update<'a, A> {
    /// The update by which a member says, through `card`, that it is alive.
    pub const fn alive(id: NodeId, card: Card<'a, A>) -> Self {
        let claim = Claim::new(card.incarnation, Status::Alive);
        Self { id, claim, card: Some(card), asleep: Duration::ZERO }
    }

    /// The same of a member that will be silent for so long.
    #[must_use]
    pub const fn asleep(self, asleep: Duration) -> Self {
        Self { asleep, ..self }
    }

    /// The update that makes `claim` about a member and says nothing else.
    pub const fn claim(id: NodeId, claim: Claim) -> Self {
        Self { id, claim, card: None, asleep: Duration::ZERO }
    }
}

#[derive(Serialize, Deserialize)]
struct AliveBody<'a, A> {
    id: NodeId,
    incarnation: Incarnation,
    #[serde(with = "postcard::fixint::le")]
    boot: u16,
    patience: Patience,
    address: A,
    #[serde(borrow)]
    metadata: Bytes<'a>,
}

/// An Alive of somebody who will be silent for a while.
#[derive(Serialize, Deserialize)]
struct AsleepBody<'a, A> {
    #[serde(borrow)]
    alive: AliveBody<'a, A>,
    sleep: SleepLeft,
}

/// In tenths of a second, begun ones counted.
#[derive(Serialize, Deserialize)]
struct SleepLeft(u32);

#[derive(Serialize, Deserialize)]
struct AccusedBody {
    id: NodeId,
    incarnation: Incarnation,
    voices: Voices,
}

#[derive(Serialize, Deserialize)]
struct LeftBody {
    id: NodeId,
    incarnation: Incarnation,
}

impl<'a, A: Address> Update<'a, A> {
    /// The update in `frame`; `None` when the frame is something else.
    pub(super) fn read(frame: Frame<'a>) -> Result<Option<Self>, ParseError> {
        Ok(Some(match frame.kind {
            kind::ALIVE => frame.read::<AliveBody<'a, A>>()?.into(),
            kind::ASLEEP => {
                let AsleepBody { alive, sleep } = frame.read()?;
                Self::from(alive).asleep(sleep.duration())
            }
            kind::SUSPECT => Self::read_accused(frame, Status::Suspect)?,
            kind::DEAD => Self::read_accused(frame, Status::Dead)?,
            kind::LEFT => {
                let LeftBody { id, incarnation } = frame.read()?;
                Self::claim(id, Claim::new(incarnation, Status::Left))
            }
            _ => return Ok(None),
        }))
    }

    /// Whether `frame` is an update; an error if it is one that does not decode. Cheaper than
    /// [`read`](Self::read): nothing is built.
    pub(super) fn check(frame: Frame<'a>) -> Result<bool, ParseError> {
        match frame.kind {
            kind::ALIVE => frame.read::<AliveBody<'_, A>>().map(|_| true),
            kind::ASLEEP => frame.read::<AsleepBody<'_, A>>().map(|_| true),
            kind::SUSPECT | kind::DEAD => frame.read::<AccusedBody>().map(|_| true),
            kind::LEFT => frame.read::<LeftBody>().map(|_| true),
            _ => Ok(false),
        }
    }

    fn read_accused(frame: Frame<'a>, status: Status) -> Result<Self, ParseError> {
        let AccusedBody { id, incarnation, voices } = frame.read()?;
        Ok(Self::claim(id, Claim { incarnation, status, voices }))
    }

    /// Writes the update as a frame; `None` when it does not fit.
    pub(super) fn write(&self, buffer: &mut [u8]) -> Option<usize> {
        let Self { id, claim: Claim { incarnation, status, voices }, card, asleep } = *self;
        match (status, card) {
            (Status::Alive, Some(Card { incarnation, boot, patience, address, metadata })) => {
                let metadata = Bytes(metadata);
                let alive = AliveBody { id, incarnation, boot, patience, address, metadata };
                match asleep {
                    Duration::ZERO => write_frame(buffer, kind::ALIVE, &alive),
                    _ => {
                        let sleep = SleepLeft::covering(asleep);
                        write_frame(buffer, kind::ASLEEP, &AsleepBody { alive, sleep })
                    }
                }
            }
            // An Alive without a card says nothing that could be acted on.
            (Status::Alive, None) => None,
            (Status::Suspect, _) => {
                write_frame(buffer, kind::SUSPECT, &AccusedBody { id, incarnation, voices })
            }
            (Status::Dead, _) => {
                write_frame(buffer, kind::DEAD, &AccusedBody { id, incarnation, voices })
            }
            (Status::Left, _) => write_frame(buffer, kind::LEFT, &LeftBody { id, incarnation }),
        }
    }
}

impl<'a, A: Copy> From<AliveBody<'a, A>> for Update<'a, A> {
    fn from(body: AliveBody<'a, A>) -> Self {
        let AliveBody { id, incarnation, boot, patience, address, metadata: Bytes(metadata) } =
            body;
        Self::alive(id, Card { incarnation, boot, patience, address, metadata })
    }
}

impl SleepLeft {
    /// The longest that takes four bytes: 310 days. Whoever says more is taken to say this.
    const MOST: u32 = (1 << 28) - 1;

    /// The shortest that is at least `left`, or the longest there is.
    fn covering(left: Duration) -> Self {
        let tenths = micros(left).div_ceil(100_000);
        Self(u32::try_from(tenths).unwrap_or(Self::MOST).min(Self::MOST))
    }

    fn duration(self) -> Duration {
        Duration::from_millis(u64::from(self.0.min(Self::MOST)).saturating_mul(100))
    }
}

/// A byte string that is borrowed, and copied in one piece instead of byte by byte.
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(Bytes)
    }
}

/// Voices travel as a byte string of four bytes each, little-endian.
impl Serialize for Voices {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = [0u8; VOICES_MAX * 4];
        for (place, voice) in bytes.chunks_exact_mut(4).zip(self.as_slice()) {
            place.copy_from_slice(&voice.0.to_le_bytes());
        }
        let len = self.count().saturating_mul(4);
        serializer.serialize_bytes(bytes.get(..len).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Voices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(VoicesVisitor)
    }
}

struct VoicesVisitor;

impl Visitor<'_> for VoicesVisitor {
    type Value = Voices;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("voices of four bytes each")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Voices, E> {
        let mut voices = Voices::NONE;
        let (chunks, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(E::invalid_length(bytes.len(), &self));
        }
        for chunk in chunks {
            voices.insert(Voice(u32::from_le_bytes(*chunk)));
        }
        Ok(voices)
    }
}
