//! The keys of an agent: out of a file, and out of it again on SIGHUP.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use swim_tokio::{KeyId, KeyRing, Sealing, Swim, key_file};

use crate::failure::{Failure, with_causes};
use crate::report::News;
use crate::signals::Hangups;

/// What seals the packets of an agent.
#[derive(Clone, clap::Args)]
pub struct KeySource {
    /// Seal packets with the keys in this file, the same on all members: one a line as `swim
    /// keygen` makes them, the one to seal with first. Only its owner may be able to read it. Read
    /// again on SIGHUP. To change the key of a running cluster: add the new one after the old one
    /// on all members, put it first on all, take the old one out on all.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Which packets are sealed. A cluster that runs in clear becomes sealed in three steps, each
    /// taken on all members before the next.
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
    file: Option<(PathBuf, Hangups)>,
    sealing: Sealing,
    /// Whether the file is to be taken over: from the signal until it is done.
    is_due: bool,
}

impl Keys {
    /// # Errors
    ///
    /// The operating system grants no signal handler.
    pub fn new(swim: Swim, source: &KeySource) -> Result<Self, Failure> {
        let no_signals = |error| Failure::Runtime(format!("no signals: {error}"));
        let file = match source.key_file.clone() {
            Some(path) => Some((path, Hangups::listen().map_err(no_signals)?)),
            None => None,
        };
        Ok(Self { swim, file, sealing: source.sealing(), is_due: true })
    }

    /// The next news: which keys the agent has at the start and after each change, or why it keeps
    /// those it had. None for ever without a file. Cancel safe.
    pub async fn next(&mut self) -> News {
        let Some((path, hangups)) = &mut self.file else { return std::future::pending().await };
        if !self.is_due {
            hangups.next().await;
            self.is_due = true;
        }
        let taken = take_over(path, &self.swim, self.sealing).await;
        self.is_due = false;
        match taken {
            Ok(ids) => News::Keys { ids: ids.iter().map(KeyId::to_string).collect() },
            Err(reason) => News::KeyTrouble { reason },
        }
    }
}

async fn take_over(path: &Path, swim: &Swim, sealing: Sealing) -> Result<Vec<KeyId>, String> {
    let ring = read(path)?;
    let ids = ring.ids().collect();
    swim.seal(ring, sealing).await.map_err(|error| error.to_string())?;
    Ok(ids)
}

fn read(path: &Path) -> Result<KeyRing, String> {
    key_file::read(path).map_err(|error| format!("{}: {}", path.display(), with_causes(&error)))
}
