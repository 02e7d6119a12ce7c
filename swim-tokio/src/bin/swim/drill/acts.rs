//! What is done to the agents, one trial after the other.

use std::time::{Duration, Instant};

use swim_tokio::Status;

use super::cluster::Cluster;
use super::network::{Network, Traffic};
use super::output::{Output, Step};
use super::partition::{Partition, Side};
use super::summary::Summary;
use super::trial::{Fault, Idle, Rates, Spent, Trial};
use crate::clock::millis;
use crate::failure::Failure;

/// Longest wait for all to see all.
const CONVERGE_LIMIT: Duration = Duration::from_secs(180);
/// Longest wait for a crash to be known to all: the longest suspicion of the largest cluster with
/// WAN timings, and some.
const DEATH_LIMIT: Duration = Duration::from_secs(300);
/// Longest wait until nobody doubts anybody.
const RETURN_LIMIT: Duration = Duration::from_secs(180);
/// Longest wait until the dead are forgotten: see `swim agent --tombstone-time`.
const FORGET_LIMIT: Duration = Duration::from_secs(3_600);
/// Longest wait until one of one side hears of the other.
const MEET_LIMIT: Duration = Duration::from_secs(300);
/// How long the cluster must have been whole for the trial to be over: what the subject sets off
/// when it wakes belongs to its trial.
const QUIET: Duration = Duration::from_secs(2);

/// What is to be done, in this order.
pub struct Plan {
    pub idle: Duration,
    pub kills: u16,
    pub pauses: Vec<Duration>,
    pub partitions: u16,
}

/// The cluster, its network, and who is told.
pub struct Drill {
    cluster: Cluster,
    network: Network,
    output: Output,
    /// Whose turn it is.
    next: usize,
}

impl Drill {
    pub const fn new(cluster: Cluster, network: Network, output: Output) -> Self {
        Self { cluster, network, output, next: 0 }
    }

    /// Starts the cluster, watches it idle, makes all trials, and ends it.
    ///
    /// # Errors
    ///
    /// The first thing that goes wrong; the summary holds what was measured until then.
    pub async fn run(&mut self, plan: &Plan, summary: &mut Summary) -> Result<(), Failure> {
        summary.converged_ms = Some(self.converge().await?);
        self.cluster.forget_lateness();
        if !plan.idle.is_zero() {
            summary.idle = Some(self.idle(plan.idle).await?);
        }
        for _ in 0..plan.kills {
            let trial = self.kill().await?;
            self.conclude(trial, summary)?;
        }
        for &pause in &plan.pauses {
            let trial = self.pause(pause).await?;
            self.conclude(trial, summary)?;
        }
        for _ in 0..plan.partitions {
            let partition = self.part().await?;
            self.output.show(&Step::Partition(partition.clone()))?;
            summary.drill_late_ms = millis(self.cluster.latest_tick());
            summary.partitions.push(partition);
        }
        self.cluster.dismiss_all().await
    }

    /// Tells what was measured, if anything was.
    pub fn close(self, summary: &Summary) -> Result<(), Failure> {
        match summary.converged_ms {
            Some(_) => self.output.close(summary),
            None => Ok(()),
        }
    }

    async fn converge(&mut self) -> Result<u64, Failure> {
        let begun = Instant::now();
        self.cluster.begin(None);
        self.cluster.start_all().await?;
        for node in 0..self.cluster.len() {
            let (address, pid) = (self.cluster.address(node)?, self.cluster.pid(node));
            let node = self.cluster.name(node).to_owned();
            self.output.show(&Step::Started { node, address, pid })?;
        }
        self.settle(CONVERGE_LIMIT).await?;
        let after_ms = millis(begun.elapsed());
        self.output.show(&Step::Converged { after_ms })?;
        Ok(after_ms)
    }

    async fn idle(&mut self, time: Duration) -> Result<Idle, Failure> {
        self.cluster.begin(None);
        let (gauge, usage) = (Gauge::read(&self.network)?, self.cluster.usage());
        self.cluster.listen_for(time).await?;
        let agents = self.cluster.len();
        let rates = gauge.rates(&self.network, agents)?;
        let spent = usage
            .zip(self.cluster.usage())
            .and_then(|(before, after)| Spent::of(before, after, agents, time));
        let idle = Idle::of(&self.cluster, time, rates, spent);
        self.output.show(&Step::Idle(idle.clone()))?;
        Ok(idle)
    }

    async fn kill(&mut self) -> Result<Trial, Failure> {
        let node = self.take_turn().await?;
        let address = self.cluster.address(node)?;
        let gauge = Gauge::read(&self.network)?;
        self.cluster.begin(Some(node));
        self.network.cut(address.port())?;
        self.cluster.kill(node).await?;
        self.show_signal(node, "SIGKILL")?;
        let all_dead = self.cluster.wait_at_most(DEATH_LIMIT, Cluster::all_know).await?;
        self.network.mend(address.port())?;
        self.cluster.restart(node, address).await?;
        self.heal().await?;
        let rates = gauge.rates(&self.network, self.cluster.len())?;
        Ok(Trial::of(&self.cluster, node, Fault::Kill, all_dead, rates))
    }

