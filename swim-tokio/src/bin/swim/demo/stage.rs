//! Where the demo happens: the processes, what is heard from them, and what is shown of it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use swim_tokio::Status;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout_at};

use super::step::Step;
use super::summary::Witness;
use super::view::View;
use crate::agents::{Agents, Notice, Sighting};
use crate::board::{Board, Standing};
use crate::children::{ANY_PORT, Heard};
use crate::clock::millis;
use crate::signals::{Signal, Signals};

/// Time between two pictures of the live view.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// How long a picture stays that a person shall see before the next act changes it.
const HOLD: Duration = Duration::from_millis(1_200);

/// Why the demo cannot go on.
#[derive(Debug)]
pub enum Trouble {
    /// Something went wrong.
    Failed(String),
    /// Somebody wants it to end.
    Interrupted(Signal),
    /// Nobody reads standard output any more.
    OutputClosed,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Failed(format!("cannot write to standard output: {error}")),
        }
    }
}

/// All that takes part in the demo.
pub struct Stage {
    agents: Agents,
    signals: Signals,
    redraw: Interval,
    view: View,
    act: Option<Act>,
    witnesses: Vec<Witness>,
    false_suspicions: usize,
    false_deaths: usize,
}

/// An action and its consequences, which are timed from it.
struct Act {
    subjects: Vec<usize>,
    begun: Instant,
    /// The first time each state of a subject was heard.
    firsts: Vec<(Status, u64)>,
}

