//! Who in a trace had trouble.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use swim_tokio::NodeId;

use super::directory::Directory;
use super::pass::{Place, Recorded};

/// What makes a member worth a question, the worst first.
const TROUBLES: [&str; 6] = ["dead", "suspected", "held out", "recovered", "restarted", "left"];

/// How often what was told of whom.
pub struct Summary<'r> {
    troubled: Vec<(NodeId, &'r BTreeMap<&'static str, u64>)>,
    others: usize,
}

#[derive(Serialize)]
struct Row<'r> {
    id: String,
    name: String,
    address: Option<String>,
    told: &'r BTreeMap<&'static str, u64>,
}

impl<'r> Summary<'r> {
    pub fn of<A>(recorded: &'r Recorded<A>) -> Self {
        let is_troubled = |told: &BTreeMap<&'static str, u64>| {
            TROUBLES.iter().any(|trouble| told.contains_key(trouble))
        };
        let all = recorded.told.iter().map(|(id, told)| (*id, told));
        let (mut troubled, others): (Vec<_>, Vec<_>) = all.partition(|(_, told)| is_troubled(told));
        let count = |told: &BTreeMap<_, _>, trouble| told.get(trouble).copied().unwrap_or(0);
        troubled.sort_by_key(|(_, told)| Reverse(TROUBLES.map(|trouble| count(told, trouble))));
        Self { troubled, others: others.len() }
    }

    /// One line each, and how many need none.
    pub fn write<A: Place>(
        &self,
        json: bool,
        directory: &Directory<A>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        for (id, told) in &self.troubled {
            let (name, address) = (directory.name(*id), directory.address(*id));
            let (id, address) = (id.to_string(), address.map(|address| address.to_string()));
            if json {
                let row = Row { id, name, address, told };
                writeln!(out, "{}", serde_json::to_string(&row)?)?;
                continue;
            }
            let counts: Vec<_> =
                told.iter().map(|(event, count)| format!("{event} {count}")).collect();
            let address = address.filter(|address| *address != name).unwrap_or_default();
            writeln!(out, "  {name:<22} {address:<22} {id:>14}  {}", counts.join(", "))?;
        }
        if json {
            return out.flush();
        }
        writeln!(out, "{} members were in no trouble", self.others)?;
        if let Some((id, _)) = self.troubled.first() {
            writeln!(out, "the story of one: --member {}", directory.name(*id))?;
        }
        out.flush()
    }
}
