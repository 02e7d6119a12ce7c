//! The one task that owns the protocol.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use swim_core::{Channel, Config, Event, Instant, Standing};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task;

use crate::clock::Clock;
use crate::command::{COMMANDS_MAX, Command};
use crate::connection::{Arrival, StreamPacket};
use crate::events::Occurrence;
use crate::handle::Swim;
use crate::join::{JoinFailure, Joins};
use crate::keeper::Keeper;
use crate::myself::Myself;
use crate::options::Options;
use crate::refusals::Notice;
use crate::resolver::{Found, Lookups};
use crate::seeds::{Change, Pauses, Seeds};
use crate::shared::{Node, Shared};
use crate::socket::Datagrams;
use crate::streams::{INCOMING_MAX, Streams};
use crate::trace::TraceFile;
use crate::view::Mirror;

/// Datagrams read before other tasks get a turn.
const BATCH_LEN: usize = 128;
/// Batches read before due timers fire although more is waiting: under a flood this member must
/// still probe, and be it with old answers unread. More than a socket buffer usually holds.
const BATCHES_MAX: usize = 64;
/// Notices of refused datagrams read before anything else gets its turn; the rest is read in the
/// next, which comes at once.
const NOTICES_MAX: usize = 128;
/// Turns other tasks get before timers fire: the first wakes the connections that have something
/// to read, the second lets them read it.
const TURNS_BEFORE_TIMERS: usize = 2;
/// The longest UDP payload there is.
const DATAGRAM_LEN_MAX: usize = 65_535;

/// The protocol at work. Spawn [`run`](Self::run) or await it; dropping it ends the member as a
/// crash would.
#[must_use = "nothing happens before the runner runs"]
pub struct Runner {
    node: Node,
    clock: Clock,
    datagrams: Datagrams,
    streams: Streams,
    keeper: Option<Keeper>,
    trace_file: Option<TraceFile>,
    joins: Joins,
    join_deadline: Duration,
    lookups: Lookups,
    mirror: Mirror,
    updates: broadcast::Sender<Occurrence>,
    departures: watch::Sender<u64>,
    shared: Arc<Shared>,
    datagram: Box<[u8]>,
    packet: Box<[u8]>,
    is_shut_down: bool,
    /// Last, because handles learn from its end that everything else is gone.
    commands: mpsc::Receiver<Command>,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// Why the runner woke, besides what waits at the socket and deadlines.
#[derive(Default)]
struct Wake {
    command: Option<Command>,
    arrival: Option<Arrival>,
    found: Option<Found>,
}

impl Runner {
    pub(crate) fn new(
        (node, clock): (Node, Clock),
        (datagrams, listener): (Datagrams, tokio::net::TcpListener),
        (keeper, trace_file): (Option<Keeper>, Option<TraceFile>),
        shared: Arc<Shared>,
        options: &Options,
    ) -> (Swim, Self) {
        let (command_sender, commands) = mpsc::channel(COMMANDS_MAX);
        let (departures, departed) = watch::channel(0);
        let updates = broadcast::Sender::new(options.updates_capacity());
        let swim = Swim {
            shared: Arc::clone(&shared),
            commands: command_sender,
            departures: departed,
            updates: updates.downgrade(),
        };
        let runner = Self {
            mirror: Mirror::new(&node, &shared.view, clock.now()),
            clock,
            datagrams,
            streams: Streams::new(listener, options.stream_timeout, Arc::clone(&shared)),
            keeper,
            trace_file,
            joins: Joins::new(seeds(&shared, options)),
            join_deadline: options.join_deadline,
            lookups: Lookups::new(options.resolver.clone(), options.resolve_timeout),
            updates,
            departures,
            shared,
            datagram: vec![0; DATAGRAM_LEN_MAX].into(),
            packet: vec![0; DATAGRAM_LEN_MAX].into(),
            is_shut_down: false,
            commands,
            node,
        };
        (swim, runner)
    }

