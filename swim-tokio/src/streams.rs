//! TCP beside the datagrams: accepted and dialed connections, each a task of its own.
//!
//! On a stream every packet follows its length in two bytes, big-endian. A connection is known by
//! the address of its peer. Nothing here makes the runner wait: what a connection does not take is
//! dropped and counted, what it reads waits in the connection until the runner has room.
//!
//! Strangers can open connections and be silent, so there is always room for one more: an accepted
//! connection beyond the maximum takes the place of the idlest, and one that has not brought a
//! valid packet is idler than any that has. Who is displaced over a pause connects again when there
//! is something to say. Strangers of one address displace each other and nobody else.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time;

use crate::connection::{self, Arrival, Terms};
use crate::pace::{Network, Paces};
use crate::shared::Shared;
use crate::socket::normalized;

/// Connections others opened. Strangers can exhaust these, so they are counted apart from our own.
const ACCEPTED_MAX: usize = 64;
/// Those of them from one network: a quarter.
const ACCEPTED_PER_PEER_MAX: usize = 16;
/// Connections of those who sent garbage, which still write what waits for them; of more, the
/// oldest is cut off.
const CLOSING_MAX: usize = 8;
/// Connections this member opened; packets for further peers are dropped.
const DIALED_MAX: usize = 64;
/// Accepted connections that wait for the runner; the kernel keeps the next ones.
const ACCEPTED_WAITING_MAX: usize = 8;
/// Arrivals of all connections that wait for the runner; connections stop reading meanwhile.
pub(crate) const INCOMING_MAX: usize = 64;
/// Packets that wait for one connection; later ones are dropped.
const OUTGOING_MAX: usize = 8;
/// Pause after a failed accept; doubles while it goes on failing (no file handles left, say).
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(5);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// All connections of one member. Dropping it aborts their tasks.
#[derive(Debug)]
pub(crate) struct Streams {
    open: BTreeMap<SocketAddr, Connection>,
    closing: VecDeque<AbortHandle>,
    tasks: JoinSet<()>,
    accepted: mpsc::Receiver<(TcpStream, SocketAddr)>,
    incoming: mpsc::Receiver<Arrival>,
    /// Whose packet is being answered.
    asker: Option<SocketAddr>,
    terms: Terms,
}

/// The runner's end of a connection. Dropping it closes the connection when all is written.
#[derive(Debug)]
struct Connection {
    outgoing: mpsc::Sender<Vec<u8>>,
    task: AbortHandle,
    origin: Origin,
    opened_at: Instant,
    /// When it last brought a packet the protocol took.
    heard_at: Option<Instant>,
}

impl Connection {
    /// The idlest is the least: who has never brought a valid packet comes before all who have.
    fn merit(&self) -> (Option<Instant>, Instant) {
        (self.heard_at, self.opened_at)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Accepted,
    Dialed,
}

impl Streams {
    /// Starts to accept connections on `listener`.
    pub fn new(listener: TcpListener, timeout: Duration, shared: Arc<Shared>) -> Self {
        let (accepted_sender, accepted) = mpsc::channel(ACCEPTED_WAITING_MAX);
        let (incoming_sender, incoming) = mpsc::channel(INCOMING_MAX);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, accepted_sender, Arc::clone(&shared)));
        let paces = Arc::new(Paces::default());
        let terms = Terms { incoming: incoming_sender, timeout, paces, shared };
        let (open, closing) = (BTreeMap::new(), VecDeque::new());
        Self { open, closing, tasks, accepted, incoming, asker: None, terms }
    }

    /// The next arrival of any connection. Cancel safe.
    pub async fn next(&mut self) -> Arrival {
        loop {
            tokio::select! {
                Some(arrival) = self.incoming.recv() => return arrival,
                Some((stream, peer)) = self.accepted.recv() => self.admit(stream, peer),
                Some(_ended) = self.tasks.join_next() => self.forget_ended(),
                else => std::future::pending().await,
            }
        }
    }

    /// The next arrival that is waiting.
    pub fn try_next(&mut self) -> Option<Arrival> {
        self.incoming.try_recv().ok()
    }

    /// Says whose packet is being answered from now on, if anybody's.
    pub fn answer(&mut self, asker: Option<SocketAddr>) {
        self.asker = asker;
    }

    /// Sends on the connection with `to`, opening one if there is none: but not to somebody who
    /// asks and hangs up. Nobody listens on the port that was asked from, and to find that out may
    /// take as long as a connection may take.
    pub fn send(&mut self, to: SocketAddr, packet: &[u8]) {
        self.forget_ended();
        if !self.open.contains_key(&to) && self.asker != Some(to) {
            self.dial(to);
        }
        let Some(connection) = self.open.get(&to) else {
            return self.terms.shared.counters.stream_packets_dropped.add();
        };
        if connection.outgoing.try_send(packet.to_vec()).is_err() {
            self.terms.shared.counters.stream_packets_dropped.add();
        }
    }

    /// The connection with `peer` brought a packet the protocol took.
    pub fn vouch(&mut self, peer: SocketAddr) {
        if let Some(connection) = self.open.get_mut(&peer) {
            connection.heard_at = Some(Instant::now());
        }
    }

    /// Closes the connection with `peer`, who sent garbage.
    pub fn reject(&mut self, peer: SocketAddr) {
        let Some(connection) = self.open.remove(&peer) else { return };
        self.terms.shared.counters.stream_errors.add();
        self.closing.push_back(connection.task);
        if self.closing.len() > CLOSING_MAX {
            self.closing.pop_front().inspect(AbortHandle::abort);
        }
    }

    /// Ends all tasks and waits until they have ended.
    pub async fn close(&mut self) {
        self.open.clear();
        self.tasks.shutdown().await;
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.forget_ended();
        let peer = normalized(peer);
        self.make_room(peer);
        self.terms.shared.counters.streams_accepted.add();
        self.start(peer, Origin::Accepted, async { Ok(stream) });
    }

    /// For one more connection with `peer`.
    fn make_room(&mut self, peer: SocketAddr) {
        let accepted = || self.open.iter().filter(|(_, other)| other.origin == Origin::Accepted);
        let network = Network::of(peer);
        let neighbours = || accepted().filter(|(other, _)| Network::of(**other) == network);
        let idlest = if neighbours().count() >= ACCEPTED_PER_PEER_MAX {
            neighbours().min_by_key(|(_, other)| other.merit())
        } else if accepted().count() >= ACCEPTED_MAX {
            accepted().min_by_key(|(_, other)| other.merit())
        } else {
            None
        };
        let Some(idlest) = idlest.map(|(&address, _)| address) else { return };
        if let Some(displaced) = self.open.remove(&idlest) {
            displaced.task.abort();
            self.terms.shared.counters.streams_displaced.add();
        }
    }

    fn dial(&mut self, to: SocketAddr) {
        let counters = &self.terms.shared.counters;
        if self.open.values().filter(|other| other.origin == Origin::Dialed).count() >= DIALED_MAX {
            return counters.streams_refused.add();
        }
        counters.streams_dialed.add();
        self.start(to, Origin::Dialed, connection::dial(to, self.terms.timeout));
    }

    fn start(
        &mut self,
        peer: SocketAddr,
        origin: Origin,
        connect: impl Future<Output = io::Result<TcpStream>> + Send + 'static,
    ) {
        let (sender, outgoing) = mpsc::channel(OUTGOING_MAX);
        let run = connection::run(connect, peer, outgoing, self.terms.clone());
        let connection = Connection {
            outgoing: sender,
            task: self.tasks.spawn(run),
            origin,
            opened_at: Instant::now(),
            heard_at: None,
        };
        self.open.insert(peer, connection);
    }

    /// A connection whose task has ended no longer takes packets.
    fn forget_ended(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|_, connection| !connection.outgoing.is_closed());
        self.closing.retain(|task| !task.is_finished());
    }
}

