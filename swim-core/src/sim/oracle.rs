//! What must always hold, and who notices when it does not.
//!
//! The oracle is told what is true (who exists, who is well, which incarnations were reached) and
//! what was observed (a row, a packet, a deadline), and compares. It never walks a table: what it
//! costs follows from what it is told.

use core::cmp::Ordering;
use core::fmt;
use core::time::Duration;

use crate::member::{Incarnation, NodeId, Status};
use crate::time::Instant;
use crate::wire::{Belief, Message, Packet, ParseError, rewrite};

use super::places::Places;
use super::scenario::SimAddress;

/// What a view holds of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub id: NodeId,
    pub incarnation: Incarnation,
    pub status: Status,
}

/// A rule that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A view speaks of an id that nobody ever had.
    Invented(NodeId),
    /// A view or a packet carries an incarnation its owner has not reached.
    Unreached {
        /// The owner.
        id: NodeId,
        /// What is said of it.
        told: Incarnation,
        /// The highest it has reached in any of its lives.
        reached: Incarnation,
    },
    /// The incarnation of a member went back in a view.
    IncarnationWentBack {
        /// The member.
        id: NodeId,
        /// What the view held.
        from: Incarnation,
        /// What it holds now.
        to: Incarnation,
    },
    /// A member is alive again at the incarnation at which it was dead or had left.
    Revived {
        /// The member.
        id: NodeId,
        /// The incarnation.
        at: Incarnation,
    },
    /// The status of a member lost precedence at the same incarnation in a view.
    StatusWentBack {
        /// The member.
        id: NodeId,
        /// What the view held.
        from: Status,
        /// What it holds now.
        to: Status,
    },
    /// Somebody healthy and reachable was declared dead.
    FalseDeath {
        /// The member.
        id: NodeId,
        /// The incarnation at which it is said to have died.
        at: Incarnation,
    },
    /// A packet is longer than the configuration allows.
    PacketTooLong {
        /// Its length in bytes.
        len: usize,
        /// What is allowed.
        len_max: usize,
    },
    /// A packet does not parse.
    PacketUnreadable(ParseError),
    /// A packet is not what its own content is written as.
    PacketNotCanonical,
    /// A packet names another sender than its writer.
    WrongSender(NodeId),
    /// After all output was taken, the next deadline lies in the past.
    DeadlinePassed {
        /// How far in the past, by the node's own clock.
        by: Duration,
    },
    /// Deadlines at one instant do not end.
    Spinning,
    /// The output that follows one input does not end.
    OutputEndless,
    /// A table holds more rows than it may.
    TableOverflow {
        /// Rows held.
        rows: usize,
        /// Rows allowed.
        rows_max: usize,
    },
    /// The count of living members differs from the living rows.
    Miscounted {
        /// What the node says.
        live_count: usize,
        /// What its rows say.
        live_rows: usize,
    },
    /// A node could not be made from the scenario's own settings.
    NotCreated,
    /// What a test expects of this cluster is not so.
    Unmet(&'static str),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invented(id) => write!(f, "it knows {id}, and nobody ever had that id"),
            Self::Unreached { id, told, reached } => {
                let (told, reached) = (told.number(), reached.number());
                write!(f, "incarnation {told} of {id} is told, it has only reached {reached}")
            }
            Self::IncarnationWentBack { id, from, to } => {
                write!(f, "{id} went back from incarnation {} to {}", from.number(), to.number())
            }
            Self::Revived { id, at } => {
                write!(f, "{id} rose from the dead at the same incarnation {}", at.number())
            }
            Self::StatusWentBack { id, from, to } => {
                write!(f, "{id} went back from {from:?} to {to:?} at the same incarnation")
            }
            Self::FalseDeath { id, at } => {
                write!(f, "{id} is dead at incarnation {}, yet healthy and reachable", at.number())
            }
            Self::PacketTooLong { len, len_max } => {
                write!(f, "a packet of {len} bytes, {len_max} are allowed")
            }
            Self::PacketUnreadable(error) => write!(f, "a packet does not parse: {error}"),
            Self::PacketNotCanonical => f.write_str("a packet is rewritten to other bytes"),
            Self::WrongSender(id) => write!(f, "a packet says it was written by {id}"),
            Self::DeadlinePassed { by } => write!(f, "the next deadline was {by:?} ago"),
            Self::Spinning => f.write_str("deadlines at one instant do not end"),
            Self::OutputEndless => f.write_str("the output after one input does not end"),
            Self::TableOverflow { rows, rows_max } => {
                write!(f, "{rows} rows in a table for {rows_max}")
            }
            Self::Miscounted { live_count, live_rows } => {
                write!(f, "it counts {live_count} living members and has {live_rows} living rows")
            }
            Self::NotCreated => f.write_str("the node refuses the scenario's settings"),
            Self::Unmet(expectation) => write!(f, "expected: {expectation}"),
        }
    }
}

