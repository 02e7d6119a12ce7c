//! What it costs to watch each other: all-pairs heartbeats, gossip of heartbeat counters, and the
//! nodes of this library, side by side.

use core::time::Duration;

use super::heartbeats::{AllPairs, Heartbeats, PushGossip, Sent, Watched};
use super::outcome::{Detection, Outcome, Reading, Traffic};
use super::stage::Stage;
use super::watch::Watch;
use super::{Experiment, Trial};
use crate::rng::Rng;
use crate::sim::link::Link;
use crate::sim::report::Failure;

/// Rounds of a model before anything is counted: until all have heard of all, many times over.
const WARM_UP_ROUNDS: u16 = 30;
/// Rounds of a model after the crash: what is on its way then arrives in a few.
const SILENT_ROUNDS_MAX: u16 = 100;
/// After this nobody waits for an answer any more.
const LIMIT: Duration = Duration::from_secs(300);

const TIMEOUT: &str = "shortest timeout without a mistake, rounds";

/// A way to watch each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A model: everybody sends everybody a heartbeat in every round.
    AllPairs,
    /// A model: everybody keeps a counter for each member, counts its own up in every round and
    /// sends all of them to some peers, who keep the greater of each two (van Renesse, Minsky,
    /// Hayden 1998).
    PushGossip,
    /// Nodes with the trial's settings. A round is their probe interval.
    Nodes,
}

/// Counts what is sent in a number of rounds, and then crashes one member.
///
/// Packets of the models are like those of this library: the header with an id of 56 bits, a frame,
/// a counter of three bytes, beside each counter of a table the id of whom it counts, and no packet
/// longer than the trial's datagrams. Bytes are those of the datagrams, without the headers of UDP
/// and IP, for nodes and models alike.
///
/// The models declare a member dead when nothing new has come from it for a fixed time: the
/// shortest that did not make a single mistake in the rounds counted. So they are shown at the best
/// a fixed timeout can do, which nobody knows beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families {
    /// Who.
    pub family: Family,
    /// For so many rounds what is sent is counted. Default: 100.
    pub rounds: u16,
    /// To how many peers a node gossips in a round. Default: 4.
    pub fanout: usize,
    /// Datagrams lost, of a thousand. Default: 0.
    pub loss_permille: u16,
}

impl Families {
    /// One of them, with the defaults.
    pub const fn new(family: Family) -> Self {
        Self { family, rounds: 100, fanout: 4, loss_permille: 0 }
    }

    fn model(&self, trial: &Trial, beats: impl Heartbeats) -> Outcome {
        let (rng, watched) = (Rng::new(trial.seed), Watched::new(trial.nodes));
        let mut model = Model { beats, rng, watched, loss_permille: self.loss_permille };
        let interval = trial.config.probe_interval;
        model.run_for(WARM_UP_ROUNDS);
        model.watched.forget_gaps();
        let sent = model.run_for(self.rounds);
        let seconds = interval.as_secs_f64() * f64::from(self.rounds);
        let traffic = Traffic {
            messages: sent.messages,
            bytes: sent.bytes,
            node_seconds: seconds * trial.nodes as f64,
        };
        let timeout = model.watched.gap_max();
        let detection = model.crash_one(trial.nodes, timeout, interval);
        let mut readings = self.readings(trial, traffic);
        readings.push(Reading::rate(TIMEOUT, f64::from(timeout)));
        let outcome = Outcome::of_model(trial.seed, model.rng.next_u64(), readings);
        Outcome { detections: vec![detection], traffic, ..outcome }
    }

    fn nodes(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::settled(trial, Link::lan().losing(self.loss_permille))?;
        stage.run_for(trial.config.probe_interval * u32::from(self.rounds))?;
        stage.close_window();
        let victims = stage.pick_anomalous(1);
        victims.iter().for_each(|&victim| stage.cluster.crash(victim));
        let mut watch = Watch::over(&stage, &victims);
        watch.run_until_known(&mut stage, LIMIT)?;
        let detections = watch.detections(&stage);
        let outcome = stage.outcome(detections, Vec::new());
        let mut readings = self.readings(trial, outcome.traffic);
        readings.push(Reading::given(TIMEOUT, None));
        Ok(Outcome { readings, ..outcome })
    }

