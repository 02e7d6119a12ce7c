//! What happened to one member, as the nodes of a trace saw it.
//!
//! Nothing in the core tells it: it follows from looking at a node before and after each entry, and
//! into the packets.

use std::boxed::Box;
use std::collections::BTreeMap;
use std::vec::Vec;

use crate::address::Address;
use crate::judge::VOICES_MAX;
use crate::member::{Incarnation, NodeId, Status, Voice};
use crate::node::{Node, Standing};
use crate::seal::Key;
use crate::storage::Storage;
use crate::time::Instant;
use crate::wire::{Message, Nack};

use super::inquiry::{Inquiries, Inquiry};
use super::letter::{Letter, Opener};
use super::record::{Entry, Input, Record};
use super::replay::{Outcome, Replay, ReplayError};

/// Follows one member through a replay: who said what when, and why it was suspected, refuted,
/// declared dead.
pub struct Story {
    member: NodeId,
    opener: Opener,
    inquiries: BTreeMap<u32, Inquiries>,
    /// Whose accusations a node has heard, and at which incarnation they were.
    accusers: BTreeMap<u32, (Incarnation, Vec<Voice>)>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<A> {
    /// By the clock that all nodes share, or by that of the one there is.
    pub at: Instant,
    /// The number of the node that saw it, or did it.
    pub node: u32,
    /// Its id; the member's own if it did it itself.
    pub viewer: NodeId,
    /// What it was.
    pub turn: Turn<A>,
    /// Why.
    pub cause: Cause<A>,
}

/// What became of a member in the view of a node, or what it did itself.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Turn<A> {
    /// The member itself: its process begins.
    Began(Incarnation),
    /// The member itself: it says at a later incarnation that it is there.
    Renewed(Incarnation),
    /// The member itself: it says goodbye.
    Goodbye,
    /// The member itself: its process is over.
    Ended,
    /// It was not known before.
    FirstHeard(Seen<A>),
    /// A probe brought no answer, and no suspicion either.
    Unanswered,
    /// It is suspect now, or anew at a later incarnation.
    Suspected(Incarnation),
    /// It is suspect, and more of its accusers are known.
    Accused(Incarnation),
    /// It is alive again: what it was, and at which incarnation it says so.
    Refuted(Status, Incarnation),
    /// It is alive as before, at a later incarnation.
    Repeated(Incarnation),
    /// It is dead.
    Died(Incarnation),
    /// It has left.
    Left(Incarnation),
    /// It is there in another process.
    Restarted(Seen<A>),
    /// It is somewhere else.
    Moved(A),
    /// It has said that it will be silent for a while.
    FellAsleep,
    /// It is silent on purpose no longer.
    Woke,
    /// It is not known any more: its time among the dead is over, or it made room.
    Forgotten,
}

/// A member as a node knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen<A> {
    /// What is believed of it.
    pub status: Status,
    /// At which incarnation.
    pub incarnation: Incarnation,
    /// Which life of its process it is.
    pub boot: u16,
    /// Where it is.
    pub address: Option<A>,
    /// Whether it is silent on purpose.
    pub asleep: bool,
}

/// Why a node came to believe something.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cause<A> {
    /// A packet came.
    Packet(Box<Heard<A>>),
    /// The node's own probe found nobody.
    Probe(Inquiry),
    /// Its time was over; what was done since it became a suspect to find it after all.
    Timer(Option<Inquiry>),
    /// Its host says that nothing listens there, to this node and to the relays named.
    Refusal(Option<Inquiry>),
    /// The driver said so: by which call.
    Call(&'static str),
}

/// What a packet said.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard<A> {
    /// Who wrote it; `None` if nobody can read it.
    pub sender: Option<NodeId>,
    /// Where it came from.
    pub from: A,
    /// What it asks or answers.
    pub message: &'static str,
    /// What it claims of the member, if anything.
    pub claim: Option<(Status, Incarnation)>,
    /// The accusers it names, as far as the node knows them.
    pub accusers: Vec<NodeId>,
    /// Those it does not know.
    pub accusers_unknown: usize,
}

