//! That a trace has ended before the agent does: said once.

use std::time::Duration;

use swim_tokio::Swim;
use swim_tokio::swim_core::trace::Stopped;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::report::News;

/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Watches a trace, if there is one.
pub struct TraceEnd {
    swim: Swim,
    is_told: bool,
    looks: Interval,
}

impl TraceEnd {
    pub fn new(swim: Swim) -> Self {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { is_told: swim.trace_progress().is_none(), swim, looks }
    }

    /// The end of the trace; nothing ever after that. Cancel safe.
    pub async fn next(&mut self) -> News {
        while !self.is_told {
            self.looks.tick().await;
            let stopped = self.swim.trace_progress().and_then(|progress| progress.stopped);
            if let Some(reason) = stopped.and_then(reason) {
                self.is_told = true;
                return News::TraceEnded { reason };
            }
        }
        std::future::pending().await
    }
}

/// `None` if that is as it should be.
fn reason(stopped: Stopped) -> Option<String> {
    match stopped {
        Stopped::Closed => None,
        Stopped::Full => Some("it has reached its greatest length".to_owned()),
        Stopped::Failed(kind) => Some(kind.to_string()),
        _ => Some("a call said more than it can hold".to_owned()),
    }
}
