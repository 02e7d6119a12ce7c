//! The network: a switch with a board at each port, and a router to the servers on loopback.
//!
//! Every board has an address in 127.0.0.0/8 and the switch opens a UDP socket there in its name,
//! so servers and boards know each other by the same addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::frame::{self, Content, FRAME_LEN_MAX, Mac};
use crate::gaps::Gaps;

/// How often threads look whether they shall end.
const TICK: Duration = Duration::from_millis(50);

/// A running network. Ends when it is dropped.
pub struct Lan {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// Where a board is plugged in.
pub struct Port {
    pub address: SocketAddrV4,
    pub mac: Mac,
    /// To and from QEMU, one frame a datagram.
    frames: UnixDatagram,
    qemu: PathBuf,
    switch: PathBuf,
    /// The board, as servers see it.
    datagrams: UdpSocket,
}

struct Shared {
    ports: Vec<Port>,
    state: Mutex<State>,
    stop: AtomicBool,
}

struct State {
    random: fastrand::Rng,
    /// Of a thousand frames, this many are lost.
    loss: u32,
    /// Which port a hardware address was last seen at.
    learnt: BTreeMap<Mac, usize>,
    servers: BTreeSet<Ipv4Addr>,
    /// Pairs that do not hear each other, the smaller address first.
    cut: BTreeSet<(Ipv4Addr, Ipv4Addr)>,
    gaps: Gaps,
}

impl Lan {
    /// A network with `boards` and `servers`; its sockets in `directory`.
    ///
    /// # Errors
    ///
    /// One of the addresses is not to be had.
    pub fn start(
        directory: &Path,
        boards: &[SocketAddrV4],
        servers: &[SocketAddrV4],
        seed: u64,
    ) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let numbered = (0..).zip(boards);
        let ports = numbered.map(|(number, board)| Port::open(directory, number, *board));
        let state = State {
            random: fastrand::Rng::with_seed(seed),
            loss: 0,
            learnt: BTreeMap::new(),
            servers: servers.iter().map(|server| *server.ip()).collect(),
            cut: BTreeSet::new(),
            gaps: Gaps::default(),
        };
        let shared = Arc::new(Shared {
            ports: ports.collect::<io::Result<_>>()?,
            state: Mutex::new(state),
            stop: AtomicBool::new(false),
        });
        let threads = (0..boards.len()).flat_map(|port| {
            let (switch, router) = (Arc::clone(&shared), Arc::clone(&shared));
            [thread::spawn(move || switch.serve(port)), thread::spawn(move || router.route(port))]
        });
        let mut threads: Vec<_> = threads.collect();
        let watch = Arc::clone(&shared);
        threads.push(thread::spawn(move || watch.notice_pauses()));
        Ok(Self { shared, threads })
    }

    pub fn ports(&self) -> &[Port] {
        &self.shared.ports
    }

    /// From now on, of a thousand frames `loss` are lost.
    pub fn lose(&self, loss: u32) {
        self.shared.state().loss = loss;
    }

    /// Nothing passes between the two any more. Servers always hear each other.
    pub fn cut(&self, one: Ipv4Addr, other: Ipv4Addr) {
        self.shared.state().cut.insert(pair(one, other));
    }

    /// Everything passes again.
    pub fn heal(&self) {
        self.shared.state().cut.clear();
    }

    /// A server is gone with its host: nobody answers for it any more.
    pub fn unplug(&self, server: Ipv4Addr) {
        self.shared.state().servers.remove(&server);
    }

    /// Begins to measure how long each board sends nothing to any of `living`.
    pub fn watch_gaps(&self, living: &[Ipv4Addr]) {
        self.shared.state().gaps = Gaps::begin(living);
    }

    /// What was measured since.
    pub fn gaps(&self) -> Gaps {
        self.shared.state().gaps.clone()
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It has told why it panicked.
            let _ = thread.join();
        }
    }
}

