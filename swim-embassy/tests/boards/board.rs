//! A board: a process of QEMU, what it says, and what it is told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use swim_embassy::swim_core::NodeId;

use crate::firmware::QEMU;
use crate::lan::Port;
use crate::watchdog::TEST_MAX;

/// A board that nobody ends, because this process was killed, ends itself after so many seconds: no
/// test lasts as long.
const LIFE_MAX_SECONDS: u64 = TEST_MAX.as_secs() + 10;
/// How long a board may take to answer, on a machine with other things to do.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
const EXIT_POLL: Duration = Duration::from_millis(10);

/// A running board; it is killed when this is dropped.
pub struct Board {
    pub name: String,
    pub ip: Ipv4Addr,
    process: Child,
    console: ChildStdin,
    lines: Receiver<String>,
    /// All it has said.
    log: Vec<String>,
}

/// What a member is believed to be, as the firmware prints it: "alive", "suspect", "dead", "left".
pub type View = BTreeMap<NodeId, String>;

impl Board {
    /// Switches on a board that looks for a cluster at `seeds`.
    pub fn start(image: &Path, name: &str, port: &Port, seeds: &[SocketAddrV4]) -> Self {
        let mut arguments = vec![
            format!("ip={}", port.address.ip()),
            format!("port={}", port.address.port()),
            format!("name={name}"),
            format!("life={LIFE_MAX_SECONDS}"),
        ];
        arguments.extend(seeds.iter().map(|seed| format!("join={seed}")));
        let arguments = arguments.iter().map(|argument| format!(",arg={argument}"));
        let semihosting = "enable=on,target=native,arg=board".to_owned();
        let mut process = Command::new(QEMU)
            .args(["-M", "mps2-an385", "-display", "none", "-monitor", "none", "-serial", "stdio"])
            .arg("-kernel")
            .arg(image)
            .arg("-semihosting-config")
            .arg(arguments.fold(semihosting, |all, argument| all + &argument))
            .args(["-netdev", &port.netdev("lan")])
            .args(["-net", &format!("nic,netdev=lan,macaddr={}", port.mac)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("QEMU starts");
        let console = process.stdin.take().expect("piped");
        let lines = read_lines(process.stdout.take().expect("piped"));
        let (name, ip) = (name.to_owned(), *port.address.ip());
        Self { name, ip, process, console, lines, log: Vec::new() }
    }

    pub fn id(&self) -> NodeId {
        NodeId::from_name(&self.name)
    }

    /// Types a command.
    pub fn tell(&mut self, command: &str) {
        writeln!(self.console, "{command}").expect("the board runs");
    }

    /// What it believes now.
    pub fn view(&mut self) -> View {
        let before = self.log.len();
        self.tell("members");
        self.wait_for("members ");
        let members = self.log[before..].iter().filter(|line| line.starts_with("member "));
        members.map(|line| (id(line), value(line, "status").to_owned())).collect()
    }

    /// Whom it has ever declared dead, or heard that it is.
    pub fn dead(&mut self) -> Vec<NodeId> {
        self.told("dead")
    }

    /// Whom it has ever suspected, or heard that somebody does.
    pub fn suspected(&mut self) -> Vec<NodeId> {
        self.told("suspected")
    }

    pub fn forget_what_it_said(&mut self) {
        self.listen();
        self.log.clear();
    }

    fn told(&mut self, event: &str) -> Vec<NodeId> {
        self.listen();
        let prefix = format!("event={event} ");
        self.log.iter().filter(|line| line.starts_with(&prefix)).map(|line| id(line)).collect()
    }

    /// Waits for a line that begins with `prefix` and was not asked for before.
    pub fn wait_for(&mut self, prefix: &str) -> String {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{} never said {prefix:?}, but\n{}", self.name, self.log.join("\n"));
            };
            self.log.push(line.clone());
            if line.starts_with(prefix) {
                return line;
            }
        }
    }

    /// Power off, without a warning. (On SIGTERM QEMU would end with code 0.)
    pub fn kill(mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it was killed");
    }

    /// Waits for the end of the program: its code, and all it has said.
    pub fn end(mut self) -> (i32, Vec<String>) {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        loop {
            if let Some(status) = self.process.try_wait().expect("a child") {
                self.listen_to_the_end();
                return (status.code().expect("not killed"), std::mem::take(&mut self.log));
            }
            assert!(
                Instant::now() < deadline,
                "{} does not end\n{}",
                self.name,
                self.log.join("\n")
            );
            thread::sleep(EXIT_POLL);
        }
    }

    fn listen(&mut self) {
        self.log.extend(self.lines.try_iter());
    }

    fn listen_to_the_end(&mut self) {
        self.log.extend(self.lines.iter());
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            self.listen();
            self.log.retain(|line| !line.starts_with("member "));
            eprintln!("{} said:\n{}", self.name, self.log.join("\n"));
        }
    }
}

fn read_lines(output: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line.trim_end().to_owned()).is_err() {
                return;
            }
        }
    });
    lines
}

/// The value of `key` in a line of `key=value` pairs.
pub fn value<'a>(line: &'a str, key: &str) -> &'a str {
    let mut pairs = line.split(' ').filter_map(|word| word.split_once('='));
    let pair = pairs.find(|(name, _)| *name == key);
    pair.unwrap_or_else(|| panic!("no {key} in {line:?}")).1
}

fn id(line: &str) -> NodeId {
    let id = value(line, "id");
    NodeId::new(u64::from_str_radix(id, 16).unwrap_or_else(|_| panic!("no id in {line:?}")))
}
