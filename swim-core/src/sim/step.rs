//! One step of a cluster: an input, the output it causes, and a look at both by the oracle.

use crate::Channel;
use crate::member::Member;
use crate::storage::Storage;
use crate::wire::Packet;

use super::cluster::Cluster;
use super::network::Fate;
use super::oracle::{Row, Violation, deadline_is_ahead, packet_fits, table_is_sound};
use super::queue::{FlightId, What};
use super::report::Step;
use super::scenario::{Checks, SimAddress, address_number};

/// Packets or events that follow one input before they are held to be endless.
const OUTPUT_MAX: usize = 1 << 20;
/// Of how many packets one is looked at under [`Checks::Light`].
const LIGHT_PACKETS: u64 = 64;

impl<S: Storage> Cluster<S> {
    /// Lets one thing happen. Returns the node it happened to.
    pub(super) fn happen(&mut self, what: What) -> (usize, Result<(), Violation>) {
        match what {
            What::Arrival(flight) => self.arrive(flight),
            What::Wake { process } => (process, self.wake(process)),
            What::Deadline { process } => (process, self.look_at_deadline(process)),
        }
    }

    fn arrive(&mut self, id: FlightId) -> (usize, Result<(), Violation>) {
        let number = address_number(self.queue.flight(id).to).wrapping_sub(1);
        let listener = self.listeners.get(number).copied().flatten();
        let Some(node) = listener.filter(|&node| self.processes[node].node.is_some()) else {
            self.recorder.counts.unclaimed += 1;
            self.queue.land(id);
            return (0, Ok(()));
        };
        if !self.processes[node].is_frozen() {
            return (node, self.deliver(node, id).and_then(|()| self.settle(node)));
        }
        if !self.processes[node].shelve(id) {
            self.recorder.counts.overflowed += 1;
            self.queue.land(id);
        }
        (node, Ok(()))
    }

    fn wake(&mut self, node: usize) -> Result<(), Violation> {
        if !self.processes[node].thaw(self.now) {
            return Ok(());
        }
        self.recorder.step(self.now, node, Step::Woke);
        while let Some(flight) = self.processes[node].unshelve() {
            self.deliver(node, flight)?;
        }
        self.time_out(node)?;
        self.settle(node)
    }

    fn look_at_deadline(&mut self, node: usize) -> Result<(), Violation> {
        let process = &mut self.processes[node];
        if process.alarm != Some(self.now) {
            return Ok(());
        }
        process.alarm = None;
        if !process.is_responsive() {
            return Ok(());
        }
        self.time_out(node)?;
        self.settle(node)
    }

    /// Handles a deadline of `node`, if one has come.
    fn time_out(&mut self, index: usize) -> Result<(), Violation> {
        let process = &mut self.processes[index];
        let now = process.clock.local(self.now);
        let Some(node) = &mut process.node else { return Ok(()) };
        if node.poll_timeout().is_none_or(|deadline| deadline > now) {
            return Ok(());
        }
        node.handle_timeout(now);
        process.count_firing(self.now)?;
        self.recorder.counts.inputs += 1;
        self.recorder.step(self.now, index, Step::TimedOut);
        self.drain(index)
    }

    fn deliver(&mut self, index: usize, id: FlightId) -> Result<(), Violation> {
        let process = &mut self.processes[index];
        let now = process.clock.local(self.now);
        let Some(node) = &mut process.node else { return Ok(()) };
        let flight = self.queue.flight(id);
        let accepted = match flight.channel {
            Channel::Datagram => node.handle_datagram(flight.from, &flight.bytes, now),
            Channel::Stream => node.handle_stream(flight.from, &flight.bytes, now),
        };
        let received = Step::Received(flight.from, flight.channel, flight.bytes.len());
        self.recorder.step(self.now, index, received);
        let counts = &mut self.recorder.counts;
        (counts.inputs, counts.delivered) = (counts.inputs + 1, counts.delivered + 1);
        counts.rejected += u64::from(accepted.is_err());
        let outcome = self.drain(index).and_then(|()| self.observe_told(index, id));
        self.queue.land(id);
        outcome
    }

    /// Takes all output of a node: packets first, then events.
    pub(super) fn drain(&mut self, index: usize) -> Result<(), Violation> {
        let process = &mut self.processes[index];
        let is_member = process.is_member();
        let Some(node) = &process.node else { return Ok(()) };
        self.oracle.learn(process.place, node.incarnation(), is_member);
        if process.has_lost_rows() {
            self.oracle.forget_view(index);
        }
        let mut outputs = 0..OUTPUT_MAX;
        while self.transmit(index)? {
            outputs.next().ok_or(Violation::OutputEndless)?;
        }
        while self.hear(index)? {
            outputs.next().ok_or(Violation::OutputEndless)?;
        }
        Ok(())
    }

