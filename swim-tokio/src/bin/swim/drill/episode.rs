//! What was heard since an agent was signalled.

use std::collections::BTreeMap;

use swim_tokio::Status;

use crate::agents::Sighting;

/// From a signal until the agent is back.
#[derive(Default)]
pub struct Episode {
    /// Whom the signal hit.
    subject: Option<usize>,
    begun_ms: u64,
    /// When the subject was let go on, or started again.
    freed_ms: u64,
    latest_ms: u64,
    first_suspect_ms: Option<u64>,
    /// When each observer first declared the subject dead.
    declared_ms: BTreeMap<usize, u64>,
    by_subject: Accusations,
    by_others: Accusations,
}

/// Accusations of members that were running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accusations {
    pub suspected: usize,
    pub declared: usize,
}

impl Episode {
    pub fn begin(subject: Option<usize>, unix_ms: u64) -> Self {
        Self { subject, begun_ms: unix_ms, latest_ms: unix_ms, ..Self::default() }
    }

    pub const fn subject(&self) -> Option<usize> {
        self.subject
    }

    /// The subject runs again.
    pub fn free(&mut self, unix_ms: u64) {
        self.freed_ms = unix_ms;
        self.latest_ms = self.latest_ms.max(unix_ms);
    }

    /// Takes down a belief that changed. Lines of different agents may come out of order.
    pub fn note(&mut self, sighting: Sighting) {
        self.latest_ms = self.latest_ms.max(sighting.unix_ms);
        if Some(sighting.member) == self.subject {
            self.note_of_subject(sighting);
            return;
        }
        let accusations = match Some(sighting.observer) == self.subject {
            true => &mut self.by_subject,
            false => &mut self.by_others,
        };
        match sighting.status {
            Status::Suspect => accusations.suspected += 1,
            Status::Dead => accusations.declared += 1,
            Status::Alive | Status::Left => {}
        }
    }

    fn note_of_subject(&mut self, Sighting { unix_ms, observer, status, .. }: Sighting) {
        match status {
            Status::Suspect => {
                let first = self.first_suspect_ms.map_or(unix_ms, |first| first.min(unix_ms));
                self.first_suspect_ms = Some(first);
            }
            Status::Dead => _ = self.declared_ms.entry(observer).or_insert(unix_ms),
            Status::Alive | Status::Left => {}
        }
    }

    /// Milliseconds from the signal to the first suspicion of the subject.
    pub fn first_suspect_ms(&self) -> Option<u64> {
        self.first_suspect_ms.map(|first| first.saturating_sub(self.begun_ms))
    }

    /// Milliseconds from the signal to the first verdict about the subject.
    pub fn first_dead_ms(&self) -> Option<u64> {
        let first = self.declared_ms.values().min()?;
        Some(first.saturating_sub(self.begun_ms))
    }

    /// Milliseconds from the signal to the last observer's verdict so far.
    pub fn last_dead_ms(&self) -> Option<u64> {
        let last = self.declared_ms.values().max()?;
        Some(last.saturating_sub(self.begun_ms))
    }

    /// How many observers have declared the subject dead.
    pub fn declared_by(&self) -> usize {
        self.declared_ms.len()
    }

    /// Milliseconds from the moment the subject was freed to the latest news of anybody.
    pub const fn latest_after_free_ms(&self) -> u64 {
        self.latest_ms.saturating_sub(self.freed_ms)
    }

    /// Whom the subject accused.
    pub const fn by_subject(&self) -> Accusations {
        self.by_subject
    }

    /// Whom the others accused, except the subject.
    pub const fn by_others(&self) -> Accusations {
        self.by_others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(unix_ms: u64, observer: usize, member: usize, status: Status) -> Sighting {
        Sighting { unix_ms, observer, member, before: None, status }
    }

    #[test]
    fn times_count_from_the_signal_whatever_the_order_of_the_lines() {
        let mut episode = Episode::begin(Some(0), 1_000);
        assert_eq!((episode.first_suspect_ms(), episode.first_dead_ms()), (None, None));
        for (unix_ms, observer, status) in [
            (1_300, 2, Status::Suspect),
            (1_200, 1, Status::Suspect),
            (1_900, 2, Status::Dead),
            (1_800, 1, Status::Dead),
            (2_500, 1, Status::Dead),
        ] {
            episode.note(sighting(unix_ms, observer, 0, status));
        }
        assert_eq!(episode.first_suspect_ms(), Some(200));
        assert_eq!(episode.first_dead_ms(), Some(800));
        assert_eq!((episode.last_dead_ms(), episode.declared_by()), (Some(900), 2));
        episode.free(3_000);
        assert_eq!(episode.latest_after_free_ms(), 0);
        episode.note(sighting(3_400, 1, 0, Status::Alive));
        assert_eq!(episode.latest_after_free_ms(), 400);
    }

    #[test]
    fn accusations_of_bystanders_are_told_apart_by_who_made_them() {
        let mut episode = Episode::begin(Some(0), 0);
        episode.note(sighting(1, 0, 1, Status::Suspect));
        episode.note(sighting(2, 0, 1, Status::Dead));
        episode.note(sighting(3, 2, 1, Status::Dead));
        episode.note(sighting(4, 2, 0, Status::Dead));
        assert_eq!(episode.by_subject(), Accusations { suspected: 1, declared: 1 });
        assert_eq!(episode.by_others(), Accusations { suspected: 0, declared: 1 });
    }

    #[test]
    fn without_a_subject_every_accusation_is_of_a_bystander() {
        let mut episode = Episode::begin(None, 0);
        episode.note(sighting(1, 0, 1, Status::Dead));
        assert_eq!(episode.by_others(), Accusations { suspected: 0, declared: 1 });
        assert_eq!(episode.declared_by(), 0);
    }
}
