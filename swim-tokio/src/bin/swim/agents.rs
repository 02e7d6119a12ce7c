//! Agents, what is true of them, and what they say of each other.

use std::io;
use std::net::SocketAddr;

use swim_tokio::{Config, NodeId, Status};
use tokio::sync::mpsc;

use crate::board::{Board, Standing};
use crate::children::{Children, Ending, HEARD_MAX, Heard, Said};
use crate::crew::Crew;
use crate::report::{News, Report};
use crate::tasks::{Tasks, Truth};

/// Every agent of a demo or a drill.
pub struct Agents {
    pub board: Board,
    crew: Crew,
    heard: mpsc::Receiver<Heard>,
    last_words: Vec<Option<String>>,
    ended: Vec<bool>,
    /// How many members each agent has forgotten.
    forgotten: Vec<u64>,
    /// The ids of the keys each agent has.
    keys: Vec<Vec<String>>,
}

/// What an agent said that matters to all who run agents.
pub enum Notice {
    /// Its socket is open.
    Listening { node: usize, address: SocketAddr },
    /// It changed its mind about somebody.
    Sighting(Sighting),
}

/// A belief that changed, by the clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    pub unix_ms: u64,
    pub observer: usize,
    pub member: usize,
    pub before: Option<Status>,
    pub status: Status,
}

impl Agents {
    /// Processes `node-1` to `node-N`, none of them started; `args` go to every one.
    ///
    /// # Errors
    ///
    /// The operating system does not tell which program this is.
    pub fn processes(nodes: usize, args: &[impl AsRef<str>]) -> io::Result<Self> {
        let (sender, heard) = mpsc::channel(HEARD_MAX);
        let children = Children::new(nodes, args, sender)?;
        Ok(Self::new(nodes, Crew::Processes(children), heard))
    }

    /// Tasks `node-1` to `node-N` of this process, none of them started.
    pub fn tasks(nodes: usize, config: Config) -> Self {
        let (sender, heard) = mpsc::channel(HEARD_MAX);
        Self::new(nodes, Crew::Tasks(Box::new(Tasks::new(nodes, config, sender))), heard)
    }

    fn new(nodes: usize, crew: Crew, heard: mpsc::Receiver<Heard>) -> Self {
        Self {
            board: Board::new(nodes),
            crew,
            heard,
            last_words: vec![None; nodes],
            ended: vec![false; nodes],
            forgotten: vec![0; nodes],
            keys: vec![Vec::new(); nodes],
        }
    }

    /// The process id, while it runs.
    pub fn pid(&self, node: usize) -> Option<u32> {
        self.crew.pid(node)
    }

    /// How many members an agent has forgotten since it was first started.
    pub fn forgotten(&self, node: usize) -> u64 {
        self.forgotten[node]
    }

    /// The ids of the keys it has, as it last said, the one it seals with first.
    pub fn keys(&self, node: usize) -> &[String] {
        &self.keys[node]
    }

    /// Whether its process has ended.
    pub fn has_ended(&self, node: usize) -> bool {
        self.ended[node]
    }

    pub fn start(
        &mut self,
        node: usize,
        bind: SocketAddr,
        seed: Option<SocketAddr>,
    ) -> Result<(), String> {
        let name = self.board.name(node).to_owned();
        self.board.set_standing(node, Standing::Running);
        self.ended[node] = false;
        self.crew
            .start(node, &name, bind, seed)
            .map_err(|error| format!("cannot start {name}: {error}"))
    }

    /// SIGKILL.
    pub async fn kill(&mut self, node: usize) -> Result<(), String> {
        self.board.set_standing(node, Standing::Killed);
        let killed = self.crew.kill(node).await;
        killed.map_err(|error| format!("cannot kill {}: {error}", self.board.name(node)))
    }

    /// SIGSTOP. On the board the agent stays what it was: it believes what it believed.
    #[cfg(unix)]
    pub fn stop(&self, node: usize) -> Result<(), String> {
        let stopped = self.crew.stop(node);
        stopped.map_err(|error| format!("cannot stop {}: {error}", self.board.name(node)))
    }

