//! One TCP connection from beginning to end: packets in, packets out, and its bounds in time.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{self, Instant};

use crate::pace::{Network, Paces};
use crate::shared::Shared;

/// Nobody writes packets longer than the longest datagram.
const PACKET_LEN_MAX: usize = 65_507;

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

/// What all connections share.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub incoming: mpsc::Sender<Arrival>,
    pub timeout: Duration,
    pub paces: Arc<Paces>,
    pub shared: Arc<Shared>,
}

/// One connection from beginning to end. It ends with the first fault, when the peer closes it,
/// when it was idle for too long, or when the runner drops its end.
pub(crate) async fn run(
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

pub(crate) async fn dial(to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    time::timeout(timeout, TcpStream::connect(to)).await?
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
    let network = Network::of(from);
    while let Some(bytes) = read_packet(&mut reader, terms.timeout).await? {
        let due = terms.paces.spend(network, bytes.len(), Instant::now());
        let packet = Arrival::Packet(StreamPacket { from, bytes });
        if terms.incoming.send(packet).await.is_err() {
            break;
        }
        if let Some(due) = due {
            terms.shared.counters.stream_pauses.add();
            time::sleep_until(due).await;
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
