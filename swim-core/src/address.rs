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
/// Its order only breaks ties, so any total order will do; its encoding should stay below 24 bytes.
pub trait Address: Copy + Debug + Ord + Serialize + DeserializeOwned {}

impl Address for SocketAddr {}
impl Address for SocketAddrV4 {}
impl Address for SocketAddrV6 {}
impl Address for Ipv4Addr {}
impl Address for Ipv6Addr {}
impl Address for u16 {}
