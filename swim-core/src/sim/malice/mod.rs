//! Whoever means harm, or is broken enough to do it: sources of packets that no [`Node`] writes.
//!
//! An [`Outsider`] has no key and no place in the cluster; an [`Insider`] is a member with a fault.
//! Both draw from a generator of their own, so that nobody else's luck changes with them.

mod absence;
mod forger;
mod insider;
mod outsider;

use core::time::Duration;

use crate::member::{Incarnation, NodeId};
use crate::rng::Rng;
use crate::storage::Storage;
use crate::{Node, Sealing};

use super::cluster::Cluster;
use super::oracle::Violation;
use super::process::Process;
use super::queue::What;
use super::report::Load;
use super::scenario::{SimAddress, address};

pub use absence::Absences;
pub use insider::{Ahead, Fault, Insider};
pub use outsider::{Intrusion, Outsider, Source};

use outsider::Captured;

/// Copies of packets kept by those on the path; then every new one takes the place of any other.
const CAPTURED_MAX: usize = 4_096;
/// Outsiders have addresses from here on.
const OUTSIDERS: u32 = 1 << 21;
/// Sets the luck of the hostile apart from that of the cluster.
const SEED_MARK: u64 = 0x6d61_6c69_6365;

/// What a hostile knows of one member.
#[derive(Clone, Copy, Debug)]
struct Contact {
    id: NodeId,
    address: SimAddress,
    incarnation: Incarnation,
    boot: u16,
    /// The round that is claimed in its name; 0 is what a newcomer shows.
    round: u16,
}

/// One source of packets.
#[derive(Clone, Copy, Debug)]
enum Hostile {
    Outsider(Outsider),
    /// The index of the member, and what is wrong with it.
    Insider(usize, Insider),
}

impl Hostile {
    fn outsider(&self) -> Option<&Outsider> {
        match self {
            Self::Outsider(outsider) => Some(outsider),
            Self::Insider(..) => None,
        }
    }

    fn interval(&self) -> Duration {
        let (Self::Outsider(Outsider { packets_per_second, .. })
        | Self::Insider(_, Insider { packets_per_second, .. })) = *self;
        Duration::from_secs(1) / packets_per_second.max(1)
    }
}

/// All the hostile there have been, and what they have seen.
#[derive(Debug)]
pub(super) struct Malice {
    hostiles: Vec<Hostile>,
    /// How many of them have been stopped: the first ones.
    stopped: usize,
    captured: Vec<Captured>,
    rng: Rng,
}

impl Malice {
    /// Nobody means harm so far.
    pub fn new(seed: u64) -> Self {
        let rng = Rng::new(seed ^ SEED_MARK);
        Self { hostiles: Vec::new(), stopped: 0, captured: Vec::new(), rng }
    }

    fn active(&self) -> impl Iterator<Item = &Hostile> {
        self.hostiles.iter().skip(self.stopped)
    }

    /// What is wrong with a member, if anything is.
    fn insider(&self, node: usize) -> Option<Insider> {
        self.active().find_map(|hostile| match *hostile {
            Hostile::Insider(member, insider) if member == node => Some(insider),
            Hostile::Insider(..) | Hostile::Outsider(_) => None,
        })
    }

    /// Whether somebody sees copies of all packets.
    fn is_on_path(&self) -> bool {
        let mut outsiders = self.active().filter_map(Hostile::outsider);
        outsiders.any(|outsider| outsider.intrusion.needs_copies())
    }
}

impl<S: Storage> Cluster<S> {
    /// Lets somebody without a key send packets, until [`stop_malice`](Self::stop_malice). Returns
    /// the address it sends from, if it does not name a false one: nobody listens there. What
    /// arrives there is [counted](Self::loot).
    ///
    /// As long as packets need not be sealed, the oracle no longer objects to ids that nobody had,
    /// to incarnations that nobody reached and to false deaths.
    pub fn let_loose(&mut self, outsider: Outsider) -> SimAddress {
        if !self.is_sealed() {
            self.oracle.excuse_hearsay();
        }
        let address = address(OUTSIDERS + self.malice.hostiles.len() as u32);
        self.enlist(Hostile::Outsider(Outsider { address: Some(address), ..outsider }));
        address
    }

    /// Lets a member that holds the key do wrong, until [`stop_malice`](Self::stop_malice). Its
    /// node goes on beside that and does what is right. The oracle no longer objects to what is
    /// said of others, nor to false deaths.
    pub fn corrupt(&mut self, node: usize, insider: Insider) {
        self.oracle.excuse_hearsay();
        self.enlist(Hostile::Insider(node, insider));
    }

    /// Ends all that [`let_loose`](Self::let_loose) and [`corrupt`](Self::corrupt) began. Packets
    /// under way arrive, and members with a fault are as good as any other again.
    pub fn stop_malice(&mut self) {
        self.malice.stopped = self.malice.hostiles.len();
        self.malice.captured.clear();
    }

    /// What outsiders have sent and what has come to their own addresses, all together.
    pub fn loot(&self) -> Load {
        self.loot
    }

    /// The next packet of a hostile is due.
    pub(super) fn mischief(&mut self, number: u32) -> Result<(), Violation> {
        let index = number as usize;
        let Some(&hostile) = self.malice.hostiles.get(index) else { return Ok(()) };
        if index < self.malice.stopped {
            return Ok(());
        }
        self.queue.push(self.now.after(hostile.interval()), What::Mischief { hostile: number });
        match hostile {
            Hostile::Outsider(outsider) => self.intrude(&outsider),
            Hostile::Insider(node, insider) => self.do_wrong(node, insider),
        }
        Ok(())
    }

    /// A packet has come to an address where nobody listens.
    pub(super) fn note_loot(&mut self, to: SimAddress, len: usize) {
        let mut outsiders = self.malice.hostiles.iter().filter_map(Hostile::outsider);
        if outsiders.any(|outsider| outsider.address == Some(to)) {
            self.loot.packets_in += 1;
            self.loot.bytes_in += len as u64;
        }
    }

    fn enlist(&mut self, hostile: Hostile) {
        let number = self.malice.hostiles.len() as u32;
        self.malice.hostiles.push(hostile);
        self.queue.push(self.now, What::Mischief { hostile: number });
    }

    /// Whether all that run accept sealed packets only.
    fn is_sealed(&self) -> bool {
        let mut nodes = self.processes.iter().filter_map(|process| process.node.as_ref());
        nodes.all(|node| node.sealing() == Some(Sealing::Require))
    }

    /// The members that run, as they are: none of this is secret.
    fn contacts(&self) -> Vec<Contact> {
        let contact = |process: &Process<S>| {
            let node = process.node.as_ref()?;
            let (id, address, boot) = (process.id, process.address, node.me().boot);
            Some(Contact { id, address, incarnation: node.incarnation(), boot, round: 0 })
        };
        self.processes.iter().filter_map(contact).collect()
    }

    /// The members that one of them knows to be alive, itself not among them.
    fn contacts_of(&self, node: usize) -> Vec<Contact> {
        let own = self.id(node);
        let members = self.node(node).into_iter().flat_map(Node::members);
        let others = members.filter(|member| member.id != own && member.status.is_live());
        others
            .filter_map(|member| {
                let (id, incarnation, boot) = (member.id, member.incarnation, member.boot);
                Some(Contact { id, address: member.address?, incarnation, boot, round: 0 })
            })
            .collect()
    }
}
