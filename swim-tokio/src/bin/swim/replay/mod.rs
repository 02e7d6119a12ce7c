//! `swim replay`: what was recorded, done again, and the story of one member told.

mod directory;
mod pass;
mod summary;
mod tale;

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};

use swim_core::storage::Growable;
use swim_core::trace::{AddressKind, Reader, Terms};
use swim_tokio::{Key, KeyRing, key_file, swim_core, trace};

use crate::failure::{Failure, with_causes};
use pass::{Place, Recorded};
use summary::Summary;

/// Replay a trace, compare every packet and event, and tell the story of one member.
///
/// Everything that went into the nodes of the trace goes into nodes again; each packet has to be
/// the same byte for byte, and each event the same. Without --member, those members are listed of
/// whom more was heard than that they are there. With it, one line tells each thing that happened
/// to it, as every node of the trace saw it: who said so, in which packet, and why it was
/// suspected, refuted, declared dead. Times are seconds by the clock of the trace.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What `swim agent --trace` or `swim sim --trace` has written, by this release.
    file: PathBuf,

    /// The member to tell of: its id in hexadecimal digits, an address it had, its name, or the
    /// number of its node in the trace, as #3.
    #[arg(long, value_name = "MEMBER")]
    member: Option<String>,

    /// Tell only what this node of the trace saw.
    #[arg(long, value_name = "N", requires = "member")]
    node: Option<u32>,

    /// The keys of a trace of sealed packets, which are not in it. Repeatable.
    #[arg(long, value_name = "FILE")]
    key_file: Vec<PathBuf>,

    /// Print one JSON object per line instead of lines for people.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  swim agent --name db-1 --trace db-1.trace
  swim replay db-1.trace                          is it the same, and who was in trouble?
  swim replay db-1.trace --member db-2            why was db-2 declared dead?
  swim sim crash --nodes 16 --seeds 1 --trace crash.trace
  swim replay crash.trace --member '#3' --node 0

Exit status: 0 the same came out, 1 something else did or the trace cannot be read, 2 wrong usage.";

/// Replays a file, and tells.
///
/// # Errors
///
/// Another packet or event came out, a key is missing, the file is no trace.
pub fn run(args: Args) -> Result<(), Failure> {
    let keys = keys(&args.key_file)?;
    let outcome = match open(&args.file)?.addresses() {
        AddressKind::Socket => tell::<SocketAddr>(&args, || trace::terms(keys.clone())),
        AddressKind::SocketV4 => tell::<SocketAddrV4>(&args, || Terms {
            storage: Growable::new,
            keys: keys.clone(),
            allow: |_| None,
        }),
        _ => Err(Failure::Runtime("its addresses are of a type that only its program has".into())),
    };
    match outcome {
        // Nobody reads on.
        Err(Failure::Runtime(reason)) if reason.is_empty() => Ok(()),
        outcome => outcome,
    }
}

fn tell<A: Place>(args: &Args, terms: impl Fn() -> Terms<A, Growable>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let recorded = Recorded::of(open(&args.file)?, terms()).map_err(Failure::Runtime)?;
    written(recorded.write(args.json, &mut out))?;
    let Some(member) = &args.member else {
        let summary = Summary::of(&recorded);
        return written(summary.write(args.json, &recorded.directory, &mut out));
    };
    let member = recorded.directory.find(member).map_err(Failure::Runtime)?;
    let keys = terms().keys;
    let mut lines = pass::story(open(&args.file)?, terms(), (member, keys), |line| {
        match args.node.is_none_or(|node| node == line.node) {
            true => tale::write(&line, args.json, &recorded.directory, &mut out),
            false => Ok(()),
        }
    });
    lines = lines.and_then(|()| out.flush().map_err(pass::Ending::Output));
    match lines {
        Ok(()) => Ok(()),
        Err(pass::Ending::Output(error)) => written(Err(error)),
        Err(pass::Ending::Trace(reason)) => Err(Failure::Runtime(reason)),
    }
}

/// A reader that is gone by now has seen enough.
fn written(outcome: io::Result<()>) -> Result<(), Failure> {
    outcome.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Runtime(String::new()),
        _ => Failure::Runtime(format!("cannot write: {error}")),
    })
}

fn open(path: &Path) -> Result<Reader<BufReader<File>>, Failure> {
    let cannot = |reason: &dyn std::fmt::Display| {
        Failure::Runtime(format!("cannot replay {}: {reason}", path.display()))
    };
    let file = File::open(path).map_err(|error| cannot(&error))?;
    Reader::new(BufReader::new(file)).map_err(|error| cannot(&error))
}

fn keys(files: &[PathBuf]) -> Result<Vec<Key>, Failure> {
    let mut keys = Vec::new();
    for path in files {
        let ring: KeyRing = key_file::read(path).map_err(|error| {
            let path = path.display();
            Failure::Runtime(format!("key file {path}: {}", with_causes(&error)))
        })?;
        keys.extend(ring.keys().cloned());
    }
    Ok(keys)
}