    async fn pause(&mut self, length: Duration) -> Result<Trial, Failure> {
        let node = self.take_turn().await?;
        let gauge = Gauge::read(&self.network)?;
        self.cluster.begin(Some(node));
        self.cluster.stop(node)?;
        self.show_signal(node, "SIGSTOP")?;
        self.cluster.listen_for(length).await?;
        let all_dead = self.cluster.all_know();
        self.cluster.resume(node)?;
        self.show_signal(node, "SIGCONT")?;
        self.heal().await?;
        let rates = gauge.rates(&self.network, self.cluster.len())?;
        let fault = Fault::Pause { pause_ms: millis(length) };
        Ok(Trial::of(&self.cluster, node, fault, all_dead, rates))
    }

    /// Cuts the network in two until each side has forgotten the other, and lets it heal.
    async fn part(&mut self) -> Result<Partition, Failure> {
        self.settle(RETURN_LIMIT).await?;
        let agents = self.cluster.len();
        let (west, east) = (agents / 2, agents - agents / 2);
        let cut = Instant::now();
        let (all_dead_ms, forgotten_ms) = self.cut_until_forgotten(west, east).await?;
        self.cluster.listen_for(QUIET).await?;
        if self.cluster.sides_have_met() {
            return Err(Failure::Runtime("the sides saw each other through the cut".to_owned()));
        }

        self.cluster.begin(None);
        let (cut_ms, gauge) = (millis(cut.elapsed()), Gauge::read(&self.network)?);
        let joined = Instant::now();
        self.network.join()?;
        let met = Cluster::sides_have_met;
        self.cluster.wait("the sides meet again", MEET_LIMIT, met).await?;
        let first_met_ms = millis(joined.elapsed());
        self.settle(RETURN_LIMIT).await?;
        let whole_ms = millis(joined.elapsed());
        let rates = gauge.rates(&self.network, agents)?;
        let false_deaths = self.cluster.episode().by_others().declared;
        Ok(Partition {
            west,
            east,
            all_dead_ms,
            forgotten_ms,
            cut_ms,
            first_met_ms,
            whole_ms,
            false_deaths,
            rates,
        })
    }

    /// Milliseconds until all held the other side for dead, and until all had forgotten it.
    async fn cut_until_forgotten(
        &mut self,
        west: usize,
        east: usize,
    ) -> Result<(u64, u64), Failure> {
        let before = self.cluster.forgotten();
        let cut = Instant::now();
        self.network.part()?;
        let parted = |cluster: &Cluster| cluster.sides_hold_each_other(Status::Dead);
        self.cluster.wait("each side holds the other for dead", DEATH_LIMIT, parted).await?;
        let all_dead_ms = millis(cut.elapsed());
        let have_forgotten = |cluster: &Cluster| {
            cluster.forgotten().iter().zip(&before).enumerate().all(|(node, (now, before))| {
                let across = match Side::of(node, west + east) {
                    Side::West => east,
                    Side::East => west,
                };
                now - before >= across as u64
            })
        };
        self.cluster.wait("each side forgets the other", FORGET_LIMIT, have_forgotten).await?;
        Ok((all_dead_ms, millis(cut.elapsed())))
    }

    /// Whose turn it is, once nobody doubts anybody.
    async fn take_turn(&mut self) -> Result<usize, Failure> {
        self.settle(RETURN_LIMIT).await?;
        // The first agent, whom all have joined, comes last.
        self.next = (self.next + 1) % self.cluster.len();
        Ok(self.next)
    }

    async fn settle(&mut self, limit: Duration) -> Result<(), Failure> {
        self.cluster.wait("all agents see each other alive", limit, Cluster::is_settled).await
    }

    async fn heal(&mut self) -> Result<(), Failure> {
        let back = |cluster: &Cluster| cluster.is_whole_for(QUIET);
        self.cluster.wait("the agent and all others see each other", RETURN_LIMIT, back).await
    }

    fn show_signal(&mut self, node: usize, signal: &'static str) -> Result<(), Failure> {
        let node = self.cluster.name(node).to_owned();
        self.output.show(&Step::Signal { node, signal })
    }

    fn conclude(&mut self, trial: Trial, summary: &mut Summary) -> Result<(), Failure> {
        self.output.show(&Step::Trial(trial.clone()))?;
        summary.drill_late_ms = millis(self.cluster.latest_tick());
        summary.trials.push(trial);
        Ok(())
    }
}

/// Traffic since a moment.
struct Gauge {
    begun: Instant,
    before: Option<Traffic>,
}

impl Gauge {
    fn read(network: &Network) -> Result<Self, Failure> {
        Ok(Self { begun: Instant::now(), before: network.traffic()? })
    }

    fn rates(&self, network: &Network, agents: usize) -> Result<Option<Rates>, Failure> {
        let since = self.before.zip(network.traffic()?);
        Ok(since.map(|(before, now)| Rates::of(now - before, agents, self.begun.elapsed())))
    }
}
