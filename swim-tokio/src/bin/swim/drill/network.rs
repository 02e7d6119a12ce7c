//! Where the agents talk: the loopback interface of this machine, or one of their own that loses
//! datagrams, counts packets, and can make a machine of one of them that is gone.
//!
//! The drill itself moves into the namespace (`unshare`), so the agents are born there and nothing
//! is to be cleaned up: the namespace is gone with its last process.

use std::env;
use std::fs;
use std::ops::Sub;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use serde::Deserialize;

use super::partition::Side;
use crate::failure::Failure;

/// Tells the drill inside of the namespace which one it came from.
const OUTSIDE: &str = "SWIM_DRILL_OUTSIDE";
/// Headers of IPv4 and UDP, which the packet filter counts as bytes.
const UDP_HEADERS_LEN: u64 = 28;

/// Whether this process runs in a namespace made by [`enter`].
///
/// # Errors
///
/// It was told so, but it is not true: its rules would meet somebody else's packets.
pub fn is_entered() -> Result<bool, Failure> {
    match env::var(OUTSIDE) {
        Err(_) => Ok(false),
        Ok(outside) if namespace().map_err(no_network)? != outside => Ok(true),
        Ok(_) => Err(no_network(format!("{OUTSIDE} is set outside of the namespace"))),
    }
}

/// Starts this program again in a network namespace; returns only if that fails.
pub fn enter() -> Failure {
    no_network(try_to_enter().err().unwrap_or_default())
}

fn try_to_enter() -> Result<(), String> {
    let outside = namespace()?;
    let program = env::current_exe().map_err(|error| error.to_string())?;
    // Afterwards, a refusal would be told by `unshare` in its own words.
    run(unshare().arg("true"))?;
    let error = unshare().arg(program).args(env::args_os().skip(1)).env(OUTSIDE, outside).exec();
    Err(format!("unshare: {error}"))
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.arg("--net");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
}

fn namespace() -> Result<String, String> {
    let link = fs::read_link("/proc/self/ns/net");
    let link = link.map_err(|error| format!("this system has no namespaces: {error}"))?;
    Ok(link.to_string_lossy().into_owned())
}

/// The network of all agents.
pub struct Network {
    is_own: bool,
    /// Whether a killed agent takes its machine with it.
    host_crash: bool,
}

impl Network {
    /// The one this machine has: nothing is lost, nothing counted.
    pub const fn shared() -> Self {
        Self { is_own: false, host_crash: false }
    }

    /// The namespace this process has entered.
    ///
    /// # Errors
    ///
    /// `ip` or `nft` is missing or refuses.
    pub fn own(loss_permille: u16, host_crash: bool) -> Result<Self, Failure> {
        run(Command::new("ip").args(["link", "set", "lo", "up"])).map_err(no_network)?;
        nft(&rules(loss_permille)).map_err(no_network)?;
        Ok(Self { is_own: true, host_crash })
    }

    /// Nothing reaches or leaves this port any more, if kills are to look like that.
    pub fn cut(&self, port: u16) -> Result<(), Failure> {
        self.change("add", port)
    }

    /// The port works again.
    pub fn mend(&self, port: u16) -> Result<(), Failure> {
        self.change("delete", port)
    }

    /// Nothing passes between the two sides any more.
    ///
    /// # Errors
    ///
    /// The network is not the drill's own; `nft` refuses.
    pub fn part(&self) -> Result<(), Failure> {
        self.change_parted("add")
    }

    /// The two sides are one network again.
    ///
    /// # Errors
    ///
    /// As [`part`](Self::part).
    pub fn join(&self) -> Result<(), Failure> {
        self.change_parted("delete")
    }

    fn change_parted(&self, verb: &str) -> Result<(), Failure> {
        if !self.is_own {
            return Err(no_network("nothing is to be cut here".to_owned()));
        }
        let [west, east] = [Side::West, Side::East].map(Side::ip);
        let pairs = format!("{{ {west} . {east}, {east} . {west} }}");
        nft(&format!("{verb} element inet drill parted {pairs}")).map_err(no_network)
    }

    fn change(&self, verb: &str, port: u16) -> Result<(), Failure> {
        if !self.host_crash {
            return Ok(());
        }
        nft(&format!("{verb} element inet drill gone {{ {port} }}")).map_err(no_network)
    }

