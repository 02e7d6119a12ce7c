//! What the SWIM paper measured with its prototype (Das, Gupta, Motivala 2002, section 5), with
//! nodes of this library.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::stage::Stage;
use super::watch::Watch;
use super::{Experiment, Trial};
use crate::Config;
use crate::sim::link::Link;
use crate::sim::report::{Failure, Load};
use crate::time::Instant;

/// T' of the paper.
const PERIOD: Duration = Duration::from_secs(2);
/// K of the paper.
const INDIRECT_PROBES: u8 = 1;
/// The longest packet of the paper, with six updates; here it holds four to six.
const DATAGRAM_LEN_MAX: u16 = 135;
/// Messages a member sends, and receives, in a period (Figure 2).
const LOAD_PUBLISHED: f64 = 2.0;
/// How often it is looked whether somebody suspects a crashed member.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// How often the size of a group is looked at, and who leaves it.
const STEP: Duration = Duration::from_millis(100);
/// Nobody waits longer for everybody to know of a crash.
const LIMIT: Duration = Duration::from_secs(600);

/// Settings with the period of the paper, its one relay and its packets, and without what it has
/// not: healing and anti-entropy. Over those of [`Arm::Swim`] that is the paper's prototype:
/// updates are sent, and suspicions last, 3 ceil(ln(N + 1)) times and periods under that detector.
///
/// [`Arm::Swim`]: super::Arm::Swim
pub const fn as_in_the_swim_paper(config: Config) -> Config {
    Config {
        probe_interval: PERIOD,
        indirect_probes: INDIRECT_PROBES,
        datagram_len_max: DATAGRAM_LEN_MAX,
        heal_interval: Duration::ZERO,
        anti_entropy: false,
        ..config
    }
}

/// Figures 2 and 3: counts messages for some periods in which nobody fails, then crashes a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwimPaper {
    /// Messages are counted for so many periods. Default: 40.
    pub periods: u32,
}

impl Default for SwimPaper {
    fn default() -> Self {
        Self { periods: 40 }
    }
}

impl Experiment for SwimPaper {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let period = trial.config.probe_interval;
        let mut stage = Stage::settled(trial, Link::lan())?;
        let before = load(&stage);
        stage.run_for(period * self.periods)?;
        stage.close_window();
        let load = load(&stage).since(before);
        let victims = stage.pick_anomalous(1);
        victims.iter().for_each(|&victim| stage.cluster.crash(victim));
        let mut watch = Watch::over(&stage, &victims);
        let crashed_at = stage.now();
        let is_suspected =
            |stage: &Stage| victims.iter().all(|&victim| stage.suspicions_of(victim) > 0);
        while !is_suspected(&stage) && stage.now().since(crashed_at) < LIMIT {
            watch.run_for(&mut stage, LOOK_INTERVAL)?;
        }
        let waited = stage.now().since(crashed_at).div_duration_f64(period);
        watch.run_until_known(&mut stage, LIMIT)?;
        let detections = watch.detections(&stage);
        let member_periods = trial.nodes as f64 * f64::from(self.periods);
        let readings = vec![
            Reading::rate("sent per period", load.packets_out as f64 / member_periods),
            Reading::rate("received per period", load.packets_in as f64 / member_periods),
            Reading::given("sent and received, paper", Some(LOAD_PUBLISHED)),
            Reading::sample("first detection, periods begun", periods_begun(waited)),
            Reading::given("first detection, e / (e - 1)", Some(in_the_limit())),
            Reading::given("first detection, N at random", Some(at_random(trial.nodes))),
            Reading::sample("first suspicion, periods after the crash", waited),
        ];
        Ok(stage.outcome(detections, readings))
    }
}

