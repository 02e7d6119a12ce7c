//! The keys of an agent: out of a file, and out of it again on SIGHUP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use swim_tokio::{KeyId, KeyRing, Sealing, Swim, key_file};

use super::print::name_of;
use crate::failure::{Failure, with_causes};
use crate::report::News;
use crate::signals::Hangups;

/// What seals the packets of an agent.
#[derive(Clone, clap::Args)]
pub struct KeySource {
    /// Seal packets with the keys in this file, the same on all members: one a line as `swim
    /// keygen` makes them, at most four, the one to seal with first. Only its owner may be able to
    /// read it: this user, or root, which may have handed it to a group of this user. Read again on
    /// SIGHUP. To change the key of a running cluster: add the new one after the old one
    /// on all members, put it first on all, take the old one out on all.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Which packets are sealed. A cluster that runs in clear becomes sealed in three steps, each
    /// taken on all members before the next: every agent is started again with the next one.
    #[arg(long, value_enum, default_value_t = Step::Require, requires = "key_file")]
    sealing: Step,
}

/// The steps of [`Sealing`], by their names.
#[derive(Clone, Copy, ValueEnum)]
enum Step {
    /// Send in clear, accept both.
    Accept,
    /// Send sealed, accept both.
    Send,
    /// Send and accept sealed packets only.
    Require,
}

impl KeySource {
    /// The keys in the file, if there is one.
    ///
    /// # Errors
    ///
    /// It is of no use.
    pub fn ring(&self) -> Result<Option<KeyRing>, Failure> {
        let ring = self.key_file.as_deref().map(read).transpose();
        ring.map_err(Failure::Runtime)
    }

    pub fn sealing(&self) -> Sealing {
        match self.sealing {
            Step::Accept => Sealing::Accept,
            Step::Send => Sealing::Send,
            Step::Require => Sealing::Require,
        }
    }
}

/// Takes over the file whenever it is told to.
pub struct Keys {
    swim: Swim,
    hangups: Hangups,
    file: Option<PathBuf>,
    sealing: Sealing,
    /// Those the agent has, the one it seals with first.
    ids: Vec<KeyId>,
    is_untold: bool,
    /// Whether the file is to be taken over: from the signal until it is done.
    is_due: bool,
}

impl Keys {
    /// Of an agent that has `ids` out of the file.
    pub fn new(swim: Swim, hangups: Hangups, source: &KeySource, ids: Vec<KeyId>) -> Self {
        let (file, sealing) = (source.key_file.clone(), source.sealing());
        let is_untold = file.is_some();
        Self { swim, hangups, file, sealing, ids, is_untold, is_due: false }
    }

    /// The next news: which keys the agent has at the start and after each change, or why it keeps
    /// those it had. Cancel safe.
    pub async fn next(&mut self) -> Vec<News> {
        if std::mem::take(&mut self.is_untold) {
            return vec![self.standing()];
        }
        if !self.is_due {
            self.hangups.next().await;
            self.is_due = true;
        }
        let taken = self.take_over().await;
        self.is_due = false;
        taken.unwrap_or_else(|reason| vec![News::KeyTrouble { reason }])
    }

    /// Adds to news about keys what no event knows: who that is, and which keys this agent has.
    pub fn explain(&self, mut all: Vec<News>) -> Vec<News> {
        for news in &mut all {
            match news {
                News::UnknownKey { from, name, own_keys, .. } => {
                    *name = self.name_at(*from);
                    *own_keys = in_words(&self.ids);
                }
                News::NotUnderstood { from, name, own_key, .. } => {
                    *name = self.name_at(*from);
                    let seals = self.sealing >= Sealing::Send;
                    *own_key = self.ids.first().filter(|_| seals).map(KeyId::to_string);
                }
                News::Unsealed { from, name } => *name = self.name_at(*from),
                _ => {}
            }
        }
        all
    }

    async fn take_over(&mut self) -> Result<Vec<News>, String> {
        let path = self.file.as_deref().ok_or("there is no --key-file to read again")?;
        let ring = read(path)?;
        let ids: Vec<_> = ring.ids().collect();
        self.swim.seal(ring, self.sealing).await.map_err(|error| error.to_string())?;
        let former = std::mem::replace(&mut self.ids, ids);
        // Nobody depends on what a member seals that sends in clear.
        let skipped = skipped_step(&former, &self.ids).filter(|_| self.sealing >= Sealing::Send);
        let skipped = skipped.map(|reason| News::KeyStepSkipped { reason });
        Ok(std::iter::once(self.standing()).chain(skipped).collect())
    }

    fn standing(&self) -> News {
        News::Keys { ids: in_words(&self.ids), sealing: self.sealing }
    }

    fn name_at(&self, address: SocketAddr) -> Option<String> {
        let members = self.swim.members();
        members.iter().find(|member| member.address == Some(address)).map(name_of)
    }
}

/// What is wrong with going from one ring to another at once, the primary keys first.
fn skipped_step(former: &[KeyId], new: &[KeyId]) -> Option<String> {
    let (old, primary) = (former.first()?, new.first()?);
    match (former.contains(primary), new.contains(old)) {
        (true, true) => None,
        (false, true) => Some(format!("key {primary} seals and was not here before")),
        (true, false) => Some(format!("key {old} sealed until now and is gone")),
        (false, false) => {
            Some(format!("key {primary} seals and was not here before, {old} is gone"))
        }
    }
}

fn in_words(ids: &[KeyId]) -> Vec<String> {
    ids.iter().map(KeyId::to_string).collect()
}

fn read(path: &Path) -> Result<KeyRing, String> {
    key_file::read(path)
        .map_err(|error| format!("key file {}: {}", path.display(), with_causes(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_step_at_a_time_leaves_nobody_behind() {
        let [old, new] = [KeyId(1), KeyId(2)];
        let rings = [&[old][..], &[old, new], &[new, old], &[new]];
        for steps in rings.windows(2) {
            assert_eq!(skipped_step(steps[0], steps[1]), None, "{steps:?}");
            assert_eq!(skipped_step(steps[1], steps[0]), None, "{steps:?}");
        }
        for (former, new) in [(0, 2), (0, 3), (1, 3), (3, 0)] {
            assert!(skipped_step(rings[former], rings[new]).is_some(), "{former} to {new}");
        }
    }
}
