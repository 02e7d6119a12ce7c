//! The one task that owns the protocol.

use core::fmt;
use core::net::Ipv4Addr;
use core::task::Poll;
use core::time::Duration;

use embassy_futures::select::select3;
use embassy_futures::{poll_once, yield_now};
use embassy_net::Stack;
use embassy_net::udp::UdpSocket;
use swim_core::{Channel, Instant, OUTBOX_LEN_MAX, Transmit};

use crate::clock;
use crate::counters::Counters;
use crate::endpoint::Endpoint;
use crate::resources::{Queues, RX_MAX};
use crate::shared::Shared;
use crate::silent::Silent;

/// Turns other tasks get before timers fire: the first lets the driver's task hand over what the
/// hardware has, the second the stack's, and the third puts this task behind both. A driver that
/// reads its chip over a bus, waiting for each transfer, has more to do than that: what it has not
/// handed over yet arrives too late for the timers that are due.
const TURNS_BEFORE_TIMERS: usize = 3;

/// How often it is looked whether a link that was down is up again while datagrams wait for it:
/// often enough that the node does not take the time in between for a stall (250 ms).
const LINK_INTERVAL: Duration = Duration::from_millis(100);

/// The protocol at work. Spawn [`run`](Self::run) on the executor that runs the stack; dropping it
/// ends the member as a crash would.
#[must_use = "nothing happens before the runner runs"]
pub struct Runner<'d, const MEMBERS: usize, const METADATA: usize> {
    pub(crate) stack: Stack<'d>,
    pub(crate) shared: Shared<'d, MEMBERS, METADATA>,
    pub(crate) queues: Queues<'d>,
    pub(crate) packet: &'d mut [u8],
    pub(crate) port: u16,
    pub(crate) flush_timeout: Duration,
}

impl<const MEMBERS: usize, const METADATA: usize> Runner<'_, MEMBERS, METADATA> {
    /// Runs for ever, whatever the network does.
    ///
    /// # Panics
    ///
    /// embassy-net panics when the `StackResources` of the stack have no socket left.
    pub async fn run(mut self) -> ! {
        let mut silent = Silent::new();
        loop {
            let socket = self.queues.open(self.stack, self.port);
            let mut session = Session {
                stack: self.stack,
                shared: self.shared,
                socket: &socket,
                packet: self.packet,
                silent: &mut silent,
                flush_timeout: self.flush_timeout,
                flight: None,
            };
            session.run_until_stuck().await;
            // A datagram that waits for the hardware address of a dead neighbour can neither be
            // taken back nor passed by another: its socket has to go. To close and bind it again
            // would not do, since smoltcp keeps the wait with the socket's number.
        }
    }
}

impl<const MEMBERS: usize, const METADATA: usize> fmt::Debug for Runner<'_, MEMBERS, METADATA> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("port", &self.port).finish_non_exhaustive()
    }
}

/// The life of one socket.
struct Session<'s, const MEMBERS: usize, const METADATA: usize> {
    stack: Stack<'s>,
    shared: Shared<'s, MEMBERS, METADATA>,
    socket: &'s UdpSocket<'s>,
    packet: &'s mut [u8],
    silent: &'s mut Silent,
    flush_timeout: Duration,
    flight: Option<Flight>,
}

/// The datagram in the socket: never more than one, so that none waits behind another.
#[derive(Clone, Copy)]
struct Flight {
    /// Whose hardware address it takes.
    hop: Ipv4Addr,
    since: Instant,
    until: Instant,
}

