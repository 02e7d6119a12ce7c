//! Who a member is and what can be said about it.

use core::cmp::Ordering;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::{Instant, millis};

/// The name of a member: 64 bits that no two living members may share.
///
/// It travels as a varint, so a small number chosen by hand costs one or two bytes on a radio, and
/// a hashed name or a MAC address eight. Names for people belong into the metadata.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
// Rows and packets hold one each: four bytes less beside it, and no target reads it slower.
#[repr(Rust, packed(4))]
pub struct NodeId(u64);

impl NodeId {
    /// The id with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// A stable 56-bit hash of a name (FNV-1a, mixed). The same name gives the same id on every
    /// target and in every release. Of 10 000 names two collide with a chance of one in 1.4
    /// billion.
    ///
    /// ```
    /// use swim_core::NodeId;
    /// assert_eq!(NodeId::from_name("db-1"), NodeId::from_name("db-1"));
    /// assert_ne!(NodeId::from_name("db-1"), NodeId::from_name("db-2"));
    /// ```
    pub const fn from_name(name: &str) -> Self {
        Self(mix(fnv1a(name.as_bytes())) >> 8)
    }

    /// The id made of a 48-bit MAC address.
    pub const fn from_mac(mac: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = mac;
        Self(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// The id made of an EUI-64, as IEEE 802.15.4 radios carry.
    pub const fn from_eui64(eui64: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(eui64))
    }

    /// A random 56-bit id out of 64 random bits.
    pub const fn from_random(bits: u64) -> Self {
        Self(bits >> 8)
    }

    /// The number itself.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The id spread evenly over 64 bits by a bijection: the order of tables and of page cursors.
    pub(crate) const fn mixed(self) -> u64 {
        mix(self.0)
    }
}

impl Serialize for NodeId {
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.number())
    }
}

impl<'de> Deserialize<'de> for NodeId {
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

/// In hexadecimal, as everywhere.
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.number())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

pub(crate) const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = tail;
    }
    hash
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection on 64 bits.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(crate) const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How often a member has had to repeat that it is alive (SWIM section 4.2). Only the member
/// itself raises it. Compared as serial numbers (RFC 1982), so it may wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Incarnation(u32);

impl Incarnation {
    /// The incarnation with this number. A new process starts at 0.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number itself.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The incarnation that outranks this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// How far this is ahead of `other`; 0 when it is not ahead.
    pub const fn ahead_of(self, other: Self) -> u32 {
        let distance = self.0.wrapping_sub(other.0);
        if distance > u32::MAX / 2 { 0 } else { distance }
    }

    /// Whether it is exactly half the circle away from `other`: neither is ahead.
    pub const fn is_opposite(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0) == 1 << 31
    }

    /// The order of RFC 1982: whoever is less than half the circle ahead is greater.
    pub const fn order(self, other: Self) -> Ordering {
        if self.0 == other.0 {
            Ordering::Equal
        } else if self.ahead_of(other) > 0 {
            Ordering::Greater
        } else {
            Ordering::Less
        }
    }
}

/// What is believed of a member, in order of precedence at equal incarnation.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub enum Status {
    /// It answers, or nobody has said otherwise.
    #[default]
    Alive,
    /// Somebody could not reach it; it has until its deadline to refute.
    Suspect,
    /// It did not refute in time.
    Dead,
    /// It said goodbye itself.
    Left,
}

impl Status {
    /// Whether members at this status are probed and counted: Alive and Suspect.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Alive | Self::Suspect)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Dead => "dead",
            Self::Left => "left",
        })
    }
}

/// The mark of one accuser: the upper half of its mixed id. Enough to tell voices apart (two of
/// four coincide with a chance of one in 700 million), at half the price of an id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
// Case files hold four, probes a dozen.
#[repr(Rust, packed)]
pub struct Voice(pub(crate) u32);

impl From<NodeId> for Voice {
    fn from(id: NodeId) -> Self {
        Self((id.mixed() >> 32) as u32)
    }
}

/// How long a member asks the others to wait for it, in tenths of a second: it has stood still
/// before. Zero asks for nothing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Patience(u16);

impl Patience {
    /// Nothing is asked for.
    pub const NONE: Self = Self(0);

    /// The shortest that is at least `wanted`, or the longest there is: 6 553.5 s.
    pub const fn covering(wanted: Duration) -> Self {
        let tenths = millis(wanted).div_ceil(100);
        if tenths > u16::MAX as u64 { Self(u16::MAX) } else { Self(tenths as u16) }
    }

    /// How long that is.
    pub const fn duration(self) -> Duration {
        Duration::from_millis((self.0 as u64).saturating_mul(100))
    }
}

/// One row of the view, as applications see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a, A> {
    /// Who it is.
    pub id: NodeId,
    /// Where it listens. `None` for a member known only by the news of its death.
    pub address: Option<A>,
    /// What is believed of it.
    pub status: Status,
    /// At which incarnation that was said.
    pub incarnation: Incarnation,
    /// Which life of its process this is: another number after every restart.
    pub boot: u16,
    /// What its application attached to it; empty by default.
    pub metadata: &'a [u8],
    /// Since when, on this node's clock, it has had this status; of a suspect that was heard from,
    /// or could not be heard because this node stood still, since then.
    pub since: Instant,
    /// Whether it flaps and is held out: not to be used although it may be alive. Only under a
    /// [`FlapPolicy`](crate::FlapPolicy).
    pub held_out: bool,
    /// Whether it has said that it would be silent for a while ([`sleep`](crate::Node::sleep)), and
    /// is not due back yet. It counts among the living.
    pub asleep: bool,
}

impl<A> Member<'_, A> {
    /// Whether to use it: alive or suspect, and not held out.
    pub const fn is_in(&self) -> bool {
        self.status.is_live() && !self.held_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hash_to_the_same_56_bits_for_ever() {
        assert_eq!(NodeId::from_name("db-1").number(), PINNED);
        assert!(NodeId::from_name("").number() < 1 << 56);
    }

    const PINNED: u64 = 14_366_099_628_842_713;

    #[test]
    fn incarnations_compare_as_serial_numbers() {
        let near_wrap = Incarnation::new(u32::MAX);
        assert_eq!(near_wrap.next(), Incarnation::new(0));
        assert_eq!(near_wrap.next().order(near_wrap), Ordering::Greater);
        assert_eq!(Incarnation::new(5).order(Incarnation::new(7)), Ordering::Less);
        assert_eq!(Incarnation::new(7).ahead_of(Incarnation::new(5)), 2);
        assert_eq!(Incarnation::new(5).ahead_of(Incarnation::new(7)), 0);
    }

    #[test]
    fn status_is_ordered_by_precedence() {
        assert!(Status::Alive < Status::Suspect);
        assert!(Status::Suspect < Status::Dead);
        assert!(Status::Dead < Status::Left);
    }
}