    /// SIGCONT.
    #[cfg(unix)]
    pub fn resume(&self, node: usize) -> Result<(), String> {
        let resumed = self.crew.resume(node);
        resumed.map_err(|error| format!("cannot resume {}: {error}", self.board.name(node)))
    }

    /// SIGHUP: it reads its file of keys again.
    pub fn hang_up(&self, node: usize) -> Result<(), String> {
        let told = self.crew.hang_up(node);
        told.map_err(|error| format!("cannot signal {}: {error}", self.board.name(node)))
    }

    /// Tells an agent to say goodbye.
    pub fn dismiss(&mut self, node: usize) {
        self.board.set_standing(node, Standing::Leaving);
        self.crew.dismiss(node);
    }

    /// The next thing an agent says, to be given to [`hear`](Self::hear). Cancel safe.
    pub async fn listen(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }

    /// Takes down what was said; nothing when it changes nothing.
    ///
    /// # Errors
    ///
    /// A process ended that should run, or did not end well; somebody else's agent joined.
    pub async fn hear(&mut self, heard: Heard) -> Result<Option<Notice>, String> {
        if !self.crew.is_current(&heard) {
            return Ok(None);
        }
        let node = heard.node;
        match heard.what {
            Said::News(Report { news: News::Listening { address, .. }, .. }) => {
                self.board.set_address(node, address);
                Ok(Some(Notice::Listening { node, address }))
            }
            Said::News(Report { news: News::Forgotten { members }, .. }) => {
                self.forgotten[node] += members;
                Ok(None)
            }
            Said::News(Report { news: News::Keys { ids, .. }, .. }) => {
                self.keys[node] = ids;
                Ok(None)
            }
            Said::News(Report { news: News::KeyTrouble { reason }, .. }) => {
                Err(format!("{} has no new keys: {reason}", self.board.name(node)))
            }
            Said::News(report) => Ok(self.sighting(node, &report)?.map(Notice::Sighting)),
            Said::Complaint(line) => {
                tracing::info!(agent = self.board.name(node), line);
                self.last_words[node] = Some(line);
                Ok(None)
            }
            Said::End => self.end(node).await.map(|()| None),
        }
    }

    /// How many running agents see another cluster than there is; `None` where nobody can look into
    /// them.
    pub fn wrong_views(&self) -> Option<usize> {
        let truth =
            |node| Some((NodeId::from_name(self.board.name(node)), self.board.address(node)?));
        let truth: Truth = self.board.running().filter_map(truth).collect();
        self.crew.wrong_views(self.board.running(), &truth)
    }

    fn sighting(&mut self, observer: usize, report: &Report) -> Result<Option<Sighting>, String> {
        let Some((profile, status)) = report.news.belief() else { return Ok(None) };
        let member = self.board.node_with_id(&profile.id);
        let member = member.ok_or_else(|| format!("a stranger joined: {}", profile.name))?;
        let before = self.board.belief(observer, member);
        let sighting = Sighting { unix_ms: report.unix_ms, observer, member, before, status };
        Ok(self.board.believe(observer, member, status).then_some(sighting))
    }

    async fn end(&mut self, node: usize) -> Result<(), String> {
        self.ended[node] = true;
        let ending = self.crew.ending(node).await;
        let name = self.board.name(node);
        let why = match (self.board.standing(node), ending) {
            (Standing::Killed | Standing::NotStarted, _)
            | (Standing::Leaving, Some(Ending::Well)) => return Ok(()),
            (Standing::Leaving, Some(Ending::Badly(status))) => {
                format!("{name} did not leave well ({status})")
            }
            (Standing::Running, Some(Ending::Badly(status))) => {
                format!("{name} ended unexpectedly ({status})")
            }
            (Standing::Running, Some(Ending::Well)) => format!("{name} ended unexpectedly"),
            (_, None) => format!("{name} closed its output and does not end"),
        };
        let last_words = self.last_words[node].as_ref();
        Err(last_words.map_or(why.clone(), |words| format!("{why}: {words}")))
    }
}
