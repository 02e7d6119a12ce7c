//! Levels of suspicion over synthetic answers: how often a level is passed although the peer lives,
//! and how soon it is passed when it does not. No packets: a model.

use core::time::Duration;

use super::outcome::{Outcome, Reading};
use super::{Experiment, Trial};
use crate::accrual::{Accrual, Arrivals, Curve, Reach, micros_u32};
use crate::rng::Rng;
use crate::sim::report::Failure;
use crate::watch::{GAP_INTERVALS_MAX, Watch};

/// Answers after which the averages are taken to have settled: none before them counts.
const WARM_UP: usize = 200;
/// From a ping to its answer, in microseconds: the median, and the deviation of a normal one.
const DELAY: (f64, f64) = (10_000.0, 3_000.0);
/// The deviation of the logarithm of a delay: one in a hundred is ten times the median or more.
const LOG_DEVIATION: f64 = 1.0;
/// Pings of one kind, where kinds take turns.
const TURN_LEN: usize = 5_000;
/// Of so many pings one begins a burst of losses, which goes on with this chance after each.
const BURST: (usize, f64) = (500, 0.8);
/// Of so many pings one finds the process at the beginning of a pause, of this mean.
const PAUSE: (usize, f64) = (300, 300_000.0);

/// What comes between a ping and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// Delays normally distributed: 10 ms, deviation 3 ms.
    Normal,
    /// Delays with a heavy tail: lognormal, median 10 ms, one in a hundred above 100 ms.
    Lognormal,
    /// Normal delays, and losses in bursts: of 500 pings one begins a burst, of five on average.
    Bursts,
    /// Normal delays, and a process that stands still: once in 300 pings, for times exponentially
    /// distributed around 300 ms. What arrives meanwhile is answered afterwards.
    Pauses,
    /// Normal delays, and such with a heavy tail, in turns of 5 000 pings: a link that is busy at
    /// times.
    Turns,
}

impl Jitter {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Normal, Self::Lognormal, Self::Bursts, Self::Pauses, Self::Turns];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Lognormal => "lognormal",
            Self::Bursts => "bursts",
            Self::Pauses => "pauses",
            Self::Turns => "turns",
        }
    }
}

/// From which formula levels come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formula {
    /// The normal one as Hayashibara et al. have it: without a pause, with no least deviation.
    Normal,
    /// The normal one in Akka's proportions, as a [`Watch`] has it unless told otherwise.
    Akka,
    /// The exponential one.
    Exponential,
}

impl Formula {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Normal, Self::Akka, Self::Exponential];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Akka => "akka",
            Self::Exponential => "exponential",
        }
    }

    fn accrual(self, interval: Duration) -> Accrual {
        match self {
            Self::Normal => {
                Accrual::Normal { deviation_min: Duration::ZERO, pause: Duration::ZERO }
            }
            Self::Akka => Watch::every(interval).accrual,
            Self::Exponential => Accrual::Exponential,
        }
    }
}

/// Pings a peer through one kind of jitter, and holds its silences against one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phi {
    /// From which formula levels come.
    pub formula: Formula,
    /// What comes between pings and answers.
    pub jitter: Jitter,
    /// The level: 0.5 to 64.
    pub threshold: f32,
    /// Between two pings.
    pub interval: Duration,
    /// How many pings there are.
    pub pings: usize,
}

/// An answer, and to which ping.
type Answer = (Duration, usize);

impl Experiment for Phi {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut rng = Rng::new(trial.seed);
        let answers = self.answers(&mut rng);
        let silences = self.silences(&answers);
        let judged = || silences.iter().zip(answers.windows(2)).skip(WARM_UP);
        let gap = |pair: &[Answer]| pair[1].0 - pair[0].0;
        let of = judged().count();
        let mistakes = judged().filter(|(silence, pair)| gap(pair) > **silence).count();
        let sum: f64 = judged().map(|(silence, _)| silence.as_secs_f64()).sum();
        // Of equal mean detection time: what differs is how long is waited after the last answer.
        let timeout = sum / of.max(1) as f64;
        let mistakes_fixed = judged().filter(|(_, pair)| gap(pair).as_secs_f64() > timeout).count();
        let readings = vec![
            Reading::count("answers", of as u64),
            Reading::count("mistakes", mistakes as u64),
            Reading::count("of a fixed timeout", mistakes_fixed as u64),
            Reading::rate("detection s", self.detection(&answers, &silences, &mut rng)),
            Reading::rate("fixed timeout s", timeout),
        ];
        Ok(Outcome::of_model(trial.seed, rng.next_u64(), readings))
    }
}

impl Phi {
    /// When answers come, without those that come after one to a later ping.
    fn answers(&self, rng: &mut Rng) -> Vec<Answer> {
        let (mut is_burst, mut busy_until) = (false, Duration::ZERO);
        let mut answers = Vec::with_capacity(self.pings);
        for ping in 0..self.pings {
            let sent_at = self.interval * ping as u32;
            if self.jitter == Jitter::Pauses && rng.below(PAUSE.0) == 0 {
                busy_until = busy_until.max(sent_at + micros(-PAUSE.1 * uniform(rng).ln()));
            }
            if self.jitter == Jitter::Bursts {
                is_burst = if is_burst { uniform(rng) < BURST.1 } else { rng.below(BURST.0) == 0 };
            }
            if !is_burst {
                let arrival = sent_at + micros(self.delay(ping, rng));
                answers.push((arrival.max(busy_until), ping));
            }
        }
        answers.sort_unstable();
        let mut latest = None;
        answers.retain(|&(_, ping)| {
            let is_news = latest.is_none_or(|latest| ping > latest);
            latest = latest.max(Some(ping));
            is_news
        });
        answers
    }