    fn readings(&self, trial: &Trial, traffic: Traffic) -> Vec<Reading> {
        let n = trial.nodes as f64;
        let interval = trial.config.probe_interval.as_secs_f64();
        let (messages, bytes) = (traffic.message_rate() * interval, traffic.byte_rate() * interval);
        let pairs = (self.family == Family::AllPairs).then_some(n * (n - 1.0));
        vec![
            Reading::rate("messages per node and round", messages),
            Reading::rate("bytes per node and round", bytes),
            Reading::rate("messages of all per round", messages * n),
            Reading::given("N (N - 1)", pairs),
            Reading::rate("bytes of all per round", bytes * n),
        ]
    }
}

impl Experiment for Families {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let len_max = usize::from(trial.config.datagram_len_max);
        match self.family {
            Family::AllPairs => Ok(self.model(trial, AllPairs::new(trial.nodes))),
            Family::PushGossip => {
                Ok(self.model(trial, PushGossip::new(trial.nodes, self.fanout, len_max)))
            }
            Family::Nodes => self.nodes(trial),
        }
    }
}

/// A model under way.
struct Model<H> {
    beats: H,
    rng: Rng,
    watched: Watched,
    loss_permille: u16,
}

impl<H: Heartbeats> Model<H> {
    fn run_for(&mut self, rounds: u16) -> Sent {
        let mut sent = Sent::default();
        for _ in 0..rounds {
            sent += self.beats.round(&mut self.rng, self.loss_permille, &mut self.watched);
        }
        sent
    }

    /// Crashes somebody at a moment drawn from a round, and says when it is declared dead: as soon
    /// as nothing new has come from it for the `timeout`.
    fn crash_one(&mut self, nodes: usize, timeout: u16, interval: Duration) -> Detection {
        let victim = self.rng.below(nodes);
        let part = f64::from(self.rng.next_u32()) / 2f64.powi(32);
        let crashed_at = f64::from(self.watched.round()) + part;
        self.beats.crash(victim);
        for _ in 0..SILENT_ROUNDS_MAX {
            if self.watched.is_silent_for(victim, timeout) {
                break;
            }
            self.run_for(1);
        }
        let is_known = self.watched.is_silent_for(victim, timeout);
        let declared = |last_heard: u16| {
            let waited = f64::from(last_heard + timeout) - crashed_at;
            is_known.then(|| interval.mul_f64(waited.max(0.0)))
        };
        let (first, last) = self.watched.last_heard_of(victim);
        Detection { first: declared(first), all: declared(last) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::arm::{Arm, Profile};
    use super::*;

    fn run(family: Family, nodes: usize) -> Result<Outcome, Failure> {
        let trial = Trial { config: Arm::Swim.config(Profile::Lan), nodes, seed: 1 };
        Families { rounds: 40, ..Families::new(family) }.run(&trial)
    }

    #[test]
    fn heartbeats_grow_with_the_cluster_and_probes_do_not() -> Result<(), Failure> {
        let per_round = |family, nodes| -> Result<(f64, f64), Failure> {
            let traffic = run(family, nodes)?.traffic;
            Ok((traffic.message_rate(), traffic.byte_rate()))
        };
        for nodes in [30, 120] {
            let (messages, _) = per_round(Family::AllPairs, nodes)?;
            assert_eq!(messages, nodes as f64 - 1.0);
        }
        let (small, large) =
            (per_round(Family::PushGossip, 30)?, per_round(Family::PushGossip, 120)?);
        assert_eq!((small.0, large.0), (4.0, 4.0));
        assert!(large.1 / small.1 > 3.5, "{small:?} {large:?}");
        let (small, large) = (per_round(Family::Nodes, 30)?, per_round(Family::Nodes, 120)?);
        assert!((large.0 / small.0 - 1.0).abs() < 0.1, "{small:?} {large:?}");
        assert!((large.1 / small.1 - 1.0).abs() < 0.1, "{small:?} {large:?}");
        Ok(())
    }

    #[test]
    fn all_find_out_about_a_crash_heartbeats_within_one_round() -> Result<(), Failure> {
        let round = Duration::from_secs(1);
        for (family, limit) in
            [(Family::AllPairs, round), (Family::PushGossip, 12 * round), (Family::Nodes, LIMIT)]
        {
            let detection = run(family, 30)?.detections[0];
            let (first, all) = (detection.first.unwrap(), detection.all.unwrap());
            assert!(first <= all && all <= limit, "{family:?}: {detection:?}");
        }
        Ok(())
    }
}