impl Port {
    fn open(directory: &Path, number: u8, board: SocketAddrV4) -> io::Result<Self> {
        let path = |side: &str| directory.join(format!("{side}-{number}"));
        let (qemu, switch) = (path("qemu"), path("switch"));
        let frames = UnixDatagram::bind(&switch)?;
        let datagrams = UdpSocket::bind(board)?;
        frames.set_read_timeout(Some(TICK))?;
        // A board that stands still does not stop the others' switch.
        frames.set_write_timeout(Some(TICK))?;
        datagrams.set_read_timeout(Some(TICK))?;
        let mac = frame::mac(*board.ip());
        Ok(Self { address: board, mac, frames, qemu, switch, datagrams })
    }

    fn ip(&self) -> Ipv4Addr {
        *self.address.ip()
    }

    /// What plugs a board in here, as an argument of QEMU.
    pub fn netdev(&self, id: &str) -> String {
        let (local, remote) = (self.qemu.display(), self.switch.display());
        format!(
            "dgram,id={id},local.type=unix,local.path={local},\
             remote.type=unix,remote.path={remote}"
        )
    }

    fn send(&self, frame: &[u8]) {
        // Nobody is there yet, or not any more: a cable without a board.
        let _ = self.frames.send_to(frame, &self.qemu);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What the board at `port` sends goes to other boards, or to servers.
    fn serve(&self, port: usize) {
        let mut buffer = [0; FRAME_LEN_MAX];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok(len) = self.ports[port].frames.recv(&mut buffer) else { continue };
            self.switch(port, &buffer[..len]);
        }
    }

    fn switch(&self, port: usize, frame: &[u8]) {
        let Some((source, destination)) = frame::addresses(frame) else { return };
        let content = frame::content(frame);
        self.state().learnt.insert(source, port);
        if let Some(Content::Datagram { to, .. }) = content {
            self.state().gaps.sent(self.ports[port].ip(), *to.ip());
        }
        match content {
            Some(Content::Datagram { to, payload, .. }) if self.is_server(to.ip()) => {
                if self.passes(self.ports[port].ip(), *to.ip()) {
                    // A server that was killed refuses; the board does not hear of it.
                    let _ = self.ports[port].datagrams.send_to(payload, to);
                }
            }
            Some(Content::WhoHas { asked, .. }) if self.is_server(&asked) => {
                let asker = &self.ports[port];
                if self.passes(asker.ip(), asked) {
                    asker.send(&frame::is_at((asked, frame::mac(asked)), (asker.ip(), source)));
                }
            }
            _ => self.forward(port, destination, frame),
        }
    }

    /// To the port where the address was seen, else to all.
    fn forward(&self, from: usize, destination: Mac, frame: &[u8]) {
        let known = self.state().learnt.get(&destination).copied();
        let all = 0..self.ports.len();
        for to in all.filter(|&to| to != from && known.is_none_or(|known| to == known)) {
            if self.passes(self.ports[from].ip(), self.ports[to].ip()) {
                self.ports[to].send(frame);
            }
        }
    }

    /// What servers send to the board at `port`.
    fn route(&self, port: usize) {
        let port = &self.ports[port];
        let board = (port.address, port.mac);
        let mut buffer = [0; FRAME_LEN_MAX];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((len, SocketAddr::V4(from))) = port.datagrams.recv_from(&mut buffer) else {
                continue;
            };
            if self.is_server(from.ip()) && self.passes(*from.ip(), port.ip()) {
                port.send(&frame::datagram(from, board, &buffer[..len]));
            }
        }
    }

    /// The gaps that are this process's own fault.
    fn notice_pauses(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let before = Instant::now();
            thread::sleep(TICK);
            self.state().gaps.paused(before.elapsed().saturating_sub(TICK));
        }
    }

    fn is_server(&self, ip: &Ipv4Addr) -> bool {
        self.state().servers.contains(ip)
    }

    fn passes(&self, from: Ipv4Addr, to: Ipv4Addr) -> bool {
        let mut state = self.state();
        let lost = state.random.u32(0..1_000) < state.loss;
        !lost && !state.cut.contains(&pair(from, to))
    }
}

fn pair(one: Ipv4Addr, other: Ipv4Addr) -> (Ipv4Addr, Ipv4Addr) {
    (one.min(other), one.max(other))
}
