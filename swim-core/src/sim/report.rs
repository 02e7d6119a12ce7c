//! What a run has to tell: counts, a hash of everything that happened, and how to replay a failure.

use core::fmt;
use core::ops::Range;
use std::collections::VecDeque;

use crate::member::NodeId;
use crate::time::Instant;
use crate::{Channel, Event};

use super::oracle::Violation;
use super::scenario::SimAddress;
use super::tally::Tally;

/// Events kept in a run's history; later ones are only counted.
const HEARD_MAX: usize = 1 << 20;
/// Steps remembered of all nodes.
const STEPS_MAX: usize = 4_096;
/// Steps told with a failure: the last of the node concerned, or of all.
const STEPS_TOLD_MAX: usize = 40;

/// An event, who heard it and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The moment, since the start of the simulation.
    pub at: Instant,
    /// The index of the node.
    pub node: usize,
    /// What it was told.
    pub event: Event<SimAddress>,
}

/// Something that happened to a node, or that it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A process began.
    Started,
    /// A process ended without a word.
    Crashed,
    /// A process ended without a word, and its host lives.
    Killed,
    /// A process stopped, for a while.
    Froze,
    /// A process ceased to send and read, for a while.
    Jammed,
    /// It went on.
    Woke,
    /// The application called a verb.
    Commanded,
    /// A packet was handed in.
    Received(SimAddress, Channel, usize),
    /// It was told that a packet to this address was refused.
    Refused(SimAddress, Channel),
    /// A deadline came.
    TimedOut,
    /// A packet was written.
    Sent(SimAddress, Channel, usize),
    /// An event was polled.
    Told(Event<SimAddress>),
}

/// Plain counters of a whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Inputs given to nodes: packets, refusals, deadlines, commands.
    pub inputs: u64,
    /// Packets written.
    pub sent: u64,
    /// Bytes in them.
    pub bytes_sent: u64,
    /// Packets handed to nodes.
    pub delivered: u64,
    /// Packets a node did not accept.
    pub rejected: u64,
    /// Datagrams lost by a link.
    pub lost: u64,
    /// Datagrams that arrived twice.
    pub duplicated: u64,
    /// Packets stopped by a cut.
    pub cut: u64,
    /// Packets to an address where nobody listens.
    pub unclaimed: u64,
    /// Packets a host refused: nobody listens there, or a firewall says so.
    pub refused: u64,
    /// Packets that found no room to wait at a process that is held up.
    pub overflowed: u64,
    /// Events polled.
    pub events: u64,
    /// Of these, suspicions.
    pub suspicions: u64,
    /// Of these, deaths.
    pub deaths: u64,
    /// Events not kept in the history because it was full.
    pub unheard: u64,
}

/// What went out of one node and came in to it, over all its lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Packets written.
    pub packets_out: u64,
    /// Bytes in them.
    pub bytes_out: u64,
    /// Packets handed in.
    pub packets_in: u64,
    /// Bytes in them.
    pub bytes_in: u64,
}

impl Load {
    /// What came on top of an `earlier` state.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            packets_out: self.packets_out - earlier.packets_out,
            bytes_out: self.bytes_out - earlier.bytes_out,
            packets_in: self.packets_in - earlier.packets_in,
            bytes_in: self.bytes_in - earlier.bytes_in,
        }
    }

    /// The sum of both, number by number.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            packets_out: self.packets_out + other.packets_out,
            bytes_out: self.bytes_out + other.bytes_out,
            packets_in: self.packets_in + other.packets_in,
            bytes_in: self.bytes_in + other.bytes_in,
        }
    }

    /// The greater of both, number by number.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            packets_out: self.packets_out.max(other.packets_out),
            bytes_out: self.bytes_out.max(other.bytes_out),
            packets_in: self.packets_in.max(other.packets_in),
            bytes_in: self.bytes_in.max(other.bytes_in),
        }
    }
}

/// The state of a run in a few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed of the scenario.
    pub seed: u64,
    /// Time simulated.
    pub at: Instant,
    /// A hash of every packet and event so far.
    pub trace_hash: u64,
    /// What was counted.
    pub counts: Counts,
    /// Incarnations of healthy members that were declared dead.
    pub false_deaths: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, at, trace_hash, counts, false_deaths } = self;
        write!(f, "seed {seed}, {} s, trace {trace_hash:016x}: ", seconds(*at))?;
        write!(f, "{} inputs, {} packets, {} B; ", counts.inputs, counts.sent, counts.bytes_sent)?;
        write!(f, "{} suspicions, {} deaths heard, ", counts.suspicions, counts.deaths)?;
        write!(f, "{false_deaths} false; {} lost, {} cut, ", counts.lost, counts.cut)?;
        write!(f, "{} unclaimed, {} refused, ", counts.unclaimed, counts.refused)?;
        write!(f, "{} overflowed", counts.overflowed)
    }
}

