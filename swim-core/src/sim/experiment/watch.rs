//! Who found a failure out, and when.

use core::time::Duration;

use super::outcome::Detection;
use super::stage::Stage;
use crate::Event;
use crate::sim::report::{Failure, Heard};
use crate::time::Instant;

/// How often views are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Watches over members that fail at one moment.
pub(super) struct Watch {
    since: Instant,
    victims: Vec<usize>,
    known: Vec<Option<Instant>>,
}

impl Watch {
    /// Starts now, at the moment of the failure.
    pub fn over(stage: &Stage, victims: &[usize]) -> Self {
        let known = vec![None; victims.len()];
        Self { since: stage.cluster.now(), victims: victims.to_vec(), known }
    }

    /// Lets time pass.
    pub fn run_for(&mut self, stage: &mut Stage, duration: Duration) -> Result<(), Failure> {
        let end = stage.cluster.now().after(duration);
        while stage.cluster.now() < end {
            self.step(stage, end)?;
        }
        Ok(())
    }

    /// Lets time pass until everybody knows of all victims, but no longer than `limit` since the
    /// failure.
    pub fn run_until_known(&mut self, stage: &mut Stage, limit: Duration) -> Result<(), Failure> {
        let end = self.since.after(limit);
        while stage.cluster.now() < end && !self.known.iter().all(Option::is_some) {
            self.step(stage, end)?;
        }
        Ok(())
    }

    /// What was found out so far.
    pub fn detections(&self, stage: &Stage) -> Vec<Detection> {
        let mut first = vec![None; self.victims.len()];
        for heard in deaths(stage, self.since) {
            let about = heard.event.member();
            let place = self.victims.iter().position(|&node| about == Some(stage.cluster.id(node)));
            if let Some(first) = place.map(|place| &mut first[place]) {
                first.get_or_insert(heard.at);
            }
        }
        let after = |moment: Option<Instant>| moment.map(|moment| moment.since(self.since));
        let pairs = first.into_iter().zip(&self.known);
        pairs.map(|(first, &all)| Detection { first: after(first), all: after(all) }).collect()
    }

    fn step(&mut self, stage: &mut Stage, end: Instant) -> Result<(), Failure> {
        let now = stage.cluster.now();
        stage.cluster.run_for(end.since(now).min(LOOK_INTERVAL))?;
        for place in 0..self.victims.len() {
            let victim = self.victims[place];
            if self.known[place].is_none() && stage.is_gone_everywhere(victim) {
                self.known[place] = Some(last_death(stage, victim, now).unwrap_or(now));
            }
        }
        Ok(())
    }
}

/// When somebody last heard of the death of `victim`, if that was after `since`.
fn last_death(stage: &Stage, victim: usize, since: Instant) -> Option<Instant> {
    let id = Some(stage.cluster.id(victim));
    let last = deaths(stage, since).filter(|heard| heard.event.member() == id).last();
    last.map(|heard| heard.at)
}

fn deaths(stage: &Stage, since: Instant) -> impl Iterator<Item = &Heard> {
    let heard = stage.cluster.heard();
    let first = heard.partition_point(|heard| heard.at < since);
    heard[first..].iter().filter(|heard| matches!(heard.event, Event::MemberDead(_)))
}
