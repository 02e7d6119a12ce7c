//! The experiments and their options.

mod ablation;
mod boards;
mod connections;
mod failures;
mod families;
mod pauses;
mod phi;
mod repairs;
mod rumours;
mod stress;
mod swim_paper;
mod views;

pub use ablation::AblationStudy;
pub use boards::{Leaves, Radio};
pub use connections::{BadNodes, Deaf, FlipFlop, OneWay, Partition};
pub use failures::{Crash, MassCrash, ProcessCrash, Scale};
pub use families::Families;
pub use pauses::{PauseCurve, RepeatedPauses};
pub use phi::Phi;
pub use repairs::{MassRestart, Repair, SnapshotRestart, Split};
pub use rumours::{Demers, Spread};
pub use stress::{FreezeGrid, Loss, Starve};
pub use swim_paper::SwimPaper;
pub use views::{Idle, Join};

use super::contender::Contender;
use super::options::Options;
use super::study::{Setting, Shown, Study};

/// What a table shows of healthy members in trouble.
const TROUBLE: &[Shown] = &[Shown::Readings, Shown::FalseDeaths, Shown::Suspicions, Shown::Traffic];
/// Datagrams lost in experiments about something else.
const LOSS_PERMILLE: u16 = 10;

fn loss(permille: u16) -> Setting {
    Setting::new("loss", permille)
}

/// Witness alone where the detector is not the question, unless somebody asks for others.
fn witness_unless_asked(options: &Options) -> Vec<Contender> {
    if options.detector_is_default() { vec![options.witness()] } else { options.contenders() }
}

/// The models asked for, or all of them.
fn models<const N: usize>(
    flag: &'static str,
    names: [&'static str; N],
    asked: &[String],
) -> Vec<Contender> {
    let is_asked = |name: &&str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    names.into_iter().filter(is_asked).map(|name| Contender::model(flag, name)).collect()
}

/// Whether something is left of every cluster.
fn smaller_than_clusters(
    flag: &str,
    counts: &[usize],
    study: &dyn Study,
    options: &Options,
) -> Result<(), String> {
    let nodes = if options.nodes.is_empty() { study.nodes() } else { options.nodes.clone() };
    let fewest = nodes.into_iter().min().unwrap_or(0);
    match counts.iter().max() {
        Some(&most) if most as u64 >= fewest => {
            Err(format!("{flag} {most} leaves nobody in a cluster of {fewest}"))
        }
        _ => Ok(()),
    }
}
