//! How a command ends: one table of exit codes, one form of failure.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// The exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, also where the reader of our output closed the pipe.
    Done = 0,
    /// Failed, for a reason that has no code of its own.
    Failed = 1,
    /// Wrong usage or configuration: nothing was done.
    Usage = 2,
    /// A check, test or verify found differences.
    Differences = 3,
    /// The cluster or the registry could not be reached.
    NotReachable = 4,
    /// Authentication or authorisation was refused.
    Refused = 5,
    /// Data could not be decoded or encoded, under a policy that stops.
    Data = 6,
    /// The deadline of `--timeout` was reached.
    Deadline = 8,
    /// A bug of ours.
    Bug = 70,
    /// Stopped cleanly on SIGINT.
    Interrupted = 130,
    /// Stopped cleanly on SIGTERM.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what was asked: what, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What failed and why, one line or more; lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with `exit` and `message`, and no hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// Wrong usage: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The same failure with advice.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Writing to standard output failed: a closed pipe is a quiet end, all else a failure.
    #[must_use]
    pub fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Done, ""),
            _ => Self::new(Exit::Failed, format!("write to standard output: {error}")),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
