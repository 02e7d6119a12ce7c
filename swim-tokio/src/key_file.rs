//! Keys in a file: one a line, in Base64, the primary one first; `#` begins a comment.
//!
//! `swim keygen` writes such lines. The owner alone may read the file: the user this process runs
//! as, or root. Its group may read it, too, if root is its owner and this process is not root's:
//! that is how Kubernetes hands a secret to a group (`fsGroup`). A pipe is read as well, to its
//! end.
//!
//! To rotate the keys of a running cluster, change the file of every member and have it read again
//! ([`Swim::seal`](crate::Swim::seal); `swim agent` does so on SIGHUP), three times: the new key
//! after the old one, then before it, then alone.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use swim_core::{KEY_LEN, KEYS_MAX, Key, KeyError, KeyId, KeyRing};
use zeroize::{Zeroize, Zeroizing};

use crate::private_file;

/// Comments have room in it.
const FILE_LEN_MAX: usize = 64 << 10;
/// Base64 writes three bytes in four characters.
const TEXT_LEN: usize = KEY_LEN.div_ceil(3) * 4;
/// The longest line that is told how many bytes it has.
const DECODED_LEN_MAX: usize = 96;
/// How long the writer of a pipe is waited for, and how long between two looks.
const PIPE_WAIT_MAX: Duration = Duration::from_secs(5);
const PIPE_PAUSE: Duration = Duration::from_millis(10);

/// What stands in a file of keys.
///
/// # Errors
///
/// It cannot be read, it is not this user's and not root's, somebody else may read or write it (on
/// Unix), or a line is no key. No line is quoted: a key that is mistyped is a secret too.
pub fn read(path: &Path) -> Result<KeyRing, KeyFileError> {
    let mut file = open(path)?;
    refuse_exposed(&file)?;
    let mut text = Zeroizing::new(vec![0; FILE_LEN_MAX + 1]);
    let len = fill(&mut file, &mut text)?;
    let text = text.get(..len).filter(|text| text.len() <= FILE_LEN_MAX);
    let text = std::str::from_utf8(text.ok_or(KeyFileError::TooLong)?);
    parse(text.map_err(|_| KeyFileError::NotText)?)
}

/// A new key from the system's randomness, as a line for such a file: the key, and its id in a
/// comment.
///
/// # Errors
///
/// The system has no randomness to give.
pub fn generate() -> io::Result<(KeyId, Zeroizing<String>)> {
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(bytes.as_mut_slice()).map_err(io::Error::other)?;
    let id = Key::new(*bytes).id();
    let mut text = Zeroizing::new([0; TEXT_LEN]);
    let text = Base64::encode(bytes.as_slice(), text.as_mut_slice()).map_err(io::Error::other)?;
    let comment = format!("  # key {id}\n");
    let mut line = Zeroizing::new(String::with_capacity(text.len() + comment.len()));
    line.push_str(text);
    line.push_str(&comment);
    Ok((id, line))
}

/// Writes a new file that the owner alone may read.
///
/// # Errors
///
/// It is there already, or cannot be written.
pub fn create(path: &Path, line: &str) -> io::Result<()> {
    let mut file = private_file::create(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

/// Without waiting for somebody who would write into a pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nix::libc::O_NONBLOCK);
    options.open(path)
}

/// Reads until the end or until `text` is full, which is never moved, so that no copy of it stays
/// behind. Returns how much it was.
fn fill(file: &mut File, text: &mut [u8]) -> io::Result<usize> {
    let begun = Instant::now();
    let mut len = 0;
    while let Some(rest) = text.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if begun.elapsed() > PIPE_WAIT_MAX {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                thread::sleep(PIPE_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

fn parse(text: &str) -> Result<KeyRing, KeyFileError> {
    let mut ring = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let key = key(line, number)?;
        match &mut ring {
            None => ring = Some(KeyRing::new(key)),
            Some(ring) => {
                ring.add(key).map_err(|source| KeyFileError::Refused { line: number, source })?
            }
        }
    }
    ring.ok_or(KeyFileError::NoKey)
}

fn key(text: &str, line: usize) -> Result<Key, KeyFileError> {
    let mut bytes = Zeroizing::new([0; DECODED_LEN_MAX]);
    let decoded = Base64::decode(text, bytes.as_mut_slice());
    let decoded = decoded.map_err(|_| KeyFileError::Malformed { line })?;
    let wrong_len = KeyFileError::WrongLen { line, len: decoded.len() };
    let mut key = <[u8; KEY_LEN]>::try_from(decoded).map_err(|_| wrong_len)?;
    let made = Key::new(key);
    key.zeroize();
    Ok(made)
}

#[cfg(unix)]
fn refuse_exposed(file: &File) -> Result<(), KeyFileError> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let metadata = file.metadata()?;
    if !metadata.is_file() && !metadata.file_type().is_fifo() {
        return Err(KeyFileError::NotAFile);
    }
    judge(metadata.uid(), nix::unistd::geteuid().as_raw(), metadata.mode() & 0o777)
}

/// Whether a file of `owner` with the permissions `mode` may be trusted by `user`.
#[cfg(unix)]
fn judge(owner: u32, user: u32, mode: u32) -> Result<(), KeyFileError> {
    const ROOT: u32 = 0;
    /// To read and to write, for the group and for all others.
    const OTHERS: u32 = 0o066;
    const GROUP_READS: u32 = 0o040;
    let is_handed_out = owner == ROOT && user != ROOT;
    let forbidden = if is_handed_out { OTHERS & !GROUP_READS } else { OTHERS };
    if ![user, ROOT].contains(&owner) {
        Err(KeyFileError::Foreign { owner })
    } else if mode & forbidden != 0 {
        Err(KeyFileError::Exposed { mode })
    } else {
        Ok(())
    }
}

#[cfg(not(unix))]
fn refuse_exposed(file: &File) -> Result<(), KeyFileError> {
    if file.metadata()?.is_dir() { Err(KeyFileError::NotAFile) } else { Ok(()) }
}

/// No keys were taken from a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read.
    Io(io::Error),
    /// It is a directory or a device.
    NotAFile,
    /// It belongs neither to the user this process runs as nor to root.
    Foreign {
        /// The number of the user it belongs to.
        owner: u32,
    },
    /// Its group or everybody may read or write it.
    Exposed {
        /// The permissions it has.
        mode: u32,
    },
    /// It has more than 64 KiB.
    TooLong,
    /// It is no text.
    NotText,
    /// A line is not Base64, or is far too long.
    Malformed {
        /// Which one, from 1.
        line: usize,
    },
    /// A line is not 32 bytes in Base64.
    WrongLen {
        /// Which one, from 1.
        line: usize,
        /// How many bytes it is.
        len: usize,
    },
    /// The ring does not take a key.
    Refused {
        /// The line it stands in, from 1.
        line: usize,
        /// Why.
        source: KeyError,
    },
    /// There is none in it.
    NoKey,
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NotAFile => f.write_str("it is not a file"),
            Self::Foreign { owner } => {
                write!(f, "it belongs to user {owner}: this user or root must own it")
            }
            Self::Exposed { mode } => {
                write!(f, "others may read or write it (mode {mode:03o}): chmod 600 is needed")
            }
            Self::TooLong => write!(f, "it is longer than {FILE_LEN_MAX} bytes"),
            Self::NotText => f.write_str("it is no text"),
            Self::Malformed { line } => {
                write!(f, "line {line} is not {KEY_LEN} bytes in Base64, as `swim keygen` makes")
            }
            Self::WrongLen { line, len } => {
                write!(f, "line {line}: {KEY_LEN} bytes are needed, this has {len}")
            }
            Self::Refused { line, source: KeyError::Full } => {
                write!(f, "line {line}: at most {KEYS_MAX} keys: take an old one out")
            }
            Self::Refused { line, source } => write!(f, "line {line}: {source}"),
            Self::NoKey => f.write_str("there is no key in it"),
        }
    }
}

