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
pub trait Address: Copy + Debug + Ord + Serialize + DeserializeOwned {}

/// The longest encoding of an [`Address`], in bytes.
pub const ADDRESS_LEN_MAX: usize = 24;

/// An address as the others will read it: encoded and decoded again. `None` when that is not
/// possible.
pub(crate) fn as_read<A: Address>(address: A) -> Option<A> {
    let mut buffer = [0; ADDRESS_LEN_MAX];
    let encoded = postcard::to_slice(&address, &mut buffer).ok()?;
    postcard::from_bytes(encoded).ok()
}

impl Address for SocketAddr {}
impl Address for SocketAddrV4 {}
impl Address for SocketAddrV6 {}
impl Address for Ipv4Addr {}
impl Address for Ipv6Addr {}
impl Address for u16 {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_the_others_read_it() {
        let scoped = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7946, 5, 3);
        let read = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7946, 0, 0);
        assert_eq!(as_read(SocketAddr::V6(scoped)), Some(SocketAddr::V6(read)));
        assert_eq!(as_read(7u16), Some(7));
    }
}
