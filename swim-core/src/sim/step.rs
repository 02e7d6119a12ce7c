//! One step of a cluster: an input, the output it causes, and a look at both by the oracle.

use crate::Channel;
use crate::member::Member;
use crate::storage::Storage;
use crate::wire::{Message, Packet};

use super::cluster::Cluster;
use super::network::Fate;
use super::oracle::{Row, Violation, deadline_is_ahead, packet_fits, table_is_sound};
use super::process::Process;
use super::queue::{Flight, FlightId, What};
use super::report::Step;
use super::scenario::{Checks, SimAddress, address_number};

/// Packets or events that follow one input before they are held to be endless.
const OUTPUT_MAX: usize = 1 << 20;
/// Of how many packets one is looked at under [`Checks::Light`].
const LIGHT_PACKETS: u64 = 64;
/// For how many inputs one row of a table is looked at under [`Checks::Light`].
const LIGHT_INPUTS_PER_ROW: usize = 16;

impl<S: Storage> Cluster<S> {
    /// Lets one thing happen. Returns the node it happened to.
    pub(super) fn happen(&mut self, what: What) -> (usize, Result<(), Violation>) {
        match what {
            What::Arrival(flight) => self.arrive(flight),
            What::Reading(flight) => self.read(flight),
            What::Wake { process } => (process as usize, self.wake(process as usize)),
            What::Mischief { hostile } => (0, self.mischief(hostile)),
            What::Deadline { process } => {
                (process as usize, self.look_at_deadline(process as usize))
            }
        }
    }

    /// A packet reaches a host.
    fn arrive(&mut self, id: FlightId) -> (usize, Result<(), Violation>) {
        let Some(node) = self.listener(self.queue.flight(id).to) else {
            self.unclaimed(id);
            return (0, Ok(()));
        };
        let process = &self.processes[node];
        if process.is_killed() || self.network.rejects(node) {
            self.refuse(node, id);
            return (node, Ok(()));
        }
        match process.lateness(&mut self.rng) {
            None => self.read(id),
            Some(lateness) => {
                self.queue.push(self.now.after(lateness), What::Reading(id));
                (node, Ok(()))
            }
        }
    }

    /// A packet comes to be read by the process on its host.
    fn read(&mut self, id: FlightId) -> (usize, Result<(), Violation>) {
        let listener = self.listener(self.queue.flight(id).to);
        let takes = |process: &Process<S>| process.node.is_some() && !process.is_off();
        let Some(node) = listener.filter(|&node| takes(&self.processes[node])) else {
            self.unclaimed(id);
            return (0, Ok(()));
        };
        if self.processes[node].is_reading() {
            return (node, self.deliver(node, id).and_then(|()| self.settle(node)));
        }
        if !self.processes[node].shelve(id) {
            self.overflow(id);
        }
        (node, Ok(()))
    }

    /// The host of `node` says that nobody takes this packet; about such news it says nothing.
    fn refuse(&mut self, node: usize, id: FlightId) {
        let Flight { from, channel, refused, .. } = *self.queue.flight(id);
        let Some(sender) = self.listener(from).filter(|_| !refused) else {
            return self.unclaimed(id);
        };
        self.recorder.counts.refused += 1;
        self.queue.turn_back(id);
        match channel {
            Channel::Datagram => self.depart(node, sender, id),
            // The time it takes to connect has already passed.
            Channel::Stream => self.queue.push(self.now, What::Arrival(id)),
        }
    }

    fn unclaimed(&mut self, id: FlightId) {
        self.recorder.counts.unclaimed += 1;
        self.queue.land(id);
    }

    fn overflow(&mut self, id: FlightId) {
        self.recorder.counts.overflowed += 1;
        self.queue.land(id);
    }

    /// Who listens at an address.
    pub(super) fn listener(&self, address: SimAddress) -> Option<usize> {
        self.listeners.get(address_number(address).wrapping_sub(1)).copied().flatten()
    }

