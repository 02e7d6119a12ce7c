//! The libraries under measurement, and what each must be able to do.

mod foca;
mod kinship;
mod swim;
pub mod work;

use std::net::{Ipv4Addr, SocketAddr};

const DATAGRAM_LEN_MAX: usize = 1_400;

/// A node of one library that knows a number of members and can be given work.
///
/// What is `timed` goes the way a driver goes, and does nothing besides: hand the input in, drain
/// what is to be sent and told, ask for the next deadline.
pub trait Peer {
    /// The largest cluster in which it is given news about everybody at once.
    fn backlog_members_max(&self) -> usize {
        usize::MAX
    }

    /// A ping from a member, carrying updates that members are alive at incarnations.
    fn ping_from(&self, member: usize, updates: &[(usize, u16)]) -> Datagram;

    /// A ping from a member without news, which all that fits may be answered.
    fn long_ping_from(&self, member: usize) -> Datagram {
        self.ping_from(member, &[])
    }

    /// Timed: takes in a datagram and sends the answer.
    fn handle(&mut self, datagram: &Datagram);

    /// Timed: a gossip interval has passed since the last tick, or since the last probe.
    fn gossip_tick(&mut self);

    /// Sets the clock to where the next probe is due.
    fn await_probe(&mut self);

    /// Timed: starts that probe.
    fn probe_tick(&mut self);

    /// Lets the member that was pinged by [`probe_tick`](Self::probe_tick) answer.
    fn answer_probe(&mut self);

    /// Whether what was sent last carried updates, so that there may be more.
    fn has_news(&self) -> bool;
}

/// A datagram and who sent it.
pub struct Datagram {
    from: SocketAddr,
    bytes: Vec<u8>,
}

/// This crate first, then those it is compared with, each knowing `members` members.
pub fn all(members: usize) -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(swim::Swim::new(members)),
        Box::new(foca::Foca::new(members)),
        Box::new(kinship::Kinship::new(members)),
    ]
}

/// Where a member listens.
fn address(member: usize) -> SocketAddr {
    let member = u32::try_from(member).expect("a small cluster");
    SocketAddr::from((Ipv4Addr::from(0x0a00_0001 + member), 7_946))
}

/// Where the node under measurement listens, who is none of these members.
fn own_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(192, 168, 0, 1), 7_946))
}
