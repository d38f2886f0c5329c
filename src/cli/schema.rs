//! `ecsim schema`: the JSON Schema of scenarios or the reference page, from the table of keys; and
//! the page of warnings.

use std::io::{self, Write};

use clap::Args;

use crate::scenario::{codes, json_schema, reference_markdown};

use super::Exit;

#[derive(Args, Debug)]
pub(super) struct SchemaArgs {
    /// Print every key in words instead, as the page docs/reference.md
    #[arg(long)]
    reference: bool,
    /// Print what each warning means instead, as the page docs/warnings.md
    #[arg(long, conflicts_with = "reference")]
    warnings: bool,
}

pub(super) fn run(args: &SchemaArgs, out: &mut dyn Write) -> io::Result<Exit> {
    if args.reference {
        out.write_all(reference_markdown().as_bytes())?;
    } else if args.warnings {
        out.write_all(codes::markdown().as_bytes())?;
    } else {
        writeln!(out, "{:#}", json_schema())?;
    }
    Ok(Exit::Fine)
}
