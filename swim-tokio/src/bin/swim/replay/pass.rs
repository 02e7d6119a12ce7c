//! One pass through a trace.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::Serialize;
use swim_core::storage::Growable;
use swim_core::trace::{
    Counts, Entry, Line, Outcome, ReadError, Reader, Replay, ReplayError, Story, Terms,
};
use swim_core::{Address, Instant};
use swim_tokio::{Event, Key, NodeId, swim_core};

use super::directory::Directory;

/// An address that can be shown and written on a command line.
pub trait Place: Address + Display + FromStr {}

impl<A: Address + Display + FromStr> Place for A {}

/// A trace that gave the same again.
pub struct Recorded<A> {
    pub counts: Counts,
    pub directory: Directory<A>,
    /// How often which event was told of a member.
    pub told: BTreeMap<NodeId, BTreeMap<&'static str, u64>>,
    nodes: usize,
    end: End,
}

/// How a trace ends.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum End {
    Whole,
    /// Within an entry.
    Cut,
    /// It had reached its greatest length.
    Full,
}

/// Why telling came to an end before the trace did.
pub enum Ending {
    Trace(String),
    Output(io::Error),
}

impl<A: Place> Recorded<A> {
    /// Replays all, and remembers who is who.
    ///
    /// # Errors
    ///
    /// Another packet or event came out, or the trace cannot be read: where and why.
    pub fn of(mut reader: Reader<impl Read>, terms: Terms<A, Growable>) -> Result<Self, String> {
        let mut replay = Replay::new(terms);
        let (mut directory, mut told) =
            (Directory::default(), BTreeMap::<_, BTreeMap<_, _>>::new());
        let mut end = End::Whole;
        loop {
            let number = reader.entries() + 1;
            let Some(entry) = reader.next::<A>().map_err(|error| unreadable(&error))? else {
                break;
            };
            match replay.step(&entry) {
                Ok(Outcome::Told(event)) => {
                    if let Some(id) = event.member() {
                        *told.entry(id).or_default().entry(name(&event)).or_default() += 1;
                        directory.note(&replay, entry.node(), id);
                    }
                }
                Ok(Outcome::Full) => end = End::Full,
                Ok(_) => {}
                Err(error) => return Err(different(&replay, &entry, number, &error)),
            }
            directory.note_node(&replay, entry.node());
        }
        if reader.is_cut() {
            end = End::Cut;
        }
        let nodes = directory.nodes();
        Ok(Self { counts: replay.counts(), directory, told, nodes, end })
    }

    /// Writes that everything was the same.
    pub fn write(&self, json: bool, out: &mut impl Write) -> io::Result<()> {
        let Counts { inputs, packets, bytes, events, .. } = self.counts;
        if json {
            let (nodes, end) = (self.nodes, self.end);
            let all = Identical { inputs, packets, bytes, events, nodes, identical: true, end };
            return writeln!(out, "{}", serde_json::to_string(&all)?);
        }
        let nodes = if self.nodes == 1 { "1 node".into() } else { format!("{} nodes", self.nodes) };
        writeln!(out, "{inputs} inputs, {packets} packets, identical")?;
        writeln!(out, "{nodes}, {bytes} bytes sent, {events} events{}", self.end)
    }
}

#[derive(Serialize)]
struct Identical {
    inputs: u64,
    packets: u64,
    bytes: u64,
    events: u64,
    nodes: usize,
    identical: bool,
    end: End,
}

impl Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "",
            Self::Cut => "; the trace ends within an entry, as that of a process that was killed",
            Self::Full => "; the trace was full then, and what followed is not in it",
        })
    }
}

/// Replays all again, for the story of one member.
pub fn story<A: Place>(
    mut reader: Reader<impl Read>,
    terms: Terms<A, Growable>,
    (member, keys): (NodeId, Vec<Key>),
    mut tell: impl FnMut(Line<A>) -> io::Result<()>,
) -> Result<(), Ending> {
    let (mut replay, mut story) = (Replay::new(terms), Story::new(member, keys));
    loop {
        let number = reader.entries() + 1;
        let entry = reader.next::<A>().map_err(|error| Ending::Trace(unreadable(&error)))?;
        let Some(entry) = entry else { return Ok(()) };
        match story.step(&mut replay, &entry) {
            Ok(lines) => lines.into_iter().try_for_each(&mut tell).map_err(Ending::Output)?,
            Err(error) => return Err(Ending::Trace(different(&replay, &entry, number, &error))),
        }
    }
}

/// A moment as all lines show it.
pub fn seconds(at: Instant) -> f64 {
    at.since(Instant::ZERO).as_secs_f64()
}

fn unreadable(error: &ReadError) -> String {
    format!("the trace cannot be read on: {error}")
}

fn different<A: Place>(
    replay: &Replay<A, Growable>,
    entry: &Entry<'_, A>,
    number: u64,
    error: &ReplayError<A>,
) -> String {
    let (at, node) = (seconds(replay.time_of(entry)), entry.node());
    let (input, inputs) = (replay.last_input(), replay.counts().inputs);
    format!("entry {number}, node {node} at {at:.6} s, after input {inputs} ({input}): {error}")
}

fn name<A>(event: &Event<A>) -> &'static str {
    match event {
        Event::MemberJoined(_) => "joined",
        Event::MemberSuspected(_) => "suspected",
        Event::MemberRecovered(_) => "recovered",
        Event::MemberDead(_) => "dead",
        Event::MemberHeldOut(_) => "held out",
        Event::MemberReadmitted(_) => "readmitted",
        Event::MemberLeft(_) => "left",
        Event::MemberRestarted(_) => "restarted",
        Event::MemberUpdated(_) => "updated",
        Event::MemberForgotten(_) => "forgotten",
        Event::Joined { .. } => "admitted",
        _ => "other",
    }
}