impl<const MEMBERS: usize, const METADATA: usize> Session<'_, MEMBERS, METADATA> {
    /// Returns when a datagram cannot get out. By then everything received has been read.
    async fn run_until_stuck(&mut self) {
        loop {
            self.wait().await;
            let read_until = self.read_all().await;
            if self.is_stuck(read_until) {
                return;
            }
            // A node that leaves or falls asleep says so when its timers fire or when it has
            // nothing more to send: not before its last datagram has left the socket.
            if self.flight.is_none() {
                self.fire_timers(read_until);
                self.transmit();
            }
            self.tell();
        }
    }

    async fn wait(&self) {
        let received = self.socket.wait_recv_ready();
        if let Some(flight) = self.flight {
            let sent = self.socket.wait_send_ready();
            select3(received, sent, clock::sleep_until(Some(flight.until))).await;
            return;
        }
        let mut deadline = self.shared.with(|node| node.poll_timeout());
        if !self.stack.is_link_up() {
            // Datagrams that wait are due all the time.
            deadline = deadline.map(|due| due.max(clock::now().after(LINK_INTERVAL)));
        }
        select3(received, self.shared.notices.touched.wait(), clock::sleep_until(deadline)).await;
    }

    /// Reads all that waits, so that no timer fires over an answer that has already arrived, nor is
    /// the flight given up over one: the board may have slept or been halted since the last turn.
    /// Returns the time until when everything was read; what falls due later must wait for the next
    /// turn.
    async fn read_all(&mut self) -> Instant {
        let read_until = clock::now();
        if self.is_timer_due(read_until) || self.is_flight_due(read_until) {
            for _ in 0..TURNS_BEFORE_TIMERS {
                yield_now().await;
            }
        }
        // Nothing arrives before the stack gets its turn.
        for _ in 0..RX_MAX {
            if !self.socket.may_recv() {
                break;
            }
            self.read().await;
        }
        read_until
    }

    fn is_timer_due(&self, now: Instant) -> bool {
        self.shared.with(|node| node.poll_timeout()).is_some_and(|due| due <= now)
    }

    fn is_flight_due(&self, now: Instant) -> bool {
        self.flight.is_some_and(|flight| flight.until <= now)
    }

    async fn read(&mut self) {
        let Ok((len, metadata)) = self.socket.recv_from(self.packet).await else {
            debug!("a datagram too long for the buffer of {} bytes was dropped", self.packet.len());
            return self.shared.count(|counters| &mut counters.datagrams_truncated);
        };
        let Some(from) = Endpoint::of(metadata).filter(|from| from.is_usable()) else {
            debug!("a datagram from where no member can be was dropped");
            return self.shared.count(|counters| &mut counters.datagrams_foreign);
        };
        self.silent.answered(self.next_hop(from.ip()));
        let datagram = self.packet.get_mut(..len).unwrap_or_default();
        // The node counts what it rejects, and may answer even that: with a refusal.
        let _ = self.shared.with_mut(|node| node.handle_datagram(from, datagram, clock::now()));
    }

    /// What fell due by `now`, and nothing later: see [`read_all`](Self::read_all).
    fn fire_timers(&self, now: Instant) {
        if self.is_timer_due(now) {
            self.shared.with_mut(|node| node.handle_timeout(now));
        }
    }

    /// Looks what has become of the datagram in the socket: it is stuck if it should have gone out
    /// by `now`.
    fn is_stuck(&mut self, now: Instant) -> bool {
        let Some(flight) = self.flight else { return false };
        if self.socket.may_send() {
            self.silent.answered(flight.hop);
            self.flight = None;
            return false;
        }
        if !self.is_flight_due(now) {
            return false;
        }
        let [a, b, c, d] = flight.hop.octets();
        warn!("{}.{}.{}.{} cannot be reached; the socket is made anew", a, b, c, d);
        self.silent.unanswered(flight.hop, flight.since);
        self.shared.count(|counters| &mut counters.flushes_timed_out);
        true
    }

    /// Puts the next datagram that can be sent into the socket. While the link is down all of them
    /// wait in the node, or it would take for told what nobody can hear.
    fn transmit(&mut self) {
        if !self.stack.is_link_up() {
            return;
        }
        for _ in 0..OUTBOX_LEN_MAX {
            let now = clock::now();
            let next = self.shared.with_mut(|node| node.poll_transmit(now, self.packet));
            let Some(transmit) = next else { return };
            self.flight = self.send(transmit, now);
            if self.flight.is_some() {
                return;
            }
        }
    }

    /// Sends the packet that was written last, if there is any use in it.
    fn send(&mut self, transmit: Transmit<Endpoint>, now: Instant) -> Option<Flight> {
        let Transmit { to, channel, len } = transmit;
        let hop = self.next_hop(to.ip());
        let obstacle: fn(&mut Counters) -> &mut u32 = if channel == Channel::Stream {
            |counters| &mut counters.streams_ignored
        } else if !to.is_usable() || self.is_subnet_broadcast(to.ip()) {
            |counters| &mut counters.sends_unusable
        } else if self.silent.yields(hop, now) {
            |counters| &mut counters.sends_yielded
        } else if !self.enqueue(to, len) {
            |counters| &mut counters.send_errors
        } else {
            return Some(Flight { hop, since: now, until: now.after(self.flush_timeout) });
        };
        let [a, b, c, d] = to.ip().octets();
        trace!("{} bytes for {}.{}.{}.{} are not sent", len, a, b, c, d);
        self.shared.count(obstacle);
        None
    }

    /// Puts the packet into the socket, which is empty.
    fn enqueue(&self, to: Endpoint, len: usize) -> bool {
        let packet = self.packet.get(..len).unwrap_or_default();
        let sending = self.socket.send_to(packet, to.to_ip_endpoint());
        matches!(poll_once(sending), Poll::Ready(Ok(())))
    }

    /// Whose hardware address a packet to `ip` takes: its own, or the gateway's.
    fn next_hop(&self, ip: Ipv4Addr) -> Ipv4Addr {
        let Some(network) = self.stack.config_v4() else { return ip };
        match network.gateway {
            Some(gateway) if !network.address.contains_addr(&ip) => gateway,
            _ => ip,
        }
    }

    fn is_subnet_broadcast(&self, ip: Ipv4Addr) -> bool {
        let network = self.stack.config_v4();
        network.is_some_and(|network| network.address.broadcast() == Some(ip))
    }

    fn tell(&self) {
        while let Some(event) = self.shared.with_mut(|node| node.poll_event()) {
            self.shared.tell(event);
        }
    }
}