    /// Runs until [`Swim::shutdown`], or until this member has departed and all handles are
    /// dropped. All sockets are closed and all tasks of this member ended when it returns; to
    /// drop this future ends them too.
    pub async fn run(mut self) {
        self.flush();
        self.keep_state();
        while !self.is_over() {
            self.turn().await;
        }
        if let Some(keeper) = self.keeper {
            keeper.close(&self.node).await;
        }
        self.streams.close().await;
        self.node.end();
        if let Some(trace_file) = self.trace_file {
            trace_file.close().await;
        }
    }

    async fn turn(&mut self) {
        let Wake { command, arrival, found } = self.wait().await;
        // Before anything is sent: a seed nobody wants any more must not be asked once again.
        self.joins.sweep();
        self.tell_seeds();
        let read_until = self.read_all(arrival).await;
        if let Some(command) = command {
            self.obey(command);
        }
        self.fire_timers(read_until);
        self.seek(found);
        self.mirror.compare(&self.node, &self.shared.view, self.clock.now());
        self.keep_state();
    }

    fn is_over(&self) -> bool {
        self.is_shut_down || (self.is_abandoned() && self.has_departed())
    }

    /// Nobody holds a handle any more, and everything asked for is done.
    fn is_abandoned(&self) -> bool {
        self.commands.is_closed() && self.commands.is_empty()
    }

    fn is_alive(&self) -> bool {
        self.node.standing() == Standing::Alive
    }

    /// Or lost its id to another member, which leaves nothing to say goodbye to.
    fn has_departed(&self) -> bool {
        matches!(self.node.standing(), Standing::Departed | Standing::Silenced)
    }

