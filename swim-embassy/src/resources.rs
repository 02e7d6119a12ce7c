//! The memory of a member, and how one is made in it.

use core::cell::RefCell;
use core::mem::MaybeUninit;

use embassy_net::Stack;
use embassy_net::udp::{PacketMetadata, UdpSocket};
use swim_core::Identity;
use swim_core::storage::Fixed;

use crate::clock;
use crate::endpoint::Endpoint;
use crate::error::NewError;
use crate::handle::Swim;
use crate::options::{FLUSH_TIMEOUTS, Options};
use crate::runner::Runner;
use crate::shared::{Node, Notices, Shared};

/// Received datagrams of full length that can wait to be read.
const RX_LONG_MAX: usize = 2;
/// Received datagrams of any length that can wait to be read. The next are dropped by embassy-net.
pub const RX_MAX: usize = 16;
/// One, so that there is room for the next exactly when the last has gone out.
const TX_MAX: usize = 1;

/// All the memory of one member: its table of `MEMBERS` rows (itself included) with up to
/// `METADATA` bytes each, and the buffers for datagrams of up to `DATAGRAM` bytes.
///
/// To be put into a static, such as a `StaticCell` or `ConstStaticCell` of the crate `static_cell`.
/// The buffers take four times `DATAGRAM` bytes, and the descriptions of 17 packets.
pub struct Resources<const MEMBERS: usize, const METADATA: usize, const DATAGRAM: usize = 1400> {
    node: MaybeUninit<RefCell<Node<MEMBERS, METADATA>>>,
    notices: MaybeUninit<Notices>,
    rx_metadata: MaybeUninit<[PacketMetadata; RX_MAX]>,
    rx: [[u8; DATAGRAM]; RX_LONG_MAX],
    tx_metadata: MaybeUninit<[PacketMetadata; TX_MAX]>,
    tx: [u8; DATAGRAM],
    packet: [u8; DATAGRAM],
}

impl<const MEMBERS: usize, const METADATA: usize, const DATAGRAM: usize>
    Resources<MEMBERS, METADATA, DATAGRAM>
{
    /// Memory that is not used yet: zeros or nothing in particular, so that a static of it takes no
    /// flash.
    pub const fn new() -> Self {
        Self {
            node: MaybeUninit::uninit(),
            notices: MaybeUninit::uninit(),
            rx_metadata: MaybeUninit::uninit(),
            rx: [[0; DATAGRAM]; RX_LONG_MAX],
            tx_metadata: MaybeUninit::uninit(),
            tx: [0; DATAGRAM],
            packet: [0; DATAGRAM],
        }
    }
}

impl<const MEMBERS: usize, const METADATA: usize, const DATAGRAM: usize> Default
    for Resources<MEMBERS, METADATA, DATAGRAM>
{
    fn default() -> Self {
        Self::new()
    }
}

/// Makes a member that knows nobody yet: see [`Swim::join`].
///
/// It listens on the port of its own address, and takes one socket of the stack's
/// `StackResources`. Everything random follows from `seed`: give every start another one, or the
/// others cannot tell two runs apart. Nothing happens before the [`Runner`] runs.
///
/// # Errors
///
/// Settings that do not make a member: the caller's fault.
pub fn new<'d, const MEMBERS: usize, const METADATA: usize, const DATAGRAM: usize>(
    stack: Stack<'d>,
    resources: &'d mut Resources<MEMBERS, METADATA, DATAGRAM>,
    identity: Identity<'_, Endpoint>,
    options: Options,
    seed: u64,
) -> Result<(Swim<'d, MEMBERS, METADATA>, Runner<'d, MEMBERS, METADATA>), NewError> {
    let Options { config, flush_timeout } = options;
    if !identity.address.is_usable() {
        return Err(NewError::Endpoint);
    }
    if usize::from(config.datagram_len_max) > DATAGRAM {
        return Err(NewError::Datagram { len_max: config.datagram_len_max, room: DATAGRAM });
    }
    if !FLUSH_TIMEOUTS.contains(&flush_timeout) {
        return Err(NewError::FlushTimeout { timeout: flush_timeout });
    }
    // Straight to its place: on a board, each time it is moved takes its size of the stack.
    let node = &*resources.node.write(RefCell::new(
        Node::new(identity, config, Fixed::new(), seed, clock::now()).map_err(NewError::Node)?,
    ));
    let shared = Shared { node, notices: resources.notices.write(Notices::new()) };
    let queues = Queues {
        rx_metadata: resources.rx_metadata.write([PacketMetadata::EMPTY; RX_MAX]),
        rx: resources.rx.as_flattened_mut(),
        tx_metadata: resources.tx_metadata.write([PacketMetadata::EMPTY; TX_MAX]),
        tx: &mut resources.tx,
    };
    let runner = Runner {
        stack,
        shared,
        queues,
        packet: &mut resources.packet,
        port: identity.address.port(),
        flush_timeout,
    };
    Ok((Swim { shared }, runner))
}

/// The queues of the socket.
pub struct Queues<'d> {
    rx_metadata: &'d mut [PacketMetadata],
    rx: &'d mut [u8],
    tx_metadata: &'d mut [PacketMetadata],
    tx: &'d mut [u8],
}

impl Queues<'_> {
    /// A socket on `port`, with empty queues. Its number in the stack is free again when it is
    /// dropped.
    pub fn open<'a>(&'a mut self, stack: Stack<'a>, port: u16) -> UdpSocket<'a> {
        let Self { rx_metadata, rx, tx_metadata, tx } = self;
        let mut socket = UdpSocket::new(stack, rx_metadata, rx, tx_metadata, tx);
        // It cannot fail: the socket is new and the port is not 0.
        let _ = socket.bind(port);
        socket
    }
}
