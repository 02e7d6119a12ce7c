//! What is promised: small clusters probed whole, and the longest time a detection takes.

use swim_core::DIRECT_BELOW_MAX;
use swim_core::sim::experiment::{Arm, Probing};
use swim_core::sim::{Link, experiment};

use super::{LOSS_PERMILLE, loss, smaller_than_clusters, witness_unless_asked};
use crate::sim::contender::Contender;
use crate::sim::options::Options;
use crate::sim::plot::Plot;
use crate::sim::study::{Point, Setting, Shown, Study};

/// Clusters small enough to probe everybody in every interval: what that gains, and what it costs.
///
/// Measures how soon a crashed host is known and the traffic of a node, at rest and in the 30 s
/// after the crash, where a node probes one member an interval, all of them, or one at a time as
/// often as that: the same packets, spent otherwise. The formulas beside it: N - 1 probes an
/// interval and node instead of one, and about 1/N of an interval until the first meets the crashed
/// host instead of a half.
#[derive(clap::Args)]
pub struct Direct {
    /// Who is probed; several give a row each.
    #[arg(long, value_enum, value_name = "WHOM,...", value_delimiter = ',',
        default_values_t = [Whom::One, Whom::All, Whom::Often])]
    probing: Vec<Whom>,

    /// Datagrams lost, of a thousand.
    #[arg(long, value_name = "PERMILLE", default_value_t = LOSS_PERMILLE,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: u16,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Whom {
    /// One member in each probe interval, as SWIM has it.
    One,
    /// All members in each, as with --direct-below of the agent.
    All,
    /// One at a time, N - 1 in an interval.
    Often,
}

impl Whom {
    const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::All => "all",
            Self::Often => "often",
        }
    }

    const fn probing(self) -> Probing {
        match self {
            Self::One => Probing::One,
            Self::All => Probing::All,
            Self::Often => Probing::Often,
        }
    }
}

impl Study for Direct {
    fn name(&self) -> &'static str {
        "direct"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![3, 4, 6, 8, 12, 16, 24, 32]
    }

    fn seeds(&self) -> u64 {
        200
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        witness_unless_asked(options)
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |whom: &Whom| {
            let settings = vec![Setting::new("probing", whom.name()), loss(self.loss)];
            let (probing, link) = (whom.probing(), Link::lan().losing(self.loss));
            Point::new(settings, experiment::Direct { probing, link, ..Default::default() })
        };
        self.probing.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Detection, Shown::FalseDeaths, Shown::Readings, Shown::Traffic]
    }

    fn notes(&self) -> Vec<String> {
        vec!["messages / node s, bytes / node s: in the 30 s after the crash".to_owned()]
    }

    fn plot(&self) -> Option<Plot> {
        Some(Plot::Scale)
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        let is_witness = |contender: &Contender| contender.arm.is_some_and(Arm::is_witness);
        if !self.contenders(options).iter().all(is_witness) {
            return Err("direct is about witness: leave --detector out".to_owned());
        }
        let is_all = |whom: &Whom| matches!(whom, Whom::All);
        let is_too_large = |&nodes: &u64| nodes >= DIRECT_BELOW_MAX.into();
        if self.probing.iter().any(is_all) && options.nodes.iter().any(is_too_large) {
            return Err(format!("--probing all needs fewer than {DIRECT_BELOW_MAX} nodes"));
        }
        Ok(())
    }
}

/// The longest time that a detection may take by formula, and what it takes.
///
/// Hosts fail one after the other until few are left; of each it is noted how much of the detection
/// bound had passed when the first knew and when all did. The bound is computed for the number of
/// members that live, the longest delay and the loss of the simulated network; under `swim` it is
/// the paper's (2n - 1 periods and a suspicion), and the other baselines have none.
#[derive(clap::Args)]
pub struct Bound {
    /// How many members are left in the end.
    #[arg(long, value_name = "N", default_value_t = 8)]
    fewest: usize,

    /// Datagrams lost, of a thousand; several give a row each.
    #[arg(long, value_name = "PERMILLE,...", value_delimiter = ',', default_values_t = [0, 10, 50],
        value_parser = clap::value_parser!(u16).range(..=1000))]
    loss: Vec<u16>,

    /// Nodes lie in four regions, 20 to 119 ms from each other one way.
    #[arg(long)]
    wan: bool,

    /// The size of cluster below which everybody is probed in every interval.
    #[arg(long, value_name = "N", default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(..=i64::from(DIRECT_BELOW_MAX)))]
    direct_below: u16,
}

impl Study for Bound {
    fn name(&self) -> &'static str {
        "bound"
    }

    fn nodes(&self) -> Vec<u64> {
        vec![64]
    }

    fn seeds(&self) -> u64 {
        20
    }

    fn contenders(&self, options: &Options) -> Vec<Contender> {
        let mut contenders = witness_unless_asked(options);
        for contender in &mut contenders {
            contender.config.direct_below = self.direct_below;
        }
        contenders
    }

    fn points(&self, _contender: &Contender) -> Vec<Point> {
        let point = |&loss_permille: &u16| {
            let mut settings = vec![Setting::new("fewest", self.fewest), loss(loss_permille)];
            settings.push(Setting::new("direct-below", self.direct_below));
            settings.extend(Setting::switch("wan", self.wan));
            let (fewest, wan) = (self.fewest, self.wan);
            Point::new(settings, experiment::Bound { fewest, loss_permille, wan })
        };
        self.loss.iter().map(point).collect()
    }

    fn shown(&self) -> &'static [Shown] {
        &[Shown::Detection, Shown::Readings, Shown::FalseDeaths]
    }

    fn check(&self, options: &Options) -> Result<(), String> {
        smaller_than_clusters("--fewest", &[self.fewest], self, options)
    }

    fn plot(&self) -> Option<Plot> {
        Some(Plot::Distribution)
    }
}
