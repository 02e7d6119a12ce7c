//! What a member is started with.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use swim_core::{Config, KeyRing, MetadataTooLong, NewError, NodeId, Nonces, Sealing};

use crate::resolver::Resolver;

/// Everything [`bind`](crate::bind) needs. Take [`Options::new`] and change what you must:
///
/// ```
/// use swim_tokio::{Config, Options};
///
/// let bind = "[::]:7946".parse().unwrap();
/// let options =
///     Options { name: Some("db-1".into()), config: Config::wan(), ..Options::new(bind) };
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen, UDP and TCP alike. Port 0 takes one that is free for both. `[::]` takes
    /// IPv4 too where the system can do so.
    pub bind: SocketAddr,
    /// Where others reach this member, when that is not where it listens (a container, a NAT).
    /// Port 0 stands for the bound port. Default: the bound address; when that is `0.0.0.0` or
    /// `[::]`, the address the system would send from (IPv4 before IPv6), else loopback.
    pub advertise: Option<SocketAddr>,
    /// The networks this member speaks with. Packets and connections from elsewhere are dropped
    /// before anything in them is read, nothing is sent elsewhere, and members that say they are
    /// elsewhere are not known; all is counted. The same on all members, or they disagree. An IPv4
    /// address is the same in IPv6 clothes. An empty list denies everybody: the member stays
    /// alone. No protection against sources that are forged. Default: `None`, everybody.
    pub allow: Option<Vec<IpNet>>,
    /// The keys that packets are sealed with; [`key_file::read`](crate::key_file::read) takes them
    /// from a file. Default: `None`, packets go in clear.
    pub keys: Option<KeyRing>,
    /// With keys: which packets are sealed, and whether others are taken. Default:
    /// [`Sealing::Require`], all are sealed and no others taken.
    pub sealing: Sealing,
    /// What the id is made of when `id` is `None`. Unique in its cluster; the same after a restart,
    /// so that the others see one member come back and not a new one. The others are told the id
    /// alone: a name they shall see belongs into `metadata`, in any form or in that of
    /// [`tags`](crate::tags), which `swim agent` shows. Default: `None`.
    pub name: Option<String>,
    /// The id. Default: made of `name` by [`NodeId::from_name`], random without a name.
    pub id: Option<NodeId>,
    /// Bytes every member sees beside this one; [`tags`](crate::tags) is one form they can have.
    /// Default: none.
    pub metadata: Vec<u8>,
    /// The protocol's settings. Default: [`Config::lan`].
    pub config: Config,
    /// The most members the table takes, this one and the remembered dead included. Memory is
    /// taken as the cluster grows. Default: 100 000.
    pub members_max: usize,
    /// The longest metadata kept for one member, in bytes. Default: 512.
    pub metadata_len_max: usize,
    /// The seed of every random choice, and of the mark that tells two runs of one member apart:
    /// another one for every run. Default: from the system.
    pub seed: Option<u64>,
    /// A directory where this member keeps across restarts what it would have to learn again: its
    /// incarnation, how long the others must wait for it because it has stood still before (see
    /// [`Node::patience`](swim_core::Node::patience)), and whom it knows, up to 100 000 members. A
    /// later run looks for them, so it finds its cluster without any seed while one of them lives.
    /// One file for each id, so members can share a directory; the directory is created if it is
    /// not there. Written at the start, at the end, and between when something has changed; a file
    /// of no use is moved aside and [told of](crate::Swim::state_trouble). Needs a `name` or an
    /// `id`: without, every run is another member. Default: `None`, nothing is kept.
    pub state_dir: Option<PathBuf>,
    /// The shortest time between two writes of that file, to which every member kept adds 50 us: a
    /// hundred thousand are 5 MB. Default: 5 s.
    pub state_interval: Duration,
    /// A new file into which all that goes into this member is recorded, for `swim replay` to find
    /// out why it believed what it did: see [`trace`](crate::trace). Only its owner may read it,
    /// since what members said in clear is in it; keys are not. A file that is there already is an
    /// error. Default: `None`.
    pub trace: Option<PathBuf>,
    /// The greatest length of that file, in bytes; the trace ends there, the member goes on. What
    /// strangers send is in it too, so who floods the member ends it sooner. Default: 256 MiB.
    pub trace_len_max: u64,
    /// How long [`Swim::join`](crate::Swim::join) waits for its seeds, and how long a seed may be
    /// silent before that is [trouble](crate::SeedStatus::trouble). Default: 5 s.
    pub join_deadline: Duration,
    /// How the names of seeds become addresses. Default: the system's resolver.
    pub resolver: Resolver,
    /// How long one lookup of a name may take. Default: 5 s.
    pub resolve_timeout: Duration,
    /// How many updates wait for a subscriber that is slow, before it is told that it
    /// [lagged](crate::Update::Lagged). At least 1, rounded up to a power of two. Default: 1 024.
    pub updates_max: usize,
    /// How long a TCP peer may take for one packet, to connect, or to accept what it is sent. A
    /// connection idle for so long is closed. Default: 10 s.
    pub stream_timeout: Duration,
}