impl Stage {
    pub fn new(agents: Agents, signals: Signals, view: View) -> Self {
        let mut redraw = interval(REDRAW_INTERVAL);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            agents,
            signals,
            redraw,
            view,
            act: None,
            witnesses: Vec::new(),
            false_suspicions: 0,
            false_deaths: 0,
        }
    }

    pub fn board(&self) -> &Board {
        &self.agents.board
    }

    /// Begins an action on these agents, or on all if there are none: consequences are timed from
    /// now.
    pub fn begin(&mut self, subjects: impl IntoIterator<Item = usize>) {
        let subjects = subjects.into_iter().collect();
        self.act = Some(Act { subjects, begun: Instant::now(), firsts: Vec::new() });
    }

    /// Milliseconds since the action.
    pub fn after_ms(&self) -> u64 {
        self.act.as_ref().map_or(0, |act| millis(act.begun.elapsed()))
    }

    /// How long after the action the first observer told this of the subject.
    pub fn first_ms(&self, state: Status) -> Option<u64> {
        let act = self.act.as_ref()?;
        act.firsts.iter().find(|(first, _)| *first == state).map(|&(_, after_ms)| after_ms)
    }

    pub fn start(&mut self, node: usize, seed: Option<SocketAddr>) -> Result<(), Trouble> {
        self.start_at(node, ANY_PORT, seed)
    }

    pub fn start_at(
        &mut self,
        node: usize,
        bind: SocketAddr,
        seed: Option<SocketAddr>,
    ) -> Result<(), Trouble> {
        self.agents.start(node, bind, seed).map_err(Trouble::Failed)
    }

    /// SIGKILL; the action is begun the moment before.
    pub async fn kill(&mut self, node: usize) -> Result<(), Trouble> {
        let survivors = self.board().running().filter(|&survivor| survivor != node);
        self.witnesses = survivors.map(|node| self.witness(node)).collect();
        self.begin(Some(node));
        self.agents.kill(node).await.map_err(Trouble::Failed)
    }

    /// Kills several, one right after the other; the action is begun when all are dead.
    pub async fn kill_all(&mut self, nodes: &[usize]) -> Result<(), Trouble> {
        for &node in nodes {
            self.agents.kill(node).await.map_err(Trouble::Failed)?;
        }
        self.begin(nodes.iter().copied());
        Ok(())
    }

    /// Tells an agent to say goodbye.
    pub fn dismiss(&mut self, node: usize) {
        self.agents.dismiss(node);
    }

    /// Whether a process that was told to leave has ended.
    pub fn has_ended(&self, node: usize) -> bool {
        self.agents.has_ended(node)
    }

    pub fn show(&mut self, step: Step) -> Result<(), Trouble> {
        Ok(self.view.show(&step, &self.agents.board)?)
    }

    /// SIGHUP to all that run.
    pub fn hang_up_all(&self) -> Result<(), Trouble> {
        let mut running = self.board().running();
        running.try_for_each(|node| self.agents.hang_up(node)).map_err(Trouble::Failed)
    }

    /// Whether all that run have said they have these keys, in this order.
    pub fn all_have_keys(&self, ids: &[String]) -> bool {
        self.board().running().all(|node| self.agents.keys(node) == ids)
    }

    pub fn false_suspicions(&self) -> usize {
        self.false_suspicions
    }

    pub fn false_deaths(&self) -> usize {
        self.false_deaths
    }

    /// Ends all processes; what remains is to be shown, the quickest witnesses first.
    pub fn into_view(mut self) -> (View, Vec<Witness>) {
        self.witnesses.sort_by_key(|witness| witness.dead_ms.unwrap_or(u64::MAX));
        (self.view, self.witnesses)
    }

    /// How many running agents see another cluster than there is; `None` where nobody can look into
    /// them.
    pub fn wrong_views(&self) -> Option<usize> {
        self.agents.wrong_views()
    }

    /// Tells all to leave, and waits until they have.
    pub async fn stop_all(&mut self, limit: Duration) -> Result<(), Trouble> {
        self.show(Step::Stopping)?;
        let running: Vec<_> = self.board().running().collect();
        for &node in &running {
            self.dismiss(node);
        }
        let ended = |stage: &Self| running.iter().all(|&node| stage.has_ended(node));
        self.wait("all agents end", limit, ended).await?;
        self.show(Step::Stopped)
    }

    /// Listens until `done`, at most for `limit`.
    pub async fn wait(
        &mut self,
        what: &str,
        limit: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Result<(), Trouble> {
        let deadline = Instant::now() + limit;
        while !done(self) {
            let Ok(outcome) = timeout_at(deadline, self.listen()).await else {
                let seconds = limit.as_secs();
                return Err(Trouble::Failed(format!("{what}: not within {seconds} seconds")));
            };
            outcome?;
        }
        Ok(())
    }

    /// Listens for so long, whatever is heard.
    pub async fn watch(&mut self, time: Duration) -> Result<(), Trouble> {
        let deadline = Instant::now() + time;
        while let Ok(outcome) = timeout_at(deadline, self.listen()).await {
            outcome?;
        }
        Ok(())
    }

    /// Lets a person look at the picture; without one, goes on at once.
    pub async fn hold(&mut self) -> Result<(), Trouble> {
        let end = Instant::now() + HOLD;
        // The live view redraws many times a second, so listening soon returns.
        while self.view.is_live() && Instant::now() < end {
            self.listen().await?;
        }
        Ok(())
    }

    /// One more thing heard, or one more picture drawn.
    async fn listen(&mut self) -> Result<(), Trouble> {
        tokio::select! {
            Some(heard) = self.agents.listen() => self.hear(heard).await,
            _ = self.redraw.tick(), if self.view.is_live() => {
                Ok(self.view.refresh(&self.agents.board)?)
            }
            signal = self.signals.next() => Err(Trouble::Interrupted(signal)),
        }
    }

    async fn hear(&mut self, heard: Heard) -> Result<(), Trouble> {
        match self.agents.hear(heard).await.map_err(Trouble::Failed)? {
            Some(Notice::Listening { node, address }) => self.listening(node, address),
            Some(Notice::Sighting(sighting)) => self.believe(sighting),
            None => Ok(()),
        }
    }

    fn listening(&mut self, node: usize, address: SocketAddr) -> Result<(), Trouble> {
        let (node, pid) = (self.board().name(node).to_owned(), self.agents.pid(node));
        self.show(Step::Started { node, address, pid })
    }

    fn believe(&mut self, sighting: Sighting) -> Result<(), Trouble> {
        let Sighting { observer, member, before, status: state, .. } = sighting;
        let node = self.board().name(member).to_owned();
        let by = self.board().name(observer).to_owned();
        if self.board().standing(member) == Standing::Running {
            match state {
                Status::Suspect => {
                    self.false_suspicions += 1;
                    return self.show(Step::FalseSuspicion { node, by });
                }
                // The first word of an agent about another is of its former life.
                Status::Dead if before.is_some() => {
                    self.false_deaths += 1;
                    return self.show(Step::FalseDeath { node, by });
                }
                Status::Alive | Status::Dead | Status::Left => {}
            }
        }
        self.note(member, &by, state).map_or(Ok(()), |after_ms| {
            self.show(match state {
                Status::Alive => Step::Alive { node, by, after_ms },
                Status::Suspect => Step::Suspected { node, by, after_ms },
                Status::Dead => Step::Dead { node, by, after_ms },
                Status::Left => Step::Left { node, by, after_ms },
            })
        })
    }

    /// Times a consequence of the current action; `None` for news of anybody else.
    fn note(&mut self, member: usize, by: &str, state: Status) -> Option<u64> {
        let act = self.act.as_mut().filter(|act| act.subjects.contains(&member))?;
        let after_ms = millis(act.begun.elapsed());
        if act.firsts.iter().all(|(first, _)| *first != state) {
            act.firsts.push((state, after_ms));
        }
        if self.board().standing(member) == Standing::Killed
            && let Some(witness) = self.witnesses.iter_mut().find(|witness| witness.name == by)
        {
            match state {
                Status::Suspect => _ = witness.suspected_ms.get_or_insert(after_ms),
                Status::Dead => _ = witness.dead_ms.get_or_insert(after_ms),
                Status::Alive | Status::Left => {}
            }
        }
        Some(after_ms)
    }

    fn witness(&self, node: usize) -> Witness {
        Witness { name: self.board().name(node).to_owned(), ..Witness::default() }
    }
}
