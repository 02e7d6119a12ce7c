//! How a drill tells what it does: lines for people, or JSON.

use std::fmt::{self, Display};
use std::io::{self, Write};
use std::net::SocketAddr;

use serde::Serialize;

use super::partition::Partition;
use super::summary::{Account, Summary};
use super::trial::{Idle, Trial};
use crate::clock::{Clock, Timed};
use crate::failure::Failure;

/// One thing done or measured; `step` is its name in JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    Started { node: String, address: SocketAddr, pid: Option<u32> },
    Converged { after_ms: u64 },
    Idle(Idle),
    Signal { node: String, signal: &'static str },
    Trial(Trial),
    Partition(Partition),
}

impl Step {
    /// Programs want to know everything.
    const fn is_for_people(&self) -> bool {
        matches!(self, Self::Converged { .. } | Self::Idle(_) | Self::Trial(_) | Self::Partition(_))
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { node, address, .. } => write!(f, "{node} listens on {address}"),
            Self::Converged { after_ms } => {
                write!(f, "everyone sees everyone, {after_ms} ms after the first start")
            }
            Self::Idle(idle) => idle.fmt(f),
            Self::Signal { node, signal } => write!(f, "{signal} to {node}"),
            Self::Trial(trial) => trial.fmt(f),
            Self::Partition(partition) => partition.fmt(f),
        }
    }
}

/// Standard output.
pub struct Output {
    json: bool,
    clock: Clock,
}

impl Output {
    pub const fn new(json: bool, clock: Clock) -> Self {
        Self { json, clock }
    }

    /// # Errors
    ///
    /// Standard output is closed or broken.
    pub fn show(&self, step: &Step) -> Result<(), Failure> {
        let elapsed = self.clock.elapsed();
        match self.json {
            true => print_json(&Timed::now(step, elapsed)),
            false if step.is_for_people() => print_line(&format!("{elapsed}  {step}")),
            false => Ok(()),
        }
    }

    /// The last words.
    ///
    /// # Errors
    ///
    /// Standard output is closed or broken.
    pub fn close(self, summary: &Summary) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct LastLine<'a> {
            summary: Account<'a>,
        }

        match self.json {
            true => print_json(&LastLine { summary: summary.account() }),
            false => print_line(&summary.account().to_string()),
        }
    }
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value);
    print_line(&line.map_err(|error| Failure::Runtime(format!("cannot write JSON: {error}")))?)
}

fn print_line(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::Runtime(format!("cannot write to standard output: {error}")))
}
