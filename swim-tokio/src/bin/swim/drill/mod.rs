//! `swim drill`: processes killed, restarted, stopped and continued; what the others make of it.

mod acts;
mod cluster;
mod episode;
mod network;
mod output;
mod partition;
mod pauses;
mod spread;
mod summary;
mod trial;
mod usage;

use std::time::Duration;

use crate::clock::Clock;
use crate::failure::Failure;
use acts::{Drill, Plan};
use cluster::Cluster;
use network::Network;
use output::Output;
use pauses::Pauses;
use summary::Summary;

/// Fewest agents: one suffers, one asks, one relays.
const AGENTS_MIN: u16 = 3;
/// Most agents: beyond it one machine runs out of file descriptors and patience.
const AGENTS_MAX: u16 = 300;
/// Most kills, and most pauses of one length.
const TRIALS_MAX: u16 = 10_000;

/// Kill and stop real processes again and again, and measure how the others notice.
///
/// Starts agents on this machine, waits until all see all, and then, one trial after the other:
/// kills one with SIGKILL, waits until all others declared it dead, and starts it again; or stops
/// one with SIGSTOP for a while and lets it go on. Tells how long the others took, who was
/// declared dead while it only slept, and whom it accused when it woke. Whoever is killed, stopped
/// or only alive takes turns. All processes end with the drill.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// How many agents to run, 3 to 300.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16)
        .range(i64::from(AGENTS_MIN)..=i64::from(AGENTS_MAX)))]
    agents: u16,

    /// How often to kill one.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16)
        .range(..=i64::from(TRIALS_MAX)))]
    kills: u16,

    /// How often to stop one, and for how many seconds. Repeatable.
    #[arg(long, value_name = "COUNTxSECONDS", default_value = "3x2")]
    pauses: Vec<Pauses>,

    /// How often to cut the network in two halves, until each half has forgotten the other, and to
    /// let it heal. Give the agents a short --tombstone-time.
    #[arg(long, value_name = "COUNT", default_value_t = 0, requires = "netns",
        value_parser = clap::value_parser!(u16).range(..=i64::from(TRIALS_MAX)))]
    partitions: u16,

    /// Seconds to watch the cluster before anything happens to it.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    idle: u16,

    /// Run in a network namespace of its own, which counts packets. Linux, with `unshare`, `ip` and
    /// `nft`, as root or where users may have namespaces.
    #[arg(long)]
    netns: bool,

    /// Of 1 000 datagrams, how many get lost.
    #[arg(long, value_name = "PERMILLE", default_value_t = 0, requires = "netns",
        value_parser = clap::value_parser!(u16).range(..=1_000))]
    loss: u16,

    /// Let a killed agent be silent, as if its machine were gone: nobody tells the others that its
    /// port is closed.
    #[arg(long, requires = "netns")]
    host_crash: bool,

    /// Print one JSON object per step, and a summary as the last line.
    #[arg(long)]
    json: bool,

    /// What every agent is started with.
    #[arg(last = true, value_name = "AGENT OPTIONS")]
    agent_args: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  swim drill
  swim drill --agents 30 --kills 10 --pauses 10x2 --pauses 3x20 -- --profile local
  swim drill --agents 100 --kills 30 --pauses 50x2 --netns --loss 10 --json > drill.json
  swim drill --agents 20 --kills 0 --pauses 0x1 --netns --partitions 3 -- --tombstone-time 5s

Times are milliseconds after the signal; null stands for what did not happen. Of few trials, p99 is
the slowest. The figures are worth what the machine has to spare: see how late the drill itself was.

Exit status: 0 all trials were made, 1 not (the reason is on standard error), 2 wrong usage, 130
Ctrl-C.";

/// Makes all trials.
///
/// # Errors
///
/// No network namespace, an agent that does not start or ends by itself, agents that do not find
/// together again, an interruption.
pub fn run(args: Args) -> Result<(), Failure> {
    if args.netns && !network::is_entered()? {
        return Err(network::enter());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Runtime(format!("cannot start: {error}")))?;
    runtime.block_on(drill(args))
}

async fn drill(args: Args) -> Result<(), Failure> {
    let network = match args.netns {
        true => Network::own(args.loss, args.host_crash)?,
        false => Network::shared(),
    };
    let output = Output::new(args.json, Clock::start());
    let mut summary = Summary {
        agents: usize::from(args.agents),
        agent_args: args.agent_args,
        loss_permille: args.loss,
        host_crash: args.host_crash,
        ..Summary::default()
    };
    let cluster = Cluster::new(summary.agents, &summary.agent_args, args.partitions > 0)?;
    let mut drill = Drill::new(cluster, network, output);
    let plan = Plan {
        idle: Duration::from_secs(args.idle.into()),
        kills: args.kills,
        pauses: args.pauses.iter().copied().flat_map(Pauses::each).collect(),
        partitions: args.partitions,
    };
    let outcome = drill.run(&plan, &mut summary).await;
    // Also what was measured until something went wrong.
    drill.close(&summary).and(outcome)
}
