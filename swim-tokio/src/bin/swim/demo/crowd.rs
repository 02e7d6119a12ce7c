//! The demo in one process: many agents join at once, many die at once, and come back.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use swim_tokio::Status;

use super::stage::{Stage, Trouble};
use super::step::Step;

/// The agent all others join.
const SEED: usize = 0;
/// Longest wait for all to see all.
const CONVERGE_LIMIT: Duration = Duration::from_secs(120);
/// Longest wait until all deaths are known.
const DEATH_LIMIT: Duration = Duration::from_secs(120);
/// Longest wait for all to leave and end.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// How long the views may be wrong after all has been told: changes without an event show within a
/// second.
const VIEW_LIMIT: Duration = Duration::from_secs(10);

/// The numbers of one run. Times are milliseconds after the respective action; `None` for what did
/// not happen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    pub nodes: usize,
    pub restarts: usize,
    /// After the first start: all sockets are open.
    pub started_ms: Option<u64>,
    /// After the first start: everyone sees everyone.
    pub converged_ms: Option<u64>,
    /// After the last kill: the first survivor says of one that it is dead.
    pub first_dead_ms: Option<u64>,
    /// After the last kill: all survivors say so of all.
    pub all_dead_ms: Option<u64>,
    /// After the first restart: everyone sees everyone.
    pub restored_ms: Option<u64>,
    /// After the first restart: every table holds exactly the running agents, alive, at their
    /// addresses.
    pub views_right_ms: Option<u64>,
    /// How often an agent declared a running one dead.
    pub false_deaths: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let restarts = self.restarts;
        writeln!(f, "\n  {} agents in one process, profile local\n", self.nodes)?;
        for (what, time) in [
            ("all sockets open, after the first start".to_owned(), self.started_ms),
            ("everyone sees everyone, after the first start".to_owned(), self.converged_ms),
            (format!("{restarts} killed: first death declared"), self.first_dead_ms),
            (format!("{restarts} killed: all known to everyone"), self.all_dead_ms),
            (format!("{restarts} restarted: everyone sees everyone"), self.restored_ms),
            ("all tables exactly right, after the restart".to_owned(), self.views_right_ms),
        ] {
            let time = time.map_or_else(|| "-".to_owned(), |time| time.to_string());
            writeln!(f, "  {what:<46}{time:>8} ms")?;
        }
        writeln!(f, "  {:<46}{:>8}", "running agents declared dead", self.false_deaths)
    }
}

/// Plays all acts and takes down their times.
///
/// # Errors
///
/// The first thing that goes wrong; the summary holds the times until then.
pub async fn play(stage: &mut Stage, summary: &mut Summary) -> Result<(), Trouble> {
    join_at_once(stage, summary).await?;
    let victims = kill_some(stage, summary).await?;
    restart(stage, &victims, summary).await?;
    stage.stop_all(STOP_LIMIT).await
}

async fn join_at_once(stage: &mut Stage, summary: &mut Summary) -> Result<(), Trouble> {
    stage.begin(None);
    stage.start(SEED, None)?;
    let listens = |stage: &Stage| stage.board().address(SEED).is_some();
    stage.wait("the first agent starts", CONVERGE_LIMIT, listens).await?;
    let seed = stage.board().address(SEED);
    for node in 1..summary.nodes {
        stage.start(node, seed)?;
    }
    let listen = |stage: &Stage| stage.board().starting_count() == 0;
    stage.wait("all agents start", CONVERGE_LIMIT, listen).await?;
    summary.started_ms = Some(stage.after_ms());
    stage.wait("everyone sees everyone", CONVERGE_LIMIT, settled).await?;
    let after_ms = stage.after_ms();
    summary.converged_ms = Some(after_ms);
    stage.show(Step::Converged { after_ms })
}

/// Those with the highest numbers, and where they listened.
async fn kill_some(
    stage: &mut Stage,
    summary: &mut Summary,
) -> Result<Vec<(usize, SocketAddr)>, Trouble> {
    let first = summary.nodes - summary.restarts;
    let address = |node| Some((node, stage.board().address(node)?));
    let victims: Vec<_> = (first..summary.nodes).filter_map(address).collect();
    let nodes: Vec<_> = victims.iter().map(|(node, _)| *node).collect();
    stage.kill_all(&nodes).await?;
    stage.show(Step::SomeKilled { nodes: victims.len() })?;
    let all_dead =
        |stage: &Stage| nodes.iter().all(|&node| stage.board().agreed(node, Status::Dead));
    let outcome = stage.wait("everyone knows of the crashes", DEATH_LIMIT, all_dead).await;
    summary.first_dead_ms = stage.first_ms(Status::Dead);
    outcome?;
    let after_ms = stage.after_ms();
    summary.all_dead_ms = Some(after_ms);
    stage.show(Step::SomeDead { nodes: victims.len(), after_ms })?;
    stage.hold().await?;
    Ok(victims)
}

async fn restart(
    stage: &mut Stage,
    victims: &[(usize, SocketAddr)],
    summary: &mut Summary,
) -> Result<(), Trouble> {
    let seed = stage.board().address(SEED);
    stage.begin(None);
    for &(node, address) in victims {
        stage.start_at(node, address, seed)?;
    }
    stage.show(Step::SomeRestarted { nodes: victims.len() })?;
    stage.wait("everyone sees everyone again", CONVERGE_LIMIT, settled).await?;
    let after_ms = stage.after_ms();
    summary.restored_ms = Some(after_ms);
    stage.show(Step::Restored { after_ms })?;
    let are_right = |stage: &Stage| stage.wrong_views() == Some(0);
    stage.wait("every table is right", VIEW_LIMIT, are_right).await?;
    let after_ms = stage.after_ms();
    summary.views_right_ms = Some(after_ms);
    stage.show(Step::ViewsRight { after_ms })?;
    stage.hold().await
}

fn settled(stage: &Stage) -> bool {
    stage.board().starting_count() == 0 && stage.board().settled()
}
