//! What a member keeps across restarts, in a file of its own.
//!
//! Lines of text: `swim-state 1`, then a key and a value each, one `member` with id and address for
//! everybody who was known, last the checksum of all before it. Later versions add keys; a reader
//! skips those it does not know. What no longer reads the same is another first line.
//!
//! A file is replaced as a whole or not at all, whenever the process or the machine fails.

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use swim_core::{Incarnation, NodeId};

/// The first line, with the version of the format.
const FORMAT: &str = "swim-state 1";
/// More members are not kept: whoever finds one of these is told of all others.
pub(crate) const MEMBERS_KEPT_MAX: usize = 100_000;
/// A longer file is not one of ours.
const LEN_MAX: u64 = 8 << 20;

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub me: Me,
    /// Whom it knew; of those with the same id the first counts.
    pub members: Vec<(NodeId, SocketAddr)>,
}

/// What is kept of the member itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Me {
    pub incarnation: Incarnation,
    pub patience: Duration,
}

impl State {
    fn encode(&self) -> String {
        let incarnation = self.me.incarnation.number();
        let patience_us = u64::try_from(self.me.patience.as_micros()).unwrap_or(u64::MAX);
        let mut text = format!("{FORMAT}\nincarnation {incarnation}\npatience_us {patience_us}\n");
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_by_key(|(id, _)| *id);
        members.dedup_by_key(|(id, _)| *id);
        for (id, address) in members.into_iter().take(MEMBERS_KEPT_MAX) {
            // Nothing can go wrong with a string.
            let _ = writeln!(text, "member {id} {address}");
        }
        let checksum = crc32fast::hash(text.as_bytes());
        let _ = writeln!(text, "crc32 {checksum:08x}");
        text
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
        let me = Me {
            incarnation: Incarnation::new(number(checked, "incarnation ")?),
            patience: Duration::from_micros(number(checked, "patience_us ")?),
        };
        let members = checked.lines().filter_map(|line| line.strip_prefix("member "));
        let members = members.map(member).collect::<Option<_>>().ok_or(Damage::Format)?;
        Ok(Self { me, members })
    }
}

fn number<T: std::str::FromStr>(text: &str, key: &str) -> Result<T, Damage> {
    let value = text.lines().find_map(|line| line.strip_prefix(key));
    value.and_then(|value| value.parse().ok()).ok_or(Damage::Format)
}

/// An id and an address, and maybe what a later version says besides.
fn member(text: &str) -> Option<(NodeId, SocketAddr)> {
    let mut words = text.split(' ');
    let id = u64::from_str_radix(words.next()?, 16).ok()?;
    Some((NodeId::new(id), words.next()?.parse().ok()?))
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

    /// What was kept; `None` if nothing ever was. What is of no use is moved out of the way.
    pub fn read(&self) -> io::Result<Option<Result<State, Damage>>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        file.take(LEN_MAX).read_to_end(&mut bytes)?;
        let state = State::decode(&bytes);
        if state.is_err() {
            fs::rename(&self.path, self.damaged())?;
        }
        Ok(Some(state))
    }

    /// Where the last file of no use is found.
    pub fn damaged(&self) -> PathBuf {
        self.path.with_extension("state.damaged")
    }

    /// Replaces what was kept.
    pub fn write(&self, state: &State) -> io::Result<()> {
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
    /// The file was there and of no use: this run began as if nothing had been kept.
    Ignored {
        /// The file.
        path: PathBuf,
        /// Where it has been moved to, in the place of an earlier one.
        moved_to: PathBuf,
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
            Self::Ignored { path, moved_to, reason } => {
                let (path, moved_to) = (path.display(), moved_to.display());
                write!(
                    f,
                    "{path} is ignored and now {moved_to}: {reason}; join a seed, unless others \
                     look for this member"
                )
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

    fn state() -> State {
        let me =
            Me { incarnation: Incarnation::new(17), patience: Duration::from_micros(2_500_001) };
        let member = |id, address: &str| (NodeId::new(id), address.parse().unwrap());
        State { me, members: vec![member(0xab, "10.0.0.1:7"), member(0xcd, "[2001:db8::1]:7946")] }
    }

    fn sealed(text: &str) -> String {
        format!("{text}crc32 {:08x}\n", crc32fast::hash(text.as_bytes()))
    }

    #[test]
    fn the_file_is_as_documented_and_reads_back_the_same() {
        let text = state().encode();
        assert!(text.starts_with(
            "swim-state 1\nincarnation 17\npatience_us 2500001\n\
             member ab 10.0.0.1:7\nmember cd [2001:db8::1]:7946\ncrc32 "
        ));
        assert_eq!(State::decode(text.as_bytes()), Ok(state()));
        let me = Me { incarnation: Incarnation::new(u32::MAX), patience: Duration::ZERO };
        let extremes = State { me, members: Vec::new() };
        assert_eq!(State::decode(extremes.encode().as_bytes()), Ok(extremes));
    }

    #[test]
    fn keys_and_words_of_later_versions_are_skipped() {
        let text = "swim-state 1\nzone eu\nmember ab 10.0.0.1:7 eu\nmember cd [2001:db8::1]:7946\n\
                    patience_us 2500001\nincarnation 17\n";
        assert_eq!(State::decode(sealed(text).as_bytes()), Ok(state()));
    }

    #[test]
    fn a_member_stands_in_the_file_once_as_it_was_told_first() {
        let twice = State {
            members: [state().members, vec![(NodeId::new(0xab), ([10, 0, 0, 9], 7).into())]]
                .concat(),
            ..state()
        };
        assert_eq!(State::decode(twice.encode().as_bytes()), Ok(state()));
    }

    #[test]
    fn as_many_members_as_are_kept_fit_the_file() {
        let longest = |id| (NodeId::new(u64::MAX - id), ([u16::MAX; 8], u16::MAX).into());
        let members = (0..=MEMBERS_KEPT_MAX as u64).map(longest).collect();
        let text = State { members, ..state() }.encode();
        assert!(text.len() as u64 <= LEN_MAX);
        let kept = State::decode(text.as_bytes()).map(|state| state.members.len());
        assert_eq!(kept, Ok(MEMBERS_KEPT_MAX));
    }

    #[test]
    fn another_format_is_not_guessed_at() {
        for text in ["swim-state 2\n", "", "swim-state 1\nincarnation 17\n", "#!/bin/sh\n"] {
            assert_eq!(State::decode(sealed(text).as_bytes()), Err(Damage::Format), "{text:?}");
        }
        let many = "swim-state 1\nincarnation 4294967296\npatience_us 0\n";
        assert_eq!(State::decode(sealed(many).as_bytes()), Err(Damage::Format));
        for member in ["", "ab", "xy 10.0.0.1:7", "ab db-1:7946"] {
            let text = format!("swim-state 1\nincarnation 1\npatience_us 0\nmember {member}\n");
            assert_eq!(State::decode(sealed(&text).as_bytes()), Err(Damage::Format), "{member}");
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let text = state().encode().into_bytes();
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
