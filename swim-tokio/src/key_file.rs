//! Keys in a file: one a line, in Base64, the primary one first; `#` begins a comment.
//!
//! `swim keygen` writes such lines. The owner alone may read the file. To rotate the keys of a
//! running cluster, change the file of every member and have it read again
//! ([`Swim::seal`](crate::Swim::seal); `swim agent` does so on SIGHUP), three times: the new key
//! after the old one, then before it, then alone.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use base64ct::{Base64, Encoding};
use swim_core::{KEY_LEN, Key, KeyError, KeyId, KeyRing};
use zeroize::{Zeroize, Zeroizing};

/// Comments have room in it.
const FILE_LEN_MAX: usize = 64 << 10;
/// Base64 writes three bytes in four characters.
const TEXT_LEN: usize = KEY_LEN.div_ceil(3) * 4;

/// What stands in a file of keys.
///
/// # Errors
///
/// It cannot be read, somebody else may read or write it (on Unix), or a line is no key. No line
/// is quoted: a key that is mistyped is a secret too.
pub fn read(path: &Path) -> Result<KeyRing, KeyFileError> {
    let file = File::open(path)?;
    refuse_exposed(&file)?;
    // Where the text is read to is never moved, so that no copy of it stays behind.
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_LEN_MAX + 1));
    file.take(FILE_LEN_MAX as u64 + 1).read_to_end(&mut text)?;
    if text.len() > FILE_LEN_MAX {
        return Err(KeyFileError::TooLong);
    }
    let text = std::str::from_utf8(&text).map_err(|_| KeyFileError::NotText)?;
    parse(text)
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
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

fn parse(text: &str) -> Result<KeyRing, KeyFileError> {
    let mut ring = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let key = key(line).ok_or(KeyFileError::Malformed { line: number })?;
        match &mut ring {
            None => ring = Some(KeyRing::new(key)),
            Some(ring) => {
                ring.add(key).map_err(|source| KeyFileError::Refused { line: number, source })?
            }
        }
    }
    ring.ok_or(KeyFileError::NoKey)
}

fn key(text: &str) -> Option<Key> {
    let mut bytes = [0; KEY_LEN];
    let decoded = Base64::decode(text, &mut bytes).map(<[u8]>::len);
    let key = (decoded == Ok(KEY_LEN)).then(|| Key::new(bytes));
    bytes.zeroize();
    key
}

#[cfg(unix)]
fn refuse_exposed(file: &File) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;
    /// To read and to write, for the group and for all others.
    const OTHERS: u32 = 0o066;
    let mode = file.metadata()?.permissions().mode();
    if mode & OTHERS == 0 { Ok(()) } else { Err(KeyFileError::Exposed { mode: mode & 0o777 }) }
}

#[cfg(not(unix))]
fn refuse_exposed(_: &File) -> Result<(), KeyFileError> {
    Ok(())
}

/// No keys were taken from a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read.
    Io(io::Error),
    /// Its group or everybody may read or write it.
    Exposed {
        /// The permissions it has.
        mode: u32,
    },
    /// It has more than 64 KiB.
    TooLong,
    /// It is no text.
    NotText,
    /// A line is not 32 bytes in Base64.
    Malformed {
        /// Which one, from 1.
        line: usize,
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
            Self::Exposed { mode } => {
                write!(f, "others may read or write it (mode {mode:03o}): chmod 600 is needed")
            }
            Self::TooLong => write!(f, "it is longer than {FILE_LEN_MAX} bytes"),
            Self::NotText => f.write_str("it is no text"),
            Self::Malformed { line } => {
                write!(f, "line {line} is not {KEY_LEN} bytes in Base64, as `swim keygen` makes")
            }
            Self::Refused { line, source } => write!(f, "line {line}: {source}"),
            Self::NoKey => f.write_str("there is no key in it"),
        }
    }
}

impl std::error::Error for KeyFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Refused { source, .. } => Some(source),
            _ => None,
        }
    }
}

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
        for bad in ["secret", "AAAA", &good[1..44], "//////////8="] {
            let error = parse(&format!("{}{bad}\n", *good)).unwrap_err();
            assert!(matches!(error, KeyFileError::Malformed { line: 2 }), "{bad}: {error}");
            assert!(!format!("{error} {error:?}").contains(bad), "{error}");
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
    }
}
