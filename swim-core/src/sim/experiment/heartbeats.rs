//! Models of members that count each other's heartbeats, in synchronous rounds.

use core::ops::AddAssign;

use super::contacts::Contacts;
use crate::rng::Rng;

/// A header like that of this library's packets: an id of 56 bits, an incarnation, a round.
const HEADER_LEN: usize = 17;
/// Length and kind of a frame of up to 16 383 bytes.
const FRAME_LEN: usize = 3;
/// A counter that has passed 16 383: some hours at one a second.
const COUNTER_LEN: usize = 3;
/// An id of 56 bits and its counter.
const ENTRY_LEN: usize = 8 + COUNTER_LEN;

/// What was sent in a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub messages: u64,
    pub bytes: u64,
}

impl Sent {
    fn add(&mut self, body_len: usize) {
        self.messages += 1;
        self.bytes += (HEADER_LEN + FRAME_LEN + body_len) as u64;
    }
}

impl AddAssign for Sent {
    fn add_assign(&mut self, more: Self) {
        self.messages += more.messages;
        self.bytes += more.bytes;
    }
}

/// Members that let each other know they are there.
pub(super) trait Heartbeats {
    /// All send what they send in a round.
    fn round(&mut self, rng: &mut Rng, loss_permille: u16, watched: &mut Watched) -> Sent;

    /// From now on this one sends nothing.
    fn crash(&mut self, victim: usize);
}

/// When everybody last had something new from everybody, in rounds.
pub(super) struct Watched {
    nodes: usize,
    round: u16,
    /// By viewer, and then by member.
    last: Vec<u16>,
    gap_max: u16,
}

impl Watched {
    pub fn new(nodes: usize) -> Self {
        Self { nodes, round: 0, last: vec![0; nodes * nodes], gap_max: 0 }
    }

    /// The round under way.
    pub fn round(&self) -> u16 {
        self.round
    }

    /// From now on only gaps count that end later.
    pub fn forget_gaps(&mut self) {
        self.gap_max = 0;
    }

    /// The longest that anybody waited for something new from anybody, or still waits.
    pub fn gap_max(&self) -> u16 {
        let open = self.last.iter().map(|&last| self.round - last).max();
        self.gap_max.max(open.unwrap_or(0))
    }

    /// Whether nobody has had anything new from a member for so many rounds.
    pub fn is_silent_for(&self, member: usize, rounds: u16) -> bool {
        self.round - self.last_heard_of(member).1 >= rounds
    }

    /// When the first of the others had the last of a member, and when the last of them.
    pub fn last_heard_of(&self, member: usize) -> (u16, u16) {
        let viewers = (0..self.nodes).filter(|&viewer| viewer != member);
        let rounds = viewers.map(|viewer| self.last[viewer * self.nodes + member]);
        rounds.fold((u16::MAX, 0), |(first, last), round| (first.min(round), last.max(round)))
    }

    fn begin_round(&mut self) {
        self.round += 1;
    }

    fn heard(&mut self, viewer: usize, member: usize) {
        let last = &mut self.last[viewer * self.nodes + member];
        self.gap_max = self.gap_max.max(self.round - *last);
        *last = self.round;
    }
}

/// Everybody sends everybody a heartbeat in every round.
pub(super) struct AllPairs {
    nodes: usize,
    crashed: Option<usize>,
}

impl AllPairs {
    pub fn new(nodes: usize) -> Self {
        Self { nodes, crashed: None }
    }
}

impl Heartbeats for AllPairs {
    fn round(&mut self, rng: &mut Rng, loss_permille: u16, watched: &mut Watched) -> Sent {
        watched.begin_round();
        let mut sent = Sent::default();
        for to in 0..self.nodes {
            watched.heard(to, to);
            for from in (0..self.nodes).filter(|&from| from != to && self.crashed != Some(from)) {
                sent.add(COUNTER_LEN);
                if !is_lost(rng, loss_permille) {
                    watched.heard(to, from);
                }
            }
        }
        sent
    }

    fn crash(&mut self, victim: usize) {
        self.crashed = Some(victim);
    }
}

/// Everybody sends a table of counters to some peers in every round.
pub(super) struct PushGossip {
    nodes: usize,
    fanout: usize,
    /// Counters in one datagram.
    entries_max: usize,
    /// By owner of the table, and then by member.
    counters: Vec<u16>,
    counters_before: Vec<u16>,
    contacts: Contacts,
    crashed: Option<usize>,
}

