//! How long boards were mute.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// The longest time between two datagrams of each board to a living peer.
#[derive(Clone, Default)]
pub struct Gaps {
    living: BTreeSet<Ipv4Addr>,
    last: BTreeMap<Ipv4Addr, Instant>,
    longest: BTreeMap<Ipv4Addr, Duration>,
    pause: Duration,
}

impl Gaps {
    /// Measures from now on; boards and others in `living` live.
    pub fn begin(living: &[Ipv4Addr]) -> Self {
        let now = Instant::now();
        Self {
            living: living.iter().copied().collect(),
            last: living.iter().map(|&ip| (ip, now)).collect(),
            ..Self::default()
        }
    }

    pub fn sent(&mut self, from: Ipv4Addr, to: Ipv4Addr) {
        if !self.living.contains(&to) {
            return;
        }
        if let Some(last) = self.last.get_mut(&from) {
            let gap = last.elapsed();
            *last = Instant::now();
            let longest = self.longest.entry(from).or_default();
            *longest = gap.max(*longest);
        }
    }

    /// The machine kept this process waiting for so long, and maybe the boards too.
    pub fn paused(&mut self, pause: Duration) {
        self.pause = pause.max(self.pause);
    }

    /// The longest gap of a board, one that has not ended included.
    pub fn of(&self, board: Ipv4Addr) -> Duration {
        let ended = self.longest.get(&board).copied().unwrap_or_default();
        self.last.get(&board).map_or(ended, |last| last.elapsed().max(ended))
    }

    /// The longest that this process was kept waiting.
    pub fn pause(&self) -> Duration {
        self.pause
    }
}
