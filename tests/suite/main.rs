//! Tests of the whole, in one binary: one link instead of many.
//!
//! What concerns one area is tested beside it in `src/`; here is what concerns the repository and
//! the program as a user meets it.

// In a test a panic is the answer.
#![allow(clippy::unwrap_used)]

mod command;
mod documents;
mod golden;
mod laws;
mod measured;
mod scenarios;
mod schema;
mod source;
mod tidy;
mod traces;
mod warnings;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Returns a path in the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Returns a folder of recorded data, which is beside the repository where it is at hand at all;
/// what is not tested without it is said, even where a test that passes prints nothing.
fn recorded(folder: &str) -> Option<PathBuf> {
    let path = repository("../shared").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    let test = std::thread::current().name().unwrap_or("a test").to_string();
    // Not `eprintln!`, which the harness keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: there is no {}", path.display());
    None
}

/// Reads a text file of the repository.
fn read(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Lists the files below a folder of the repository with one of these endings, sorted.
fn files(folder: &str, endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_string()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(repository(&folder)) else { continue };
        for entry in entries {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| path.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
