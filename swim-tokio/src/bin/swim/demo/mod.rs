//! `swim demo`: a cluster of real processes, a crash, a return, a goodbye.

mod frame;
mod stage;
mod step;
mod story;
mod summary;
mod view;

use std::io;

use serde::Serialize;

use crate::agent::settings::DetectorName;
use crate::agents::Agents;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::signals::Signals;
use stage::{Stage, Trouble};
use step::Step;
use summary::{Account, Summary};
use view::View;

/// Fewest agents: one is killed, one leaves, and somebody must be left to see it.
const NODES_MIN: u16 = 3;
/// Most agents: beyond it one machine runs out of file descriptors and patience.
const NODES_MAX: u16 = 200;

/// Run a cluster of real processes on this machine and watch it notice a crash.
///
/// Starts agents on free loopback ports with `--profile local`, waits until all see all, kills one
/// (SIGKILL), starts it again under the same name on another port, lets another one leave, and
/// stops. On a terminal it shows who sees whom, otherwise one line for each step. All processes end
/// with the demo. A process is killed but its machine lives on, and its system refuses packets: on
/// Linux the default detector listens to that, the others wait.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// How many agents to run, 3 to 200.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16)
        .range(i64::from(NODES_MIN)..=i64::from(NODES_MAX)))]
    nodes: u16,

    /// How the agents tell failures from slowness; see `swim agent --help`.
    #[arg(long, value_enum, default_value_t = DetectorName::Witness)]
    detector: DetectorName,

    /// Print one JSON object per step, and a summary as the last line.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  swim demo
  swim demo --nodes 40
  swim demo --detector memberlist
  swim demo --json | tail -1 | jq .summary

The summary counts milliseconds after the respective action; null stands for what did not happen.

Exit status: 0 all went well, 1 not (the reason is on standard error), 2 wrong usage, 130 Ctrl-C.";

/// Plays the demo to its end.
///
/// # Errors
///
/// A step that did not come in time, a running agent declared dead, a process that ended by
/// itself, an interruption.
pub fn run(args: Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Runtime(format!("cannot start: {error}")))?;
    runtime.block_on(play(args))
}

async fn play(args: Args) -> Result<(), Failure> {
    let nodes = usize::from(args.nodes);
    let clock = Clock::start();
    let agent_args = ["--profile", "local", "--detector", args.detector.name()];
    let cannot_start = |error: io::Error| Failure::Runtime(format!("cannot start: {error}"));
    let agents = Agents::new(nodes, &agent_args).map_err(cannot_start)?;
    let signals = Signals::listen().map_err(cannot_start)?;
    let view = View::new(args.json, clock);
    let mut stage = Stage::new(agents, signals, view);
    let mut summary = Summary { nodes, ..Summary::default() };
    let trouble = story::play(&mut stage, &mut summary).await.err();
    summary.false_deaths = stage.false_deaths();
    let failure = match trouble {
        Some(Trouble::OutputClosed) => return Ok(()),
        Some(Trouble::Interrupted(signal)) => Some(Failure::Interrupted(signal)),
        Some(Trouble::Failed(reason)) => Some(Failure::Runtime(reason)),
        None if summary.false_deaths > 0 => {
            let times = summary.false_deaths;
            Some(Failure::Runtime(format!("{times} times a running agent was declared dead")))
        }
        None => None,
    };
    close(stage, &summary, failure)
}

/// Kills what still runs, then says how it ended.
fn close(mut stage: Stage, summary: &Summary, failure: Option<Failure>) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct LastLine<'a> {
        summary: &'a Summary,
    }

    if let Some(failure) = &failure {
        // The reason goes to standard error in any case.
        let _ = stage.show(Step::Failed { reason: failure.to_string() });
    }
    let (view, witnesses) = stage.into_view();
    let account = Account { summary, witnesses: &witnesses };
    let closed = view.close(&account, &LastLine { summary });
    match (failure, closed.map_err(Trouble::from)) {
        (Some(failure), _) => Err(failure),
        (None, Err(Trouble::Failed(reason))) => Err(Failure::Runtime(reason)),
        (None, Err(Trouble::Interrupted(signal))) => Err(Failure::Interrupted(signal)),
        (None, Ok(()) | Err(Trouble::OutputClosed)) => Ok(()),
    }
}
