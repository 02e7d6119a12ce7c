//! What runs the agents: processes, or tasks of this one.

use std::io;
use std::net::SocketAddr;

use crate::children::{Children, Ending, Heard};
use crate::tasks::{Tasks, Truth};

/// All agents of a demo or a drill, by number.
pub enum Crew {
    Processes(Children),
    Tasks(Box<Tasks>),
}

impl Crew {
    pub fn start(
        &mut self,
        node: usize,
        name: &str,
        bind: SocketAddr,
        seed: Option<SocketAddr>,
    ) -> io::Result<()> {
        match self {
            Self::Processes(children) => children.start(node, name, bind, seed),
            Self::Tasks(tasks) => tasks.start(node, name, bind, seed),
        }
    }

    /// The process id of an agent that has one, while it runs.
    pub fn pid(&self, node: usize) -> Option<u32> {
        match self {
            Self::Processes(children) => children.pid(node),
            Self::Tasks(_) => None,
        }
    }

    /// Whether the life that said this is still the agent's latest.
    pub fn is_current(&self, heard: &Heard) -> bool {
        match self {
            Self::Processes(children) => children.is_current(heard),
            Self::Tasks(tasks) => tasks.is_current(heard),
        }
    }

    /// Ends an agent without warning.
    pub async fn kill(&mut self, node: usize) -> io::Result<()> {
        match self {
            Self::Processes(children) => children.kill(node).await,
            Self::Tasks(tasks) => {
                tasks.kill(node).await;
                Ok(())
            }
        }
    }

    /// SIGSTOP.
    #[cfg(unix)]
    pub fn stop(&self, node: usize) -> io::Result<()> {
        match self {
            Self::Processes(children) => children.stop(node),
            Self::Tasks(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// SIGCONT.
    #[cfg(unix)]
    pub fn resume(&self, node: usize) -> io::Result<()> {
        match self {
            Self::Processes(children) => children.resume(node),
            Self::Tasks(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// SIGHUP.
    pub fn hang_up(&self, node: usize) -> io::Result<()> {
        match self {
            Self::Processes(children) => children.hang_up(node),
            Self::Tasks(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Tells an agent to say goodbye and end.
    pub fn dismiss(&mut self, node: usize) {
        match self {
            Self::Processes(children) => children.dismiss(node),
            Self::Tasks(tasks) => tasks.dismiss(node),
        }
    }

    /// How an agent ended that says it has; `None` if it hangs.
    pub async fn ending(&mut self, node: usize) -> Option<Ending> {
        match self {
            Self::Processes(children) => children.ending(node).await,
            Self::Tasks(tasks) => tasks.ending(node).await,
        }
    }

    /// How many of `observers` see another cluster than the true one; `None` where nobody can look
    /// into them.
    pub fn wrong_views(
        &self,
        observers: impl Iterator<Item = usize>,
        truth: &Truth,
    ) -> Option<usize> {
        match self {
            Self::Processes(_) => None,
            Self::Tasks(tasks) => Some(tasks.wrong_views(observers, truth)),
        }
    }
}
