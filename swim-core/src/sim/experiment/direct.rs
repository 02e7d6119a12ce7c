//! Small clusters: heartbeats to everybody, one probe an interval, or one as often.

use core::time::Duration;

use super::crash::detect;
use super::outcome::{Outcome, Reading};
use super::stage::Stage;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;
use crate::{Config, DIRECT_BELOW_MAX};

/// How a node spends its probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probing {
    /// One member in each probe interval.
    One,
    /// Every member in each: [`Config::direct_below`].
    All,
    /// One at a time, but as many in an interval as there are others.
    Often,
}

impl Probing {
    /// The settings of one of so many nodes.
    fn config(self, config: &Config, nodes: usize) -> Config {
        let others = u32::try_from(nodes).unwrap_or(u32::MAX).saturating_sub(1).max(1);
        match self {
            Self::One => Config { direct_below: 0, ..*config },
            Self::All => Config { direct_below: DIRECT_BELOW_MAX, ..*config },
            Self::Often => {
                Config { direct_below: 0, ..*config }.probing_every(config.probe_interval / others)
            }
        }
    }
}

/// One member fails, and before that nobody does: how soon that is known, and what both cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direct {
    /// Who is probed, and how often. Default: one in an interval.
    pub probing: Probing,
    /// What lies between the nodes. Default: a local network that loses 1 %.
    pub link: Link,
    /// How long it is looked at before the failure. Default: 60 s.
    pub idle: Duration,
    /// Traffic is measured for so long after the failure. Default: 30 s.
    pub window: Duration,
    /// After this nobody waits for an answer any more. Default: 300 s.
    pub limit: Duration,
}

impl Default for Direct {
    fn default() -> Self {
        let [idle, window, limit] = [60, 30, 300].map(Duration::from_secs);
        Self { probing: Probing::One, link: Link::lan().losing(10), idle, window, limit }
    }
}

impl Experiment for Direct {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let config = self.probing.config(&trial.config, trial.nodes);
        let trial = Trial { config, ..*trial };
        let mut stage = Stage::settled(&trial, self.link)?;
        stage.open_window();
        stage.run_for(self.idle)?;
        let idle = stage.close_window();
        let victims = stage.pick_anomalous(1);
        victims.iter().for_each(|&victim| stage.cluster.crash(victim));
        let detections = detect(&mut stage, &victims, self.window, self.limit)?;
        let readings = vec![
            Reading::rate("idle messages per node and second", idle.message_rate()),
            Reading::rate("idle bytes per node and second", idle.byte_rate()),
        ];
        Ok(stage.outcome(detections, readings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::experiment::{Loss, Pause, Value};

    fn run(experiment: &impl Experiment, seed: u64) -> Result<Outcome, Failure> {
        let config = Config { direct_below: DIRECT_BELOW_MAX, ..Config::lan() };
        experiment.run(&Trial { config, nodes: 8, seed })
    }

    #[test]
    fn heartbeats_find_a_crash_sooner_and_cost_more() -> Result<(), Failure> {
        let of = |probing| {
            let direct = Direct { probing, ..Direct::default() };
            direct.run(&Trial { config: Config::lan(), nodes: 12, seed: 2 })
        };
        let (one, all) = (of(Probing::One)?, of(Probing::All)?);
        let known = |outcome: &Outcome| outcome.detections[0].all.expect("all know");
        assert!(known(&all) < known(&one), "{:?} {:?}", one, all);
        let idle = |outcome: &Outcome| match outcome.readings[0].value {
            Value::Rate(rate) => rate,
            _ => 0.0,
        };
        assert!((9.0..13.0).contains(&(idle(&all) / idle(&one))), "{:?} {:?}", one, all);
        Ok(())
    }

    #[test]
    fn heartbeats_kill_nobody_who_pauses_as_long_as_is_tolerated() -> Result<(), Failure> {
        let pause = Config::lan().pause_tolerance;
        for seed in 1..=5 {
            let outcome = run(&Pause { pause, ..Pause::default() }, seed)?;
            assert_eq!(outcome.readings[0].value, Value::Share { hits: 0, of: 1 }, "{seed}");
        }
        Ok(())
    }

    #[test]
    fn heartbeats_kill_nobody_because_of_lost_packets() -> Result<(), Failure> {
        let duration = Duration::from_secs(60);
        let outcome = run(&Loss { loss_permille: 300, duration, ..Loss::default() }, 1)?;
        assert_eq!(outcome.false_deaths, 0);
        Ok(())
    }
}
