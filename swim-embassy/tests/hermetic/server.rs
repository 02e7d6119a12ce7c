//! A server among the boards: the same protocol with the addresses of servers, IPv6 among them.

use std::cell::RefCell;
use std::net::{Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use embassy_futures::poll_once;
use embassy_futures::select::select;
use embassy_net::udp::{PacketMetadata, UdpSocket};
use embassy_net::{IpAddress, IpEndpoint, Stack};
use embassy_time::Timer;
use swim_embassy::Options;
use swim_embassy::swim_core::storage::Fixed;
use swim_embassy::swim_core::{Config, Identity, Instant, Node};

use crate::clock;
use crate::world::{PORT, World, endpoint, id, ip, secs};

type Server = Node<SocketAddr, Fixed<32, 16>>;

const SERVER: u8 = 50;
/// Members that only the server can reach.
const FAR: [u8; 2] = [61, 62];

#[test]
fn boards_and_servers_are_one_cluster_although_boards_do_not_reach_all() {
    let mut world = World::new(1);
    let boards = world.cluster(4, Options::default());
    let stack = world.stack(SERVER);
    let servers = Rc::new(RefCell::new(servers()));
    let running = Rc::clone(&servers);
    world.spawn(SERVER, async move { serve(stack, running).await });
    let near = [1, 2, 3, 4, SERVER];
    world.run_until(secs(20), || boards.iter().all(|board| board.living() == near));
    world.run_for(secs(30));
    boards[3].swim.set_metadata(b"news").unwrap();
    world.run_for(secs(30));
    for board in &boards {
        let (number, stats) = (board.number, board.swim.stats());
        assert_eq!(board.living(), near, "board {number}");
        assert_eq!((stats.died, stats.rejected_malformed), (0, 0), "board {number}");
        assert!(stats.ignored_unreachable > 0, "board {number}");
        assert_eq!(board.swim.member(id(SERVER)).unwrap().address, Some(endpoint(SERVER)));
        assert_eq!(board.swim.member(id(4)).unwrap().metadata, b"news");
    }
    for server in servers.borrow().iter() {
        assert_eq!((server.live_count(), server.stats().died), (7, 0));
        assert_eq!(server.member(id(4)).unwrap().metadata, b"news");
    }
}

/// One that joins through the first board, and two behind it.
fn servers() -> Vec<Server> {
    let here = SocketAddr::from((ip(SERVER), PORT));
    let mut servers = vec![node(SERVER, here)];
    servers[0].join(SocketAddr::from((ip(1), PORT)), now()).unwrap();
    for number in FAR {
        let mut far = node(number, far_address(number));
        far.join(here, now()).unwrap();
        servers.push(far);
    }
    servers
}

/// Runs the first server at the socket, and the others on its other side.
async fn serve(stack: Stack<'static>, servers: Rc<RefCell<Vec<Server>>>) {
    let rx = Box::leak(Box::new(([PacketMetadata::EMPTY; 16], [0; 9_000])));
    let tx = Box::leak(Box::new(([PacketMetadata::EMPTY; 16], [0; 9_000])));
    let mut socket = UdpSocket::new(stack, &mut rx.0, &mut rx.1, &mut tx.0, &mut tx.1);
    socket.bind(PORT).unwrap();
    let mut packet = [0; 1_400];
    loop {
        select(socket.wait_recv_ready(), Timer::after_millis(10)).await;
        while socket.may_recv() {
            let (len, metadata) = socket.recv_from(&mut packet).await.unwrap();
            let IpAddress::Ipv4(from) = metadata.endpoint.addr;
            let from = SocketAddr::from((from, metadata.endpoint.port));
            servers.borrow_mut()[0].handle_datagram(from, &mut packet[..len], now()).unwrap();
        }
        for (to, bytes) in turn(&mut servers.borrow_mut()) {
            // What does not fit into the socket is lost.
            let _ = poll_once(socket.send_to(&bytes, to));
        }
    }
}

/// Lets time pass for all, and hands over what they send to each other; returns what the first
/// sends to boards. The others do not reach boards.
fn turn(servers: &mut [Server]) -> Vec<(IpEndpoint, Vec<u8>)> {
    let (mut packet, mut out) = ([0; 1_400], Vec::new());
    for number in 0..servers.len() {
        servers[number].handle_timeout(now());
        while servers[number].poll_event().is_some() {}
        while let Some(transmit) = servers[number].poll_transmit(now(), &mut packet) {
            let (from, bytes) = (servers[number].address(), &mut packet[..transmit.len]);
            let neighbour = servers.iter_mut().find(|server| server.address() == transmit.to);
            match (neighbour, transmit.to) {
                (Some(server), _) => server.handle_datagram(from, bytes, now()).unwrap(),
                (None, SocketAddr::V4(to)) if number == 0 => {
                    out.push((IpEndpoint::new((*to.ip()).into(), to.port()), bytes.to_vec()));
                }
                _ => {}
            }
        }
    }
    out
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
