//! What can happen to a cluster, as data: for schedules that are drawn at random or read from
//! bytes.

use core::time::Duration;

use crate::Node;
use crate::member::Status;
use crate::storage::Storage;

use super::cluster::Cluster;
use super::link::Link;
use super::report::Failure;

/// How long all views may take to agree once nothing more happens. Nearly always it is seconds; a
/// lone survivor waits for its witnesses the longer the more there were, and the slower they were.
const QUIET_MAX: Duration = Duration::from_secs(900);
/// Until then the last sleeper is awake, the last clock has caught up, and who was missed is back.
const CALM: Duration = Duration::from_secs(35);
/// The longest silence a node of a schedule announces, in seconds.
const SLEEP_SECS_MAX: u8 = 30;
/// The furthest a clock goes back: its node does nothing of its own accord meanwhile.
const CLOCK_BACK_MAX: Duration = Duration::from_secs(20);

/// One thing that happens to a cluster. Nodes are taken modulo its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// So many milliseconds pass.
    Wait(u16),
    /// A node and its host are gone.
    Crash(u8),
    /// A node's process is gone, and its host says so.
    Kill(u8),
    /// A node starts again, and joins through another.
    Restart(u8, u8),
    /// The same at another address.
    RestartElsewhere(u8, u8),
    /// A node moves to another address.
    Relocate(u8),
    /// A node stands still for so many milliseconds.
    Freeze(u8, u16),
    /// A node reads what arrives up to so many milliseconds late; 0: at once.
    Starve(u8, u16),
    /// A node's clock jumps, by so many milliseconds.
    JumpClock(u8, i32),
    /// A node says goodbye.
    Leave(u8),
    /// A node that left comes back.
    Rejoin(u8),
    /// A node announces to be silent for so many seconds.
    Sleep(u8, u8),
    /// A node ends its sleep.
    Wake(u8),
    /// A node attaches metadata of this byte.
    SetMetadata(u8, u8),
    /// A node forgets another.
    Forget(u8, u8),
    /// The way from one node to another is cut.
    Block(u8, u8),
    /// Of the first eight nodes, those whose bit is set are cut off from the others.
    Partition(u8),
    /// All cuts are removed.
    Heal,
    /// From now on so many datagrams of 1 024 are lost, and as many arrive twice.
    Lose(u8),
}

impl<S: Storage> Cluster<S> {
    /// Lets something happen.
    ///
    /// # Errors
    ///
    /// A rule was broken: the core's fault.
    pub fn perform(&mut self, act: Act) -> Result<(), Failure> {
        let len = self.len();
        let node = |number: u8| usize::from(number) % len;
        match act {
            Act::Wait(millis) => self.run_for(Duration::from_millis(millis.into()))?,
            Act::Crash(crashed) => self.crash(node(crashed)),
            Act::Kill(killed) => self.kill(node(killed)),
            Act::Restart(restarted, seed) => {
                self.restart(node(restarted));
                self.join(node(restarted), node(seed));
            }
            Act::RestartElsewhere(restarted, seed) => {
                self.crash(node(restarted));
                self.relocate(node(restarted));
                self.restart(node(restarted));
                self.join(node(restarted), node(seed));
            }
            Act::Relocate(moved) => self.relocate(node(moved)),
            Act::Freeze(frozen, millis) => {
                self.freeze(node(frozen), Duration::from_millis(millis.into()));
            }
            Act::Starve(fed, 0) => self.feed(node(fed)),
            Act::Starve(starved, millis) => {
                self.starve(node(starved), Duration::ZERO..Duration::from_millis(millis.into()));
            }
            Act::JumpClock(jumper, millis) => self.jump_clock(node(jumper), millis),
            Act::Leave(leaver) => self.leave(node(leaver)),
            Act::Rejoin(returned) => self.rejoin(node(returned)),
            Act::Sleep(sleeper, seconds) => {
                let seconds = seconds % SLEEP_SECS_MAX + 1;
                self.sleep(node(sleeper), Duration::from_secs(seconds.into()));
            }
            Act::Wake(sleeper) => {
                self.command(node(sleeper), |node, now| node.wake(now));
            }
            Act::SetMetadata(owner, byte) => {
                self.set_metadata(node(owner), &[byte; 5]);
            }
            Act::Forget(forgetful, other) => {
                self.forget(node(forgetful), node(other));
            }
            Act::Block(from, to) => self.block(node(from), node(to)),
            Act::Partition(members) => {
                let in_group =
                    |node: &usize| members.checked_shr(*node as u32).unwrap_or(0) & 1 == 1;
                let group: Vec<usize> = (0..len).filter(in_group).collect();
                self.partition(&[&group]);
            }
            Act::Heal => self.heal(),
            Act::Lose(of_1024) => {
                let permille = u16::from(of_1024);
                let link = Link { duplication_permille: permille, ..self.network.link };
                self.network.link = link.losing(permille);
            }
        }
        Ok(())
    }

    /// Ends whatever goes wrong, and lets time pass until all views agree.
    ///
    /// # Errors
    ///
    /// They do not agree after some minutes, or another rule was broken: the core's fault.
    pub fn come_to_rest(&mut self) -> Result<(), Failure> {
        self.heal();
        self.network.link = Link::lan();
        (0..self.len()).for_each(|node| self.feed(node));
        self.run_for(CALM)?;
        self.help_the_lost();
        let agreed = self.run_until(QUIET_MAX, Self::views_agree)?;
        self.expect("all views agree after some quiet", agreed.is_some())
    }

    /// Those who do not hold all of the living for alive, where they are, as after a long
    /// partition, or when all have moved at once, or hear nobody, need a seed.
    fn help_the_lost(&mut self) {
        let population: Vec<usize> = self.population().collect();
        for &node in &population {
            let is_lost = |other: &&usize| !self.reaches(node, **other);
            let alone = self.node(node).is_some_and(Node::is_isolated);
            let somebody = population.iter().find(|&&other| alone && other != node);
            if let Some(&lost) = population.iter().find(is_lost).or(somebody) {
                self.join(node, lost);
            }
        }
    }

    /// Whether a view holds somebody for alive at its address.
    fn reaches(&self, viewer: usize, other: usize) -> bool {
        let held = self.node(viewer).and_then(|node| node.member(self.id(other)));
        held.is_some_and(|member| {
            member.status == Status::Alive && member.address == Some(self.address(other))
        })
    }

    /// Lets a node's clock jump by so many milliseconds, back by at most 20 s. One that went ahead
    /// finds its deadlines late; one that went back shows its node the same moment until it has
    /// caught up.
    pub fn jump_clock(&mut self, node: usize, millis: i32) {
        let by = Duration::from_millis(millis.unsigned_abs().into());
        let process = &mut self.processes[node];
        match millis < 0 {
            true => process.clock.step_back(by.min(CLOCK_BACK_MAX)),
            false => process.clock.step_ahead(by),
        }
        self.oracle.excuse_false_deaths();
        self.command(node, |node, now| node.handle_timeout(now));
    }
}
