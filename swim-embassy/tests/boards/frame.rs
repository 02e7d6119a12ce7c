//! Ethernet frames, read and written.

use std::net::{Ipv4Addr, SocketAddrV4};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

pub use smoltcp::wire::EthernetAddress as Mac;

/// More than any frame or datagram here.
pub const FRAME_LEN_MAX: usize = 2_048;
const HOP_LIMIT: u8 = 64;

/// What the network has to understand.
pub enum Content<'a> {
    WhoHas { asked: Ipv4Addr },
    Datagram { to: SocketAddrV4, payload: &'a [u8] },
}

/// The hardware address of everybody here, made of the other one.
pub fn mac(ip: Ipv4Addr) -> Mac {
    let [a, b, c, d] = ip.octets();
    EthernetAddress([0x02, 0, a, b, c, d])
}

/// Source and destination. `None` if this is no frame.
pub fn addresses(frame: &[u8]) -> Option<(Mac, Mac)> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    Some((frame.src_addr(), frame.dst_addr()))
}

/// `None` for everything else, and for what is damaged.
pub fn content(frame: &[u8]) -> Option<Content<'_>> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    match frame.ethertype() {
        EthernetProtocol::Arp => who_has(frame.payload()),
        EthernetProtocol::Ipv4 => udp(frame.payload()),
        _ => None,
    }
}

fn who_has(packet: &[u8]) -> Option<Content<'_>> {
    match ArpRepr::parse(&ArpPacket::new_checked(packet).ok()?).ok()? {
        ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            target_protocol_addr: asked,
            ..
        } => Some(Content::WhoHas { asked }),
        _ => None,
    }
}

fn udp(packet: &[u8]) -> Option<Content<'_>> {
    let checksums = ChecksumCapabilities::default();
    let packet = Ipv4Packet::new_checked(packet).ok()?;
    let ip = Ipv4Repr::parse(&packet, &checksums).ok()?;
    let datagram = UdpPacket::new_checked(packet.payload()).ok()?;
    let (from, to) = (ip.src_addr.into(), ip.dst_addr.into());
    let ports = UdpRepr::parse(&datagram, &from, &to, &checksums).ok()?;
    let to = SocketAddrV4::new(ip.dst_addr, ports.dst_port);
    Some(Content::Datagram { to, payload: datagram.payload() })
}

/// The answer to who has an address: it is at this hardware address.
pub fn is_at(asked: (Ipv4Addr, Mac), asker: (Ipv4Addr, Mac)) -> Vec<u8> {
    let answer = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Reply,
        source_hardware_addr: asked.1,
        source_protocol_addr: asked.0,
        target_hardware_addr: asker.1,
        target_protocol_addr: asker.0,
    };
    let ethernet =
        EthernetRepr { src_addr: asked.1, dst_addr: asker.1, ethertype: EthernetProtocol::Arp };
    framed(&ethernet, answer.buffer_len(), |bytes| {
        answer.emit(&mut ArpPacket::new_unchecked(bytes));
    })
}

/// A datagram of a server to a board.
pub fn datagram(from: SocketAddrV4, to: (SocketAddrV4, Mac), payload: &[u8]) -> Vec<u8> {
    let (to, to_mac) = to;
    let checksums = ChecksumCapabilities::default();
    let udp = UdpRepr { src_port: from.port(), dst_port: to.port() };
    let ip = Ipv4Repr {
        src_addr: *from.ip(),
        dst_addr: *to.ip(),
        next_header: IpProtocol::Udp,
        payload_len: udp.header_len() + payload.len(),
        hop_limit: HOP_LIMIT,
    };
    let ethernet = EthernetRepr {
        src_addr: mac(*from.ip()),
        dst_addr: to_mac,
        ethertype: EthernetProtocol::Ipv4,
    };
    framed(&ethernet, ip.buffer_len() + ip.payload_len, |bytes| {
        let mut packet = Ipv4Packet::new_unchecked(bytes);
        ip.emit(&mut packet, &checksums);
        udp.emit(
            &mut UdpPacket::new_unchecked(packet.payload_mut()),
            &(*from.ip()).into(),
            &(*to.ip()).into(),
            payload.len(),
            |bytes| bytes.copy_from_slice(payload),
            &checksums,
        );
    })
}

fn framed(ethernet: &EthernetRepr, len: usize, write: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = vec![0; ethernet.buffer_len() + len];
    let mut frame = EthernetFrame::new_unchecked(bytes.as_mut_slice());
    ethernet.emit(&mut frame);
    write(frame.payload_mut());
    bytes
}
