//! Whole runs: the floor, the core with all of ECS's rules, and a run that is recorded and priced.
//!
//! All three do the same work, so that their ratio in one run says what the rules cost.

mod ecs;
mod floor;

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

criterion_group!(group, floor::floor, ecs::core, ecs::recorded);
criterion_main!(group);
