//! Load: how many requests and messages arrive, and what becomes of them.

pub mod fluid;
pub mod rate;

pub use rate::{Clock, Outside, Rate, RateCursor, Steps};