/// What is true about an id.
#[derive(Clone, Copy, Debug, Default)]
struct Truth {
    /// The highest incarnation its owner has reached in any of its lives.
    reached: Incarnation,
    /// Up to this incarnation its death is deserved: it crashed or left there.
    doomed: Option<Incarnation>,
    /// Whether a process holds it that runs and has not left.
    well: bool,
    /// Whether two processes have held it at the same time.
    contested: bool,
    /// The last incarnation at which it was falsely declared dead.
    false_death: Option<Incarnation>,
}

/// What a view held of a member when last looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub incarnation: Incarnation,
    pub status: Status,
}

/// Knows the truth and the last state of every view.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    places: Places,
    truths: Vec<Truth>,
    /// By the index of the viewer, then by the place of the member.
    views: Vec<Vec<Option<Known>>>,
    /// Whether a false death is a violation now.
    strict: bool,
    /// Whether members may say of others what is not true.
    hearsay: bool,
    false_deaths: u64,
    rewritten: Vec<u8>,
}

impl Oracle {
    /// An oracle to which false deaths are violations, or only to be counted.
    pub fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
    }

    /// Learns that `id` exists, and that there is one more viewer. Returns the place of the id.
    pub fn introduce(&mut self, id: NodeId) -> usize {
        let next = self.truths.len();
        let place = self.places.get_or_insert(id, next);
        if place == next {
            self.truths.push(Truth::default());
        }
        self.views.push(Vec::new());
        place
    }

    /// Whether nobody has an id that somebody else has or had.
    pub fn ids_are_distinct(&self) -> bool {
        self.truths.len() == self.views.len()
    }

    /// Learns that the owner of the id at `place` has an incarnation, and whether all is well with
    /// it. If not, it deserves to be declared dead at any incarnation reached so far.
    pub fn learn(&mut self, place: usize, incarnation: Incarnation, well: bool) {
        let truth = &mut self.truths[place];
        truth.well = well && !truth.contested;
        if incarnation.order(truth.reached) == Ordering::Greater {
            truth.reached = incarnation;
        }
        if !truth.well {
            truth.doomed = Some(truth.reached);
        }
    }

    /// Learns that two processes have the id at `place`.
    pub fn contest(&mut self, place: usize) {
        self.truths[place].contested = true;
    }

    /// Learns that from now on somebody healthy may well be taken for dead.
    pub fn excuse_false_deaths(&mut self) {
        self.strict = false;
    }

    /// Learns that from now on views and packets may carry what somebody invented.
    pub fn excuse_hearsay(&mut self) {
        (self.strict, self.hearsay) = (false, true);
    }

    /// Forgets what `viewer` held: its process, or some of its rows, are gone.
    pub fn forget_view(&mut self, viewer: usize) {
        self.views[viewer].clear();
    }

    /// How many incarnations of healthy members were declared dead.
    pub fn false_deaths(&self) -> u64 {
        self.false_deaths
    }

    /// Observes what `viewer` holds of a member.
    pub fn row(&mut self, viewer: usize, row: Row) -> Result<(), Violation> {
        let Some(place) = self.plausible(row.id, row.incarnation)? else { return Ok(()) };
        let view = &mut self.views[viewer];
        if view.len() <= place {
            view.resize(self.truths.len().max(place + 1), None);
        }
        let known = Known { incarnation: row.incarnation, status: row.status };
        let before = view[place].replace(known);
        let went_round = before.is_some_and(|before| {
            self.hearsay && known.incarnation.order(before.incarnation) == Ordering::Less
        });
        if let Some(before) = before.filter(|_| !went_round) {
            forward(row.id, before, known)?;
        }
        let was_dead = before.is_some_and(|before| {
            before.status == Status::Dead && before.incarnation == row.incarnation
        });
        if row.status == Status::Dead && !was_dead { self.death(place, row) } else { Ok(()) }
    }

    /// Observes a packet that the owner of `sender` wrote.
    pub fn packet(&mut self, sender: NodeId, bytes: &[u8]) -> Result<(), Violation> {
        let packet = Packet::<SimAddress>::parse(bytes).map_err(Violation::PacketUnreadable)?;
        if packet.header.sender != sender {
            return Err(Violation::WrongSender(packet.header.sender));
        }
        self.plausible(sender, packet.header.incarnation)?;
        if let Some((target, belief)) = packet.message.as_ref().and_then(belief) {
            self.plausible(target, belief.incarnation)?;
        }
        for update in packet.updates() {
            self.plausible(update.id, update.claim.incarnation)?;
        }
        self.rewritten.resize(bytes.len(), 0);
        let len = rewrite::<SimAddress>(bytes, &mut self.rewritten)
            .map_err(|_| Violation::PacketNotCanonical)?;
        let same = self.rewritten.get(..len) == Some(bytes);
        if same { Ok(()) } else { Err(Violation::PacketNotCanonical) }
    }

    /// Where `id` is kept, if its owner has reached `incarnation`. `None` for those who do not
    /// exist, if anything may be said.
    fn plausible(&self, id: NodeId, incarnation: Incarnation) -> Result<Option<usize>, Violation> {
        let Some(place) = self.places.get(id) else {
            return if self.hearsay { Ok(None) } else { Err(Violation::Invented(id)) };
        };
        let reached = self.truths[place].reached;
        if !self.hearsay && incarnation.order(reached) == Ordering::Greater {
            return Err(Violation::Unreached { id, told: incarnation, reached });
        }
        Ok(Some(place))
    }

    fn death(&mut self, place: usize, row: Row) -> Result<(), Violation> {
        let truth = &mut self.truths[place];
        let outranks = |other: Incarnation| row.incarnation.order(other) == Ordering::Greater;
        if !truth.well || !truth.doomed.is_none_or(outranks) {
            return Ok(());
        }
        if truth.false_death.is_none_or(outranks) {
            truth.false_death = Some(row.incarnation);
            self.false_deaths += 1;
        }
        if self.strict {
            return Err(Violation::FalseDeath { id: row.id, at: row.incarnation });
        }
        Ok(())
    }
}

