//! Who found a failure out, and when.

use core::time::Duration;

use super::outcome::Detection;
use super::stage::Stage;
use crate::sim::report::Failure;
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
        Self { since: stage.now(), victims: victims.to_vec(), known }
    }

    /// Lets time pass.
    pub fn run_for(&mut self, stage: &mut Stage, duration: Duration) -> Result<(), Failure> {
        let end = stage.now().after(duration);
        while stage.now() < end {
            self.step(stage, end)?;
        }
        Ok(())
    }

    /// Lets time pass until everybody knows of all victims, but no longer than `limit` since the
    /// failure.
    pub fn run_until_known(&mut self, stage: &mut Stage, limit: Duration) -> Result<(), Failure> {
        let end = self.since.after(limit);
        while stage.now() < end && !self.known.iter().all(Option::is_some) {
            self.step(stage, end)?;
        }
        Ok(())
    }

    /// What was found out so far.
    pub fn detections(&self, stage: &Stage) -> Vec<Detection> {
        let since = |moment: Instant| moment.since(self.since);
        let detection = |(&victim, &known): (&usize, &Option<Instant>)| {
            let first = deaths_of(stage, victim, self.since).next();
            Detection { first: first.map(since), all: known.map(since) }
        };
        self.victims.iter().zip(&self.known).map(detection).collect()
    }

    fn step(&mut self, stage: &mut Stage, end: Instant) -> Result<(), Failure> {
        let now = stage.now();
        stage.run_for(end.since(now).min(LOOK_INTERVAL))?;
        for (&victim, known) in self.victims.iter().zip(&mut self.known) {
            if known.is_none() && stage.is_gone_everywhere(victim) {
                *known = Some(deaths_of(stage, victim, now).last().unwrap_or(now));
            }
        }
        Ok(())
    }
}

/// When anybody heard of the death of `victim`, from the moment `since`.
fn deaths_of(stage: &Stage, victim: usize, since: Instant) -> impl Iterator<Item = Instant> {
    let deaths = stage.deaths();
    let first = deaths.partition_point(|death| death.at < since);
    deaths[first..].iter().filter(move |death| death.about == victim).map(|death| death.at)
}
