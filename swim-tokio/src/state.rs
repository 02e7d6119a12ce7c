//! What a member keeps across restarts, in a file of its own.
//!
//! Lines of text: `swim-state 1`, then a key and a value each, last the checksum of all before it.
//! Later versions add keys; a reader skips those it does not know. What no longer reads the same
//! is another first line.
//!
//! A file is replaced as a whole or not at all, whenever the machine fails.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use swim_core::{Incarnation, NodeId};

/// The first line, with the version of the format.
const FORMAT: &str = "swim-state 1";
/// A longer file is not one of ours.
const LEN_MAX: u64 = 1 << 20;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub incarnation: Incarnation,
    pub patience: Duration,
}

impl State {
    fn encode(self) -> String {
        let Self { incarnation, patience } = self;
        let incarnation = incarnation.number();
        let patience_us = u64::try_from(patience.as_micros()).unwrap_or(u64::MAX);
        let text = format!("{FORMAT}\nincarnation {incarnation}\npatience_us {patience_us}\n");
        let checksum = crc32fast::hash(text.as_bytes());
        format!("{text}crc32 {checksum:08x}\n")
    }

    fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let text = std::str::from_utf8(bytes).map_err(|_| Damage::Checksum)?;
        if !text.starts_with(FORMAT) {
            return Err(Damage::Format);
        }
        let checked_len = text.rfind("crc32 ").ok_or(Damage::Checksum)?;
        let (checked, checksum) = text.split_at(checked_len);
        if checksum != format!("crc32 {:08x}\n", crc32fast::hash(checked.as_bytes())) {
            return Err(Damage::Checksum);
        }
        Ok(Self {
            incarnation: Incarnation::new(number(checked, "incarnation ")?),
            patience: Duration::from_micros(number(checked, "patience_us ")?),
        })
    }
}

fn number<T: std::str::FromStr>(text: &str, key: &str) -> Result<T, Damage> {
    let value = text.lines().find_map(|line| line.strip_prefix(key));
    value.and_then(|value| value.parse().ok()).ok_or(Damage::Format)
}

/// Why the content of a file is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    Format,
    Checksum,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "it is not in a format this version knows",
            Self::Checksum => "it is damaged",
        })
    }
}

/// The file of one member. All its calls block.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    pub path: PathBuf,
}

impl StateFile {
    /// The file of `id` in `directory`, which is created if it is not there.
    pub fn in_directory(directory: &Path, id: NodeId) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { path: directory.join(format!("{id}.state")) })
    }

    /// What was kept; `None` if nothing ever was.
    pub fn read(&self) -> io::Result<Option<Result<State, Damage>>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        file.take(LEN_MAX).read_to_end(&mut bytes)?;
        Ok(Some(State::decode(&bytes)))
    }

    /// Replaces what was kept.
    pub fn write(&self, state: State) -> io::Result<()> {
        let fresh = self.path.with_extension("state.new");
        let mut file = File::create(&fresh)?;
        file.write_all(state.encode().as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        sync_directory(&self.path)
    }
}

/// Until then the new name is not sure to survive a failure of power.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// Elsewhere directories cannot be opened.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Something is wrong with what a member keeps; it runs on without. See
/// [`Options::state_dir`](crate::Options::state_dir).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateTrouble {
    /// The file was there and of no use: this run began as if nothing had been kept, and has
    /// replaced it.
    Ignored {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The latest state could not be written; it is tried again.
    NotWritten {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl fmt::Display for StateTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored { path, reason } => {
                write!(f, "{} is ignored: {reason}", path.display())
            }
            Self::NotWritten { path, reason } => {
                write!(f, "{} cannot be written: {reason}", path.display())
            }
        }
    }
}

impl std::error::Error for StateTrouble {}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: State =
        State { incarnation: Incarnation::new(17), patience: Duration::from_micros(2_500_001) };

    fn sealed(text: &str) -> String {
        format!("{text}crc32 {:08x}\n", crc32fast::hash(text.as_bytes()))
    }

    #[test]
    fn the_file_is_as_documented_and_reads_back_the_same() {
        let text = STATE.encode();
        assert!(text.starts_with("swim-state 1\nincarnation 17\npatience_us 2500001\ncrc32 "));
        assert_eq!(State::decode(text.as_bytes()), Ok(STATE));
        let extremes =
            State { incarnation: Incarnation::new(u32::MAX), patience: Duration::from_micros(0) };
        assert_eq!(State::decode(extremes.encode().as_bytes()), Ok(extremes));
    }

    #[test]
    fn keys_of_later_versions_are_skipped() {
        let text = "swim-state 1\nmember ab 10.0.0.1:7\npatience_us 2500001\nincarnation 17\n";
        assert_eq!(State::decode(sealed(text).as_bytes()), Ok(STATE));
    }

    #[test]
    fn another_format_is_not_guessed_at() {
        for text in ["swim-state 2\n", "", "swim-state 1\nincarnation 17\n", "#!/bin/sh\n"] {
            assert_eq!(State::decode(sealed(text).as_bytes()), Err(Damage::Format), "{text:?}");
        }
        let many = "swim-state 1\nincarnation 4294967296\npatience_us 0\n";
        assert_eq!(State::decode(sealed(many).as_bytes()), Err(Damage::Format));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let text = STATE.encode().into_bytes();
        for len in 0..text.len() {
            assert!(State::decode(&text[..len]).is_err(), "cut to {len}");
        }
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(State::decode(&flipped).is_err(), "bit {bit}");
        }
        assert!(State::decode(&[text.clone(), text].concat()).is_err(), "written twice");
    }
}
