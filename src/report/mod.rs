//! Terminal, CSV, JSON and pictures: the only ring that writes results.

pub mod chart;
