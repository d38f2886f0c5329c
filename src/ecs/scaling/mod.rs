//! Scaling policies: how groups and services come from metrics to a capacity.
//!
//! Rules only: each function is given what it may see and returns a choice, with its reason.
//! Nothing here knows the world or schedules an event. `ecs/group_scaling.rs` asks `group`,
//! `ecs/service_scaling.rs` asks `service`, `schedule` and `predictive`; both ask `alarm` and
//! `adjustment`.

pub mod adjustment;
pub mod alarm;
pub mod expression;
pub mod group;
pub mod predictive;
pub mod schedule;
pub mod service;
