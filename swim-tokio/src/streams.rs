//! TCP beside the datagrams: accepted and dialed connections, each a task of its own.
//!
//! On a stream every packet follows its length in two bytes, big-endian. A connection is known by
//! the address of its peer. Nothing here makes the runner wait: what a connection does not take is
//! dropped and counted, what it reads waits in the connection until the runner has room.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time;

use crate::shared::Shared;
use crate::socket::normalized;

/// Connections others opened; later ones are closed at once. Strangers can exhaust these, so they
/// are counted apart from our own.
const ACCEPTED_MAX: usize = 64;
/// Connections this member opened; packets for further peers are dropped.
const DIALED_MAX: usize = 64;
/// Accepted connections that wait for the runner; the kernel keeps the next ones.
const ACCEPTED_WAITING_MAX: usize = 8;
/// Arrivals of all connections that wait for the runner; connections stop reading meanwhile.
pub(crate) const INCOMING_MAX: usize = 64;
/// Packets that wait for one connection; later ones are dropped.
const OUTGOING_MAX: usize = 8;
/// Nobody writes packets longer than the longest datagram.
const PACKET_LEN_MAX: usize = 65_507;
/// Pause after a failed accept; doubles while it goes on failing (no file handles left, say).
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(5);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// One packet off a stream, and the connection to answer on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StreamPacket {
    pub from: SocketAddr,
    pub bytes: Vec<u8>,
}

/// What comes of the connections.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Packet(StreamPacket),
    /// Nothing listens where a connection was asked for.
    Refused(SocketAddr),
}

/// All connections of one member. Dropping it aborts their tasks.
#[derive(Debug)]
pub(crate) struct Streams {
    open: BTreeMap<SocketAddr, Connection>,
    tasks: JoinSet<()>,
    accepted: mpsc::Receiver<(TcpStream, SocketAddr)>,
    incoming: mpsc::Receiver<Arrival>,
    terms: Terms,
}

/// The runner's end of a connection. Dropping it closes the connection.
#[derive(Debug)]
struct Connection {
    outgoing: mpsc::Sender<Vec<u8>>,
    origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Accepted,
    Dialed,
}

/// What all connections share.
#[derive(Clone, Debug)]
struct Terms {
    incoming: mpsc::Sender<Arrival>,
    timeout: Duration,
    shared: Arc<Shared>,
}

impl Streams {
    /// Starts to accept connections on `listener`.
    pub fn new(listener: TcpListener, timeout: Duration, shared: Arc<Shared>) -> Self {
        let (accepted_sender, accepted) = mpsc::channel(ACCEPTED_WAITING_MAX);
        let (incoming_sender, incoming) = mpsc::channel(INCOMING_MAX);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, accepted_sender, Arc::clone(&shared)));
        let terms = Terms { incoming: incoming_sender, timeout, shared };
        Self { open: BTreeMap::new(), tasks, accepted, incoming, terms }
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

    /// Sends on the connection with `to`, opening one if there is none.
    pub fn send(&mut self, to: SocketAddr, packet: &[u8]) {
        self.forget_ended();
        if !self.open.contains_key(&to) {
            let timeout = self.terms.timeout;
            self.start(to, Origin::Dialed, move || dial(to, timeout));
        }
        let Some(connection) = self.open.get(&to) else { return };
        if connection.outgoing.try_send(packet.to_vec()).is_err() {
            self.terms.shared.counters.stream_packets_dropped.add();
        }
    }

    /// Closes the connection with `peer`, who sent garbage.
    pub fn reject(&mut self, peer: SocketAddr) {
        if self.open.remove(&peer).is_some() {
            self.terms.shared.counters.stream_errors.add();
        }
    }

    /// Ends all tasks and waits until they have ended.
    pub async fn close(&mut self) {
        self.open.clear();
        self.tasks.shutdown().await;
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.forget_ended();
        self.start(normalized(peer), Origin::Accepted, || async { Ok(stream) });
    }

    fn start<F>(&mut self, peer: SocketAddr, origin: Origin, connect: impl FnOnce() -> F)
    where
        F: Future<Output = io::Result<TcpStream>> + Send + 'static,
    {
        let counters = &self.terms.shared.counters;
        let (max, started) = match origin {
            Origin::Accepted => (ACCEPTED_MAX, &counters.streams_accepted),
            Origin::Dialed => (DIALED_MAX, &counters.streams_dialed),
        };
        if self.open.values().filter(|other| other.origin == origin).count() >= max {
            return counters.streams_refused.add();
        }
        started.add();
        let (sender, outgoing) = mpsc::channel(OUTGOING_MAX);
        self.open.insert(peer, Connection { outgoing: sender, origin });
        self.tasks.spawn(connection(connect(), peer, outgoing, self.terms.clone()));
    }

    /// A connection whose task has ended no longer takes packets.
    fn forget_ended(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|_, connection| !connection.outgoing.is_closed());
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

