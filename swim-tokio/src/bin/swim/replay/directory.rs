//! Who is who in a trace.

use std::collections::{BTreeMap, BTreeSet};

use swim_core::storage::Growable;
use swim_core::trace::Replay;
use swim_core::{Member, NodeId};
use swim_tokio::swim_core;
use swim_tokio::tags::Tags;

use super::pass::Place;

/// All members anybody in a trace has heard of, by whatever they can be called.
pub struct Directory<A> {
    members: BTreeMap<NodeId, Known<A>>,
    /// The ids of the nodes of the trace.
    nodes: BTreeMap<u32, NodeId>,
}

#[derive(Clone)]
struct Known<A> {
    /// The last one comes last.
    names: Vec<String>,
    addresses: Vec<A>,
}

impl<A> Default for Directory<A> {
    fn default() -> Self {
        Self { members: BTreeMap::new(), nodes: BTreeMap::new() }
    }
}

impl<A: Place> Directory<A> {
    /// Looks up what a node knows of a member by now.
    pub fn note(&mut self, replay: &Replay<A, Growable>, node: u32, id: NodeId) {
        let member = replay.node(node).and_then(|node| node.member(id));
        if let Some(member) = member {
            self.add(&member);
        }
    }

    /// Looks up who a node of the trace is by now.
    pub fn note_node(&mut self, replay: &Replay<A, Growable>, number: u32) {
        let Some(node) = replay.node(number) else { return };
        if self.nodes.insert(number, node.id()) != Some(node.id()) {
            self.add(&node.me());
        }
    }

    /// How many nodes the trace has.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Whom somebody means.
    ///
    /// # Errors
    ///
    /// Nobody is called so, or several are.
    pub fn find(&self, text: &str) -> Result<NodeId, String> {
        let by_number = text.strip_prefix('#').and_then(|number| number.parse().ok());
        if let Some(id) = by_number.and_then(|number: u32| self.nodes.get(&number)) {
            return Ok(*id);
        }
        let id = u64::from_str_radix(text, 16).ok().map(NodeId::new);
        let address = text.parse::<A>().ok();
        let is_meant = |(member, known): &(&NodeId, &Known<A>)| {
            id == Some(**member)
                || known.names.iter().any(|name| name == text)
                || address.is_some_and(|address| known.addresses.contains(&address))
        };
        let meant: BTreeSet<_> =
            self.members.iter().filter(is_meant).map(|(member, _)| *member).collect();
        match meant.len() {
            0 => Err(format!("nobody in the trace is called {text}")),
            1 => Ok(meant.into_iter().next().unwrap_or_default()),
            _ => {
                let ids: Vec<_> = meant.iter().map(NodeId::to_string).collect();
                Err(format!("several are called {text}: choose an id of {}", ids.join(", ")))
            }
        }
    }

    /// What to call a member: its name, or where it is, or its id.
    pub fn name(&self, id: NodeId) -> String {
        let known = self.members.get(&id);
        let name = known.and_then(|known| known.names.last().cloned());
        let address = || known.and_then(|known| known.addresses.last()).map(A::to_string);
        name.or_else(address).unwrap_or_else(|| id.to_string())
    }

    /// Where a member was last.
    pub fn address(&self, id: NodeId) -> Option<A> {
        self.members.get(&id).and_then(|known| known.addresses.last().copied())
    }

    fn add(&mut self, member: &Member<'_, A>) {
        let unknown = Known { names: Vec::new(), addresses: Vec::new() };
        let known = self.members.entry(member.id).or_insert(unknown);
        if let Some(tags) = Tags::decode(member.metadata) {
            put_last(&mut known.names, tags.name().to_owned());
        }
        if let Some(address) = member.address {
            put_last(&mut known.addresses, address);
        }
    }
}

fn put_last<T: PartialEq>(all: &mut Vec<T>, last: T) {
    if all.last() != Some(&last) {
        all.retain(|other| *other != last);
        all.push(last);
    }
}
