//! How the command fails.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use crate::signals::Signal;

/// Why the command ends with a status other than 0: one line for standard error.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for something that cannot be: exit status 2.
    Usage(String),
    /// Something went wrong on the way: exit status 1.
    Runtime(String),
    /// Somebody asked for the end before it came: the exit status shells give to the signal.
    Interrupted(Signal),
}

impl Failure {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Runtime(_) => ExitCode::from(1),
            Self::Interrupted(signal) => ExitCode::from(signal.exit_status()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(reason) => write!(f, "{reason} (see --help)"),
            Self::Runtime(reason) => f.write_str(reason),
            Self::Interrupted(_) => f.write_str("interrupted"),
        }
    }
}

/// An error and what caused it, on one line.
pub fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
