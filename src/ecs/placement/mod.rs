//! Which instance a task goes to: filters, constraints, strategies.

pub mod query;
