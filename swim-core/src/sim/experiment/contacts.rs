//! Whom a node of a model talks to in a round.

use crate::rng::Rng;

/// Draws peers, as many as there are nodes at most.
pub(super) struct Contacts {
    nodes: usize,
    drawn: Vec<usize>,
}

impl Contacts {
    pub fn among(nodes: usize) -> Self {
        Self { nodes, drawn: Vec::new() }
    }

    /// `count` different peers of `node`, itself not among them; all of them if there are no more.
    pub fn draw(&mut self, rng: &mut Rng, node: usize, count: usize) -> &[usize] {
        let peers = self.nodes.saturating_sub(1);
        self.drawn.clear();
        while self.drawn.len() < count.min(peers) {
            let peer = one(rng, self.nodes, node);
            if !self.drawn.contains(&peer) {
                self.drawn.push(peer);
            }
        }
        &self.drawn
    }
}

/// Some other node than `node`.
pub(super) fn one(rng: &mut Rng, nodes: usize, node: usize) -> usize {
    let peer = rng.below(nodes.saturating_sub(1));
    peer + usize::from(peer >= node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_differ_from_each_other_and_are_drawn_evenly() {
        let (mut rng, mut contacts) = (Rng::new(1), Contacts::among(5));
        let mut times = [0u32; 5];
        for _ in 0..10_000 {
            let drawn = contacts.draw(&mut rng, 2, 2);
            assert_ne!(drawn[0], drawn[1]);
            drawn.iter().for_each(|&peer| times[peer] += 1);
        }
        assert_eq!(times[2], 0);
        let even = |&times: &u32| (4_800..5_200).contains(&times);
        assert!([0, 1, 3, 4].map(|peer| times[peer]).iter().all(even), "{times:?}");
        let mut all = contacts.draw(&mut rng, 0, 9).to_vec();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 4]);
    }
}
