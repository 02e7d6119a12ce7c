//! Where members are reached.

use core::fmt;
use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use embassy_net::udp::UdpMetadata;
use embassy_net::{IpAddress, IpEndpoint};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use swim_core::Address;

/// An IPv4 address and a UDP port, in 6 bytes.
///
/// On the wire it is a [`SocketAddr`], so boards and servers are members of one cluster. An IPv6
/// address that a server tells of is read as [`Endpoint::UNREACHABLE`]. A board does not keep such
/// members, nor tell others of them; everybody else still does, and the board counts as one whose
/// table is smaller than the cluster ([`Swim::is_leaf`](crate::Swim::is_leaf)).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint(SocketAddrV4);

impl Endpoint {
    /// An address that IPv4 cannot reach.
    pub const UNREACHABLE: Self = Self::new(Ipv4Addr::UNSPECIFIED, 0);

    /// The endpoint at this address and port.
    pub const fn new(ip: Ipv4Addr, port: u16) -> Self {
        Self(SocketAddrV4::new(ip, port))
    }

    /// The address.
    pub const fn ip(self) -> Ipv4Addr {
        *self.0.ip()
    }

    /// The port.
    pub const fn port(self) -> u16 {
        self.0.port()
    }

    /// Whether one member can be reached there: port and address are not 0, the address is no
    /// multicast or broadcast address.
    pub const fn is_usable(self) -> bool {
        let ip = self.ip();
        self.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast()
    }

    /// Where a datagram came from; `None` if that is no IPv4 address.
    pub(crate) fn of(from: UdpMetadata) -> Option<Self> {
        match from.endpoint.addr {
            IpAddress::Ipv4(ip) => Some(Self::new(ip, from.endpoint.port)),
            // There are other kinds if the firmware asked embassy-net for them.
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    pub(crate) fn to_ip_endpoint(self) -> IpEndpoint {
        IpEndpoint::new(IpAddress::Ipv4(self.ip()), self.port())
    }
}

impl Address for Endpoint {
    fn part(&self) -> u64 {
        self.0.part()
    }

    fn is_reachable(&self) -> bool {
        self.is_usable()
    }
}

impl From<SocketAddrV4> for Endpoint {
    fn from(address: SocketAddrV4) -> Self {
        Self(address)
    }
}

impl From<Endpoint> for SocketAddrV4 {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::UNREACHABLE {
            // What was read is not kept, so nothing true can be written.
            return Err(ser::Error::custom("not an IPv4 address"));
        }
        SocketAddr::V4(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match SocketAddr::deserialize(deserializer)? {
            SocketAddr::V4(address) => Self(address),
            SocketAddr::V6(_) => Self::UNREACHABLE,
        })
    }
}
