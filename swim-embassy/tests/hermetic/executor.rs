//! Polls futures in turns, as the executor of a board does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

/// Turns at one moment of the virtual clock after which something must be spinning.
const TURNS_MAX: usize = 10_000;

#[derive(Default)]
pub struct Executor {
    tasks: Vec<Task>,
}

struct Task {
    /// Whose it is: a board that is halted does not run.
    board: u8,
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    flag: Arc<Flag>,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Executor {
    pub fn spawn(&mut self, board: u8, future: impl Future<Output = ()> + 'static) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        self.tasks.push(Task { board, future: Some(Box::pin(future)), flag });
    }

    /// Drops all tasks of a board.
    pub fn kill(&mut self, board: u8) {
        self.tasks.retain(|task| task.board != board);
    }

    /// Gives turns to the tasks of boards that run, until all of them wait.
    pub fn run(&mut self, runs: impl Fn(u8) -> bool) {
        for _ in 0..TURNS_MAX {
            if !self.turn(&runs) {
                return;
            }
        }
        panic!("a task never waits");
    }

    /// Polls each task that is awake once. Returns false when there was none. The youngest come
    /// first, so that a member does not owe it to the order that its stack has run before it.
    fn turn(&mut self, runs: impl Fn(u8) -> bool) -> bool {
        let awake: Vec<usize> = (0..self.tasks.len())
            .rev()
            .filter(|&number| runs(self.tasks[number].board))
            .filter(|&number| self.tasks[number].flag.0.swap(false, Ordering::Relaxed))
            .collect();
        for &number in &awake {
            self.tasks[number].poll();
        }
        !awake.is_empty()
    }
}

impl Task {
    fn poll(&mut self) {
        let waker = Waker::from(Arc::clone(&self.flag));
        let Some(future) = &mut self.future else { return };
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.future = None;
        }
    }
}
