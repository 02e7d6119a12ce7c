//! The `swim` command as its users see it: real processes, their lines and exit codes.

#![cfg(feature = "cli")]

mod launch;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use launch::{PATIENCE, json_lines, lines_of, swim, text, wait};
use serde_json::Value;

#[test]
fn the_demo_ends_well_and_sums_up() {
    let output = swim(&["demo", "--nodes", "3", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines = json_lines(&text(&output.stdout));
    let summary = &lines.last().expect("a last line")["summary"];
    assert_eq!(summary["nodes"], 3);
    assert_eq!(summary["false_deaths"], 0);
    for time in ["converged_ms", "first_dead_ms", "all_dead_ms", "restart_seen_ms", "left_seen_ms"]
    {
        assert!(summary[time].is_u64(), "{time}: {summary}");
    }
    assert!(summary["first_dead_ms"].as_u64() <= summary["all_dead_ms"].as_u64());
    for step in [
        "started",
        "converged",
        "killed",
        "all_dead",
        "restarted",
        "all_alive",
        "all_left",
        "stopped",
    ] {
        assert!(lines.iter().any(|line| line["step"] == step), "{step}");
    }
}

#[test]
fn the_demo_without_a_terminal_prints_plain_lines() {
    let output = swim(&["demo", "--nodes", "3"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("node-2 killed") && stdout.contains("3 agents"), "{stdout}");
    assert!(!stdout.contains('\u{1b}'), "no terminal control without a terminal: {stdout:?}");
}

#[test]
fn many_agents_in_one_process_join_at_once_and_some_return() {
    let args = ["demo", "--nodes", "60", "--in-process", "--restarts", "10", "--json"];
    let output = swim(&args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines = json_lines(&text(&output.stdout));
    let summary = &lines.last().expect("a last line")["summary"];
    assert_eq!((&summary["nodes"], &summary["restarts"]), (&60.into(), &10.into()));
    assert_eq!(summary["false_deaths"], 0);
    for time in ["converged_ms", "all_dead_ms", "restored_ms", "views_right_ms"] {
        assert!(summary[time].is_u64(), "{time}: {summary}");
    }
}

#[test]
fn an_experiment_prints_one_json_object_a_row_and_the_same_every_time() {
    let args = ["sim", "crash", "--nodes", "6", "--seeds", "3", "--json"];
    let output = swim(&args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "no progress bar without a terminal");
    let lines = json_lines(&text(&output.stdout));
    let detectors: Vec<_> = lines.iter().map(|line| &line["detector"]).collect();
    assert_eq!(detectors, ["swim", "lifeguard", "memberlist", "witness"]);
    for line in &lines {
        assert!(line["first_p50_s"].as_f64() <= line["all_p50_s"].as_f64(), "{line}");
        assert_eq!((&line["runs"], &line["first_missed"]), (&3.into(), &0.into()), "{line}");
    }
    assert_eq!(swim(&args).stdout, output.stdout);
}

#[test]
fn a_wrong_command_line_is_explained_and_ends_with_2() {
    let long_name = "n".repeat(129);
    let long_tags = [format!("a={}", "v".repeat(255)), format!("b={}", "v".repeat(255))];
    for (args, reason) in [
        (&["agent", "--tag", "zone"][..], "expected KEY=VALUE"),
        (&["agent", "--tag", "=b"], "the key is empty"),
        (&["agent", "--tag", "a=1", "--tag", "a=2"], "the tag 'a' is given twice"),
        (&["agent", "--tag", &long_tags[0], "--tag", &long_tags[1]], "too long together"),
        (&["agent", "--name", &long_name], "the name is too long: 129 bytes, at most 128"),
        (&["agent", "--name", ""], "at least one character"),
        (&["agent", "--profile", "warp"], "possible values: lan, lan-fast, wan, local"),
        (&["agent", "--detector", "oracle"], "witness, lifeguard, memberlist, swim"),
        (&["agent", "--pause-tolerance", "soon"], "expected a duration such as 250ms"),
        (&["agent", "--pause-tolerance", "2h"], "expected 1ms to 1h"),
        (&["agent", "--bind", "localhost:0"], "expected IP:PORT"),
        (&["agent", "--bind", ":7946"], "expected IP:PORT"),
        (&["agent", "--advertise", "here"], "expected IP:PORT"),
        (&["agent", "--join", "db-1"], "expected HOST:PORT"),
        (&["demo", "--nodes", "1"], "1 is not in 3..=200"),
        (&["demo", "--nodes", "201"], "201 is not in 3..=200"),
        (&["demo", "--restarts", "2"], "--in-process"),
        (&["demo", "--in-process", "--restarts", "5"], "leaves nobody of 5 agents"),
        (&["sim"], "Usage: swim sim"),
        (&["sim", "crash", "--detector", "gossip"], "possible values: swim, plain-agent"),
        (&["sim", "crash", "--nodes", "2"], "2 is not in 3..=100000"),
        (&["sim", "loss", "--plot", "loss.svg"], "there is no plot of loss"),
        (&["sim", "mass-crash", "--nodes", "8"], "--crashed 40 leaves nobody in a cluster of 8"),
        (&["dance"], "unrecognized subcommand 'dance'"),
    ] {
        let output = swim(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(reason), "{args:?}: {stderr}");
        assert!(!stderr.contains(&long_name), "not all of a long name: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_port_in_use_is_one_clear_line_and_ends_with_1() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = swim(&["agent", "--bind", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), format!("swim: {address} is in use\n"));
}

#[test]
fn an_address_of_another_machine_is_one_clear_line_and_ends_with_1() {
    let output = swim(&["agent", "--bind", "192.0.2.1:7946"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with("swim: cannot listen on 192.0.2.1:7946: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn help_and_version_go_to_standard_output() {
    for args in [&["--help"][..], &["agent", "--help"], &["demo", "--help"], &["sim", "--help"]] {
        let output = swim(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(text(&output.stdout).contains("Examples:"), "{args:?}");
    }
    let version = format!("swim {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&swim(&["--version"]).stdout), version);
}

#[test]
fn members_see_each_other_with_name_and_tags_and_say_goodbye() {
    let mut a = Agent::start("a", &[]);
    let seed = a.address.to_string();
    let mut b = Agent::start("b", &["--join", &seed, "--tag", "zone=eu"]);
    let joined = a.wait_for("member_joined");
    assert_eq!(joined["name"], "b");
    assert_eq!(joined["tags"]["zone"], "eu");
    assert_eq!(joined["address"], b.address.to_string());
    assert_eq!(b.wait_for("member_joined")["name"], "a");

    b.close_stdin();
    assert_eq!(a.wait_for("member_left")["name"], "b");
    assert_eq!(b.wait_for("left")["event"], "left");
    assert_eq!(b.end().code(), Some(0));
    a.close_stdin();
    assert_eq!(a.end().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn signals_make_an_agent_leave_and_end_with_0() {
    for signal in ["-TERM", "-INT"] {
        let mut agent = Agent::start("a", &[]);
        let pid = agent.process.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        agent.wait_for("left");
        assert_eq!(agent.end().code(), Some(0), "{signal}");
    }
}

#[test]
fn an_agent_whose_reader_is_gone_ends_quietly() {
    let mut a = Agent::start("a", &[]);
    drop(a.stdout.take());
    let seed = a.address.to_string();
    let mut b = Agent::start("b", &["--join", &seed]);
    assert_eq!(a.end().code(), Some(0));
    assert_eq!(a.complaints(), "");
    b.close_stdin();
    b.end();
}

#[test]
fn a_seed_that_does_not_resolve_is_told_and_the_agent_lives_on() {
    let mut agent = Agent::start("a", &["--join", "no-such-host.invalid:7946"]);
    let unresolved = agent.wait_for("unresolved");
    assert_eq!(unresolved["seed"], "no-such-host.invalid:7946");
    assert!(unresolved["reason"].as_str().unwrap().starts_with("cannot resolve"), "{unresolved}");
    agent.close_stdin();
    agent.wait_for("left");
    assert_eq!(agent.end().code(), Some(0));
}

#[test]
fn a_seed_that_does_not_answer_is_told_and_asked_on() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let seed = silent.local_addr().unwrap();
    let mut agent = Agent::start("a", &["--join", &seed.to_string()]);
    assert_eq!(agent.wait_for("no_answer")["seed"], seed.to_string());
    drop(silent);
    let mut late = Agent::start_on(seed, "b", &[]);
    assert_eq!(agent.wait_for("joined")["seed"], seed.to_string());
    for agent in [&mut agent, &mut late] {
        agent.close_stdin();
        assert_eq!(agent.end().code(), Some(0));
    }
}

#[cfg(unix)]
#[test]
fn a_restarted_agent_tells_that_it_refuted_its_own_death() {
    let mut a = Agent::start("a", &[]);
    let seed = a.address.to_string();
    let mut b = Agent::start("b", &["--join", &seed]);
    a.wait_for("member_joined");
    b.process.kill().unwrap();
    a.wait_for("member_dead");
    let mut again = Agent::start("b", &["--join", &seed]);
    assert!(again.wait_for("refuted")["incarnation"].as_u64() > Some(0));
    for agent in [&mut a, &mut again] {
        agent.close_stdin();
        assert_eq!(agent.end().code(), Some(0));
    }
}

#[test]
fn an_agent_with_a_state_directory_starts_above_its_former_life() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("state-of-agents");
    let _ = fs::remove_dir_all(&directory);
    let keeping = ["--state-dir", directory.to_str().unwrap()];
    let mut first = Agent::start("a", &keeping);
    first.process.kill().unwrap();
    first.end();
    let mut second = Agent::start("a", &keeping);
    let seed = second.address.to_string();
    let mut witness = Agent::start("b", &["--join", &seed]);
    assert_eq!(witness.wait_for("member_joined")["incarnation"], 1);
    for agent in [&mut second, &mut witness] {
        agent.close_stdin();
        assert_eq!(agent.end().code(), Some(0));
    }

    let file = state_file(&directory);
    fs::write(&file, "torn").unwrap();
    let mut third = Agent::start("a", &keeping);
    let reason = third.wait_for("state_trouble")["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains(file.to_str().unwrap()) && reason.contains("ignored"), "{reason}");
    third.close_stdin();
    assert_eq!(third.end().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn an_agent_that_stood_still_accuses_nobody_and_keeps_what_it_learned() {
    const STOP: Duration = Duration::from_secs(2);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("state-of-a-sleeper");
    let _ = fs::remove_dir_all(&directory);
    let mut sleeper = Agent::start("a", &["--state-dir", directory.to_str().unwrap()]);
    let seed = sleeper.address.to_string();
    let mut friend = Agent::start("b", &["--join", &seed]);
    sleeper.wait_for("member_joined");
    let pid = sleeper.process.id().to_string();
    let signal = |name: &str| Command::new("kill").args([name, &pid]).status().unwrap().success();
    assert!(signal("-STOP"));
    std::thread::sleep(STOP);
    assert!(signal("-CONT"));

    let file = state_file(&directory);
    let deadline = Instant::now() + PATIENCE;
    while patience_in(&file) < STOP {
        assert!(Instant::now() < deadline, "{}", fs::read_to_string(&file).unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
    sleeper.close_stdin();
    assert!(!sleeper.events_until("left").iter().any(|event| event == "member_suspected"));
    assert_eq!(sleeper.end().code(), Some(0));
    friend.close_stdin();
    assert_eq!(friend.end().code(), Some(0));
}

/// The state, and not what it is written through while the agent lives.
fn state_file(directory: &Path) -> PathBuf {
    let paths = || fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let is_state = |path: &PathBuf| path.extension().is_some_and(|end| end == "state");
        if let Some(file) = paths().find(is_state) {
            return file;
        }
        assert!(Instant::now() < deadline, "{:?}", paths().collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn patience_in(file: &Path) -> Duration {
    let text = fs::read_to_string(file).unwrap();
    let patience = text.lines().find_map(|line| line.strip_prefix("patience_us ")).unwrap();
    Duration::from_micros(patience.parse().unwrap())
}

#[test]
fn an_agent_that_cannot_keep_its_state_says_so_and_ends_with_1() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("not-a-directory");
    fs::write(&file, "in the way").unwrap();
    let directory = file.join("state");
    let output =
        swim(&["agent", "--bind", "127.0.0.1:0", "--state-dir", directory.to_str().unwrap()]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("swim: cannot keep the state of this member in "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn all_detectors_run() {
    for detector in ["witness", "lifeguard", "memberlist", "swim"] {
        let mut a = Agent::start("a", &["--detector", detector, "--pause-tolerance", "1.5s"]);
        let seed = a.address.to_string();
        let mut b = Agent::start("b", &["--detector", detector, "--join", &seed]);
        assert_eq!(a.wait_for("member_joined")["name"], "b", "{detector}");
        for agent in [&mut b, &mut a] {
            agent.close_stdin();
            assert_eq!(agent.end().code(), Some(0), "{detector}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_demo_that_is_interrupted_ends_with_the_status_of_the_signal() {
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_swim"))
            .args(["demo", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(demo.stdout.take().unwrap());
        stdout.read_line(&mut String::new()).unwrap();
        let pid = demo.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        stdout.read_to_string(&mut String::new()).unwrap();
        assert_eq!(wait(&mut demo).code(), Some(status));
    }
}

#[test]
fn diagnostics_in_a_pipe_have_no_colours() {
    let mut agent = Agent::start("a", &["-v", "--join", "127.0.0.1:9"]);
    let mut line = String::new();
    agent.stderr.read_line(&mut line).unwrap();
    assert!(line.contains("joining") && !line.contains('\u{1b}'), "{line:?}");
    agent.close_stdin();
    agent.wait_for("left");
    assert_eq!(agent.end().code(), Some(0));
}

/// An agent on a free loopback port that leaves when its standard input is closed.
struct Agent {
    process: Child,
    address: SocketAddr,
    /// Until somebody waits for a line.
    stdout: Option<BufReader<ChildStdout>>,
    lines: Option<Receiver<String>>,
    stderr: BufReader<ChildStderr>,
}

impl Agent {
    fn start(name: &str, args: &[&str]) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), name, args)
    }

    fn start_on(bind: SocketAddr, name: &str, args: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_swim"))
            .args(["agent", "--json", "--leave-on-stdin-close", "--profile", "local"])
            .args(["--bind", &bind.to_string(), "--name", name])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let listening: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(listening["event"], "listening");
        assert_eq!(listening["name"], name);
        assert_eq!(listening["pid"], process.id());
        let address = listening["address"].as_str().unwrap().parse().unwrap();
        Self { process, address, stdout: Some(stdout), lines: None, stderr }
    }

    /// The names of all events from here to this one.
    fn events_until(&mut self, event: &str) -> Vec<String> {
        let mut names = Vec::new();
        while names.last().is_none_or(|name| name != event) {
            names.push(self.next_line()["event"].as_str().unwrap().to_owned());
        }
        names
    }

    /// Reads on until this event; fails when the output ends before.
    fn wait_for(&mut self, event: &str) -> Value {
        loop {
            let value = self.next_line();
            if value["event"] == event {
                return value;
            }
        }
    }

    fn next_line(&mut self) -> Value {
        if let Some(stdout) = self.stdout.take() {
            self.lines = Some(lines_of(stdout));
        }
        let lines = self.lines.as_ref().unwrap();
        let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("no line: {error}"));
        let value: Value = serde_json::from_str(&line).unwrap();
        assert!(value["t_ms"].is_u64() && value["unix_ms"].is_u64(), "{line}");
        value
    }

    fn close_stdin(&mut self) {
        drop(self.process.stdin.take());
    }

    fn end(&mut self) -> ExitStatus {
        wait(&mut self.process)
    }

    fn complaints(&mut self) -> String {
        let mut complaints = String::new();
        self.stderr.read_to_string(&mut complaints).unwrap();
        complaints
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Already ended, unless the test has failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