/// More waiting updates per subscriber than this would only be memory.
const UPDATES_MAX_MAX: usize = 1 << 20;

impl Options {
    /// A member without a name, on a LAN, listening on `bind`.
    pub fn new(bind: SocketAddr) -> Self {
        Self {
            bind,
            advertise: None,
            allow: None,
            keys: None,
            sealing: Sealing::Require,
            name: None,
            id: None,
            metadata: Vec::new(),
            config: Config::lan(),
            members_max: 100_000,
            metadata_len_max: 512,
            seed: None,
            state_dir: None,
            state_interval: Duration::from_secs(5),
            trace: None,
            trace_len_max: 256 << 20,
            join_deadline: Duration::from_secs(5),
            resolver: Resolver::system(),
            resolve_timeout: Duration::from_secs(5),
            updates_max: 1_024,
            stream_timeout: Duration::from_secs(10),
        }
    }

    pub(crate) fn node_id(&self) -> NodeId {
        let named = self.name.as_deref().map(NodeId::from_name);
        self.id.or(named).unwrap_or_else(|| NodeId::from_random(random()))
    }

    /// Whether a later run will be the same member.
    pub(crate) fn has_lasting_id(&self) -> bool {
        self.id.is_some() || self.name.is_some()
    }

    pub(crate) fn node_seed(&self) -> u64 {
        self.seed.unwrap_or_else(random)
    }

    pub(crate) fn updates_capacity(&self) -> usize {
        self.updates_max.clamp(1, UPDATES_MAX_MAX)
    }
}

/// Never the same in two runs, and nobody can guess it: two runs of one member must not seal two
/// packets alike.
pub(crate) fn nonces() -> io::Result<Nonces> {
    let salt = getrandom::u64().map_err(io::Error::other)?;
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(Nonces { salt, seconds: u32::try_from(since_1970.as_secs()).unwrap_or(u32::MAX) })
}

/// 64 bits from the system: the standard library keys its hash maps with them.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// No member was started, and no socket stays open.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// Somebody else listens on this port: another process, or another member.
    PortInUse {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The system refuses to listen there: no such address, or no permission.
    Socket {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing can be kept in [`Options::state_dir`]: it cannot be created, read or written, or
    /// there is neither a name nor an id to keep it for.
    State {
        /// The directory.
        directory: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file for [`Options::trace`] cannot be made: it is there already, or the system refuses.
    Trace {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The others are to reach this member where [`Options::allow`] does not let it speak: nobody
    /// who has the same list could.
    NotAllowed {
        /// The address the others would be told.
        advertised: SocketAddr,
    },
    /// With [`Options::keys`], the metadata would not fit into a datagram: the caller's fault.
    MetadataTooLong(MetadataTooLong),
    /// The system has no randomness to give, and without it no packet can be sealed.
    NoRandomness(io::Error),
    /// The options do not make a node: the caller's fault.
    Node(NewError),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PortInUse { address } => write!(f, "{address} is in use"),
            Self::Socket { address, .. } => write!(f, "cannot listen on {address}"),
            Self::State { directory, .. } => {
                write!(f, "cannot keep the state of this member in {}", directory.display())
            }
            Self::Trace { path, .. } => write!(f, "cannot record into {}", path.display()),
            Self::NotAllowed { advertised } => {
                write!(f, "the list of allowed networks lacks this member's own {advertised}")
            }
            Self::MetadataTooLong(_) => f.write_str("the metadata is too long for sealed packets"),
            Self::NoRandomness(_) => f.write_str("the system gives no randomness"),
            Self::Node(_) => f.write_str("the options do not make a node"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::PortInUse { .. } | Self::NotAllowed { .. } => None,
            Self::Socket { source, .. }
            | Self::State { source, .. }
            | Self::Trace { source, .. } => Some(source),
            Self::NoRandomness(source) => Some(source),
            Self::MetadataTooLong(source) => Some(source),
            Self::Node(source) => Some(source),
        }
    }
}

impl From<NewError> for BindError {
    fn from(error: NewError) -> Self {
        Self::Node(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options::new(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    #[test]
    fn an_id_comes_before_a_name_and_a_name_before_chance() {
        let named = Options { name: Some("db-1".into()), ..options() };
        assert_eq!(named.node_id(), NodeId::from_name("db-1"));
        let both = Options { id: Some(NodeId::new(7)), ..named };
        assert_eq!(both.node_id(), NodeId::new(7));
        assert_ne!(options().node_id(), options().node_id());
    }

    #[test]
    fn every_run_has_another_seed_unless_told() {
        assert_ne!(options().node_seed(), options().node_seed());
        assert_eq!(Options { seed: Some(3), ..options() }.node_seed(), 3);
    }
}
