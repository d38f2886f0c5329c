//! Behaviour of the core, by area.

// A test picks the facts it is about; a new kind of fact is none of its business.
#![allow(clippy::wildcard_enum_match_arm)]

mod capacity;
mod cpu_credits;
mod fallback;
mod fargate_spot;
mod fault;
mod fidelity;
mod group_scaling;
mod life;
mod managed_instances;
mod managed_scaling;
mod placement;
mod rebalancing;
mod service_scaling;
mod spot;
mod submit;
mod traffic;
mod upkeep;
mod zone_balance;
