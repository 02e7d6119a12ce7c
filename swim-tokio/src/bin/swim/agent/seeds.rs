//! Seeds by name: resolved, resolved again, and joined.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use swim_tokio::{JoinFailure, Swim};
use tokio::net::lookup_host;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::report::News;

/// First pause before a name is looked up again; doubles each time.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// Longest pause between two attempts to look a name up.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// News that wait to be printed; the seeds wait when there is no room.
const NEWS_MAX: usize = 16;

/// A `HOST:PORT` of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    text: String,
}

impl FromStr for Seed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or("expected HOST:PORT")?;
        match (host, port.parse::<u16>()) {
            ("", _) => Err("expected HOST:PORT, and the host is empty"),
            (_, Err(_)) => Err("expected HOST:PORT, and the port is not a number up to 65535"),
            (_, Ok(0)) => Err("a seed listens on a port above 0"),
            (_, Ok(_)) => Ok(Self { text: text.to_owned() }),
        }
    }
}

/// Joins through every seed as soon as its name resolves, and tells of seeds that make trouble.
pub fn join(swim: &Swim, seeds: Vec<Seed>) -> mpsc::Receiver<News> {
    let (news, told) = mpsc::channel(NEWS_MAX);
    let swim = swim.clone();
    tokio::spawn(async move {
        let mut pending = JoinSet::new();
        for seed in seeds {
            pending.spawn(join_one(swim.clone(), seed, news.clone()));
        }
        while pending.join_next().await.is_some() {}
    });
    told
}

async fn join_one(swim: Swim, seed: Seed, news: mpsc::Sender<News>) {
    let mut pause = RETRY_MIN;
    let trouble = loop {
        let retry_s = pause.as_secs();
        let seed = seed.text.clone();
        let trouble = match try_join(&swim, &seed).await {
            Outcome::Answered => return,
            Outcome::Silent => break News::NoAnswer { seed },
            Outcome::Unresolved(reason) => News::Unresolved { seed, reason, retry_s },
            Outcome::NotAsked(reason) => News::NotAsked { seed, reason, retry_s },
        };
        // Nobody listens any more when the agent is ending.
        let _ = news.send(trouble).await;
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(RETRY_MAX);
    };
    let _ = news.send(trouble).await;
}

/// What became of one attempt to join through a seed.
enum Outcome {
    /// It let this member in, or refused it, which is news by itself; or it is this member.
    Answered,
    /// It did not answer in time; the node itself goes on asking.
    Silent,
    /// It is to be looked up again.
    Unresolved(String),
    /// The node has no room for it now.
    NotAsked(String),
}

/// Joins through all addresses the name resolves to.
async fn try_join(swim: &Swim, seed: &str) -> Outcome {
    let found = match lookup_host(seed).await {
        Ok(found) => found,
        Err(error) => return Outcome::Unresolved(format!("cannot resolve: {error}")),
    };
    let local = swim.local_addr();
    let addresses: Vec<_> = found.filter(|address| is_reachable(local, address)).collect();
    if addresses.is_empty() {
        return Outcome::Unresolved(format!("has no address that can be reached from {local}"));
    }
    tracing::info!(seed, ?addresses, "joining");
    let admissions = swim.join(&addresses).await;
    let failed = |failure| admissions.iter().find(|(_, outcome)| *outcome == Err(failure));
    match (failed(JoinFailure::TooManySeeds), failed(JoinFailure::NoAnswer)) {
        (Some((address, _)), _) => {
            let why = JoinFailure::TooManySeeds;
            Outcome::NotAsked(format!("cannot ask {address}: {why}"))
        }
        (None, Some(_)) if admissions.iter().all(|(_, outcome)| outcome.is_err()) => {
            Outcome::Silent
        }
        (None, _) => Outcome::Answered,
    }
}

/// Whether a socket bound to `local` can send to `address`; `[::]` takes both families.
fn is_reachable(local: SocketAddr, address: &SocketAddr) -> bool {
    let takes_both = local.is_ipv6() && local.ip().is_unspecified();
    takes_both || local.is_ipv4() == address.is_ipv4()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_reaches_its_own_family_and_the_unspecified_one_both() {
        let [v4, v6] = ["10.0.0.1:1", "[fd00::1]:1"].map(|text| text.parse().unwrap());
        assert!(is_reachable(v4, &v4) && !is_reachable(v4, &v6));
        assert!(is_reachable(v6, &v6) && !is_reachable(v6, &v4));
        let both = "[::]:1".parse().unwrap();
        assert!(is_reachable(both, &v4) && is_reachable(both, &v6));
    }

    #[test]
    fn a_seed_needs_a_host_and_a_port() {
        for good in ["db-1:7946", "10.0.0.1:1", "[::1]:7946"] {
            assert!(good.parse::<Seed>().is_ok(), "{good}");
        }
        for bad in ["", "db-1", ":7946", "db-1:", "db-1:http", "db-1:65536", "db-1:0"] {
            assert!(bad.parse::<Seed>().is_err(), "{bad}");
        }
    }
}
