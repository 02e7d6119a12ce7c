//! Which of the addresses found this member can ask: neither its own, nor those its socket cannot
//! reach, nor those it may not speak with.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use crate::allow::AllowList;
use crate::join::JoinFailure;
use crate::resolver::ResolveError;
use crate::socket::normalized;

/// Where this member listens and whom it may ask, to tell its own addresses from others.
#[derive(Clone, Debug)]
pub(crate) struct Myself {
    pub local_addr: SocketAddr,
    pub advertised: SocketAddr,
    pub allow: AllowList,
}

impl Myself {
    /// Those of `found` that can be asked, each once.
    pub fn others(&self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, JoinFailure> {
        let is_usable =
            |address: &SocketAddr| address.port() != 0 && !address.ip().is_unspecified();
        let found: BTreeSet<_> = found.into_iter().map(normalized).filter(is_usable).collect();
        if found.is_empty() {
            return Err(JoinFailure::Unresolved(ResolveError::NoAddress));
        }
        let mut addresses: Vec<_> =
            found.into_iter().filter(|address| self.speaks_with(*address)).collect();
        if addresses.is_empty() {
            return Err(JoinFailure::Unresolved(ResolveError::OtherFamily));
        }
        addresses.retain(|address| !self.is_at(*address));
        if addresses.is_empty() {
            return Err(JoinFailure::OwnAddress);
        }
        addresses.retain(|address| self.allow.permits(*address));
        if addresses.is_empty() {
            return Err(JoinFailure::NotAllowed);
        }
        Ok(addresses)
    }

    /// Whether the socket can send there: `[::]` takes both families.
    fn speaks_with(&self, address: SocketAddr) -> bool {
        let takes_both = self.local_addr.is_ipv6() && self.local_addr.ip().is_unspecified();
        takes_both || normalized(self.local_addr).is_ipv4() == address.is_ipv4()
    }

    fn is_at(&self, address: SocketAddr) -> bool {
        let local = normalized(self.local_addr);
        let is_everywhere = local.ip().is_unspecified() && local.port() == address.port();
        address == local
            || address == self.advertised
            || (is_everywhere && is_of_this_machine(address.ip()))
    }
}

/// Whether an interface of this machine has the address: nobody else's can be bound.
fn is_of_this_machine(ip: IpAddr) -> bool {
    // Reserved for documentation. Where the system lets even that be bound, nothing can be told.
    const NOBODYS: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
    let can_be_bound = |ip| UdpSocket::bind((ip, 0)).is_ok();
    can_be_bound(ip) && !can_be_bound(NOBODYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_speaks_its_own_family_and_the_unspecified_one_both() {
        let [v4, v6] = ["10.0.0.1:1", "[fd00::1]:1"].map(|text| text.parse().unwrap());
        let me = |bound: &str| {
            let local_addr = bound.parse().unwrap();
            Myself { local_addr, advertised: local_addr, allow: AllowList::default() }
        };
        let other_family = Err(JoinFailure::Unresolved(ResolveError::OtherFamily));
        assert_eq!(me("0.0.0.0:7").others(vec![v6]), other_family);
        assert_eq!(me("[fd00::2]:7").others(vec![v4, v6]), Ok(vec![v6]));
        assert_eq!(me("[::]:7").others(vec![v4, v6, v4]), Ok(vec![v4, v6]));
    }

    #[test]
    fn every_address_of_this_machine_is_its_own_to_a_member_that_listens_on_all() {
        let advertised = SocketAddr::from(([10, 0, 0, 1], 7));
        let local_addr = SocketAddr::from(([0, 0, 0, 0], 7));
        let me = Myself { local_addr, advertised, allow: AllowList::default() };
        let [own, neighbour] = [7, 8].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(me.others(vec![own, neighbour]), Ok(vec![neighbour]));
        assert_eq!(me.others(vec![own, advertised]), Err(JoinFailure::OwnAddress));
    }
}