/// What all nodes have sent and received.
fn load(stage: &Stage) -> Load {
    let loads = (0..stage.cluster.len()).map(|node| stage.cluster.load(node));
    loads.fold(Load::default(), |sum, load| Load {
        packets_out: sum.packets_out + load.packets_out,
        bytes_out: sum.bytes_out + load.bytes_out,
        packets_in: sum.packets_in + load.packets_in,
        bytes_in: sum.bytes_in + load.bytes_in,
    })
}

/// In which period after the crash somebody first probed the member in vain: the paper's model
/// counts periods. Who probes suspects a whole period later.
fn periods_begun(suspected_after: f64) -> f64 {
    suspected_after.floor().max(1.0)
}

/// The paper's model for very many members: e / (e - 1).
fn in_the_limit() -> f64 {
    1.0 / (1.0 - (-1.0f64).exp())
}

/// The paper's model for N members that each probe one of the others at random (section 3.1).
fn at_random(nodes: usize) -> f64 {
    let others = (nodes as f64 - 1.0).max(1.0);
    1.0 / (1.0 - (1.0 - 1.0 / others).powf(others))
}

/// When a member of whom ill is said leaves the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Never: it hears of it, refutes it and is a member again, as in this library.
    Returns,
    /// When anybody holds it dead, for good: SWIM with infection and suspicion, as in the paper.
    Declared,
    /// When anybody suspects it, for good: SWIM with infection and without suspicion.
    Suspected,
}

impl Removal {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Returns, Self::Declared, Self::Suspected];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Returns => "returns",
            Self::Declared => "declared",
            Self::Suspected => "suspected",
        }
    }

    /// The size at which the paper's groups of 17 stayed (Figure 4).
    const fn published(self) -> Option<f64> {
        match self {
            Self::Returns => None,
            Self::Declared => Some(12.0),
            Self::Suspected => Some(4.0),
        }
    }

    fn removes(self, stage: &Stage, node: usize) -> bool {
        match self {
            Self::Returns => false,
            Self::Declared => stage.deaths().iter().any(|death| death.about == node),
            Self::Suspected => stage.suspicions_of(node) > 0,
        }
    }
}

/// Figure 4: the trial's nodes join one after another while datagrams are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequentialJoins {
    /// Who leaves the group.
    pub removal: Removal,
    /// From one join to the next. Default: 5 s.
    pub every: Duration,
    /// Datagrams lost, of a thousand. Default: 100.
    pub loss_permille: u16,
    /// From this moment on the size counts as that of the stable group. Default: 100 s.
    pub stable_from: Duration,
    /// Up to this moment. Default: 175 s, where the paper's figure ends.
    pub until: Duration,
}

impl SequentialJoins {
    /// The paper's group.
    pub const MEMBERS: usize = 17;

    /// What the paper did, with members that leave as said.
    pub const fn new(removal: Removal) -> Self {
        Self {
            removal,
            every: Duration::from_secs(5),
            loss_permille: 100,
            stable_from: Duration::from_secs(100),
            until: Duration::from_secs(175),
        }
    }

    fn elapsed(&self, stage: &Stage) -> Duration {
        stage.now().since(Instant::ZERO)
    }

    /// Ends those who leave the group.
    fn remove(&self, stage: &mut Stage) {
        let leaves = |node: &usize| self.removal.removes(stage, *node);
        let removed: Vec<_> = stage.cluster.population().filter(leaves).collect();
        removed.into_iter().for_each(|node| stage.cluster.crash(node));
    }

    /// Lets one more join through anybody who runs, and the first found the group.
    fn add(&self, stage: &mut Stage) {
        let running: Vec<_> = stage.cluster.population().collect();
        let seed = running.get(stage.rng.below(running.len())).copied();
        let joiner = stage.add();
        if let Some(seed) = seed {
            stage.cluster.join(joiner, seed);
        }
    }
}

