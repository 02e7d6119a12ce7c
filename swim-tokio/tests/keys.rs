//! Keys of the `swim` command: made, read, changed while agents run.

#![cfg(all(feature = "cli", unix))]

mod launch;

use std::fs;
use std::io::{BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use launch::{PATIENCE, json_lines, lines_of, swim, text, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A directory of this test alone, empty.
fn directory(test: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keys").join(test);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// Makes a key; returns its id and its line in the file.
fn keygen() -> (String, String) {
    let output = swim(&["keygen"]);
    assert!(output.status.success());
    let line = text(&output.stdout);
    let id = line.trim().rsplit(' ').next().expect("an id").to_owned();
    assert_eq!((line.lines().count(), id.len()), (1, 8), "{line:?}");
    (id, line)
}

fn write(path: &Path, lines: &[&str]) {
    fs::write(path, lines.concat()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// An agent and its lines of JSON. It is killed with this.
struct Agent {
    process: Child,
    lines: Receiver<String>,
    address: String,
}

impl Agent {
    fn start(args: &[&str]) -> Self {
        Self::start_with_input(args, "")
    }

    fn start_with_input(args: &[&str], input: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_swim"))
            .args(["agent", "--bind", "127.0.0.1:0", "--profile", "local", "--json"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let lines = lines_of(BufReader::new(process.stdout.take().unwrap()));
        let mut agent = Self { process, lines, address: String::new() };
        agent.address = agent.hears("listening")["address"].as_str().unwrap().to_owned();
        agent
    }

    /// The next line about `event`.
    fn hears(&self, event: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no {event}"));
            let line: Value = serde_json::from_str(&line).unwrap();
            let told = line["event"].as_str().unwrap();
            assert!(!["member_suspected", "member_dead"].contains(&told), "{line}");
            if told == event {
                return line;
            }
        }
    }

    fn hang_up(&self) {
        let pid = Pid::from_raw(self.process.id().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::HUP).unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = wait(&mut self.process);
    }
}

#[test]
fn a_key_file_is_its_owner_s_and_never_overwritten() {
    let path = directory("keygen").join("swim.keys");
    let file = path.to_str().unwrap();
    let output = swim(&["keygen", "--out", file]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let written = fs::read_to_string(&path).unwrap();
    let id = text(&output.stdout).trim().to_owned();
    assert!(written.contains(&id) && id.len() == 8, "the id alone: {id:?}");
    let again = swim(&["keygen", "--out", file]);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
}

#[test]
fn a_key_file_of_no_use_keeps_an_agent_from_starting() {
    let path = directory("useless").join("swim.keys");
    let (_, line) = keygen();
    let start = || {
        let file = path.to_str().unwrap();
        let output = swim(&["agent", "--bind", "127.0.0.1:0", "--key-file", file]);
        assert_eq!(output.status.code(), Some(1));
        assert!(!text(&output.stderr).contains(&line[..20]), "a key is not shown");
        text(&output.stderr)
    };
    let missing = start();
    assert!(missing.contains("key file") && missing.contains("swim.keys"), "{missing}");
    assert_eq!(missing.matches("os error").count(), 1, "{missing}");
    write(&path, &[&line, &line[..20]]);
    assert!(start().contains("line 2: 32 bytes are needed, this has 15"));
    write(&path, &[&line]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(start().contains("chmod 600"));
    assert_eq!(swim(&["agent", "--sealing", "send"]).status.code(), Some(2), "of what?");
}

#[test]
fn running_agents_change_their_keys_when_told_to() {
    let directory = directory("rotation");
    let [one, other] = ["one", "other"].map(|name| directory.join(name));
    let ((old, old_line), (new, new_line)) = (keygen(), keygen());
    for path in [&one, &other] {
        write(path, &[&old_line]);
    }
    let seed = Agent::start(&["--name", "a", "--key-file", one.to_str().unwrap()]);
    let args = ["--name", "b", "--key-file", other.to_str().unwrap(), "--join", &seed.address];
    let joined = Agent::start(&args);
    let told = seed.hears("keys");
    assert_eq!((&told["ids"], &told["sealing"]), (&Value::from(vec![&*old]), &"require".into()));
    seed.hears("member_joined");
    for lines in [&[&*old_line, &new_line][..], &[&new_line, &old_line], &[&new_line]] {
        for (agent, path) in [(&seed, &one), (&joined, &other)] {
            write(path, lines);
            agent.hang_up();
            let expected = if lines[0] == old_line { &old } else { &new };
            let told = loop {
                let told = agent.hears("keys");
                if told["ids"].as_array().unwrap().len() == lines.len()
                    && told["ids"][0] == **expected
                {
                    break told;
                }
            };
            assert!(told["ids"].as_array().unwrap().iter().any(|id| *id == *new));
        }
    }
    // A file of no use changes nothing.
    write(&one, &["nonsense"]);
    seed.hang_up();
    assert!(seed.hears("key_trouble")["reason"].as_str().unwrap().contains("line 1"));

    // One in clear is not let in, and told which key it lacks.
    let straggler = Agent::start(&["--name", "c", "--join", &seed.address]);
    let told = straggler.hears("unknown_key");
    assert_eq!((&told["key_id"], &told["from"]), (&Value::from(new), &Value::from(&*seed.address)));
    assert_eq!(told["own_keys"], Value::from(Vec::<String>::new()));
}

#[test]
fn a_step_too_many_at_once_is_told() {
    let path = directory("skipped").join("swim.keys");
    let ((old, old_line), (new, new_line)) = (keygen(), keygen());
    write(&path, &[&old_line]);
    let agent = Agent::start(&["--name", "a", "--key-file", path.to_str().unwrap()]);
    agent.hears("keys");
    write(&path, &[&new_line]);
    agent.hang_up();
    let told = agent.hears("key_step_skipped");
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains(&old) && reason.contains(&new), "{reason}");
}

#[test]
fn a_hangup_does_not_end_an_agent_without_keys() {
    let agent = Agent::start(&["--name", "a"]);
    agent.hang_up();
    assert!(agent.hears("key_trouble")["reason"].as_str().unwrap().contains("--key-file"));
}

#[cfg(target_os = "linux")]
#[test]
fn keys_can_come_through_a_pipe() {
    let (id, line) = keygen();
    let args = ["--name", "a", "--key-file", "/dev/stdin", "--sealing", "send"];
    let agent = Agent::start_with_input(&args, &line);
    let told = agent.hears("keys");
    assert_eq!((&told["ids"], &told["sealing"]), (&Value::from(vec![&*id]), &"send".into()));
    agent.hang_up();
    let trouble = agent.hears("key_trouble");
    assert!(trouble["reason"].as_str().unwrap().contains("there is no key"), "{trouble}");
}

#[test]
fn a_demo_with_sealed_packets_changes_its_key_and_suspects_nobody() {
    let output = swim(&["demo", "--encrypt", "--nodes", "3", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines = json_lines(&text(&output.stdout));
    let steps: Vec<_> = lines.iter().filter_map(|line| line["step"].as_str()).collect();
    for step in ["key_added", "key_used", "key_removed"] {
        assert!(steps.contains(&step), "{steps:?}");
    }
    let summary = &lines.last().expect("a last line")["summary"];
    assert!(summary["rotation"]["removed_ms"].is_u64(), "{summary}");
    assert_eq!((&summary["false_suspicions"], &summary["false_deaths"]), (&0.into(), &0.into()));
}

#[test]
fn networks_are_checked_before_an_agent_starts() {
    let agent = ["agent", "--bind", "127.0.0.1:0", "--allow"];
    let outside = swim(&[&agent[..], &["10.0.0.0/8"]].concat());
    assert_eq!(outside.status.code(), Some(1));
    assert!(text(&outside.stderr).contains("127.0.0.1"), "{}", text(&outside.stderr));
    let nonsense = swim(&[&agent[..], &["10.0.0.0/33"]].concat());
    assert_eq!(nonsense.status.code(), Some(2));
}
