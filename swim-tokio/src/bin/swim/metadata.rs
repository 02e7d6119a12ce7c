//! What an agent tells the others about itself besides its address: a name and tags.
//!
//! They travel in the metadata of its member record:
//!
//! ```text
//! metadata = FORMAT string(name) { string(key) string(value) }
//! string   = length (1 byte) bytes (UTF-8, no control characters)
//! ```
//!
//! A name alone costs two bytes more than it has. Keys are sorted and appear once. Members of
//! other programs may carry metadata that is not of this form: they have no name here and are
//! shown by their id.

use std::collections::BTreeMap;
use std::fmt;

/// The first byte: tells this encoding from those of other programs.
const FORMAT: u8 = 0xA1;
/// Longest name, in bytes.
pub const NAME_LEN_MAX: usize = 128;
/// Longest key and longest value of a tag, in bytes: what one length byte can tell.
pub const TAG_LEN_MAX: usize = 255;
/// Longest metadata of an agent, in bytes, so that a record still leaves room in a datagram.
pub const METADATA_LEN_MAX: usize = 512;

/// The name and tags of one agent, within all limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    name: String,
    tags: BTreeMap<String, String>,
}

impl Metadata {
    /// Takes a name and tags as a person wrote them.
    ///
    /// # Errors
    ///
    /// The first rule they break: the caller's fault.
    pub fn new(name: &str, tags: &[Tag]) -> Result<Self, MetadataError> {
        check_name(name)?;
        let mut metadata = Self { name: name.to_owned(), tags: BTreeMap::new() };
        for tag in tags {
            if metadata.tags.insert(tag.key.clone(), tag.value.clone()).is_some() {
                return Err(MetadataError::KeyTwice { key: tag.key.clone() });
            }
        }
        match metadata.encode().len() {
            0..=METADATA_LEN_MAX => Ok(metadata),
            len => Err(MetadataError::TooLong { len }),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        let tags = self.tags.iter().flat_map(|(key, value)| [key, value]);
        for text in std::iter::once(&self.name).chain(tags) {
            // Every text was checked to be shorter than this.
            bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    /// Reads what another member carries; `None` when it is not of this form.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[FORMAT])?;
        let name = take_text(&mut rest)?;
        check_name(&name).ok()?;
        let mut tags = BTreeMap::new();
        while !rest.is_empty() {
            let key = take_text(&mut rest)?;
            tags.insert(key, take_text(&mut rest)?);
        }
        Some(Self { name, tags })
    }
}

/// One `KEY=VALUE` of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    key: String,
    value: String,
}

impl std::str::FromStr for Tag {
    type Err = MetadataError;

    fn from_str(text: &str) -> Result<Self, MetadataError> {
        let (key, value) = text.split_once('=').ok_or(MetadataError::TagWithoutValue)?;
        if key.is_empty() {
            return Err(MetadataError::KeyEmpty);
        }
        if key.len().max(value.len()) > TAG_LEN_MAX {
            return Err(MetadataError::TagTooLong { len: key.len().max(value.len()) });
        }
        if text.chars().any(char::is_control) {
            return Err(MetadataError::ControlCharacter);
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

/// Whether `name` can be the name of an agent.
///
/// # Errors
///
/// The rule it breaks.
pub fn check_name(name: &str) -> Result<(), MetadataError> {
    match name.len() {
        0 => Err(MetadataError::NameEmpty),
        1..=NAME_LEN_MAX if name.chars().any(char::is_control) => {
            Err(MetadataError::ControlCharacter)
        }
        1..=NAME_LEN_MAX => Ok(()),
        len => Err(MetadataError::NameTooLong { len }),
    }
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let (&len, tail) = rest.split_first()?;
    let (bytes, tail) = tail.split_at_checked(len.into())?;
    *rest = tail;
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// A name or tag that cannot be an agent's: the fault of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataError {
    /// The name has no characters.
    NameEmpty,
    /// The name has more than [`NAME_LEN_MAX`] bytes.
    NameTooLong { len: usize },
    /// A name or tag would move the cursor of whoever prints it.
    ControlCharacter,
    /// A tag is not of the form KEY=VALUE.
    TagWithoutValue,
    /// A tag has nothing before its `=`.
    KeyEmpty,
    /// A key or value has more than [`TAG_LEN_MAX`] bytes.
    TagTooLong { len: usize },
    /// Two tags share a key.
    KeyTwice { key: String },
    /// Name and tags together need more than [`METADATA_LEN_MAX`] bytes.
    TooLong { len: usize },
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameEmpty => f.write_str("a name needs at least one character"),
            Self::NameTooLong { len } => {
                write!(f, "the name is too long: {len} bytes, at most {NAME_LEN_MAX}")
            }
            Self::ControlCharacter => f.write_str("control characters are not allowed"),
            Self::TagWithoutValue => f.write_str("expected KEY=VALUE"),
            Self::KeyEmpty => f.write_str("expected KEY=VALUE, and the key is empty"),
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

impl std::error::Error for MetadataError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(texts: &[&str]) -> Vec<Tag> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_encoded_reads_back_the_same() {
        let metadata = Metadata::new("db-1", &tags(&["zone=b", "rôle=a=b", "empty="])).unwrap();
        assert_eq!(Metadata::decode(&metadata.encode()), Some(metadata));
    }

    #[test]
    fn a_name_alone_costs_two_bytes_more() {
        assert_eq!(Metadata::new("db-1", &[]).unwrap().encode(), b"\xA1\x04db-1");
    }

    #[test]
    fn every_cut_and_foreign_metadata_has_no_name() {
        let whole = Metadata::new("db-1", &tags(&["zone=b"])).unwrap().encode();
        for len in (0..whole.len()).filter(|&len| len != b"\xA1\x04db-1".len()) {
            assert_eq!(Metadata::decode(&whole[..len]), None, "{len}");
        }
        for foreign in [&b""[..], b"{}", b"\xA1\x00", b"\xA1\x02\xFF\xFE", b"\xA1\x01\x1B"] {
            assert_eq!(Metadata::decode(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn each_limit_has_its_error() {
        let error = |name: &str, texts: &[&str]| Metadata::new(name, &tags(texts)).unwrap_err();
        assert_eq!(error("", &[]), MetadataError::NameEmpty);
        assert_eq!(error(&"n".repeat(129), &[]), MetadataError::NameTooLong { len: 129 });
        assert_eq!(error("a\nb", &[]), MetadataError::ControlCharacter);
        assert_eq!(error("n", &["k=1", "k=2"]), MetadataError::KeyTwice { key: "k".into() });
        let long = "v".repeat(255);
        let both = [format!("a={long}"), format!("b={long}")];
        assert_eq!(error("n", &[&both[0], &both[1]]), MetadataError::TooLong { len: 519 });
    }

    #[test]
    fn a_tag_needs_a_key_and_an_equals_sign() {
        assert_eq!("zone".parse::<Tag>(), Err(MetadataError::TagWithoutValue));
        assert_eq!("=b".parse::<Tag>(), Err(MetadataError::KeyEmpty));
        let long = format!("k={}", "v".repeat(256));
        assert_eq!(long.parse::<Tag>(), Err(MetadataError::TagTooLong { len: 256 }));
        assert_eq!("k=\u{1b}[2J".parse::<Tag>(), Err(MetadataError::ControlCharacter));
    }
}
