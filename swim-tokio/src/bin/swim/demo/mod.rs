//! `swim demo`: a cluster of real processes, a crash, a return, a goodbye; or of many members in
//! this process.

mod crowd;
mod frame;
mod keys;
mod rotation;
mod stage;
mod step;
mod story;
mod summary;
mod view;

use std::io;

use serde::Serialize;
use swim_tokio::Config;

use crate::agent::settings::DetectorName;
use crate::agents::Agents;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::signals::Signals;
use rotation::Rotation;
use stage::{Stage, Trouble};
use step::Step;
use summary::{Account, Summary, Witness};
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
///
/// With --in-process the agents are tasks of this process with sockets of their own: all join the
/// first at once, several are killed at once (task aborted, sockets closed, no goodbye), and start
/// again on their old ports when all others know. At the end every table must hold exactly the
/// running agents.
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

    /// Run the agents as tasks of this process.
    #[arg(long)]
    in_process: bool,

    /// With --in-process: how many agents to kill and to restart at once. [default: 15 of 100]
    #[arg(long, value_name = "COUNT", requires = "in_process",
        value_parser = clap::value_parser!(u16).range(1..))]
    restarts: Option<u16>,

    /// Seal all packets, and change the key while the cluster runs: the new one is added to the
    /// file of keys, put first, and the old one taken out, and each time all agents are told to
    /// read it again (SIGHUP). Takes some ten seconds more, and fails if a running agent is
    /// suspected.
    #[arg(long, conflicts_with = "in_process")]
    encrypt: bool,

    /// Print one JSON object per step, and a summary as the last line.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  swim demo
  swim demo --nodes 40
  swim demo --nodes 200 --in-process
  swim demo --encrypt
  swim demo --detector memberlist
  swim demo --json | tail -1 | jq .summary

The summary counts milliseconds after the respective action; null stands for what did not happen.

Exit status: 0 all went well, 1 not (the reason is on standard error), 2 wrong usage, 130 Ctrl-C.";

/// Plays the demo to its end.
///
/// # Errors
///
/// A step that did not come in time, a running agent declared dead, with sealed packets also one
/// suspected, a process that ended by itself, an interruption.
pub fn run(args: Args) -> Result<(), Failure> {
    let mut runtime = match args.in_process {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = runtime.enable_all().build().map_err(cannot_start)?;
    match args.in_process {
        true => runtime.block_on(play_in_process(args)),
        false => runtime.block_on(play(args)),
    }
}

async fn play(args: Args) -> Result<(), Failure> {
    let nodes = usize::from(args.nodes);
    let rotation = args.encrypt.then(Rotation::prepare).transpose().map_err(cannot_start)?;
    let mut agent_args = vec!["--profile", "local", "--detector", args.detector.name()];
    let key_file = rotation.as_ref().map(|it| it.key_file().to_string_lossy().into_owned());
    agent_args.extend(key_file.iter().flat_map(|path| ["--key-file", path]));
    let agents = Agents::processes(nodes, &agent_args).map_err(cannot_start)?;
    let mut stage = set(agents, args.json)?;
    let mut summary = Summary { nodes, ..Summary::default() };
    let outcome = story::play(&mut stage, rotation.as_ref(), &mut summary).await;
    summary.false_suspicions = stage.false_suspicions();
    summary.false_deaths = stage.false_deaths();
    let outcome = outcome.and_then(|()| match summary.false_suspicions {
        // Nobody stands still in it: whoever is suspected was not understood.
        times @ 1.. if args.encrypt && summary.false_deaths == 0 => {
            Err(Trouble::Failed(format!("{times} times a running agent was suspected")))
        }
        _ => Ok(()),
    });
    let account = |witnesses: &[Witness]| Account { summary: &summary, witnesses }.to_string();
    close(stage, outcome, &summary, account)
}

async fn play_in_process(args: Args) -> Result<(), Failure> {
    let nodes = usize::from(args.nodes);
    let restarts = args.restarts.map_or((nodes * 15).div_ceil(100), usize::from);
    if restarts >= nodes {
        let reason = format!("--restarts {restarts} leaves nobody of {nodes} agents");
        return Err(Failure::Usage(reason));
    }
    let config = Config { detector: args.detector.detector(), ..Config::local() };
    let mut stage = set(Agents::tasks(nodes, config), args.json)?;
    let mut summary = crowd::Summary { nodes, restarts, ..crowd::Summary::default() };
    let outcome = crowd::play(&mut stage, &mut summary).await;
    summary.false_deaths = stage.false_deaths();
    close(stage, outcome, &summary, |_| summary.to_string())
}

fn set(agents: Agents, json: bool) -> Result<Stage, Failure> {
    let view = View::new(json, Clock::start());
    Ok(Stage::new(agents, Signals::listen().map_err(cannot_start)?, view))
}

fn cannot_start(error: io::Error) -> Failure {
    Failure::Runtime(format!("cannot start: {error}"))
}

/// Ends what still runs, then says how it went: the summary for programs, the account of it and of
/// those who saw the crash for people.
fn close(
    mut stage: Stage,
    outcome: Result<(), Trouble>,
    summary: &impl Serialize,
    account: impl FnOnce(&[Witness]) -> String,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct LastLine<'a, S> {
        summary: &'a S,
    }

    let failure = match outcome {
        Err(Trouble::OutputClosed) => return Ok(()),
        Err(Trouble::Interrupted(signal)) => Some(Failure::Interrupted(signal)),
        Err(Trouble::Failed(reason)) => Some(Failure::Runtime(reason)),
        Ok(()) => match stage.false_deaths() {
            0 => None,
            times => Some(format!("{times} times a running agent was declared dead")),
        }
        .map(Failure::Runtime),
    };
    if let Some(failure) = &failure {
        // The reason goes to standard error in any case.
        let _ = stage.show(Step::Failed { reason: failure.to_string() });
    }
    let (view, witnesses) = stage.into_view();
    let closed = view.close(&account(&witnesses), &LastLine { summary });
    match (failure, closed.map_err(Trouble::from)) {
        (Some(failure), _) => Err(failure),
        (None, Err(Trouble::Failed(reason))) => Err(Failure::Runtime(reason)),
        (None, Err(Trouble::Interrupted(signal))) => Err(Failure::Interrupted(signal)),
        (None, Ok(()) | Err(Trouble::OutputClosed)) => Ok(()),
    }
}
