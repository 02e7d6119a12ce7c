//! What came of it: a few numbers, and who noticed the crash when.

use std::fmt;

use serde::Serialize;

use super::rotation::Times;

/// Observers listed one by one in the table of a crash; the rest is counted.
const OBSERVERS_SHOWN_MAX: usize = 10;

/// The numbers of one run. Times are milliseconds after the respective action; `None` for what
/// did not happen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    pub nodes: usize,
    /// After the last process was started: everyone sees everyone.
    pub converged_ms: Option<u64>,
    /// After the kill: the first survivor suspects.
    pub first_suspect_ms: Option<u64>,
    /// After the kill: the first survivor says dead.
    pub first_dead_ms: Option<u64>,
    /// After the kill: all survivors say dead.
    pub all_dead_ms: Option<u64>,
    /// After the process was started again: all others see it alive.
    pub restart_seen_ms: Option<u64>,
    /// After the request to leave: all survivors say left.
    pub left_seen_ms: Option<u64>,
    /// With sealed packets: how long all agents took to take over each change of keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Times>,
    /// How often an agent suspected a running one.
    pub false_suspicions: usize,
    /// How often an agent declared a running one dead.
    pub false_deaths: usize,
}

/// When one survivor noticed the crash, in milliseconds after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    pub name: String,
    pub suspected_ms: Option<u64>,
    pub dead_ms: Option<u64>,
}

/// Everything a person wants to see at the end.
pub struct Account<'a> {
    pub summary: &'a Summary,
    pub witnesses: &'a [Witness],
}

impl fmt::Display for Account<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.witness_table(f)?;
        let summary = self.summary;
        writeln!(f, "\n  {} agents, one process each, profile local\n", summary.nodes)?;
        for (what, time) in [
            ("everyone sees everyone, after the last start", summary.converged_ms),
            ("crash first suspected, after the kill", summary.first_suspect_ms),
            ("crash first declared, after the kill", summary.first_dead_ms),
            ("crash known to everyone, after the kill", summary.all_dead_ms),
            ("return seen by everyone, after the restart", summary.restart_seen_ms),
            ("goodbye known to everyone, after the request", summary.left_seen_ms),
        ] {
            writeln!(f, "  {what:<46}{:>8} ms", in_cell(time))?;
        }
        if let Some(Times { added_ms, used_ms, removed_ms }) = summary.rotation {
            writeln!(f, "  packets were sealed; their key was changed:")?;
            for (what, time) in [
                ("new key accepted by everyone, after the request", added_ms),
                ("new key used by everyone, after the request", used_ms),
                ("old key refused by everyone, after the request", removed_ms),
            ] {
                writeln!(f, "  {what:<48}{time:>6} ms")?;
            }
            writeln!(f, "  {:<46}{:>8}", "running agents suspected", summary.false_suspicions)?;
        }
        writeln!(f, "  {:<46}{:>8}", "running agents declared dead", summary.false_deaths)
    }
}

impl Account<'_> {
    fn witness_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.witnesses.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n  ms after the kill   suspected      dead")?;
        for witness in self.witnesses.iter().take(OBSERVERS_SHOWN_MAX) {
            let (suspected, dead) = (in_cell(witness.suspected_ms), in_cell(witness.dead_ms));
            writeln!(f, "  {:<18}{suspected:>11}{dead:>10}", witness.name)?;
        }
        match self.witnesses.len().saturating_sub(OBSERVERS_SHOWN_MAX) {
            0 => {}
            more => writeln!(f, "  and {more} more")?,
        }
        match self.witnesses.iter().any(|it| it.suspected_ms.is_none() && it.dead_ms.is_some()) {
            true => writeln!(f, "  -: its host refused what was sent to it, so nobody waited"),
            false => Ok(()),
        }
    }
}

fn in_cell(time: Option<u64>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_form_is_as_documented() {
        let summary = Summary { nodes: 5, converged_ms: Some(7), ..Summary::default() };
        let expected = concat!(
            r#"{"nodes":5,"converged_ms":7,"first_suspect_ms":null,"first_dead_ms":null,"#,
            r#""all_dead_ms":null,"restart_seen_ms":null,"left_seen_ms":null,"#,
            r#""false_suspicions":0,"false_deaths":0}"#
        );
        assert_eq!(serde_json::to_string(&summary).unwrap(), expected);
    }

    #[test]
    fn many_witnesses_are_cut_to_a_screenful() {
        let witnesses = vec![Witness::default(); 39];
        let account = Account { summary: &Summary::default(), witnesses: &witnesses };
        let text = account.to_string();
        assert!(text.contains("and 29 more"), "{text}");
        assert!(text.lines().count() < 24 && text.lines().all(|line| line.len() < 80), "{text}");
    }
}
