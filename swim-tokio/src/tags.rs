//! A name and tags as metadata, in the form `swim agent` writes and reads.
//!
//! The protocol carries bytes beside each member and does not look at them. A program that puts a
//! [`Tags`] there is shown by `swim agent` with its name and tags, and can show agents with theirs:
//!
//! ```
//! use swim_tokio::Options;
//! use swim_tokio::tags::{Tags, TagsError};
//!
//! # fn main() -> Result<(), TagsError> {
//! let tags = Tags::new("db-1")?.with("zone", "eu")?;
//! let options = Options {
//!     name: Some(tags.name().into()),
//!     metadata: tags.encode(),
//!     ..Options::new("0.0.0.0:7946".parse().unwrap())
//! };
//! // And of any member: `Tags::decode(&member.metadata)`.
//! let read = Tags::decode(&options.metadata).expect("written by `encode`");
//! assert_eq!((read.name(), read.get("zone")), ("db-1", Some("eu")));
//! # Ok(())
//! # }
//! ```
//!
//! A running member changes its own with
//! [`Swim::set_metadata(tags.encode())`](crate::Swim::set_metadata).
//!
//! # The bytes
//!
//! ```text
//! metadata = 0xA1 string(name) { string(key) string(value) }
//! string   = length (1 byte) bytes (UTF-8, no control characters)
//! ```
//!
//! A name alone costs two bytes more than it has. Keys are written in order and once; of a key that
//! is read twice the last value counts. Metadata of any other form is some other program's.

use std::collections::BTreeMap;
use std::fmt;

/// The first byte: tells this encoding from those of other programs.
const FORMAT: u8 = 0xA1;
/// Longest name, in bytes.
pub const NAME_LEN_MAX: usize = 128;
/// Longest key and longest value of a tag, in bytes: what one length byte can tell.
pub const TAG_LEN_MAX: usize = 255;
/// Longest encoding, in bytes, so that a record still leaves room in a datagram. The default of
/// [`Options::metadata_len_max`](crate::Options::metadata_len_max) takes it.
pub const METADATA_LEN_MAX: usize = 512;

/// The name and tags of one member, within all limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    name: String,
    values: BTreeMap<String, String>,
}

impl Tags {
    /// A name without tags.
    ///
    /// # Errors
    ///
    /// The name is empty, longer than [`NAME_LEN_MAX`], or has control characters.
    pub fn new(name: &str) -> Result<Self, TagsError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), values: BTreeMap::new() })
    }

    /// The same with one more tag.
    ///
    /// # Errors
    ///
    /// The key is empty, contains `=`, or is there already; key or value are longer than
    /// [`TAG_LEN_MAX`] or have control characters; or all together no longer fit into
    /// [`METADATA_LEN_MAX`].
    pub fn with(mut self, key: &str, value: &str) -> Result<Self, TagsError> {
        check_tag(key, value)?;
        if self.values.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(TagsError::KeyTwice { key: key.to_owned() });
        }
        match self.encode().len() {
            0..=METADATA_LEN_MAX => Ok(self),
            len => Err(TagsError::TooLong { len }),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value of one tag.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// All tags, keys and values, in order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The bytes to carry as metadata.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        let tags = self.values.iter().flat_map(|(key, value)| [key, value]);
        for text in std::iter::once(&self.name).chain(tags) {
            // Every text was checked to be shorter than this.
            bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    /// Reads what a member carries; `None` when it is not of this form: that member is none of an
    /// agent's kind, and nothing is wrong with it.
    pub fn decode(metadata: &[u8]) -> Option<Self> {
        let mut rest = metadata.strip_prefix(&[FORMAT])?;
        let name = take_text(&mut rest)?;
        check_name(name).ok()?;
        let mut values = BTreeMap::new();
        while !rest.is_empty() {
            let (key, value) = (take_text(&mut rest)?, take_text(&mut rest)?);
            check_tag(key, value).ok()?;
            values.insert(key.to_owned(), value.to_owned());
        }
        Some(Self { name: name.to_owned(), values })
    }
}

fn check_name(name: &str) -> Result<(), TagsError> {
    match name.len() {
        0 => Err(TagsError::NameEmpty),
        1..=NAME_LEN_MAX => check_printable(name),
        len => Err(TagsError::NameTooLong { len }),
    }
}

fn check_tag(key: &str, value: &str) -> Result<(), TagsError> {
    let len = key.len().max(value.len());
    if key.is_empty() {
        return Err(TagsError::KeyEmpty);
    }
    if len > TAG_LEN_MAX {
        return Err(TagsError::TagTooLong { len });
    }
    if key.contains('=') {
        return Err(TagsError::KeyWithEqualsSign);
    }
    check_printable(key)?;
    check_printable(value)
}

fn check_printable(text: &str) -> Result<(), TagsError> {
    match text.chars().any(char::is_control) {
        true => Err(TagsError::ControlCharacter),
        false => Ok(()),
    }
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (&len, tail) = rest.split_first()?;
    let (bytes, tail) = tail.split_at_checked(len.into())?;
    *rest = tail;
    std::str::from_utf8(bytes).ok()
}

/// A name or tag that cannot be: the fault of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TagsError {
    /// The name has no characters.
    NameEmpty,
    /// The name has more than [`NAME_LEN_MAX`] bytes.
    NameTooLong {
        /// How many it has.
        len: usize,
    },
    /// A name or tag would move the cursor of whoever prints it.
    ControlCharacter,
    /// A tag has no key.
    KeyEmpty,
    /// A key contains `=`, which ends it where tags are written as `KEY=VALUE`.
    KeyWithEqualsSign,
    /// A key or value has more than [`TAG_LEN_MAX`] bytes.
    TagTooLong {
        /// How many the longer of both has.
        len: usize,
    },
    /// Two tags share a key.
    KeyTwice {
        /// That key.
        key: String,
    },
    /// Name and tags together need more than [`METADATA_LEN_MAX`] bytes.
    TooLong {
        /// How many they need, with one byte for the form and one for each length.
        len: usize,
    },
}

