//! Real processes, killed, stopped and continued: `swim drill` and what it tells of the agents.
//!
//! Nothing is said about how fast; `swim drill --help` shows how to measure that.

#![cfg(all(feature = "cli", unix))]

mod launch;

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use launch::{PATIENCE, json_lines, lines_of, swim, text, wait};
use serde_json::Value;

/// Beyond it the agents were kept from running as well, and whoever is then held for dead is not
/// to blame on the detector.
const LATE_MS_MAX: u64 = 300;

#[test]
fn the_killed_are_declared_dead_and_the_sleeping_only_if_they_sleep_long() {
    let args = ["--kills", "2", "--pauses", "1x2", "--pauses", "1x12", "--idle", "0"];
    let summary = drill(&args);
    let [kills, short, long] = [0, 1, 2].map(|index| &summary["series"][index]);
    assert_eq!((&kills["fault"], &kills["n"]), (&"kill".into(), &2.into()));
    assert_eq!(kills["declared_by_all"], 2, "{kills}");
    assert_eq!(kills["back_ms"]["n"], 2, "{kills}");
    assert_eq!((&short["pause_ms"], &long["pause_ms"]), (&2_000.into(), &12_000.into()));
    assert_eq!((&long["declared"], &long["declared_by_all"]), (&1.into(), &1.into()), "{long}");
    assert_eq!(long["back_ms"]["n"], 1, "{long}");
    // A process whose host refuses packets is dead at once, and suspect to whoever hears it late.
    let in_order = |series: &Value, earlier: &str, later: &str| {
        assert!(series[earlier]["p50"].as_f64() <= series[later]["p50"].as_f64(), "{series}");
    };
    in_order(kills, "first_dead_ms", "all_dead_ms");
    in_order(long, "first_suspect_ms", "first_dead_ms");
    in_order(long, "first_dead_ms", "all_dead_ms");

    if is_late(&summary) {
        return;
    }
    assert_eq!(short["declared"], 0, "{short}");
    for series in [kills, short, long] {
        assert_eq!((&series["false_deaths"], &series["sleeper_declared"]), (&0.into(), &0.into()));
    }
}

#[test]
fn a_silent_crash_is_found_in_a_network_that_loses_datagrams() {
    if let Err(reason) = namespaces() {
        return skip(&reason);
    }
    let args = ["--netns", "--loss", "10", "--host-crash", "--kills", "1", "--pauses", "0x1"];
    let summary = drill(&args);
    let kills = &summary["series"][0];
    assert_eq!((&kills["n"], &kills["declared_by_all"]), (&1.into(), &1.into()), "{kills}");
    let idle = &summary["idle"]["rates"];
    for rate in ["datagrams_per_s", "datagram_bytes_per_s"] {
        assert!(idle[rate].as_f64() > Some(0.0), "{summary}");
        assert!(kills[rate].as_f64() > Some(0.0), "{summary}");
    }
    if !is_late(&summary) {
        assert_eq!(kills["false_deaths"], 0, "{kills}");
    }
}

/// Also the one that is stopped just then and cannot know of it.
#[test]
fn no_agent_outlives_its_drill() {
    for (signal, status) in [("-KILL", None), ("-INT", Some(130)), ("-TERM", Some(143))] {
        let (mut drill, agents) = drill_with_a_sleeper();
        let pid = drill.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        assert_eq!(wait(&mut drill).code(), status, "{signal}");
        for agent in agents {
            wait_until_free(agent);
        }
    }
}

#[test]
fn a_wrong_command_line_is_explained_and_ends_with_2() {
    for (args, reason) in [
        (&["--agents", "2"][..], "2 is not in 3..=300"),
        (&["--pauses", "50"], "expected COUNTxSECONDS"),
        (&["--loss", "10"], "--netns"),
        (&["--host-crash"], "--netns"),
        (&["--netns", "--loss", "1001"], "1001 is not in 0..=1000"),
    ] {
        let output = swim(&[&["drill"], args].concat());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(reason), "{args:?}: {stderr}");
    }
}

#[test]
fn agents_that_do_not_start_end_the_drill_with_their_reason() {
    let output = swim(&["drill", "--", "--profile", "warp"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("node-1 ended unexpectedly"), "{stderr}");
    assert!(output.stdout.is_empty(), "nothing was measured");
}

/// A namespace that the drill has not made itself is somebody's network.
#[test]
fn the_rules_of_a_drill_never_reach_a_network_it_did_not_make() {
    let Ok(outside) = std::fs::read_link("/proc/self/ns/net") else {
        return skip("no namespaces here");
    };
    let output = Command::new(env!("CARGO_BIN_EXE_swim"))
        .args(["drill", "--netns"])
        .env("SWIM_DRILL_OUTSIDE", outside)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no network of its own"), "{}", text(&output.stderr));
}

/// Eight agents with the defaults; the summary.
fn drill(args: &[&str]) -> Value {
    let output = swim(&[&["drill", "--agents", "8", "--json"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut lines = json_lines(&text(&output.stdout));
    lines.pop().expect("a last line")["summary"].take()
}

/// A drill in the middle of a pause, and where its agents listen.
fn drill_with_a_sleeper() -> (Child, Vec<SocketAddr>) {
    let mut drill = Command::new(env!("CARGO_BIN_EXE_swim"))
        .args(["drill", "--agents", "3", "--kills", "0", "--pauses", "1x600", "--idle", "0"])
        .args(["--json", "--", "--profile", "local"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = lines_of(BufReader::new(drill.stdout.take().unwrap()));
    let mut agents = Vec::new();
    loop {
        let line = lines.recv_timeout(PATIENCE).expect("the drill goes on");
        let line: Value = serde_json::from_str(&line).unwrap();
        match line["step"].as_str() {
            Some("started") => agents.push(line["address"].as_str().unwrap().parse().unwrap()),
            Some("signal") => return (drill, agents),
            _ => {}
        }
    }
}

/// Nobody listens there any more: the process is gone, if only into the hands of `init`.
fn wait_until_free(address: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    while UdpSocket::bind(address).is_err() {
        assert!(Instant::now() < deadline, "{address} is still in use");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a drill can have a network of its own here, or why not.
fn namespaces() -> Result<(), String> {
    let users: &[&str] = match Command::new("id").arg("-u").output() {
        Ok(output) if output.stdout == b"0\n" => &[],
        _ => &["--user", "--map-root-user"],
    };
    for tool in [&["ip", "link"][..], &["nft", "list", "ruleset"]] {
        let tried = Command::new("unshare").arg("--net").args(users).args(tool).output();
        let output = tried.map_err(|error| format!("unshare: {error}"))?;
        if !output.status.success() {
            return Err(text(&output.stderr).trim().to_owned());
        }
    }
    Ok(())
}

fn is_late(summary: &Value) -> bool {
    let late_ms = summary["drill_late_ms"].as_u64().unwrap();
    let is_late = late_ms > LATE_MS_MAX;
    if is_late {
        skip(&format!("this machine stood still for {late_ms} ms: verdicts are not judged"));
    }
    is_late
}

/// Past the test harness, which keeps to itself what passing tests print.
fn skip(reason: &str) {
    io::stderr().write_all(format!("SKIPPED: {reason}\n").as_bytes()).unwrap();
}
