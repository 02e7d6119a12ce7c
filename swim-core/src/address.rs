//! Where members are reached.

use core::fmt::Debug;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// An address of the driver's network. The core compares it, carries it, and hands it back.
///
/// Implemented for the socket addresses of `core::net` and for `u16`, as short radio addresses
/// are. For a type of your own derive the supertraits and write one empty `impl`:
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use swim_core::Address;
///
/// #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
/// struct CanId(u32);
///
/// impl Address for CanId {}
/// ```
///
/// Its order only breaks ties, so any total order will do. Its encoding must fit
/// [`ADDRESS_LEN_MAX`] bytes. What the encoding leaves out (the scope of an IPv6 address) is lost.
pub trait Address: Copy + Debug + Ord + Serialize + DeserializeOwned {
    /// Which part of the network it is in: addresses of one part are likely to fail together. Used
    /// to choose relays that see a member from elsewhere. IPv4: the /24; IPv6: the /64; otherwise
    /// all addresses are of one part.
    fn part(&self) -> u64 {
        0
    }

    /// Whether this node could send something there at all. A board that speaks IPv4 alone shares a
    /// cluster with members that do not: it reads their addresses as one that is not, and keeps
    /// nobody whom it can neither reach nor pass on. True by default.
    fn is_reachable(&self) -> bool {
        true
    }

    /// What the encoding leaves out, as a number: the scope of an IPv6 address, which means
    /// something on this host alone. 0 by default: nothing.
    fn scope(&self) -> u32 {
        0
    }

    /// The same address with what the encoding leaves out.
    #[must_use]
    fn within_scope(self, _scope: u32) -> Self {
        self
    }
}

/// The longest encoding of an [`Address`], in bytes.
pub const ADDRESS_LEN_MAX: usize = 24;

/// An address as the others will read it: encoded and decoded again. `None` when that is not
/// possible.
pub(crate) fn as_read<A: Address>(address: A) -> Option<A> {
    let mut buffer = [0; ADDRESS_LEN_MAX];
    let encoded = postcard::to_slice(&address, &mut buffer).ok()?;
    postcard::from_bytes(encoded).ok()
}

impl Address for SocketAddr {
    fn part(&self) -> u64 {
        match self {
            Self::V4(address) => address.part(),
            Self::V6(address) => address.part(),
        }
    }

    fn scope(&self) -> u32 {
        match self {
            Self::V4(_) => 0,
            Self::V6(address) => address.scope(),
        }
    }

    fn within_scope(self, scope: u32) -> Self {
        match self {
            Self::V4(_) => self,
            Self::V6(address) => Self::V6(address.within_scope(scope)),
        }
    }
}

impl Address for SocketAddrV4 {
    fn part(&self) -> u64 {
        self.ip().part()
    }
}

impl Address for SocketAddrV6 {
    fn part(&self) -> u64 {
        self.ip().part()
    }

    fn scope(&self) -> u32 {
        self.scope_id()
    }

    fn within_scope(mut self, scope: u32) -> Self {
        self.set_scope_id(scope);
        self
    }
}

impl Address for Ipv4Addr {
    fn part(&self) -> u64 {
        u64::from(self.to_bits() >> 8)
    }
}

impl Address for Ipv6Addr {
    fn part(&self) -> u64 {
        match self.to_ipv4_mapped() {
            Some(mapped) => mapped.part(),
            None => (self.to_bits() >> 64) as u64,
        }
    }
}

impl Address for u16 {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_the_network_is_the_subnet() {
        let part = |text: &str| text.parse::<SocketAddr>().unwrap().part();
        assert_eq!(part("10.1.2.3:7"), part("[::ffff:10.1.2.9]:8"));
        assert_ne!(part("10.1.2.3:7"), part("10.1.3.3:7"));
        assert_eq!(part("[2001:db8::1]:7"), part("[2001:db8::ffff:1]:7"));
        assert_ne!(part("[2001:db8::1]:7"), part("[2001:db8:0:1::1]:7"));
        assert_eq!(1u16.part(), 2u16.part());
    }

    #[test]
    fn an_address_is_kept_as_the_others_read_it() {
        let scoped = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7946, 5, 3);
        let local = |scope| SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7946, 0, scope);
        assert_eq!(as_read(SocketAddr::V6(scoped)), Some(SocketAddr::V6(local(0))));
        assert_eq!(as_read(7u16), Some(7));
        let read = as_read(SocketAddr::V6(scoped)).unwrap();
        assert_eq!(read.within_scope(scoped.scope()), SocketAddr::V6(local(3)));
    }
}