    fn wake(&mut self, node: usize) -> Result<(), Violation> {
        if !self.processes[node].wake(self.now) {
            return Ok(());
        }
        self.recorder.step(self.now, node, Step::Woke);
        if self.processes[node].is_reading() {
            while let Some(flight) = self.processes[node].release() {
                self.dispatch(node, flight);
            }
            // The thread that probes was waiting for that, and is ahead of the one that reads: the
            // time of its probe is up.
            if self.processes[node].unblock() {
                self.time_out(node)?;
                self.time_out(node)?;
            }
            while let Some(flight) = self.processes[node].unshelve() {
                self.deliver(node, flight)?;
            }
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
        if process.deadline().is_none_or(|deadline| deadline > now) {
            return Ok(());
        }
        process.handle_timeout(now);
        process.count_firing(self.now)?;
        self.recorder.counts.inputs += 1;
        self.recorder.step(self.now, index, Step::TimedOut);
        self.drain(index)
    }

    fn deliver(&mut self, index: usize, id: FlightId) -> Result<(), Violation> {
        if !self.queue.flight(id).refused && self.mishandle(index, id) {
            self.queue.land(id);
            return Ok(());
        }
        let process = &mut self.processes[index];
        let now = process.clock.local(self.now);
        let Some(node) = &mut process.node else { return Ok(()) };
        let Flight { from, channel, refused, ref bytes, .. } = *self.queue.flight(id);
        // The packet in flight may arrive twice, and whoever opens one does so in place.
        self.incoming.clear();
        self.incoming.extend_from_slice(bytes);
        let opened = self.incoming.as_mut_slice();
        let accepted = match channel {
            _ if refused => {
                node.handle_unreachable(from, now);
                Ok(())
            }
            Channel::Datagram => node.handle_datagram(from, opened, now),
            Channel::Stream => node.handle_stream(from, opened, now),
        };
        if !refused {
            process.load.packets_in += 1;
            process.load.bytes_in += bytes.len() as u64;
        }
        let counts = &mut self.recorder.counts;
        counts.inputs += 1;
        counts.delivered += u64::from(!refused);
        counts.rejected += u64::from(accepted.is_err());
        let step = match refused {
            true => Step::Refused(from, channel),
            false => Step::Received(from, channel, bytes.len()),
        };
        self.recorder.step(self.now, index, step);
        let outcome = self.drain(index).and_then(|()| match refused {
            true => Ok(()),
            false => self.observe_told(index, id),
        });
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
        process.load.packets_out += 1;
        process.load.bytes_out += transmit.len as u64;
        let bytes = &self.buffer[..transmit.len];
        let envelope = (transmit.to, transmit.channel);
        self.recorder.sent(self.now, index, envelope, bytes);
        let opened = self.confidant.opened(bytes, self.now);
        if let Some(tally) = &mut self.recorder.tally {
            tally.add(bytes.len(), opened);
        }
        let every = if self.scenario.checks == Checks::Light { LIGHT_PACKETS } else { 1 };
        if self.recorder.counts.sent.is_multiple_of(every) {
            self.oracle.packet(process.id, opened)?;
        }
        let process = &mut self.processes[index];
        if process.is_jammed() && probes(opened) {
            process.block();
        }
        let (from, is_jammed) = (process.address, process.is_jammed());
        let flight = self.queue.board(from, transmit.to, (transmit.channel, bytes));
        self.tap(flight);
        if !is_jammed {
            self.dispatch(index, flight);
        } else if !self.processes[index].hold(flight) {
            self.overflow(flight);
        }
        Ok(true)
    }

    /// Hands a packet to the network.
    pub(super) fn dispatch(&mut self, from: usize, id: FlightId) {
        match self.listener(self.queue.flight(id).to) {
            Some(listener) => self.depart(from, listener, id),
            None => {
                let Flight { to, ref bytes, .. } = *self.queue.flight(id);
                let len = bytes.len();
                self.note_loot(to, len);
                self.unclaimed(id);
            }
        }
    }

    /// Sends a packet on its way between two nodes.
    fn depart(&mut self, from: usize, to: usize, id: FlightId) {
        let counts = &mut self.recorder.counts;
        match self.network.fate(from, to, self.queue.flight(id).channel) {
            Fate::Cut => counts.cut += 1,
            Fate::Lost => counts.lost += 1,
            Fate::Arrives { after, again_after } => {
                self.queue.push(self.now.after(after), What::Arrival(id));
                if let Some(after) = again_after {
                    counts.duplicated += 1;
                    let copy = self.queue.board_again(id);
                    self.queue.push(self.now.after(after), What::Arrival(copy));
                }
                return;
            }
        }
        self.queue.land(id);
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
        if self.is_light() {
            return Ok(());
        }
        let Some(node) = &self.processes[index].node else { return Ok(()) };
        let bytes = self.confidant.opened(&self.queue.flight(id).bytes, self.now);
        let Ok(packet) = Packet::<SimAddress>::parse(bytes) else { return Ok(()) };
        let told = packet.updates().map(|update| update.id);
        for member in told.chain([packet.header.sender]).filter_map(|id| node.member(id)) {
            self.oracle.row(index, row(&member))?;
        }
        Ok(())
    }

    /// Checks a node after its output was taken, and queues a look at its next deadline.
    pub(super) fn settle(&mut self, index: usize) -> Result<(), Violation> {
        let inputs_per_row = if self.is_light() { LIGHT_INPUTS_PER_ROW } else { 1 };
        if self.processes[index].is_due_for_inspection(inputs_per_row) {
            self.inspect(index)?;
        }
        let process = &mut self.processes[index];
        process.look_around(process.clock.local(self.now));
        let Some(node) = &process.node else { return Ok(()) };
        let live_count = node.live_count();
        table_is_sound(live_count, process.rows_max, live_count, live_count)?;
        let Some(deadline) = process.deadline() else { return Ok(()) };
        deadline_is_ahead(deadline, process.clock.local(self.now))?;
        let at = process.clock.moment(deadline).max(self.now);
        if process.alarm.is_none_or(|alarm| at < alarm) {
            process.alarm = Some(at);
            self.queue.push(at, What::Deadline { process: index as u32 });
        }
        Ok(())
    }

    fn is_light(&self) -> bool {
        self.scenario.checks == Checks::Light
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

/// Whether a packet is one of a probe.
fn probes(bytes: &[u8]) -> bool {
    let packet = Packet::<SimAddress>::parse(bytes);
    packet.is_ok_and(|packet| {
        matches!(packet.message, Some(Message::Ping(_) | Message::PingRequest(_)))
    })
}

fn row(member: &Member<'_, SimAddress>) -> Row {
    Row { id: member.id, incarnation: member.incarnation, status: member.status }
}
