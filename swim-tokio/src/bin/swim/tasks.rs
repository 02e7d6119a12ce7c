//! Agents as tasks of this process: each a member with sockets of its own, and no process.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use swim_tokio::tags::{METADATA_LEN_MAX, Tags};
use swim_tokio::{BindError, Config, NodeId, Options, Runner, Status, Swim};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::agent::print::news_of;
use crate::children::{Ending, Heard, Said};
use crate::clock::{millis, unix_ms};
use crate::failure::with_causes;
use crate::report::{News, Report};

/// How long a port may be in use by the former life of an agent: its tasks end soon, not at once.
const BIND_LIMIT: Duration = Duration::from_secs(10);
const BIND_PAUSE: Duration = Duration::from_millis(10);

/// All agents of one process, by number.
pub struct Tasks {
    config: Config,
    agents: Vec<Agent>,
    heard: mpsc::Sender<Heard>,
}

#[derive(Default)]
struct Agent {
    /// Counts the lives this agent has had.
    life: u32,
    task: Option<JoinHandle<()>>,
    dismissal: Option<oneshot::Sender<()>>,
    /// The member, once its sockets are open.
    swim: Arc<OnceLock<Swim>>,
}

/// Where an agent listens, if it does, by the id of its member.
pub type Truth = BTreeMap<NodeId, SocketAddr>;

impl Tasks {
    /// No agent yet; all will have this configuration.
    pub fn new(nodes: usize, config: Config, heard: mpsc::Sender<Heard>) -> Self {
        Self { config, agents: (0..nodes).map(|_| Agent::default()).collect(), heard }
    }

    /// Starts a life of an agent.
    pub fn start(
        &mut self,
        node: usize,
        name: &str,
        bind: SocketAddr,
        seed: Option<SocketAddr>,
    ) -> io::Result<()> {
        let tags = Tags::new(name).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let options = Options {
            id: Some(NodeId::from_name(name)),
            metadata: tags.encode(),
            metadata_len_max: METADATA_LEN_MAX,
            config: self.config,
            ..Options::new(bind)
        };
        let agent = &mut self.agents[node];
        let (dismissal, dismissed) = oneshot::channel();
        *agent = Agent { life: agent.life + 1, dismissal: Some(dismissal), ..Agent::default() };
        let mouth = Mouth {
            node,
            life: agent.life,
            begun: Instant::now(),
            name: name.to_owned(),
            heard: self.heard.clone(),
        };
        let life = live(options, seed, Arc::clone(&agent.swim), dismissed, mouth);
        agent.task = Some(tokio::spawn(life));
        Ok(())
    }

    /// Whether the life that said this is still the agent's latest.
    pub fn is_current(&self, heard: &Heard) -> bool {
        self.agents[heard.node].life == heard.life
    }

    /// Ends an agent without warning: its task is aborted and its sockets are closed.
    pub async fn kill(&mut self, node: usize) {
        if let Some(task) = self.agents[node].task.take() {
            task.abort();
            // It fails because it was aborted.
            let _ = task.await;
        }
    }

    /// Tells an agent to say goodbye and end.
    pub fn dismiss(&mut self, node: usize) {
        if let Some(dismissal) = self.agents[node].dismissal.take() {
            // Fails when it has ended by itself, which it tells itself.
            let _ = dismissal.send(());
        }
    }

    /// How an agent ended that has said so.
    pub async fn ending(&mut self, node: usize) -> Option<Ending> {
        match self.agents[node].task.take()?.await {
            Ok(()) => Some(Ending::Well),
            Err(error) => Some(Ending::Badly(error.to_string())),
        }
    }

    /// How many of `observers` do not hold exactly those of the truth for alive, or have them
    /// elsewhere.
    pub fn wrong_views(&self, observers: impl Iterator<Item = usize>, truth: &Truth) -> usize {
        let is_wrong = |&node: &usize| {
            let Some(swim) = self.agents[node].swim.get() else { return true };
            let live = swim.members().into_iter().filter(|member| member.status.is_live());
            let seen: Option<Truth> = live
                .map(|it| (it.status == Status::Alive).then_some((it.id, it.address?)))
                .collect();
            seen.as_ref() != Some(truth)
        };
        observers.filter(is_wrong).count()
    }
}

/// One life, to its goodbye.
async fn live(
    options: Options,
    seed: Option<SocketAddr>,
    slot: Arc<OnceLock<Swim>>,
    dismissed: oneshot::Receiver<()>,
    mouth: Mouth,
) {
    let (swim, runner) = match bind(options).await {
        Ok(bound) => bound,
        Err(error) => {
            mouth.say(Said::Complaint(with_causes(&error))).await;
            return mouth.say(Said::End).await;
        }
    };
    let _ = slot.set(swim.clone());
    let talk = async {
        tokio::select! {
            () = mouth.talk(&swim, seed) => {}
            // Fails when nobody can dismiss it any more.
            _ = dismissed => {}
        }
        // Only a runner that has ended does not say goodbye.
        let _ = swim.leave().await;
        swim.shutdown().await;
    };
    tokio::join!(runner.run(), talk);
    mouth.say(Said::End).await;
}

async fn bind(options: Options) -> Result<(Swim, Runner), BindError> {
    let deadline = Instant::now() + BIND_LIMIT;
    loop {
        match swim_tokio::bind(options.clone()).await {
            Err(BindError::PortInUse { .. }) if Instant::now() < deadline => {
                sleep(BIND_PAUSE).await;
            }
            bound => return bound,
        }
    }
}

/// One life as a source of news.
struct Mouth {
    node: usize,
    life: u32,
    begun: Instant,
    name: String,
    heard: mpsc::Sender<Heard>,
}

impl Mouth {
    /// Says what the member learns, until its runner ends.
    async fn talk(&self, swim: &Swim, seed: Option<SocketAddr>) {
        let mut events = swim.events();
        self.tell(News::Listening {
            id: swim.id().to_string(),
            name: self.name.clone(),
            address: swim.advertised(),
            pid: std::process::id(),
        })
        .await;
        swim.keep_joining(seed).await;
        while let Some(update) = events.next().await {
            for news in news_of(&update) {
                self.tell(news).await;
            }
        }
    }

    async fn tell(&self, news: News) {
        let t_ms = millis(self.begun.elapsed());
        self.say(Said::News(Report { t_ms, unix_ms: unix_ms(), news })).await;
    }

    async fn say(&self, what: Said) {
        // Nobody listens any more when the demo is ending.
        let _ = self.heard.send(Heard { node: self.node, life: self.life, what }).await;
    }
}
