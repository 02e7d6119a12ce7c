//! What no event tells and the counters do: what others say of this member, whom it forgot.

use std::time::Duration;

use swim_tokio::Swim;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::report::News;

/// Time between two looks at the counters: several refutations in it are one line.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Watches for refutations, when somebody held this member for failed or for its own former life,
/// and for tombstones whose time is over.
pub struct Counts {
    swim: Swim,
    refuted: u64,
    forgotten: u64,
    looks: Interval,
}

impl Counts {
    pub fn new(swim: Swim) -> Self {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { swim, refuted: 0, forgotten: 0, looks }
    }

    /// The next news; none for ever once the node has ended. Cancel safe.
    pub async fn next(&mut self) -> News {
        loop {
            self.looks.tick().await;
            let Ok(stats) = self.swim.stats().await else { continue };
            let me = self.swim.member(self.swim.id());
            if let Some(me) = me.filter(|_| stats.refutations > self.refuted) {
                self.refuted = stats.refutations;
                return News::Refuted { incarnation: me.incarnation.number() };
            }
            let members = stats.reaped - self.forgotten;
            if members > 0 {
                self.forgotten = stats.reaped;
                return News::Forgotten { members };
            }
        }
    }
}
