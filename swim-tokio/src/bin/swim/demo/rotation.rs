//! Another key for a running cluster: added, used, and the old one removed, on all members each.

use std::time::Duration;

use serde::Serialize;

use super::keys::{KeyFile, Line};
use super::stage::{Stage, Trouble};
use super::step::Step;

/// Longest wait for all agents to have read the file again.
const READ_LIMIT: Duration = Duration::from_secs(30);
/// How long the cluster is watched after each step: everybody is probed in it, more than once.
const WATCH: Duration = Duration::from_secs(3);

/// The keys of a demo with `--encrypt`.
pub struct Rotation {
    file: KeyFile,
    old: Line,
    new: Line,
}

/// How long each step took until the last agent had taken it, in milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Times {
    pub added_ms: u64,
    pub used_ms: u64,
    pub removed_ms: u64,
}

impl Rotation {
    /// A file with the old key in it, and the new one in hand.
    ///
    /// # Errors
    ///
    /// The system has no randomness to give, or no place for the file.
    pub fn prepare() -> std::io::Result<Self> {
        let (old, new) = (Line::generate()?, Line::generate()?);
        Ok(Self { file: KeyFile::create(&[&old])?, old, new })
    }

    /// Where agents find their keys.
    pub fn key_file(&self) -> &std::path::Path {
        self.file.path()
    }

    /// Takes the three steps.
    ///
    /// # Errors
    ///
    /// An agent does not take over the file, or the file cannot be written.
    pub async fn play(&self, stage: &mut Stage) -> Result<Times, Trouble> {
        let (old, new) = (&self.old, &self.new);
        let key = new.id.to_string();
        let added_ms = self.take(stage, &[old, new]).await?;
        stage.show(Step::KeyAdded { key: key.clone(), after_ms: added_ms })?;
        stage.watch(WATCH).await?;
        let used_ms = self.take(stage, &[new, old]).await?;
        stage.show(Step::KeyUsed { key, after_ms: used_ms })?;
        stage.watch(WATCH).await?;
        let removed_ms = self.take(stage, &[new]).await?;
        stage.show(Step::KeyRemoved { key: old.id.to_string(), after_ms: removed_ms })?;
        stage.watch(WATCH).await?;
        Ok(Times { added_ms, used_ms, removed_ms })
    }

    /// Gives all agents these keys; returns how long it took.
    async fn take(&self, stage: &mut Stage, keys: &[&Line]) -> Result<u64, Trouble> {
        let ids: Vec<_> = keys.iter().map(|key| key.id.to_string()).collect();
        self.file.write(keys).map_err(|error| Trouble::Failed(format!("key file: {error}")))?;
        stage.begin(None);
        stage.hang_up_all()?;
        let have_read = |stage: &Stage| stage.all_have_keys(&ids);
        stage.wait("all read the key file again", READ_LIMIT, have_read).await?;
        Ok(stage.after_ms())
    }
}
