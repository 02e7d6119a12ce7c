//! A member in an event loop written by hand: one UDP socket, no async runtime.
//!
//! ```text
//! cargo run -p swim-core --example event_loop --features alloc -- 127.0.0.1:7001
//! cargo run -p swim-core --example event_loop --features alloc -- 127.0.0.1:7002 127.0.0.1:7001
//! ```
//!
//! Type `leave` to say goodbye; Ctrl-C is a crash, which the others find out.

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use swim_core::storage::Growable;
use swim_core::{Channel, Config, Event, Identity, Instant, Node, NodeId};

/// A datagram's length and sender, if one came.
type Received = Option<(usize, SocketAddr)>;

/// How long a typed command waits at most.
/// Datagrams read before the timer has its turn, however many wait.
const DATAGRAMS_IN_A_ROW_MAX: u32 = 1_000;
const WAIT_MAX: Duration = Duration::from_millis(100);
/// For a socket, zero would mean for ever.
const WAIT_MIN: Duration = Duration::from_millis(1);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: event_loop <address> [<seed address> ...]")?;
    let socket = UdpSocket::bind(address)?;
    let commands = typed_lines();
    let start = std::time::Instant::now();
    let now = || Instant::ZERO.after(start.elapsed());

    let address = socket.local_addr()?;
    let identity = Identity::new(NodeId::from_name(&address.to_string()), address);
    let config = Config::local();
    let mut node = Node::new(identity, config, Growable::default(), random(), now())?;
    for seed in arguments {
        node.join(seed.parse()?, now())?;
    }

    let mut outgoing = vec![0; config.datagram_len_max.into()];
    let mut incoming = vec![0; 1 << 16];
    let mut in_a_row = 0;
    loop {
        // After every input: first what to send, then what to tell.
        while let Some(transmit) = node.poll_transmit(now(), &mut outgoing) {
            // A driver without streams ignores theirs. What the network refuses is lost, as on it.
            if transmit.channel == Channel::Datagram {
                let _ = socket.send_to(&outgoing[..transmit.len], transmit.to);
            }
        }
        while let Some(event) = node.poll_event() {
            println!("{event:?}");
            if event == Event::Departed {
                return Ok(());
            }
        }

        // One input: a command, else a datagram, and the timer when none is waiting, or so many
        // that it would never have its turn (one of them is lost then, as on a network).
        if commands.try_recv().is_ok_and(|line| line.trim() == "leave") {
            node.leave(now());
            continue;
        }
        let wait = node.poll_timeout().map_or(WAIT_MAX, |due| due.since(now()));
        match receive(&socket, &mut incoming, wait.clamp(WAIT_MIN, WAIT_MAX))? {
            Some((len, from)) if in_a_row < DATAGRAMS_IN_A_ROW_MAX => {
                in_a_row += 1;
                if let Err(rejected) = node.handle_datagram(from, &mut incoming[..len], now()) {
                    eprintln!("{from}: {rejected}");
                }
            }
            // Early is harmless: a node whose time has not come does nothing.
            _ => {
                in_a_row = 0;
                node.handle_timeout(now());
            }
        }
    }
}

/// The next datagram, if one is waiting or comes within `wait`.
fn receive(socket: &UdpSocket, buffer: &mut [u8], wait: Duration) -> io::Result<Received> {
    socket.set_read_timeout(Some(wait))?;
    match socket.recv_from(buffer) {
        Ok(datagram) => Ok(Some(datagram)),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(None),
            // Some systems report here that a datagram was refused which this socket sent.
            ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused => Ok(None),
            _ => Err(error),
        },
    }
}

/// The lines of standard input, read by a thread of their own.
fn typed_lines() -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        io::stdin().lines().map_while(Result::ok).try_for_each(|l| sender.send(l))
    });
    receiver
}

/// Another number in every process: the standard library seeds its hash maps from the system.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