/// A node at one moment, as far as the member is concerned.
struct Look<A> {
    viewer: NodeId,
    incarnation: Incarnation,
    standing: Standing,
    seen: Option<Seen<A>>,
    is_watched: bool,
}

impl Story {
    /// Of the member with this id. `keys` open packets that are sealed.
    pub fn new(member: NodeId, keys: Vec<Key>) -> Self {
        let (inquiries, accusers) = (BTreeMap::new(), BTreeMap::new());
        Self { member, opener: Opener::new(keys), inquiries, accusers }
    }

    /// [Replays](Replay::step) an entry, and tells what it meant for the member.
    ///
    /// # Errors
    ///
    /// As [`Replay::step`].
    pub fn step<A: Address, S: Storage>(
        &mut self,
        replay: &mut Replay<A, S>,
        entry: &Entry<'_, A>,
    ) -> Result<Vec<Line<A>>, ReplayError<A>> {
        let before = replay.node(entry.node).map(|node| self.look(node));
        let letter = self.letter(entry);
        if matches!(entry.record, Record::Input(_)) {
            self.inquiries.entry(entry.node).or_default().hear(self.member, letter.as_ref());
        }
        let unanswered = match replay.step(entry)? {
            Outcome::Sent(_, bytes) => self.send(entry, bytes, before.as_ref()),
            _ => None,
        };
        let after = replay.node(entry.node).map(|node| self.look(node));
        let mut turns = turns(self.member, before.as_ref(), after.as_ref(), &entry.record);
        if turns.is_empty() {
            turns.extend(self.accusation(entry.node, after.as_ref(), letter.as_ref()));
        }
        let at = replay.time_of(entry);
        let Some(viewer) = before.or(after).map(|look| look.viewer) else { return Ok(Vec::new()) };
        let line = |turn, cause| Line { at, node: entry.node, viewer, turn, cause };
        let mut lines: Vec<_> = unanswered
            .map(|inquiry| line(Turn::Unanswered, Cause::Probe(inquiry)))
            .into_iter()
            .collect();
        for turn in turns {
            let cause = self.cause(&turn, entry, letter.as_ref(), replay.node(entry.node));
            self.follow(&turn, entry, letter.as_ref());
            lines.push(line(turn, cause));
        }
        Ok(lines)
    }

    fn look<A: Address, S: Storage>(&self, node: &Node<A, S>) -> Look<A> {
        let seen = node.member(self.member).map(|member| Seen {
            status: member.status,
            incarnation: member.incarnation,
            boot: member.boot,
            address: member.address,
            asleep: member.asleep,
        });
        let (viewer, incarnation) = (node.id(), node.incarnation());
        let is_watched = node.watched().any(|watched| watched == self.member);
        Look { viewer, incarnation, standing: node.standing(), seen, is_watched }
    }

    /// What came in, if anything did.
    fn letter<A: Address>(&mut self, entry: &Entry<'_, A>) -> Option<Letter<A>> {
        match entry.record {
            Record::Input(Input::Packet { bytes, .. }) => self.opener.read(self.member, bytes),
            _ => None,
        }
    }

    /// Returns the probe that a new one leaves without an answer.
    fn send<A: Address>(
        &mut self,
        entry: &Entry<'_, A>,
        packet: &[u8],
        look: Option<&Look<A>>,
    ) -> Option<Inquiry> {
        // The dead and the departed are looked for in another way.
        let look = look.filter(|look| look.seen.is_some_and(|seen| seen.status.is_live()))?;
        let message = self.opener.read::<A>(self.member, packet)?.message?;
        if look.is_watched && message.is_bare_ping() {
            return None;
        }
        let inquiries = self.inquiries.entry(entry.node).or_default();
        inquiries.send(self.member, &message, entry.now)
    }

    /// Whether a packet names accusers of a suspect of whom the node had not heard.
    fn accusation<A: Address>(
        &self,
        node: u32,
        look: Option<&Look<A>>,
        letter: Option<&Letter<A>>,
    ) -> Option<Turn<A>> {
        let seen = look?.seen.filter(|seen| seen.status == Status::Suspect)?;
        let claim = letter?.claim.filter(|claim| claim.status == Status::Suspect)?;
        let known = self.accusers.get(&node).filter(|(at, _)| *at == seen.incarnation);
        let (_, known) = known?;
        let is_news = known.len() < VOICES_MAX
            && claim.voices.as_slice().iter().any(|voice| !known.contains(voice));
        (is_news && claim.incarnation == seen.incarnation)
            .then_some(Turn::Accused(seen.incarnation))
    }

