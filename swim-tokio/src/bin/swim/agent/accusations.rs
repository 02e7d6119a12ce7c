//! What others say of this member: no event tells it, the counters do.

use std::time::Duration;

use swim_tokio::Swim;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::report::News;

/// Time between two looks at the counters: several refutations in it are one line.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Watches for refutations: somebody held this member for failed, or for its own former life.
pub struct Accusations {
    swim: Swim,
    refuted: u64,
    looks: Interval,
}

impl Accusations {
    pub fn new(swim: Swim) -> Self {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { swim, refuted: 0, looks }
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
        }
    }
}
