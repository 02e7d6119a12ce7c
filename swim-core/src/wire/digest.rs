//! What a table amounts to, in a few bytes.

use core::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A digest of the live members in a table.
///
/// Two tables with equal digests are the same, but for one chance in 2^32, and the next digest
/// takes the other half of the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// How many members are alive or suspect there, the sender included; never 0.
    pub members: u32,
    /// Half of the sum of their row hashes: see [`Half`].
    pub fingerprint: u32,
}

/// Which half of a 64-bit hash is meant: the low one with messages of even number, the high one
/// with those of odd number, so that whatever one half hides the other shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Bits 0 to 31.
    Low,
    /// Bits 32 to 63.
    High,
}

impl Half {
    /// The half that goes with a message of this number.
    pub const fn of_number(number: u32) -> Self {
        if number & 1 == 0 { Self::Low } else { Self::High }
    }

    /// This half of `hash`.
    pub const fn take(self, hash: u64) -> u32 {
        match self {
            Self::Low => hash as u32,
            Self::High => (hash >> 32) as u32,
        }
    }
}

/// As an optional field: the members as a varint, 0 for none; then the fingerprint, four bytes.
pub(super) fn serialize<S: Serializer>(
    digest: &Option<Digest>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut tuple = serializer.serialize_tuple(2)?;
    match digest {
        None => tuple.serialize_element(&0u32)?,
        Some(Digest { members, fingerprint }) => {
            tuple.serialize_element(members)?;
            tuple.serialize_element(&fingerprint.to_le_bytes())?;
        }
    }
    tuple.end()
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Digest>, D::Error> {
    deserializer.deserialize_tuple(2, DigestVisitor)
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&Some(*self), serializer)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)?.ok_or_else(|| D::Error::custom("a digest of nobody"))
    }
}

struct DigestVisitor;

impl<'de> Visitor<'de> for DigestVisitor {
    type Value = Option<Digest>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count of members, and a fingerprint unless it is 0")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        let members = seq.next_element()?.ok_or_else(|| S::Error::invalid_length(0, &self))?;
        if members == 0 {
            return Ok(None);
        }
        let bytes = seq.next_element()?.ok_or_else(|| S::Error::invalid_length(1, &self))?;
        Ok(Some(Digest { members, fingerprint: u32::from_le_bytes(bytes) }))
    }
}
