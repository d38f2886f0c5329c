//! The command line, one file a command.

pub mod catalogue;
mod check;
mod exit;
mod run;
mod schema;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::scenario::{Disk, Override, Problems, Scenario};

pub use exit::Exit;

/// Simulates Amazon ECS clusters: what they cost, whether they stay up, which choice is better
#[derive(Parser, Debug)]
#[command(name = "ecsim", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 fine, 1 the run failed or an objective was missed (--fail-on-missed), 2 bad input.
A scenario is a TOML file; `ecsim schema` and docs/reference.md list every key.";

#[derive(Subcommand, Debug)]
enum Command {
    /// Run scenarios: one screen each, results and pictures in output/<name>
    Run(run::RunArgs),
    /// Check scenarios without running them: mistakes, and which defaults they rest on
    Check(check::CheckArgs),
    /// Search the built-in instance types, prices and quotas
    Catalogue(catalogue::CatalogueArgs),
    /// Print the JSON Schema of scenarios, for editors that complete keys
    Schema(schema::SchemaArgs),
}

/// What every command that reads a scenario takes.
#[derive(Args, Debug, Clone)]
struct ScenarioArgs {
    /// Scenario files (TOML)
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Change a key of every scenario, as `--set service.web.desired_count=8`; repeatable. Of two
    /// keys that exclude each other (`launch_type` and `capacity_provider_strategy`) the one that
    /// is set replaces the other, with a warning
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Number that decides everything left to luck; short for `--set seed=N`
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    seed: Option<String>,
    /// Simulated time, such as "7 d"; short for `--set duration="7 d"`
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    duration: Option<String>,
}

impl ScenarioArgs {
    fn overrides(&self) -> Vec<Override> {
        let set = self.set.iter().map(Override::set);
        let seed = self.seed.iter().map(|seed| Override::flag("--seed", "seed", seed));
        let duration =
            self.duration.iter().map(|span| Override::flag("--duration", "duration", span));
        set.chain(seed).chain(duration).collect()
    }

    /// Lists the changes as `path=value`, so that a manifest can repeat them.
    fn changes(&self) -> Vec<String> {
        let seed = self.seed.iter().map(|seed| format!("seed={seed}"));
        let duration = self.duration.iter().map(|span| format!("duration={span}"));
        self.set.iter().cloned().chain(seed).chain(duration).collect()
    }

    /// Reads every scenario, or finds what is wrong with it.
    fn read(&self, overrides: &[Override]) -> Vec<Result<Scenario, Problems>> {
        let read = |path: &PathBuf| Scenario::read(&Disk, path, overrides);
        self.scenarios.iter().map(read).collect()
    }
}

/// Prints problems: with their lines in a terminal, one a line elsewhere.
fn complain(problems: &Problems) {
    let mut errors = io::stderr().lock();
    let text = if errors.is_terminal() {
        problems.to_terminal(std::env::var_os("NO_COLOR").is_none())
    } else {
        problems.to_lines()
    };
    // If standard error is gone there is nobody left to tell.
    let _ = errors.write_all(text.as_bytes());
}

/// Says a line on standard error; if that is gone there is nobody left to tell.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Runs the command line and returns its exit code.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no mistake.
            let is_mistake = error.use_stderr();
            return match error.print() {
                Ok(()) if !is_mistake => Exit::Fine,
                Err(error) if !is_mistake => Exit::of_output(&error),
                Ok(()) | Err(_) => Exit::BadInput,
            };
        }
    };
    let mut out = io::stdout().lock();
    let result = match &cli.command {
        Command::Run(args) => run::execute(args, &mut out),
        Command::Check(args) => check::run(args, &mut out),
        Command::Schema(args) => schema::run(args, &mut out),
        Command::Catalogue(args) => catalogue::run(args, &mut out, &mut io::stderr().lock())
            .map(|code| if code == 0 { Exit::Fine } else { Exit::BadInput }),
    };
    result.unwrap_or_else(|error| Exit::of_output(&error))
}
