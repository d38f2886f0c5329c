//! Whole runs: the floor, the core with all of ECS's rules, a run that is recorded and priced, and
//! one that is read from a trace and written to disk.
//!
//! The first four do the same work, so that their ratio in one run says what the rules cost. The
//! last is a week of instances that come and go.

mod ecs;
mod floor;
mod week;

use criterion::{criterion_group, criterion_main};

/// Returns the numbers of hosts and of tasks: small when it runs as a test.
fn sizes() -> (&'static [u32], u64) {
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let testing = std::env::args().any(|argument| argument == "--test");
    match measuring && !testing {
        true => (&[100, 1_000, 10_000], 1_000_000),
        false => (&[10], 1_000),
    }
}

criterion_group!(group, floor::floor, ecs::core, ecs::recorded, ecs::written, week::week);
criterion_main!(group);
