//! One trial, and a time without any: what came of it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::cluster::Cluster;
use super::episode::Episode;
use super::network::Traffic;
use super::usage::Usage;
use crate::clock::millis;

/// CPU time is told in steps of 10 ms, and an idle agent takes one of them in half a minute.
const CPU_TIME_MIN: Duration = Duration::from_secs(20);

/// What was done to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// SIGKILL, and a start when all others had declared it dead.
    Kill,
    /// SIGSTOP, and SIGCONT after so long.
    Pause { pause_ms: u64 },
}

/// What came of one trial. Times are milliseconds; `None` for what did not happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    pub node: String,
    #[serde(flatten)]
    pub fault: Fault,
    /// From the signal to the first suspicion of the agent.
    pub first_suspect_ms: Option<u64>,
    /// From the signal until the first other agent declared it dead.
    pub first_dead_ms: Option<u64>,
    /// From the signal until the last one did, if all did.
    pub all_dead_ms: Option<u64>,
    /// How many others declared it dead.
    pub declared_by: usize,
    /// From SIGCONT or the new start until it and all others saw each other alive.
    pub back_ms: Option<u64>,
    /// Others it suspected and declared dead although they ran.
    pub sleeper_suspected: usize,
    pub sleeper_declared: usize,
    /// Running agents that others suspected and declared dead, except this one.
    pub false_suspicions: usize,
    pub false_deaths: usize,
    /// From the signal to the end of the trial.
    pub rates: Option<Rates>,
}

impl Trial {
    pub fn of(
        cluster: &Cluster,
        node: usize,
        fault: Fault,
        all_dead: bool,
        rates: Option<Rates>,
    ) -> Self {
        let episode: &Episode = cluster.episode();
        let (by_subject, by_others) = (episode.by_subject(), episode.by_others());
        Self {
            node: cluster.name(node).to_owned(),
            fault,
            first_suspect_ms: episode.first_suspect_ms(),
            first_dead_ms: episode.first_dead_ms(),
            all_dead_ms: episode.last_dead_ms().filter(|_| all_dead),
            declared_by: episode.declared_by(),
            back_ms: cluster.back_ms(),
            sleeper_suspected: by_subject.suspected,
            sleeper_declared: by_subject.declared,
            false_suspicions: by_others.suspected,
            false_deaths: by_others.declared,
            rates,
        }
    }
}

/// `killed: dead after 812 ms, known to all after 1102 ms, back after 240 ms`
impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Kill => write!(f, "{} killed: ", self.node)?,
            Fault::Pause { pause_ms } => write!(f, "{} stopped for {pause_ms} ms: ", self.node)?,
        }
        match (self.first_dead_ms, self.all_dead_ms) {
            (None, _) => f.write_str("not declared dead")?,
            (Some(first), Some(all)) => write!(f, "dead after {first} ms, for all after {all} ms")?,
            (Some(first), None) => {
                write!(f, "dead after {first} ms, declared by {}", self.declared_by)?;
            }
        }
        if let Some(back) = self.back_ms {
            write!(f, "; back after {back} ms")?;
        }
        for (count, what) in [
            (self.sleeper_suspected, "suspicions by it"),
            (self.sleeper_declared, "DEATHS DECLARED BY IT"),
            (self.false_suspicions, "false suspicions"),
            (self.false_deaths, "FALSE DEATHS"),
        ] {
            if count > 0 {
                write!(f, "; {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// A time in which nothing was done to anybody.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Idle {
    pub seconds: u64,
    pub false_suspicions: usize,
    pub false_deaths: usize,
    pub rates: Option<Rates>,
    /// Of one processor, in the mean of all agents: microseconds in each second.
    pub cpu_us_per_s: Option<u64>,
    /// In the mean of all agents.
    pub resident_kb: Option<u64>,
}

impl Idle {
    pub fn of(
        cluster: &Cluster,
        time: Duration,
        rates: Option<Rates>,
        spent: Option<Spent>,
    ) -> Self {
        let by_others = cluster.episode().by_others();
        Self {
            seconds: time.as_secs(),
            false_suspicions: by_others.suspected,
            false_deaths: by_others.declared,
            rates,
            cpu_us_per_s: spent.and_then(|spent| spent.cpu_us_per_s),
            resident_kb: spent.map(|spent| spent.resident_kb),
        }
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s idle", self.seconds)?;
        if let Some(rates) = self.rates {
            write!(f, ": {rates}")?;
        }
        if let Some(cpu_us) = self.cpu_us_per_s {
            write!(f, "; {cpu_us} us of CPU per second")?;
        }
        if let Some(resident_kb) = self.resident_kb {
            write!(f, "; {resident_kb} KB resident")?;
        }
        Ok(())
    }
}

/// What an agent takes from the machine, in the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Nothing if the time was too short to tell.
    cpu_us_per_s: Option<u64>,
    resident_kb: u64,
}

impl Spent {
    /// Between two looks at all agents.
    pub fn of(before: Usage, after: Usage, agents: usize, time: Duration) -> Option<Self> {
        let agents = u64::try_from(agents).ok()?;
        let cpu_us = after.cpu_us.saturating_sub(before.cpu_us);
        let per_s = (cpu_us * 1_000).checked_div(agents * millis(time))?;
        Some(Self {
            cpu_us_per_s: (time >= CPU_TIME_MIN).then_some(per_s),
            resident_kb: (after.resident_bytes / 1024).checked_div(agents)?,
        })
    }
}

/// What an agent sends in a second, in the mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    pub datagrams_per_s: f64,
    pub datagrams_lost_per_s: f64,
    /// Without headers.
    pub datagram_bytes_per_s: f64,
    pub tcp_bytes_per_s: f64,
}

impl Rates {
    pub fn of(traffic: Traffic, agents: usize, time: Duration) -> Self {
        let rate = |count: u64| {
            let rate = count as f64 / (agents as f64 * time.as_secs_f64());
            (rate * 1_000.0).round() / 1_000.0
        };
        Self {
            datagrams_per_s: rate(traffic.datagrams),
            datagrams_lost_per_s: rate(traffic.datagrams_lost),
            datagram_bytes_per_s: rate(traffic.datagram_bytes),
            tcp_bytes_per_s: rate(traffic.tcp_bytes),
        }
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { datagrams_per_s, datagram_bytes_per_s, tcp_bytes_per_s, .. } = self;
        write!(f, "{datagrams_per_s:.2} datagrams, {datagram_bytes_per_s:.0} bytes of them, ")?;
        write!(f, "{tcp_bytes_per_s:.0} bytes of TCP per agent and second")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_agent_and_second() {
        let traffic =
            Traffic { datagrams: 60, datagram_bytes: 3_000, datagrams_lost: 6, tcp_bytes: 30 };
        let rates = Rates::of(traffic, 3, Duration::from_secs(10));
        let expected = Rates {
            datagrams_per_s: 2.0,
            datagrams_lost_per_s: 0.2,
            datagram_bytes_per_s: 100.0,
            tcp_bytes_per_s: 1.0,
        };
        assert_eq!(rates, expected);
    }

    #[test]
    fn what_was_spent_is_per_agent_and_second() {
        let usage = |cpu_us, resident_bytes| Usage { cpu_us, resident_bytes };
        let spent = |seconds| {
            let time = Duration::from_secs(seconds);
            Spent::of(usage(5_000, 1), usage(65_000, 6 * 1024), 3, time)
        };
        assert_eq!(spent(20), Some(Spent { cpu_us_per_s: Some(1_000), resident_kb: 2 }));
        assert_eq!(spent(5), Some(Spent { cpu_us_per_s: None, resident_kb: 2 }));
    }
}