    fn cause<A: Address, S: Storage>(
        &self,
        turn: &Turn<A>,
        entry: &Entry<'_, A>,
        letter: Option<&Letter<A>>,
        node: Option<&Node<A, S>>,
    ) -> Cause<A> {
        let inquiry = || self.inquiries.get(&entry.node).and_then(Inquiries::current).cloned();
        let Record::Input(input) = &entry.record else {
            return match entry.record {
                Record::Born(_) => Cause::Call("start"),
                Record::Ended => Cause::Call("end"),
                _ => Cause::Timer(inquiry()),
            };
        };
        let claims = letter.is_some_and(|letter| letter.claim.is_some());
        let message = letter.and_then(|letter| letter.message);
        match (input, turn) {
            (Input::Timeout, Turn::Suspected(_)) => own_probe(inquiry()),
            (Input::Packet { .. }, Turn::Suspected(_)) if !claims => own_probe(inquiry()),
            (Input::Packet { .. }, Turn::Died(_))
                if !claims
                    && matches!(message, Some(Message::Nack(Nack { refused: true, .. }))) =>
            {
                Cause::Refusal(inquiry())
            }
            (Input::Packet { from, .. }, _) => {
                Cause::Packet(Box::new(heard(from.address(), letter, node)))
            }
            (Input::Unreachable(_) | Input::Refusal { .. }, _) => Cause::Refusal(inquiry()),
            (Input::Timeout, _) => Cause::Timer(inquiry()),
            _ => Cause::Call(input.name()),
        }
    }

    /// Remembers what later turns need to know.
    fn follow<A: Address>(
        &mut self,
        turn: &Turn<A>,
        entry: &Entry<'_, A>,
        letter: Option<&Letter<A>>,
    ) {
        let voices = letter.and_then(|letter| letter.claim).map(|claim| claim.voices);
        let voices = voices.iter().flat_map(|voices| voices.as_slice()).copied();
        let inquiries = self.inquiries.entry(entry.node).or_default();
        match *turn {
            Turn::Suspected(incarnation) => {
                inquiries.verify(entry.now);
                self.accusers.insert(entry.node, (incarnation, voices.collect()));
            }
            Turn::Accused(_) => {
                let known = self.accusers.entry(entry.node).or_default();
                for voice in voices {
                    if !known.1.contains(&voice) {
                        known.1.push(voice);
                    }
                }
            }
            Turn::Refuted(..) | Turn::Died(_) | Turn::Left(_) | Turn::Forgotten => {
                inquiries.end();
                self.accusers.remove(&entry.node);
            }
            Turn::Began(_)
            | Turn::Renewed(_)
            | Turn::Goodbye
            | Turn::Ended
            | Turn::FirstHeard(_)
            | Turn::Unanswered
            | Turn::Repeated(_)
            | Turn::Restarted(_)
            | Turn::Moved(_)
            | Turn::FellAsleep
            | Turn::Woke => {}
        }
    }
}

fn own_probe<A>(inquiry: Option<Inquiry>) -> Cause<A> {
    inquiry.map_or(Cause::Timer(None), Cause::Probe)
}

/// What happened between two looks.
fn turns<A: Address>(
    member: NodeId,
    before: Option<&Look<A>>,
    after: Option<&Look<A>>,
    record: &Record<'_, A>,
) -> Vec<Turn<A>> {
    let is_own = before.or(after).is_some_and(|look| look.viewer == member);
    if is_own {
        return own_turns(before, after, record);
    }
    match (before.and_then(|look| look.seen), after.and_then(|look| look.seen)) {
        _ if after.is_none() => Vec::new(),
        (None, None) => Vec::new(),
        (None, Some(seen)) => vec![Turn::FirstHeard(seen)],
        (Some(_), None) => vec![Turn::Forgotten],
        (Some(before), Some(after)) => changes(&before, &after),
    }
}