    /// Sends one packet of a node, if it has any.
    fn transmit(&mut self, index: usize) -> Result<bool, Violation> {
        let process = &mut self.processes[index];
        let now = process.clock.local(self.now);
        let Some(node) = &mut process.node else { return Ok(false) };
        let Some(transmit) = node.poll_transmit(now, &mut self.buffer) else { return Ok(false) };
        packet_fits(transmit.len, self.buffer.len())?;
        let bytes = &self.buffer[..transmit.len];
        let envelope = (transmit.to, transmit.channel);
        self.recorder.sent(self.now, index, envelope, bytes);
        let every = if self.scenario.checks == Checks::Full { 1 } else { LIGHT_PACKETS };
        if self.recorder.counts.sent.is_multiple_of(every) {
            self.oracle.packet(process.id, bytes)?;
        }
        self.dispatch(index, envelope, transmit.len);
        Ok(true)
    }

    /// Hands the first `len` bytes of the buffer to the network.
    fn dispatch(&mut self, from: usize, envelope: (SimAddress, Channel), len: usize) {
        let (to, channel) = envelope;
        let number = address_number(to).wrapping_sub(1);
        let counts = &mut self.recorder.counts;
        let Some(listener) = self.listeners.get(number).copied().flatten() else {
            counts.unclaimed += 1;
            return;
        };
        match self.network.fate(from, listener, channel) {
            Fate::Cut => counts.cut += 1,
            Fate::Lost => counts.lost += 1,
            Fate::Arrives { after, again_after } => {
                counts.duplicated += u64::from(again_after.is_some());
                let from = self.processes[from].address;
                for after in [Some(after), again_after].into_iter().flatten() {
                    let packet = (channel, &self.buffer[..len]);
                    self.queue.send(self.now.after(after), from, to, packet);
                }
            }
        }
    }

    /// Takes one event of a node, if there is any.
    fn hear(&mut self, index: usize) -> Result<bool, Violation> {
        let Some(node) = &mut self.processes[index].node else { return Ok(false) };
        let Some(event) = node.poll_event() else { return Ok(false) };
        self.recorder.told(self.now, index, event);
        let about = event.member().and_then(|id| node.member(id));
        about.map_or(Ok(()), |member| self.oracle.row(index, row(&member)))?;
        Ok(true)
    }

    /// Looks at every row that a packet just handled speaks of.
    fn observe_told(&mut self, index: usize, id: FlightId) -> Result<(), Violation> {
        if self.scenario.checks != Checks::Full {
            return Ok(());
        }
        let Some(node) = &self.processes[index].node else { return Ok(()) };
        let bytes = &self.queue.flight(id).bytes;
        let Ok(packet) = Packet::<SimAddress>::parse(bytes) else { return Ok(()) };
        let told = packet.updates().map(|update| update.id);
        for member in told.chain([packet.header.sender]).filter_map(|id| node.member(id)) {
            self.oracle.row(index, row(&member))?;
        }
        Ok(())
    }

    /// Checks a node after its output was taken, and queues a look at its next deadline.
    pub(super) fn settle(&mut self, index: usize) -> Result<(), Violation> {
        if self.processes[index].is_due_for_inspection() {
            self.inspect(index)?;
        }
        let process = &mut self.processes[index];
        let Some(node) = &process.node else { return Ok(()) };
        let live_count = node.live_count();
        table_is_sound(live_count, process.rows_max, live_count, live_count)?;
        let Some(deadline) = node.poll_timeout() else { return Ok(()) };
        deadline_is_ahead(deadline, process.clock.local(self.now))?;
        let at = process.clock.moment(deadline).max(self.now);
        if process.alarm.is_none_or(|alarm| at < alarm) {
            process.alarm = Some(at);
            self.queue.push(at, What::Deadline { process: index });
        }
        Ok(())
    }

    /// Walks the whole table of a node, so that rows that change unasked are noticed too.
    pub(super) fn inspect(&mut self, index: usize) -> Result<(), Violation> {
        let process = &self.processes[index];
        let Some(node) = &process.node else { return Ok(()) };
        let (mut rows, mut live_rows) = (0, 0);
        for member in node.members() {
            rows += 1;
            // A node that says goodbye still counts itself.
            live_rows += usize::from(member.status.is_live() || member.id == process.id);
            self.oracle.row(index, row(&member))?;
        }
        table_is_sound(rows, process.rows_max, live_rows, node.live_count())
    }
}

fn row(member: &Member<'_, SimAddress>) -> Row {
    Row { id: member.id, incarnation: member.incarnation, status: member.status }
}
