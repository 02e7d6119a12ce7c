//! Who sees whom: a matrix of observers and members, and what is true.

use std::collections::HashMap;
use std::net::SocketAddr;

use swim_tokio::{NodeId, Status};

/// What an agent is really doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    NotStarted,
    Running,
    Killed,
    /// Told to leave; its process may have ended.
    Leaving,
}

/// Every agent's belief about every other, as told by the agents themselves.
pub struct Board {
    agents: Vec<Agent>,
    by_id: HashMap<String, usize>,
    /// Row by row: what observer `row` believes of member `column`.
    beliefs: Vec<Option<Status>>,
    running: usize,
}

struct Agent {
    name: String,
    standing: Standing,
    /// Where it listens, once it said so.
    address: Option<SocketAddr>,
    /// How many running observers hold which belief about it.
    tally: Tally,
}

/// Observers counted by what they believe of one member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub alive: usize,
    pub suspect: usize,
    pub dead: usize,
    pub left: usize,
}

impl Tally {
    pub const fn of(&self, state: Status) -> usize {
        match state {
            Status::Alive => self.alive,
            Status::Suspect => self.suspect,
            Status::Dead => self.dead,
            Status::Left => self.left,
        }
    }

    fn of_mut(&mut self, state: Status) -> &mut usize {
        match state {
            Status::Alive => &mut self.alive,
            Status::Suspect => &mut self.suspect,
            Status::Dead => &mut self.dead,
            Status::Left => &mut self.left,
        }
    }
}

impl Board {
    /// A board for agents `node-1` to `node-N`, none of them started.
    pub fn new(nodes: usize) -> Self {
        let agents: Vec<_> = (1..=nodes)
            .map(|number| Agent {
                name: format!("node-{number}"),
                standing: Standing::NotStarted,
                address: None,
                tally: Tally::default(),
            })
            .collect();
        let id = |agent: &Agent| NodeId::from_name(&agent.name).to_string();
        let by_id = agents.iter().enumerate().map(|(node, agent)| (id(agent), node)).collect();
        Self { agents, by_id, beliefs: vec![None; nodes * nodes], running: 0 }
    }

    pub fn len(&self) -> usize {
        self.agents.len()
    }

    pub fn name(&self, node: usize) -> &str {
        &self.agents[node].name
    }

    pub fn node_with_id(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub fn standing(&self, node: usize) -> Standing {
        self.agents[node].standing
    }

    pub fn address(&self, node: usize) -> Option<SocketAddr> {
        self.agents[node].address
    }

    /// Running agents, by number.
    pub fn running(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|&node| self.standing(node) == Standing::Running)
    }

    /// Running agents that have not opened their socket yet.
    pub fn starting_count(&self) -> usize {
        self.running().filter(|&node| self.agents[node].address.is_none()).count()
    }

    /// How many running agents can have a belief about `member`.
    pub fn observer_count(&self, member: usize) -> usize {
        let itself = usize::from(self.standing(member) == Standing::Running);
        self.running.saturating_sub(itself)
    }

    pub fn tally(&self, member: usize) -> Tally {
        self.agents[member].tally
    }

    pub fn belief(&self, observer: usize, member: usize) -> Option<Status> {
        self.beliefs[observer * self.len() + member]
    }

    /// A process runs or no longer does: what it believed before counts no more.
    pub fn set_standing(&mut self, node: usize, standing: Standing) {
        for member in 0..self.len() {
            self.replace(node, member, None);
        }
        let agent = &mut self.agents[node];
        agent.address = None;
        agent.standing = standing;
        self.running = self.running().count();
    }

    pub fn set_address(&mut self, node: usize, address: SocketAddr) {
        self.agents[node].address = Some(address);
    }

    /// A running observer says what it believes; returns whether that is new. What agents say of
    /// themselves or on their way out does not count.
    pub fn believe(&mut self, observer: usize, member: usize, state: Status) -> bool {
        if observer == member || self.standing(observer) != Standing::Running {
            return false;
        }
        self.replace(observer, member, Some(state)) != Some(state)
    }

    /// Whether every running agent but the member itself believes this of it.
    pub fn agreed(&self, member: usize, state: Status) -> bool {
        self.tally(member).of(state) == self.observer_count(member)
    }

    /// Whether all running agents see each other alive.
    pub fn settled(&self) -> bool {
        self.running().all(|member| self.agreed(member, Status::Alive))
    }

    fn replace(
        &mut self,
        observer: usize,
        member: usize,
        belief: Option<Status>,
    ) -> Option<Status> {
        let nodes = self.len();
        let before = std::mem::replace(&mut self.beliefs[observer * nodes + member], belief);
        let tally = &mut self.agents[member].tally;
        if let Some(state) = before {
            *tally.of_mut(state) -= 1;
        }
        if let Some(state) = belief {
            *tally.of_mut(state) += 1;
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_running(nodes: usize) -> Board {
        let mut board = Board::new(nodes);
        for node in 0..nodes {
            board.set_standing(node, Standing::Running);
        }
        board
    }

    #[test]
    fn the_board_is_settled_when_all_see_all() {
        let mut board = all_running(3);
        for (observer, member) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0)] {
            assert!(board.believe(observer, member, Status::Alive));
            assert!(!board.settled());
        }
        board.believe(2, 1, Status::Alive);
        assert!(board.settled());
        assert!(!board.believe(2, 1, Status::Alive), "not news any more");
    }

    #[test]
    fn the_killed_neither_observe_nor_block_agreement() {
        let mut board = all_running(3);
        board.believe(1, 0, Status::Suspect);
        board.set_standing(1, Standing::Killed);
        assert_eq!(board.tally(0), Tally::default());
        assert!(!board.believe(1, 0, Status::Dead), "a late line of a killed agent");
        board.believe(0, 1, Status::Dead);
        assert!(!board.agreed(1, Status::Dead));
        board.believe(2, 1, Status::Dead);
        assert!(board.agreed(1, Status::Dead));
    }

    #[test]
    fn what_an_agent_says_of_itself_does_not_count() {
        let mut board = all_running(3);
        assert!(!board.believe(0, 0, Status::Dead));
        assert_eq!(board.tally(0), Tally::default());
    }

    #[test]
    fn members_are_found_by_the_id_of_their_name() {
        let board = Board::new(3);
        assert_eq!(board.node_with_id(&NodeId::from_name("node-3").to_string()), Some(2));
        assert_eq!(board.node_with_id("0"), None);
    }
}