/// A rule was broken. Shows itself, also by `Debug`, with the last steps and the command that
/// replays it, so that a test may return it.
#[derive(Clone)]
pub struct Failure {
    /// The rule.
    pub violation: Violation,
    /// The index and id of the node at which it was noticed; `None` if it is about all of them.
    pub node: Option<(usize, NodeId)>,
    /// The run up to there.
    pub report: Box<Report>,
    test: &'static str,
    steps: Vec<(Instant, usize, Step)>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { violation, node, report, test, steps } = self;
        write!(f, "at {} s", seconds(report.at))?;
        if let Some((node, id)) = node {
            write!(f, ", node {node} (id {id})")?;
        }
        writeln!(f, ": {violation}")?;
        writeln!(f, "{report}")?;
        writeln!(f, "the last steps:")?;
        for (at, node, step) in steps {
            writeln!(f, "  {} s  node {node}  {step:?}", seconds(*at))?;
        }
        let seed = report.seed;
        write!(f, "replay: SWIM_SEED={seed} cargo test -p swim-core --features sim {test}")
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Failure {}

/// The seeds a test runs: `default`, or the one in the environment variable `SWIM_SEED`.
pub fn seeds(default: Range<u64>) -> Range<u64> {
    let replayed = std::env::var("SWIM_SEED").ok().and_then(|seed| seed.parse().ok());
    replayed.map_or(default, |seed: u64| seed..seed.saturating_add(1))
}

/// Writes a run down: what is counted, hashed and remembered.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub counts: Counts,
    pub heard: Vec<Heard>,
    /// `None`: nobody asked for it.
    pub tally: Option<Tally>,
    hash: Hash,
    steps: VecDeque<(Instant, usize, Step)>,
}

impl Recorder {
    /// Remembers `step` for a failure that may follow.
    pub fn step(&mut self, at: Instant, node: usize, step: Step) {
        if self.steps.len() == STEPS_MAX {
            self.steps.pop_front();
        }
        self.steps.push_back((at, node, step));
    }

    /// Takes down a packet that `node` wrote.
    pub fn sent(&mut self, at: Instant, node: usize, to: (SimAddress, Channel), bytes: &[u8]) {
        let (to, channel) = to;
        self.counts.sent += 1;
        self.counts.bytes_sent += bytes.len() as u64;
        self.hash.number(at.as_micros());
        self.hash.number(node as u64);
        self.hash.number(u64::from(to.ip().to_bits()) << 8 | channel as u64);
        self.hash.bytes(bytes);
        self.step(at, node, Step::Sent(to, channel, bytes.len()));
    }

    /// Takes down an event that `node` was told.
    pub fn told(&mut self, at: Instant, node: usize, event: Event<SimAddress>) {
        self.counts.events += 1;
        let (kind, about) = fingerprint(&event);
        for number in [at.as_micros(), node as u64, kind, about] {
            self.hash.number(number);
        }
        self.counts.suspicions += u64::from(matches!(event, Event::MemberSuspected(_)));
        self.counts.deaths += u64::from(matches!(event, Event::MemberDead(_)));
        if self.heard.len() < HEARD_MAX {
            self.heard.push(Heard { at, node, event });
        } else {
            self.counts.unheard += 1;
        }
        self.step(at, node, Step::Told(event));
    }

    pub fn trace_hash(&self) -> u64 {
        self.hash.0
    }

    pub fn failure(
        &self,
        violation: Violation,
        node: Option<(usize, NodeId)>,
        report: Report,
        test: &'static str,
    ) -> Failure {
        let concerned = |step: &&(Instant, usize, Step)| node.is_none_or(|node| node.0 == step.1);
        let steps = self.steps.iter().rev().filter(concerned).take(STEPS_TOLD_MAX);
        let mut steps: Vec<_> = steps.copied().collect();
        steps.reverse();
        Failure { violation, node, report: Box::new(report), test, steps }
    }
}

