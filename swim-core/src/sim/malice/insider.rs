//! A member that holds the key and has a fault.

use crate::Channel;
use crate::judge::Claim;
use crate::member::NodeId;
use crate::sim::cluster::Cluster;
use crate::sim::queue::{Flight, FlightId};
use crate::sim::scenario::SimAddress;
use crate::storage::Storage;
use crate::wire::{
    Ack, Belief, Message, Nack, Packet, Page, Ping, PingRequest, Pull, Sync, SyncReply, Update,
    View,
};

use super::Contact;
use super::forger::{Forger, alive};

/// Updates in one packet, at most; a datagram has room for fewer.
const UPDATES_MAX: usize = 128;

/// A member that holds the key and has a fault. Its node goes on beside that: it knows what a
/// member knows, answers probes and defends itself.
#[derive(Clone, Copy, Debug)]
pub struct Insider {
    /// What is wrong with it.
    pub fault: Fault,
    /// How many packets it sends a second on top of those of its node, each to any other member.
    pub packets_per_second: u32,
}

/// What is wrong with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It says of itself and all others that they are alive, ahead of what it knows.
    FutureDate(Ahead),
    /// It says of all others that they are suspect or dead, ahead of what it knows, and names
    /// other members as accusers besides.
    Accuse(Ahead),
    /// It claims the id of another member for its own address, and answers there under it.
    Impersonate {
        /// The index of that member.
        victim: usize,
    },
    /// It says of all others that they have moved: to its own address, or to where nobody is.
    Misplace,
    /// It answers every ping, whoever is meant, and acks every ping that it should relay.
    AckAll,
    /// It says of everybody whom it should ping that nothing listens there.
    NackAll,
    /// Its digests never equal anybody's, and its tables are full of members that do not exist.
    Ghosts,
}

/// How far ahead of what it knows a faulty member speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// By so many incarnations.
    By(u32),
    /// By as many as the skew guard lets through, on top of what the member has refuted so far.
    Guard,
    /// At the largest incarnation that the format can carry.
    Max,
    /// Now this, now that, and as it is known.
    Mixed,
}

impl<S: Storage> Cluster<S> {
    /// Sends one wrong packet of `node`, if it runs.
    pub(super) fn do_wrong(&mut self, node: usize, insider: Insider) {
        let others = self.contacts_of(node);
        let Some(me) = self.contact(node).filter(|_| !others.is_empty()) else { return };
        let victim = match insider.fault {
            Fault::Impersonate { victim } => self.contact(victim),
            _ => None,
        };
        let config = self.scenario.config;
        let to = others[self.malice.rng.below(others.len())];
        let mut forger = Forger::new(&mut self.malice.rng, &others, &config);
        let Some(packet) = wrong_packet(&mut forger, insider.fault, (me, to, victim)) else {
            return;
        };
        self.send_wrong(node, (to.address, Channel::Datagram), packet);
    }

    /// Lets a faulty member do wrong with a packet that came to it. Returns whether its node does
    /// not get to see the packet.
    pub(in crate::sim) fn mishandle(&mut self, node: usize, id: FlightId) -> bool {
        let Some(Insider { fault, .. }) = self.malice.insider(node) else { return false };
        let Some(me) = self.contact(node) else { return false };
        let Flight { from, channel, ref bytes, .. } = *self.queue.flight(id);
        let opened = self.confidant.opened(bytes, self.now);
        let message = Packet::<SimAddress>::parse(opened).ok().and_then(|packet| packet.message);
        let Some(message) = message else { return false };
        let victim = match fault {
            Fault::Impersonate { victim } => Some(self.id(victim)),
            _ => None,
        };
        let config = self.scenario.config;
        let forger = &mut Forger::new(&mut self.malice.rng, &[], &config);
        let equal = |number| Some(Message::Ack(Ack { number, stranger: false, view: View::Equal }));
        let (speaker, answer) = match (fault, message) {
            (Fault::AckAll, Message::Ping(ping)) if ping.target != me.id => {
                (Contact { id: ping.target, ..me }, equal(ping.number))
            }
            (Fault::AckAll, Message::PingRequest(PingRequest { number, .. })) => {
                (me, equal(number))
            }
            (Fault::NackAll, Message::PingRequest(PingRequest { number, .. })) => {
                (me, Some(Message::Nack(Nack { number, refused: true })))
            }
            (Fault::Impersonate { .. }, Message::Ping(ping)) if Some(ping.target) == victim => {
                let (boot, round) = (u16::MAX, u16::MAX);
                (Contact { id: ping.target, boot, round, ..me }, equal(ping.number))
            }
            (Fault::Ghosts, Message::Pull(Pull { number, .. })) => {
                (me, Some(Message::Page(Page { number, next: 0 })))
            }
            (Fault::Ghosts, Message::Sync(Sync { number, hop, len_max, .. })) => {
                let (hop, members) = (hop.wrapping_add(1), 1 << 10);
                (me, Some(Message::SyncReply(SyncReply { number, hop, members, len_max })))
            }
            _ => return false,
        };
        let updates = match fault {
            Fault::Ghosts => ghosts(forger, me.address),
            Fault::Impersonate { .. } => vec![alive(speaker)],
            _ => Vec::new(),
        };
        let packet = forger.packet(speaker, answer, updates);
        self.send_wrong(node, (from, channel), packet);
        true
    }

