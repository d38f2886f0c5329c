//! Terminal, CSV, JSON and pictures: the only ring that writes results.

pub mod chart;
mod compare;
mod happenings;
mod screen;

pub use compare::{Column, comparison, what_if};
pub use happenings::{Gathered, Happenings, Tee};
pub use screen::screen;
