//! Rumours that die out: Tables 1 to 3 of Demers et al., "Epidemic Algorithms for Replicated
//! Database Maintenance", PODC 1987, section 1.4. No packets: a model.

use super::contacts;
use super::outcome::{Outcome, Reading};
use super::{Experiment, Trial};
use crate::rng::Rng;
use crate::sim::report::Failure;

/// Whoever loses interest as the paper says does so long before.
const CYCLES_MAX: u32 = 100_000;

/// Which of the paper's epidemics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epidemic {
    /// Table 1: who knows it pushes it to one a cycle, and loses interest after k contacts one
    /// after another with those who knew it already.
    PushCounter,
    /// Table 2: the same, but loses interest with probability 1/k after each contact.
    PushCoin,
    /// Table 3: everybody asks one a cycle; who was asked in k cycles one after another by such
    /// only as knew it already loses interest.
    PullCounter,
}

impl Epidemic {
    /// In the order of the tables.
    pub const ALL: [Self; 3] = [Self::PushCounter, Self::PushCoin, Self::PullCounter];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PushCounter => "push-counter",
            Self::PushCoin => "push-coin",
            Self::PullCounter => "pull-counter",
        }
    }

    /// What the paper's table says, in its own digits, of 1000 sites and each k from 1 on.
    pub const fn published(self) -> &'static [Published] {
        match self {
            Self::PushCounter => &TABLE_1,
            Self::PushCoin => &TABLE_2,
            Self::PullCounter => &TABLE_3,
        }
    }
}

const TABLE_1: [Published; 5] = [
    Published::new(0.18, 1.7, 16.8),
    Published::new(0.037, 3.3, 16.9),
    Published::new(0.011, 4.5, 17.4),
    Published::new(0.0036, 5.6, 17.5),
    Published::new(0.0012, 6.7, 17.7),
];
const TABLE_2: [Published; 5] = [
    Published::new(0.96, 0.04, 38.0),
    Published::new(0.20, 1.6, 33.0),
    Published::new(0.060, 2.8, 32.0),
    Published::new(0.021, 3.9, 32.0),
    Published::new(0.008, 4.9, 32.0),
];
const TABLE_3: [Published; 3] = [
    Published::new(3.1e-2, 2.7, 17.6),
    Published::new(5.8e-4, 4.5, 15.4),
    Published::new(4.0e-6, 6.1, 14.0),
];

/// A line of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// Sites that never hear of it, of all.
    pub residue: f64,
    /// Messages that carry it, by sites.
    pub traffic: f64,
    /// Cycles until the last site that hears of it has.
    pub t_last: f64,
}

impl Published {
    /// How many sites the paper has.
    pub const SITES: usize = 1_000;

    const fn new(residue: f64, traffic: f64, t_last: f64) -> Self {
        Self { residue, traffic, t_last }
    }
}

/// An epidemic among the trial's nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demers {
    /// Which.
    pub epidemic: Epidemic,
    /// How long a site stays interested.
    pub k: u32,
}

impl Experiment for Demers {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut sites = Sites::one_infective(trial.nodes, trial.seed);
        let mut t_last = 0;
        for cycle in 1..=CYCLES_MAX {
            let (susceptible, infective) = (sites.susceptible, sites.infective());
            if infective.is_empty() {
                break;
            }
            match self.epidemic {
                Epidemic::PushCounter | Epidemic::PushCoin => self.push(&mut sites, &infective),
                Epidemic::PullCounter => self.pull(&mut sites, &infective),
            }
            if sites.susceptible < susceptible {
                t_last = cycle;
            }
        }
        let n = trial.nodes as f64;
        let published = self.published(trial.nodes);
        let paper = |pick: fn(&Published) -> f64| published.map(pick);
        let readings = vec![
            Reading::rate("residue", sites.susceptible as f64 / n),
            Reading::given("residue, paper", paper(|line| line.residue)),
            Reading::rate("traffic m", sites.sent as f64 / n),
            Reading::given("traffic m, paper", paper(|line| line.traffic)),
            Reading::rate("t_last, cycles", f64::from(t_last)),
            Reading::given("t_last, paper", paper(|line| line.t_last)),
        ];
        Ok(Outcome::of_model(trial.seed, sites.rng.next_u64(), readings))
    }
}

