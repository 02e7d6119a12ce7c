//! Who may tell an agent to leave: Ctrl-C, SIGTERM, and a parent that closes its standard input.

use std::io;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::signals::Signals;

/// Signals this close to the first are the same request: `timeout` and other supervisors signal
/// the process and then its group.
const SAME_REQUEST: Duration = Duration::from_millis(300);

/// Starts to listen for requests to leave. A second signal ends the process at once, whatever it
/// is doing.
///
/// # Errors
///
/// The operating system grants no signal handler.
pub fn requests(leave_on_stdin_close: bool) -> Result<mpsc::Receiver<()>, Failure> {
    let (sender, receiver) = mpsc::channel(1);
    let mut signals =
        Signals::listen().map_err(|error| Failure::Runtime(format!("no signals: {error}")))?;
    if leave_on_stdin_close {
        let sender = sender.clone();
        // A thread of its own, which nobody waits for: reads from a terminal cannot be cancelled.
        std::thread::spawn(move || {
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            let _ = sender.try_send(());
        });
    }
    tokio::spawn(async move {
        signals.next().await;
        let asked_at = Instant::now();
        let _ = sender.try_send(());
        while asked_at.elapsed() < SAME_REQUEST {
            signals.next().await;
        }
        eprintln!("swim: ended without saying goodbye");
        std::process::exit(1);
    });
    Ok(receiver)
}