impl fmt::Display for TagsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameEmpty => f.write_str("a name needs at least one character"),
            Self::NameTooLong { len } => {
                write!(f, "the name is too long: {len} bytes, at most {NAME_LEN_MAX}")
            }
            Self::ControlCharacter => f.write_str("control characters are not allowed"),
            Self::KeyEmpty => f.write_str("the key is empty"),
            Self::KeyWithEqualsSign => f.write_str("the key contains '='"),
            Self::TagTooLong { len } => {
                write!(f, "the key or value is too long: {len} bytes, at most {TAG_LEN_MAX}")
            }
            Self::KeyTwice { key } => write!(f, "the tag '{key}' is given twice"),
            Self::TooLong { len } => write!(
                f,
                "name and tags are too long together: {len} bytes, at most {METADATA_LEN_MAX}"
            ),
        }
    }
}

impl std::error::Error for TagsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(name: &str, tags: &[(&str, &str)]) -> Result<Tags, TagsError> {
        tags.iter().try_fold(Tags::new(name)?, |tags, (key, value)| tags.with(key, value))
    }

    #[test]
    fn what_is_encoded_reads_back_the_same() {
        let tags = tags("db-1", &[("zone", "b"), ("rôle", "a=b c"), ("empty", "")]).unwrap();
        assert_eq!(Tags::decode(&tags.encode()), Some(tags));
    }

    #[test]
    fn the_bytes_are_as_documented() {
        assert_eq!(tags("db-1", &[]).unwrap().encode(), b"\xA1\x04db-1");
        let two = tags("n", &[("b", "22"), ("a", "")]).unwrap();
        assert_eq!(two.encode(), b"\xA1\x01n\x01a\x00\x01b\x0222");
        assert_eq!(two.iter().collect::<Vec<_>>(), [("a", ""), ("b", "22")]);
    }

    #[test]
    fn every_cut_and_foreign_metadata_has_no_name() {
        let whole = tags("db-1", &[("zone", "b")]).unwrap().encode();
        for len in (0..whole.len()).filter(|&len| len != b"\xA1\x04db-1".len()) {
            assert_eq!(Tags::decode(&whole[..len]), None, "{len}");
        }
        let foreign = [&b""[..], b"{}", b"\xA1\x00", b"\xA1\x02\xFF\xFE", b"\xA1\x01\x1B"];
        let broken_tags =
            [&b"\xA1\x01n\x00\x01v"[..], b"\xA1\x01n\x01=\x00", b"\xA1\x01n\x01k\x01\n"];
        for bytes in foreign.into_iter().chain(broken_tags) {
            assert_eq!(Tags::decode(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn each_limit_has_its_error() {
        let error = |name: &str, pairs: &[(&str, &str)]| tags(name, pairs).unwrap_err();
        assert_eq!(error("", &[]), TagsError::NameEmpty);
        assert_eq!(error(&"n".repeat(129), &[]), TagsError::NameTooLong { len: 129 });
        assert_eq!(error("a\nb", &[]), TagsError::ControlCharacter);
        assert_eq!(error("n", &[("", "b")]), TagsError::KeyEmpty);
        assert_eq!(error("n", &[("a=b", "c")]), TagsError::KeyWithEqualsSign);
        assert_eq!(error("n", &[("k", "\u{1b}[2J")]), TagsError::ControlCharacter);
        assert_eq!(error("n", &[("k", &"v".repeat(256))]), TagsError::TagTooLong { len: 256 });
        assert_eq!(error("n", &[("k", "1"), ("k", "2")]), TagsError::KeyTwice { key: "k".into() });
        let long = "v".repeat(255);
        assert_eq!(error("n", &[("a", &long), ("b", &long)]), TagsError::TooLong { len: 519 });
    }
}
