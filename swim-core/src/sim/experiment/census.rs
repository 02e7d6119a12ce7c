//! Whom leaves hold in their tables, and for whom they have room in the long run.

use super::outcome::Reading;
use super::stage::Stage;

/// Looks at the tables of leaves, again and again.
pub(super) struct Census {
    /// The members that are no leaves come first.
    full: usize,
    leaves: Vec<Leaf>,
    /// How often each of those was taken into the table of a leaf.
    admissions: Vec<u64>,
}

struct Leaf {
    node: usize,
    watched: Vec<usize>,
    /// Which of them it has taken in.
    kept: Vec<bool>,
    /// Looks at which one it had taken in was gone.
    lost: u64,
    /// Whom it held when last looked at, and whom it ever did.
    holds: Vec<bool>,
    held: Vec<bool>,
    rows_max: usize,
}

impl Census {
    /// A census of whom the leaves hold of the first `full` nodes.
    pub fn over(full: usize) -> Self {
        Self { full, leaves: Vec::new(), admissions: vec![0; full] }
    }

    /// One leaf more, and whom it watches.
    pub fn add(&mut self, node: usize, watched: &[usize]) {
        let [holds, held] = [(); 2].map(|()| vec![false; self.full]);
        let (watched, kept) = (watched.to_vec(), vec![false; watched.len()]);
        self.leaves.push(Leaf { node, watched, kept, lost: 0, holds, held, rows_max: 0 });
    }

    pub fn is_leaf(&self, node: usize) -> bool {
        self.leaves.iter().any(|leaf| leaf.node == node)
    }

    /// Whether a leaf watches this node.
    pub fn is_watched(&self, node: usize) -> bool {
        self.leaves.iter().any(|leaf| leaf.watched.contains(&node))
    }

    /// Looks at all leaves to which nothing was done.
    pub fn look(&mut self, stage: &Stage) {
        for leaf in self.leaves.iter_mut().filter(|leaf| !stage.is_anomalous(leaf.node)) {
            leaf.look(stage, &mut self.admissions);
        }
    }

    /// What has come of it.
    pub fn readings(&self, stage: &Stage) -> Vec<Reading> {
        let healthy = || self.leaves.iter().filter(|leaf| !stage.is_anomalous(leaf.node));
        let held = || healthy().map(|leaf| leaf.held.iter().filter(|&&held| held).count());
        let rows_max = self.leaves.iter().map(|leaf| leaf.rows_max).max().unwrap_or(0);
        let told_once = healthy().filter(|leaf| stage.full_tables_of(leaf.node) == 1).count();
        let dead =
            stage.count_killed(|_| true, |about| self.is_leaf(about) && !stage.is_anomalous(about));
        let kept = healthy().flat_map(|leaf| &leaf.kept).filter(|&&kept| kept).count();
        let watched = healthy().flat_map(|leaf| &leaf.watched).count();
        vec![
            Reading::count("rows of a leaf at most", rows_max as u64),
            Reading::rate("members held by a leaf, fewest", held().min().unwrap_or(0) as f64),
            Reading::rate("members held by a leaf, mean", mean(held().map(|held| held as f64))),
            Reading::rate("dispersion of admissions", self.dispersion(stage)),
            Reading::share(
                "members never held by any leaf",
                self.never_held(stage),
                self.untouched(stage).count() as u64,
            ),
            Reading::share("full table told once", told_once as u64, healthy().count() as u64),
            Reading::share("watched members found", kept as u64, watched as u64),
            Reading::count("watched members lost", healthy().map(|leaf| leaf.lost).sum()),
            Reading::count("healthy leaves held dead", dead),
        ]
    }

    /// Of how often members were taken in: variance by mean, 1 if chance decides about each alike.
    fn dispersion(&self, stage: &Stage) -> f64 {
        let counts = || self.untouched(stage).map(|node| self.admissions[node] as f64);
        let mean_count = mean(counts());
        let variance = mean(counts().map(|count| (count - mean_count).powi(2)));
        variance / mean_count.max(f64::MIN_POSITIVE)
    }

    fn never_held(&self, stage: &Stage) -> u64 {
        self.untouched(stage).filter(|&node| self.admissions[node] == 0).count() as u64
    }

    /// Members with full tables to which nothing was done and whom no leaf watches.
    fn untouched(&self, stage: &Stage) -> impl Iterator<Item = usize> {
        (0..self.full).filter(|&node| !stage.is_anomalous(node) && !self.is_watched(node))
    }
}

impl Leaf {
    fn look(&mut self, stage: &Stage, admissions: &mut [u64]) {
        let Some(node) = stage.cluster.node(self.node) else { return };
        self.rows_max = self.rows_max.max(node.members().count());
        for (member, admissions) in admissions.iter_mut().enumerate() {
            let holds = stage.sees(self.node, member);
            let held = core::mem::replace(&mut self.holds[member], holds);
            *admissions += u64::from(holds && !held);
            self.held[member] |= holds;
        }
        for (&member, kept) in self.watched.iter().zip(&mut self.kept) {
            self.lost += u64::from(*kept && !self.holds[member]);
            *kept |= self.holds[member];
        }
    }
}

fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = numbers.fold((0.0, 0.0), |(sum, count), number| (sum + number, count + 1.0));
    sum / f64::max(count, 1.0)
}
