//! `ecsim check`: what is wrong, what is filled in, and what the answer rests on.

use std::io::{self, Write};

use clap::Args;

use crate::scenario::keys::{Evidence, Kind};
use crate::scenario::{Filled, Scenario};

use super::{Exit, ScenarioArgs, complain};

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Print nothing but problems
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &CheckArgs, out: &mut dyn Write) -> io::Result<Exit> {
    let scenarios = match args.scenario.read(&args.scenario.overrides()) {
        Ok(scenarios) => scenarios,
        Err(exit) => return Ok(exit),
    };
    for scenario in &scenarios {
        complain(&scenario.document.problems);
        if !args.quiet {
            print(scenario, out)?;
        }
    }
    Ok(Exit::Fine)
}

fn print(scenario: &Scenario, out: &mut dyn Write) -> io::Result<()> {
    let filled = scenario.document.filled_in();
    writeln!(out, "{}: fine, digest {:032x}\n", scenario.name, scenario.digest)?;
    writeln!(out, "WRITTEN")?;
    for it in filled.iter().filter(|it| it.place.is_some() && !without_effect(it)) {
        writeln!(out, "  {} = {}", it.path, it.value)?;
    }
    let defaults = [
        (Some(Evidence::Documented), "DEFAULTS, documented by AWS"),
        (Some(Evidence::Measured), "DEFAULTS, measured by somebody"),
        (Some(Evidence::Assumed), "DEFAULTS, assumed: change them if you know better"),
        (None, "DEFAULTS of this program"),
    ];
    for (evidence, title) in defaults {
        let mut of_kind =
            filled.iter().filter(|it| it.place.is_none() && it.key.evidence == evidence).peekable();
        if of_kind.peek().is_none() {
            continue;
        }
        writeln!(out, "\n{title}")?;
        if evidence == Some(Evidence::Assumed) {
            print_images(scenario, out)?;
        }
        for it in of_kind {
            match it.key.source {
                "" => writeln!(out, "  {} = {}", it.path, it.value)?,
                source => writeln!(out, "  {} = {}   ({source})", it.path, it.value)?,
            }
        }
    }
    let mut unused = filled.iter().filter(|it| it.place.is_some() && without_effect(it)).peekable();
    if unused.peek().is_some() {
        writeln!(out, "\nUNDERSTOOD, without effect on the simulation")?;
        for it in unused {
            writeln!(out, "  {}", it.path)?;
        }
    }
    Ok(())
}

/// Images that containers name and the scenario does not describe have a size all the same.
fn print_images(scenario: &Scenario, out: &mut dyn Write) -> io::Result<()> {
    let root = scenario.document.root();
    for (_, image) in scenario.model.images.iter() {
        if root.entry("image", &image.name).is_none() {
            writeln!(out, "  image.\"{}\".size = \"{}\"", image.name, image.size)?;
        }
    }
    Ok(())
}

fn without_effect(filled: &Filled) -> bool {
    matches!(filled.key.kind, Kind::WithoutEffect)
}
