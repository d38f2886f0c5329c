//! The `ecsim` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ecsim::cli::main().into()
}
