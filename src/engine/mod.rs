//! The discrete-event engine: future events, arenas, keyed randomness. It has never heard of ECS.

mod arena;
mod queue;
mod random;
mod wheel;

pub use arena::{Arena, Id, Ix, Table};
pub use queue::{HeapQueue, Livelock, MAX_ROUNDS, Rank};
pub use random::{Luck, Purpose, Seed, Stream};
pub use wheel::Queue;
