//! Terminal, CSV, JSON and pictures: the only ring that writes results.

pub mod chart;
mod compare;
mod directory;
mod figures;
mod files;
mod happenings;
mod result;
mod rows;
mod screen;
#[cfg(test)]
mod tests;
mod what_if;
mod words;

pub use compare::{Column, comparison};
pub use directory::{OutputDirectory, OutputError};
pub use figures::figures;
pub use files::{Asked, Finished, summary_line};
pub use happenings::{Gathered, Happenings, Tee};
pub use result::{Plots, Report};
pub use rows::CsvSink;
pub use screen::screen;
pub use what_if::{Compared, WhatIf};