impl Experiment for SequentialJoins {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::empty(trial, Link::lan().losing(self.loss_permille));
        // Streams lose nothing; the paper has none.
        stage.cluster.network.streams_open = false;
        let (mut running, mut listed) = (Size::default(), Size::default());
        while self.elapsed(&stage) < self.until {
            let joined = stage.cluster.len();
            if joined < trial.nodes && self.elapsed(&stage) >= self.every * joined as u32 {
                self.add(&mut stage);
            }
            stage.run_for(STEP)?;
            self.remove(&mut stage);
            let members: Vec<_> = stage.cluster.population().collect();
            let rows: usize = members.iter().map(|&member| stage.in_count(member)).sum();
            let is_stable = self.elapsed(&stage) >= self.stable_from;
            running.look(members.len() as f64, is_stable);
            listed.look(rows as f64 / members.len().max(1) as f64, is_stable);
        }
        let published = self.removal.published().filter(|_| trial.nodes == Self::MEMBERS);
        let readings = vec![
            Reading::rate("members that run, stable", running.stable()),
            Reading::given("the same, paper", published),
            Reading::rate("members that run, at most", running.peak),
            Reading::rate("members listed by one, stable", listed.stable()),
        ];
        Ok(stage.outcome(Vec::new(), readings))
    }
}

/// The size of a group over time.
#[derive(Default)]
struct Size {
    peak: f64,
    stable_sum: f64,
    stable_looks: f64,
}

impl Size {
    fn look(&mut self, size: f64, is_stable: bool) {
        self.peak = self.peak.max(size);
        if is_stable {
            self.stable_sum += size;
            self.stable_looks += 1.0;
        }
    }

    fn stable(&self) -> f64 {
        self.stable_sum / self.stable_looks.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::arm::{Arm, Profile};
    use super::super::outcome::Value;
    use super::super::statistics::mean;
    use super::*;

    fn mean_of(
        experiment: &dyn Experiment,
        nodes: usize,
        seeds: u64,
        name: &str,
    ) -> Result<f64, Failure> {
        let config = as_in_the_swim_paper(Arm::Swim.config(Profile::Lan));
        let mut numbers = Vec::new();
        for seed in 1..=seeds {
            let readings = experiment.run(&Trial { config, nodes, seed })?.readings;
            numbers.extend(readings.iter().find(|found| found.name == name).and_then(|found| {
                match found.value {
                    Value::Rate(number) | Value::Sample(number) => Some(number),
                    Value::Count(_) | Value::Given(_) | Value::Share { .. } | Value::Time(_) => {
                        None
                    }
                }
            }));
        }
        Ok(mean(&numbers).value)
    }

    #[test]
    fn a_member_sends_and_receives_two_messages_a_period() -> Result<(), Failure> {
        for nodes in [8, 28, 55] {
            for name in ["sent per period", "received per period"] {
                let load = mean_of(&SwimPaper::default(), nodes, 1, name)?;
                assert!((load - LOAD_PUBLISHED).abs() < 0.05, "{nodes} {name}: {load}");
            }
        }
        Ok(())
    }

    /// e / (e - 1) is the limit of many members; so few are a little better off, since each probes
    /// every other in turn.
    #[test]
    fn a_crash_is_detected_after_as_many_periods_as_the_paper_says() -> Result<(), Failure> {
        let short = SwimPaper { periods: 1 };
        let periods = mean_of(&short, 40, 150, "first detection, periods begun")?;
        let published = in_the_limit();
        assert!((periods / published - 1.0).abs() < 0.1, "{periods}, paper {published}");
        Ok(())
    }

    #[test]
    fn suspicion_keeps_a_group_together_at_ten_percent_loss() -> Result<(), Failure> {
        let [returning, declared, suspected] = Removal::ALL.map(|removal| {
            let joins = SequentialJoins::new(removal);
            mean_of(&joins, SequentialJoins::MEMBERS, 6, "members that run, stable")
        });
        let (returning, declared, suspected) = (returning?, declared?, suspected?);
        assert_eq!(returning, SequentialJoins::MEMBERS as f64);
        assert!(declared > 2.0 * suspected, "{declared} {suspected}");
        Ok(())
    }
}
