//! The end of a test that does not end.

use std::process;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// More than any run took that ended, on a machine with other things to do.
pub const TEST_MAX: Duration = Duration::from_secs(600);

/// Ends the process after [`TEST_MAX`], unless it is dropped before.
pub struct Watchdog(
    #[expect(dead_code, reason = "held for the other end to see it go")] Sender<()>,
);

impl Watchdog {
    pub fn start() -> Self {
        let (sender, dropped) = mpsc::channel();
        thread::spawn(move || {
            if dropped.recv_timeout(TEST_MAX) == Err(RecvTimeoutError::Timeout) {
                eprintln!("the test has not ended after {TEST_MAX:?}");
                // Not a panic: whatever hangs would hang on.
                process::exit(1);
            }
        });
        Self(sender)
    }
}