    /// What all agents have sent so far; nothing where it is not counted.
    pub fn traffic(&self) -> Result<Option<Traffic>, Failure> {
        if !self.is_own {
            return Ok(None);
        }
        let output = run(Command::new("nft").args(["--json", "list", "counters"]));
        output.and_then(|output| traffic_in(&output.stdout)).map(Some).map_err(no_network)
    }
}

/// Datagrams and what streams carried; acknowledgements and headers of TCP are in its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub datagrams: u64,
    /// Without headers.
    pub datagram_bytes: u64,
    pub datagrams_lost: u64,
    pub tcp_bytes: u64,
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            datagrams: self.datagrams - before.datagrams,
            datagram_bytes: self.datagram_bytes - before.datagram_bytes,
            datagrams_lost: self.datagrams_lost - before.datagrams_lost,
            tcp_bytes: self.tcp_bytes - before.tcp_bytes,
        }
    }
}

/// Losses happen on arrival: on the way out the sender would be told.
fn rules(loss_permille: u16) -> String {
    format!(
        "table inet drill {{
            counter datagrams {{}}
            counter lost {{}}
            counter streams {{}}
            set gone {{ type inet_service; }}
            set parted {{ type ipv4_addr . ipv4_addr; }}
            chain arriving {{
                type filter hook input priority 0; policy accept;
                meta l4proto 17 counter name datagrams
                meta l4proto 6 counter name streams
                th dport @gone drop
                th sport @gone drop
                ip saddr . ip daddr @parted drop
                meta l4proto 17 numgen random mod 1000 < {loss_permille} counter name lost drop
            }}
        }}"
    )
}

fn traffic_in(json: &[u8]) -> Result<Traffic, String> {
    #[derive(Deserialize)]
    struct Listing {
        nftables: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        counter: Option<Counter>,
    }
    #[derive(Clone, Deserialize)]
    struct Counter {
        name: String,
        packets: u64,
        bytes: u64,
    }

    let listing: Listing = serde_json::from_slice(json).map_err(|error| format!("nft: {error}"))?;
    let counters: Vec<_> = listing.nftables.into_iter().filter_map(|entry| entry.counter).collect();
    let counter = |name: &str| {
        let found = counters.iter().find(|counter| counter.name == name);
        found.ok_or_else(|| format!("nft does not list the counter '{name}'"))
    };
    let udp = counter("datagrams")?;
    Ok(Traffic {
        datagrams: udp.packets,
        datagram_bytes: udp.bytes.saturating_sub(udp.packets * UDP_HEADERS_LEN),
        datagrams_lost: counter("lost")?.packets,
        tcp_bytes: counter("streams")?.bytes,
    })
}

fn nft(script: &str) -> Result<(), String> {
    run(Command::new("nft").arg(script)).map(drop)
}

/// Runs a program of the system to its end.
fn run(command: &mut Command) -> Result<Output, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let complaint = complaint.lines().next().unwrap_or("no reason given").to_owned();
    match complaint.starts_with(&name) {
        true => Err(complaint),
        false => Err(format!("{name}: {complaint}")),
    }
}

fn no_network(reason: String) -> Failure {
    Failure::Runtime(format!("no network of its own: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_without_the_headers_of_datagrams() {
        let counter = |name: &str, packets: u64, bytes: u64| {
            format!(r#"{{"counter":{{"name":"{name}","packets":{packets},"bytes":{bytes}}}}}"#)
        };
        let [udp, lost] = [counter("datagrams", 10, 1_280), counter("lost", 2, 256)];
        let json = |tcp: &str| format!(r#"{{"nftables":[{{"metainfo":{{}}}},{udp},{lost}{tcp}]}}"#);
        let tcp = format!(",{}", counter("streams", 3, 180));
        let traffic = traffic_in(json(&tcp).as_bytes()).unwrap();
        let expected =
            Traffic { datagrams: 10, datagram_bytes: 1_000, datagrams_lost: 2, tcp_bytes: 180 };
        assert_eq!(traffic, expected);
        assert!(traffic_in(json("").as_bytes()).unwrap_err().contains("'streams'"));
    }

    #[test]
    fn a_program_that_fails_is_named_with_its_first_line() {
        let error = run(Command::new("sh").args(["-c", "echo a >&2; echo b >&2; exit 3"]));
        assert_eq!(error.unwrap_err(), "sh: a");
        assert!(run(&mut Command::new("no-such-program")).unwrap_err().starts_with("no-such-"));
    }
}
