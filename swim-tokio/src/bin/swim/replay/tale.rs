//! The lines of a story.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;
use swim_core::trace::{Cause, Heard, Inquiry, Line, Seen, Turn};
use swim_tokio::{NodeId, swim_core};

use super::directory::Directory;
use super::pass::{Place, seconds};

#[derive(Serialize)]
struct Record<'l> {
    at_s: f64,
    node: u32,
    viewer: String,
    name: String,
    turn: &'static str,
    incarnation: Option<u32>,
    text: &'l str,
    because: &'l str,
    /// Who said so, if somebody did.
    sender: Option<String>,
    accusers: Vec<String>,
}

/// Writes one line.
pub fn write<A: Place>(
    line: &Line<A>,
    json: bool,
    directory: &Directory<A>,
    out: &mut impl Write,
) -> io::Result<()> {
    let (text, because) = (what(&line.turn), why(&line.cause, directory));
    let name = directory.name(line.viewer);
    if !json {
        let (at, node) = (seconds(line.at), line.node);
        let because = if because.is_empty() { because } else { format!(": {because}") };
        return writeln!(out, "{at:>14.6}  node {node:<4} {name:<22} {text}{because}");
    }
    let heard = match &line.cause {
        Cause::Packet(heard) => Some(heard),
        _ => None,
    };
    let accusers = heard.iter().flat_map(|heard| &heard.accusers).map(NodeId::to_string);
    let record = Record {
        at_s: seconds(line.at),
        node: line.node,
        viewer: line.viewer.to_string(),
        name,
        turn: name_of(&line.turn),
        incarnation: incarnation(&line.turn),
        text: &text,
        because: &because,
        sender: heard.and_then(|heard| heard.sender).map(|sender| sender.to_string()),
        accusers: accusers.collect(),
    };
    writeln!(out, "{}", serde_json::to_string(&record)?)
}

fn what<A: Place>(turn: &Turn<A>) -> String {
    let at = |incarnation: u32| format!("at incarnation {incarnation}");
    match turn {
        Turn::Began(incarnation) => format!("begins {}", at(incarnation.number())),
        Turn::Renewed(incarnation) => {
            format!("says {} that it is there", at(incarnation.number()))
        }
        Turn::Goodbye => "says goodbye".into(),
        Turn::Ended => "its process is over".into(),
        Turn::FirstHeard(seen) => format!("hears of it for the first time, {}", shown(seen)),
        Turn::Unanswered => "gets no answer from it, and accuses nobody".into(),
        Turn::Suspected(incarnation) => format!("suspects it {}", at(incarnation.number())),
        Turn::Accused(incarnation) => {
            format!("hears of more who accuse it {}", at(incarnation.number()))
        }
        Turn::Refuted(before, incarnation) => {
            format!("holds it for alive {}, no longer {before}", at(incarnation.number()))
        }
        Turn::Repeated(incarnation) => {
            format!("hears that it is alive {}", at(incarnation.number()))
        }
        Turn::Died(incarnation) => format!("holds it for dead {}", at(incarnation.number())),
        Turn::Left(incarnation) => format!("knows that it has left {}", at(incarnation.number())),
        Turn::Restarted(seen) => format!("hears that it was restarted, {}", shown(seen)),
        Turn::Moved(address) => format!("knows it at {address} now"),
        Turn::FellAsleep => "knows that it will be silent for a while".into(),
        Turn::Woke => "expects it to answer again".into(),
        Turn::Forgotten => "has forgotten it".into(),
        _ => "something else".into(),
    }
}

fn shown<A: Place>(seen: &Seen<A>) -> String {
    let mut text = format!("{} at incarnation {}", seen.status, seen.incarnation.number());
    if let Some(address) = seen.address {
        // Writing to a string does not fail.
        let _ = write!(text, ", {address}");
    }
    text
}

