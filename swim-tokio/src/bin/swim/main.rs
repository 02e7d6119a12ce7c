//! `swim`: cluster membership from the command line.
//!
//! `swim agent` runs one member in the foreground, `swim demo` a whole cluster of them and shows
//! how it notices a crash, a return and a goodbye, `swim drill` kills and stops members of such a
//! cluster again and again and measures what the others make of it, `swim sim` compares failure
//! detectors on simulated clusters, `swim replay` does again what an agent or a simulation has
//! recorded, and tells the story of one member. Standard output carries the product (lines for
//! people or JSON), standard error diagnostics and the reason for a failure.
//!
//! Exit status: 0 when all went well, 1 for a failure at run time, 2 for a wrong command line, 130
//! and 143 for a demo or a drill ended by Ctrl-C and by SIGTERM.

#![forbid(unsafe_code)]

mod agent;
mod agents;
mod board;
mod children;
mod clock;
mod crew;
mod demo;
#[cfg(unix)]
mod drill;
mod failure;
mod keygen;
mod replay;
mod report;
mod signals;
mod sim;
mod span;
mod tasks;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// SWIM cluster membership: who is there, who died, who left.
#[derive(Parser)]
#[command(name = "swim", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Say more on standard error: -v progress, -vv decisions, -vvv everything. RUST_LOG overrides
    /// it.
    #[arg(short, long, global = true, display_order = 100, action = ArgAction::Count)]
    verbose: u8,
}

const EXAMPLES: &str = "\
Examples:
  swim demo                                    five processes: crash, return, goodbye
  swim drill                                   kill, stop, restart processes; measure
  swim agent                                   a member on port 7946
  swim agent --bind 127.0.0.1:7947 --name b --join 127.0.0.1:7946
  swim agent --join db-1:7946 --json | jq .    membership changes as JSON
  swim keygen --out swim.keys                  a key, for agents with --key-file
  swim sim crash                               how soon each detector finds a crash
  swim replay db-1.trace --member db-2         why db-2 was declared dead

Exit status: 0 all went well, 1 a failure (the reason is on standard error), 2 wrong usage.";

#[derive(Subcommand)]
enum Command {
    Agent(agent::Args),
    Demo(demo::Args),
    Keygen(keygen::Args),
    #[cfg(unix)]
    Drill(drill::Args),
    Sim(sim::Args),
    Replay(replay::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(cli.verbose);
    let outcome = match cli.command {
        Command::Agent(args) => agent::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Keygen(args) => keygen::run(args),
        #[cfg(unix)]
        Command::Drill(args) => drill::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Replay(args) => replay::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("swim: {failure}");
            failure.exit_code()
        }
    }
}

fn log_to_stderr(verbose: u8) {
    let default = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal() && !no_color)
        .with_writer(io::stderr)
        .init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
