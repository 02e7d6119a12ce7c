//! Boards, servers, and the network between them.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use swim_embassy::swim_core::{Config, NodeId};
use tokio::runtime::Runtime;

use crate::board::{Board, View};
use crate::lan::Lan;
use crate::server::Server;

const BOARDS: u8 = 6;
const SERVERS: u8 = 3;
const FIRST_BOARD: u8 = 11;
const FIRST_SERVER: u8 = 101;
/// Nobody is there, and nobody answers for its hardware address.
const NOBODY: u8 = 250;
/// Where the sockets are, followed by the number of the process.
const DIRECTORY: &str = "swim-boards-";
const PORT: u16 = 7_946;
/// Networks tried until one is free of other tests.
const NETWORKS_MAX: u32 = 20;
/// What must happen, happens by then; nothing is said about how fast.
const DEADLINE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The members that run.
pub struct Cluster {
    // First, since it is dropped first: the boards end before their network.
    pub boards: Vec<Board>,
    pub servers: Vec<Server>,
    pub runtime: Runtime,
    pub lan: Lan,
    directory: PathBuf,
}

impl Cluster {
    /// Boards and servers that know one or two of each other, and of an address where nobody is.
    pub fn start(image: &Path, seed: u64) -> Self {
        println!("seed {seed}");
        remove_orphans();
        let directory = env::temp_dir().join(format!("{DIRECTORY}{}", process::id()));
        let (lan, network) = network(&directory, seed);
        let at = |host: u8| SocketAddrV4::new(Ipv4Addr::from(network | u32::from(host)), PORT);
        let runtime = Runtime::new().expect("threads");
        let start_server = |number| {
            let seeds = [at(FIRST_SERVER)];
            let seeds = if number == 0 { &[] } else { &seeds[..] };
            let name = format!("server-{number}");
            Server::start(&runtime, &name, at(FIRST_SERVER + number), Config::local(), seeds)
        };
        let servers = (0..SERVERS).map(start_server).collect();
        let seeds = [at(NOBODY), at(FIRST_SERVER), at(FIRST_BOARD)];
        let start_board = |(number, port)| {
            // The first board is no seed of its own.
            let seeds = if number == 0 { &seeds[..2] } else { &seeds[..] };
            Board::start(image, &format!("board-{number}"), port, seeds)
        };
        let boards = (0..).zip(lan.ports()).map(start_board).collect();
        Self { boards, servers, runtime, lan, directory }
    }

    /// Who runs.
    pub fn ids(&self) -> BTreeSet<NodeId> {
        let servers = self.servers.iter().map(Server::id);
        self.boards.iter().map(Board::id).chain(servers).collect()
    }

    /// Where they are.
    pub fn addresses(&self) -> Vec<Ipv4Addr> {
        let servers = self.servers.iter().map(|server| *server.address.ip());
        self.boards.iter().map(|board| board.ip).chain(servers).collect()
    }

    /// What each believes.
    pub fn views(&mut self) -> Vec<(String, View)> {
        let boards = self.boards.iter_mut().map(|board| (board.name.clone(), board.view()));
        let servers = self.servers.iter().map(|server| (server.name.clone(), server.view()));
        boards.chain(servers).collect()
    }

    /// Waits until everybody believes what `believes` says it must.
    pub fn wait_until(&mut self, what: &str, believes: impl Fn(&View) -> bool) {
        let start = Instant::now();
        loop {
            let mut views = self.views();
            views.retain(|(_, view)| !believes(view));
            if views.is_empty() {
                return println!("{what}: after {:?}", start.elapsed());
            }
            assert!(start.elapsed() < DEADLINE, "not {what} in the views of {views:#?}");
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Waits until everybody knows that those who run live, and nobody else.
    pub fn wait_until_agreed(&mut self) {
        let ids = self.ids();
        self.wait_until("agreed", |view| living(view).eq(ids.iter().copied()));
    }

    /// Waits until all believe the same of `id`.
    pub fn wait_until_all_hold(&mut self, id: NodeId, status: &str) {
        let is = |view: &View| view.get(&id).is_some_and(|held| held == status);
        self.wait_until(&format!("{id} {status}"), is);
    }

    /// Whom anybody who runs ever declared dead.
    pub fn dead(&mut self) -> BTreeSet<NodeId> {
        let boards = self.boards.iter_mut().flat_map(Board::dead);
        boards.chain(self.servers.iter().flat_map(Server::dead)).collect()
    }

    /// From now on [`dead`](Self::dead) and [`suspected_of`](Self::suspected_of) begin anew.
    pub fn forget_what_was_said(&mut self) {
        self.boards.iter_mut().for_each(Board::forget_what_it_said);
        self.servers.iter().for_each(Server::forget_what_it_heard);
    }

    /// How often `id` was ever suspected, as those who run have heard.
    pub fn suspected_of(&mut self, id: NodeId) -> usize {
        let boards = self.boards.iter_mut().flat_map(Board::suspected);
        let all = boards.chain(self.servers.iter().flat_map(Server::suspected));
        all.filter(|suspected| *suspected == id).count()
    }

    /// Nothing passes between this board and those who run.
    pub fn pull_plug(&self, board: Ipv4Addr) {
        self.addresses().into_iter().for_each(|other| self.lan.cut(board, other));
    }

    /// Begins to measure how long boards send nothing to those who run.
    pub fn watch_gaps(&self) {
        self.lan.watch_gaps(&self.addresses());
    }

    pub fn tell_boards(&mut self, command: &str) {
        self.boards.iter_mut().for_each(|board| board.tell(command));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Sockets that are no use any more.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn living(view: &View) -> impl Iterator<Item = NodeId> {
    let lives = |status: &str| status == "alive" || status == "suspect";
    view.iter().filter(move |(_, status)| lives(status)).map(|(id, _)| *id)
}

/// What tests left that were killed.
fn remove_orphans() {
    for entry in fs::read_dir(env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(DIRECTORY));
        if process.is_some_and(|number| !Path::new("/proc").join(number).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A network of this process alone, in 127.0.0.0/8, and its address.
fn network(directory: &Path, seed: u64) -> (Lan, u32) {
    for attempt in 0..NETWORKS_MAX {
        // From 127.1.0.0 on, where nothing else listens.
        let number = process::id().wrapping_add(attempt * 7_919) % 0xfe_ff;
        let network = u32::from(Ipv4Addr::new(127, 1, 0, 0)) + (number << 8);
        let at = |host: u8| SocketAddrV4::new(Ipv4Addr::from(network | u32::from(host)), PORT);
        let boards: Vec<_> = (0..BOARDS).map(|number| at(FIRST_BOARD + number)).collect();
        let servers: Vec<_> = (0..SERVERS).map(|number| at(FIRST_SERVER + number)).collect();
        // Sockets of an attempt that failed halfway.
        let _ = fs::remove_dir_all(directory);
        match Lan::start(directory, &boards, &servers, seed) {
            Ok(lan) => return (lan, network),
            Err(error) => println!("{}: {error}", Ipv4Addr::from(network)),
        }
    }
    panic!("no network is free");
}
