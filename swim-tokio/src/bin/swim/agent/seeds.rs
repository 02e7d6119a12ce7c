//! What is wrong with the seeds: no event tells it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use swim_tokio::{JoinFailure, Seed, Swim};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::report::News;

/// Time between two looks: trouble that is over by then was none.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Watches for trouble with the seeds.
pub struct Seeds {
    swim: Swim,
    told: BTreeMap<Seed, JoinFailure>,
    untold: VecDeque<News>,
    looks: Interval,
}

impl Seeds {
    /// Joins through every seed for as long as it takes.
    pub async fn join(swim: Swim, seeds: Vec<Seed>) -> Self {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tracing::info!(?seeds, "joining");
        let not_asked = swim.keep_joining(seeds).await;
        let untold = not_asked.into_iter().filter_map(|(seed, why)| news_of(&seed, &why)).collect();
        Self { swim, told: BTreeMap::new(), untold, looks }
    }

    /// The next news: other trouble with a seed than before. Cancel safe.
    pub async fn next(&mut self) -> News {
        loop {
            if let Some(news) = self.untold.pop_front() {
                return news;
            }
            self.looks.tick().await;
            self.look();
        }
    }

    fn look(&mut self) {
        for status in self.swim.seeds() {
            let Some(trouble) = status.trouble else {
                self.told.remove(&status.seed);
                continue;
            };
            if self.told.get(&status.seed) != Some(&trouble) {
                self.untold.extend(news_of(&status.seed, &trouble));
                self.told.insert(status.seed, trouble);
            }
        }
    }
}

fn news_of(seed: &Seed, trouble: &JoinFailure) -> Option<News> {
    let seed = seed.to_string();
    match trouble {
        // Refusals are told as events, and so are keys.
        JoinFailure::Refused(_) | JoinFailure::UnknownKey(_) | JoinFailure::NotUnderstood(_) => {
            None
        }
        // Well for the first of its cluster, which may be its own seed; others ought to know.
        JoinFailure::OwnAddress => {
            Some(News::NotAsked { seed, reason: "it is this member itself".to_owned() })
        }
        JoinFailure::NoAnswer => Some(News::NoAnswer { seed }),
        JoinFailure::Unresolved(why) => Some(News::Unresolved { seed, reason: why.to_string() }),
        other => Some(News::NotAsked { seed, reason: other.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use swim_tokio::{KeyId, Refusal, ResolveError};

    use super::*;

    #[test]
    fn only_what_nobody_else_tells_is_news() {
        let seed = Seed::from("db:7946");
        for (trouble, news) in [
            (JoinFailure::Refused(Refusal::OtherCluster), None),
            (JoinFailure::UnknownKey(KeyId(7)), None),
            (
                JoinFailure::OwnAddress,
                Some(News::NotAsked {
                    seed: "db:7946".into(),
                    reason: "it is this member itself".into(),
                }),
            ),
            (JoinFailure::NoAnswer, Some(News::NoAnswer { seed: "db:7946".into() })),
            (
                JoinFailure::Unresolved(ResolveError::NoAddress),
                Some(News::Unresolved { seed: "db:7946".into(), reason: "has no address".into() }),
            ),
        ] {
            assert_eq!(news_of(&seed, &trouble), news);
        }
    }
}
