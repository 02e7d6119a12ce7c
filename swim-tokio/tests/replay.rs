//! `swim replay` as its users see it: what it prints, and how it ends.

#![cfg(feature = "cli")]

#[allow(dead_code, reason = "other tests use the rest")]
mod launch;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use launch::{PATIENCE, json_lines, lines_of, swim, text, wait};
use serde_json::Value;

/// A directory of its own, empty.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn path(directory: &Path, file: &str) -> String {
    directory.join(file).to_str().unwrap().to_owned()
}

#[test]
fn a_simulated_crash_is_replayed_and_explained() {
    let directory = directory("replay-simulated");
    let file = path(&directory, "crash.trace");
    let crash = ["sim", "crash", "--nodes", "8", "--detector", "witness", "--loss", "100"];
    let traced = [&crash[..], &["--seeds", "1", "--json", "--trace", &file]].concat();
    let output = swim(&traced);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("the first run of nodes"));

    let output = swim(&["replay", &file]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(shown.contains(" packets, identical\n8 nodes, "), "{shown}");

    let lines = json_lines(&text(&swim(&["replay", &file, "--json"]).stdout));
    assert!(lines[0]["packets"].as_u64() > Some(100) && lines[0]["identical"] == true);
    let dead = lines.iter().find(|line| line["told"]["dead"].as_u64() == Some(7));
    let dead = &dead.expect("seven heard of the death")["id"];

    let member = dead.as_str().expect("an id");
    let output = swim(&["replay", &file, "--member", member, "--json"]);
    let lines = json_lines(&text(&output.stdout));
    let turns = |turn: &str| lines.iter().filter(|line| line["turn"] == turn).collect::<Vec<_>>();
    let accuser = turns("suspected")[0];
    assert!(accuser["because"].as_str().is_some_and(|why| why.contains(" nacks, of ")));
    let names_it = |line: &&&Value| {
        line["accusers"].as_array().is_some_and(|it| it.contains(&accuser["viewer"]))
    };
    assert!(turns("suspected").iter().any(|line| names_it(&line)), "{lines:#?}");
    assert_eq!(turns("died").len(), 7);

    let node = accuser["node"].to_string();
    let output = swim(&["replay", &file, "--member", member, "--node", &node]);
    let shown = text(&output.stdout);
    assert!(
        shown.contains("suspects it at incarnation 0: ") && shown.contains("holds it for dead")
    );
    let other = format!("node {}", if node == "0" { 1 } else { 0 });
    assert!(!shown.contains(&other), "{shown}");

    let again = swim(&traced);
    assert_eq!(again.status.code(), Some(2), "a file is not replaced");
    differs(&directory, &file);
}

/// Of a trace with a wrong byte is said where something else came out.
fn differs(directory: &Path, file: &str) {
    let (bytes, damaged) = (fs::read(file).unwrap(), path(directory, "damaged.trace"));
    let told = (bytes.len() / 2..).step_by(97).take(40).find_map(|place| {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        fs::write(&damaged, bytes).unwrap();
        let output = swim(&["replay", &damaged]);
        let told = text(&output.stderr);
        assert!(output.status.success() || output.status.code() == Some(1), "{told}");
        told.contains("another packet: expected ").then_some(told)
    });
    let told = told.expect("one of forty bytes is one of a packet");
    assert!(told.contains(" after input ") && told.contains(", got "), "{told}");
}

/// An agent that records what goes into it.
struct Agent {
    process: Child,
    lines: std::sync::mpsc::Receiver<String>,
    address: String,
}

impl Agent {
    fn start(directory: &Path, name: &str, args: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_swim"))
            .args([
                "agent",
                "--bind",
                "127.0.0.1:0",
                "--profile",
                "local",
                "--json",
                "--name",
                name,
            ])
            .args(["--leave-on-stdin-close", "--trace", &path(directory, name)])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let first: Value = serde_json::from_str(&first).unwrap();
        let address = first["address"].as_str().unwrap().to_owned();
        Self { process, lines: lines_of(stdout), address }
    }

    fn wait_for(&self, event: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("never: {event}"));
            if line.contains(event) {
                return;
            }
        }
    }

    fn leave(&mut self) {
        drop(self.process.stdin.take());
        assert!(wait(&mut self.process).success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two agents; the second is killed, and the first tells why it declared it dead.
fn watch_one_die(directory: &Path, args: &[&str]) {
    let mut witness = Agent::start(directory, "witness", args);
    let joining = [args, &["--join", &witness.address]].concat();
    let mut victim = Agent::start(directory, "victim", &joining);
    witness.wait_for("member_joined");
    victim.wait_for("member_joined");
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    victim.process.kill().unwrap();
    wait(&mut victim.process);
    witness.wait_for("member_dead");
    witness.leave();
}

#[test]
fn an_agent_tells_why_it_declared_another_dead() {
    let directory = directory("replay-agents");
    watch_one_die(&directory, &["--pause-tolerance", "500ms"]);
    for name in ["witness", "victim"] {
        let output = swim(&["replay", &path(&directory, name)]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
    }
    let output = swim(&["replay", &path(&directory, "witness"), "--member", "victim"]);
    let shown = text(&output.stdout);
    for part in [", identical\n", " hears of it for the first time, alive", " holds it for dead"] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    let output = swim(&["replay", &path(&directory, "witness"), "--member", "nobody"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("nobody in the trace is called nobody"));
}

#[test]
fn a_sealed_trace_asks_for_its_key() {
    let directory = directory("replay-sealed");
    let keys = path(&directory, "swim.keys");
    let id = text(&swim(&["keygen", "--out", &keys]).stdout).trim().to_owned();
    watch_one_die(&directory, &["--pause-tolerance", "500ms", "--key-file", &keys]);
    let file = path(&directory, "witness");
    let output = swim(&["replay", &file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&format!("key {id}, which is not here")), "{id}");
    let args = ["replay", &file, "--key-file", &keys, "--member", "victim"];
    let output = swim(&args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(" holds it for dead"), "{}", text(&output.stdout));
}

#[test]
fn what_is_no_trace_is_one_clear_line() {
    let directory = directory("replay-nothing");
    let file = path(&directory, "notes.txt");
    fs::write(&file, "nothing was ever recorded here").unwrap();
    let output = swim(&["replay", &file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("this is no trace"), "{}", text(&output.stderr));
}
