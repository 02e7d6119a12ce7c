//! Addresses on the wire: boards and servers read and write the same bytes.

use std::net::{Ipv6Addr, SocketAddr};

use swim_embassy::Endpoint;
use swim_embassy::swim_core::wire::{Header, Packet, PacketWriter, Update};
use swim_embassy::swim_core::{Address, Card, Incarnation, Label, NodeId, Patience};

const FAR: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 7_946);

#[test]
fn an_endpoint_is_written_and_read_as_a_socket_address() {
    for (ip, port) in [([10, 0, 0, 1], 7_946), ([255; 4], 65_535), ([1, 2, 3, 4], 1)] {
        let (endpoint, address) = (Endpoint::new(ip.into(), port), SocketAddr::from((ip, port)));
        let (mut ours, mut theirs) = ([0; 24], [0; 24]);
        let ours = postcard::to_slice(&endpoint, &mut ours).unwrap();
        assert_eq!(ours, postcard::to_slice(&address, &mut theirs).unwrap());
        assert_eq!(postcard::from_bytes::<Endpoint>(ours), Ok(endpoint));
        assert_eq!(endpoint.part(), address.part());
    }
    assert_eq!(size_of::<Endpoint>(), 6);
}

/// A made-up address in its place would reach servers, and stay there.
#[test]
fn an_ipv6_address_is_read_and_never_written() {
    let mut buffer = [0; 24];
    let bytes = postcard::to_slice(&FAR, &mut buffer).unwrap();
    assert_eq!(postcard::from_bytes::<Endpoint>(bytes), Ok(Endpoint::UNREACHABLE));
    assert!(postcard::to_slice(&Endpoint::UNREACHABLE, &mut [0; 24]).is_err());
    assert!(!Endpoint::UNREACHABLE.is_usable());
}

#[test]
fn a_packet_that_names_an_ipv6_member_is_read_whole() {
    let near = SocketAddr::from(([10, 0, 0, 7], 7_946));
    let update = |id: u64, address| {
        let (incarnation, patience) = (Incarnation::new(0), Patience::NONE);
        let card = Card { incarnation, boot: 1, patience, address, metadata: b"m" };
        Update::alive(NodeId::new(id), card)
    };
    let header = Header {
        label: Label::default(),
        sender: NodeId::new(1),
        incarnation: Incarnation::new(0),
        round: 0,
    };
    let mut buffer = [0; 256];
    let mut writer = PacketWriter::new(&mut buffer, &header).unwrap();
    assert!(writer.update(&update(6, FAR)) && writer.update(&update(7, near)));
    let len = writer.finish();
    let packet = Packet::<Endpoint>::parse(&buffer[..len]).unwrap();
    let told: Vec<_> =
        packet.updates().map(|update| (update.id.number(), update.card.unwrap().address)).collect();
    let here = Endpoint::new([10, 0, 0, 7].into(), 7_946);
    assert_eq!(told, [(6, Endpoint::UNREACHABLE), (7, here)]);
}
