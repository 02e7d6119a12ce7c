//! What will happen, in the order in which it will.

use core::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::Channel;
use crate::time::Instant;

use super::scenario::SimAddress;

/// Something that will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A packet arrives.
    Arrival(FlightId),
    /// A frozen process goes on.
    Wake { process: usize },
    /// A deadline may have come.
    Deadline { process: usize },
}

impl What {
    /// At one instant packets come first and deadlines last, as in every adapter.
    const fn class(self) -> u64 {
        match self {
            Self::Arrival(_) => 0,
            Self::Wake { .. } => 1,
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
    pub bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlightId(usize);

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

    /// Lets a packet arrive at the moment `at`.
    pub fn send(
        &mut self,
        at: Instant,
        from: SimAddress,
        to: SimAddress,
        packet: (Channel, &[u8]),
    ) {
        let (channel, bytes) = packet;
        let id = match self.landed.pop() {
            Some(id) => id,
            None => {
                self.flights.push(Flight { from, to, channel, bytes: Vec::new() });
                FlightId(self.flights.len() - 1)
            }
        };
        let flight = &mut self.flights[id.0];
        (flight.from, flight.to, flight.channel) = (from, to, channel);
        flight.bytes.clear();
        flight.bytes.extend_from_slice(bytes);
        self.push(at, What::Arrival(id));
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
        &self.flights[id.0]
    }

    /// Ends a flight: its packet is gone.
    pub fn land(&mut self, id: FlightId) {
        self.landed.push(id);
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
    use crate::sim::scenario::address;

    #[test]
    fn packets_come_before_deadlines_and_equals_in_order_of_creation() {
        let mut queue = Queue::default();
        let noon = Instant::from_secs(12);
        queue.push(noon, What::Deadline { process: 1 });
        queue.push(noon, What::Wake { process: 2 });
        queue.send(noon, address(0), address(1), (Channel::Datagram, b"first"));
        queue.send(noon, address(0), address(1), (Channel::Datagram, b"second"));
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
            queue.send(Instant::ZERO, address(0), address(1), (Channel::Datagram, &[7; 100]));
            let Some((_, What::Arrival(id))) = queue.pop(Instant::ZERO) else {
                panic!("a packet was sent");
            };
            queue.land(id);
        }
        assert_eq!(queue.flights.len(), 1);
        assert!(queue.pop(Instant::MAX).is_none());
    }
}
