//! How the demo shows itself: a live picture, plain lines, or JSON.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::mem::{Discriminant, discriminant};

use crossterm::cursor::{Hide, MoveToColumn, MoveUp, Show};
use crossterm::queue;
use crossterm::style::{Print, ResetColor, SetForegroundColor};
use crossterm::terminal::{Clear, ClearType};
use serde::Serialize;

use super::frame::{Size, frame};
use super::step::Step;
use crate::board::Board;
use crate::clock::{Clock, Elapsed, Timed};

/// Clusters up to this size get a line for every agent's step; larger ones for the first only.
const EVERY_STEP_NODES_MAX: usize = 8;
/// Steps remembered for the live picture: more than any terminal shows.
const LOG_MAX: usize = 200;

/// Where steps and the board are shown.
pub struct View {
    clock: Clock,
    form: Form,
    /// Steps of which one stands for all and has been shown.
    shown: Vec<Discriminant<Step>>,
}

enum Form {
    Json,
    Lines,
    Live(Screen),
}

impl View {
    /// Live on a terminal, plain lines otherwise, JSON if asked for.
    pub fn new(json: bool, clock: Clock) -> Self {
        let form = match json {
            true => Form::Json,
            false if io::stdout().is_terminal() => Form::Live(Screen::default()),
            false => Form::Lines,
        };
        Self { clock, form, shown: Vec::new() }
    }

    /// Whether the picture changes without a step.
    pub const fn is_live(&self) -> bool {
        matches!(self.form, Form::Live(_))
    }

    /// Shows one more step.
    ///
    /// # Errors
    ///
    /// Standard output is closed or broken.
    pub fn show(&mut self, step: &Step, board: &Board) -> io::Result<()> {
        let elapsed = self.clock.elapsed();
        let worth_a_line = self.is_worth_a_line(step, board.len());
        match &mut self.form {
            Form::Json => print_line(&serde_json::to_string(&Timed::now(step, elapsed))?),
            Form::Lines if worth_a_line => print_line(&format!("{elapsed}  {step}")),
            Form::Live(screen) if worth_a_line => {
                screen.note(format!("{elapsed}  {step}"));
                screen.draw(board, elapsed)
            }
            Form::Lines | Form::Live(_) => Ok(()),
        }
    }

    /// Brings the live picture up to date.
    ///
    /// # Errors
    ///
    /// Standard output is closed or broken.
    pub fn refresh(&mut self, board: &Board) -> io::Result<()> {
        match &mut self.form {
            Form::Live(screen) => screen.draw(board, self.clock.elapsed()),
            Form::Json | Form::Lines => Ok(()),
        }
    }

    /// The end: an account for people, its JSON for programs.
    ///
    /// # Errors
    ///
    /// Standard output is closed or broken.
    pub fn close(self, account: &impl Display, json: &impl Serialize) -> io::Result<()> {
        match self.form {
            Form::Json => print_line(&serde_json::to_string(json)?),
            Form::Lines | Form::Live(_) => print_line(&account.to_string()),
        }
    }

    fn is_worth_a_line(&mut self, step: &Step, nodes: usize) -> bool {
        if !step.is_one_of_many() {
            self.shown.clear();
            return true;
        }
        let kind = discriminant(step);
        let is_first = !self.shown.contains(&kind);
        if is_first {
            self.shown.push(kind);
        }
        is_first || nodes <= EVERY_STEP_NODES_MAX
    }
}

fn print_line(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// A picture on the terminal that is drawn over again in its place.
#[derive(Default)]
struct Screen {
    log: Vec<String>,
    /// Lines of the last picture, all above the cursor.
    height: u16,
}

impl Screen {
    fn note(&mut self, line: String) {
        if self.log.len() == LOG_MAX {
            self.log.remove(0);
        }
        self.log.push(line);
    }

    fn draw(&mut self, board: &Board, elapsed: Elapsed) -> io::Result<()> {
        let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
        let size = Size { columns: columns.into(), rows: rows.into() };
        let lines = frame(board, &self.log, elapsed, size);
        let mut bytes = Vec::new();
        queue!(bytes, Hide, MoveToColumn(0))?;
        // The terminal may have shrunk meanwhile: what scrolled off cannot be drawn over.
        let up = self.height.min(rows.saturating_sub(1));
        if up > 0 {
            queue!(bytes, MoveUp(up))?;
        }
        for span_line in &lines {
            for span in span_line {
                match span.colour {
                    Some(colour) => {
                        queue!(bytes, SetForegroundColor(colour), Print(&span.text), ResetColor)?;
                    }
                    None => queue!(bytes, Print(&span.text))?,
                }
            }
            queue!(bytes, Clear(ClearType::UntilNewLine), Print("\r\n"))?;
        }
        queue!(bytes, Clear(ClearType::FromCursorDown))?;
        self.height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let mut out = io::stdout().lock();
        out.write_all(&bytes)?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing to be done for a terminal that is gone.
        let mut out = io::stdout().lock();
        let _ = queue!(out, Show).and_then(|()| out.flush());
    }
}