/// What the writer of a message says it believes, and of whom.
fn belief(message: &Message<SimAddress>) -> Option<(NodeId, Belief)> {
    match message {
        Message::Ping(ping) => ping.belief.map(|belief| (ping.target, belief)),
        Message::PingRequest(request) => request.belief.map(|belief| (request.target, belief)),
        _ => None,
    }
}

/// Whether what a view holds of `id` went forward, or stood still.
pub(super) fn forward(id: NodeId, from: Known, to: Known) -> Result<(), Violation> {
    match to.incarnation.order(from.incarnation) {
        Ordering::Greater => Ok(()),
        Ordering::Less => {
            Err(Violation::IncarnationWentBack { id, from: from.incarnation, to: to.incarnation })
        }
        Ordering::Equal if to.status >= from.status => Ok(()),
        Ordering::Equal if to.status.is_live() && !from.status.is_live() => {
            Err(Violation::Revived { id, at: to.incarnation })
        }
        Ordering::Equal => Err(Violation::StatusWentBack { id, from: from.status, to: to.status }),
    }
}

/// Checks the length of a packet.
pub(super) fn packet_fits(len: usize, len_max: usize) -> Result<(), Violation> {
    if len <= len_max { Ok(()) } else { Err(Violation::PacketTooLong { len, len_max }) }
}

