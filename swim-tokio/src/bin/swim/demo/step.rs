//! What happens in the demo, step by step.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

/// One observed step; `step` is its name in JSON. Times are milliseconds after the action the
/// steps follow from: the last start, the kill, the restart, the request to leave.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    Started { node: String, address: SocketAddr, pid: Option<u32> },
    Converged { after_ms: u64 },
    Killed { node: String },
    Suspected { node: String, by: String, after_ms: u64 },
    Dead { node: String, by: String, after_ms: u64 },
    AllDead { node: String, after_ms: u64 },
    Restarted { node: String },
    Alive { node: String, by: String, after_ms: u64 },
    AllAlive { node: String, after_ms: u64 },
    KeyAdded { key: String, after_ms: u64 },
    KeyUsed { key: String, after_ms: u64 },
    KeyRemoved { key: String, after_ms: u64 },
    Leaving { node: String },
    Left { node: String, by: String, after_ms: u64 },
    AllLeft { node: String, after_ms: u64 },
    FalseSuspicion { node: String, by: String },
    FalseDeath { node: String, by: String },
    SomeKilled { nodes: usize },
    SomeDead { nodes: usize, after_ms: u64 },
    SomeRestarted { nodes: usize },
    Restored { after_ms: u64 },
    ViewsRight { after_ms: u64 },
    Stopping,
    Stopped,
    Failed { reason: String },
}

impl Step {
    /// Whether every agent has a step of this kind, so that one stands for all.
    pub const fn is_one_of_many(&self) -> bool {
        matches!(
            self,
            Self::Started { .. }
                | Self::Suspected { .. }
                | Self::Dead { .. }
                | Self::Alive { .. }
                | Self::Left { .. }
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { node, address, pid: Some(pid) } => {
                write!(f, "{node} listens on {address}, process {pid}")
            }
            Self::Started { node, address, pid: None } => write!(f, "{node} listens on {address}"),
            Self::Converged { after_ms } => {
                write!(f, "everyone sees everyone, {after_ms} ms after the last start")
            }
            Self::Killed { node } => write!(f, "{node} killed (SIGKILL)"),
            Self::Suspected { node, by, after_ms } => {
                write!(f, "{by} suspects {node}, {after_ms} ms after the kill")
            }
            Self::Dead { node, by, after_ms } => {
                write!(f, "{by} says {node} is dead, {after_ms} ms after the kill")
            }
            Self::AllDead { node, after_ms } => {
                write!(f, "everyone knows that {node} is dead, {after_ms} ms after the kill")
            }
            Self::Restarted { node } => write!(f, "{node} started again under its old name"),
            Self::Alive { node, by, after_ms } => {
                write!(f, "{by} sees {node} alive, {after_ms} ms after the restart")
            }
            Self::AllAlive { node, after_ms } => {
                write!(f, "everyone sees {node} alive again, {after_ms} ms after the restart")
            }
            Self::KeyAdded { key, after_ms } => {
                write!(f, "everyone accepts the new key {key}, {after_ms} ms after the request")
            }
            Self::KeyUsed { key, after_ms } => {
                write!(f, "everyone seals with the key {key}, {after_ms} ms after the request")
            }
            Self::KeyRemoved { key, after_ms } => {
                write!(f, "nobody accepts the old key {key}, {after_ms} ms after the request")
            }
            Self::Leaving { node } => write!(f, "{node} told to leave"),
            Self::Left { node, by, after_ms } => {
                write!(f, "{by} knows that {node} left, {after_ms} ms after the request")
            }
            Self::AllLeft { node, after_ms } => {
                write!(f, "everyone knows that {node} left, {after_ms} ms after the request")
            }
            Self::FalseSuspicion { node, by } => {
                write!(f, "{by} suspects {node}, which is running")
            }
            Self::FalseDeath { node, by } => {
                write!(f, "WRONG: {by} says {node} is dead, which is running")
            }
            Self::SomeKilled { nodes } => write!(f, "{nodes} killed at once"),
            Self::SomeDead { nodes, after_ms } => {
                write!(f, "everyone knows that {nodes} are dead, {after_ms} ms after the last kill")
            }
            Self::SomeRestarted { nodes } => {
                write!(f, "{nodes} started again at once, names and ports as before")
            }
            Self::Restored { after_ms } => {
                write!(f, "everyone sees everyone, {after_ms} ms after the restart")
            }
            Self::ViewsRight { after_ms } => {
                write!(f, "every table is exactly right, {after_ms} ms after the restart")
            }
            Self::Stopping => f.write_str("everyone told to leave"),
            Self::Stopped => f.write_str("all have ended well"),
            Self::Failed { reason } => write!(f, "FAILED: {reason}"),
        }
    }
}
