//! The model of Amazon ECS: pure, single-threaded, `Clone`. No files, no prices, no printing.

pub mod placement;