fn why<A: Place>(cause: &Cause<A>, directory: &Directory<A>) -> String {
    match cause {
        Cause::Packet(heard) => told(heard, directory),
        Cause::Probe(inquiry) => asked(inquiry, directory),
        Cause::Timer(Some(inquiry)) if inquiry.pings > 0 => {
            format!("its time was over; {}", asked(inquiry, directory))
        }
        Cause::Timer(_) => "its time was over".into(),
        Cause::Refusal(inquiry) => {
            let refusals = inquiry.iter().flat_map(|inquiry| &inquiry.refusals);
            match names(refusals, directory) {
                names if names.is_empty() => "nothing listens there, says its host".into(),
                names => format!("nothing listens there, says its host, and said so to {names}"),
            }
        }
        // That much the turn itself says.
        Cause::Call("start" | "end" | "leave") => String::new(),
        Cause::Call(call) => format!("its own program: {call}"),
        _ => "something else".into(),
    }
}

fn told<A: Place>(heard: &Heard<A>, directory: &Directory<A>) -> String {
    let Heard { from, message, .. } = heard;
    let sender = match heard.sender {
        Some(sender) => directory.name(sender),
        None => "somebody".into(),
    };
    let from = from.to_string();
    let place = if sender == from { String::new() } else { format!(" ({from})") };
    let Some((status, incarnation)) = heard.claim else {
        return format!("{message} of {sender}{place}");
    };
    let mut text = format!("{message} of {sender}{place} says {status} {}", incarnation.number());
    let accusers = names(heard.accusers.iter(), directory);
    if !accusers.is_empty() {
        let _ = write!(text, ", accused by {accusers}");
    }
    if heard.accusers_unknown > 0 {
        let _ = write!(text, " and {} others", heard.accusers_unknown);
    }
    text
}

fn asked<A: Place>(inquiry: &Inquiry, directory: &Directory<A>) -> String {
    let mut text = format!("{} pings", inquiry.pings);
    if inquiry.requests > 0 {
        let _ = write!(text, " and {} requests to relays", inquiry.requests);
    }
    text.push_str(" without an answer");
    let nacks = names(inquiry.nacks.iter(), directory);
    if !nacks.is_empty() {
        let _ = write!(text, "; {} nacks, of {nacks}", inquiry.nacks.len());
    }
    text
}

fn names<'i, A: Place>(ids: impl Iterator<Item = &'i NodeId>, directory: &Directory<A>) -> String {
    ids.map(|id| directory.name(*id)).collect::<Vec<_>>().join(", ")
}

const fn name_of<A>(turn: &Turn<A>) -> &'static str {
    match turn {
        Turn::Began(_) => "began",
        Turn::Renewed(_) => "renewed",
        Turn::Goodbye => "goodbye",
        Turn::Ended => "ended",
        Turn::FirstHeard(_) => "first_heard",
        Turn::Unanswered => "unanswered",
        Turn::Suspected(_) => "suspected",
        Turn::Accused(_) => "accused",
        Turn::Refuted(..) => "refuted",
        Turn::Repeated(_) => "repeated",
        Turn::Died(_) => "died",
        Turn::Left(_) => "left",
        Turn::Restarted(_) => "restarted",
        Turn::Moved(_) => "moved",
        Turn::FellAsleep => "fell_asleep",
        Turn::Woke => "woke",
        Turn::Forgotten => "forgotten",
        _ => "other",
    }
}

fn incarnation<A>(turn: &Turn<A>) -> Option<u32> {
    match turn {
        Turn::Began(incarnation)
        | Turn::Renewed(incarnation)
        | Turn::Suspected(incarnation)
        | Turn::Accused(incarnation)
        | Turn::Refuted(_, incarnation)
        | Turn::Repeated(incarnation)
        | Turn::Died(incarnation)
        | Turn::Left(incarnation) => Some(incarnation.number()),
        Turn::FirstHeard(seen) | Turn::Restarted(seen) => Some(seen.incarnation.number()),
        _ => None,
    }
}
