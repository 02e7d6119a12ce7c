//! The agents of a drill: started a few at a time, signalled, and waited for.

use std::net::SocketAddr;
use std::time::Duration;

use swim_tokio::Status;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout_at};

use super::episode::Episode;
use super::partition::Side;
use super::usage::Usage;
use crate::agents::{Agents, Notice};
use crate::board::Standing;
use crate::children::{ANY_PORT, Heard};
use crate::clock::unix_ms;
use crate::failure::Failure;
use crate::signals::Signals;

/// Processes that may be starting at the same time: a small machine is not overrun.
const STARTING_MAX: usize = 4;
/// Longest wait for a process to listen.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Longest wait for all processes to leave and end.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// How often waits that depend on the time look at it.
const TICK_INTERVAL: Duration = Duration::from_millis(50);

pub struct Cluster {
    agents: Agents,
    /// Whether the agents are on two sides of the network.
    has_sides: bool,
    signals: Signals,
    tick: Interval,
    episode: Episode,
    /// Since when the subject of the episode and all others see each other alive.
    whole_since: Option<Instant>,
    back_ms: Option<u64>,
    latest_tick: Duration,
}

impl Cluster {
    /// No process yet; `agent_args` go to every one.
    ///
    /// # Errors
    ///
    /// The operating system grants no signal handlers.
    pub fn new(agents: usize, agent_args: &[String], has_sides: bool) -> Result<Self, Failure> {
        let cannot_start = |error| Failure::Runtime(format!("cannot start: {error}"));
        let mut tick = interval(TICK_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            agents: Agents::processes(agents, agent_args).map_err(cannot_start)?,
            has_sides,
            signals: Signals::listen().map_err(cannot_start)?,
            tick,
            episode: Episode::default(),
            whole_since: None,
            back_ms: None,
            latest_tick: Duration::ZERO,
        })
    }

    /// The first agent, then the others, which join it.
    ///
    /// # Errors
    ///
    /// A process does not start.
    pub async fn start_all(&mut self) -> Result<(), Failure> {
        self.start(0, self.any_port(0), None).await?;
        let seed = self.agents.board.address(0);
        for node in 1..self.len() {
            self.agents.start(node, self.any_port(node), seed).map_err(Failure::Runtime)?;
            let has_room = |it: &Self| it.agents.board.starting_count() < STARTING_MAX;
            self.wait("agents start", START_LIMIT, has_room).await?;
        }
        let all_listen = |it: &Self| it.agents.board.starting_count() == 0;
        self.wait("all agents start", START_LIMIT, all_listen).await
    }

    pub fn len(&self) -> usize {
        self.agents.board.len()
    }

    pub fn name(&self, node: usize) -> &str {
        self.agents.board.name(node)
    }

    /// Where a running agent listens.
    pub fn address(&self, node: usize) -> Result<SocketAddr, Failure> {
        let address = self.agents.board.address(node);
        address.ok_or_else(|| Failure::Runtime(format!("{} does not run", self.name(node))))
    }

    pub fn pid(&self, node: usize) -> Option<u32> {
        self.agents.pid(node)
    }

    /// Whether all running agents see each other alive.
    pub fn is_settled(&self) -> bool {
        self.agents.board.settled()
    }

    /// Begins an episode: what is heard from now on is about `subject`, or false.
    pub fn begin(&mut self, subject: Option<usize>) {
        self.episode = Episode::begin(subject, unix_ms());
        self.whole_since = None;
        self.back_ms = None;
    }

    /// What was heard since [`begin`](Self::begin).
    pub const fn episode(&self) -> &Episode {
        &self.episode
    }

    /// SIGKILL.
    pub async fn kill(&mut self, node: usize) -> Result<(), Failure> {
        self.agents.kill(node).await.map_err(Failure::Runtime)
    }

    /// SIGSTOP.
    pub fn stop(&self, node: usize) -> Result<(), Failure> {
        self.agents.stop(node).map_err(Failure::Runtime)
    }

    /// SIGCONT to the subject of the episode.
    pub fn resume(&mut self, node: usize) -> Result<(), Failure> {
        self.free();
        self.agents.resume(node).map_err(Failure::Runtime)
    }

    /// Starts a killed agent again where it was, to join through another.
    pub async fn restart(&mut self, node: usize, address: SocketAddr) -> Result<(), Failure> {
        self.free();
        let seed = self.agents.board.running().find_map(|node| self.agents.board.address(node));
        self.start(node, address, seed).await
    }

    /// Whether every running agent but the subject holds it for dead.
    pub fn all_know(&self) -> bool {
        let subject = self.episode.subject();
        subject.is_some_and(|subject| self.agents.board.agreed(subject, Status::Dead))
    }

    /// Whether the subject and all others have seen each other alive for so long.
    pub fn is_whole_for(&self, quiet: Duration) -> bool {
        self.whole_since.is_some_and(|since| since.elapsed() >= quiet)
    }

    /// Milliseconds from the moment the subject ran again until it and all others saw each other
    /// alive.
    pub const fn back_ms(&self) -> Option<u64> {
        self.back_ms
    }

    /// Whether every agent believes this of every agent of the other side.
    pub fn sides_hold_each_other(&self, status: Status) -> bool {
        self.across().all(|(one, other)| self.agents.board.belief(one, other) == Some(status))
    }

    /// Whether any agent sees one of the other side alive.
    pub fn sides_have_met(&self) -> bool {
        let alive = Some(Status::Alive);
        self.across().any(|(one, other)| self.agents.board.belief(one, other) == alive)
    }

    /// Every agent with every one of the other side.
    fn across(&self) -> impl Iterator<Item = (usize, usize)> {
        let agents = self.len();
        let pairs = (0..agents).flat_map(move |one| (0..agents).map(move |other| (one, other)));
        pairs.filter(move |&(one, other)| Side::of(one, agents) != Side::of(other, agents))
    }

    /// How many members each agent has forgotten.
    pub fn forgotten(&self) -> Vec<u64> {
        (0..self.len()).map(|node| self.agents.forgotten(node)).collect()
    }

    /// What the agents' processes have taken; nothing where the system does not tell.
    pub fn usage(&self) -> Option<Usage> {
        (0..self.len()).map(|node| self.pid(node).and_then(Usage::of)).sum()
    }

    /// The longest that this process itself was kept from running: what the agents suffer too.
    pub const fn latest_tick(&self) -> Duration {
        self.latest_tick
    }

    /// Forgets how late this process was until now.
    pub fn forget_lateness(&mut self) {
        self.latest_tick = Duration::ZERO;
    }

    /// Listens for so long.
    pub async fn listen_for(&mut self, time: Duration) -> Result<(), Failure> {
        self.wait_at_most(time, |_| false).await.map(drop)
    }

    /// Listens until `done`.
    ///
    /// # Errors
    ///
    /// That takes longer than `limit`; a process ended; somebody wants the drill to end.
    pub async fn wait(
        &mut self,
        what: &str,
        limit: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Result<(), Failure> {
        if self.wait_at_most(limit, done).await? {
            return Ok(());
        }
        Err(Failure::Runtime(format!("{what}: not within {} seconds", limit.as_secs())))
    }

    /// Listens until `done`, and tells whether it was before `limit`.
    pub async fn wait_at_most(
        &mut self,
        limit: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Result<bool, Failure> {
        let deadline = Instant::now() + limit;
        while !done(self) {
            match timeout_at(deadline, self.listen()).await {
                Ok(heard) => heard?,
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Tells all to leave, and waits until they have.
    pub async fn dismiss_all(&mut self) -> Result<(), Failure> {
        let running: Vec<_> = self.agents.board.running().collect();
        for &node in &running {
            self.agents.dismiss(node);
        }
        let ended = |it: &Self| running.iter().all(|&node| it.agents.has_ended(node));
        self.wait("all processes end", STOP_LIMIT, ended).await
    }

    fn any_port(&self, node: usize) -> SocketAddr {
        match self.has_sides {
            true => Side::of(node, self.len()).any_port(),
            false => ANY_PORT,
        }
    }

    async fn start(
        &mut self,
        node: usize,
        bind: SocketAddr,
        seed: Option<SocketAddr>,
    ) -> Result<(), Failure> {
        self.agents.start(node, bind, seed).map_err(Failure::Runtime)?;
        let listens = |it: &Self| it.agents.board.address(node).is_some();
        self.wait("an agent starts", START_LIMIT, listens).await
    }

    fn free(&mut self) {
        self.episode.free(unix_ms());
        self.whole_since = None;
        self.look();
    }

    /// One more thing heard, or a moment passed.
    async fn listen(&mut self) -> Result<(), Failure> {
        tokio::select! {
            Some(heard) = self.agents.listen() => self.hear(heard).await,
            due = self.tick.tick() => {
                self.latest_tick = self.latest_tick.max(due.elapsed());
                Ok(())
            }
            signal = self.signals.next() => Err(Failure::Interrupted(signal)),
        }
    }

    async fn hear(&mut self, heard: Heard) -> Result<(), Failure> {
        let notice = self.agents.hear(heard).await.map_err(Failure::Runtime)?;
        if let Some(Notice::Sighting(sighting)) = notice {
            self.episode.note(sighting);
            self.look();
        }
        Ok(())
    }

    /// Notes since when the cluster is whole.
    fn look(&mut self) {
        match (self.is_whole(), self.whole_since) {
            (true, None) => {
                self.whole_since = Some(Instant::now());
                self.back_ms = Some(self.episode.latest_after_free_ms());
            }
            (false, Some(_)) => {
                self.whole_since = None;
                self.back_ms = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Others may doubt each other: under losses somebody always does.
    fn is_whole(&self) -> bool {
        let board = &self.agents.board;
        let Some(subject) = self.episode.subject() else { return false };
        let sees = |member| board.belief(subject, member) == Some(Status::Alive);
        board.standing(subject) == Standing::Running
            && board.agreed(subject, Status::Alive)
            && board.running().all(|member| member == subject || sees(member))
    }
}
