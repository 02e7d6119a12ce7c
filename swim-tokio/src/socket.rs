//! The sockets: one port for UDP and TCP, IPv4 and IPv6.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;

use crate::counters::Counters;
use crate::options::BindError;
use crate::refusals::{self, Notice};

/// What a burst of datagrams may take in the kernel before it drops some. 2 MiB hold a second of
/// a cluster far larger than any here; systems with a lower limit give what they have.
const SOCKET_BUFFER_LEN: usize = 2 << 20;
const SOCKET_BUFFER_LEN_MIN: usize = 64 << 10;
/// How many free UDP ports are tried for TCP.
const PORT_ATTEMPTS_MAX: usize = 32;
/// Connections the kernel completes before they are accepted.
const ACCEPT_BACKLOG: i32 = 128;
/// How often a datagram is offered that fails over the news of earlier ones: each failure takes one
/// such piece of news away, and more arrive rarely in between.
const SEND_ATTEMPTS_MAX: usize = 4;

/// Opens both sockets on the same port.
pub(crate) fn open(bind: SocketAddr) -> Result<(Datagrams, TcpListener), BindError> {
    let mut attempts_left = if bind.port() == 0 { PORT_ATTEMPTS_MAX } else { 1 };
    loop {
        attempts_left -= 1;
        match open_once(bind) {
            Ok(sockets) => return Ok(sockets),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if attempts_left == 0 {
                    return Err(BindError::PortInUse { address: bind });
                }
            }
            Err(source) => return Err(BindError::Socket { address: bind, source }),
        }
    }
}

fn open_once(bind: SocketAddr) -> io::Result<(Datagrams, TcpListener)> {
    let udp = socket(bind, Type::DGRAM, Protocol::UDP)?;
    enlarge(|len| udp.set_recv_buffer_size(len));
    enlarge(|len| udp.set_send_buffer_size(len));
    refusals::ask_for(&udp);
    udp.bind(&bind.into())?;
    let datagrams = Datagrams::new(udp.into())?;

    let bind = SocketAddr::new(bind.ip(), datagrams.local_addr.port());
    let tcp = socket(bind, Type::STREAM, Protocol::TCP)?;
    // A restarted process must not wait for the connections of its predecessor to be forgotten.
    // On Windows the same option would let two processes share the port.
    #[cfg(not(windows))]
    tcp.set_reuse_address(true)?;
    tcp.bind(&bind.into())?;
    tcp.listen(ACCEPT_BACKLOG)?;
    Ok((datagrams, tcp.into()))
}

fn socket(bind: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(bind), kind, Some(protocol))?;
    if bind.is_ipv6() {
        // Some systems know no dual stack; there `[::]` means IPv6 only.
        let _ = socket.set_only_v6(false);
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Linux grants what it can; others refuse what is too much.
fn enlarge(set: impl Fn(usize) -> io::Result<()>) {
    let mut len = SOCKET_BUFFER_LEN;
    while len >= SOCKET_BUFFER_LEN_MIN && set(len).is_err() {
        len /= 2;
    }
}

/// A UDP socket that never waits, and that speaks of IPv4 peers by their IPv4 addresses.
#[derive(Debug)]
pub(crate) struct Datagrams {
    /// Knows when there is something to read.
    reactor: tokio::net::UdpSocket,
    /// The same socket, asked directly.
    kernel: std::net::UdpSocket,
    pub local_addr: SocketAddr,
}

impl Datagrams {
    fn new(kernel: std::net::UdpSocket) -> io::Result<Self> {
        let local_addr = kernel.local_addr()?;
        let reactor = tokio::net::UdpSocket::from_std(kernel.try_clone()?)?;
        Ok(Self { reactor, kernel, local_addr })
    }

    #[cfg(all(test, target_os = "linux"))]
    pub fn kernel(&self) -> &std::net::UdpSocket {
        &self.kernel
    }

    /// Waits until there may be something to read: a datagram or a notice. Cancel safe.
    pub async fn ready(&self) -> io::Result<()> {
        self.reactor.ready(refusals::INTEREST).await.map(drop)
    }

    /// One datagram that is waiting, or `WouldBlock`.
    ///
    /// The reactor only knows what was there at its last turn. A task that was woken after a long
    /// stall must not let timers fire before it has read what arrived meanwhile, so `WouldBlock`
    /// is only believed when the kernel says it.
    pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let received = match self.reactor.try_recv_from(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.kernel.recv_from(buffer)
            }
            received => received,
        };
        received.map(|(len, from)| (len, normalized(from)))
    }

    /// What became of one datagram sent earlier, or `WouldBlock`, which is as true as that of
    /// [`try_recv`](Self::try_recv).
    pub fn try_notice(&self) -> io::Result<Notice> {
        match self.reactor.try_io(Interest::ERROR, || refusals::next(&self.kernel)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => refusals::next(&self.kernel),
            noticed => noticed,
        }
    }

    /// Sends or drops: a full socket is congestion, and the protocol repeats itself anyway.
    pub fn try_send(&self, packet: &[u8], to: SocketAddr, counters: &Counters) {
        let to = self.wire_address(to);
        for _ in 0..SEND_ATTEMPTS_MAX {
            match self.try_send_once(packet, to) {
                Ok(_) => return,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return counters.datagrams_dropped.add();
                }
                // Often the news that an earlier datagram found nobody listening: this one was
                // not even tried.
                Err(_) => {}
            }
        }
        counters.send_errors.add();
    }

    fn try_send_once(&self, packet: &[u8], to: SocketAddr) -> io::Result<usize> {
        match self.reactor.try_send_to(packet, to) {
            // A fresh socket is writable before the reactor knows.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.kernel.send_to(packet, to)
            }
            sent => sent,
        }
    }

    fn wire_address(&self, to: SocketAddr) -> SocketAddr {
        match to {
            SocketAddr::V4(v4) if self.local_addr.is_ipv6() => {
                SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
            }
            _ => to,
        }
    }
}

