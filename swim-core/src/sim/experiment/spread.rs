//! A rumour that one node knows, in synchronous rounds, until all know it. No packets: a model.

use super::contacts::Contacts;
use super::outcome::{Outcome, Reading};
use super::{Experiment, Trial};
use crate::rng::Rng;
use crate::sim::report::Failure;

/// After so many rounds nobody waits any more. Whoever has one contact a round needs some dozens.
const ROUNDS_MAX: u32 = 10_000;
/// At which share Serf's simulator of convergence stops.
const SERF_SHARE: f64 = 0.9999;

/// Who passes a rumour on to whom, when a node contacts a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Those who know it contact others, who learn it.
    Push,
    /// Those who do not know it contact others, and learn it from who does.
    Pull,
    /// All contact others, and either learns it from the other.
    PushPull,
}

impl Style {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Push, Self::Pull, Self::PushPull];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::PushPull => "push-pull",
        }
    }
}

/// Counts the rounds until a rumour of one node is known to all. In a round everybody contacts
/// `fanout` different peers drawn from all, and knows at its end what they knew at its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Who passes it on.
    pub style: Style,
    /// Contacts of a node in a round.
    pub fanout: usize,
}

impl Experiment for Spread {
    fn run(&self, trial: &Trial) -> Result<Outcome, Failure> {
        let mut rng = Rng::new(trial.seed);
        let rounds = self.rounds(trial.nodes, &mut rng);
        let serf = |share| {
            let is_push = self.style == Style::Push;
            is_push.then(|| serf_rounds(trial.nodes, self.fanout, share))
        };
        let all_but_half = 1.0 - 0.5 / trial.nodes as f64;
        let readings = vec![
            Reading::sample("rounds", rounds.map_or(f64::INFINITY, f64::from)),
            Reading::given("Serf's formula, 99.99 %", serf(SERF_SHARE)),
            Reading::given("Serf's formula, all but half a node", serf(all_but_half)),
        ];
        Ok(Outcome::of_model(trial.seed, rng.next_u64(), readings))
    }
}

impl Spread {
    fn rounds(&self, nodes: usize, rng: &mut Rng) -> Option<u32> {
        let mut contacts = Contacts::among(nodes);
        let mut knows = vec![false; nodes];
        knows[0] = true;
        for round in 1..=ROUNDS_MAX {
            let mut knows_next = knows.clone();
            for node in (0..nodes).filter(|&node| self.asks(knows[node])) {
                for &peer in contacts.draw(rng, node, self.fanout) {
                    knows_next[peer] |= knows[node] && self.style != Style::Pull;
                    knows_next[node] |= knows[peer] && self.style != Style::Push;
                }
            }
            knows = knows_next;
            if knows.iter().all(|&knows| knows) {
                return Some(round);
            }
        }
        None
    }

    /// Whether the contacts of a node that knows the rumour, or does not, can change anything.
    fn asks(&self, knows: bool) -> bool {
        match self.style {
            Style::Push => knows,
            Style::Pull => !knows,
            Style::PushPull => true,
        }
    }
}

/// When Serf's simulator of convergence says that a `share` of all know: the logistic curve
/// N / (1 + (N + 1) e^(-r f / 2)) of r rounds with the fanout f, solved for r, without loss.
pub fn serf_rounds(nodes: usize, fanout: usize, share: f64) -> f64 {
    let left = 1.0 / share - 1.0;
    2.0 / fanout as f64 * ((nodes as f64 + 1.0) / left).ln()
}

#[cfg(test)]
mod tests {
    use super::super::statistics::mean;
    use super::*;

    fn mean_rounds(style: Style, fanout: usize, nodes: usize, trials: u64) -> f64 {
        let spread = Spread { style, fanout };
        let rounds = |seed| spread.rounds(nodes, &mut Rng::new(seed)).map_or(f64::NAN, f64::from);
        mean(&(1..=trials).map(rounds).collect::<Vec<_>>()).value
    }

    /// Means of an independent script. A table of such figures that is widely copied has fanout 2
    /// about 15 % too high.
    #[test]
    fn push_takes_as_many_rounds_as_an_independent_script_found() {
        for (nodes, by_four, by_six) in
            [(64, 4.37, 3.47), (256, 5.72, 4.63), (1_024, 6.92, 5.62), (4_096, 8.2, 6.3)]
        {
            for (fanout, expected) in [(4, by_four), (6, by_six)] {
                let trials = 30_000 / nodes as u64 + 20;
                let found = mean_rounds(Style::Push, fanout, nodes, trials);
                let off = found / expected - 1.0;
                assert!(off.abs() < 0.04, "{nodes} nodes, fanout {fanout}: {found}");
            }
        }
    }

    /// Pittel 1987: log2(n) + ln(n) + O(1) for push by ones. Karp et al. 2000: push-pull needs
    /// log3(n) + O(log log n).
    #[test]
    fn single_contacts_follow_the_logarithms() {
        let nodes = 1_000;
        let [push, pull, both] = Style::ALL.map(|style| mean_rounds(style, 1, nodes, 40));
        let n = nodes as f64;
        assert!((push - n.log2() - n.ln()).abs() < 1.5, "{push}");
        assert!(both < pull && pull < push, "{both} {pull} {push}");
        assert!((n.ln() / 3f64.ln()..n.ln() / 3f64.ln() + 4.0).contains(&both), "{both}");
    }

    /// 30 nodes, fanout 3, a round each 200 ms: its page says 1.8 s.
    #[test]
    fn the_formula_is_that_of_serfs_page() {
        assert_eq!((serf_rounds(30, 3, SERF_SHARE).ceil() * 0.2 * 10.0).round(), 18.0);
        assert!(serf_rounds(1_000, 3, SERF_SHARE) > serf_rounds(1_000, 4, SERF_SHARE));
    }
}
