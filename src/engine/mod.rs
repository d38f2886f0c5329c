//! The discrete-event engine: future events, arenas, keyed randomness, distributions, gauges.
//!
//! It has never heard of ECS.

mod arena;
mod distribution;
mod queue;
mod random;
mod tally;
mod wheel;

pub use arena::{Arena, Id, Ix, Table};
pub use distribution::{BadDistribution, Distribution};
pub use queue::{HeapQueue, Livelock, MAX_ROUNDS, Rank};
pub use random::{Luck, Purpose, Seed, Stream};
pub use tally::{Tally, TimeWeighted};
pub use wheel::Queue;
