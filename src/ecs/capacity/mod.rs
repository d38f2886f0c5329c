//! Elastic capacity: how managed scaling and an Auto Scaling group decide.
//!
//! Rules only: each function is given what it may see and returns a choice, with its reason.
//! Nothing here knows the world, schedules an event or moves an instance. `auto_scaling.rs` asks
//! `group` and `scale_in`, `ecs/spot.rs` asks `spot`, `capacity_provider.rs` asks `reservation`,
//! `ecs/refresh.rs` asks `refresh`, `cpu_credits.rs` asks `credits`, and
//! `ecs/managed_instances.rs` asks `managed_instances`.

pub mod credits;
pub mod group;
pub mod managed_instances;
pub mod refresh;
pub mod reservation;
pub mod scale_in;
pub mod spot;

/// Returns a source of numbers below what it is asked, the same for the same case.
#[cfg(test)]
pub(super) fn dice(case: u64) -> impl FnMut(u32) -> u32 {
    use crate::engine::{Purpose, Seed};
    let (luck, mut turn) = (Seed { master: case, replication: 0 }.luck("capacity"), 0);
    move |n| {
        turn += 1;
        luck.part(turn).below(Purpose::new("dice"), n)
    }
}
