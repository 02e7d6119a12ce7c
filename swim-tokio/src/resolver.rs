//! Names into addresses, off the protocol's path.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::task::{self, JoinSet};
use tokio::time;

use crate::seed::Seed;

/// Lookups that run at the same time; the next ones wait. The system's resolver takes a thread for
/// each, which lives on for a while when a lookup is given up.
pub(crate) const LOOKUPS_MAX: usize = 8;

type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// How the names of seeds become addresses: [`Options::resolver`](crate::Options::resolver).
///
/// The default asks the system: its hosts file, its search domains, its name servers. Another one
/// is any function of a host and a port, such as one that asks a DNS library or a service registry:
///
/// ```
/// use std::net::SocketAddr;
/// use swim_tokio::{Options, Resolver};
///
/// let bind: SocketAddr = "0.0.0.0:7946".parse().unwrap();
/// let resolver = Resolver::new(|host, port| async move {
///     let found = ask_the_registry(&host).await?;
///     Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
/// });
/// let options = Options { resolver, ..Options::new(bind) };
/// # async fn ask_the_registry(_: &str) -> std::io::Result<Vec<std::net::IpAddr>> { Ok(vec![]) }
/// ```
#[derive(Clone)]
pub struct Resolver(Arc<dyn Fn(String, u16) -> Addresses + Send + Sync>);

impl Resolver {
    /// Asks `look_up` for all addresses of a host, each with the port to use. It runs on the
    /// runtime of the member: it may wait, but must not block. Given up after
    /// [`Options::resolve_timeout`](crate::Options::resolve_timeout) by dropping it.
    pub fn new<F, L>(look_up: F) -> Self
    where
        F: Fn(String, u16) -> L + Send + Sync + 'static,
        L: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        Self(Arc::new(move |host, port| Box::pin(look_up(host, port))))
    }

    /// Asks the system.
    pub fn system() -> Self {
        Self::new(
            |host, port| async move { Ok(lookup_host((host.as_str(), port)).await?.collect()) },
        )
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

/// The name of a seed has no address this member could ask. It is looked up again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResolveError {
    /// The resolver says no: no such host, no name server.
    Failed {
        /// What kind of error.
        kind: io::ErrorKind,
        /// In its own words.
        reason: String,
    },
    /// The resolver says nothing for [`Options::resolve_timeout`](crate::Options::resolve_timeout).
    TimedOut,
    /// The name exists and has no address.
    NoAddress,
    /// All its addresses are of a family the member's socket does not speak: IPv6 behind a socket
    /// bound to `0.0.0.0`, or the other way round.
    OtherFamily,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { reason, .. } => write!(f, "cannot resolve: {reason}"),
            Self::TimedOut => f.write_str("cannot resolve: no answer from the resolver"),
            Self::NoAddress => f.write_str("has no address"),
            Self::OtherFamily => f.write_str("has no address of the family of this socket"),
        }
    }
}

impl std::error::Error for ResolveError {}

/// A name to be looked up, and for which seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lookup {
    pub seed: Seed,
    pub host: String,
    pub port: u16,
}

/// What came of a lookup.
#[derive(Debug)]
pub(crate) struct Found {
    pub seed: Seed,
    pub addresses: Result<Vec<SocketAddr>, ResolveError>,
}

/// The lookups that run, each a task of its own. Dropping it gives them up.
#[derive(Debug)]
pub(crate) struct Lookups {
    resolver: Resolver,
    timeout: Duration,
    running: JoinSet<Result<Vec<SocketAddr>, ResolveError>>,
    /// For which seed, also when the task panics.
    seeds: HashMap<task::Id, Seed>,
}

impl Lookups {
    pub fn new(resolver: Resolver, timeout: Duration) -> Self {
        Self { resolver, timeout, running: JoinSet::new(), seeds: HashMap::new() }
    }

    pub fn start(&mut self, Lookup { seed, host, port }: Lookup) {
        let (resolver, timeout) = (self.resolver.clone(), self.timeout);
        let task = self.running.spawn(async move {
            match time::timeout(timeout, (resolver.0)(host, port)).await {
                Ok(found) => found.map_err(|error| failed(&error)),
                Err(_) => Err(ResolveError::TimedOut),
            }
        });
        self.seeds.insert(task.id(), seed);
    }

    /// What came of the next lookup that ends; nothing for ever if none runs. Cancel safe.
    pub async fn next(&mut self) -> Found {
        loop {
            let Some(ended) = self.running.join_next_with_id().await else {
                std::future::pending().await
            };
            let (id, addresses) = match ended {
                Ok(ended) => ended,
                Err(error) => (error.id(), Err(failed(&error.into()))),
            };
            if let Some(seed) = self.seeds.remove(&id) {
                return Found { seed, addresses };
            }
        }
    }
}

fn failed(error: &io::Error) -> ResolveError {
    ResolveError::Failed { kind: error.kind(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn found(resolver: Resolver) -> Result<Vec<SocketAddr>, ResolveError> {
        let mut lookups = Lookups::new(resolver, Duration::from_millis(50));
        lookups.start(Lookup { seed: "db:7946".into(), host: "db".into(), port: 7946 });
        let found = lookups.next().await;
        assert_eq!(found.seed, "db:7946".into());
        found.addresses
    }

    #[tokio::test]
    async fn a_resolver_is_asked_for_host_and_port() {
        let resolver = Resolver::new(|host, port| async move {
            assert_eq!(host, "db");
            Ok(vec![SocketAddr::from(([10, 0, 0, 1], port))])
        });
        assert_eq!(found(resolver).await, Ok(vec![SocketAddr::from(([10, 0, 0, 1], 7946))]));
    }

    #[tokio::test]
    async fn a_resolver_that_fails_hangs_or_panics_is_told_of() {
        let refuses = |_, _| async { Err(io::Error::new(io::ErrorKind::NotFound, "no such host")) };
        let refused =
            ResolveError::Failed { kind: io::ErrorKind::NotFound, reason: "no such host".into() };
        assert_eq!(found(Resolver::new(refuses)).await, Err(refused));
        let hangs = Resolver::new(|_, _| std::future::pending());
        assert_eq!(found(hangs).await, Err(ResolveError::TimedOut));
        let panics = Resolver::new(|_, port| async move {
            assert_eq!(port, 0, "a fault of the resolver");
            Ok(Vec::new())
        });
        assert!(matches!(found(panics).await, Err(ResolveError::Failed { .. })));
    }

    #[tokio::test]
    async fn the_system_knows_this_machine() {
        let found = (Resolver::system().0)("localhost".into(), 7946).await.expect("it is known");
        assert!(found.iter().any(|address| address.ip().is_loopback() && address.port() == 7946));
    }
}