    async fn wait(&mut self) -> Wake {
        let deadline = self.deadline();
        let is_abandoned = self.is_abandoned();
        tokio::select! {
            ready = self.datagrams.ready() => {
                if ready.is_err() {
                    self.shared.counters.receive_errors.add();
                }
                Wake::default()
            }
            command = self.commands.recv(), if !is_abandoned => {
                Wake { command, ..Wake::default() }
            }
            arrival = self.streams.next() => {
                Wake { arrival: Some(arrival), ..Wake::default() }
            }
            found = self.lookups.next() => Wake { found: Some(found), ..Wake::default() },
            () = self.clock.sleep_until(deadline) => Wake::default(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let comparison = self.mirror.comparison_due(&self.node, &self.shared.view);
        let keeping = self.keeper.as_ref().and_then(Keeper::deadline);
        let seeds = self.joins.seeds.deadline().filter(|_| self.is_alive());
        let deadlines =
            [self.node.poll_timeout(), self.joins.deadline(), seeds, comparison, keeping];
        deadlines.into_iter().flatten().min()
    }

    /// Reads all that waits, so that no timer fires over an answer that has already arrived: this
    /// process may have stood still since the last turn, or since it fell asleep for a deadline.
    /// Returns the time until when everything was read; what falls due later must wait for the
    /// next turn.
    ///
    /// Refusals come last: whoever has answered is there, whatever became of an earlier datagram.
    async fn read_all(&mut self, first: Option<Arrival>) -> Instant {
        if self.is_timer_due(self.clock.now()) {
            for _ in 0..TURNS_BEFORE_TIMERS {
                task::yield_now().await;
            }
        }
        let read_until = self.clock.now();
        self.read_datagrams().await;
        self.read_arrivals(first);
        self.read_notices();
        read_until
    }

    fn is_timer_due(&self, now: Instant) -> bool {
        self.node.poll_timeout().is_some_and(|due| due <= now)
    }

    async fn read_datagrams(&mut self) {
        for _ in 0..BATCHES_MAX {
            if self.read_batch() < BATCH_LEN {
                return;
            }
            task::yield_now().await;
        }
    }

    /// Reads at most [`BATCH_LEN`] datagrams; returns how many attempts it took until none was
    /// left.
    fn read_batch(&mut self) -> usize {
        for attempt in 0..BATCH_LEN {
            match self.datagrams.try_recv(&mut self.datagram) {
                Ok((len, from)) => self.read_datagram(len, from),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return attempt,
                // Usually about a peer of an earlier datagram; the socket itself is well.
                Err(_) => self.shared.counters.receive_errors.add(),
            }
        }
        BATCH_LEN
    }

    fn read_datagram(&mut self, len: usize, from: SocketAddr) {
        if !self.shared.allow.permits(from) {
            return self.shared.counters.datagrams_denied.add();
        }
        let datagram = self.datagram.get_mut(..len).unwrap_or_default();
        // The node counts what it rejects, and may answer even that: with a refusal.
        let _ = self.node.handle_datagram(from, datagram, self.clock.now());
        self.flush();
    }

    /// What came over streams, as much as can wait at once.
    fn read_arrivals(&mut self, first: Option<Arrival>) {
        let mut next = first;
        for _ in 0..INCOMING_MAX {
            let Some(arrival) = next.take().or_else(|| self.streams.try_next()) else { return };
            match arrival {
                Arrival::Packet(packet) => self.read_packet(packet),
                Arrival::Refused(peer) => {
                    self.shared.counters.connections_refused.add();
                    self.refuse(peer);
                }
            }
        }
    }

    fn read_packet(&mut self, mut packet: StreamPacket) {
        let accepted = self.node.handle_stream(packet.from, &mut packet.bytes, self.clock.now());
        self.streams.answer(Some(packet.from));
        self.flush();
        self.streams.answer(None);
        match accepted {
            Ok(()) => self.streams.vouch(packet.from),
            Err(_) => self.streams.reject(packet.from),
        }
    }

    /// What became of datagrams sent earlier.
    fn read_notices(&mut self) {
        for _ in 0..NOTICES_MAX {
            match self.datagrams.try_notice() {
                Ok(Notice::Refused(peer, quote)) => {
                    self.shared.counters.datagrams_refused.add();
                    self.node.handle_refusal(peer, quote.as_slice(), self.clock.now());
                    self.flush();
                }
                Ok(Notice::Lost) => self.shared.counters.icmp_ignored.add(),
                Err(_) => return,
            }
        }
    }

    /// Nothing listens at `peer`.
    fn refuse(&mut self, peer: SocketAddr) {
        self.node.handle_unreachable(peer, self.clock.now());
        self.flush();
    }

    /// Whoever asked and has gone meanwhile does not get the reply. Who gets it sees what it did.
    fn obey(&mut self, command: Command) {
        let (now, is_alive) = (self.clock.now(), self.is_alive());
        let node = &mut self.node;
        match command {
            Command::Join { seeds, reply } if is_alive => {
                self.joins.wait(seeds, now.after(self.join_deadline), reply, now);
            }
            Command::Join { seeds, reply } => {
                let refused = |seed| (seed, Err(JoinFailure::NotAlive));
                let _ = reply.send(seeds.into_iter().map(refused).collect());
            }
            Command::KeepJoining { seeds, reply } if is_alive => {
                let _ = reply.send(self.joins.keep(seeds, now));
            }
            Command::KeepJoining { seeds, reply } => {
                let refused = |seed| (seed, JoinFailure::NotAlive);
                let _ = reply.send(seeds.into_iter().map(refused).collect());
            }
            Command::Leave { reply } => {
                let _ = reply.send(self.leave(now));
            }
            Command::Rejoin { reply } => {
                if !is_alive {
                    node.rejoin(now);
                    self.joins.seeds.restart(now);
                }
                self.refresh_view();
                let _ = reply.send(());
            }
            Command::Call(call) => {
                let reply = call(node, now);
                self.refresh_view();
                reply();
            }
            Command::Shutdown => self.is_shut_down = true,
        }
        self.flush();
    }

    /// Returns the departure that ends this goodbye.
    fn leave(&mut self, now: Instant) -> u64 {
        let departures = *self.departures.borrow();
        if self.has_departed() {
            return departures;
        }
        self.node.leave(now);
        departures + 1
    }

    /// What fell due by `now`, and nothing later: see [`read_all`](Self::read_all).
    fn fire_timers(&mut self, now: Instant) {
        self.joins.expire(now);
        if self.is_timer_due(now) {
            self.node.handle_timeout(now);
        }
        self.flush();
    }

    /// Looks for members to be admitted by.
    fn seek(&mut self, found: Option<Found>) {
        let (now, live) = (self.clock.now(), self.node.live_count());
        if let Some(found) = found {
            if found.addresses.is_err() {
                self.shared.counters.lookups_failed.add();
            }
            self.joins.found(found, live, now);
        }
        if self.is_alive() {
            self.joins.step(live, now);
            while let Some(lookup) = self.joins.seeds.poll_lookup() {
                self.shared.counters.lookups.add();
                self.lookups.start(lookup);
            }
        }
        self.tell_seeds();
    }

    /// Tells the protocol whom to ask, and the handles how the seeds stand.
    fn tell_seeds(&mut self) {
        let Some((changes, seeds)) = self.joins.seeds.take_changes() else { return };
        let now = self.clock.now();
        for change in changes {
            match change {
                Change::Ask(seed) if self.node.join(seed, now).is_err() => {
                    self.joins.seeds.not_asked(seed);
                }
                // It may have been forgotten by itself: no longer asked is what counts.
                Change::Cancel(seed) => _ = self.node.cancel_join(seed),
                Change::Ask(_) => {}
            }
        }
        self.shared.set_seeds(seeds);
        self.flush();
    }

    fn keep_state(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.look(&mut self.node, self.clock.now());
        }
    }

    /// Drains the node, as it must be after every input.
    fn flush(&mut self) {
        let now = self.clock.now();
        while let Some(transmit) = self.node.poll_transmit(now, &mut self.packet) {
            if !self.shared.allow.permits(transmit.to) {
                self.shared.counters.sends_denied.add();
                continue;
            }
            let packet = self.packet.get(..transmit.len).unwrap_or_default();
            match transmit.channel {
                Channel::Datagram => {
                    self.datagrams.try_send(packet, transmit.to, &self.shared.counters);
                }
                Channel::Stream => self.streams.send(transmit.to, packet),
            }
        }
        self.refresh_view();
        while let Some(event) = self.node.poll_event() {
            self.publish(event);
        }
    }

    /// Before anybody is told of a change: who looks then, must see it.
    fn refresh_view(&self) {
        self.mirror.refresh(&self.node, &self.shared.view);
    }

    /// The view first, so that it never holds less than an event has told.
    fn publish(&mut self, event: Event<SocketAddr>) {
        let member =
            event.member().and_then(|id| self.mirror.copy(id, &self.node, &self.shared.view));
        if let Some(keeper) = &mut self.keeper {
            keeper.hear(&event);
        }
        // It fails when nobody listens.
        let _ = self.updates.send(Occurrence { event, member });
        match event {
            Event::Joined { seed, by } => self.joins.admitted(seed, by),
            Event::JoinRefused { seed, reason } => self.joins.refused(seed, reason),
            Event::UnknownKey { key_id, from } => {
                self.joins.locked_out(from, JoinFailure::UnknownKey(key_id));
            }
            Event::NotUnderstood { key_id, from } => {
                self.joins.locked_out(from, JoinFailure::NotUnderstood(key_id));
            }
            Event::MemberDead(id) | Event::MemberLeft(id) => {
                self.joins.seeds.lost(id, self.node.live_count(), self.clock.now());
            }
            Event::Departed => self.departures.send_modify(|count| *count += 1),
            _ => {}
        }
    }
}

fn seeds(shared: &Shared, options: &Options) -> Seeds {
    let me = Myself {
        local_addr: shared.local_addr,
        advertised: shared.advertised,
        allow: shared.allow.clone(),
    };
    let Config { join_retry_min: least, join_retry_max: most, .. } = options.config;
    Seeds::new(me, Pauses { least, most, answer: options.join_deadline }, options.node_seed())
}

// Elsewhere nobody tells of refusals.
#[cfg(all(test, target_os = "linux"))]
mod tests;
