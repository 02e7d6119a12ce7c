//! What the system says of datagrams that arrived nowhere.
//!
//! Linux keeps the ICMP messages about a socket's datagrams in the socket's error queue, each with
//! the address the datagram was sent to. Other systems tell an unconnected socket nothing, or not
//! about whom; there nothing is asked for and nothing comes.

use std::net::SocketAddr;

pub(crate) use system::{INTEREST, ask_for, next};

/// One message about a datagram sent earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is told there"))]
pub(crate) enum Notice {
    /// Nothing listens at the address it was sent to (ICMP port unreachable). Only this says
    /// something of the process there; a firewall that rejects says the same, and cannot be told
    /// apart. Whoever sends it quotes the datagram, or the beginning of it.
    Refused(SocketAddr, Quote),
    /// It was lost on the way: no route, no such host, filtered, too long.
    Lost,
}

/// How much of a quoted datagram is looked at: as much as shows who sealed it, and when.
const QUOTE_LEN_MAX: usize = 32;

/// The beginning of a datagram, as it is quoted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quote {
    bytes: [u8; QUOTE_LEN_MAX],
    len: usize,
}

impl Quote {
    #[cfg(test)]
    pub fn of(datagram: &[u8]) -> Self {
        let mut quote = Self { len: datagram.len().min(QUOTE_LEN_MAX), ..Self::default() };
        quote.bytes[..quote.len].copy_from_slice(&datagram[..quote.len]);
        quote
    }

    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io::{self, IoSliceMut};
    use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
    use std::os::fd::AsRawFd;

    use nix::libc::{self, sock_extended_err};
    use nix::sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
    };
    use socket2::Socket;
    use tokio::io::Interest;

    use super::{Notice, Quote};
    use crate::socket::normalized;

    /// A queue that is not empty is an error to the reactor.
    pub(crate) const INTEREST: Interest = Interest::READABLE.add(Interest::ERROR);

    /// RFC 792 and RFC 4443, section 3.1.
    const DESTINATION_UNREACHABLE_V4: u8 = 3;
    const PORT_UNREACHABLE_V4: u8 = 3;
    const DESTINATION_UNREACHABLE_V6: u8 = 1;
    const PORT_UNREACHABLE_V6: u8 = 4;

    /// Where Linux writes what happened and who says so. It takes 64 bytes at most, and headers
    /// that are aligned.
    #[derive(Default)]
    #[repr(align(16))]
    struct Control([[u8; 16]; 8]);

    /// A socket without notices is slower to learn of a crash, and otherwise well.
    pub(crate) fn ask_for(socket: &Socket) {
        // An IPv6 socket that takes IPv4 too needs both, an IPv4 socket knows only the first.
        let _ = setsockopt(socket, sockopt::Ipv4RecvErr, &true);
        let _ = setsockopt(socket, sockopt::Ipv6RecvErr, &true);
    }

    /// One notice that is waiting, or `WouldBlock`.
    pub(crate) fn next(socket: &UdpSocket) -> io::Result<Notice> {
        let mut quote = Quote::default();
        let mut beginning = [IoSliceMut::new(&mut quote.bytes)];
        let mut control = Control::default();
        let message = recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut beginning,
            Some(control.0.as_flattened_mut()),
            MsgFlags::MSG_ERRQUEUE,
        )?;
        let refused = message.cmsgs()?.any(|control| match control {
            ControlMessageOwned::Ipv4RecvErr(error, _)
            | ControlMessageOwned::Ipv6RecvErr(error, _) => is_refusal(&error),
            _ => false,
        });
        let (to, len) = (message.address.as_ref().and_then(address), message.bytes);
        quote.len = len;
        Ok(to.filter(|_| refused).map_or(Notice::Lost, |to| Notice::Refused(to, quote)))
    }

    fn is_refusal(error: &sock_extended_err) -> bool {
        let v4 = (DESTINATION_UNREACHABLE_V4, PORT_UNREACHABLE_V4);
        let v6 = (DESTINATION_UNREACHABLE_V6, PORT_UNREACHABLE_V6);
        match error.ee_origin {
            libc::SO_EE_ORIGIN_ICMP => (error.ee_type, error.ee_code) == v4,
            libc::SO_EE_ORIGIN_ICMP6 => (error.ee_type, error.ee_code) == v6,
            _ => false,
        }
    }

    fn address(address: &SockaddrStorage) -> Option<SocketAddr> {
        let v4 = address.as_sockaddr_in().map(|v4| SocketAddrV4::from(*v4).into());
        let v6 = || address.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6).into());
        v4.or_else(v6).map(normalized)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::net::UdpSocket;

    use socket2::Socket;
    use tokio::io::Interest;

    use super::Notice;

    pub(crate) const INTEREST: Interest = Interest::READABLE;

    pub(crate) fn ask_for(_socket: &Socket) {}

    pub(crate) fn next(_socket: &UdpSocket) -> io::Result<Notice> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}
