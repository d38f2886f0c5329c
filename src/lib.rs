//! A deterministic discrete-event simulator of Amazon ECS clusters.

pub mod billing;
pub mod catalogue;
pub mod cli;
pub mod ecs;
pub mod engine;
pub mod record;
pub mod report;
pub mod scenario;
pub mod study;
pub mod units;