/// Checks the deadline of a node whose output has been taken.
pub(super) fn deadline_is_ahead(deadline: Instant, now: Instant) -> Result<(), Violation> {
    if deadline >= now {
        return Ok(());
    }
    Err(Violation::DeadlinePassed { by: now.since(deadline) })
}

/// Checks the bounds of a table, and its count of living members against its rows.
pub(super) fn table_is_sound(
    rows: usize,
    rows_max: usize,
    live_rows: usize,
    live_count: usize,
) -> Result<(), Violation> {
    if rows.max(live_count) > rows_max {
        return Err(Violation::TableOverflow { rows: rows.max(live_count), rows_max });
    }
    if live_rows != live_count {
        return Err(Violation::Miscounted { live_count, live_rows });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Label;
    use crate::judge::Claim;
    use crate::wire::{Header, PacketWriter, Ping, Update};

    const OWNER: NodeId = NodeId::new(5);
    const STRANGER: NodeId = NodeId::new(6);

    /// One viewer, who is also the member looked at, and has reached `incarnation`.
    fn oracle(incarnation: u32) -> Oracle {
        let mut oracle = Oracle::new(true);
        oracle.introduce(OWNER);
        oracle.learn(0, Incarnation::new(incarnation), true);
        oracle
    }

    fn row(incarnation: u32, status: Status) -> Row {
        Row { id: OWNER, incarnation: Incarnation::new(incarnation), status }
    }

    fn header(sender: NodeId, incarnation: u32) -> Header {
        Header {
            label: Label::default(),
            sender,
            incarnation: Incarnation::new(incarnation),
            round: 0,
        }
    }

    fn packet(header: &Header, message: Option<Message<SimAddress>>, told: u32) -> Vec<u8> {
        let mut buffer = vec![0; 200];
        let mut writer = PacketWriter::new(&mut buffer, header).unwrap();
        assert!(message.is_none_or(|message| writer.message(&message)));
        let claim = Claim::new(Incarnation::new(told), Status::Left);
        assert!(writer.update(&Update::<SimAddress>::claim(OWNER, claim)));
        let len = writer.finish();
        buffer.truncate(len);
        buffer
    }

    #[test]
    fn an_invented_member_is_noticed() {
        let stranger = Row { id: STRANGER, ..row(0, Status::Alive) };
        assert_eq!(oracle(0).row(0, stranger), Err(Violation::Invented(STRANGER)));
    }

    #[test]
    fn an_incarnation_nobody_reached_is_noticed_in_views() {
        assert_eq!(oracle(3).row(0, row(3, Status::Alive)), Ok(()));
        let (told, reached) = (Incarnation::new(4), Incarnation::new(3));
        let violation = Violation::Unreached { id: OWNER, told, reached };
        assert_eq!(oracle(3).row(0, row(4, Status::Alive)), Err(violation));
    }

    #[test]
    fn an_incarnation_nobody_reached_is_noticed_anywhere_in_a_packet() {
        let belief = Belief { incarnation: Incarnation::new(4), status: Status::Suspect };
        let ping =
            Message::Ping(Ping { number: 1, target: OWNER, belief: Some(belief), digest: None });
        let (told, reached) = (Incarnation::new(4), Incarnation::new(3));
        let violation = Err(Violation::Unreached { id: OWNER, told, reached });
        assert_eq!(oracle(3).packet(OWNER, &packet(&header(OWNER, 3), None, 3)), Ok(()));
        assert_eq!(oracle(3).packet(OWNER, &packet(&header(OWNER, 4), None, 3)), violation);
        assert_eq!(oracle(3).packet(OWNER, &packet(&header(OWNER, 3), None, 4)), violation);
        assert_eq!(oracle(3).packet(OWNER, &packet(&header(OWNER, 3), Some(ping), 3)), violation);
    }

    #[test]
    fn a_step_back_in_a_view_is_noticed() {
        let (back, at) = (Incarnation::new(1), Incarnation::new(2));
        let steps = [
            (
                row(2, Status::Alive),
                row(1, Status::Left),
                Violation::IncarnationWentBack { id: OWNER, from: at, to: back },
            ),
            (row(2, Status::Left), row(2, Status::Alive), Violation::Revived { id: OWNER, at }),
            (row(2, Status::Left), row(2, Status::Suspect), Violation::Revived { id: OWNER, at }),
            (
                row(2, Status::Suspect),
                row(2, Status::Alive),
                Violation::StatusWentBack { id: OWNER, from: Status::Suspect, to: Status::Alive },
            ),
        ];
        for (before, after, violation) in steps {
            let mut oracle = oracle(2);
            assert_eq!(oracle.row(0, before), Ok(()));
            assert_eq!(oracle.row(0, after), Err(violation));
            oracle.forget_view(0);
            assert_eq!(oracle.row(0, after), Ok(()), "a new life knows nothing of the old one");
        }
    }

    #[test]
    fn the_death_of_the_healthy_is_noticed_and_that_of_the_fallen_is_not() {
        let violation = Violation::FalseDeath { id: OWNER, at: Incarnation::new(2) };
        assert_eq!(oracle(2).row(0, row(2, Status::Dead)), Err(violation));

        let mut restarted = oracle(1);
        restarted.learn(0, Incarnation::new(1), false);
        restarted.learn(0, Incarnation::new(2), true);
        assert_eq!(restarted.row(0, row(1, Status::Dead)), Ok(()));
        assert_eq!(restarted.row(0, row(2, Status::Dead)), Err(violation));

        let mut gone = oracle(2);
        gone.learn(0, Incarnation::new(2), false);
        assert_eq!(gone.row(0, row(2, Status::Dead)), Ok(()));

        let mut contested = oracle(1);
        contested.contest(0);
        contested.learn(0, Incarnation::new(2), true);
        assert_eq!(contested.row(0, row(2, Status::Dead)), Ok(()));
        assert_eq!(gone.false_deaths() + contested.false_deaths(), 0);
    }

    #[test]
    fn excused_false_deaths_are_counted_once_an_incarnation() {
        let mut oracle = oracle(2);
        oracle.introduce(STRANGER);
        oracle.excuse_false_deaths();
        for viewer in [0, 1, 0] {
            assert_eq!(oracle.row(viewer, row(1, Status::Dead)), Ok(()));
        }
        assert_eq!(oracle.false_deaths(), 1);
        assert_eq!(oracle.row(0, row(2, Status::Dead)), Ok(()));
        assert_eq!(oracle.false_deaths(), 2);
    }

    #[test]
    fn a_forged_or_broken_packet_is_noticed() {
        let good = packet(&header(OWNER, 0), None, 0);
        let mut oracle = oracle(0);
        oracle.introduce(STRANGER);
        assert_eq!(oracle.packet(STRANGER, &good), Err(Violation::WrongSender(OWNER)));
        let cut = &good[..good.len() - 1];
        let unreadable = Violation::PacketUnreadable(ParseError::Frame);
        assert_eq!(oracle.packet(OWNER, cut), Err(unreadable));
        let unknown_frame = [&good[..], &[0, 200]].concat();
        assert_eq!(oracle.packet(OWNER, &unknown_frame), Err(Violation::PacketNotCanonical));
        assert_eq!(packet_fits(127, 127), Ok(()));
        let too_long = Violation::PacketTooLong { len: 128, len_max: 127 };
        assert_eq!(packet_fits(128, 127), Err(too_long));
    }

    #[test]
    fn a_deadline_in_the_past_is_noticed() {
        let now = Instant::from_secs(2);
        assert_eq!(deadline_is_ahead(now, now), Ok(()));
        let by = Duration::from_secs(1);
        let violation = Violation::DeadlinePassed { by };
        assert_eq!(deadline_is_ahead(Instant::from_secs(1), now), Err(violation));
    }

    #[test]
    fn a_table_out_of_bounds_or_miscounted_is_noticed() {
        assert_eq!(table_is_sound(8, 8, 3, 3), Ok(()));
        let overflow = Violation::TableOverflow { rows: 9, rows_max: 8 };
        assert_eq!(table_is_sound(9, 8, 3, 3), Err(overflow));
        let miscounted = Violation::Miscounted { live_count: 4, live_rows: 3 };
        assert_eq!(table_is_sound(8, 8, 3, 4), Err(miscounted));
    }
}
