//! The agent processes: started, listened to, killed.
//!
//! No child outlives its parent. Dropping [`Children`] kills them; should the parent itself be
//! killed, the end of their standard input makes them leave.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

use crate::report::Report;

/// A free port of the loopback interface.
pub const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Lines of all children that wait to be looked at. When full, children wait in turn with their
/// printing, never with their protocol.
pub const HEARD_MAX: usize = 1_024;
/// How long a process may take to end after it closed its output.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// All agent processes of one parent, by number.
pub struct Children {
    executable: PathBuf,
    args: Vec<String>,
    agents: Vec<Agent>,
    heard: mpsc::Sender<Heard>,
}

#[derive(Default)]
struct Agent {
    /// Counts the processes this agent has had.
    life: u32,
    process: Option<Child>,
    /// Kept open while the agent shall run.
    stdin: Option<ChildStdin>,
}

/// How an agent ended.
pub enum Ending {
    Well,
    /// In the words of the system.
    Badly(String),
}

/// Something an agent said.
pub struct Heard {
    pub node: usize,
    /// Which of its lives said so.
    pub life: u32,
    pub what: Said,
}

pub enum Said {
    /// A line of JSON on standard output.
    News(Report),
    /// A line on standard error, or one that cannot be read.
    Complaint(String),
    /// Nothing follows: the agent has ended or is about to.
    End,
}

impl Children {
    /// No process yet; `args` go to every agent that is started.
    ///
    /// # Errors
    ///
    /// The operating system does not tell which program this is.
    pub fn new(
        nodes: usize,
        args: &[impl AsRef<str>],
        heard: mpsc::Sender<Heard>,
    ) -> io::Result<Self> {
        let agents = (0..nodes).map(|_| Agent::default()).collect();
        let args = args.iter().map(|arg| arg.as_ref().to_owned()).collect();
        Ok(Self { executable: std::env::current_exe()?, args, agents, heard })
    }

    /// Starts the process of an agent.
    pub fn start(
        &mut self,
        node: usize,
        name: &str,
        bind: SocketAddr,
        seed: Option<SocketAddr>,
    ) -> io::Result<()> {
        let mut command = self.command(name, bind, seed);
        let mut child = command.spawn()?;
        let agent = &mut self.agents[node];
        agent.life += 1;
        agent.stdin = child.stdin.take();
        let mouth = Mouth { node, life: agent.life, heard: self.heard.clone() };
        tokio::spawn(mouth.listen(child.stdout.take(), child.stderr.take()));
        agent.process = Some(child);
        Ok(())
    }

    /// The process id, while it runs.
    pub fn pid(&self, node: usize) -> Option<u32> {
        self.agents[node].process.as_ref().and_then(Child::id)
    }

    /// Whether the process that said this is still the agent's latest.
    pub fn is_current(&self, heard: &Heard) -> bool {
        self.agents[heard.node].life == heard.life
    }

    /// Ends a process without warning: SIGKILL on Unix.
    pub async fn kill(&mut self, node: usize) -> io::Result<()> {
        match &mut self.agents[node].process {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Stops a process where it is (SIGSTOP); returns when it stands still. One that has ended
    /// stays so.
    #[cfg(unix)]
    pub fn stop(&self, node: usize) -> io::Result<()> {
        use rustix::process::{Signal, WaitId, WaitIdOptions, kill_process, waitid};
        let Some(pid) = self.unix_pid(node) else { return Ok(()) };
        kill_process(pid, Signal::STOP)?;
        // When a parent dies, the system wakes and ends those that stand, not those about to.
        let stopped_or_ended =
            WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(pid), stopped_or_ended)?;
        Ok(())
    }

    /// Lets a stopped process go on (SIGCONT).
    #[cfg(unix)]
    pub fn resume(&self, node: usize) -> io::Result<()> {
        use rustix::process::{Signal, kill_process};
        let Some(pid) = self.unix_pid(node) else { return Ok(()) };
        Ok(kill_process(pid, Signal::CONT)?)
    }

    /// Lets a process read its files again (SIGHUP).
    #[cfg(unix)]
    pub fn hang_up(&self, node: usize) -> io::Result<()> {
        use rustix::process::{Signal, kill_process};
        let Some(pid) = self.unix_pid(node) else { return Ok(()) };
        Ok(kill_process(pid, Signal::HUP)?)
    }

    #[cfg(not(unix))]
    pub fn hang_up(&self, _: usize) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[cfg(unix)]
    fn unix_pid(&self, node: usize) -> Option<rustix::process::Pid> {
        rustix::process::Pid::from_raw(self.pid(node)?.try_into().ok()?)
    }

    /// Tells an agent to say goodbye and end, by closing its standard input.
    pub fn dismiss(&mut self, node: usize) {
        self.agents[node].stdin = None;
    }

    /// How a process ended that has closed its outputs; `None` if it hangs.
    pub async fn ending(&mut self, node: usize) -> Option<Ending> {
        let process = self.agents[node].process.as_mut()?;
        let status = tokio::time::timeout(END_TIMEOUT, process.wait()).await.ok()?.ok()?;
        Some(if status.success() { Ending::Well } else { Ending::Badly(status.to_string()) })
    }

    fn command(&self, name: &str, bind: SocketAddr, seed: Option<SocketAddr>) -> Command {
        let mut command = Command::new(&self.executable);
        command.args(["agent", "--json", "--leave-on-stdin-close", "--name", name]);
        command.arg("--bind").arg(bind.to_string());
        if let Some(seed) = seed {
            command.arg("--join").arg(seed.to_string());
        }
        command.args(&self.args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        // Ctrl-C shall reach the parent alone, which then ends its children itself.
        #[cfg(unix)]
        command.process_group(0);
        command
    }
}

/// One process as a source of lines.
struct Mouth {
    node: usize,
    life: u32,
    heard: mpsc::Sender<Heard>,
}

impl Mouth {
    async fn listen(
        self,
        stdout: Option<impl AsyncRead + Unpin>,
        stderr: Option<impl AsyncRead + Unpin>,
    ) {
        let news = |line: String| match serde_json::from_str::<Report>(&line) {
            Ok(report) => Said::News(report),
            Err(_) => Said::Complaint(line),
        };
        tokio::join!(self.pass_on(stdout, news), self.pass_on(stderr, Said::Complaint));
        self.say(Said::End).await;
    }

    async fn pass_on(&self, output: Option<impl AsyncRead + Unpin>, said: impl Fn(String) -> Said) {
        let Some(output) = output else { return };
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            self.say(said(line)).await;
        }
    }

    async fn say(&self, what: Said) {
        // Nobody listens any more when the parent is ending.
        let _ = self.heard.send(Heard { node: self.node, life: self.life, what }).await;
    }
}
