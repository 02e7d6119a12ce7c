//! A cluster that is settled from the start.

use crate::Node;
use crate::judge::Card;
use crate::member::{Member, Patience};
use crate::storage::Storage;
use crate::wire::{Header, Message, PacketWriter, Page, Update};

use super::cluster::Cluster;
use super::oracle::Violation;
use super::scenario::SimAddress;

/// Pages nobody asked for: who hears them starts no exchange of its own.
const UNASKED: Page = Page { number: 0, next: 0 };
/// Longer than a page's frame.
const PAGE_FRAME_LEN_MAX: usize = 24;

impl<S: Storage> Cluster<S> {
    /// Makes every member that runs known to every other at once, as if they had exchanged tables
    /// long ago: nothing is sent, and nothing is left to be gossiped. Small tables hold a part of
    /// the cluster, each another one. What the applications are told is counted, but not kept in
    /// [`heard`](Self::heard). Members settle with the first digest they hear: let a few probe
    /// intervals pass before you count bytes.
    pub fn introduce_all(&mut self) {
        let members: Vec<_> = self.population().collect();
        // Nobody listens to what comes under its own id, so the first one needs another informant.
        let informants = [members.first(), members.last()].map(Option::<&usize>::copied);
        let [Some(first), Some(last)] = informants else { return };
        let (by_first, by_last) = (self.pages(first, &members), self.pages(last, &members));
        let [by_first, by_last] = [by_first, by_last].map(|pages| self.sealed(pages));
        for (turn, &node) in members.iter().enumerate().filter(|_| first != last) {
            let (informant, pages) =
                if node == first { (last, &by_last) } else { (first, &by_first) };
            let outcome = self.hear_pages(node, informant, pages, turn);
            self.judge(node, outcome);
        }
    }

    /// The records of all `members`, in packets of `informant`, none with more than fit a table.
    fn pages(&self, informant: usize, members: &[usize]) -> Vec<Vec<u8>> {
        let mut pages = Vec::new();
        let Some(node) = self.node(informant) else { return pages };
        let updates = members.iter().filter_map(|&member| update(self.node(member)?.me()));
        let mut updates = updates.peekable();
        // Every table holds its owner besides.
        let room =
            members.iter().map(|&member| self.processes[member].rows_max.saturating_sub(1)).min();
        let room = room.unwrap_or(0).max(1);
        while updates.peek().is_some() {
            let mut page = self.buffer.clone();
            let Some(mut writer) = PacketWriter::new(&mut page, &header(node)) else { break };
            if writer.reserve(PAGE_FRAME_LEN_MAX).is_none() {
                break;
            }
            let mut rows = 0;
            while rows < room && updates.next_if(|update| writer.update(update)).is_some() {
                rows += 1;
            }
            if rows == 0 {
                // Too long for any page.
                updates.next();
            }
            writer.release();
            writer.message(&Message::<SimAddress>::Page(UNASKED));
            let len = writer.finish();
            page.truncate(len);
            pages.push(page);
        }
        pages
    }

    fn sealed(&mut self, pages: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        pages.into_iter().map(|page| self.confidant.sealed(page, self.now)).collect()
    }

    /// Lets `index` hear all `pages`, beginning with another one at every `turn`.
    fn hear_pages(
        &mut self,
        index: usize,
        informant: usize,
        pages: &[Vec<u8>],
        turn: usize,
    ) -> Result<(), Violation> {
        let from = self.processes[informant].address;
        let process = &mut self.processes[index];
        let now = process.clock.local(self.now);
        let Some(node) = &mut process.node else { return Ok(()) };
        for page in pages.iter().cycle().skip(turn % pages.len()).take(pages.len()) {
            let accepted = node.handle_stream(from, &mut page.clone(), now);
            self.recorder.counts.inputs += 1;
            self.recorder.counts.rejected += u64::from(accepted.is_err());
        }
        let heard = self.recorder.heard.len();
        self.drain(index)?;
        self.recorder.heard.truncate(heard);
        self.inspect(index)?;
        self.settle(index)
    }
}

fn header<S: Storage>(node: &Node<SimAddress, S>) -> Header {
    let (sender, incarnation) = (node.id(), node.incarnation());
    Header { label: node.config().label, sender, incarnation, round: 0 }
}

fn update(member: Member<'_, SimAddress>) -> Option<Update<'_, SimAddress>> {
    let Member { incarnation, boot, metadata, .. } = member;
    let patience = Patience::NONE;
    let card = Card { incarnation, boot, patience, address: member.address?, metadata };
    Some(Update::alive(member.id, card))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::member::NodeId;
    use crate::sim::{Failure, Scenario};
    use crate::storage::{Fixed, Growable};

    fn cluster(count: usize) -> Cluster<Growable> {
        let mut cluster = Cluster::new(Scenario::new("introduce", 1, |_| Growable::new(256, 32)));
        cluster.add_many(count);
        cluster
    }

    #[test]
    fn all_know_all_at_once_and_have_nothing_to_say() -> Result<(), Failure> {
        let mut cluster = cluster(200);
        cluster.introduce_all();
        assert!(cluster.views_agree());
        assert_eq!(cluster.report().counts.sent, 0);
        assert_eq!(cluster.report().counts.rejected, 0);
        assert_eq!(cluster.report().counts.events, 200 * 199);
        assert!(cluster.heard().is_empty());
        cluster.run_for(Duration::from_millis(499))?;
        assert_eq!(cluster.total(|stats| stats.updates_sent), 0);
        cluster.run_for(Duration::from_secs(60))?;
        assert!(cluster.views_agree());
        assert_eq!(cluster.total(|stats| stats.refutations + stats.suspicions_raised), 0);
        assert_eq!(cluster.total(|stats| stats.updates_applied), 200 * 199);
        Ok(())
    }

    #[test]
    fn only_members_that_run_are_introduced() {
        let mut cluster = cluster(4);
        cluster.crash(1);
        assert!(cluster.set_metadata(2, b"two"));
        cluster.introduce_all();
        assert!(cluster.views_agree());
        assert_eq!(cluster.population().count(), 3);
        assert_eq!(cluster.status(0, 1), None);
    }

    #[test]
    fn one_alone_or_nobody_is_no_trouble() {
        for count in [0, 1] {
            let mut cluster = cluster(count);
            cluster.introduce_all();
            assert!(cluster.views_complete());
        }
    }

    #[test]
    fn small_tables_hold_different_parts() {
        let scenario = Scenario::new("introduce", 1, |_| Fixed::<8, 0>);
        let mut cluster = Cluster::new(scenario);
        for number in 0..400 {
            cluster.add(NodeId::new(1 << 40 | number));
        }
        cluster.introduce_all();
        assert!(cluster.views_complete());
        let knows = |viewer: usize, subject: usize| cluster.status(viewer, subject).is_some();
        for subject in 0..400 {
            let viewers = (0..400).filter(|&viewer| viewer != subject && knows(viewer, subject));
            assert!((1..399).contains(&viewers.count()), "node {subject}");
        }
    }
}
