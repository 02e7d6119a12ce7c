//! Whom this member speaks with: networks an operator trusts.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use swim_core::AddressPredicate;

use crate::socket::normalized;

/// Leading bits of an IPv6 address that carries an IPv4 one (RFC 4291, section 2.5.5.2).
const IPV4_MAPPED_BITS: u8 = 96;

/// The networks packets are taken from and sent to; without a list, all.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowList(Option<Arc<[IpNet]>>);

impl AllowList {
    pub fn new(networks: Option<&[IpNet]>) -> Self {
        Self(networks.map(|networks| networks.iter().copied().map(as_ipv4).collect()))
    }

    /// Whether packets from and to `address` pass.
    pub fn permits(&self, address: SocketAddr) -> bool {
        let ip = normalized(address).ip();
        self.0.as_ref().is_none_or(|networks| networks.iter().any(|network| network.contains(&ip)))
    }

    /// The same for the protocol, to judge the addresses it is told; `None` without a list.
    pub fn predicate(&self) -> Option<AddressPredicate<SocketAddr>> {
        let list = self.clone();
        self.0.is_some().then(|| -> AddressPredicate<SocketAddr> {
            Box::new(move |address| list.permits(*address))
        })
    }

    /// What is written of it into a trace.
    pub fn name(&self) -> String {
        let networks = self.0.iter().flat_map(|networks| networks.iter());
        networks.map(IpNet::to_string).collect::<Vec<_>>().join(" ")
    }

    /// The list of this name; `None` if that is the name of none.
    pub fn named(name: &str) -> Option<Self> {
        let networks: Result<Vec<IpNet>, _> = name.split_whitespace().map(str::parse).collect();
        Some(Self::new(Some(&networks.ok()?)))
    }

    /// Whether this member is to be alone.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_some_and(|networks| networks.is_empty())
    }
}

/// Addresses are compared in their one form, so networks must have it too.
fn as_ipv4(network: IpNet) -> IpNet {
    let mapped = match network.addr() {
        IpAddr::V6(v6) if network.prefix_len() >= IPV4_MAPPED_BITS => v6.to_ipv4_mapped(),
        _ => None,
    };
    let within = |v4| Ipv4Net::new(v4, network.prefix_len() - IPV4_MAPPED_BITS).ok();
    mapped.and_then(within).map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(networks: Option<&[&str]>, ip: &str) -> bool {
        let networks: Option<Vec<IpNet>> =
            networks.map(|list| list.iter().map(|text| text.parse().unwrap()).collect());
        let address = SocketAddr::new(ip.parse().unwrap(), 7_946);
        AllowList::new(networks.as_deref()).permits(address)
    }

    #[test]
    fn no_list_permits_all_and_an_empty_one_nobody() {
        assert!(permits(None, "203.0.113.9") && permits(None, "2001:db8::9"));
        assert!(!permits(Some(&[]), "127.0.0.1") && !permits(Some(&[]), "::1"));
    }

    #[test]
    fn a_list_is_found_again_by_its_name() {
        for networks in [&["10.0.0.0/8", "fd00::/16"][..], &[]] {
            let networks: Vec<IpNet> = networks.iter().map(|text| text.parse().unwrap()).collect();
            let list = AllowList::new(Some(&networks));
            assert_eq!(AllowList::named(&list.name()).map(|it| it.0), Some(list.0));
        }
        assert!(AllowList::named("10.0.0.0/8 elsewhere").is_none());
    }

    #[test]
    fn only_addresses_within_a_network_pass() {
        let list = Some(&["10.0.0.0/8", "fd00::/16"][..]);
        assert!(permits(list, "10.255.0.1") && permits(list, "fd00::7"));
        assert!(!permits(list, "11.0.0.1") && !permits(list, "fd01::7"));
        assert!(!permits(list, "::"), "IPv4 says nothing of IPv6");
    }

    #[test]
    fn ipv4_in_ipv6_clothes_is_ipv4_on_both_sides() {
        assert!(permits(Some(&["10.0.0.0/8"]), "::ffff:10.1.2.3"));
        assert!(!permits(Some(&["10.0.0.0/8"]), "::ffff:11.1.2.3"));
        assert!(permits(Some(&["::ffff:10.0.0.0/104"]), "10.1.2.3"));
        assert!(!permits(Some(&["::ffff:10.0.0.0/104"]), "11.1.2.3"));
        assert!(permits(Some(&["::ffff:0:0/96"]), "203.0.113.9"));
    }
}