/// What is displayed tells the causes, too.
impl std::error::Error for KeyFileError {}

impl From<io::Error> for KeyFileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ring: &KeyRing) -> Vec<KeyId> {
        ring.ids().collect()
    }

    #[test]
    fn a_file_holds_the_primary_key_first_and_comments() {
        let [(one, first), (two, second)] = [(); 2].map(|()| generate().unwrap());
        let text = format!("# of the cluster prod\n\n  {}{}", *first, *second);
        assert_eq!(ids(&parse(&text).unwrap()), [one, two]);
        assert_ne!(one, two);
    }

    #[test]
    fn what_is_no_key_is_told_by_its_line_and_not_quoted() {
        let (_, good) = generate().unwrap();
        for bad in ["secret", &good[1..44], &"A".repeat(400)] {
            let error = parse(&format!("{}{bad}\n", *good)).unwrap_err();
            assert!(matches!(error, KeyFileError::Malformed { line: 2 }), "{bad}: {error}");
            assert!(!format!("{error} {error:?}").contains(bad), "{error}");
        }
        for (bad, len) in [("AAAA", 3), ("//////////8=", 8), (&"A".repeat(32), 24)] {
            let error = parse(&format!("{}{bad}\n", *good)).unwrap_err();
            let expected = format!("line 2: 32 bytes are needed, this has {len}");
            assert_eq!(error.to_string(), expected);
        }
        assert!(matches!(parse("# nothing\n"), Err(KeyFileError::NoKey)));
    }

    #[test]
    fn more_keys_than_a_ring_holds_are_refused() {
        let text: String =
            (0..=swim_core::KEYS_MAX).map(|_| (*generate().unwrap().1).clone()).collect();
        let error = parse(&text).unwrap_err();
        assert!(
            matches!(error, KeyFileError::Refused { line: 5, source: KeyError::Full }),
            "{error}"
        );
        assert_eq!(error.to_string(), "line 5: at most 4 keys: take an old one out");
    }

    #[cfg(unix)]
    #[test]
    fn a_group_may_read_what_root_hands_to_it() {
        const ME: u32 = 1_000;
        for (owner, user, mode) in [(ME, ME, 0o600), (0, ME, 0o440), (0, ME, 0o640), (0, 0, 0o400)]
        {
            assert!(judge(owner, user, mode).is_ok(), "{owner} {user} {mode:o}");
        }
        for (owner, user, mode) in [(ME, ME, 0o640), (0, ME, 0o460), (0, ME, 0o444), (0, 0, 0o440)]
        {
            let judged = judge(owner, user, mode);
            assert!(matches!(judged, Err(KeyFileError::Exposed { .. })), "{owner} {user} {mode:o}");
        }
        let foreign = judge(ME, 0, 0o600);
        assert!(matches!(foreign, Err(KeyFileError::Foreign { owner: ME })), "root trusts nobody");
        assert!(matches!(judge(7, ME, 0o600), Err(KeyFileError::Foreign { owner: 7 })));
    }
}