async fn dial(to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    time::timeout(timeout, TcpStream::connect(to)).await?
}

/// One connection from beginning to end. It ends with the first fault, when the peer closes it,
/// when it was idle for too long, or when the runner drops its end.
async fn connection(
    connect: impl Future<Output = io::Result<TcpStream>>,
    peer: SocketAddr,
    outgoing: mpsc::Receiver<Vec<u8>>,
    terms: Terms,
) {
    let ended = match connect.await {
        Ok(stream) => converse(stream, peer, outgoing, &terms).await,
        Err(error) => {
            // Packets for a peer that is not there shall find no connection.
            drop(outgoing);
            if error.kind() == io::ErrorKind::ConnectionRefused {
                // Fails when the runner has ended, and nobody wants to know.
                let _ = terms.incoming.send(Arrival::Refused(peer)).await;
            }
            Err(error)
        }
    };
    if ended.is_err() {
        terms.shared.counters.stream_errors.add();
    }
}

async fn converse(
    mut stream: TcpStream,
    peer: SocketAddr,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    terms: &Terms,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.split();
    tokio::select! {
        result = read_packets(reader, peer, terms) => result,
        result = write_packets(writer, &mut outgoing, terms.timeout) => result,
    }
}

async fn read_packets(mut reader: ReadHalf<'_>, from: SocketAddr, terms: &Terms) -> io::Result<()> {
    while let Some(bytes) = read_packet(&mut reader, terms.timeout).await? {
        let packet = Arrival::Packet(StreamPacket { from, bytes });
        if terms.incoming.send(packet).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// `None` when no packet begins: the peer has closed the stream, or was idle for too long.
async fn read_packet(reader: &mut ReadHalf<'_>, timeout: Duration) -> io::Result<Option<Vec<u8>>> {
    let mut first = [0; 1];
    match time::timeout(timeout, reader.read(&mut first)).await {
        Ok(Ok(1)) => time::timeout(timeout, read_rest(first, reader)).await?.map(Some),
        Ok(Err(error)) => Err(error),
        Ok(Ok(_)) | Err(_) => Ok(None),
    }
}

async fn read_rest([first]: [u8; 1], reader: &mut ReadHalf<'_>) -> io::Result<Vec<u8>> {
    let len = usize::from(u16::from_be_bytes([first, reader.read_u8().await?]));
    if len == 0 || len > PACKET_LEN_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut packet = vec![0; len];
    reader.read_exact(&mut packet).await?;
    Ok(packet)
}

async fn write_packets(
    mut writer: WriteHalf<'_>,
    outgoing: &mut mpsc::Receiver<Vec<u8>>,
    timeout: Duration,
) -> io::Result<()> {
    while let Some(packet) = outgoing.recv().await {
        let Ok(len) = u16::try_from(packet.len()) else { continue };
        let mut framed = len.to_be_bytes().to_vec();
        framed.extend_from_slice(&packet);
        time::timeout(timeout, writer.write_all(&framed)).await??;
    }
    Ok(())
}