/// The kind of an event and whom it is about, in numbers that stay the same in every release.
fn fingerprint(event: &Event<SimAddress>) -> (u64, u64) {
    let number = |address: &SimAddress| u64::from(address.ip().to_bits());
    match event {
        Event::Joined { seed, by } => (1, number(seed) ^ by.number().rotate_left(32)),
        Event::JoinRefused { seed, reason } => (2, number(seed) << 8 | *reason as u64),
        Event::MemberJoined(id) => (3, id.number()),
        Event::MemberSuspected(id) => (4, id.number()),
        Event::MemberRecovered(id) => (5, id.number()),
        Event::MemberDead(id) => (6, id.number()),
        Event::MemberLeft(id) => (7, id.number()),
        Event::MemberRestarted(id) => (8, id.number()),
        Event::MemberUpdated(id) => (9, id.number()),
        Event::Conflict { rival, won } => (10, number(rival) << 8 | u64::from(*won)),
        Event::TableFull => (11, 0),
        Event::Departed => (12, 0),
        Event::MemberHeldOut(id) => (13, id.number()),
        Event::MemberReadmitted(id) => (14, id.number()),
        Event::MemberForgotten(id) => (15, id.number()),
        Event::Asleep => (16, 0),
        Event::UnknownKey { key_id, from } => (17, number(from) << 32 | u64::from(key_id.0)),
        Event::NotUnderstood { key_id, from } => (18, number(from) << 32 | u64::from(key_id.0)),
        Event::Unsealed { from } => (19, number(from)),
        Event::SuspicionRaised(id) => (20, id.number()),
        Event::SuspicionLowered(id) => (21, id.number()),
    }
}

fn seconds(at: Instant) -> impl fmt::Display {
    let micros = at.as_micros();
    std::format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// FNV-1a over words of eight bytes, turned so that the upper bits count as well.
#[derive(Clone, Copy, Debug)]
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    fn number(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.number(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.number(u64::from_le_bytes(last));
        self.number(bytes.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(bytes: &[u8]) -> u64 {
        let mut hash = Hash::default();
        hash.bytes(bytes);
        hash.0
    }

    #[test]
    fn the_trace_hash_sees_every_byte_and_its_place() {
        let bytes: Vec<u8> = (0..37).collect();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[place] ^= 1 << bit;
                assert_ne!(hash(&bytes), hash(&other), "byte {place}, bit {bit}");
            }
        }
        assert_ne!(hash(b""), hash(b"\0"));
        assert_ne!(hash(b"12345678abcdefgh"), hash(b"abcdefgh12345678"));
    }

    #[test]
    fn a_failure_names_the_seed_the_moment_and_the_command() {
        let mut recorder = Recorder::default();
        recorder.step(Instant::from_millis(1_250), 3, Step::TimedOut);
        let at = Instant::from_millis(1_500);
        let (counts, trace_hash) = (recorder.counts, recorder.trace_hash());
        let report = Report { seed: 42, at, trace_hash, counts, false_deaths: 0 };
        let node = Some((3, NodeId::new(0xab)));
        let failure = recorder.failure(Violation::Spinning, node, report, "a_test");
        let text = failure.to_string();
        for part in [
            "at 1.500000 s, node 3 (id ab): deadlines at one instant do not end",
            "1.250000 s  node 3  TimedOut",
            "replay: SWIM_SEED=42 cargo test -p swim-core --features sim a_test",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_failure_tells_the_last_steps_of_the_node_concerned() {
        let mut recorder = Recorder::default();
        for second in 0..2 * STEPS_MAX {
            recorder.step(Instant::from_secs(second as u64), second % 2, Step::TimedOut);
        }
        assert_eq!(recorder.steps.len(), STEPS_MAX);
        let (at, trace_hash, counts) = (Instant::ZERO, 0, Counts::default());
        let report = Report { seed: 42, at, trace_hash, counts, false_deaths: 0 };
        let node = Some((0, NodeId::new(5)));
        let failure = recorder.failure(Violation::Spinning, node, report, "a_test");
        assert_eq!(failure.steps.len(), STEPS_TOLD_MAX);
        assert!(failure.steps.iter().all(|step| step.1 == 0));
        let last = failure.steps.last().map(|step| step.0);
        assert_eq!(last, Some(Instant::from_secs(2 * STEPS_MAX as u64 - 2)));
    }
}
