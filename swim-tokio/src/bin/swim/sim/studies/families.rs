//! Ways to watch each other, and what they cost.

use clap::builder::PossibleValuesParser;
use swim_core::sim::experiment::{self, Arm, Family, Profile};

use super::loss;
use crate::sim::contender::Contender;
use crate::sim::options::Options;
use crate::sim::plot::Plot;
use crate::sim::study::{Point, Setting, Shown, Study};

const FLAG: &str = "family";
/// A trial of so many takes a gigabyte.
const NODES_MAX: u64 = 10_000;
const NAMES: [&str; 4] = ["all-pairs", "push-gossip", "swim", "witness"];

/// All-pairs heartbeats, gossip of heartbeat counters, SWIM: what each costs as the cluster grows.
///
/// Counts what is sent in a number of rounds of a quiet cluster, then crashes one member. swim and
/// witness are real nodes of this library, a round is their probe interval. all-pairs and
/// push-gossip are models: in every round everybody sends everybody a heartbeat, or all the
/// counters it knows to as many peers as the fanout says (van Renesse, Minsky, Hayden, "A
/// Gossip-Style Failure Detection Service", 1998). Their packets are like this library's own:
/// a header of 17 bytes, a frame of 3, 3 bytes a counter, 8 more for each id in a table, no packet
/// longer than the datagrams of nodes. Bytes are those of datagrams, without headers of UDP and
/// IP.
///
/// The models declare a member dead after the shortest silence that made no mistake in the rounds
/// counted: better than anybody could set it beforehand.
#[derive(clap::Args)]
pub struct Families {
    /// For so many rounds what is sent is counted.
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rounds: u16,

    /// To how many peers push-gossip sends its table in a round.
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u16).range(1..))]
    fanout: u16,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,

    /// Who. [default: all four]
    #[arg(long, value_name = "FAMILY,...", value_delimiter = ',',
        value_parser = PossibleValuesParser::new(NAMES))]
    family: Vec<String>,
}

impl Study for Families {
    fn name(&self) -> &'static str {
        "families"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![30, 128, 512, 2_000]
    }

    fn seeds(&self) -> u64 {
        5
    }

    fn contenders(&self, _options: &Options) -> Vec<Contender> {
        let contender = |contender: Contender| match contender.name {
            "swim" => contender.armed(Arm::Swim, Profile::Lan),
            "witness" => contender.armed(Arm::Witness, Profile::Lan),
            _ => contender,
        };
        super::models(FLAG, NAMES, &self.family).into_iter().map(contender).collect()
    }

    fn points(&self, contender: &Contender) -> Vec<Point> {
        let family = match contender.name {
            "all-pairs" => Family::AllPairs,
            "push-gossip" => Family::PushGossip,
            _ => Family::Nodes,
        };
        let settings = vec![
            Setting::new("rounds", self.rounds),
            Setting::new("fanout", self.fanout),
            loss(self.loss),
        ];
        let families = experiment::Families {
            family,
            rounds: self.rounds,
            fanout: self.fanout.into(),
            loss_permille: self.loss,
        };
        vec![Point::new(settings, families)]
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Readings, Shown::Detection]
    }

    fn notes(&self) -> Vec<String> {
        vec![
            "all-pairs and push-gossip are models whose timeout is set as well as hindsight can"
                .to_owned(),
            "bytes: those of datagrams, without headers of UDP and IP; first, all: from one crash \
             after the rounds"
                .to_owned(),
        ]
    }

    fn plot(&self) -> Option<Plot> {
        Some(Plot::Families)
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        // Models remember something of each pair.
        match options.nodes.iter().find(|&&nodes| nodes > NODES_MAX) {
            Some(nodes) => Err(format!("--nodes {nodes}: {NODES_MAX} at most")),
            None => options.for_a_model(),
        }
    }
}