/// The one way to write an address: IPv4 as IPv4, and without the flow label of one datagram.
pub(crate) fn normalized(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(v4.into(), v6.port()),
            None => SocketAddrV6::new(*v6.ip(), v6.port(), 0, v6.scope_id()).into(),
        },
    }
}

/// Where others reach a socket bound to `local`, told to advertise `advertise`.
pub(crate) fn advertised(local: SocketAddr, advertise: Option<SocketAddr>) -> SocketAddr {
    let wanted = normalized(advertise.unwrap_or(local));
    let port = if wanted.port() == 0 { local.port() } else { wanted.port() };
    let mut address = wanted;
    if address.ip().is_unspecified() {
        address = SocketAddr::new(routed_ip(local.ip()), port);
    }
    address.set_port(port);
    address
}

/// The address the system would send from to the world, for a socket bound to all of them.
fn routed_ip(unspecified: IpAddr) -> IpAddr {
    // Reserved for documentation: surely not local, and connecting UDP sends nothing.
    let world_v4 = IpAddr::from(Ipv4Addr::new(198, 51, 100, 1));
    let world_v6 = IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    let (destinations, loopback) = if unspecified.is_ipv4() {
        (vec![world_v4], IpAddr::from(Ipv4Addr::LOCALHOST))
    } else {
        (vec![world_v4, world_v6], IpAddr::from(Ipv6Addr::LOCALHOST))
    };
    destinations.into_iter().find_map(source_ip).unwrap_or(loopback)
}

