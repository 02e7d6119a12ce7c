//! The acts of the demo, one after the other.

use std::time::Duration;

use swim_tokio::Status;

use super::rotation::Rotation;
use super::stage::{Stage, Trouble};
use super::step::Step;
use super::summary::Summary;

/// The agent all others join.
const SEED: usize = 0;
/// The agent that is killed and comes back.
const VICTIM: usize = 1;
/// The agent that leaves.
const LEAVER: usize = 2;

/// Processes that may be starting at the same time: a small machine is not overrun.
const STARTING_MAX: usize = 4;

/// Longest wait for a process to listen.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Longest wait for all to see all.
const CONVERGE_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for a crash to be known: the longest suspicion of 200 members, and some.
const DEATH_LIMIT: Duration = Duration::from_secs(90);
/// Longest wait for a return or a goodbye to be known: gossip takes a second, and whoever it
/// missed learns of it by the next table exchange, a minute apart among 200.
const NEWS_LIMIT: Duration = Duration::from_secs(90);
/// Longest wait for all processes to leave and end.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Plays all acts and takes down their times; one of them is a rotation of keys, if there are any.
///
/// # Errors
///
/// The first thing that goes wrong; the summary holds the times until then.
pub async fn play(
    stage: &mut Stage,
    rotation: Option<&Rotation>,
    summary: &mut Summary,
) -> Result<(), Trouble> {
    start_all(stage).await?;
    converge(stage, summary).await?;
    kill_one(stage, summary).await?;
    restart_it(stage, summary).await?;
    if let Some(rotation) = rotation {
        summary.rotation = Some(rotation.play(stage).await?);
    }
    let_one_leave(stage, summary).await?;
    stage.stop_all(STOP_LIMIT).await
}

async fn start_all(stage: &mut Stage) -> Result<(), Trouble> {
    stage.start(SEED, None)?;
    let listens = |stage: &Stage| stage.board().address(SEED).is_some();
    stage.wait("the first agent starts", START_LIMIT, listens).await?;
    let seed = stage.board().address(SEED);
    for node in 1..stage.board().len() {
        let has_room = |stage: &Stage| stage.board().starting_count() < STARTING_MAX;
        stage.wait("agents start", START_LIMIT, has_room).await?;
        stage.start(node, seed)?;
    }
    stage.begin(None);
    Ok(())
}

async fn converge(stage: &mut Stage, summary: &mut Summary) -> Result<(), Trouble> {
    stage.wait("everyone sees everyone", CONVERGE_LIMIT, settled).await?;
    let after_ms = stage.after_ms();
    summary.converged_ms = Some(after_ms);
    stage.show(Step::Converged { after_ms })
}

async fn kill_one(stage: &mut Stage, summary: &mut Summary) -> Result<(), Trouble> {
    let node = stage.board().name(VICTIM).to_owned();
    stage.kill(VICTIM).await?;
    stage.show(Step::Killed { node: node.clone() })?;
    let known = |stage: &Stage| stage.board().agreed(VICTIM, Status::Dead);
    let outcome = stage.wait("everyone knows of the crash", DEATH_LIMIT, known).await;
    summary.first_suspect_ms = stage.first_ms(Status::Suspect);
    summary.first_dead_ms = stage.first_ms(Status::Dead);
    outcome?;
    let after_ms = stage.after_ms();
    summary.all_dead_ms = Some(after_ms);
    stage.show(Step::AllDead { node, after_ms })?;
    stage.hold().await?;
    stage.wait("the survivors see each other", NEWS_LIMIT, settled).await
}

async fn restart_it(stage: &mut Stage, summary: &mut Summary) -> Result<(), Trouble> {
    let node = stage.board().name(VICTIM).to_owned();
    stage.begin(Some(VICTIM));
    let seed = stage.board().address(SEED);
    stage.start(VICTIM, seed)?;
    let listens = |stage: &Stage| stage.board().address(VICTIM).is_some();
    stage.wait("the killed agent starts again", START_LIMIT, listens).await?;
    stage.show(Step::Restarted { node: node.clone() })?;
    let seen = |stage: &Stage| stage.board().agreed(VICTIM, Status::Alive);
    stage.wait("everyone sees the restarted agent", NEWS_LIMIT, seen).await?;
    let after_ms = stage.after_ms();
    summary.restart_seen_ms = Some(after_ms);
    stage.show(Step::AllAlive { node, after_ms })?;
    stage.wait("the restarted agent sees everyone", NEWS_LIMIT, settled).await
}

async fn let_one_leave(stage: &mut Stage, summary: &mut Summary) -> Result<(), Trouble> {
    let node = stage.board().name(LEAVER).to_owned();
    stage.show(Step::Leaving { node: node.clone() })?;
    stage.begin(Some(LEAVER));
    stage.dismiss(LEAVER);
    let known = |stage: &Stage| stage.board().agreed(LEAVER, Status::Left);
    stage.wait("everyone knows of the goodbye", NEWS_LIMIT, known).await?;
    let after_ms = stage.after_ms();
    summary.left_seen_ms = Some(after_ms);
    stage.show(Step::AllLeft { node, after_ms })?;
    stage.hold().await?;
    let ended = |stage: &Stage| stage.has_ended(LEAVER) && stage.board().settled();
    stage.wait("the process of the leaver ends", STOP_LIMIT, ended).await
}

fn settled(stage: &Stage) -> bool {
    stage.board().settled()
}
