//! Where the demo happens: the processes, what is heard from them, and what is shown of it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use swim_tokio::Status;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout_at};

use super::board::{Board, Standing};
use super::children::{Children, Heard, Said};
use super::step::Step;
use super::summary::Witness;
use super::view::View;
use crate::clock::millis;
use crate::report::News;
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
    pub board: Board,
    children: Children,
    heard: mpsc::Receiver<Heard>,
    signals: Signals,
    redraw: Interval,
    view: View,
    act: Option<Act>,
    last_words: Vec<Option<String>>,
    ended: Vec<bool>,
    witnesses: Vec<Witness>,
    false_deaths: usize,
}

/// An action and its consequences, which are timed from it.
struct Act {
    subject: Option<usize>,
    begun: Instant,
    /// The first time each state of the subject was heard.
    firsts: Vec<(Status, u64)>,
}

impl Stage {
    pub fn new(
        board: Board,
        children: Children,
        heard: mpsc::Receiver<Heard>,
        signals: Signals,
        view: View,
    ) -> Self {
        let nodes = board.len();
        let mut redraw = interval(REDRAW_INTERVAL);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            board,
            children,
            heard,
            signals,
            redraw,
            view,
            act: None,
            last_words: vec![None; nodes],
            ended: vec![false; nodes],
            witnesses: Vec::new(),
            false_deaths: 0,
        }
    }

    /// Begins an action on one agent or on all: consequences are timed from now.
    pub fn begin(&mut self, subject: Option<usize>) {
        self.act = Some(Act { subject, begun: Instant::now(), firsts: Vec::new() });
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
        let name = self.board.name(node).to_owned();
        self.board.set_standing(node, Standing::Running);
        self.ended[node] = false;
        self.children
            .start(node, &name, seed)
            .map_err(|error| Trouble::Failed(format!("cannot start {name}: {error}")))
    }

    /// SIGKILL; the action is begun the moment before.
    pub async fn kill(&mut self, node: usize) -> Result<(), Trouble> {
        let name = self.board.name(node).to_owned();
        self.board.set_standing(node, Standing::Killed);
        self.witnesses = self.board.running().map(|node| self.witness(node)).collect();
        self.begin(Some(node));
        self.children
            .kill(node)
            .await
            .map_err(|error| Trouble::Failed(format!("cannot kill {name}: {error}")))
    }

    /// Tells an agent to say goodbye.
    pub fn dismiss(&mut self, node: usize) {
        self.board.set_standing(node, Standing::Leaving);
        self.children.dismiss(node);
    }

    /// Whether a process that was told to leave has ended.
    pub fn has_ended(&self, node: usize) -> bool {
        self.ended[node]
    }

    pub fn show(&mut self, step: Step) -> Result<(), Trouble> {
        Ok(self.view.show(&step, &self.board)?)
    }

    pub fn false_deaths(&self) -> usize {
        self.false_deaths
    }

    /// Ends all processes; what remains is to be shown, the quickest witnesses first.
    pub fn into_view(mut self) -> (View, Vec<Witness>) {
        self.witnesses.sort_by_key(|witness| witness.dead_ms.unwrap_or(u64::MAX));
        (self.view, self.witnesses)
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
            heard = self.heard.recv() => match heard {
                Some(heard) if self.children.is_current(&heard) => self.hear(heard).await,
                Some(_) | None => Ok(()),
            },
            _ = self.redraw.tick(), if self.view.is_live() => Ok(self.view.refresh(&self.board)?),
            signal = self.signals.next() => Err(Trouble::Interrupted(signal)),
        }
    }

    async fn hear(&mut self, heard: Heard) -> Result<(), Trouble> {
        match heard.what {
            Said::News(News::Listening { address, .. }) => self.listening(heard.node, address),
            Said::News(news) => match news.belief() {
                Some((member, state)) => match self.board.node_with_id(&member.id) {
                    Some(member) => self.believe(heard.node, member, state),
                    None => Err(Trouble::Failed(format!("a stranger joined: {}", member.name))),
                },
                None => Ok(()),
            },
            Said::Complaint(line) => {
                tracing::info!(agent = self.board.name(heard.node), line);
                self.last_words[heard.node] = Some(line);
                Ok(())
            }
            Said::End => self.end(heard.node).await,
        }
    }

    fn listening(&mut self, node: usize, address: SocketAddr) -> Result<(), Trouble> {
        self.board.set_address(node, address);
        let (node, pid) = (self.board.name(node).to_owned(), self.children.pid(node));
        self.show(Step::Started { node, address, pid })
    }

    fn believe(&mut self, observer: usize, member: usize, state: Status) -> Result<(), Trouble> {
        if !self.board.believe(observer, member, state) {
            return Ok(());
        }
        let node = self.board.name(member).to_owned();
        let by = self.board.name(observer).to_owned();
        if self.board.standing(member) == Standing::Running {
            match state {
                Status::Suspect => return self.show(Step::FalseSuspicion { node, by }),
                Status::Dead => {
                    self.false_deaths += 1;
                    return self.show(Step::FalseDeath { node, by });
                }
                Status::Alive | Status::Left => {}
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
        let act = self.act.as_mut().filter(|act| act.subject == Some(member))?;
        let after_ms = millis(act.begun.elapsed());
        if act.firsts.iter().all(|(first, _)| *first != state) {
            act.firsts.push((state, after_ms));
        }
        if self.board.standing(member) == Standing::Killed
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

    async fn end(&mut self, node: usize) -> Result<(), Trouble> {
        self.ended[node] = true;
        let status = self.children.exit_status(node).await;
        let name = self.board.name(node);
        let why = match (self.board.standing(node), status) {
            (Standing::Killed | Standing::NotStarted, _) => return Ok(()),
            (Standing::Leaving, Some(status)) if status.success() => return Ok(()),
            (Standing::Leaving, Some(status)) => format!("{name} did not leave well ({status})"),
            (Standing::Running, Some(status)) => format!("{name} ended unexpectedly ({status})"),
            (_, None) => format!("{name} closed its output and does not end"),
        };
        let last_words = self.last_words[node].as_ref();
        Err(Trouble::Failed(last_words.map_or(why.clone(), |words| format!("{why}: {words}"))))
    }

    fn witness(&self, node: usize) -> Witness {
        Witness { name: self.board.name(node).to_owned(), ..Witness::default() }
    }
}
