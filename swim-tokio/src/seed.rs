//! A seed as an operator writes it.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

/// Where to ask to be admitted: `db.example.org:7946`, `10.0.0.1:7946` or `[fd00::1]:7946`.
///
/// A host name stands for all its addresses, as they are when it is looked up. Strings and socket
/// addresses become seeds by themselves where seeds are taken; what is no seed is
/// [reported](crate::JoinFailure::Malformed) then. To find out before, parse it (with clap:
/// `value_parser = str::parse::<Seed>`):
///
/// ```
/// use swim_tokio::Seed;
///
/// assert!("db.example.org:7946".parse::<Seed>().is_ok());
/// assert!("db.example.org".parse::<Seed>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seed(Arc<str>);

/// What a seed stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Address(SocketAddr),
    Name { host: String, port: u16 },
}

impl Seed {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn place(&self) -> Result<Place, SeedError> {
        if let Ok(address) = self.0.parse::<SocketAddr>() {
            return match address.port() {
                0 => Err(SeedError::Port),
                _ => Ok(Place::Address(address)),
            };
        }
        let (host, port) = self.0.rsplit_once(':').ok_or(SeedError::NoPort)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(SeedError::Port)?;
        let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if in_brackets.is_none() && host.contains(':') {
            return Err(SeedError::NoBrackets);
        }
        let host = in_brackets.unwrap_or(host);
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(SeedError::Host);
        }
        Ok(Place::Name { host: host.to_owned(), port })
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({})", self.0)
    }
}

impl FromStr for Seed {
    type Err = SeedError;

    fn from_str(text: &str) -> Result<Self, SeedError> {
        let seed = Self::from(text);
        seed.place().map(|_| seed)
    }
}

impl From<&str> for Seed {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Seed {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Seed {
    fn from(text: &String) -> Self {
        Self(text.as_str().into())
    }
}

impl From<&&str> for Seed {
    fn from(text: &&str) -> Self {
        Self((*text).into())
    }
}

impl From<SocketAddr> for Seed {
    fn from(address: SocketAddr) -> Self {
        address.to_string().into()
    }
}

impl From<&SocketAddr> for Seed {
    fn from(address: &SocketAddr) -> Self {
        (*address).into()
    }
}

impl From<&Seed> for Seed {
    fn from(seed: &Seed) -> Self {
        seed.clone()
    }
}

/// That is no seed: whoever wrote it is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeedError {
    /// There is no port behind the host.
    NoPort,
    /// What should be the port is no number from 1 to 65535.
    Port,
    /// There is no host before the port, or one with a space in it.
    Host,
    /// An IPv6 address without brackets, of which nobody can tell where it ends.
    NoBrackets,
}

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPort => "expected HOST:PORT",
            Self::Port => "expected HOST:PORT, and the port is not a number from 1 to 65535",
            Self::Host => "expected HOST:PORT, and the host is empty or has a space in it",
            Self::NoBrackets => "expected HOST:PORT, and an IPv6 address needs brackets",
        })
    }
}

impl std::error::Error for SeedError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_of_both_families_are_seeds() {
        let name = |host: &str| Ok(Place::Name { host: host.into(), port: 7946 });
        let address = |text: &str| Ok(Place::Address(text.parse().unwrap()));
        for (text, place) in [
            ("db-1:7946", name("db-1")),
            ("swim.prod.svc.cluster.local.:7946", name("swim.prod.svc.cluster.local.")),
            ("10.0.0.1:7946", address("10.0.0.1:7946")),
            ("[::1]:7946", address("[::1]:7946")),
            ("[fe80::1%eth0]:7946", name("fe80::1%eth0")),
        ] {
            let seed: Seed = text.parse().unwrap();
            assert_eq!((seed.place(), seed.to_string().as_str()), (place, text));
        }
    }

    #[test]
    fn what_is_no_seed_says_why() {
        for (text, why) in [
            ("", SeedError::NoPort),
            ("db-1", SeedError::NoPort),
            (":7946", SeedError::Host),
            ("[]:7946", SeedError::Host),
            ("db 1:7946", SeedError::Host),
            ("db-1:", SeedError::Port),
            ("db-1:http", SeedError::Port),
            ("db-1:65536", SeedError::Port),
            ("db-1:0", SeedError::Port),
            ("10.0.0.1:0", SeedError::Port),
            ("fd00::1:7946", SeedError::NoBrackets),
        ] {
            assert_eq!(text.parse::<Seed>(), Err(why), "{text}");
        }
    }

    #[test]
    fn addresses_and_strings_become_seeds() {
        let address = SocketAddr::from(([10, 0, 0, 1], 7946));
        let expected: Seed = "10.0.0.1:7946".parse().unwrap();
        let text = address.to_string();
        let all = [address.into(), (&address).into(), text.as_str().into(), (&text).into()];
        assert!(all.iter().all(|seed: &Seed| *seed == expected));
    }
}