async fn accept(
    listener: TcpListener,
    accepted: mpsc::Sender<(TcpStream, SocketAddr)>,
    shared: Arc<Shared>,
) {
    let mut pause = ACCEPT_PAUSE_MIN;
    loop {
        match listener.accept().await {
            Ok((_, peer)) if !shared.allow.permits(peer) => shared.counters.streams_denied.add(),
            Ok(connection) => {
                pause = ACCEPT_PAUSE_MIN;
                if accepted.send(connection).await.is_err() {
                    return;
                }
            }
            Err(_) => {
                shared.counters.accept_errors.add();
                time::sleep(pause).await;
                pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use swim_core::NodeId;
    use tokio::net::TcpSocket;

    use super::*;
    use crate::allow::AllowList;
    use crate::counters::Counters;
    use crate::view::View;

    const NEVER: Duration = Duration::from_secs(3_600);

    async fn streams() -> (Streams, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared {
            id: NodeId::new(1),
            local_addr: address,
            advertised: address,
            allow: AllowList::default(),
            view: View::default(),
            counters: Counters::default(),
            state_trouble: Mutex::default(),
            seeds: Mutex::default(),
            trace: None,
        };
        (Streams::new(listener, NEVER, Arc::new(shared)), address)
    }

    /// An accepted connection whose peer has not read what fills it.
    async fn clogged(streams: &mut Streams, address: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(2_304).unwrap();
        let stream = socket.connect(address).await.unwrap();
        let peer = stream.local_addr().unwrap();
        while !streams.open.contains_key(&peer) {
            let _ = time::timeout(Duration::from_millis(1), streams.next()).await;
        }
        let connection = |streams: &Streams| streams.open[&peer].outgoing.capacity();
        let mut full_since = Instant::now();
        while full_since.elapsed() < Duration::from_millis(30) {
            if connection(streams) > 0 {
                full_since = Instant::now();
                streams.send(peer, &[0; 60_000]);
            }
            time::sleep(Duration::from_millis(1)).await;
        }
        stream
    }

    /// Connections whose tasks run on, the one that accepts left out.
    async fn running(streams: &mut Streams) -> usize {
        time::sleep(Duration::from_millis(50)).await;
        streams.forget_ended();
        streams.tasks.len() - 1
    }

    #[tokio::test]
    async fn who_does_not_read_is_cut_off_when_displaced() {
        let (mut streams, address) = streams().await;
        let mut held = Vec::new();
        for _ in 0..ACCEPTED_PER_PEER_MAX + 2 {
            held.push(clogged(&mut streams, address).await);
        }
        assert_eq!(running(&mut streams).await, ACCEPTED_PER_PEER_MAX);
    }

    #[tokio::test]
    async fn few_who_sent_garbage_and_do_not_read_are_waited_for() {
        let (mut streams, address) = streams().await;
        let mut held = Vec::new();
        for _ in 0..CLOSING_MAX + 2 {
            let stream = clogged(&mut streams, address).await;
            streams.reject(stream.local_addr().unwrap());
            held.push(stream);
        }
        assert_eq!(running(&mut streams).await, CLOSING_MAX);
    }
}
