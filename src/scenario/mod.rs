//! From text to a checked model: the only ring that reads files.
//!
//! [`load()`] reads a scenario with all it extends, applies what the command line says, and checks
//! every key against the one table of [`keys`]; what comes out is a [`Document`] of typed values
//! with places.

mod check;
pub mod codes;
mod document;
pub mod keys;
mod load;
mod lower;
mod measures;
mod objective;
mod prepared;
pub mod problems;
pub mod rate;
mod reference;
mod suggest;
mod task_definition;
pub mod text;
pub mod trace;
mod used;
pub mod value;

pub use codes::Code;
pub use document::{Document, Filled, Typed, View};
pub use load::{Disk, Files, MAX_TEXT, Override, load};
pub use lower::ReadRate;
pub use objective::{Comparison, Objective};
pub use prepared::{Record, Scenario, WarmUp};
pub use problems::{Problem, Problems, Severity, Where};
pub use reference::{json_schema, reference_markdown};

#[cfg(test)]
mod tests;
