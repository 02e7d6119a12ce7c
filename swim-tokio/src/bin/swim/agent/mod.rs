//! `swim agent`: one member, in the foreground.

mod counts;
mod keys;
pub mod print;
mod seeds;
pub mod settings;
mod state;
mod stop;
mod tag;
mod trace;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use swim_tokio::tags::{METADATA_LEN_MAX, Tags};
use swim_tokio::{Event, Events, IpNet, KeyRing, NodeId, Options, Seed, Swim, Update};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::failure::{Failure, with_causes};
use crate::report::News;
use crate::signals::Hangups;
use crate::span::Span;
use counts::Counts;
use keys::{KeySource, Keys};
use print::{Printer, news_of};
use seeds::Seeds;
use settings::Settings;
use state::Troubles;
use trace::TraceEnd;

/// Run one member in the foreground and print who joins, fails and leaves.
///
/// Each line tells the time since the start, a sign, the member's name and address, and what
/// happened to it. Ctrl-C or SIGTERM says goodbye to the cluster and ends the agent; a second
/// Ctrl-C ends it at once.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to listen, UDP and TCP. Port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "0.0.0.0:7946", value_parser = address)]
    bind: SocketAddr,

    /// The address the others shall use, if it is not the one of --bind (behind NAT, in a
    /// container).
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    advertise: Option<SocketAddr>,

    /// A network the agent speaks with, such as 10.0.0.0/8 or fd00::/8. Repeatable; packets from
    /// elsewhere are dropped unread, and members that say they are elsewhere are not known.
    /// [default: everybody]
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    allow: Vec<IpNet>,

    #[command(flatten)]
    keys: KeySource,

    /// Members to join through: a host name with all its addresses, or an address. Repeatable; one
    /// that answers is enough. Asked until one does, the name looked up every time, and again
    /// should that member ever be gone.
    #[arg(long, value_name = "HOST:PORT", value_parser = str::parse::<Seed>)]
    join: Vec<Seed>,

    /// The name of this member, unique in its cluster: its id is made of it. At most 128 bytes.
    /// [default: the host's name]
    #[arg(long)]
    name: Option<String>,

    /// Something the others shall know about this member. Repeatable. Keys and values have at most
    /// 255 bytes each, and with the name at most 511 together, one counted in for each of them.
    #[arg(long, value_name = "KEY=VALUE")]
    tag: Vec<String>,

    #[command(flatten)]
    settings: Settings,

    /// Keep across restarts what the agent would have to learn again: whom it knows, so that it
    /// finds them without --join, how often it has been accused, and how long a pause the others
    /// must allow it. One file in this directory, written at most every five seconds.
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// Time between two writes of that file.
    #[arg(long, value_name = "TIME", default_value = "5s", hide = true)]
    state_interval: Span,

    /// Record all that goes into the agent in a new file, for `swim replay` to find out why it
    /// believed what it did. Only its owner may read it: what others said in clear is in it. Keys
    /// are not.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,

    /// The greatest length of that file; the trace ends there, and the agent goes on.
    #[arg(long, value_name = "BYTES", default_value_t = TRACE_LEN_MAX, requires = "trace")]
    trace_len_max: u64,

    /// Print one JSON object per line instead of lines for people.
    #[arg(long)]
    json: bool,

    /// Leave when standard input ends: a parent that dies takes its agents with it.
    #[arg(long, hide = true)]
    leave_on_stdin_close: bool,
}

/// What an agent of a hundred members records in some hours.
pub const TRACE_LEN_MAX: u64 = 256 << 20;

const EXAMPLES: &str = "\
Examples:
  swim agent --bind 127.0.0.1:7946 --name a
  swim agent --bind 127.0.0.1:7947 --name b --join 127.0.0.1:7946 --tag zone=eu --tag role=db
  swim agent --join db-1:7946 --join db-2:7946 --label prod --json
  swim agent --allow 10.0.0.0/8 --allow fd00::/8 --join db-1:7946
  swim keygen --out swim.keys && swim agent --key-file swim.keys
  swim agent --name db-1 --pause-tolerance 6s --state-dir /var/lib/swim
  swim agent --trace db-1.trace                then: swim replay db-1.trace --member db-2

Exit status: 0 left the cluster, 1 a failure (the reason is on standard error), 2 wrong usage.";

/// Runs until the agent is told to leave.
///
/// # Errors
///
/// A name or tags that do not fit are usage errors; a port in use, a stolen name and a broken
/// standard output end the agent with a reason.
pub fn run(args: Args) -> Result<(), Failure> {
    let tags = tags(&args)?;
    // One worker drives the protocol. Printing happens on the main thread, so a reader who does
    // not read delays nothing but the lines.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::Runtime(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(serve(args, &tags));
    // A name that is being resolved must not hold up the end.
    runtime.shutdown_background();
    outcome
}

