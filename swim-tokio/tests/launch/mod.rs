//! The `swim` command, started and waited for.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Far beyond what anything here takes; a hang fails instead of lasting for ever.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the command to its end.
pub fn swim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_swim")).args(args).stdin(Stdio::null()).output().unwrap()
}

/// Waits for the end of a process.
pub fn wait(process: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "the process does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Lines as they come, so that waiting for one can be given up.
pub fn lines_of(stdout: BufReader<ChildStdout>) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