    fn send_wrong(&mut self, node: usize, to: (SimAddress, Channel), plain: Vec<u8>) {
        let bytes = self.confidant.sealed(plain, self.now);
        let (to, channel) = to;
        let flight = self.queue.board(self.processes[node].address, to, (channel, &bytes));
        self.dispatch(node, flight);
    }

    fn contact(&self, node: usize) -> Option<Contact> {
        let me = self.node(node)?.me();
        let (id, incarnation, boot) = (me.id, me.incarnation, me.boot);
        Some(Contact { id, address: me.address?, incarnation, boot, round: 0 })
    }
}

/// What `me`, with a fault, sends unasked to another member.
fn wrong_packet(
    forger: &mut Forger<'_>,
    fault: Fault,
    (me, to, victim): (Contact, Contact, Option<Contact>),
) -> Option<Vec<u8>> {
    let about = forger.some_contacts(UPDATES_MAX);
    let (ping, updates) = match fault {
        Fault::FutureDate(ahead) => {
            let promote = |member| alive(forger.moved_ahead(member, ahead));
            (None, about.into_iter().chain([me]).map(promote).collect())
        }
        Fault::Accuse(ahead) => {
            let mut accuse = |member| {
                let Contact { id, incarnation, .. } = forger.moved_ahead(member, ahead);
                forger.accusation(id, incarnation)
            };
            let (told, updates) = (accuse(to), about.into_iter().map(&mut accuse).collect());
            (accusing_ping(forger, &told), updates)
        }
        Fault::Misplace => {
            let updates = about.into_iter().map(|member| misplaced(forger, member, me.address));
            (None, updates.collect())
        }
        Fault::Ghosts => (Some(other_table(forger, to.id)), ghosts(forger, me.address)),
        Fault::Impersonate { .. } => return Some(impersonation(forger, me, victim?, to)),
        Fault::AckAll | Fault::NackAll => return None,
    };
    Some(forger.packet(me, ping, updates))
}

/// Every other time a ping that tells its target what it is accused of.
fn accusing_ping(
    forger: &mut Forger<'_>,
    told: &Update<'_, SimAddress>,
) -> Option<Message<SimAddress>> {
    let Claim { incarnation, status, .. } = told.claim;
    let (number, belief) = (forger.rng.next_u32(), Some(Belief { incarnation, status }));
    let ping = Ping { number, target: told.id, belief, digest: None };
    (forger.rng.below(2) == 0).then_some(Message::Ping(ping))
}

/// A packet in the name of `victim`, from the address of `me`, as if it had had the id for long.
fn impersonation(forger: &mut Forger<'_>, me: Contact, victim: Contact, to: Contact) -> Vec<u8> {
    let incarnation = forger.any_incarnation(victim.incarnation);
    let boot = if forger.rng.below(2) == 0 { me.boot } else { u16::MAX };
    let (id, address, round) = (victim.id, me.address, u16::MAX);
    let claimed = Contact { id, address, incarnation, boot, round };
    let (number, digest) = (forger.rng.next_u32(), None);
    let ping = Ping { number, target: to.id, belief: None, digest };
    forger.packet(claimed, Some(Message::Ping(ping)), vec![alive(claimed)])
}

/// That `member` has moved.
fn misplaced(
    forger: &mut Forger<'_>,
    member: Contact,
    own: SimAddress,
) -> Update<'static, SimAddress> {
    let address = if forger.rng.below(2) == 0 { own } else { forger.nobodys_address() };
    alive(Contact { address, incarnation: member.incarnation.next(), ..member })
}

/// A ping whose digest equals nobody's.
fn other_table(forger: &mut Forger<'_>, target: NodeId) -> Message<SimAddress> {
    let (number, digest) = (forger.rng.next_u32(), Some(forger.digest()));
    Message::Ping(Ping { number, target, belief: None, digest })
}

/// As many members that do not exist as a packet has room for.
fn ghosts(forger: &mut Forger<'_>, own: SimAddress) -> Vec<Update<'static, SimAddress>> {
    let ghost = |_| {
        let address = if forger.rng.below(2) == 0 { own } else { forger.nobodys_address() };
        alive(forger.ghost(address))
    };
    (0..UPDATES_MAX).map(ghost).collect()
}
