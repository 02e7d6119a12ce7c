//! Who is missing from whose view, and for how long.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::sim::cluster::Cluster;
use crate::storage::Storage;
use crate::time::Instant;

/// How long members that run were missing from the views of others. [Look](Self::look) often: an
/// absence is taken to have begun at the last look that did not see it.
#[derive(Clone, Debug, Default)]
pub struct Absences {
    /// By viewer and member.
    begun: BTreeMap<(usize, usize), Instant>,
    looked_at: Instant,
    longest: Duration,
    count: u64,
}

impl Absences {
    /// Looks at all views now, but not at the views of the nodes in `except`, nor for them.
    pub fn look<S: Storage>(&mut self, cluster: &Cluster<S>, except: &[usize]) {
        let (begun, now) = (core::mem::take(&mut self.begun), cluster.now());
        let members: Vec<_> = cluster.population().filter(|node| !except.contains(node)).collect();
        for &viewer in &members {
            for &member in &members {
                if cluster.status(viewer, member).is_some_and(|status| status.is_live()) {
                    continue;
                }
                let pair = (viewer, member);
                self.count += u64::from(!begun.contains_key(&pair));
                let since = begun.get(&pair).copied().unwrap_or(self.looked_at);
                self.begun.insert(pair, since);
                self.longest = self.longest.max(now.since(since));
            }
        }
        self.looked_at = now;
    }

    /// The longest so far, also if it goes on.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// How many there have been: one for each viewer and member.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether nobody was missing from any view at the last look.
    pub fn are_over(&self) -> bool {
        self.begun.is_empty()
    }
}