fn own_turns<A: Address>(
    before: Option<&Look<A>>,
    after: Option<&Look<A>>,
    record: &Record<'_, A>,
) -> Vec<Turn<A>> {
    match (before, after) {
        (_, Some(after)) if matches!(record, Record::Born(_)) => {
            vec![Turn::Began(after.incarnation)]
        }
        (Some(_), None) => vec![Turn::Ended],
        (Some(before), Some(after)) => {
            let said_goodbye = before.standing != after.standing
                && matches!(after.standing, Standing::Leaving | Standing::Departed)
                && before.standing == Standing::Alive;
            let goodbye = said_goodbye.then_some(Turn::Goodbye);
            let is_later = before.incarnation != after.incarnation;
            let renewed = is_later.then_some(Turn::Renewed(after.incarnation));
            goodbye.into_iter().chain(renewed).collect()
        }
        _ => Vec::new(),
    }
}

fn changes<A: Address>(before: &Seen<A>, after: &Seen<A>) -> Vec<Turn<A>> {
    let mut turns = Vec::new();
    if before.address.is_none() && after.address.is_some() {
        return vec![Turn::FirstHeard(*after)];
    }
    let (incarnation, is_later) = (after.incarnation, before.incarnation != after.incarnation);
    let is_other = before.status != after.status;
    match after.status {
        Status::Alive if before.boot != after.boot => turns.push(Turn::Restarted(*after)),
        Status::Alive if is_other => turns.push(Turn::Refuted(before.status, incarnation)),
        Status::Alive if is_later => turns.push(Turn::Repeated(incarnation)),
        Status::Suspect if is_other || is_later => turns.push(Turn::Suspected(incarnation)),
        Status::Dead if is_other => turns.push(Turn::Died(incarnation)),
        Status::Left if is_other => turns.push(Turn::Left(incarnation)),
        Status::Alive | Status::Suspect | Status::Dead | Status::Left => {}
    }
    if let Some(address) = after.address.filter(|_| before.address != after.address) {
        turns.push(Turn::Moved(address));
    }
    match (before.asleep, after.asleep) {
        (false, true) => turns.push(Turn::FellAsleep),
        (true, false) => turns.push(Turn::Woke),
        _ => {}
    }
    turns
}

fn heard<A: Address, S: Storage>(
    from: A,
    letter: Option<&Letter<A>>,
    node: Option<&Node<A, S>>,
) -> Heard<A> {
    let claim = letter.and_then(|letter| letter.claim);
    let voices = claim.map(|claim| claim.voices).unwrap_or_default();
    let is_accuser = |id: &NodeId| voices.as_slice().contains(&Voice::from(*id));
    let members = node.into_iter().flat_map(|node| node.members().map(|member| member.id));
    // Most packets name nobody, and tables can be large.
    let looked_at = if voices.count() > 0 { usize::MAX } else { 0 };
    let accusers: Vec<_> = members.take(looked_at).filter(is_accuser).collect();
    Heard {
        sender: letter.map(|letter| letter.sender),
        from,
        message: letter.map_or("packet", |letter| name(letter.message.as_ref())),
        claim: claim.map(|claim| (claim.status, claim.incarnation)),
        accusers_unknown: voices.count().saturating_sub(accusers.len()),
        accusers,
    }
}

/// What a packet asks or answers, in a word or two.
const fn name<A>(message: Option<&Message<A>>) -> &'static str {
    match message {
        None => "gossip",
        Some(Message::Ping(_)) => "ping",
        Some(Message::Ack(_)) => "ack",
        Some(Message::PingRequest(_)) => "ping request",
        Some(Message::Nack(_)) => "nack",
        Some(Message::Join(_)) => "join",
        Some(Message::Welcome(_)) => "welcome",
        Some(Message::Refuse(_)) => "refusal",
        Some(Message::Pull(_)) => "pull",
        Some(Message::Page(_)) => "page",
        Some(Message::Sync(_)) => "reconciliation",
        Some(Message::SyncReply(_)) => "answer of a reconciliation",
        Some(Message::Cookie(_)) => "cookie",
        Some(Message::Busy(_)) => "busy",
    }
}
