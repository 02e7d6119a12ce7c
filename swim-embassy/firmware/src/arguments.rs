//! Who this board is and what it shall do: `key=value` words of the command line.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::str::FromStr;

use embassy_time::Duration;
use heapless::Vec;
use swim_embassy::Endpoint;

/// More seeds are not needed: one that answers is enough.
const SEEDS_MAX: usize = 4;

/// What the command line says.
#[derive(Clone)]
pub struct Arguments {
    /// `ip=10.0.0.2`, with the length of the network's prefix as in `prefix=8` (24 by default).
    pub ip: Ipv4Addr,
    pub prefix: u8,
    /// `port=7946`, the default.
    pub port: u16,
    /// `name=kitchen`, which the id is made of; by default that is the hardware address.
    pub name: Option<&'static str>,
    /// `seed=7` for everything random. By default it is mixed of what there is: address and time.
    pub seed: Option<u64>,
    /// `join=10.0.0.1:7946`; up to four such words.
    pub seeds: Vec<Endpoint, SEEDS_MAX>,
    /// `life=60`: seconds after which the board ends itself.
    pub life: Option<Duration>,
}

impl Arguments {
    /// The word that is not understood is the error.
    pub fn parse(line: &'static str) -> Result<Self, &'static str> {
        let mut arguments = Self {
            ip: Ipv4Addr::UNSPECIFIED,
            prefix: 24,
            port: 7_946,
            name: None,
            seed: None,
            seeds: Vec::new(),
            life: None,
        };
        for word in line.split_ascii_whitespace() {
            arguments.take(word).ok_or(word)?;
        }
        Ok(arguments)
    }

    fn take(&mut self, word: &'static str) -> Option<()> {
        match word.split_once('=')? {
            ("ip", value) => self.ip = parsed(value)?,
            ("prefix", value) => self.prefix = parsed(value).filter(|prefix| *prefix <= 32)?,
            ("port", value) => self.port = parsed(value).filter(|port| *port > 0)?,
            ("name", value) if !value.is_empty() => self.name = Some(value),
            ("seed", value) => self.seed = Some(parsed(value)?),
            ("join", value) => self.seeds.push(endpoint(value)?).ok()?,
            ("life", value) => self.life = Some(seconds(value)?),
            _ => return None,
        }
        Some(())
    }
}

/// A time from now on, short enough to be added to any.
pub fn seconds(text: &str) -> Option<Duration> {
    parsed::<u32>(text).map(|seconds| Duration::from_secs(seconds.into()))
}

/// An address and a port.
pub fn endpoint(text: &str) -> Option<Endpoint> {
    parsed::<SocketAddrV4>(text).map(Endpoint::from)
}

pub fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}