impl Demers {
    fn published(&self, sites: usize) -> Option<&'static Published> {
        let line = usize::try_from(self.k).ok()?.checked_sub(1)?;
        let published = self.epidemic.published().get(line);
        published.filter(|_| sites == Published::SITES)
    }

    /// Whether it was news is told by what the peer knew before the cycle: of several who tell it
    /// in one, all were useful.
    fn push(&self, sites: &mut Sites, infective: &[usize]) {
        let mut told = Vec::with_capacity(infective.len());
        for &site in infective {
            let peer = sites.peer_of(site);
            let is_news = sites.states[peer] == State::Susceptible;
            sites.sent += 1;
            told.push(peer);
            match self.epidemic {
                Epidemic::PushCoin => {
                    if sites.rng.below(self.k as usize) == 0 {
                        sites.states[site] = State::Removed;
                    }
                }
                Epidemic::PushCounter | Epidemic::PullCounter => sites.count(site, is_news, self.k),
            }
        }
        for peer in told {
            sites.infect(peer);
        }
    }

    /// Several may ask one site in a cycle. Then one whom it was news to sets its counter back, and
    /// otherwise all of them count as one (the paper's footnote to Table 3).
    fn pull(&self, sites: &mut Sites, infective: &[usize]) {
        let mut is_source = vec![false; sites.states.len()];
        infective.iter().for_each(|&site| is_source[site] = true);
        let mut asked: Vec<Option<bool>> = vec![None; sites.states.len()];
        for site in 0..sites.states.len() {
            let source = sites.peer_of(site);
            if is_source[source] {
                sites.sent += 1;
                let was_news = asked[source].unwrap_or(false);
                asked[source] = Some(sites.infect(site) || was_news);
            }
        }
        for &site in infective {
            if let Some(was_news) = asked[site] {
                sites.count(site, was_news, self.k);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Susceptible,
    /// Knows it, and has contacted in vain so often since it was last of use.
    Infective(u32),
    Removed,
}

/// The sites and what they have sent.
struct Sites {
    rng: Rng,
    states: Vec<State>,
    susceptible: usize,
    sent: u64,
}

impl Sites {
    fn one_infective(count: usize, seed: u64) -> Self {
        let mut states = vec![State::Susceptible; count];
        states[0] = State::Infective(0);
        Self { rng: Rng::new(seed), states, susceptible: count - 1, sent: 0 }
    }

    /// Those who know it and are interested now.
    fn infective(&self) -> Vec<usize> {
        let is_infective = |site: &usize| matches!(self.states[*site], State::Infective(_));
        (0..self.states.len()).filter(is_infective).collect()
    }

    fn peer_of(&mut self, site: usize) -> usize {
        contacts::one(&mut self.rng, self.states.len(), site)
    }

    /// Tells a site, and says whether it was news.
    fn infect(&mut self, site: usize) -> bool {
        let is_news = self.states[site] == State::Susceptible;
        if is_news {
            self.states[site] = State::Infective(0);
            self.susceptible -= 1;
        }
        is_news
    }

    /// A useful contact sets the counter back; at `k` interest is lost.
    fn count(&mut self, site: usize, was_useful: bool, k: u32) {
        if let State::Infective(useless) = self.states[site] {
            self.states[site] = match useless + 1 {
                _ if was_useful => State::Infective(0),
                useless if useless >= k => State::Removed,
                useless => State::Infective(useless),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Value;
    use super::super::statistics::mean;
    use super::*;
    use crate::Config;

    fn means(demers: Demers, trials: u64) -> Published {
        let run = |seed| {
            let trial = Trial { config: Config::lan(), nodes: Published::SITES, seed };
            demers.run(&trial).map(|outcome| outcome.readings)
        };
        let runs: Vec<_> = (1..=trials).filter_map(|seed| run(seed).ok()).collect();
        let mean_of = |name: &str| {
            let rate = |reading: &Reading| match reading.value {
                Value::Rate(rate) if reading.name == name => Some(rate),
                _ => None,
            };
            mean(&runs.iter().flatten().filter_map(rate).collect::<Vec<_>>()).value
        };
        Published::new(mean_of("residue"), mean_of("traffic m"), mean_of("t_last, cycles"))
    }

    fn check(found: f64, published: f64, what: &str) {
        assert!((found - published).abs() <= 0.1 * published, "{what}: {found}, paper {published}");
    }

    /// Residues below a thousandth need more runs than a test has time for: `swim sim demers`.
    #[test]
    fn the_tables_of_the_paper_come_out_again() {
        for (epidemic, k, trials) in [
            (Epidemic::PushCounter, 1, 60),
            (Epidemic::PushCounter, 2, 60),
            (Epidemic::PushCounter, 4, 400),
            (Epidemic::PushCoin, 2, 150),
            (Epidemic::PushCoin, 4, 1_000),
            (Epidemic::PullCounter, 1, 60),
            (Epidemic::PullCounter, 3, 40),
        ] {
            let found = means(Demers { epidemic, k }, trials);
            let published = epidemic.published()[k as usize - 1];
            let what = format!("{epidemic:?} {k}");
            if published.residue > 1e-3 {
                check(found.residue, published.residue, &format!("{what} residue"));
            }
            check(found.traffic, published.traffic, &format!("{what} traffic"));
            check(found.t_last, published.t_last, &format!("{what} t_last"));
        }
    }

    #[test]
    fn who_loses_interest_at_once_tells_one() {
        let found = means(Demers { epidemic: Epidemic::PushCoin, k: 1 }, 300);
        assert!((found.residue + found.traffic - 1.0).abs() < 1e-9, "{found:?}");
        check(found.residue, 0.96, "residue");
    }
}