fn source_ip(destination: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match destination {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    socket.connect((destination, 9)).ok()?;
    let source = socket.local_addr().ok()?.ip();
    (!source.is_unspecified() && !source.is_loopback()).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_os = "linux")]
    use crate::refusals::Quote;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ipv4_in_ipv6_clothes_is_ipv4() {
        assert_eq!(normalized(address("[::ffff:10.1.2.3]:7")), address("10.1.2.3:7"));
        assert_eq!(normalized(address("[fd00::1]:7")), address("[fd00::1]:7"));
        let labelled = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7, 99, 0);
        assert_eq!(normalized(labelled.into()), address("[::1]:7"));
    }

    #[test]
    fn an_advertised_port_defaults_to_the_bound_one() {
        let local = address("10.0.0.1:7946");
        assert_eq!(advertised(local, None), local);
        assert_eq!(advertised(local, Some(address("1.2.3.4:0"))), address("1.2.3.4:7946"));
        assert_eq!(advertised(local, Some(address("1.2.3.4:80"))), address("1.2.3.4:80"));
    }

    #[test]
    fn a_socket_bound_to_all_addresses_advertises_a_real_one() {
        for local in ["0.0.0.0:7946", "[::]:7946"] {
            let advertised = advertised(address(local), None);
            assert!(!advertised.ip().is_unspecified(), "{advertised}");
            assert_eq!(advertised.port(), 7946);
        }
    }

    #[test]
    fn buffers_refused_are_asked_for_smaller() {
        let asked = std::cell::RefCell::new(Vec::new());
        enlarge(|len| {
            asked.borrow_mut().push(len);
            if len > 1 << 20 { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(()) }
        });
        assert_eq!(*asked.borrow(), [2 << 20, 1 << 20]);
    }

    #[tokio::test]
    async fn a_fresh_socket_sends_before_the_reactor_has_turned() {
        let counters = Counters::default();
        let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        // No await in here: the reactor never learns that the socket is writable.
        let (datagrams, _listener) = open(address("127.0.0.1:0")).unwrap();
        datagrams.try_send(b"first", receiver.local_addr().unwrap(), &counters);
        let mut buffer = [0; 64];
        let (len, from) = receiver.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..len], from), (&b"first"[..], datagrams.local_addr));
        assert_eq!(counters.snapshot(), crate::counters::SocketStats::default());
    }

    #[tokio::test]
    async fn what_the_kernel_holds_is_read_even_if_the_reactor_did_not_turn() {
        let (datagrams, _listener) = open(address("127.0.0.1:0")).unwrap();
        let mut buffer = [0; 64];
        let nothing = datagrams.try_recv(&mut buffer).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"late", datagrams.local_addr).unwrap();
        // No await since: the reactor cannot have noticed.
        let (len, from) = datagrams.try_recv(&mut buffer).unwrap();
        assert_eq!((&buffer[..len], from), (&b"late"[..], sender.local_addr().unwrap()));
    }

    #[cfg(target_os = "linux")]
    const QUESTION: &[u8] = b"anybody there?";

    /// Sends one datagram to a port of `ip` where nobody listens; returns where.
    #[cfg(target_os = "linux")]
    fn send_to_nobody(datagrams: &Datagrams, ip: IpAddr, counters: &Counters) -> SocketAddr {
        let nobody = std::net::UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap();
        datagrams.try_send(QUESTION, nobody, counters);
        nobody
    }

    /// What is told of the question to somebody who is not there.
    #[cfg(target_os = "linux")]
    fn refused(nobody: SocketAddr) -> Notice {
        Notice::Refused(nobody, Quote::of(QUESTION))
    }

    /// Waits for `count` notices.
    #[cfg(target_os = "linux")]
    async fn notices(datagrams: &Datagrams, count: usize) -> Vec<Notice> {
        let mut notices = Vec::new();
        let read = async {
            while notices.len() < count {
                match datagrams.try_notice() {
                    Ok(notice) => notices.push(notice),
                    Err(_) => datagrams.ready().await.unwrap(),
                }
            }
        };
        let read = tokio::time::timeout(std::time::Duration::from_secs(30), read).await;
        assert!(read.is_ok(), "too few notices: {notices:?}");
        notices
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_system_tells_who_refused_a_datagram() {
        let counters = Counters::default();
        for bind in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
            let Ok((datagrams, _listener)) = open(address(bind)) else {
                eprintln!("skipped: this machine has no {bind}");
                continue;
            };
            let v4 = send_to_nobody(&datagrams, Ipv4Addr::LOCALHOST.into(), &counters);
            assert_eq!(notices(&datagrams, 1).await, [refused(v4)], "{bind}");
            if datagrams.local_addr.is_ipv6() {
                let v6 = send_to_nobody(&datagrams, Ipv6Addr::LOCALHOST.into(), &counters);
                assert_eq!(notices(&datagrams, 1).await, [refused(v6)], "{bind}");
            }
        }
        assert_eq!(counters.snapshot().send_errors, 0);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_datagram_the_system_itself_rejects_is_no_refusal() {
        let counters = Counters::default();
        let (datagrams, _listener) = open(address("127.0.0.1:0")).unwrap();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        datagrams.try_send(&[0; 65_508], peer.local_addr().unwrap(), &counters);
        assert_eq!(counters.snapshot().send_errors, 1);
        while let Ok(notice) = datagrams.try_notice() {
            assert_eq!(notice, Notice::Lost);
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn no_datagram_is_lost_over_refusals() {
        const COUNT: u8 = 50;
        let counters = Counters::default();
        let (datagrams, _listener) = open(address("127.0.0.1:0")).unwrap();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        let mut refusals = Vec::new();
        for number in 0..COUNT {
            let nobody = send_to_nobody(&datagrams, Ipv4Addr::LOCALHOST.into(), &counters);
            refusals.push(refused(nobody));
            datagrams.try_send(&[number], peer.local_addr().unwrap(), &counters);
            peer.send_to(&[number], datagrams.local_addr).unwrap();
        }
        let mut buffer = [0; 8];
        let mut errors = 0;
        for number in 0..COUNT {
            assert_eq!(peer.recv(&mut buffer).unwrap(), 1);
            assert_eq!(buffer[0], number, "what was sent");
            while datagrams.try_recv(&mut buffer).is_err() {
                errors += 1;
                assert!(errors <= COUNT, "each refusal fails one call at most");
            }
            assert_eq!(buffer[0], number, "what was received");
        }
        assert_eq!(notices(&datagrams, refusals.len()).await, refusals);
        assert_eq!(counters.snapshot().send_errors, 0);
    }
}