async fn serve(args: Args, tags: &Tags) -> Result<(), Failure> {
    let mut printer = Printer::new(args.json, Clock::start());
    let mut stop = stop::requests(args.leave_on_stdin_close)?;
    let hangups =
        Hangups::listen().map_err(|why| Failure::Runtime(format!("no signals: {why}")))?;
    let options = options(&args, tags)?;
    let key_ids = options.keys.iter().flat_map(KeyRing::ids).collect();
    let (swim, runner) =
        swim_tokio::bind(options).await.map_err(|error| Failure::Runtime(with_causes(&error)))?;
    let events = swim.events();
    let keys = Keys::new(swim.clone(), hangups, &args.keys, key_ids);
    tokio::spawn(runner.run());
    let hello = News::Listening {
        id: swim.id().to_string(),
        name: tags.name().to_owned(),
        address: swim.advertised(),
        pid: std::process::id(),
    };
    let end = match printer.print(hello) {
        Ok(()) => {
            let sources = Sources {
                events,
                keys,
                seeds: Seeds::join(swim.clone(), args.join).await,
                counts: Counts::new(swim.clone()),
                troubles: Troubles::new(swim.clone()),
                trace: TraceEnd::new(swim.clone()),
            };
            watch(sources, &mut printer, &mut stop).await
        }
        Err(error) => End::from(error),
    };
    finish(end, &swim, &mut printer).await
}

/// Why an agent stops watching.
enum End {
    Asked,
    /// Nobody reads the output any more.
    ReaderGone,
    OutputBroken(std::io::Error),
    NameTaken {
        rival: SocketAddr,
    },
    NodeStopped,
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::OutputBroken(error),
        }
    }
}

/// Where news come from.
struct Sources {
    events: Events,
    keys: Keys,
    seeds: Seeds,
    counts: Counts,
    troubles: Troubles,
    trace: TraceEnd,
}

async fn watch(mut from: Sources, printer: &mut Printer, stop: &mut mpsc::Receiver<()>) -> End {
    loop {
        let (news, end) = tokio::select! {
            _ = stop.recv() => return End::Asked,
            update = from.events.next() => match update {
                Some(update) => (from.keys.explain(news_of(&update)), end_after(&update)),
                None => return End::NodeStopped,
            },
            news = from.keys.next() => (news, None),
            news = from.seeds.next() => (vec![news], None),
            news = from.counts.next() => (vec![news], None),
            news = from.troubles.next() => (vec![news], None),
            news = from.trace.next() => (vec![news], None),
        };
        for news in news {
            if let Err(error) = printer.print(news) {
                return End::from(error);
            }
        }
        if let Some(end) = end {
            return end;
        }
    }
}

fn end_after(update: &Update) -> Option<End> {
    match update {
        Update::Event { event: Event::Conflict { rival, won: false }, .. } => {
            Some(End::NameTaken { rival: *rival })
        }
        _ => None,
    }
}

async fn finish(end: End, swim: &Swim, printer: &mut Printer) -> Result<(), Failure> {
    let reason = match end {
        End::Asked | End::ReaderGone => {
            // A reader that is gone by now does not keep the agent from leaving.
            let _ = printer.print(News::Leaving);
            let left = swim.leave().await;
            let _ = printer.print(News::Left);
            left.err().map(|error| error.to_string())
        }
        End::OutputBroken(error) => {
            // The broken output is the worse news.
            let _ = swim.leave().await;
            Some(format!("cannot write to standard output: {error}"))
        }
        End::NameTaken { rival } => {
            Some(format!("another living member at {rival} has the same name: choose another"))
        }
        End::NodeStopped => Some("the node stopped by itself".to_owned()),
    };
    swim.shutdown().await;
    reason.map_or(Ok(()), |reason| Err(Failure::Runtime(reason)))
}

fn options(args: &Args, tags: &Tags) -> Result<Options, Failure> {
    Ok(Options {
        advertise: args.advertise,
        allow: (!args.allow.is_empty()).then(|| args.allow.clone()),
        keys: args.keys.ring()?,
        sealing: args.keys.sealing(),
        id: Some(NodeId::from_name(tags.name())),
        metadata: tags.encode(),
        metadata_len_max: METADATA_LEN_MAX,
        config: args.settings.config(),
        state_dir: args.state_dir.clone(),
        state_interval: args.state_interval.0,
        trace: args.trace.clone(),
        trace_len_max: args.trace_len_max,
        ..Options::new(args.bind)
    })
}

fn tags(args: &Args) -> Result<Tags, Failure> {
    let name = match &args.name {
        Some(name) => name.clone(),
        None => gethostname::gethostname().to_string_lossy().into_owned(),
    };
    tag::tags(&name, &args.tag)
}

/// A single address is the network of itself.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| "expected IP/LENGTH, such as 10.0.0.0/8")
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "expected IP:PORT, such as 0.0.0.0:7946 or [::]:7946")
}