impl PushGossip {
    pub fn new(nodes: usize, fanout: usize, datagram_len_max: usize) -> Self {
        let room = datagram_len_max.saturating_sub(HEADER_LEN + FRAME_LEN);
        Self {
            nodes,
            fanout,
            entries_max: (room / ENTRY_LEN).max(1),
            counters: vec![0; nodes * nodes],
            counters_before: vec![0; nodes * nodes],
            contacts: Contacts::among(nodes),
            crashed: None,
        }
    }

    /// Sends the table a node had at the beginning of the round to one peer, in as many datagrams
    /// as that takes.
    fn send(&mut self, from: usize, to: usize, mut is_lost: impl FnMut() -> bool) -> Sent {
        let mut sent = Sent::default();
        let table = &self.counters_before[from * self.nodes..][..self.nodes];
        let others = &mut self.counters[to * self.nodes..][..self.nodes];
        for (packet, others) in
            table.chunks(self.entries_max).zip(others.chunks_mut(self.entries_max))
        {
            sent.add(packet.len() * ENTRY_LEN);
            if !is_lost() {
                others.iter_mut().zip(packet).for_each(|(other, &own)| *other = own.max(*other));
            }
        }
        sent
    }

    /// Notes whose counters have grown in whose tables.
    fn notice(&self, watched: &mut Watched) {
        let rows = self.counters.chunks(self.nodes).zip(self.counters_before.chunks(self.nodes));
        for (viewer, (counters, before)) in rows.enumerate() {
            watched.heard(viewer, viewer);
            for (member, _) in counters.iter().zip(before).enumerate().filter(|(_, (a, b))| a > b) {
                watched.heard(viewer, member);
            }
        }
    }
}

impl Heartbeats for PushGossip {
    fn round(&mut self, rng: &mut Rng, loss_permille: u16, watched: &mut Watched) -> Sent {
        watched.begin_round();
        let crashed = self.crashed;
        let senders = || (0..self.nodes).filter(move |&node| crashed != Some(node));
        for node in senders() {
            self.counters[node * self.nodes + node] += 1;
        }
        self.counters_before.copy_from_slice(&self.counters);
        let mut sent = Sent::default();
        for from in senders().collect::<Vec<_>>() {
            for to in self.contacts.draw(rng, from, self.fanout).to_vec() {
                sent += self.send(from, to, || is_lost(rng, loss_permille));
            }
        }
        self.notice(watched);
        sent
    }

    fn crash(&mut self, victim: usize) {
        self.crashed = Some(victim);
    }
}

fn is_lost(rng: &mut Rng, loss_permille: u16) -> bool {
    loss_permille > 0 && rng.below(1_000) < usize::from(loss_permille)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_pairs_wait_one_round_and_longer_where_packets_are_lost() {
        let gap_max = |loss_permille| {
            let (mut beats, mut watched) = (AllPairs::new(30), Watched::new(30));
            let mut rng = Rng::new(1);
            for _ in 0..50 {
                let sent = beats.round(&mut rng, loss_permille, &mut watched);
                assert_eq!(sent, Sent { messages: 30 * 29, bytes: 30 * 29 * 23 });
            }
            watched.gap_max()
        };
        assert_eq!(gap_max(0), 1);
        assert!((3..8).contains(&gap_max(100)));
    }

    #[test]
    fn a_table_too_long_for_a_datagram_takes_several() {
        let mut watched = Watched::new(30);
        let sent = PushGossip::new(30, 2, 200).round(&mut Rng::new(1), 0, &mut watched);
        // 16 entries fit 200 bytes.
        assert_eq!(sent, Sent { messages: 30 * 2 * 2, bytes: 30 * 2 * (30 * 11 + 2 * 20) });
    }

    #[test]
    fn counters_reach_everybody_and_those_of_the_crashed_stand_still() {
        let (mut gossip, mut watched) = (PushGossip::new(20, 2, 1_400), Watched::new(20));
        let mut rng = Rng::new(1);
        for _ in 0..30 {
            gossip.round(&mut rng, 0, &mut watched);
        }
        let (first, last) = watched.last_heard_of(3);
        assert!(first > 20 && last <= 30, "{first} {last}");
        gossip.crash(3);
        for _ in 0..30 {
            gossip.round(&mut rng, 0, &mut watched);
        }
        assert!(watched.last_heard_of(3).1 < 45 && watched.is_silent_for(3, 15));
        assert!(!watched.is_silent_for(4, 15));
    }
}
