//! The probe in flight: SWIM section 3.1 with the nacks of Lifeguard section IV-A.
//!
//! ```text
//! start        timeout                  end
//! | ping ------| ping k relays ---------| failed
//! ```

use core::time::Duration;

use crate::config::INDIRECT_PROBES_MAX;
use crate::member::NodeId;
use crate::time::Instant;

/// Whom this node probes now, and when it probes next.
#[derive(Debug)]
pub struct Prober {
    current: Option<Probe>,
    next_at: Instant,
}

/// One probe.
#[derive(Debug)]
struct Probe {
    number: u32,
    target: NodeId,
    /// When relays are asked; `None` once they have been.
    timeout_at: Option<Instant>,
    end_at: Instant,
    relays: heapless::Vec<Asked, INDIRECT_PROBES_MAX>,
}

/// A relay that was asked.
#[derive(Debug)]
struct Asked {
    relay: NodeId,
    nacked: bool,
}

/// How long the parts of a probe last.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// From the ping to the requests to relays.
    pub timeout: Duration,
    /// From the ping to the verdict.
    pub window: Duration,
    /// From the ping to the next probe, if this one succeeds.
    pub interval: Duration,
}

/// What is to be done about the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is time to choose a target and start.
    Start,
    /// No ack came: ask relays.
    AskRelays { target: NodeId, number: u32 },
    /// Nobody reached the target.
    Failed { target: NodeId, relays: u8, nacks: u8 },
    /// The time to ask relays passed unnoticed: this process stood still, so nothing follows.
    Void,
}

/// Whose ack it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckOf {
    /// The target's own.
    Target,
    /// Passed on by a relay that was asked.
    Relay,
}

impl Prober {
    /// The first probe starts at `first_at`.
    pub const fn new(first_at: Instant) -> Self {
        Self { current: None, next_at: first_at }
    }

    /// When the next step is due.
    pub fn deadline(&self) -> Instant {
        match &self.current {
            Some(probe) => probe.timeout_at.unwrap_or(probe.end_at),
            None => self.next_at,
        }
    }

    /// The step that is due at `now`, if one is.
    pub fn step(&mut self, now: Instant) -> Option<Step> {
        if now < self.deadline() {
            return None;
        }
        let Some(probe) = &mut self.current else { return Some(Step::Start) };
        let &mut Probe { number, target, end_at, .. } = probe;
        let step = match probe.timeout_at.take() {
            Some(_) if now < end_at => return Some(Step::AskRelays { target, number }),
            Some(_) => Step::Void,
            None => {
                let nacks = probe.relays.iter().filter(|asked| asked.nacked).count() as u8;
                Step::Failed { target, relays: probe.relays.len() as u8, nacks }
            }
        };
        self.finish(now.max(self.next_at));
        Some(step)
    }

    /// Starts a probe.
    pub fn start(&mut self, target: NodeId, number: u32, timing: Timing, now: Instant) {
        self.next_at = now.after(timing.interval);
        self.current = Some(Probe {
            number,
            target,
            timeout_at: Some(now.after(timing.timeout)),
            end_at: now.after(timing.window),
            relays: heapless::Vec::new(),
        });
    }

    /// Ends what is running and lets `interval` pass: there is nobody to probe.
    pub fn skip(&mut self, interval: Duration, now: Instant) {
        self.finish(now.after(interval));
    }

    /// Notes that `relay` was asked.
    pub fn asked(&mut self, relay: NodeId) {
        if let Some(probe) = &mut self.current {
            // One more than fits is never asked: the configuration says so.
            let _ = probe.relays.push(Asked { relay, nacked: false });
        }
    }

    /// An ack came. Ends the probe if it was asked for; `None` otherwise, and nothing changed.
    pub fn ack(&mut self, number: u32, sender: NodeId, now: Instant) -> Option<AckOf> {
        let probe = self.current.as_ref().filter(|probe| probe.number == number)?;
        let ack_of = if probe.target == sender {
            AckOf::Target
        } else {
            probe.relays.iter().find(|asked| asked.relay == sender)?;
            AckOf::Relay
        };
        self.finish(now.max(self.next_at));
        Some(ack_of)
    }

    /// A nack came. Counts once for each relay that was asked; false for anything else.
    pub fn nack(&mut self, number: u32, sender: NodeId) -> bool {
        let Some(probe) = self.current.as_mut().filter(|probe| probe.number == number) else {
            return false;
        };
        let relay = probe.relays.iter_mut().find(|asked| asked.relay == sender && !asked.nacked);
        relay.is_some_and(|asked| {
            asked.nacked = true;
            true
        })
    }

    /// Ends the probe of `target` without a verdict: it is known to be gone.
    pub fn forget(&mut self, target: NodeId, now: Instant) {
        if self.current.as_ref().is_some_and(|probe| probe.target == target) {
            self.finish(now.max(self.next_at));
        }
    }

    fn finish(&mut self, next_at: Instant) {
        self.current = None;
        self.next_at = next_at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: NodeId = NodeId::new(1);
    const RELAY: NodeId = NodeId::new(2);
    const TIMING: Timing = Timing {
        timeout: Duration::from_millis(500),
        window: Duration::from_secs(1),
        interval: Duration::from_secs(1),
    };

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn started() -> Prober {
        let mut prober = Prober::new(at(0));
        assert_eq!(prober.step(at(0)), Some(Step::Start));
        prober.start(TARGET, 7, TIMING, at(0));
        prober
    }

    #[test]
    fn a_probe_nobody_answers_asks_relays_and_fails() {
        let mut prober = started();
        assert_eq!(prober.step(at(499)), None);
        assert_eq!(prober.step(at(500)), Some(Step::AskRelays { target: TARGET, number: 7 }));
        prober.asked(RELAY);
        assert!(prober.nack(7, RELAY));
        assert!(!prober.nack(7, RELAY), "once each");
        assert!(!prober.nack(7, TARGET), "not asked");
        let failed = Step::Failed { target: TARGET, relays: 1, nacks: 1 };
        assert_eq!(prober.step(at(1_000)), Some(failed));
        assert_eq!(prober.step(at(1_000)), Some(Step::Start));
    }

    #[test]
    fn an_ack_from_the_target_or_a_relay_ends_it_once() {
        let mut prober = started();
        assert_eq!(prober.ack(8, TARGET, at(1)), None);
        assert_eq!(prober.ack(7, RELAY, at(1)), None, "not asked yet");
        assert_eq!(prober.ack(7, TARGET, at(1)), Some(AckOf::Target));
        assert_eq!(prober.ack(7, TARGET, at(1)), None, "a duplicate");
        assert_eq!(prober.deadline(), at(1_000));

        let mut prober = started();
        prober.step(at(500));
        prober.asked(RELAY);
        assert_eq!(prober.ack(7, RELAY, at(1)), Some(AckOf::Relay));
    }

    #[test]
    fn a_timer_so_late_that_no_relay_was_asked_accuses_nobody() {
        let mut prober = started();
        assert_eq!(prober.step(at(3_600_000)), Some(Step::Void));
        assert_eq!(prober.step(at(3_600_000)), Some(Step::Start));
    }
}
