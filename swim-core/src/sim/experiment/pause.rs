//! Processes that stand still for a while and are well otherwise.

use core::iter::Peekable;
use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::stage::Stage;
use super::watch::Watch;
use super::{Experiment, Trial};
use crate::sim::link::Link;
use crate::sim::report::Failure;
use crate::time::Instant;

/// Longest wait for the news of a death after the pause.
const AFTERMATH: Duration = Duration::from_secs(30);

/// One member stands still once; whether anybody declares it dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// For how long. Default: 5 s.
    pub pause: Duration,
    /// Datagrams lost, of a thousand. Default: 10.
    pub loss_permille: u16,
}

impl Default for Pause {
    fn default() -> Self {
        Self { pause: Duration::from_secs(5), loss_permille: 10 }
    }
}

impl Experiment for Pause {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::settled(trial, Link::lan().losing(self.loss_permille))?;
        let paused = stage.pick_anomalous(1);
        for &node in &paused {
            stage.cluster.freeze(node, self.pause);
        }
        stage.run_for(self.pause + AFTERMATH)?;
        let killed = stage.count_killed(|_| true, |node| paused.contains(&node));
        let killed = Reading::share("killed", killed, paused.len() as u64);
        Ok(stage.outcome(Vec::new(), vec![killed]))
    }
}

/// Some members stand still again and again; a healthy one crashes halfway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepeatedPauses {
    /// How many pause. Default: 8.
    pub paused: usize,
    /// For how long. Default: 5 s.
    pub pause: Duration,
    /// From one pause to the next, on average; each between half and one and a half of it. Default:
    /// 20 s.
    pub every: Duration,
    /// How long it goes on. Default: 300 s.
    pub duration: Duration,
    /// Datagrams lost, of a thousand. Default: 10.
    pub loss_permille: u16,
}

impl Default for RepeatedPauses {
    fn default() -> Self {
        let [pause, every, duration] = [5, 20, 300].map(Duration::from_secs);
        Self { paused: 8, pause, every, duration, loss_permille: 10 }
    }
}

impl Experiment for RepeatedPauses {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut stage = Stage::settled(trial, Link::lan().losing(self.loss_permille))?;
        let paused = stage.pick_anomalous(self.paused);
        let halfway = self.duration / 2;
        let pauses = self.schedule(&mut stage, &paused);
        let mut agenda = pauses.iter().copied().peekable();
        let no_victim = Watch::over(&stage, &[]);
        self.play(&mut stage, no_victim, &mut agenda, halfway)?;
        let victims = stage.pick_anomalous(1);
        for &victim in &victims {
            stage.cluster.crash(victim);
        }
        let watch = Watch::over(&stage, &victims);
        let watch = self.play(&mut stage, watch, &mut agenda, self.duration - halfway)?;
        let killed = pauses.iter().filter(|pause| was_killed(&stage, **pause, &pauses)).count();
        let heard = stage.deaths().iter().filter(|death| paused.contains(&death.about)).count();
        let detections = watch.detections(&stage);
        let readings = vec![
            Reading::share("pauses killed", killed as u64, pauses.len() as u64),
            Reading::count("deaths of paused heard", heard as u64),
        ];
        Ok(stage.outcome(detections, readings))
    }
}

/// When who stands still.
type Planned = (Instant, usize);

impl RepeatedPauses {
    /// All pauses, in order of time.
    fn schedule(&self, stage: &mut Stage, paused: &[usize]) -> Vec<Planned> {
        let end = stage.now().after(self.duration);
        let mut pauses = Vec::new();
        for &node in paused {
            let mut at = stage.now().after(stage.rng.up_to(self.every));
            while at < end {
                pauses.push((at, node));
                at = at.after(stage.rng.jittered(self.every).max(self.pause));
            }
        }
        pauses.sort_unstable();
        pauses
    }

    /// Lets time pass, and pauses on the way.
    fn play(
        &self,
        stage: &mut Stage,
        mut watch: Watch,
        agenda: &mut Peekable<impl Iterator<Item = Planned>>,
        duration: Duration,
    ) -> Result<Watch, Failure> {
        let end = stage.now().after(duration);
        while let Some((at, node)) = agenda.next_if(|planned| planned.0 < end) {
            watch.run_for(stage, at.since(stage.now()))?;
            stage.cluster.freeze(node, self.pause);
        }
        watch.run_for(stage, end.since(stage.now()))?;
        Ok(watch)
    }
}

/// Whether somebody heard of the death of the member between this pause and its next.
fn was_killed(stage: &Stage, (start, node): Planned, pauses: &[Planned]) -> bool {
    let next = pauses.iter().find(|other| other.1 == node && other.0 > start);
    let end = next.map_or(Instant::MAX, |next| next.0);
    let deaths = stage.deaths().iter().filter(|death| death.about == node);
    deaths.into_iter().any(|death| start <= death.at && death.at < end)
}
