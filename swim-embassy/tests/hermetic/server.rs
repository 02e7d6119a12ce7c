//! A server among the boards: the same protocol with the addresses of servers, IPv6 among them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use embassy_futures::select::select;
use embassy_net::udp::{PacketMetadata, UdpSocket};
use embassy_net::{IpAddress, IpEndpoint, Stack};
use embassy_time::Timer;
use swim_embassy::swim_core::storage::Fixed;
use swim_embassy::swim_core::{Config, Event, Identity, Instant, Node};
use swim_embassy::{Endpoint, Options};

use crate::clock;
use crate::world::{PORT, World, endpoint, id, ip, secs};

type Server = Node<SocketAddr, Fixed<32, 16>>;

const SERVER: u8 = 50;
/// Members that only the server can reach.
const FAR: [u8; 2] = [61, 62];

#[test]
fn boards_and_a_server_are_one_cluster_and_know_whom_they_cannot_reach() {
    let mut world = World::new(1);
    let boards = world.cluster(4, Options::default());
    let stack = world.stack(SERVER);
    world.spawn(SERVER, async move { serve(stack).await });
    let all = [1, 2, 3, 4, SERVER, FAR[0], FAR[1]];
    world.run_until(secs(20), || boards.iter().all(|board| board.living() == all));
    world.run_for(secs(30));
    boards[3].swim.set_metadata(b"news").unwrap();
    world.run_for(secs(30));
    for board in &boards {
        assert_eq!(board.living(), all, "board {}", board.number);
        assert_eq!(board.swim.stats().died, 0, "board {}", board.number);
        assert_eq!(board.swim.stats().rejected_malformed, 0, "board {}", board.number);
        let address = |number| board.swim.member(id(number)).unwrap().address;
        assert_eq!(address(SERVER), Some(endpoint(SERVER)));
        assert!(FAR.iter().all(|&far| address(far) == Some(Endpoint::UNREACHABLE)));
        assert_eq!(board.swim.member(id(4)).unwrap().metadata, b"news");
    }
    assert!(boards[0].was_told(Event::MemberJoined(id(SERVER))));
}

/// A server that joins through the first board, with two members behind it.
async fn serve(stack: Stack<'static>) {
    let rx = Box::leak(Box::new(([PacketMetadata::EMPTY; 16], [0; 9_000])));
    let tx = Box::leak(Box::new(([PacketMetadata::EMPTY; 16], [0; 9_000])));
    let mut socket = UdpSocket::new(stack, &mut rx.0, &mut rx.1, &mut tx.0, &mut tx.1);
    socket.bind(PORT).unwrap();
    let here = SocketAddr::from((ip(SERVER), PORT));
    let mut nodes = vec![node(SERVER, here)];
    nodes[0].join(SocketAddr::from((ip(1), PORT)), now()).unwrap();
    for number in FAR {
        let mut far = node(number, far_address(number));
        far.join(here, now()).unwrap();
        nodes.push(far);
    }
    let mut packet = [0; 1_400];
    loop {
        select(socket.wait_recv_ready(), Timer::after_millis(10)).await;
        while socket.may_recv() {
            let (len, metadata) = socket.recv_from(&mut packet).await.unwrap();
            let IpAddress::Ipv4(from) = metadata.endpoint.addr;
            let from = SocketAddr::from((from, metadata.endpoint.port));
            nodes[0].handle_datagram(from, &packet[..len], now()).unwrap();
        }
        for number in 0..nodes.len() {
            nodes[number].handle_timeout(now());
            while nodes[number].poll_event().is_some() {}
            while let Some(transmit) = nodes[number].poll_transmit(now(), &mut packet) {
                let from = nodes[number].address();
                let near = nodes.iter_mut().find(|other| other.address() == transmit.to);
                match (near, transmit.to.ip()) {
                    (Some(other), _) => {
                        other.handle_datagram(from, &packet[..transmit.len], now()).unwrap();
                    }
                    (None, IpAddr::V4(to)) if number == 0 => {
                        let to = IpEndpoint::new(to.into(), transmit.to.port());
                        socket.send_to(&packet[..transmit.len], to).await.unwrap();
                    }
                    // IPv6 members do not reach boards.
                    _ => {}
                }
            }
        }
    }
}

fn node(number: u8, address: SocketAddr) -> Server {
    let identity = Identity::new(id(number), address);
    Node::new(identity, Config::lan(), Fixed::new(), number.into(), now()).unwrap()
}

fn far_address(number: u8) -> SocketAddr {
    SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()), PORT))
}

fn now() -> Instant {
    Instant::ZERO.after(Duration::from_micros(clock::now()))
}
