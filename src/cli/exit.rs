//! What the command tells the shell.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use super::tell;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Fine,
    /// The run failed, or an objective was missed and `--fail-on-missed` was given.
    Failed,
    /// The input was bad; nothing was written.
    BadInput,
}

impl Exit {
    /// Says what an error of standard output means: a closed pipe is the reader's choice.
    pub(super) fn of_output(error: &io::Error) -> Exit {
        if error.kind() == ErrorKind::BrokenPipe {
            return Exit::Fine;
        }
        tell(&format!("error: standard output cannot be written: {error}"));
        Exit::Failed
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        match exit {
            Exit::Fine => ExitCode::from(0),
            Exit::Failed => ExitCode::from(1),
            Exit::BadInput => ExitCode::from(2),
        }
    }
}
