//! Seeds by name: resolved, resolved again, and joined.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use swim_tokio::{JoinFailure, Swim};
use tokio::net::lookup_host;
use tokio::task::JoinSet;

/// First pause before a name is looked up again; doubles each time.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// Longest pause between two attempts to look a name up.
const RETRY_MAX: Duration = Duration::from_secs(30);

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

/// Joins through every seed as soon as its name resolves. Ends when all have been handed over.
pub async fn join(swim: Swim, seeds: Vec<Seed>) {
    let mut pending = JoinSet::new();
    for seed in seeds {
        pending.spawn(join_one(swim.clone(), seed));
    }
    while pending.join_next().await.is_some() {}
}

async fn join_one(swim: Swim, seed: Seed) {
    let mut pause = RETRY_MIN;
    while let Err(reason) = try_join(&swim, &seed).await {
        let pause_s = pause.as_secs();
        eprintln!("swim: seed {}: {reason}; trying again in {pause_s} s", seed.text);
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(RETRY_MAX);
    }
}

/// Hands over what the name resolves to; the node itself asks until it is answered.
async fn try_join(swim: &Swim, seed: &Seed) -> Result<(), String> {
    let found =
        lookup_host(&seed.text).await.map_err(|error| format!("cannot resolve: {error}"))?;
    let local = swim.local_addr();
    let addresses: Vec<_> = found.filter(|address| is_reachable(local, address)).collect();
    if addresses.is_empty() {
        return Err(format!("has no address that can be reached from {local}"));
    }
    tracing::info!(seed = seed.text, ?addresses, "joining");
    let not_asked = swim.keep_joining(&addresses).await;
    let retried = not_asked.iter().find(|(_, why)| matches!(why, JoinFailure::TooManySeeds));
    retried.map_or(Ok(()), |(address, why)| Err(format!("cannot ask {address}: {why}")))
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
