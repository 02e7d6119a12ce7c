//! What will happen, in the order in which it will.

use core::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::Channel;
use crate::time::Instant;

use super::scenario::{SimAddress, address};

/// Something that will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A packet arrives.
    Arrival(FlightId),
    /// A packet that has arrived is read at last.
    Reading(FlightId),
    /// A process that was held up goes on.
    Wake { process: u32 },
    /// Somebody hostile sends its next packet.
    Mischief { hostile: u32 },
    /// A deadline may have come.
    Deadline { process: u32 },
}

impl What {
    /// At one instant packets come first and deadlines last, as in every adapter.
    const fn class(self) -> u64 {
        match self {
            Self::Arrival(_) | Self::Reading(_) => 0,
            Self::Wake { .. } | Self::Mischief { .. } => 1,
            Self::Deadline { .. } => 2,
        }
    }
}

/// A packet on its way.
#[derive(Debug)]
pub(super) struct Flight {
    pub from: SimAddress,
    pub to: SimAddress,
    pub channel: Channel,
    /// Whether it is the news that a packet was refused, on its way back to who sent that.
    pub refused: bool,
    pub bytes: Vec<u8>,
}

/// The place of a flight. Short, as the heap of the future is copied about all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlightId(u32);

impl FlightId {
    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The future, and the packets under way in it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: BinaryHeap<Entry>,
    sequence: u64,
    flights: Vec<Flight>,
    /// Flights that have ended; their memory serves the next ones.
    landed: Vec<FlightId>,
}

impl Queue {
    /// Lets `what` happen at the moment `at`.
    pub fn push(&mut self, at: Instant, what: What) {
        self.sequence += 1;
        let rank = what.class() << 60 | self.sequence;
        self.entries.push(Entry { at, rank, what });
    }

    /// Takes a packet on. It arrives when that is [pushed](Self::push).
    pub fn board(
        &mut self,
        from: SimAddress,
        to: SimAddress,
        (channel, bytes): (Channel, &[u8]),
    ) -> FlightId {
        let id = self.vacant();
        let flight = &mut self.flights[id.index()];
        (flight.from, flight.to, flight.channel) = (from, to, channel);
        flight.bytes.extend_from_slice(bytes);
        id
    }

    /// Takes the same packet on once more.
    pub fn board_again(&mut self, id: FlightId) -> FlightId {
        let copy = self.vacant();
        let mut bytes = core::mem::take(&mut self.flights[copy.index()].bytes);
        let flight = &self.flights[id.index()];
        bytes.extend_from_slice(&flight.bytes);
        self.flights[copy.index()] = Flight { bytes, ..*flight };
        copy
    }

    /// Makes of a packet the news that it was refused, for its sender.
    pub fn turn_back(&mut self, id: FlightId) {
        let flight = &mut self.flights[id.index()];
        core::mem::swap(&mut flight.from, &mut flight.to);
        flight.refused = true;
    }

    /// What happens next, unless that is after `limit`.
    pub fn pop(&mut self, limit: Instant) -> Option<(Instant, What)> {
        let next = self.entries.peek()?;
        if next.at > limit {
            return None;
        }
        self.entries.pop().map(|entry| (entry.at, entry.what))
    }

    /// The packet of an arrival.
    pub fn flight(&self, id: FlightId) -> &Flight {
        &self.flights[id.index()]
    }

    /// Ends a flight: its packet is gone.
    pub fn land(&mut self, id: FlightId) {
        self.landed.push(id);
    }

    /// An empty flight, in the memory of one that has ended if there is any.
    fn vacant(&mut self) -> FlightId {
        let Some(id) = self.landed.pop() else {
            let (nowhere, channel) = (address(0), Channel::Datagram);
            let bytes = Vec::new();
            self.flights.push(Flight {
                from: nowhere,
                to: nowhere,
                channel,
                refused: false,
                bytes,
            });
            return FlightId(self.flights.len() as u32 - 1);
        };
        let flight = &mut self.flights[id.index()];
        flight.refused = false;
        flight.bytes.clear();
        id
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    at: Instant,
    /// Class, then order of creation.
    rank: u64,
    what: What,
}

impl Ord for Entry {
    /// The earliest is the greatest: the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.rank).cmp(&(self.at, self.rank))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_before_deadlines_and_equals_in_order_of_creation() {
        let mut queue = Queue::default();
        let noon = Instant::from_secs(12);
        queue.push(noon, What::Deadline { process: 1 });
        queue.push(noon, What::Wake { process: 2 });
        for bytes in [&b"first"[..], b"second"] {
            let flight = queue.board(address(0), address(1), (Channel::Datagram, bytes));
            queue.push(noon, What::Arrival(flight));
        }
        queue.push(Instant::from_secs(11), What::Deadline { process: 3 });
        let mut order = Vec::new();
        while let Some((_, what)) = queue.pop(noon) {
            order.push(what);
        }
        let expected = [
            What::Deadline { process: 3 },
            What::Arrival(FlightId(0)),
            What::Arrival(FlightId(1)),
            What::Wake { process: 2 },
            What::Deadline { process: 1 },
        ];
        assert_eq!(order, expected);
        assert_eq!(queue.flight(FlightId(1)).bytes, b"second");
    }

    #[test]
    fn a_landed_flight_lends_its_memory_to_the_next() {
        let mut queue = Queue::default();
        for _ in 0..100 {
            let id = queue.board(address(0), address(1), (Channel::Datagram, &[7; 100]));
            assert_eq!((queue.flight(id).refused, queue.flight(id).bytes.len()), (false, 100));
            queue.turn_back(id);
            queue.land(id);
        }
        assert_eq!(queue.flights.len(), 1);
    }

    #[test]
    fn a_packet_taken_on_twice_is_the_same_and_one_turned_back_returns() {
        let mut queue = Queue::default();
        let id = queue.board(address(3), address(4), (Channel::Stream, b"words"));
        let copy = queue.board_again(id);
        queue.turn_back(id);
        let seen = |id| {
            let Flight { from, to, channel, refused, bytes } = queue.flight(id);
            (*from, *to, *channel, *refused, bytes.as_slice())
        };
        assert_eq!(seen(copy), (address(3), address(4), Channel::Stream, false, &b"words"[..]));
        assert_eq!(seen(id), (address(4), address(3), Channel::Stream, true, &b"words"[..]));
    }
}