    /// From a ping to its answer, in microseconds.
    fn delay(&self, ping: usize, rng: &mut Rng) -> f64 {
        let is_heavy = match self.jitter {
            Jitter::Normal | Jitter::Bursts | Jitter::Pauses => false,
            Jitter::Lognormal => true,
            Jitter::Turns => (ping / TURN_LEN) % 2 == 1,
        };
        let deviations = normal(rng);
        match is_heavy {
            true => DELAY.0 * (LOG_DEVIATION * deviations).exp(),
            false => (DELAY.0 + DELAY.1 * deviations).max(0.0),
        }
    }

    /// After each answer, the silence that passes the threshold.
    fn silences(&self, answers: &[Answer]) -> Vec<Duration> {
        let curve = Curve::of(self.formula.accrual(self.interval));
        let reach = Reach::of(self.threshold);
        let mut arrivals = Arrivals::expected(micros_u32(self.interval));
        let mut before = None;
        let silence = |&(at, _): &Answer| {
            if let Some(before) = before.replace(at) {
                let gap = (at - before).min(self.interval * GAP_INTERVALS_MAX);
                arrivals.sample(micros_u32(gap));
            }
            Duration::from_micros(curve.silence(&arrivals, reach))
        };
        answers.iter().map(silence).collect()
    }

    /// The mean time from a crash to the passing of the threshold, in seconds, over a crash at some
    /// moment after each answered ping. Answers that are on their way still come.
    fn detection(&self, answers: &[Answer], silences: &[Duration], rng: &mut Rng) -> f64 {
        let mut sum = 0.0;
        let crashes = || answers.iter().zip(silences).skip(WARM_UP);
        for (&(at, ping), silence) in crashes() {
            let crash = self.interval.mul_f64(ping as f64 + uniform(rng));
            sum += (at + *silence).saturating_sub(crash).as_secs_f64();
        }
        sum / crashes().count().max(1) as f64
    }
}

/// Standard normal (Box and Muller 1958).
fn normal(rng: &mut Rng) -> f64 {
    let (radius, angle) = ((-2.0 * uniform(rng).ln()).sqrt(), uniform(rng));
    radius * (core::f64::consts::TAU * angle).cos()
}

/// Above 0, at most 1.
fn uniform(rng: &mut Rng) -> f64 {
    (f64::from(rng.next_u32()) + 1.0) / (f64::from(u32::MAX) + 1.0)
}

fn micros(micros: f64) -> Duration {
    Duration::from_micros(micros as u64)
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Value;
    use super::*;
    use crate::Config;

    fn run(formula: Formula, jitter: Jitter, threshold: f32) -> Outcome {
        let interval = Duration::from_millis(100);
        let phi = Phi { formula, jitter, threshold, interval, pings: 20_000 };
        phi.run(&Trial { config: Config::lan(), nodes: 2, seed: 3 }).expect("a model")
    }

    fn reading(outcome: &Outcome, place: usize) -> f64 {
        match outcome.readings[place].value {
            Value::Count(count) => count as f64,
            Value::Rate(rate) => rate,
            ref other => panic!("{other:?}"),
        }
    }

    /// Hayashibara et al.: at φ = 1 one in ten, at 2 one in a hundred. Gaps between normal delays
    /// are normal; they are not independent, and the moments are estimates.
    #[test]
    fn where_answers_are_normal_the_level_is_the_chance_of_a_mistake() {
        for (threshold, least, most) in [(1.0, 0.085, 0.115), (2.0, 0.008, 0.016)] {
            let outcome = run(Formula::Normal, Jitter::Normal, threshold);
            let share = reading(&outcome, 1) / reading(&outcome, 0);
            assert!((least..most).contains(&share), "{threshold}: {share}");
        }
    }

    #[test]
    fn higher_thresholds_err_less_and_later_whatever_the_jitter() {
        for formula in Formula::ALL {
            for jitter in Jitter::ALL {
                let mut before: Option<(f64, f64)> = None;
                for threshold in [0.5, 2.0, 8.0, 16.0] {
                    let outcome = run(formula, jitter, threshold);
                    let now = (reading(&outcome, 1), reading(&outcome, 3));
                    if let Some(before) = before {
                        assert!(now.0 <= before.0 && now.1 > before.1, "{formula:?} {jitter:?}");
                    }
                    before = Some(now);
                }
            }
        }
    }

    /// 18.4 intervals, and half an interval less than that since the crash.
    #[test]
    fn detection_times_are_those_of_the_formula() {
        let outcome = run(Formula::Exponential, Jitter::Normal, 8.0);
        assert!((reading(&outcome, 4) - 1.842).abs() < 0.005, "{outcome:?}");
        assert!((reading(&outcome, 3) - 1.842 + 0.05 - 0.01).abs() < 0.005, "{outcome:?}");
    }

    /// What adapting is for: where answers are now even and now not, one timeout does for neither.
    #[test]
    fn where_jitter_changes_levels_err_less_than_a_fixed_timeout() {
        for threshold in [4.0, 8.0] {
            let outcome = run(Formula::Normal, Jitter::Turns, threshold);
            let (level, timeout) = (reading(&outcome, 1), reading(&outcome, 2));
            assert!(level * 2.0 < timeout, "{threshold}: {level} against {timeout}");
        }
    }

    #[test]
    fn equal_trials_are_equal() {
        let runs = [(); 2].map(|()| run(Formula::Akka, Jitter::Pauses, 4.0));
        assert_eq!(runs[0], runs[1]);
    }
}
