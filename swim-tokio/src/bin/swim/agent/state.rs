//! What is wrong with the state kept across restarts: no event tells it.

use std::time::Duration;

use swim_tokio::{StateTrouble, Swim};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::report::News;

/// Time between two looks: trouble that is over by then was none.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Watches for trouble with the state directory.
pub struct Troubles {
    swim: Swim,
    told: Option<StateTrouble>,
    looks: Interval,
}

impl Troubles {
    pub fn new(swim: Swim) -> Self {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { swim, told: None, looks }
    }

    /// The next news: another trouble than before. Cancel safe.
    pub async fn next(&mut self) -> News {
        loop {
            self.looks.tick().await;
            let trouble = self.swim.state_trouble();
            if trouble != self.told {
                self.told = trouble;
                if let Some(trouble) = &self.told {
                    return News::StateTrouble { reason: trouble.to_string() };
                }
            }
        }
    }
}
